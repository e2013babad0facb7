//! The folders that key files are in: what was left aside there, and one sync for all that were renamed meanwhile.
//!
//! Laws: a folder is listed once in the life of a process, however many files it has and however often they are
//! written; what a writer that was killed left aside for a file is removed at the next write of that file, for it may
//! hold a key; a sync counts only for what was renamed before it began.

#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs::{self, File, Metadata, OpenOptions},
    io,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fs::{AtFlags, Dir, OFlags, unlinkat},
    io::Errno,
};

use crate::durable_file;

/// Device and inode: what stays the same when something else is mounted over a path or renamed to it.
type Id = (u64, u64);

/// What this process knows of folders. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Folders(Arc<Mutex<HashMap<Id, Arc<Known>>>>);

#[derive(Debug, Default)]
struct Known {
    /// What lies aside, by the file that it was written for; `None` before the folder was listed. What this process
    /// writes aside it removes itself, so nothing is added later but what it could not remove.
    leftovers: Mutex<Option<Leftovers>>,
    syncs: Syncs,
}

type Leftovers = HashMap<OsString, Vec<OsString>>;

/// One that is open, so that it can be synced.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    file: File,
    known: Arc<Known>,
    all: Folders,
}

impl Folders {
    pub(super) fn open(&self, path: &Path) -> io::Result<Folder> {
        let flags = OFlags::DIRECTORY.bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let known = Arc::clone(lock(&self.0).entry(id(&file.metadata()?)).or_default());
        Ok(Folder { path: path.to_owned(), file, known, all: self.clone() })
    }
}

impl Folder {
    /// Removes what was left aside for a file of this name.
    pub(super) fn remove_leftovers(&self, file: &OsStr) -> io::Result<()> {
        // Of this folder only: one that hangs holds up no other.
        let mut known = lock(&self.known.leftovers);
        let leftovers = match &mut *known {
            Some(leftovers) => leftovers,
            unlisted => unlisted.insert(list(&self.file)?),
        };
        let Some(names) = leftovers.remove(file) else { return Ok(()) };
        let stay: Vec<OsString> = names.into_iter().filter(|name| !self.remove(name)).collect();
        if !stay.is_empty() {
            leftovers.insert(file.to_owned(), stay);
        }
        Ok(())
    }

    /// Whether it is gone.
    fn remove(&self, name: &OsStr) -> bool {
        match unlinkat(&self.file, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => true,
            Err(error) => {
                let (path, error) = (self.path.join(name), io::Error::from(error));
                tracing::warn!(path = %path.display(), %error, "a leftover key file could not be removed");
                false
            }
        }
    }

    /// Notes that something lies aside that could not be removed; it is tried again at the next write of its file.
    pub(super) fn note_leftover(&self, aside: &Path) {
        let Some((name, file)) =
            aside.file_name().and_then(|name| Some((name, durable_file::of_aside(name)?)))
        else {
            return;
        };
        // Where it was not listed yet, it is found when it is.
        if let Some(leftovers) = &mut *lock(&self.known.leftovers) {
            leftovers.entry(file.to_owned()).or_default().push(name.to_owned());
        }
    }

    /// Makes durable what was renamed in it.
    pub(super) fn sync(&self) -> io::Result<()> {
        if id(&fs::metadata(&self.path)?) == id(&self.file.metadata()?) {
            return self.known.syncs.join(|| self.file.sync_all());
        }
        // Another folder has come in its place, and the rename may have been in that one.
        self.all.open(&self.path)?.file.sync_all()
    }
}

/// Syncs of a folder, each for all who asked before it began.
#[derive(Debug, Default)]
struct Syncs {
    count: Mutex<Count>,
    one_ended: Condvar,
}

#[derive(Debug, Default)]
struct Count {
    begun: u64,
    ended: u64,
    /// Which one failed last, and why.
    failed: Option<(u64, Failure)>,
}

#[derive(Debug, Clone, Copy)]
enum Failure {
    Code(i32),
    Kind(io::ErrorKind),
}

impl Syncs {
    /// Waits for a sync that begins from now on, and makes it where no one else does.
    fn join(&self, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut sync = Some(sync);
        let mut count = lock(&self.count);
        // One that runs may have begun before the rename of the one who asks.
        let wanted = count.begun + 1;
        while count.ended < wanted {
            if count.begun > count.ended {
                count = self.one_ended.wait(count).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let Some(sync) = sync.take() else { break };
            count.begun += 1;
            drop(count);
            let failure = sync().err().map(Failure::of);
            count = lock(&self.count);
            count.ended = count.begun;
            count.failed = failure.map(|failure| (count.ended, failure)).or(count.failed);
            self.one_ended.notify_all();
        }
        // The system tells of a failure once: a later success says nothing of what was renamed before.
        match count.failed {
            Some((which, failure)) if which >= wanted => Err(failure.into()),
            _ => Ok(()),
        }
    }
}

impl Failure {
    #[expect(clippy::needless_pass_by_value, reason = "it is what `map` gives")]
    fn of(error: io::Error) -> Self {
        error.raw_os_error().map_or(Self::Kind(error.kind()), Self::Code)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Code(code) => Self::from_raw_os_error(code),
            Failure::Kind(kind) => kind.into(),
        }
    }
}

fn list(folder: &File) -> io::Result<Leftovers> {
    let mut leftovers = Leftovers::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if let Some(file) = durable_file::of_aside(name) {
            leftovers.entry(file.to_owned()).or_default().push(name.to_owned());
        }
    }
    Ok(leftovers)
}

fn id(found: &Metadata) -> Id {
    (found.dev(), found.ino())
}

/// What the locks of this file guard is whole between any two lines, so a panic spoils none of it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
