//! What must be judged over the whole configuration: what must not be there twice, and which files are used.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::Offset};
use reqwest::Url;

use super::{settings::SecretSource, value::Firsts};
use crate::domain::webhook::{Pair, TenantName};

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// What tenants are judged by besides what they say.
#[derive(Default)]
pub(super) struct Seen {
    /// The last day that has begun anywhere.
    pub(super) today: Date,
    /// Where the daemon's own files are, if that is known.
    pub(super) state_dir: Option<PathBuf>,
    pub(super) tenants: Firsts<TenantName>,
    /// What Protime tells webhooks apart by: whose it is, and its pair.
    pub(super) pairs: Firsts<(Url, Pair)>,
    /// What Protime tells deltas apart by: whose it is, who asks, and the collection in small letters.
    pub(super) deltas: Firsts<(Url, String, String)>,
    /// Files that keys are written to.
    pub(super) sinks: Firsts<PathBuf>,
    /// Where systemd shows secrets, if it does.
    pub(super) credentials: Option<PathBuf>,
    /// Files that are read or otherwise in use, and what they are.
    read: HashMap<PathBuf, &'static str>,
    written: HashSet<PathBuf>,
}

impl Seen {
    pub(super) fn new(now: Timestamp, credentials: Option<PathBuf>) -> Self {
        let today = Offset::UTC.to_datetime(now).date().saturating_add(1.day());
        Self { today, credentials, ..Self::default() }
    }

    /// Notes a file that is read or otherwise in use, and what it is; tells whether a key is written to it.
    pub(super) fn reads(&mut self, path: &Path, what: &'static str) -> bool {
        let path = real(path);
        let is_written = self.written.contains(&path);
        self.read.entry(path).or_insert(what);
        is_written
    }

    /// The same of the file that holds a secret, if a file does.
    pub(super) fn reads_secret(&mut self, source: &SecretSource) -> bool {
        let path = match source {
            SecretSource::File(path) => Some(path.clone()),
            SecretSource::Credential(name) => self.credentials.as_ref().map(|folder| folder.join(name)),
            SecretSource::Env(_) => None,
        };
        path.is_some_and(|path| self.reads(&path, "the file of a secret"))
    }

    /// Notes a file that a key is written to; tells what else it is. No key is written over a file that the
    /// program reads, by whatever path either is named.
    pub(super) fn writes(&mut self, path: &Path) -> Option<&'static str> {
        let path = real(path);
        let what = self.read.get(&path).copied();
        self.written.insert(path);
        what
    }

    /// Whether a path is the database, one of its companions, or the lock.
    pub(super) fn is_the_daemons_own(&self, path: &Path) -> bool {
        let Some(state_dir) = &self.state_dir else { return false };
        let path = real(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        path.parent() == Some(&*real(state_dir)) && (name == "lock" || name.starts_with("state.db"))
    }
}

/// The file that a path means: links are followed, also to what does not exist yet.
pub(super) fn real(path: &Path) -> PathBuf {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        if let Ok(found) = fs::canonicalize(&at) {
            return found;
        }
        let Ok(link) = fs::read_link(&at) else { break };
        at = at.parent().unwrap_or(Path::new("")).join(link);
    }
    match (at.parent().map(fs::canonicalize), at.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => at,
    }
}
