-- What is known of a webhook is one document, which `domain::transition` alone changes. Beside it stand what is
-- searched for, its keys, what its sinks are owed, the raw answers of POSTs and the journal.

CREATE TABLE new_webhook (
    id INTEGER PRIMARY KEY,
    -- The pair is the identity; the name is only what the configuration calls it.
    tenant TEXT NOT NULL,
    destination_url TEXT NOT NULL,
    collection TEXT NOT NULL,
    name TEXT NOT NULL,
    configured INTEGER NOT NULL,            -- 1 while it is in the configuration
    orphaned INTEGER NOT NULL,              -- 1: it left, and Protime may still have it
    revision INTEGER NOT NULL,              -- counts what was committed
    next_action_at INTEGER,                 -- our clock: when to look at it
    renewal INTEGER NOT NULL,               -- the number of its newest renewal; 0: there was none
    state TEXT NOT NULL,                    -- JSON
    UNIQUE (tenant, destination_url, collection)
) STRICT;

-- Which key each sink has, and is owed.
CREATE TABLE new_sink (
    webhook_id INTEGER NOT NULL REFERENCES new_webhook (id) ON DELETE CASCADE,
    sink TEXT NOT NULL,
    due_at INTEGER,                         -- our clock; NULL: it has what there is, or an attempt runs
    outbox TEXT NOT NULL,                   -- JSON
    PRIMARY KEY (webhook_id, sink)
) STRICT, WITHOUT ROWID;

-- The current key and the one before it. SECRET.
CREATE TABLE new_key (
    webhook_id INTEGER NOT NULL REFERENCES new_webhook (id) ON DELETE CASCADE,
    version INTEGER NOT NULL,               -- counts up by one per rotation
    key TEXT NOT NULL,
    rotated_at INTEGER NOT NULL,            -- our clock
    retired_at INTEGER,                     -- our clock; NULL: current
    PRIMARY KEY (webhook_id, version)
) STRICT, WITHOUT ROWID;

-- A 2xx answer of POST /webhooks as it came, until its key is current. SECRET.
CREATE TABLE new_answer (
    post TEXT PRIMARY KEY,
    webhook_id INTEGER NOT NULL REFERENCES new_webhook (id) ON DELETE CASCADE,
    received_at INTEGER NOT NULL,           -- our clock
    issued_at INTEGER NOT NULL,             -- Protime's clock
    location TEXT,
    body BLOB NOT NULL,
    references_posted TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What has become of webhooks, in the order in which it was committed.
CREATE TABLE journal (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL REFERENCES new_webhook (id) ON DELETE CASCADE,
    nth INTEGER NOT NULL,                   -- in which of the webhook's renewals, from 1
    entry TEXT NOT NULL                     -- JSON
) STRICT;

-- Where a resync that reads a collection has come to, and the delta that Protime keeps for it.
CREATE TABLE cursor (
    webhook_id INTEGER PRIMARY KEY REFERENCES new_webhook (id) ON DELETE CASCADE,
    walk TEXT,                              -- JSON
    delta TEXT                              -- JSON
) STRICT;

-- Pages of a kept delta that were read and have not been delivered: Protime need not tell of them again.
CREATE TABLE new_stored_changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    webhook_id INTEGER NOT NULL REFERENCES new_webhook (id) ON DELETE CASCADE,
    changes BLOB NOT NULL                   -- an array of JSON, each change as Protime wrote it
) STRICT;

-- What is known of a tenant.
CREATE TABLE tenant (
    tenant TEXT PRIMARY KEY,
    after_end INTEGER NOT NULL DEFAULT 0,   -- 1: a webhook is renewed only after its end
    list TEXT                               -- JSON: when it last answered with a list
) STRICT, WITHOUT ROWID;

-- What there is goes over into it; times in documents are RFC 3339, for whoever reads them at night. The
-- fingerprint of a key is filled in by the program.

CREATE TEMP TABLE numbered AS
    SELECT id, webhook_id, row_number() OVER (PARTITION BY webhook_id ORDER BY id) AS nth FROM renewal;
CREATE INDEX temp.numbered_id ON numbered (id);
CREATE TEMP TABLE numbered_step AS
    SELECT id, row_number() OVER (PARTITION BY renewal_id ORDER BY id) AS number FROM step;
CREATE INDEX temp.numbered_step_id ON numbered_step (id);

