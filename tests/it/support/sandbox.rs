//! The simulated tenant, as the binary runs it, and its admin API: what really happened.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Process, http, pause, program};

/// A tenant named `acme`.
#[derive(Debug)]
pub(crate) struct Sandbox {
    _process: Process,
    pub(crate) admin: Admin,
    pub(crate) secret_file: PathBuf,
    pub(crate) opening: String,
    /// Everything it printed.
    pub(crate) printed: Arc<Mutex<String>>,
}

/// What may ask and steer the tenant.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) origin: String,
    client: Client,
}

impl Sandbox {
    pub(crate) fn start(folder: &Path, flags: &[&str]) -> Self {
        let secret_file = folder.join("client-secret");
        let mut command = program();
        command.args(["sandbox", "--listen", "127.0.0.1:0", "--client-secret-file"]).arg(&secret_file);
        command.args(flags).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = Process::spawn(&mut command);
        let mut lines = BufReader::new(process.child().stdout.take().expect("piped")).lines();
        let mut opening = String::new();
        let origin = loop {
            let line = lines.next().expect("the sandbox tells its address").expect("text");
            if let Some(origin) = line.strip_prefix("listening on ") {
                break origin.to_owned();
            }
            opening.push_str(&line);
            opening.push('\n');
        };
        let printed = Arc::new(Mutex::new(String::new()));
        let copy = Arc::clone(&printed);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut printed = copy.lock().unwrap();
                printed.push_str(&line);
                printed.push('\n');
            }
        });
        let admin = Admin { origin, client: http::client() };
        Self { _process: process, admin, secret_file, opening, printed }
    }
}

impl std::ops::Deref for Sandbox {
    type Target = Admin;

    fn deref(&self) -> &Admin {
        &self.admin
    }
}

impl Admin {
    pub(crate) fn try_get(&self, what: &str) -> Option<Value> {
        let url = format!("{}/_sandbox/{what}", self.origin);
        Some(http::send(&self.client, Method::GET, &url, None).ok()?.json())
    }

    fn send(&self, method: &str, what: &str, body: Option<&Value>) -> Value {
        let url = format!("{}/_sandbox/{what}", self.origin);
        let method: Method = method.parse().unwrap();
        let answer = http::send(&self.client, method, &url, body).expect("the sandbox answers");
        assert!(answer.status < 300, "{what}: {} {}", answer.status, answer.text);
        if answer.text.is_empty() { Value::Null } else { answer.json() }
    }

    fn list(&self, what: &str) -> Vec<Value> {
        let mut answer = self.send("GET", what, None);
        let name = what.split('?').next().unwrap();
        serde_json::from_value(answer[name].take()).expect("a list")
    }

    pub(crate) fn changes(&self) -> Vec<Value> {
        self.list("changes")
    }

    pub(crate) fn transitions(&self) -> Vec<Value> {
        self.list("transitions")
    }

    pub(crate) fn life(&self, collection: &str) -> Vec<String> {
        let of = |transition: &Value| transition["collection"] == collection;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let told = |it: Value| format!("{} {}", text(&it["what"]), text(&it["cause"]));
        self.transitions().into_iter().filter(of).map(told).collect()
    }

    pub(crate) fn requests(&self, endpoint: &str) -> Vec<Value> {
        self.list("requests").into_iter().filter(|request| request["endpoint"] == endpoint).collect()
    }

    /// When the requests to create or renew a webhook of this collection arrived.
    pub(crate) fn creates(&self, collection: &str) -> Vec<Timestamp> {
        let of = |request: &Value| request["collection"] == collection;
        self.requests("create")
            .iter()
            .filter(|request| of(request))
            .map(|request| at(request, "at"))
            .collect()
    }

    /// The living webhook of this collection, if there is one; where there are several, the latest
    /// that delivers.
    pub(crate) fn webhook(&self, collection: &str) -> Option<Value> {
        self.webhooks(collection)
            .into_iter()
            .max_by_key(|webhook| (webhook["status"] == "Enabled", webhook["key_version"].as_u64()))
    }

