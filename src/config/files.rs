//! Which files a configuration names, and for what.
//!
//! Law: no key is written over a file that the program reads, by whatever path either is named.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::{Path, PathBuf},
};

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// The files of a whole configuration, as far as it has been read.
pub(super) struct Files {
    read: HashMap<PathBuf, &'static str>,
    written: HashSet<PathBuf>,
}

impl Files {
    /// None is named.
    pub(super) fn new() -> Self {
        Self { read: HashMap::new(), written: HashSet::new() }
    }

    /// Notes a file that is read or otherwise in use, and what it is; tells whether a key is written to it.
    pub(super) fn reads(&mut self, path: &Path, what: &'static str) -> bool {
        let path = real(path);
        let is_written = self.written.contains(&path);
        self.read.entry(path).or_insert(what);
        is_written
    }

    /// Notes a file that a key is written to; tells what else it is.
    pub(super) fn writes(&mut self, path: &Path) -> Option<&'static str> {
        let path = real(path);
        let what = self.read.get(&path).copied();
        self.written.insert(path);
        what
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
