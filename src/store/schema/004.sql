-- With how many fractional digits of a second Protime writes `validUntil`, as far as it is known.
ALTER TABLE webhook ADD COLUMN answer_digits INTEGER NOT NULL DEFAULT 0;     -- the last two answers
ALTER TABLE webhook ADD COLUMN list_digits INTEGER NOT NULL DEFAULT 0;       -- lists before the last rotation
ALTER TABLE webhook ADD COLUMN list_digits_seen INTEGER NOT NULL DEFAULT 0;  -- lists since then
