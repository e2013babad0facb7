//! Replaces a file at once and durably: written aside, given its owner and mode, synced, renamed.
//!
//! Everything here blocks. What a predecessor that was killed left aside for the file is removed on the way,
//! for it may hold a key.

use std::{
    fs::{self, File, Metadata, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
    time::SystemTime,
};

use rustix::fs::{OFlags, getxattr_query};
use tempfile::{NamedTempFile, PersistError};
use zeroize::Zeroizing;

use super::{
    folders::{Folder, Folders},
    place,
};
use crate::{durable_file, failpoint, unix_group};

/// A key file is far shorter than this; a larger file is not one of ours.
pub(super) const LARGEST: u64 = 64 * 1024;

/// What is written by way of trial: a block, so that a full disk shows.
const TRIAL: [u8; 4096] = [b'\n'; 4096];

/// Where Linux keeps who may read a file besides owner, group and others.
const ACCESS_LIST: &str = "system.posix_acl_access";

#[derive(Debug)]
pub(super) struct Target {
    /// Its path, which may be a symbolic link to it.
    pub(super) path: PathBuf,
    pub(super) mode: u32,
    /// Its group, if not the one that the folder or the process gives it.
    pub(super) group: Option<String>,
    pub(super) folders: Folders,
}

#[derive(Debug, thiserror::Error)]
#[error("key file {path}: {problem}")]
pub(super) struct FileError {
    path: String,
    problem: String,
}

impl Target {
    /// Puts `content` in the place of the file that is there; a symbolic link is followed to it.
    pub(super) fn replace(&self, content: &[u8]) -> Result<(), FileError> {
        let spot = self.spot()?;
        if fs::symlink_metadata(&spot.file).is_ok_and(|found| !found.is_file()) {
            spot.free()?;
        }
        spot.put(spot.write_aside(content, None)?)
    }

    /// Finds out whether [`Self::replace`] would succeed. A file that holds the current key is replaced, by a
    /// copy that nothing tells from it: nothing else proves that it can be. Of any other file the kernel's
    /// rules are looked at and another one is written beside it, because no one knows who reads it.
    pub(super) fn rehearse(&self, is_current: impl Fn(&[u8]) -> bool) -> Result<(), FileError> {
        let spot = self.spot()?;
        spot.free()?;
        if let Some((content, found)) = spot.read().filter(|(content, _)| is_current(content)) {
            let aside = spot.write_aside(&content, found.modified().ok())?;
            if is_like(aside.file.path(), &spot.file, &found) {
                return spot.put(aside);
            }
            aside.discard();
        }
        spot.write_aside(&TRIAL, None)?.discard();
        Ok(())
    }

    /// What can be seen to be wrong without writing anything, perhaps by another user than the daemon's.
    pub(super) fn look(&self) -> Result<(), FileError> {
        let spot = self.spot()?;
        match fs::metadata(spot.folder()) {
            Ok(folder) if !folder.is_dir() => Err(spot.explain(&io::ErrorKind::NotADirectory.into())),
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => Err(spot.explain(&error)),
            _ if place::is_read_only(spot.folder()) => Err(spot.error(&place::read_only(spot.folder()))),
            _ => spot.free(),
        }
    }

    /// The file's content, if it is an ordinary file with the right mode and group.
    pub(super) fn read(&self) -> Option<Zeroizing<Vec<u8>>> {
        self.spot().ok()?.read().map(|(content, _)| content)
    }

    fn spot(&self) -> Result<Spot<'_>, FileError> {
        match place::real(&self.path) {
            Ok(file) => Ok(Spot { target: self, file }),
            Err(problem) => Err(FileError { path: format!("'{}'", self.path.display()), problem }),
        }
    }
}

struct Spot<'a> {
    target: &'a Target,
    file: PathBuf,
}

/// What was written aside and synced, in its folder.
struct Aside {
    file: NamedTempFile,
    folder: Folder,
}

impl Aside {
    /// Removes it, for it may hold a key: now, or else at the next write of its file.
    fn discard(self) {
        let path = self.file.path().to_owned();
        if self.file.close().is_err() {
            self.folder.note_leftover(&path);
        }
    }
}