    /// Every webhook of this collection that was not deleted.
    pub(crate) fn webhooks(&self, collection: &str) -> Vec<Value> {
        let living = |webhook: &Value| webhook["collection"] == collection && webhook["deleted"] == false;
        self.list("webhooks").into_iter().filter(living).collect()
    }

    pub(crate) fn change(&self, collection: &str, count: u32) -> Vec<Value> {
        let body = json!({"collection": collection, "count": count});
        let answer = self.send("POST", "changes", Some(&body));
        answer["changes"].as_array().unwrap().clone()
    }

    pub(crate) fn change_as(&self, change: &Value) -> Vec<Value> {
        self.send("POST", "changes", Some(change))["changes"].as_array().unwrap().clone()
    }

    pub(crate) fn load(&self, collections: &[&str], per_second: f64) {
        let body = json!({"collections": collections, "per_second": per_second, "delete_every": 10});
        self.send("PUT", "steady", Some(&body));
    }

    /// The same, but in some collections nothing is deleted.
    pub(crate) fn load_but(&self, collections: &[&str], per_second: f64, keep: &[&str]) {
        let body =
            json!({"collections": collections, "per_second": per_second, "delete_every": 10, "keep": keep});
        self.send("PUT", "steady", Some(&body));
    }

    /// Someone else starts a delta of this collection.
    pub(crate) fn foreign_delta(&self, collection: &str) {
        self.send("POST", "deltas/foreign-start", Some(&json!({"collection": collection})));
    }

    pub(crate) fn fault(&self, rule: &Value) {
        self.send("POST", "faults", Some(rule));
    }

    pub(crate) fn clear_faults(&self) {
        self.send("DELETE", "faults", None);
    }

    pub(crate) fn settings(&self, settings: &Value) {
        self.send("PUT", "settings", Some(settings));
    }

    pub(crate) fn revoke_tokens(&self) {
        self.send("POST", "tokens/revoke", None);
    }

    /// Renews as someone else would. An end in whole seconds may be the same end with its digits cut
    /// off, so within a second of such a one no one can tell another POST from ours: then it waits.
    pub(crate) fn foreign_renew(&self, destination_url: &str, collection: &str) {
        let webhook = self.webhook(collection);
        if webhook.is_some_and(|it| it["valid_until"].as_str().is_some_and(|end| !end.contains('.'))) {
            pause(Duration::from_millis(1_100));
        }
        let body = json!({"destination_url": destination_url, "collection": collection});
        self.send("POST", "webhooks/foreign-renew", Some(&body));
    }

    /// Renews as someone else would, unless the webhook is gone by then.
    pub(crate) fn foreign_renew_if_there(&self, destination_url: &str, collection: &str) {
        self.try_on_pair("POST", "webhooks/foreign-renew", destination_url, collection);
    }

    /// Deletes as Protime might, unless the webhook is gone by then.
    pub(crate) fn delete_if_there(&self, destination_url: &str, collection: &str) {
        self.try_on_pair("DELETE", "webhooks", destination_url, collection);
    }

    fn try_on_pair(&self, method: &str, what: &str, destination_url: &str, collection: &str) {
        let url = format!("{}/_sandbox/{what}", self.origin);
        let body = json!({"destination_url": destination_url, "collection": collection});
        let answer = http::send(&self.client, method.parse().unwrap(), &url, Some(&body));
        let answer = answer.expect("the sandbox answers");
        assert!(answer.status < 300 || answer.status == 404, "{what}: {} {}", answer.status, answer.text);
    }

    pub(crate) fn disable(&self, destination_url: &str, collection: &str) {
        let body = json!({"destination_url": destination_url, "collection": collection});
        self.send("POST", "webhooks/disable", Some(&body));
    }

    pub(crate) fn delete(&self, destination_url: &str, collection: &str) {
        let body = json!({"destination_url": destination_url, "collection": collection});
        self.send("DELETE", "webhooks", Some(&body));
    }
}

pub(crate) fn at(record: &Value, field: &str) -> Timestamp {
    let text = record[field].as_str().unwrap_or_else(|| panic!("no {field} in {record}"));
    text.parse().expect("RFC 3339")
}
