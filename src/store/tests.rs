//! The store on real files: what it promises about opening, and what a record looks like after each step.

use std::{collections::HashMap, fs, os::unix::fs::PermissionsExt as _};

mod import;
mod news;
mod outbox;
mod stored_changes;

use jiff::Timestamp;

use super::*;
use crate::domain::{
    gap::Gap,
    grain::Grain,
    key::WebhookKey,
    orphan::OnRemove,
    reason::{Reason, RenewalOutcome, Step, StepOutcome},
    record::{Confirm, Record, Remote, Stage, Trouble, TroubleKind, WebhookId},
    webhook::{ExternalReference, Pair, RemoteStatus, RemoteWebhook, TenantName, WebhookName, WebhookPath},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn configured(name: &str, collection: &str) -> Configured {
    Configured {
        path: WebhookPath {
            tenant: TenantName::new("acme").expect("a name"),
            name: WebhookName::new(name).expect("a name"),
        },
        pair: pair(collection),
        on_remove: OnRemove::Keep,
    }
}

/// A configuration without key sinks.
fn sinkless<const N: usize>(webhooks: [Configured; N]) -> Configuration {
    webhooks.into_iter().map(|webhook| (webhook, Vec::new())).collect()
}

fn pair(collection: &str) -> Pair {
    Pair { destination_url: "https://receiver.example/".to_owned(), collection: collection.to_owned() }
}

fn trouble(step: Step, kind: TroubleKind) -> Trouble {
    Trouble {
        at: at(20),
        since: at(10),
        step,
        message: "no luck".to_owned(),
        kind,
        attempts: 3,
        retry_at: at(1_000),
    }
}

fn rotation(key: &str, references: &str) -> Rotation {
    Rotation {
        key: WebhookKey::new(key.to_owned()).expect("a key"),
        id: Some(format!("id-of-{key}")),
        valid_until: Some(at(500)),
        local_end: false,
        next_renewal_at: Some(at(400)),
        issued_at: at(100),
        references: references.to_owned(),
        confirm: Confirm { at: at(101), until: at(131) },
        settled_before: at(50),
        gap_end: at(102),
    }
}

fn answer() -> Answer {
    Answer {
        location: None,
        body: zeroize::Zeroizing::new(b"{}".to_vec()),
        issued_at: at(93),
        references: String::new(),
    }
}

/// A store with one webhook.
struct Bench {
    store: Store,
    id: WebhookId,
    dir: tempfile::TempDir,
}

impl Bench {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let store = Store::open(dir.path()).expect("opens");
        let id =
            store.adopt(sinkless([configured("clockings", "clockings")]), at(1)).await.expect("adopts")[0];
        Self { store, id, dir }
    }

    /// Another configuration, in which the webhook has these key sinks.
    async fn expect_sinks(&self, sinks: &[&str], second: i64) {
        let sinks = sinks.iter().map(|&sink| sink.to_owned()).collect();
        let configuration = vec![(configured("clockings", "clockings"), sinks)];
        self.store.adopt(configuration, at(second)).await.expect("adopts");
    }

    async fn record(&self) -> Record {
        self.store.record(self.id).await.expect("reads")
    }

    /// Walks a renewal up to its rotation.
    async fn rotate(&self, key: &str) -> u64 {
        let renewal = self.store.begin(self.id, Reason::Created, None, at(90)).await.expect("begins");
        let resync = self.store.start_step(self.id, renewal, Step::Resync, at(91)).await.expect("starts");
        self.store.resynced(resync, StepOutcome::Succeeded, None, None, at(92)).await.expect("records");
        let post = self.store.start_post(self.id, renewal, true, at(93)).await.expect("starts");
        let post = post.expect("it stands before its POST");
        self.store.post_answered(post, answer(), at(94)).await.expect("records");
        let rotate = self.store.start_step(self.id, renewal, Step::Rotate, at(95)).await.expect("starts");
        self.store.rotate(rotate, rotation(key, ""), at(96)).await.expect("rotates")
    }

    /// Catches up, which ends the renewal.
    async fn finish(&self) {
        let renewal = self.record().await.open.expect("open").id;
        let step = self.store.start_step(self.id, renewal, Step::CatchUp, at(97)).await.expect("starts");
        let ended = self.store.caught_up(step, StepOutcome::Succeeded, Some(at(96)), None, at(98));
        ended.await.expect("records");
    }
}