INSERT INTO new_webhook
SELECT w.id, w.tenant, w.destination_url, w.collection, w.name, w.configured,
    w.configured = 0 AND w.left_at IS NOT NULL, w.revision, w.next_action_at,
    coalesce((SELECT max(id) FROM renewal WHERE webhook_id = w.id), 0),
    json_object(
        'on_remove', w.on_remove,
        'left_at', CASE WHEN w.configured = 0 THEN strftime('%Y-%m-%dT%H:%M:%fZ', w.left_at / 1000.0, 'unixepoch') END,
        'remote', json(CASE
            WHEN w.remote_seen_at IS NULL THEN json('"never_asked"')
            WHEN w.remote_id IS NULL THEN json_object('absent', json_object('seen_at', strftime('%Y-%m-%dT%H:%M:%fZ', w.remote_seen_at / 1000.0, 'unixepoch')))
            ELSE json_object('listed', json_object(
                'id', w.remote_id, 'status', w.remote_status,
                'status_since', strftime('%Y-%m-%dT%H:%M:%fZ', coalesce(w.remote_status_since, w.remote_seen_at) / 1000.0, 'unixepoch'),
                'valid_until', strftime('%Y-%m-%dT%H:%M:%fZ', w.remote_valid_until / 1000.0, 'unixepoch'),
                'seen_at', strftime('%Y-%m-%dT%H:%M:%fZ', w.remote_seen_at / 1000.0, 'unixepoch'),
                'local_end', json(iif(w.remote_local, 'true', 'false')),
                'grain', json_extract('["minute","second","tenth","hundredth","tick","milli"]', '$[' || min(max(w.list_grain, w.list_grain_seen), 5) || ']'))) END),
        'issued', json(CASE WHEN w.issued_at IS NOT NULL AND k.version IS NOT NULL THEN json_object(
            'id', w.issued_id, 'valid_until', strftime('%Y-%m-%dT%H:%M:%fZ', w.issued_valid_until / 1000.0, 'unixepoch'),
            'at', strftime('%Y-%m-%dT%H:%M:%fZ', w.issued_at / 1000.0, 'unixepoch'), 'references', coalesce(w.issued_references, ''),
            'key_version', k.version, 'fingerprint', '',
            'rotated_at', strftime('%Y-%m-%dT%H:%M:%fZ', k.rotated_at / 1000.0, 'unixepoch'),
            'local_end', json(iif(w.issued_local, 'true', 'false')), 'grain', json_extract('["minute","second","tenth","hundredth","tick","milli"]', '$[' || min(w.answer_grain, 5) || ']'),
            'shown', json(CASE WHEN w.shown THEN json_object('valid_until', strftime('%Y-%m-%dT%H:%M:%fZ', w.shown_valid_until / 1000.0, 'unixepoch')) END)) END),
        'next_renewal_at', strftime('%Y-%m-%dT%H:%M:%fZ', w.next_renewal_at / 1000.0, 'unixepoch'),
        'open', json(CASE WHEN o.id IS NOT NULL THEN json_object(
            'id', o.id, 'reason', o.reason, 'stage', o.stage, 'started_at', strftime('%Y-%m-%dT%H:%M:%fZ', o.started_at / 1000.0, 'unixepoch'),
            'steps', (SELECT count(*) FROM step WHERE renewal_id = o.id),
            'begun', json_array((SELECT count(*) FROM step WHERE renewal_id = o.id AND step = 'resync'), (SELECT count(*) FROM step WHERE renewal_id = o.id AND step = 'post'), (SELECT count(*) FROM step WHERE renewal_id = o.id AND step = 'rotate'), (SELECT count(*) FROM step WHERE renewal_id = o.id AND step = 'hand_off'), (SELECT count(*) FROM step WHERE renewal_id = o.id AND step = 'catch_up')),
            'running', NULL, 'handing_off', NULL,
            'post', (SELECT printf('%016x', max(id)) FROM post WHERE webhook_id = w.id HAVING max(id) IS NOT NULL),
            'put_off', (SELECT CASE outcome WHEN 'skipped' THEN error END FROM step
                WHERE renewal_id = o.id AND step = 'post' ORDER BY id DESC LIMIT 1),
            'progress', NULL) END),
        'last', json(CASE WHEN l.id IS NOT NULL THEN json_object(
            'id', l.id, 'reason', l.reason, 'outcome', l.outcome, 'started_at', strftime('%Y-%m-%dT%H:%M:%fZ', l.started_at / 1000.0, 'unixepoch'),
            'finished_at', strftime('%Y-%m-%dT%H:%M:%fZ', l.finished_at / 1000.0, 'unixepoch'), 'error', l.error) END),
        'trouble', json(CASE WHEN w.trouble_step IS NOT NULL THEN json_object(
            'at', strftime('%Y-%m-%dT%H:%M:%fZ', w.trouble_at / 1000.0, 'unixepoch'), 'since', strftime('%Y-%m-%dT%H:%M:%fZ', w.trouble_since / 1000.0, 'unixepoch'), 'step', w.trouble_step,
            'message', w.trouble_message,
            'kind', iif(w.trouble_needs_operator, 'needs_operator', 'transient'),
            'attempts', w.trouble_attempts, 'retry_at', strftime('%Y-%m-%dT%H:%M:%fZ', w.trouble_retry_at / 1000.0, 'unixepoch')) END),
        'owed', json(CASE WHEN w.owed THEN json_object('from', strftime('%Y-%m-%dT%H:%M:%fZ', w.owed_from / 1000.0, 'unixepoch'), 'to', strftime('%Y-%m-%dT%H:%M:%fZ', w.owed_to / 1000.0, 'unixepoch')) END),
        'proven_at', strftime('%Y-%m-%dT%H:%M:%fZ', w.proven_at / 1000.0, 'unixepoch'),
        'synced_at', strftime('%Y-%m-%dT%H:%M:%fZ', w.synced_at / 1000.0, 'unixepoch'),
        'confirm', json(CASE WHEN w.confirm_at IS NOT NULL AND w.confirm_until IS NOT NULL
            THEN json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', w.confirm_at / 1000.0, 'unixepoch'), 'until', strftime('%Y-%m-%dT%H:%M:%fZ', w.confirm_until / 1000.0, 'unixepoch')) END),
        'posts', json(coalesce((SELECT json_group_array(json_object(
                'id', printf('%016x', p.id), 'begun_at', strftime('%Y-%m-%dT%H:%M:%fZ', p.begun_at / 1000.0, 'unixepoch'), 'unplanned', json(iif(p.unplanned, 'true', 'false')),
                'outcome', p.outcome,
                'before_rotation', json(iif(p.begun_at <= coalesce(k.rotated_at, 0), 'true', 'false'))))
            FROM (SELECT * FROM post WHERE webhook_id = w.id AND outcome <> 'refused' ORDER BY id) AS p), '[]')),
        'post_marks', w.post_count,
        'standing', 'no',
        'list_grains', json_object('before', json_extract('["minute","second","tenth","hundredth","tick","milli"]', '$[' || min(w.list_grain, 5) || ']'), 'since', json_extract('["minute","second","tenth","hundredth","tick","milli"]', '$[' || min(w.list_grain_seen, 5) || ']')),
        'renewals', (SELECT count(*) FROM renewal WHERE webhook_id = w.id),
        'delta', json((SELECT json_object('asked_at', strftime('%Y-%m-%dT%H:%M:%fZ', d.asked_at / 1000.0, 'unixepoch'), 'retry_at', strftime('%Y-%m-%dT%H:%M:%fZ', d.retry_at / 1000.0, 'unixepoch'))
            FROM delta AS d WHERE d.webhook_id = w.id)),
        'audit', json((SELECT json_object('refreshes', a.refreshes, 'objects', a.objects, 'last_at', strftime('%Y-%m-%dT%H:%M:%fZ', a.last_at / 1000.0, 'unixepoch'))
            FROM audit AS a WHERE a.webhook_id = w.id)))
FROM webhook AS w
LEFT JOIN key AS k ON k.webhook_id = w.id AND k.retired_at IS NULL
LEFT JOIN renewal AS o ON o.webhook_id = w.id AND o.finished_at IS NULL
LEFT JOIN renewal AS l ON l.id = (SELECT max(id) FROM renewal WHERE webhook_id = w.id AND finished_at IS NOT NULL);

INSERT INTO new_sink
SELECT webhook_id, sink, retry_at, json_object(
    'sink', sink, 'version', version, 'attempts', attempts, 'started_at', NULL, 'retry_at', strftime('%Y-%m-%dT%H:%M:%fZ', retry_at / 1000.0, 'unixepoch'),
    'failure', json(CASE WHEN error IS NOT NULL AND failed_at IS NOT NULL AND failing_since IS NOT NULL
        THEN json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', failed_at / 1000.0, 'unixepoch'), 'since', strftime('%Y-%m-%dT%H:%M:%fZ', failing_since / 1000.0, 'unixepoch'), 'message', error) END))
FROM sink;

INSERT INTO new_key SELECT webhook_id, version, key, rotated_at, retired_at FROM key;

-- The answer of a renewal is that of its last POST.
INSERT INTO new_answer
SELECT (SELECT printf('%016x', max(id)) FROM post WHERE webhook_id = renewal.webhook_id), renewal.webhook_id,
    received_at, issued_at, location, body, references_posted
FROM answer JOIN renewal ON renewal.id = answer.renewal_id
WHERE renewal.finished_at IS NULL AND EXISTS (SELECT 1 FROM post WHERE webhook_id = renewal.webhook_id);

INSERT INTO journal (webhook_id, nth, entry)
SELECT webhook_id, nth, entry FROM (
    SELECT r.webhook_id, n.nth, r.id, 0 AS place, 0 AS step, json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', r.started_at / 1000.0, 'unixepoch'),
        'renewal', json_object('id', r.id, 'reason', r.reason), 'what', 'began') AS entry
    FROM renewal AS r JOIN numbered AS n ON n.id = r.id
    UNION ALL
    SELECT r.webhook_id, n.nth, r.id, 1, s.id * 2, json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', s.started_at / 1000.0, 'unixepoch'),
        'renewal', json_object('id', r.id, 'reason', r.reason), 'what', 'step_began',
        'number', m.number, 'step', s.step)
    FROM step AS s JOIN renewal AS r ON r.id = s.renewal_id JOIN numbered AS n ON n.id = r.id
    JOIN numbered_step AS m ON m.id = s.id
    UNION ALL
    SELECT r.webhook_id, n.nth, r.id, 1, s.id * 2 + 1, json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', s.finished_at / 1000.0, 'unixepoch'),
        'renewal', json_object('id', r.id, 'reason', r.reason), 'what', 'step_ended',
        'number', m.number, 'step', s.step, 'began_at', strftime('%Y-%m-%dT%H:%M:%fZ', s.started_at / 1000.0, 'unixepoch'), 'outcome', s.outcome,
        'error', s.error, 'output', s.output)
    FROM step AS s JOIN renewal AS r ON r.id = s.renewal_id JOIN numbered AS n ON n.id = r.id
    JOIN numbered_step AS m ON m.id = s.id
    WHERE s.finished_at IS NOT NULL AND s.outcome IS NOT NULL
    UNION ALL
    SELECT r.webhook_id, n.nth, r.id, 2, 0, json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', r.finished_at / 1000.0, 'unixepoch'),
        'renewal', json_object('id', r.id, 'reason', r.reason), 'what', 'ended',
        'outcome', r.outcome, 'error', r.error)
    FROM renewal AS r JOIN numbered AS n ON n.id = r.id WHERE r.finished_at IS NOT NULL AND r.outcome IS NOT NULL
) ORDER BY id, place, step;

