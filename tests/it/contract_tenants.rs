//! A tenant of the test's own: it does what the API leaves open otherwise than the sandbox.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::support::{Daemon, RUNTIME, database, eventually, pause};

const ROOT: &str = "/connector/protimeapi/api/v1";

#[derive(Debug, Default)]
struct Ways {
    /// So long after a POST it lists what was before.
    shows_late: Duration,
    /// It lists collections in its own letters.
    own_letters: bool,
    /// Its answer to a POST holds the key and nothing else.
    key_only: bool,
}

#[derive(Debug, Clone)]
struct Webhook {
    id: u64,
    ends: Timestamp,
    status: &'static str,
}

/// Webhooks by destination and collection.
type Webhooks = HashMap<(String, String), Webhook>;

#[derive(Debug, Default)]
struct Inner {
    ways: Ways,
    now: Webhooks,
    /// What is listed until the moment comes.
    before: Option<(Timestamp, Webhooks)>,
    posts: u64,
}

#[derive(Debug, Clone)]
struct Tenant {
    origin: String,
    inner: Arc<Mutex<Inner>>,
}

impl Tenant {
    fn start(ways: Ways) -> Self {
        let inner = Arc::new(Mutex::new(Inner { ways, ..Inner::default() }));
        let app = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        RUNTIME.spawn(async { axum::serve(listener, app).await.expect("it serves") });
        Self { origin, inner }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn change(&self, change: impl Fn(&mut Webhook)) {
        self.inner().now.values_mut().for_each(change);
    }

    /// A daemon with one webhook of this tenant, which polls every second; `resync` is TOML.
    fn daemon(&self, resync: &str) -> (TempDir, Daemon) {
        let folder = tempfile::tempdir().unwrap();
        let (path, origin) = (folder.path().display(), &self.origin);
        fs::write(folder.path().join("secret"), "secret").unwrap();
        let text = format!(
            r#"user_agent = "Tests/1 (Tests)"
[daemon]
state_dir = "{path}/state"
status_socket = "{path}/status.sock"
control_socket = "{path}/control.sock"
status_poll = "* * * * * *"
[renewal]
retry_initial = "200ms"
[[tenant]]
name = "acme"
api_origin = "{origin}"
token_url = "{origin}/token"
client_id = "client"
client_secret = {{ file = "{path}/secret" }}
[[tenant.webhook]]
collection = "clockings"
destination_url = "{origin}/events"
[tenant.webhook.resync]
{resync}
"#
        );
        fs::write(folder.path().join("config.toml"), text).unwrap();
        let mut daemon = Daemon::new(folder.path());
        daemon.start();
        (folder, daemon)
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut inner = inner.lock().unwrap();
    let json = |status: u16, value: &Value| {
        (StatusCode::from_u16(status).unwrap(), value.to_string()).into_response()
    };
    let path = uri.path().trim_start_matches(ROOT);
    match (method.as_str(), path) {
        (_, "/token") => {
            json(200, &json!({"access_token": "token", "expires_in": 1800, "token_type": "Bearer"}))
        }
        ("POST", "/webhooks") => json(201, &inner.post(&serde_json::from_slice(&body).unwrap())),
        ("GET", "/webhooks") => json(200, &json!({"value": inner.list(), "newProperty": null})),
        // A cursor that says nothing of what it is a place in.
        ("GET", "/clockings") => match uri.query() {
            Some("cursor=2") => json(200, &json!({"value": [{"id": 2, "changeVersion": "2"}]})),
            _ => json(
                200,
                &json!({"value": [{"id": 1, "changeVersion": "1"}], "nextLink": format!("{ROOT}/clockings?cursor=2")}),
            ),
        },
        ("POST", "/events") => StatusCode::NO_CONTENT.into_response(),
        _ => json(404, &json!({"error": {"code": "NotFound", "message": "Not found."}})),
    }
}

impl Inner {
    fn post(&mut self, body: &Value) -> Value {
        let pair = (
            body["destinationUrl"].as_str().unwrap().to_owned(),
            body["collectionName"].as_str().unwrap().to_owned(),
        );
        self.before = Some((Timestamp::now(), self.now.clone()));
        self.posts += 1;
        let ends = Timestamp::now() + SignedDuration::from_hours(1);
        let id = self.now.get(&pair).map_or(self.posts, |webhook| webhook.id);
        self.now.insert(pair, Webhook { id, ends, status: "Enabled" });
        let key = format!("key-{}", self.posts);
        if self.ways.key_only {
            json!({"secret": key})
        } else {
            json!({"id": id, "privateKey": key, "validUntil": ends.to_string(), "newProperty": [1]})
        }
    }

    fn list(&self) -> Vec<Value> {
        let late = SignedDuration::try_from(self.ways.shows_late).unwrap();
        let shown = match &self.before {
            Some((posted, before)) if Timestamp::now() < *posted + late => before,
            _ => &self.now,
        };
        let letters = |text: &str| if self.ways.own_letters { text.to_uppercase() } else { text.to_owned() };
        shown
            .iter()
            .map(|((destination, collection), webhook)| {
                json!({
                    "id": webhook.id.to_string(),
                    "status": webhook.status,
                    "validUntil": webhook.ends.to_string(),
                    "destinationUrl": destination,
                    "collectionName": letters(collection),
                })
            })
            .collect()
    }
}

/// Waits until the webhook has the key of this version, rests, and is known in whole.
fn settled(daemon: &Daemon, version: u64) -> Value {
    eventually("the webhook is active with its key", || {
        let webhook = daemon.webhook("clockings");
        let known = webhook["remote"]["valid_until"].is_string() && webhook["state"] == "active";
        (known && webhook["key"]["version"] == version).then_some(webhook)
    })
}

/// Lets some polls pass: nothing is renewed any more, and the key is Protime's.
fn stays_settled(tenant: &Tenant, daemon: &Daemon, version: u64) {
    settled(daemon, version);
    pause(Duration::from_secs(5));
    settled(daemon, version);
    assert_eq!(tenant.inner().posts, version, "{:?}\n{}", daemon.story("clockings"), daemon.log());
    assert_eq!(daemon.key("clockings"), Some(format!("key-{version}")));
}

#[test]
fn a_list_that_shows_a_post_late_leads_to_no_other() {
    for key_only in [false, true] {
        let ways = Ways { shows_late: Duration::from_millis(1_500), key_only, ..Ways::default() };
        let tenant = Tenant::start(ways);
        let (_folder, daemon) = tenant.daemon("kind = \"none\"");
        stays_settled(&tenant, &daemon, 1);
        assert_eq!(daemon.control.post("/v1/webhooks/acme/clockings/renew").status, 202);
        if !key_only {
            // Without an end in the answer, an older list cannot be told from a newer one.
            stays_settled(&tenant, &daemon, 2);
        }
    }
}

#[test]
fn a_webhook_that_is_gone_right_after_a_list_has_shown_it_is_created_again() {
    let tenant = Tenant::start(Ways::default());
    let (_folder, daemon) = tenant.daemon("kind = \"none\"");
    settled(&daemon, 1);
    // Before that, a list without it is taken to lag behind, for a minute.
    eventually("a list has shown it", || {
        let webhook = daemon.webhook("clockings");
        let at = |value: &Value| value.as_str()?.parse::<Timestamp>().ok();
        (at(&webhook["remote"]["seen_at"])? > at(&webhook["key"]["rotated_at"])?).then_some(())
    });
    tenant.inner().now.clear();
    assert_eq!(daemon.control.post("/v1/poll").status, 200);
    assert_eq!(settled(&daemon, 2)["last_renewal"]["reason"], "missing");
}

#[test]
fn a_collection_in_other_letters_is_the_same() {
    let tenant = Tenant::start(Ways { own_letters: true, ..Ways::default() });
    let (_folder, daemon) = tenant.daemon("kind = \"none\"");
    stays_settled(&tenant, &daemon, 1);
}

#[test]
fn a_webhook_whose_end_is_brought_forward_has_expired() {
    let tenant = Tenant::start(Ways::default());
    let (folder, mut daemon) = tenant.daemon("kind = \"none\"");
    settled(&daemon, 1);
    // For a minute after a POST, an earlier end could be that of a list that lags behind.
    daemon.stop();
    database::rotated_a_minute_earlier(&folder.path().join("state"));
    daemon.start();
    tenant.change(|webhook| {
        webhook.ends = Timestamp::now() - SignedDuration::from_secs(1);
        webhook.status = "Disabled";
    });
    assert_eq!(settled(&daemon, 2)["last_renewal"]["reason"], "expired");
}

#[test]
fn the_links_of_one_year_may_be_those_of_another() {
    let tenant = Tenant::start(Ways::default());
    let (_folder, daemon) =
        tenant.daemon("kind = \"list\"\nfilter = \"date ge {from_date} and date le {to_date}\"");
    let webhook = settled(&daemon, 1);
    assert_eq!(webhook["owed_resync"], Value::Null, "everything was read: {webhook}");
}
