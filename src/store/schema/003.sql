-- Where a resync that reads a collection itself has come to.

-- The walk through a list or a fresh delta: its place after the last page that was delivered.
CREATE TABLE walk (
    webhook_id INTEGER PRIMARY KEY REFERENCES webhook (id) ON DELETE CASCADE,
    renewal_id INTEGER NOT NULL,
    step TEXT NOT NULL,
    shape TEXT NOT NULL,                    -- what is read; another shape is another walk
    began_at INTEGER NOT NULL,              -- Protime's clock
    began_known INTEGER NOT NULL,           -- 0: its clock was not known then, and ours was taken
    link TEXT,                              -- the next page; NULL: the first one
    days_from TEXT,                         -- where the filter's days begin that are read now, and
    days_to TEXT,                           -- where they end
    pages INTEGER NOT NULL,
    objects INTEGER NOT NULL
) STRICT;

-- The delta that Protime keeps for us: everything before it has been delivered.
CREATE TABLE delta (
    webhook_id INTEGER PRIMARY KEY REFERENCES webhook (id) ON DELETE CASCADE,
    shape TEXT NOT NULL,                    -- what is read; another shape is another delta
    link TEXT NOT NULL,
    asked_at INTEGER NOT NULL,              -- our clock: when it was last asked for
    retry_at INTEGER                        -- our clock: not to be asked for between renewals before this
) STRICT;

-- What asking for a delta between renewals brought, while the webhook delivered.
CREATE TABLE audit (
    webhook_id INTEGER PRIMARY KEY REFERENCES webhook (id) ON DELETE CASCADE,
    refreshes INTEGER NOT NULL,
    objects INTEGER NOT NULL,
    last_at INTEGER NOT NULL                -- our clock
) STRICT;