INSERT INTO cursor (webhook_id, walk, delta)
SELECT w.id,
    (SELECT json_object('renewal', renewal_id, 'step', step, 'shape', shape,
        'began', json_object('at', strftime('%Y-%m-%dT%H:%M:%fZ', began_at / 1000.0, 'unixepoch'), 'known', json(iif(began_known, 'true', 'false'))), 'link', link,
        'days', json(CASE WHEN days_from IS NOT NULL AND days_to IS NOT NULL
            THEN json_object('from', days_from, 'to', days_to) END),
        'progress', json_object('pages', pages, 'objects', objects)) FROM walk WHERE webhook_id = w.id),
    (SELECT json_object('shape', shape, 'link', link) FROM delta WHERE webhook_id = w.id)
FROM webhook AS w
WHERE EXISTS (SELECT 1 FROM walk WHERE webhook_id = w.id) OR EXISTS (SELECT 1 FROM delta WHERE webhook_id = w.id);

INSERT INTO new_stored_changes SELECT id, webhook_id, changes FROM stored_changes;
INSERT INTO tenant (tenant, after_end) SELECT tenant, after_end FROM habit;

DROP TABLE numbered;
DROP TABLE numbered_step;
DROP TABLE answer;
DROP TABLE step;
DROP TABLE renewal;
DROP TABLE post;
DROP TABLE sink;
DROP TABLE key;
DROP TABLE walk;
DROP TABLE delta;
DROP TABLE audit;
DROP TABLE stored_changes;
DROP TABLE habit;
DROP TABLE webhook;
ALTER TABLE new_webhook RENAME TO webhook;
ALTER TABLE new_sink RENAME TO sink;
ALTER TABLE new_key RENAME TO key;
ALTER TABLE new_answer RENAME TO answer;
ALTER TABLE new_stored_changes RENAME TO stored_changes;

CREATE INDEX webhook_due ON webhook (next_action_at) WHERE configured = 1;
CREATE INDEX webhook_orphaned ON webhook (tenant) WHERE orphaned = 1;
CREATE INDEX sink_due ON sink (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX journal_of_webhook ON journal (webhook_id, nth);
CREATE INDEX stored_changes_webhook ON stored_changes (webhook_id);
