//! The receiver of events, as a customer would write it: it checks every signature with the key file
//! read anew, keeps the newest version of every object, and brings itself up to date when the
//! daemon's resync command asks it to.
//!
//! The resync command is a POSIX shell script. It leaves what it got on standard input in a folder
//! and waits for the answer, which is its exit status.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path as UrlPath, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use jiff::Timestamp;
use serde_json::Value;

use super::{events::is_signed, http::RUNTIME, sandbox::Admin};

const SCRIPT: &str = r#"ask=$1/$PROTIME_WEBHOOK.$PROTIME_RENEWAL_ID.$PROTIME_STEP.$$
cat > "$ask.part" || exit 9
{ tr '\0' '\n' < /proc/$$/environ; tr '\0' '\n' < /proc/$$/cmdline; } > "$ask.seen"
mv "$ask.part" "$ask.request"
while [ ! -e "$ask.answer" ]; do
    [ -d "$1" ] || exit 8
    sleep 0.05
done
read -r code < "$ask.answer"
echo "resynchronised with $code"
exit "$code"
"#;

/// What is known of an object.
#[derive(Debug, Default)]
struct Held {
    /// The newest version that was told.
    version: String,
    /// What was told of it last without a version.
    data: Option<Value>,
}

/// One run of the resync command.
#[derive(Debug, Clone)]
pub(crate) struct Resync {
    /// When it was served: after the step began, and before it ended.
    pub(crate) at: Timestamp,
    pub(crate) input: Value,
    /// Environment and arguments of the command.
    pub(crate) seen: String,
}

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<String, PathBuf>,
    down: bool,
    resync_exit: u8,
    held: HashMap<(String, u64), Held>,
    events: Vec<(String, u16)>,
    told: Vec<(String, Value)>,
    resyncs: Vec<Resync>,
}

/// The receiver; its thread and its server end with it.
#[derive(Debug)]
pub(crate) struct Receiver {
    inner: Arc<Mutex<Inner>>,
    pub(crate) origin: String,
    folder: PathBuf,
    server: tokio::task::JoinHandle<()>,
    over: Arc<AtomicBool>,
}

impl Receiver {
    pub(crate) fn start(folder: &Path, tenant: Admin) -> Self {
        let folder = folder.join("resyncs");
        fs::create_dir(&folder).unwrap();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let app = Router::new().route("/hook/{collection}", post(event)).with_state(Arc::clone(&inner));
        let listener = RUNTIME.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let server = RUNTIME.spawn(async { axum::serve(listener, app).await.expect("it serves") });
        let over = Arc::new(AtomicBool::new(false));
        let server_of_resyncs = (Arc::clone(&inner), folder.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            let (inner, folder, over) = server_of_resyncs;
            while !over.load(Ordering::SeqCst) {
                serve_resyncs(&inner, &folder, &tenant);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        Self { inner, origin, folder, server, over }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub(crate) fn destination(&self, collection: &str) -> String {
        format!("{}/hook/{collection}", self.origin)
    }

    /// The words of the resync command.
    pub(crate) fn command(&self) -> Vec<String> {
        ["/bin/sh", "-c", SCRIPT, "resync", self.folder.to_str().unwrap()].map(str::to_owned).to_vec()
    }

    /// Where the key of a collection's webhook is found.
    pub(crate) fn trust(&self, collection: &str, key_file: PathBuf) {
        self.inner().keys.insert(collection.to_owned(), key_file);
    }

    pub(crate) fn down(&self, down: bool) {
        self.inner().down = down;
    }

    /// What the resync command ends with; nothing is brought up to date unless it is 0.
    pub(crate) fn resync_exit(&self, code: u8) {
        self.inner().resync_exit = code;
    }

    /// Every run of the resync command for this webhook so far.
    pub(crate) fn resyncs(&self, webhook: &str) -> Vec<Resync> {
        self.inner().resyncs.iter().filter(|it| it.input["webhook"] == webhook).cloned().collect()
    }

    /// How many events of this collection were answered with this status.
    pub(crate) fn events(&self, collection: &str, status: u16) -> usize {
        self.inner().events.iter().filter(|(of, with)| of == collection && *with == status).count()
    }

    /// Every event of this collection that was accepted, in the order of arrival.
    pub(crate) fn told(&self, collection: &str) -> Vec<Value> {
        self.inner().told.iter().filter(|(of, _)| of == collection).map(|(_, event)| event.clone()).collect()
    }

    /// The changes of the truth that are held neither in their version nor in a newer one.
    pub(crate) fn lost<'a>(&self, changes: &'a [Value]) -> Vec<&'a Value> {
        let inner = self.inner();
        // What shows no version is known by what it holds: that of this change, or of a later one.
        let same = |change: &Value, data: &Value| {
            let later = |it: &&Value| of(it) == of(change) && version(it) >= version(change);
            changes.iter().filter(|it| it["data"] == *data).any(|it| later(&it))
        };
        let lost = |change: &&Value| {
            let Some(held) = inner.held.get(&of(change)) else { return true };
            held.version.as_str() < version(change)
                && !held.data.as_ref().is_some_and(|data| change["data"].is_object() && same(change, data))
        };
        changes.iter().filter(lost).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
        self.over.store(true, Ordering::SeqCst);
    }
}

impl Inner {
    fn hold(&mut self, collection: &str, id: u64, version: &str) {
        let held = self.held.entry((collection.to_owned(), id)).or_default();
        if version > held.version.as_str() {
            version.clone_into(&mut held.version);
        }
    }

