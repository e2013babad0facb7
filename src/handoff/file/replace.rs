//! Replaces a file at once and durably: written aside, given its owner and mode, synced, renamed.
//!
//! Everything here blocks. What a predecessor that was killed left aside is removed on the way,
//! for it may hold a key.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::unix_group;

/// A key file is far shorter than this; a larger file is not one of ours.
const LARGEST: u64 = 64 * 1024;

/// What is written by way of trial: a block, so that a full disk shows.
const TRIAL: [u8; 4096] = [b'\n'; 4096];

/// Where a file is to be, and who may read it.
#[derive(Debug)]
pub(super) struct Target {
    /// Its path.
    pub(super) path: PathBuf,
    /// Its permission bits.
    pub(super) mode: u32,
    /// Its group, if not the one that the folder or the process gives it.
    pub(super) group: Option<String>,
}

/// Why a file could not be written, and what would be right.
#[derive(Debug, thiserror::Error)]
#[error("key file '{path}': {problem}")]
pub(super) struct FileError {
    path: String,
    problem: String,
}

impl Target {
    /// Puts `content` in the place of whatever is there; a symbolic link is replaced, not followed.
    pub(super) fn replace(&self, content: &[u8]) -> Result<(), FileError> {
        let aside = self.write_aside(content)?;
        fs::rename(&aside.path, &self.path).map_err(|error| match error.kind() {
            io::ErrorKind::IsADirectory => self.error("there is a folder of this name; remove it"),
            _ => self.explain(&error),
        })?;
        // The name is durable only with the folder.
        File::open(self.folder()).and_then(|folder| folder.sync_all()).map_err(|error| self.explain(&error))
    }

    /// Does everything that [`Self::replace`] does, except replacing.
    pub(super) fn rehearse(&self) -> Result<(), FileError> {
        if self.path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
            return Err(self.error("there is a folder of this name; remove it"));
        }
        self.write_aside(&TRIAL)?;
        File::open(self.folder()).map(drop).map_err(|error| self.explain(&error))
    }

    /// The file's content, if it is an ordinary file with the right mode and group.
    pub(super) fn read(&self) -> Option<Zeroizing<Vec<u8>>> {
        // Neither a link nor a pipe that somebody put there is to be followed or waited for.
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path).ok()?;
        let found = file.metadata().ok()?;
        let fits = found.is_file()
            && found.mode() & 0o7777 == self.mode
            && self.gid().ok()?.is_none_or(|gid| gid == found.gid())
            && found.len() <= LARGEST;
        let mut content = Zeroizing::new(Vec::with_capacity(LARGEST.try_into().ok()?));
        (fits && file.take(LARGEST).read_to_end(&mut content).is_ok()).then_some(content)
    }

    fn write_aside(&self, content: &[u8]) -> Result<Aside, FileError> {
        let gid = self.gid()?;
        self.remove_leftovers()?;
        let aside = Aside { path: self.folder().join(self.aside_name(fastrand::u64(..))) };
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&aside.path)
            .map_err(|error| self.explain(&error))?;
        file.write_all(content).map_err(|error| self.explain(&error))?;
        if let Some(gid) = gid {
            fchown(&file, None, Some(gid)).map_err(|error| {
                let group = self.group.as_deref().unwrap_or_default();
                self.error(&format!(
                    "cannot give group '{group}' ({gid}) to it: {error}; add the daemon's user to the group"
                ))
            })?;
        }
        // After the group: until then the mode would let the wrong group in.
        file.set_permissions(Permissions::from_mode(self.mode)).map_err(|error| self.explain(&error))?;
        file.sync_all().map_err(|error| self.explain(&error))?;
        Ok(aside)
    }

    fn remove_leftovers(&self) -> Result<(), FileError> {
        for entry in fs::read_dir(self.folder()).map_err(|error| self.explain(&error))? {
            let entry = entry.map_err(|error| self.explain(&error))?;
            if self.is_aside(&entry.file_name())
                && let Err(error) = fs::remove_file(entry.path())
            {
                let path = entry.path();
                tracing::warn!(path = %path.display(), %error, "a leftover key file could not be removed");
            }
        }
        Ok(())
    }

    fn aside_name(&self, number: u64) -> OsString {
        let mut name = OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(format!(".{number:016x}.new"));
        name
    }

    fn is_aside(&self, name: &OsStr) -> bool {
        name.to_str()
            .and_then(|name| name.strip_suffix(".new"))
            .and_then(|name| name.get(name.len().checked_sub(16)?..))
            .and_then(|number| u64::from_str_radix(number, 16).ok())
            .is_some_and(|number| self.aside_name(number) == name)
    }

    fn gid(&self) -> Result<Option<u32>, FileError> {
        let Some(name) = &self.group else { return Ok(None) };
        unix_group::gid(name).map(Some).map_err(|error| self.error(&error.to_string()))
    }

    /// The folder; that of a bare file name is the current one.
    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
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
            io::ErrorKind::ReadOnlyFilesystem => format!(
                "folder '{folder}' is read-only here; in a systemd unit, ReadWritePaths={folder} allows writing"
            ),
            _ => format!("cannot write it in folder '{folder}': {error}"),
        })
    }

    fn error(&self, problem: &str) -> FileError {
        FileError { path: self.path.display().to_string(), problem: problem.to_owned() }
    }
}

/// A file that was written aside; removed when dropped, unless it was renamed.
struct Aside {
    path: PathBuf,
}

impl Drop for Aside {
    fn drop(&mut self) {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(path = %self.path.display(), %error, "a leftover key file could not be removed");
            }
            _ => {}
        }
    }
}
