-- The words of a state are those of the field: an active renewal, what is registered at Protime, a retry, a recheck,
-- the cursor of a page, the link of a delta.

UPDATE webhook SET state = json_remove(
    json_set(state,
        '$.registration', json_extract(state, '$.issued'),
        '$.active', json_extract(state, '$.open'),
        '$.retry', json_extract(state, '$.trouble'),
        '$.recheck', json_extract(state, '$.confirm')),
    '$.issued', '$.open', '$.trouble', '$.confirm');
UPDATE webhook SET state = json_set(state, '$.active.stage', 'awaiting_sinks')
WHERE json_extract(state, '$.active.stage') = 'late';

ALTER TABLE webhook RENAME COLUMN orphaned TO removed;
DROP INDEX webhook_orphaned;
CREATE INDEX webhook_removed ON webhook (tenant) WHERE removed = 1;
ALTER TABLE cursor RENAME COLUMN walk TO page;
