-- The history is forgotten in small steps, the oldest first, and nothing looks through it: this is what a step reads.

-- A renewal of which the journal tells that it ended.
CREATE TABLE finished_renewal (
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    nth INTEGER NOT NULL,                   -- which of the webhook's renewals, as in the journal
    is_newest INTEGER NOT NULL,             -- 1: none of its webhook ended later; it stays
    ended_at INTEGER,                       -- our clock; NULL: to be forgotten whatever its age
    PRIMARY KEY (webhook_id, nth)
) STRICT, WITHOUT ROWID;

INSERT INTO finished_renewal (webhook_id, nth, is_newest, ended_at)
SELECT webhook_id, nth, nth = max(nth) OVER (PARTITION BY webhook_id), ended_at FROM (
    SELECT webhook_id, nth, max(unixepoch(json_extract(entry, '$.at'))) * 1000 AS ended_at FROM journal
    WHERE json_extract(entry, '$.what') = 'ended' GROUP BY webhook_id, nth
);

CREATE INDEX finished_renewal_by_age ON finished_renewal (is_newest, ended_at);

-- How many rows of the journal were deleted, in one row: its numbers have no gaps, so that how many there are is known
-- without counting them.
CREATE TABLE forgotten (rows INTEGER NOT NULL) STRICT;
INSERT INTO forgotten SELECT coalesce(max(seq), 0) - count(*) FROM journal;

-- What a start asks for: the newest renewal of all, and what was under way or failing when the last process ended.
CREATE INDEX webhook_renewal ON webhook (renewal);
CREATE INDEX webhook_active ON webhook (id) WHERE json_extract(state, '$.active') IS NOT NULL;
CREATE INDEX sink_started ON sink (webhook_id) WHERE json_extract(outbox, '$.started_at') IS NOT NULL;
CREATE INDEX sink_failing ON sink (webhook_id) WHERE json_extract(outbox, '$.failure') IS NOT NULL;

-- Room within the file: where the log has filled a small disk, nothing is left to make the file longer when what is in
-- the log is moved into it.
CREATE TABLE room (bytes BLOB NOT NULL) STRICT;
INSERT INTO room VALUES (zeroblob(262144));
DROP TABLE room;