    /// Takes in what an event tells of an object; without a version it is newer than what is known.
    fn told_of(&mut self, collection: &str, data: &Value) {
        let id = data["id"].as_u64().expect("an id is a whole number");
        if let Some(version) = data["changeVersion"].as_str() {
            return self.hold(collection, id, version);
        }
        let mut data = data.clone();
        without_references(&mut data);
        self.held.entry((collection.to_owned(), id)).or_default().data = Some(data);
    }
}

fn of(change: &Value) -> (String, u64) {
    let collection = change["collection"].as_str().unwrap().to_owned();
    (collection, change["id"].as_u64().expect("an id is a whole number"))
}

fn version(change: &Value) -> &str {
    change["change_version"].as_str().unwrap()
}

fn without_references(value: &mut Value) {
    match value {
        Value::Object(all) => {
            all.remove("externalReferences");
            all.values_mut().for_each(without_references);
        }
        Value::Array(all) => all.iter_mut().for_each(without_references),
        _ => {}
    }
}

async fn event(
    State(inner): State<Arc<Mutex<Inner>>>,
    UrlPath(collection): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut inner = inner.lock().unwrap();
    let key = inner.keys.get(&collection).and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default();
    let authorization =
        headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let status = if inner.down {
        StatusCode::SERVICE_UNAVAILABLE
    } else if key.is_empty() || !is_signed(authorization, &key, &body) {
        StatusCode::UNAUTHORIZED
    } else {
        let event: Value = serde_json::from_slice(&body).expect("an event is JSON");
        inner.told_of(&collection, &event["data"]);
        inner.told.push((collection.clone(), event));
        StatusCode::NO_CONTENT
    };
    inner.events.push((collection, status.as_u16()));
    status
}

fn serve_resyncs(inner: &Mutex<Inner>, folder: &Path, tenant: &Admin) {
    // The folder goes away with the test.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "request") {
            let Some(code) = bring_up_to_date(inner, &path, tenant) else { return };
            let answer = path.with_extension("answer");
            let aside = path.with_extension("aside");
            if fs::write(&aside, format!("{code}\n")).and_then(|()| fs::rename(aside, answer)).is_ok() {
                let _gone = fs::remove_file(path);
            }
        }
    }
}

/// Reads what changed since the beginning of the gap; `None` if the tenant is gone.
fn bring_up_to_date(inner: &Mutex<Inner>, request: &Path, tenant: &Admin) -> Option<u8> {
    let at = Timestamp::now();
    // A daemon that dies while it starts the command leaves half of its message, or nothing.
    let Ok(input) = serde_json::from_str::<Value>(&fs::read_to_string(request).ok()?) else { return Some(1) };
    let surroundings = fs::read_to_string(request.with_extension("seen")).ok()?;
    let from: Option<Timestamp> = input["from"].as_str().map(|from| from.parse().expect("RFC 3339"));
    let changes = tenant.try_get("changes")?;
    let mut inner = inner.lock().unwrap();
    let code = inner.resync_exit;
    if code == 0 {
        for change in changes["changes"].as_array()? {
            let happened: Timestamp = change["at"].as_str()?.parse().expect("RFC 3339");
            if change["collection"] == input["collection"] && from.is_none_or(|from| from <= happened) {
                inner.hold(
                    change["collection"].as_str()?,
                    change["id"].as_u64()?,
                    change["change_version"].as_str()?,
                );
            }
        }
    }
    inner.resyncs.push(Resync { at, input, seen: surroundings });
    Some(code)
}
