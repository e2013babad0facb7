//! Databases of earlier versions go on where they were.

use super::*;
use crate::domain::{
    grain::Grain,
    post::PostOutcome,
    state::{ListGrains, Recheck, Remote, Standing},
};

/// The schema as it was, with these rows.
fn of_version(version: usize, rows: &str) -> tempfile::TempDir {
    let schemas = [
        include_str!("../schema/001.sql"),
        include_str!("../schema/002.sql"),
        include_str!("../schema/003.sql"),
        include_str!("../schema/004.sql"),
        include_str!("../schema/005.sql"),
        include_str!("../schema/006.sql"),
        include_str!("../schema/007.sql"),
        include_str!("../schema/008.sql"),
        include_str!("../schema/009.sql"),
        include_str!("../schema/010.sql"),
    ];
    let dir = tempfile::tempdir().expect("a folder");
    let connection = Connection::open(dir.path().join("state.db")).expect("opens");
    for schema in &schemas[..version] {
        connection.execute_batch(schema).expect("a schema");
    }
    connection.execute_batch(&format!("{rows}; PRAGMA user_version = {version}")).expect("rows");
    dir
}

#[tokio::test]
async fn a_database_from_before_the_outboxes_goes_on() {
    let dir = of_version(
        1,
        "INSERT INTO webhook (id, tenant, destination_url, collection, name, configured, issued_at, \
         trouble_step, trouble_at, trouble_since, trouble_message, trouble_needs_operator, trouble_attempts, \
         trouble_retry_at) VALUES (7, 'acme', 'https://receiver.example/', 'clockings', 'clockings', 1, 5, \
         'hand_off', 6, 6, 'no luck', 0, 2, 9); \
         INSERT INTO key VALUES (7, 1, 'one', 3, 5), (7, 2, 'two', 5, NULL); \
         INSERT INTO sink VALUES (7, 'file:/k', 2), (7, 'command:x', 1)",
    );
    let store = Store::open(dir.path()).expect("opens");
    let sinks = &["file:/k", "command:x"];
    let ids = store.sync_configuration(vec![configured("clockings", "clockings", sinks)], at(20)).await;
    assert_eq!(ids.expect("syncs"), [WebhookId(7)]);
    let due = store.due_deliveries(at(20), at(900), 9).await.expect("reads");
    assert_eq!(due, [(WebhookId(7), "command:x".to_owned())]);
    let state = store.state(WebhookId(7)).await.expect("reads");
    assert!(state.has_key("file:/k") && !state.has_key("command:x"));
    assert_eq!(state.retry, None, "what was in the sink's way is not a failure of the webhook");
    let key = WebhookKey::new("two".to_owned()).expect("a key");
    assert_eq!(state.registration.as_ref().expect("kept").fingerprint, key.fingerprint());
}

