-- How finely Protime writes `validUntil`, as a number of `domain::grain`; before, it was counted in digits.
ALTER TABLE webhook RENAME COLUMN answer_digits TO answer_grain;
ALTER TABLE webhook RENAME COLUMN list_digits TO list_grain;
ALTER TABLE webhook RENAME COLUMN list_digits_seen TO list_grain_seen;
UPDATE webhook SET
    answer_grain = CASE answer_grain WHEN 0 THEN 0 WHEN 3 THEN 5 ELSE answer_grain + 1 END,
    list_grain = CASE list_grain WHEN 0 THEN 0 WHEN 3 THEN 5 ELSE list_grain + 1 END,
    list_grain_seen = CASE list_grain_seen WHEN 0 THEN 0 WHEN 3 THEN 5 ELSE list_grain_seen + 1 END;

-- 1: that end came without an offset, and was taken for UTC.
ALTER TABLE webhook ADD COLUMN issued_local INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN remote_local INTEGER NOT NULL DEFAULT 0;

-- 1: a list has shown what the last rotation made, with this end.
ALTER TABLE webhook ADD COLUMN shown INTEGER NOT NULL DEFAULT 0;
ALTER TABLE webhook ADD COLUMN shown_valid_until INTEGER;

-- What is known of a tenant's ways.
CREATE TABLE habit (
    tenant TEXT PRIMARY KEY,
    after_end INTEGER NOT NULL DEFAULT 0    -- 1: a webhook is renewed only after its end
) STRICT, WITHOUT ROWID;