#[tokio::test]
async fn the_directory_and_the_files_are_private() {
    let dir = tempfile::tempdir().expect("a folder");
    let state = dir.path().join("made/when/absent");
    let _store = Store::open(&state).expect("opens");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in ["state.db", "state.db-wal", "state.db-shm", "lock"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_second_one_learns_who_has_the_lock() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Store::open(dir.path()).expect("opens");
    let error = Store::open(dir.path()).expect_err("locked").to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    Store::open(dir.path()).expect("free again");
}

#[tokio::test]
async fn a_newer_or_damaged_database_is_named_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("state.db");
    drop(Store::open(dir.path()).expect("opens"));
    let connection = Connection::open(&path).expect("opens");
    connection.pragma_update(None, "user_version", 99).expect("writes");
    drop(connection);
    let before = fs::read(&path).expect("reads");
    let error = Store::open(dir.path()).expect_err("newer").to_string();
    assert!(error.contains("99") && error.contains("state.db"), "{error}");
    assert_eq!(fs::read(&path).expect("reads"), before);

    fs::write(&path, b"this is no database, but it is somebody's file").expect("writes");
    let error = Store::open(dir.path()).expect_err("damaged").to_string();
    assert!(error.contains("damaged") && error.contains("state.db"), "{error}");
    assert!(fs::read(&path).expect("reads").starts_with(b"this is no database"));
}

#[tokio::test]
async fn a_webhook_is_recognised_by_its_pair() {
    let bench = Bench::new().await;
    bench.rotate("one").await;
    let ids = bench
        .store
        .adopt(sinkless([configured("other", "people"), configured("renamed", "clockings")]), at(200))
        .await
        .expect("adopts");
    assert_ne!(ids[0], bench.id);
    assert_eq!(ids[1], bench.id);
    let record = bench.record().await;
    assert_eq!(record.path.to_string(), "acme/renamed");
    assert_eq!(record.issued.expect("kept").key_version, 1);

    bench.store.adopt(sinkless([configured("other", "people")]), at(300)).await.expect("adopts");
    let known = bench.store.records().await.expect("reads");
    assert_eq!(known.len(), 1, "what left the configuration is not shown");
    assert!(
        bench.store.due(at(999), 10).await.expect("reads").iter().all(|id| *id == ids[0]),
        "nor worked on"
    );
}

#[tokio::test]
async fn a_rotation_is_whole_and_survives() {
    let bench = Bench::new().await;
    assert_eq!(bench.rotate("one").await, 1);
    let record = bench.record().await;
    let issued = record.issued.clone().expect("rotated");
    assert_eq!((issued.id.as_deref(), issued.key_version), (Some("id-of-one"), 1));
    assert_eq!((issued.valid_until, issued.at), (Some(at(500)), at(100)));
    assert_eq!(record.next_renewal_at, Some(at(400)));
    assert!(matches!(&record.remote, Remote::Listed(listed) if listed.id == "id-of-one"));
    let open = record.open.expect("not done");
    assert_eq!(open.stage, Stage::HandOff);
    assert!(
        bench.store.answer(open.id).await.expect("reads").is_none(),
        "the answer's copy of the key is gone"
    );

    let Bench { store, id, dir } = bench;
    drop(store);
    let store = Store::open(dir.path()).expect("opens again");
    let keys = store.keys(id).await.expect("reads");
    assert_eq!(keys.current.expect("current").key.expose(), "one");
    assert!(keys.previous.is_none());
}

#[tokio::test]
async fn only_the_current_and_the_previous_key_are_kept() {
    let bench = Bench::new().await;
    for (version, key) in (1..).zip(["one", "two", "three"]) {
        assert_eq!(bench.rotate(key).await, version);
        bench.finish().await;
    }
    let keys = bench.store.keys(bench.id).await.expect("reads");
    assert_eq!(keys.current.expect("current").key.expose(), "three");
    let previous = keys.previous.expect("previous");
    assert_eq!((previous.key.expose(), previous.version, previous.retired_at), ("two", 2, Some(at(96))));
    let count: i64 = Connection::open(bench.dir.path().join("state.db"))
        .and_then(|connection| connection.query_row("SELECT count(*) FROM key", [], |row| row.get(0)))
        .expect("counts");
    assert_eq!(count, 2);
}

