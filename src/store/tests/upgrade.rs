//! Databases of earlier versions go on where they were.

use super::*;
use crate::domain::{
    grain::Grain,
    post::PostOutcome,
    state::{Confirm, ListGrains, Remote, Standing},
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
    let record = store.record(WebhookId(7)).await.expect("reads");
    assert!(record.has_key("file:/k") && !record.has_key("command:x"));
    assert_eq!(record.trouble, None, "what was in the sink's way is no trouble of the webhook's");
    let key = WebhookKey::new("two".to_owned()).expect("a key");
    assert_eq!(record.issued.expect("kept").fingerprint, key.fingerprint());
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
    let record = store.record(WebhookId(1)).await.expect("reads");
    let ms = |ms| Timestamp::from_millisecond(ms).expect("in range");
    assert_eq!((record.revision, record.post_marks, record.renewals, record.after_end), (7, 3, 2, true));
    let Remote::Listed(listed) = &record.remote else { panic!("{:?}", record.remote) };
    assert_eq!((listed.status.as_str(), listed.seen_at, listed.local_end), ("Enabled", ms(100_123), true));
    assert_eq!((listed.grain, listed.valid_until), (Grain::Hundredth, Some(ms(500_007))));
    let issued = record.issued.clone().expect("kept");
    assert_eq!((issued.key_version, issued.grain, issued.references.as_str()), (4, Grain::Milli, "(a,b)"));
    assert_eq!(issued.shown.expect("shown").valid_until, Some(ms(500_000)));
    let open = record.open.clone().expect("open");
    assert_eq!((open.id, open.stage, open.post, open.attempts()), (6, Stage::Rotate, Some(PostId(3)), 0));
    assert_eq!(record.last.as_ref().expect("ended").id, 5);
    let trouble = record.trouble.clone().expect("kept");
    assert_eq!((trouble.message.as_str(), trouble.kind), ("no \"way\"", TroubleKind::NeedsOperator));
    assert_eq!(record.owed, Some(Gap { from: None, to: ms(109_000) }));
    assert_eq!(record.confirm, Some(Confirm { at: ms(100_100), until: ms(110_000) }));
    let posts: Vec<_> = record.posts.iter().map(|post| (post.id.0, post.before_rotation)).collect();
    assert_eq!(posts, [(1, true), (3, false)], "a refused one had no effect");
    assert_eq!(record.posts[1].outcome, PostOutcome::Answered);
    assert_eq!((record.unplanned(), record.standing), (vec![ms(100_001)], Standing::No));
    assert_eq!(record.list_grains, ListGrains { before: Grain::Hundredth, since: Grain::Minute });
    assert_eq!(record.sinks[0].failure.as_ref().expect("failed").message, "broken");
    assert_eq!((record.delta.expect("kept").asked_at, record.audit.expect("kept").objects), (ms(100_000), 3));

    let answer = store.answer(PostId(3)).await.expect("reads").expect("kept");
    assert_eq!((answer.body.as_slice(), answer.location.as_deref()), (&b"{}"[..], Some("/w/1")));
    let (walk, delta) = store.cursor(WebhookId(1)).await.expect("reads");
    let walk = walk.expect("kept");
    assert_eq!((walk.link.as_deref(), walk.progress.objects, walk.days.is_some()), (Some("next"), 44, true));
    assert_eq!(delta.expect("kept").link, "link");
    assert_eq!(store.stored_changes(WebhookId(1), 0).await.expect("reads").expect("kept").changes, b"[1]");
    let history = store.history(WebhookId(1), 9).await.expect("reads");
    assert_eq!((history[0].id, history[0].steps[0].step.as_str()), (6, "post"));
    assert_eq!(
        (history[1].outcome.as_deref(), history[1].steps[0].output.as_deref()),
        (Some("succeeded"), Some("out"))
    );
    assert_eq!(store.orphans().await.expect("reads")[0].id, WebhookId(2));
    assert_eq!(store.new_renewal(), 7);
    let keys = store.keys(WebhookId(1)).await.expect("reads");
    assert_eq!(keys.previous.expect("kept").key.expose(), "old");
}
