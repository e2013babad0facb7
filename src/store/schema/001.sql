-- Times are milliseconds since 1970-01-01T00:00:00Z. "Protime's clock" and "our clock" differ by the
-- measured skew: what Protime sets or what is compared with that is on its clock.

CREATE TABLE webhook (
    id INTEGER PRIMARY KEY,
    -- The pair is the identity; the name is only what the configuration calls it.
    tenant TEXT NOT NULL,
    destination_url TEXT NOT NULL,
    collection TEXT NOT NULL,
    name TEXT NOT NULL,
    configured INTEGER NOT NULL,            -- 1 while it is in the configuration
    revision INTEGER NOT NULL DEFAULT 0,    -- counts what may call for another plan
    post_count INTEGER NOT NULL DEFAULT 0,  -- counts beginnings and ends of POSTs

    remote_seen_at INTEGER,                 -- NULL: Protime was never asked (our clock)
    remote_id TEXT,                         -- NULL: Protime has none
    remote_status TEXT,
    remote_status_since INTEGER,            -- our clock
    remote_valid_until INTEGER,             -- Protime's clock

    issued_id TEXT,
    issued_valid_until INTEGER,             -- Protime's clock
    issued_at INTEGER,                      -- Protime's clock; NULL: never rotated
    issued_references TEXT,

    next_renewal_at INTEGER,                -- Protime's clock
    next_action_at INTEGER,                 -- our clock

    proven_at INTEGER,                      -- Protime's clock: last seen to deliver with our key
    synced_at INTEGER,                      -- Protime's clock: covered by a resync up to here
    owed INTEGER NOT NULL DEFAULT 0,        -- 1: the gap below is not closed yet
    owed_from INTEGER,                      -- Protime's clock; NULL: everything
    owed_to INTEGER,                        -- Protime's clock

    confirm_at INTEGER,                     -- our clock
    confirm_until INTEGER,                  -- our clock

    trouble_step TEXT,                      -- NULL: none
    trouble_at INTEGER,                     -- our clock
    trouble_since INTEGER,                  -- our clock
    trouble_message TEXT,
    trouble_needs_operator INTEGER,
    trouble_attempts INTEGER,
    trouble_retry_at INTEGER,               -- our clock

    UNIQUE (tenant, destination_url, collection)
) STRICT;

CREATE INDEX webhook_due ON webhook (next_action_at) WHERE configured = 1;

-- The current key and the one before it. SECRET.
CREATE TABLE key (
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,               -- counts up by one per rotation
    key TEXT NOT NULL,
    rotated_at INTEGER NOT NULL,            -- our clock
    retired_at INTEGER,                     -- our clock; NULL: current
    PRIMARY KEY (webhook_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE renewal (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    reason TEXT NOT NULL,
    stage TEXT NOT NULL,                    -- written before the effect that it names
    started_at INTEGER NOT NULL,            -- our clock
    finished_at INTEGER,
    outcome TEXT,
    error TEXT
) STRICT;

CREATE INDEX renewal_of_webhook ON renewal (webhook_id, id);
CREATE UNIQUE INDEX renewal_open ON renewal (webhook_id) WHERE finished_at IS NULL;

CREATE TABLE step (
    id INTEGER PRIMARY KEY,
    renewal_id INTEGER NOT NULL REFERENCES renewal (id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    started_at INTEGER NOT NULL,            -- our clock
    finished_at INTEGER,
    outcome TEXT,
    error TEXT,
    output TEXT
) STRICT;

CREATE INDEX step_of_renewal ON step (renewal_id, id);

-- A 2xx answer of POST /webhooks as it came, from its arrival until its key is current. SECRET.
CREATE TABLE answer (
    renewal_id INTEGER PRIMARY KEY REFERENCES renewal (id) ON DELETE CASCADE,
    received_at INTEGER NOT NULL,           -- our clock
    issued_at INTEGER NOT NULL,             -- Protime's clock
    location TEXT,
    body BLOB NOT NULL,
    references_posted TEXT NOT NULL
) STRICT;

-- Every POST that was begun: `refused` ones had no effect, `unknown` ones may still have one.
CREATE TABLE post (
    id INTEGER PRIMARY KEY,
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    begun_at INTEGER NOT NULL,              -- our clock
    unplanned INTEGER NOT NULL,
    outcome TEXT NOT NULL                   -- unknown | refused | answered
) STRICT;

CREATE INDEX post_of_webhook ON post (webhook_id, begun_at);

-- Which sink has which key.
CREATE TABLE sink (
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    sink TEXT NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (webhook_id, sink)
) STRICT, WITHOUT ROWID;
