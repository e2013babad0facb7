-- What happens to a webhook that leaves the configuration.
ALTER TABLE webhook ADD COLUMN on_remove TEXT NOT NULL DEFAULT 'keep';  -- keep | delete
-- When it left (our clock); NULL while it is configured, and once Protime no longer lists it.
ALTER TABLE webhook ADD COLUMN left_at INTEGER;
CREATE INDEX webhook_left ON webhook (tenant) WHERE left_at IS NOT NULL;
