//! A tenant, a receiver and a daemon in a folder of their own.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;
use tempfile::TempDir;

use super::{Config, Daemon, Receiver, Sandbox, Webhook, config::words, until, waiting::PATIENCE};

/// Everything a test needs; gone when it is.
#[derive(Debug)]
pub(crate) struct World {
    // Fields are dropped in this order: first the one who writes into the folder.
    pub(crate) daemon: Daemon,
    pub(crate) receiver: Receiver,
    pub(crate) sandbox: Sandbox,
    folder: TempDir,
}

impl World {
    /// A tenant started with these flags, and a receiver; the daemon waits for its configuration.
    pub(crate) fn new(sandbox_flags: &[&str]) -> Self {
        allow_many_open_files();
        let folder = TempDir::new().unwrap();
        let sandbox = Sandbox::start(folder.path(), sandbox_flags);
        let receiver = Receiver::start(folder.path(), sandbox.admin.clone());
        Self { daemon: Daemon::new(folder.path()), receiver, sandbox, folder }
    }

    /// The same with a daemon that runs and keeps a webhook for each of these collections.
    pub(crate) fn running(sandbox_flags: &[&str], collections: &[&str]) -> Self {
        let mut world = Self::new(sandbox_flags);
        let config = world.config(collections);
        world.start(&config);
        for collection in collections {
            world.settled(collection);
        }
        world
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the key of a collection's webhook is handed off to.
    pub(crate) fn key_file(&self, collection: &str) -> PathBuf {
        self.path(&format!("{collection}.key"))
    }

    pub(crate) fn config(&self, collections: &[&str]) -> Config {
        Config::new(collections.iter().map(|collection| self.webhook(collection)).collect())
    }

    /// A webhook to our receiver, with a key file and a resync by command.
    pub(crate) fn webhook(&self, collection: &str) -> Webhook {
        let key_file = self.key_file(collection);
        let sink = format!("kind = \"file\"\npath = \"{}\"", key_file.display());
        self.receiver.trust(collection, key_file);
        Webhook {
            collection: collection.to_owned(),
            destination_url: self.receiver.destination(collection),
            extra: String::new(),
            resync: format!("kind = \"command\"\ncommand = {}", words(&self.receiver.command())),
            sinks: vec![sink],
        }
    }

    pub(crate) fn write(&self, config: &Config) {
        self.put(&config.text(self));
    }

    /// A daemon that starts meanwhile finds one file or the other, and never half of one.
    fn put(&self, text: &str) {
        let aside = self.path("config.toml.new");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, self.path("config.toml")).unwrap();
    }

    /// Writes the configuration with one text in place of another.
    pub(crate) fn write_with(&self, config: &Config, from: &str, to: &str) {
        let text = config.text(self);
        assert!(text.contains(from), "{text}");
        self.put(&text.replace(from, to));
    }

    /// Writes the configuration and starts the daemon with it.
    pub(crate) fn start(&mut self, config: &Config) {
        self.write(config);
        self.daemon.start();
    }

    /// Waits for a condition; if it does not come true, prints what every side thinks.
    pub(crate) fn eventually<T>(&self, what: &str, probe: impl FnMut() -> Option<T>) -> T {
        until(PATIENCE, probe).unwrap_or_else(|| self.fail(what))
    }

    pub(crate) fn fail(&self, what: &str) -> ! {
        let webhooks = self.daemon.control.try_get("/v1/webhooks").map(|answer| answer.text);
        panic!(
            "not as expected: {what}\n--- the daemon's log\n{}\n--- the daemon's view\n{webhooks:?}\n--- the tenant\n{}",
            self.daemon.log(),
            self.sandbox.printed.lock().unwrap(),
        )
    }

    /// Why the last poll of the tenant failed, if it did.
    pub(crate) fn poll_error(&self) -> Option<String> {
        let status = self.daemon.status.get("/v1/status").json();
        status["tenants"][0]["last_poll_error"].as_str().map(str::to_owned)
    }

    /// Waits until the webhook is active with one key everywhere, and no renewal is under way.
    pub(crate) fn settled(&self, collection: &str) -> Value {
        self.eventually(&format!("{collection} is settled"), || {
            let webhook = self.daemon.webhook(collection);
            let settled = webhook["state"] == "active" && webhook["renewal"].is_null();
            (settled && self.keys_agree(collection)).then_some(webhook)
        })
    }

    /// Waits until a list has shown what the last POST made: before that, lists are taken to lag behind.
    pub(crate) fn shown(&self, collection: &str) {
        self.eventually(&format!("a list has shown {collection}"), || {
            let webhook = self.daemon.webhook(collection);
            let at = |value: &Value| value.as_str()?.parse::<jiff::Timestamp>().ok();
            (at(&webhook["remote"]["seen_at"])? > at(&webhook["key"]["rotated_at"])?).then_some(())
        });
    }

    /// Whether key on the socket = key in the file = key of the tenant.
    pub(crate) fn keys_agree(&self, collection: &str) -> bool {
        let Some(theirs) = self.sandbox.webhook(collection) else { return false };
        let (Some(socket), Ok(file)) =
            (self.daemon.key(collection), fs::read_to_string(self.key_file(collection)))
        else {
            return false;
        };
        theirs["key"] == socket.as_str() && file == socket
    }

    /// Waits until the last renewal of a webhook has this reason and succeeded.
    pub(crate) fn renewed(&self, collection: &str, reason: &str) {
        let wanted = format!("{reason} succeeded");
        self.eventually(&format!("{collection}: {wanted}"), || {
            self.daemon.story(collection).contains(&wanted).then_some(())
        });
        self.settled(collection);
    }

    /// Waits until the receiver holds everything that ever changed.
    pub(crate) fn nothing_lost(&self) {
        let changes = self.sandbox.changes();
        assert!(!changes.is_empty(), "a test of loss needs changes");
        if until(PATIENCE, || self.receiver.lost(&changes).is_empty().then_some(())).is_none() {
            let lost = self.receiver.lost(&changes);
            self.fail(&format!("{} of {} changes are lost: {lost:?}", lost.len(), changes.len()));
        }
    }
}

/// All tests share one process, and some of them have hundreds of connections.
fn allow_many_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(16_384, |maximum| maximum.min(16_384));
    if limit.current.is_some_and(|current| current < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).unwrap();
    }
}