#[tokio::test]
async fn a_renewal_in_the_middle_of_its_post_goes_on() {
    let dir = of_version(
        7,
        "INSERT INTO webhook (id, tenant, destination_url, collection, name, configured, revision, post_count, \
         remote_seen_at, remote_id, remote_status, remote_status_since, remote_valid_until, issued_id, \
         issued_valid_until, issued_at, issued_references, next_renewal_at, next_action_at, proven_at, owed, \
         owed_from, owed_to, confirm_at, confirm_until, trouble_step, trouble_at, trouble_since, \
         trouble_message, trouble_needs_operator, trouble_attempts, trouble_retry_at, answer_grain, list_grain, \
         list_grain_seen, remote_local, shown, shown_valid_until) VALUES (1, 'acme', \
         'https://receiver.example/', 'clockings', 'clockings', 1, 7, 3, 100123, 'one', 'enabled', 100000, \
         500007, 'one', 500007, 90000, '(a,b)', 400000, 101000, 100001, 1, NULL, 109000, 100100, 110000, \
         'post', 100500, 100400, 'no \"way\"', 1, 3, 100999, 5, 3, 0, 1, 1, 500000); \
         INSERT INTO key VALUES (1, 4, 'secret', 90000, NULL), (1, 3, 'old', 80000, 90000); \
         INSERT INTO renewal VALUES (5, 1, 'created', 'hand_off', 80000, 81000, 'succeeded', NULL), \
         (6, 1, 'expired', 'rotate', 100000, NULL, NULL, NULL); \
         INSERT INTO step VALUES (1, 5, 'resync', 80001, 80002, 'succeeded', NULL, 'out'), \
         (2, 6, 'post', 100001, 100002, 'succeeded', NULL, NULL); \
         INSERT INTO post VALUES (1, 1, 80001, 0, 'answered'), (2, 1, 99000, 0, 'refused'), \
         (3, 1, 100001, 1, 'answered'); \
         INSERT INTO answer VALUES (6, 100002, 100000, '/w/1', x'7b7d', '(a,b)'); \
         INSERT INTO sink VALUES (1, 'file:/x', 4, 2, 100000, NULL, 100000, 100001, 'broken'); \
         INSERT INTO walk VALUES (1, 6, 'resync', 'list x', 100000, 1, 'next', '2026-01-01', '2026-02-01', 3, 44); \
         INSERT INTO delta VALUES (1, 'd', 'link', 100000, NULL); \
         INSERT INTO audit VALUES (1, 2, 3, 100000); \
         INSERT INTO stored_changes VALUES (1, 1, x'5b315d'); INSERT INTO habit VALUES ('acme', 1); \
         INSERT INTO webhook (id, tenant, destination_url, collection, name, configured, left_at) \
         VALUES (2, 'acme', 'https://receiver.example/', 'people', 'people', 0, 123)",
    );
    let store = Store::open(dir.path()).expect("opens");
    let state = store.state(WebhookId(1)).await.expect("reads");
    let ms = |ms| Timestamp::from_millisecond(ms).expect("in range");
    assert_eq!((state.revision, state.post_marks, state.renewals, state.after_end), (7, 3, 2, true));
    let Remote::Listed(listed) = &state.remote else { panic!("{:?}", state.remote) };
    assert_eq!((listed.status.as_str(), listed.seen_at, listed.local_end), ("Enabled", ms(100_123), true));
    assert_eq!((listed.grain, listed.valid_until), (Grain::Hundredth, Some(ms(500_007))));
    let registration = state.registration.clone().expect("kept");
    assert_eq!(
        (registration.key_version, registration.grain, registration.references.as_str()),
        (4, Grain::Milli, "(a,b)")
    );
    assert_eq!(registration.shown.expect("shown").valid_until, Some(ms(500_000)));
    let active = state.active.clone().expect("open");
    assert_eq!(
        (active.id, active.stage, active.post, active.attempts()),
        (6, Stage::Rotate, Some(PostId(3)), 0)
    );
    assert_eq!(state.last.as_ref().expect("ended").id, 5);
    let retry = state.retry.clone().expect("kept");
    assert_eq!((retry.message.as_str(), retry.kind), ("no \"way\"", RetryKind::NeedsOperator));
    assert_eq!(state.owed, Some(Gap { from: None, to: ms(109_000) }));
    assert_eq!(state.recheck, Some(Recheck { at: ms(100_100), until: ms(110_000) }));
    let posts: Vec<_> = state.posts.iter().map(|post| (post.id.0, post.before_rotation)).collect();
    assert_eq!(posts, [(1, true), (3, false)], "a refused one had no effect");
    assert_eq!(state.posts[1].outcome, PostOutcome::Answered);
    assert_eq!((state.unplanned(), state.standing), (vec![ms(100_001)], Standing::No));
    assert_eq!(state.list_grains, ListGrains { before: Grain::Hundredth, since: Grain::Minute });
    assert_eq!(state.sinks[0].failure.as_ref().expect("failed").message, "broken");
    assert_eq!((state.delta.expect("kept").asked_at, state.audit.expect("kept").objects), (ms(100_000), 3));

    let answer = store.answer(PostId(3)).await.expect("reads").expect("kept");
    assert_eq!((answer.body.as_slice(), answer.location.as_deref()), (&b"{}"[..], Some("/w/1")));
    let (cursor, delta) = store.cursor(WebhookId(1)).await.expect("reads");
    let cursor = cursor.expect("kept");
    assert_eq!(
        (cursor.link.as_deref(), cursor.progress.objects, cursor.days.is_some()),
        (Some("next"), 44, true)
    );
    assert_eq!(delta.expect("kept").link, "link");
    assert_eq!(store.stored_changes(WebhookId(1), 0).await.expect("reads").expect("kept").changes, b"[1]");
    let history = store.history(WebhookId(1), 9).await.expect("reads");
    assert_eq!((history[0].id, history[0].steps[0].step.as_str()), (6, "post"));
    assert_eq!(
        (history[1].outcome.as_deref(), history[1].steps[0].output.as_deref()),
        (Some("succeeded"), Some("out"))
    );
    assert_eq!(store.removed_webhooks().await.expect("reads")[0].id, WebhookId(2));
    assert_eq!(store.new_renewal(), 7);
    let keys = store.keys(WebhookId(1)).await.expect("reads");
    assert_eq!(keys.previous.expect("kept").key.expose(), "old");
}