#[tokio::test]
async fn what_is_owed_shrinks_only_with_a_resync() {
    let bench = Bench::new().await;
    let gap = Gap { from: None, to: at(90) };
    let renewal = bench.store.begin(bench.id, Reason::Disabled, Some(gap), at(90)).await.expect("begins");
    let step = bench.store.start_step(bench.id, renewal, Step::Resync, at(91)).await.expect("starts");
    bench
        .store
        .step_failed(step, trouble(Step::Resync, TroubleKind::Transient), Some("out".to_owned()), at(95))
        .await
        .expect("records");
    let record = bench.record().await;
    assert_eq!(record.owed, Some(gap));
    assert_eq!(record.trouble, Some(trouble(Step::Resync, TroubleKind::Transient)));

    let step = bench.store.start_step(bench.id, renewal, Step::Resync, at(100)).await.expect("starts");
    bench.store.resynced(step, StepOutcome::Succeeded, Some(at(100)), None, at(110)).await.expect("records");
    let record = bench.record().await;
    assert_eq!(record.owed, Some(Gap { from: Some(at(100)), to: at(100) }), "the time since it began");
    assert_eq!((record.synced_at, record.trouble), (Some(at(100)), None));

    let step = bench.store.start_step(bench.id, renewal, Step::CatchUp, at(120)).await.expect("starts");
    bench.store.caught_up(step, StepOutcome::Succeeded, Some(at(120)), None, at(125)).await.expect("records");
    let record = bench.record().await;
    assert_eq!((record.owed, record.synced_at, record.open), (None, Some(at(120)), None));
    let last = record.last.expect("ended");
    assert_eq!((last.outcome, last.reason), (RenewalOutcome::Succeeded, Reason::Disabled));
}

#[tokio::test]
async fn a_list_that_is_older_than_a_post_is_not_believed() {
    let bench = Bench::new().await;
    let tenant = TenantName::new("acme").expect("a name");
    let listed = |id: &str| {
        let (id, pair, status) = (id.to_owned(), pair("clockings"), RemoteStatus::Enabled);
        let valid_until = Some(at(500));
        let webhook = RemoteWebhook { id, pair, status, valid_until, local_end: false, references: None };
        HashMap::from([(bench.id, webhook)])
    };
    let before = bench.store.post_counts(&tenant).await.expect("reads");
    bench.rotate("one").await;
    bench.store.apply_list(before, listed("stale"), Grain::Minute, at(89)).await.expect("applies");
    assert!(matches!(bench.record().await.remote, Remote::Listed(listed) if listed.id == "id-of-one"));

    let before = bench.store.post_counts(&tenant).await.expect("reads");
    bench.store.apply_list(before, listed("fresh"), Grain::Minute, at(120)).await.expect("applies");
    assert!(matches!(bench.record().await.remote, Remote::Listed(listed) if listed.id == "fresh"));
}

#[tokio::test]
async fn references_that_the_list_shows_take_the_place_of_those_that_were_stored() {
    let bench = Bench::new().await;
    let tenant = TenantName::new("acme").expect("a name");
    bench.rotate("one").await;
    let reference =
        |name: &str| ExternalReference { collection: "people".to_owned(), reference: name.to_owned() };
    for (listed, expected) in [
        (None, ""),
        (Some(vec![reference("@badge-number"), reference("own")]), "(people,@badge-number)(people,own)"),
        (None, "(people,@badge-number)(people,own)"),
        (Some(Vec::new()), ""),
    ] {
        let webhook = RemoteWebhook {
            id: "id-of-one".to_owned(),
            pair: pair("clockings"),
            status: RemoteStatus::Enabled,
            valid_until: Some(at(500)),
            local_end: false,
            references: listed,
        };
        let before = bench.store.post_counts(&tenant).await.expect("reads");
        let list = HashMap::from([(bench.id, webhook)]);
        bench.store.apply_list(before, list, Grain::Minute, at(120)).await.expect("applies");
        let issued = bench.record().await.issued.expect("rotated");
        assert_eq!(issued.references, expected);
    }
}