impl Spot<'_> {
    fn free(&self) -> Result<(), FileError> {
        place::obstacle(&self.file).map_or(Ok(()), |problem| Err(self.error(&problem)))
    }

    fn read(&self) -> Option<(Zeroizing<Vec<u8>>, Metadata)> {
        // Neither a link nor a pipe that was put there a moment ago is to be followed or waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.file).ok()?;
        let found = file.metadata().ok()?;
        let fits = found.is_file()
            && found.mode() & 0o7777 == self.target.mode
            && self.gid().ok()?.is_none_or(|gid| gid == found.gid())
            && found.len() <= LARGEST;
        let mut content = Zeroizing::new(Vec::with_capacity(LARGEST.try_into().ok()?));
        (fits && file.take(LARGEST).read_to_end(&mut content).is_ok()).then_some((content, found))
    }

    /// Puts what was written aside in the file's place, at once and durably. A link that is there is replaced.
    fn put(&self, Aside { file, folder }: Aside) -> Result<(), FileError> {
        failpoint::hit("key_file:aside");
        let put = match file.persist(&self.file) {
            Ok(_) => {
                failpoint::hit("key_file:put");
                folder.sync()
            }
            Err(PersistError { error, file }) => {
                Aside { file, folder }.discard();
                Err(error)
            }
        };
        put.map_err(|error| match place::obstacle(&self.file) {
            Some(problem) => self.error(&problem),
            None => self.explain(&error),
        })
    }

    fn write_aside(&self, content: &[u8], modified: Option<SystemTime>) -> Result<Aside, FileError> {
        let gid = self.gid()?;
        // Before anything is written: a folder that cannot be opened cannot be synced.
        let folder = self.target.folders.open(self.folder()).map_err(|error| self.explain(&error))?;
        let name = self.file.file_name().unwrap_or_default();
        folder.remove_leftovers(name).map_err(|error| self.explain(&error))?;
        let file = durable_file::aside(&self.file).map_err(|error| self.explain(&error))?;
        let aside = Aside { file, folder };
        match self.fill(aside.file.as_file(), content, gid, modified) {
            Ok(()) => Ok(aside),
            Err(error) => {
                aside.discard();
                Err(error)
            }
        }
    }

    fn fill(
        &self,
        mut file: &File,
        content: &[u8],
        gid: Option<u32>,
        modified: Option<SystemTime>,
    ) -> Result<(), FileError> {
        file.write_all(content).map_err(|error| self.explain(&error))?;
        if let Some(gid) = gid {
            fchown(file, None, Some(gid)).map_err(|error| {
                let group = self.target.group.as_deref().unwrap_or_default();
                self.error(&format!(
                    "cannot give group '{group}' ({gid}) to it: {error}; add the daemon's user to the group"
                ))
            })?;
        }
        // After the group: until then the mode would let the wrong group in.
        let mode = Permissions::from_mode(self.target.mode);
        file.set_permissions(mode).map_err(|error| self.explain(&error))?;
        if let Some(modified) = modified {
            file.set_modified(modified).map_err(|error| self.explain(&error))?;
        }
        file.sync_all().map_err(|error| self.explain(&error))
    }

    fn gid(&self) -> Result<Option<u32>, FileError> {
        let Some(name) = &self.target.group else { return Ok(None) };
        unix_group::gid(name).map(Some).map_err(|error| self.error(&error.to_string()))
    }

    fn folder(&self) -> &Path {
        durable_file::folder(&self.file)
    }

    fn explain(&self, error: &io::Error) -> FileError {
        let folder = self.folder().display();
        self.error(&match error.kind() {
            io::ErrorKind::NotFound => {
                format!("folder '{folder}' does not exist; create it, writable for the daemon's user")
            }
            io::ErrorKind::NotADirectory => format!("'{folder}' is not a folder; correct the path"),
            io::ErrorKind::PermissionDenied => {
                format!("the daemon's user may not read and write folder '{folder}'; allow it both")
            }
            io::ErrorKind::ReadOnlyFilesystem => place::read_only(self.folder()),
            _ => format!("cannot write it in folder '{folder}': {error}"),
        })
    }

    fn error(&self, problem: &str) -> FileError {
        let path = self.target.path.display();
        // Of a link, both ends: what is wrong is wrong at the other one.
        let path = if self.file == self.target.path {
            format!("'{path}'")
        } else {
            format!("'{path}' (a link to '{}')", self.file.display())
        };
        FileError { path, problem: problem.to_owned() }
    }
}

/// Whether what was written aside has the owners, the mode and the readers of the file in whose place it would come,
/// and that file no other name.
fn is_like(aside: &Path, file: &Path, found: &Metadata) -> bool {
    let owners = |of: &Metadata| (of.uid(), of.gid(), of.mode());
    let lists = |path: &Path| getxattr_query(path, ACCESS_LIST).is_ok_and(|length| length > 0);
    found.nlink() == 1
        && fs::symlink_metadata(aside).is_ok_and(|own| owners(&own) == owners(found))
        && lists(aside) == lists(file)
}