#[tokio::test]
async fn a_state_in_the_words_of_before_is_read() {
    let dir = of_version(
        8,
        r#"INSERT INTO webhook (id, tenant, destination_url, collection, name, configured, orphaned, revision, renewal, state)
        VALUES (1, 'acme', 'https://receiver.example/', 'clockings', 'clockings', 1, 0, 3, 2,
        '{"on_remove":"keep","left_at":null,"remote":"never_asked","issued":{"id":"one","valid_until":null,
        "at":"2026-11-01T00:00:00Z","references":"","key_version":4,"fingerprint":"00000000",
        "rotated_at":"2026-11-01T00:00:00Z","local_end":false,"grain":"minute","shown":null},
        "next_renewal_at":null,"open":{"id":2,"reason":"manual","stage":"late","started_at":"2026-11-01T00:00:00Z",
        "steps":3,"begun":[1,1,0,1,0],"running":null,"handing_off":null,"post":null,"put_off":null,"progress":null},
        "last":null,"trouble":{"at":"2026-11-01T00:00:00Z","since":"2026-11-01T00:00:00Z","step":"catch_up",
        "message":"no","kind":"transient","attempts":1,"retry_at":"2026-11-01T00:00:00Z"},"owed":null,
        "proven_at":null,"synced_at":null,
        "confirm":{"at":"2026-11-01T00:00:00Z","until":"2026-11-01T00:01:00Z"},"posts":[],"post_marks":2,
        "standing":"no","list_grains":{"before":"minute","since":"minute"},"renewals":2,"delta":null,"audit":null}');
        INSERT INTO cursor (webhook_id, walk, delta) VALUES (1, NULL, '{"shape":"s","link":"l"}')"#,
    );
    let store = Store::open(dir.path()).expect("opens");
    let state = store.state(WebhookId(1)).await.expect("reads");
    assert_eq!(state.registration.as_ref().expect("kept").key_version, 4);
    assert_eq!(state.active.as_ref().expect("kept").stage, Stage::AwaitingSinks);
    assert_eq!(state.retry.as_ref().expect("kept").message, "no");
    assert!(state.recheck.is_some());
    assert_eq!(store.cursor(WebhookId(1)).await.expect("reads").1.expect("kept").link, "l");
}

#[tokio::test]
async fn a_history_of_before_is_as_long_as_it_is_and_may_be_forgotten() {
    let dir = of_version(
        10,
        r#"INSERT INTO webhook (id, tenant, destination_url, collection, name, configured, removed, revision, renewal, state)
        VALUES (1, 'acme', 'https://receiver.example/', 'clockings', 'clockings', 1, 0, 3, 4, '{"registration":null}'),
        (2, 'acme', 'https://receiver.example/', 'people', 'people', 1, 0, 3, 5, '{"registration":null,"active":{}}');
        INSERT INTO journal (seq, webhook_id, nth, entry) VALUES
        (11, 1, 7, '{"at":"2026-11-01T00:00:00.5Z","renewal":{"id":1,"reason":"manual"},"what":"began"}'),
        (12, 1, 7, '{"at":"2026-11-01T00:01:00.123456789Z","renewal":{"id":1,"reason":"manual"},"what":"ended","outcome":"failed"}'),
        (13, 1, 8, '{"at":"2026-11-01T00:02:00Z","renewal":{"id":2,"reason":"manual"},"what":"began"}'),
        (20, 2, 1, '{"at":"2026-11-01T00:02:00Z","renewal":{"id":3,"reason":"manual"},"what":"began"}'),
        (21, 1, 8, '{"at":"2026-11-01T00:03:00Z","renewal":{"id":2,"reason":"manual"},"what":"ended","outcome":"failed"}')"#,
    );
    let store = Store::open(dir.path()).expect("opens");
    let known = store.oldest_history().await.expect("reads");
    assert_eq!(known.rows, 5);
    let past: Vec<_> = known.oldest.iter().map(|past| (past.webhook.0, past.nth, past.rows)).collect();
    assert_eq!(past, [(1, 7, 2)], "the newest one of each webhook stays, and what is under way");
    assert_eq!(known.oldest[0].ended_at, Some("2026-11-01T00:01:00Z".parse().expect("a time")));
    assert_eq!(store.forget(known.oldest).await.expect("forgets"), 2);
    assert_eq!(store.oldest_history().await.expect("reads").rows, 3);
    assert_eq!(store.history(WebhookId(1), 9).await.expect("reads").len(), 1);
    assert_eq!(store.new_renewal(), 6);
}
