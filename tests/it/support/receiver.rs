//! The reference receiver, as the daemon under test has it: with key files, and a resync command.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use protime_sandbox::{
    audit,
    journal::Change,
    receiver::{self as reference, ReceiverConfig},
};
use serde::Deserialize as _;
use serde_json::Value;

use super::{http::RUNTIME, sandbox::Admin};

// The resync command leaves what it got on standard input in a folder and waits for the answer, its exit
// status.
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

#[derive(Debug, Clone)]
pub(crate) struct Resync {
    /// When it was served: after the step began, and before it ended.
    pub(crate) at: Timestamp,
    pub(crate) input: Value,
    pub(crate) seen: String,
}

#[derive(Debug, Default)]
struct Script {
    exit: u8,
    runs: Vec<Resync>,
}

/// The receiver; its thread and its server end with it.
#[derive(Debug)]
pub(crate) struct Receiver {
    reference: Arc<reference::Receiver>,
    script: Arc<Mutex<Script>>,
    pub(crate) origin: String,
    folder: PathBuf,
    over: Arc<AtomicBool>,
}

impl Receiver {
    pub(crate) fn start(folder: &Path, tenant: Admin) -> Self {
        let folder = folder.join("resyncs");
        fs::create_dir(&folder).unwrap();
        let reference = RUNTIME.block_on(reference::Receiver::start(ReceiverConfig::default())).unwrap();
        let (reference, script) = (Arc::new(reference), Arc::<Mutex<Script>>::default());
        let over = Arc::new(AtomicBool::new(false));
        let served = (Arc::downgrade(&reference), Arc::clone(&script), folder.clone(), Arc::clone(&over));
        std::thread::spawn(move || {
            let (reference, script, folder, over) = served;
            while !over.load(Ordering::SeqCst) {
                serve_resyncs(&reference, &script, &folder, &tenant);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let origin = reference.origin().to_owned();
        Self { reference, script, origin, folder, over }
    }

    /// What it stands on. Every event so far was one: what is signed and cannot be read fails the test.
    fn reference(&self) -> &reference::Receiver {
        assert_eq!(self.reference.malformed(), 0, "an event is JSON, and has an id that is a whole number");
        &self.reference
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap()
    }

    pub(crate) fn destination(&self, collection: &str) -> String {
        self.reference.destination(collection)
    }

    pub(crate) fn command(&self) -> Vec<String> {
        ["/bin/sh", "-c", SCRIPT, "resync", self.folder.to_str().unwrap()].map(str::to_owned).to_vec()
    }

    /// Where the key of a collection's webhook is found.
    pub(crate) fn trust(&self, collection: &str, key_file: PathBuf) {
        self.reference.trust(collection, key_file);
    }

    pub(crate) fn down(&self, down: bool) {
        self.reference.set_up(!down);
    }

    /// What the resync command ends with; nothing is brought up to date unless it is 0.
    pub(crate) fn resync_exit(&self, code: u8) {
        self.script().exit = code;
    }

    /// Every run of the resync command for this webhook so far.
    pub(crate) fn resyncs(&self, webhook: &str) -> Vec<Resync> {
        self.script().runs.iter().filter(|it| it.input["webhook"] == webhook).cloned().collect()
    }

    pub(crate) fn events(&self, collection: &str, status: u16) -> usize {
        self.reference().events(collection, status)
    }

    /// Every event of this collection that was accepted, in the order of arrival.
    pub(crate) fn told(&self, collection: &str) -> Vec<Value> {
        self.reference().told(collection)
    }

    /// The changes of the truth that are held neither in their version nor in a newer one.
    pub(crate) fn lost<'a>(&self, changes: &'a [Value]) -> Vec<&'a Value> {
        let truth: Vec<Change> = changes.iter().map(read).collect();
        let lost: HashSet<u64> = self
            .reference()
            .holding(|held| audit::missing(&truth, held).into_iter().map(|change| change.seq).collect());
        changes.iter().filter(|change| lost.contains(&change["seq"].as_u64().unwrap())).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

fn read(change: &Value) -> Change {
    Change::deserialize(change).expect("a change as the sandbox records it")
}

fn serve_resyncs(
    reference: &Weak<reference::Receiver>,
    script: &Mutex<Script>,
    folder: &Path,
    tenant: &Admin,
) {
    // The folder goes away with the test.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "request") {
            let Some(code) = bring_up_to_date(reference, script, &path, tenant) else { return };
            let answer = path.with_extension("answer");
            let aside = path.with_extension("aside");
            if fs::write(&aside, format!("{code}\n")).and_then(|()| fs::rename(aside, answer)).is_ok() {
                let _gone = fs::remove_file(path);
            }
        }
    }
}

/// Reads in the tenant's truth what changed since the `from` that the daemon names, and no more: a gap that
/// begins too late loses something. `None` if the tenant or the test is gone.
fn bring_up_to_date(
    reference: &Weak<reference::Receiver>,
    script: &Mutex<Script>,
    request: &Path,
    tenant: &Admin,
) -> Option<u8> {
    let at = Timestamp::now();
    // A daemon that dies while it starts the command leaves half of its message, or nothing.
    let Ok(input) = serde_json::from_str::<Value>(&fs::read_to_string(request).ok()?) else { return Some(1) };
    let seen = fs::read_to_string(request.with_extension("seen")).ok()?;
    let from: Option<Timestamp> = input["from"].as_str().map(|from| from.parse().expect("RFC 3339"));
    let truth = tenant.try_get("changes")?;
    let reference = reference.upgrade()?;
    let mut script = script.lock().unwrap();
    let code = script.exit;
    if code == 0 {
        let changes = truth["changes"].as_array()?.iter().map(read);
        let missed = changes.filter(|change| {
            input["collection"] == change.collection.as_str() && from.is_none_or(|from| from <= change.at)
        });
        reference.holding(|held| missed.for_each(|change| held.bring(&change)));
    }
    script.runs.push(Resync { at, input, seen });
    Some(code)
}
