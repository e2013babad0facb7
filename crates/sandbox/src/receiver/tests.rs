//! What the receiver takes, what it refuses, and how it is brought up to date.

use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::{
    Sandbox, SandboxConfig, audit,
    changes::ChangeRequest,
    journal::{Change, ChangeKind},
    settings::Settings,
};

const REPLAYER: &str = "Test/v1 (Tests)";

/// A receiver that trusts a key file for people.
struct Bench {
    receiver: Receiver,
    folder: TempDir,
}

impl Bench {
    async fn start(source: Option<Source>) -> Self {
        let config = ReceiverConfig { replays_from: Some(REPLAYER.to_owned()), source };
        let (receiver, folder) = (Receiver::start(config).await.unwrap(), TempDir::new().unwrap());
        let bench = Self { receiver, folder };
        bench.receiver.trust("people", bench.key_file());
        bench
    }

    fn key_file(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    async fn send(&self, collection: &str, key: &str, body: &Value) -> u16 {
        self.send_as("Protime", collection, key, body.to_string()).await
    }

    async fn send_as(&self, agent: &str, collection: &str, key: &str, body: String) -> u16 {
        let client = Client::builder().no_proxy().user_agent(agent).build().unwrap();
        let authorization = sign(key, body.as_bytes());
        let request = client.post(self.receiver.destination(collection)).header(AUTHORIZATION, authorization);
        request.body(body).send().await.unwrap().status().as_u16()
    }

    fn fate(&self, changes: &[Change]) -> audit::Fate {
        self.receiver.holding(|held| audit::total(changes, held))
    }
}

fn event(id: u64, version: &str) -> Value {
    json!({"changeType": "InsertOrUpdate", "data": {"id": id, "changeVersion": version}})
}

#[tokio::test]
async fn only_the_key_in_the_file_counts_and_it_is_read_anew() {
    let bench = Bench::start(None).await;
    let told = event(1, "01");
    assert_eq!(bench.send("people", "one", &told).await, 401, "there is no key yet");
    fs::write(bench.key_file(), "").unwrap();
    assert_eq!(bench.send("people", "", &told).await, 401, "an empty file is not a key");
    fs::write(bench.key_file(), "one").unwrap();
    assert_eq!(bench.send("people", "two", &told).await, 401);
    assert_eq!(bench.send("breaks", "one", &told).await, 401, "nothing is trusted for breaks");
    assert!(bench.receiver.told("people").is_empty());
    assert_eq!(bench.send("people", "one", &told).await, 204);
    fs::write(bench.key_file(), "two").unwrap();
    assert_eq!(bench.send("people", "one", &told).await, 401);
    assert_eq!(bench.send("people", "two", &event(1, "02")).await, 204);
    assert_eq!(bench.receiver.told("people"), [told, event(1, "02")]);
    let answered = [204, 401].map(|status| bench.receiver.events("people", status));
    assert_eq!((answered, bench.receiver.events("breaks", 401)), ([2, 4], 1));
    assert_eq!(bench.receiver.fingerprint("people"), Some(secret::fingerprint("two")));
    assert_eq!(bench.receiver.fingerprint("breaks"), None);
}

#[tokio::test]
async fn while_it_is_down_it_takes_nothing() {
    let bench = Bench::start(None).await;
    fs::write(bench.key_file(), "key").unwrap();
    bench.receiver.set_up(false);
    assert_eq!(bench.send("people", "key", &event(1, "01")).await, 503);
    assert!(request_resync(bench.receiver.origin(), "people").await.unwrap_err().to_string().contains("503"));
    bench.receiver.set_up(true);
    assert_eq!(bench.send("people", "key", &event(1, "01")).await, 204);
    assert_eq!(bench.receiver.told("people").len(), 1);
}

#[tokio::test]
async fn what_is_no_event_is_refused_and_counted() {
    let bench = Bench::start(None).await;
    fs::write(bench.key_file(), "key").unwrap();
    let bodies = [
        "{".to_owned(),
        "{}".to_owned(),
        event(1, "01").to_string().replace('1', "-1"),
        event(1, "01").to_string().replace("Insert", "Up"),
    ];
    for body in &bodies {
        assert_eq!(bench.send_as("Protime", "people", "key", body.clone()).await, 400, "{body}");
    }
    assert_eq!(bench.receiver.malformed(), bodies.len());
    assert!(bench.receiver.told("people").is_empty());
}

#[tokio::test]
async fn a_replay_is_told_from_an_event_by_who_sends_it() {
    let bench = Bench::start(None).await;
    fs::write(bench.key_file(), "key").unwrap();
    let change = |id: u64| Change {
        seq: id,
        at: clock::now(),
        collection: "people".to_owned(),
        id,
        change_version: "01".to_owned(),
        kind: ChangeKind::Upsert,
        date: None,
        data: None,
    };
    assert_eq!(bench.send("people", "key", &event(1, "01")).await, 204);
    assert_eq!(bench.send_as(REPLAYER, "people", "key", event(2, "01").to_string()).await, 204);
    bench.receiver.holding(|held| held.bring(&change(3)));
    let fate = bench.fate(&[change(1), change(2), change(3), change(4)]);
    assert_eq!(fate, audit::Fate { changes: 4, by_event: 1, by_resync: 2, missing: 1 });
}

#[tokio::test]
async fn a_resync_reads_the_whole_list() {
    let sandbox = Sandbox::start(SandboxConfig {
        client_secret: "s3cret".to_owned(),
        settings: Settings { page_size: 2, empty_pages: true, ..Settings::default() },
        ..SandboxConfig::default()
    })
    .await
    .unwrap();
    let (origin, handle) = (sandbox.origin(), sandbox.handle());
    let token_url = format!("{origin}/tenants/acme/connect/token");
    let source = Source::new(&origin, &token_url, "sandbox-client", "s3cret").unwrap();
    let bench = Bench::start(Some(source)).await;
    bench.receiver.trust("clockings", bench.key_file());
    handle.change(&ChangeRequest::inserts("clockings", 5)).unwrap();
    let said = request_resync(bench.receiver.origin(), "clockings").await.unwrap();
    assert_eq!(said, "clockings: 5 objects read, 5 new or changed, 0 gone\n");

    let delete = ChangeRequest { kind: ChangeKind::Delete, ..ChangeRequest::inserts("clockings", 1) };
    handle.change(&delete).unwrap();
    assert_eq!(bench.fate(&handle.changes(0)).missing, 1);
    let said = request_resync(bench.receiver.origin(), "clockings").await.unwrap();
    assert_eq!(said, "clockings: 4 objects read, 0 new or changed, 1 gone\n");
    assert_eq!(
        bench.fate(&handle.changes(0)),
        audit::Fate { changes: 6, by_resync: 6, ..audit::Fate::default() }
    );

    let refused = request_resync(bench.receiver.origin(), "breaks").await.unwrap_err().to_string();
    assert!(refused.contains("404"), "{refused}");
}
