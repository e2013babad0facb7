-- The outbox of each key sink. A row of `sink` is there for every configured sink, also for one that
-- never had a key (version 0). Times are on our clock.
ALTER TABLE sink ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;   -- failed ones, for the newest key
ALTER TABLE sink ADD COLUMN retry_at INTEGER;       -- NULL: it has the newest key
ALTER TABLE sink ADD COLUMN started_at INTEGER;     -- NULL: no attempt runs
ALTER TABLE sink ADD COLUMN failing_since INTEGER;
ALTER TABLE sink ADD COLUMN failed_at INTEGER;
ALTER TABLE sink ADD COLUMN error TEXT;             -- NULL: it does not fail

CREATE INDEX sink_due ON sink (retry_at) WHERE retry_at IS NOT NULL AND started_at IS NULL;

-- A failed hand-off is the sink's now, and no longer its webhook's.
UPDATE webhook SET trouble_step = NULL WHERE trouble_step = 'hand_off';
