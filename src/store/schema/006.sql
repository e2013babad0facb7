-- Pages of a kept delta that were read and have not been delivered: Protime need not tell of them again.
CREATE TABLE stored_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL REFERENCES webhook (id) ON DELETE CASCADE,
    changes BLOB NOT NULL                   -- an array of JSON, each change as Protime wrote it
) STRICT;
CREATE INDEX stored_changes_webhook ON stored_changes (webhook_id);