#[tokio::test]
async fn a_decision_on_an_old_picture_does_not_put_a_webhook_to_sleep() {
    let bench = Bench::new().await;
    let old = bench.record().await.revision;
    bench.store.begin(bench.id, Reason::Manual, None, at(50)).await.expect("begins");
    assert!(!bench.store.schedule(bench.id, Some(at(9_000)), old).await.expect("answers"));
    assert_eq!(bench.store.due(at(50), 10).await.expect("reads"), [bench.id]);
    let new = bench.record().await.revision;
    assert!(bench.store.schedule(bench.id, Some(at(9_000)), new).await.expect("answers"));
    assert_eq!(bench.store.next_due(at(50)).await.expect("reads"), Some(at(9_000)));
}

#[tokio::test]
async fn an_open_renewal_is_not_opened_twice() {
    let bench = Bench::new().await;
    let first = bench.store.begin(bench.id, Reason::Expiring, None, at(50)).await.expect("begins");
    let step = bench.store.start_step(bench.id, first, Step::Resync, at(51)).await.expect("starts");
    let waiting = trouble(Step::Resync, TroubleKind::Transient);
    bench.store.step_failed(step, waiting, None, at(52)).await.expect("records");
    assert_eq!(bench.store.begin(bench.id, Reason::Manual, None, at(60)).await.expect("begins"), first);
    assert_eq!(bench.record().await.trouble.expect("kept").retry_at, at(60), "tried at once");
}

#[tokio::test]
async fn unplanned_posts_count_unless_refused_whatever_the_clock_was() {
    let bench = Bench::new().await;
    let renewal = bench.store.begin(bench.id, Reason::Disabled, None, at(50)).await.expect("begins");
    for (begun, refused) in [(1_000, false), (2_000, true), (5_000, false), (900_000, false)] {
        bench.store.post_had_no_effect(renewal).await.expect("records");
        let post = bench.store.start_post(bench.id, renewal, true, at(begun)).await.expect("starts");
        let post = post.expect("it stands before its POST");
        let waiting = trouble(Step::Post, TroubleKind::Transient);
        if refused {
            bench.store.post_refused(post, waiting, at(begun)).await.expect("records");
        } else {
            bench.store.post_unknown(post, waiting, at(begun)).await.expect("records");
        }
    }
    assert_eq!(bench.record().await.unplanned, [at(1_000), at(5_000), at(900_000)]);
}

#[tokio::test]
async fn what_ran_when_the_process_died_is_recorded_at_the_next_start() {
    let bench = Bench::new().await;
    let renewal = bench.store.begin(bench.id, Reason::Created, None, at(50)).await.expect("begins");
    bench.store.post_had_no_effect(renewal).await.expect("records");
    bench.store.start_post(bench.id, renewal, false, at(51)).await.expect("starts").expect("begun");
    bench.store.note_cut_off_steps(at(60)).await.expect("notes");
    let history = bench.store.history(bench.id, 5).await.expect("reads");
    let step = &history[0].steps[0];
    assert_eq!((step.outcome.as_deref(), step.finished_at), (Some("unknown"), Some(at(60))));
    assert_eq!(bench.record().await.open.expect("open").stage, Stage::Posting);
}

#[tokio::test]
async fn a_failed_change_takes_no_other_with_it() {
    let bench = Bench::new().await;
    let changes = (0..50).map(|number| {
        let store = bench.store.clone();
        async move {
            if number % 2 == 0 {
                store
                    .write("test", |connection: &Connection| {
                        Ok(connection.execute("INSERT INTO nowhere VALUES (1)", [])?)
                    })
                    .await
                    .is_err()
            } else {
                let known = (configured("clockings", "clockings"), vec!["sink".to_owned()]);
                store.adopt(vec![known], at(number)).await.is_ok()
            }
        }
    });
    assert!(futures_util::future::join_all(changes).await.into_iter().all(|as_expected| as_expected));
    let count: i64 = bench
        .store
        .read(|connection| Ok(connection.query_row("SELECT count(*) FROM sink", [], |row| row.get(0))?))
        .await
        .expect("counts");
    assert_eq!(count, 1);
}

mod laws;
mod mishaps;
