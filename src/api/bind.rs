//! Puts a listening Unix socket at a path, with exactly the permissions asked for.
//!
//! Laws:
//! - no one can connect before mode and group are right: the socket is made under another name, and
//!   does not listen before both are set;
//! - the path always holds the old socket or the finished new one, since a rename replaces it;
//! - only a dead socket is ever replaced. Anything else at the path is someone's, and left alone.
//!
//! The caller holds the lock of the state directory, so that no other daemon of the same state does
//! this at the same time.

use std::{
    ffi::OsStr,
    fs,
    io::{self, ErrorKind},
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{
            ffi::OsStrExt as _,
            fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
            net::{UnixListener, UnixStream},
        },
    },
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType},
};

use crate::unix_group::{self, UnknownGroup};

/// What a Unix socket's address holds at most, without its final NUL (`unix(7)`).
const LONGEST_ADDRESS: usize = 107;
const UNFINISHED: &str = ".new";
/// So many bytes of a socket's name are in its unfinished name where the whole path would be too long for an
/// address: what the kernel's own path of an open folder leaves room for.
const LONGEST_NAME: usize = 64;
/// How many connections may wait to be accepted; the kernel has a limit of its own. After a restart hundreds
/// of receivers come back at once, and one that finds no place and does not wait is refused.
const BACKLOG: i32 = 4096;

#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    #[error(
        "the socket's path {} has {} bytes and may have {LONGEST_ADDRESS}; configure a shorter one",
        .0.display(), .0.as_os_str().len()
    )]
    TooLong(PathBuf),
    #[error(
        "the folder {folder} of the socket {path} cannot be made: {source}; make it, writable for this user, or configure \
         another path"
    )]
    Folder { path: PathBuf, folder: PathBuf, source: io::Error },
    #[error("{0} exists and is not a socket, so it is left alone; move it away or configure another path")]
    NotASocket(PathBuf),
    #[error("another process listens on the socket {0}; stop it or configure another path")]
    InUse(PathBuf),
    #[error("the socket {path} cannot get its group: {source}")]
    Group { path: PathBuf, source: UnknownGroup },
    #[error(
        "the socket {path} cannot be handed to the group '{group}': {source}; the daemon's user must be a member of it"
    )]
    HandOver { path: PathBuf, group: String, source: io::Error },
    #[error(
        "cannot {doing} the socket {path}: {source}; the daemon's user must be able to write to its folder"
    )]
    Refused { path: PathBuf, doing: &'static str, source: io::Error },
}

/// A socket that listens. Its file goes with it, unless the file is another one by then.
#[derive(Debug)]
pub(crate) struct BoundSocket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode of the socket's file.
    file: (u64, u64),
}

impl BoundSocket {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Another handle of the listening end; it does not block.
    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for BoundSocket {
    fn drop(&mut self) {
        if identity(&self.path).is_ok_and(|file| file == self.file)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove the socket");
        }
    }
}

/// Listens at `path` with these permission bits, for this group (the daemon's own where it is `None`).
///
/// The folder is made where only it is missing; a dead socket is replaced.
pub(crate) fn bind(path: &Path, mode: u32, group: Option<&str>) -> Result<BoundSocket, BindError> {
    if path.as_os_str().as_bytes().len() > LONGEST_ADDRESS {
        return Err(BindError::TooLong(path.to_owned()));
    }
    let group = group
        .map(|name| unix_group::gid(name).map(|gid| (name, gid)))
        .transpose()
        .map_err(|source| BindError::Group { path: path.to_owned(), source })?;
    make_folder(path)?;
    refuse_what_lives(path)?;
    let unfinished = unfinished(path);
    remove_leftover(&unfinished)?;

    let socket = bound(&unfinished).map_err(refused(path, "make"))?;
    let finished = finish(&socket, &unfinished, path, mode, group)
        .and_then(|()| fs::rename(&unfinished, path).map_err(refused(path, "put in place")))
        .and_then(|()| identity(path).map_err(refused(path, "look at")));
    match finished {
        Ok(file) => Ok(BoundSocket { listener: UnixListener::from(socket), path: path.to_owned(), file }),
        Err(error) => {
            // Whatever this meets, the first error is the one to tell.
            let _ = fs::remove_file(&unfinished);
            Err(error)
        }
    }
}

/// The name under which a socket is made ready, in the same folder.
fn unfinished(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let is_short = path.as_os_str().len() + UNFINISHED.len() <= LONGEST_ADDRESS;
    let kept = if is_short { name } else { name.get(..LONGEST_NAME).unwrap_or(name) };
    let mut unfinished = OsStr::from_bytes(kept).to_owned();
    unfinished.push(UNFINISHED);
    path.with_file_name(unfinished)
}

fn bound(path: &Path) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    if path.as_os_str().len() <= LONGEST_ADDRESS {
        rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
        return Ok(socket);
    }
    // The finished path fits and this one does not: by way of its folder it does.
    let folder = path.parent().unwrap_or(Path::new("/"));
    let folder = rustix::fs::open(folder, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let short = format!("/proc/self/fd/{}", folder.as_raw_fd());
    let short = Path::new(&short).join(path.file_name().unwrap_or_default());
    rustix::net::bind(&socket, &SocketAddrUnix::new(&short)?)?;
    Ok(socket)
}

/// Sets group, then mode, and only then listens: until then a connection is refused.
fn finish(
    socket: &OwnedFd,
    unfinished: &Path,
    path: &Path,
    mode: u32,
    group: Option<(&str, u32)>,
) -> Result<(), BindError> {
    if let Some((name, gid)) = group {
        std::os::unix::fs::chown(unfinished, None, Some(gid)).map_err(|source| BindError::HandOver {
            path: path.to_owned(),
            group: name.to_owned(),
            source,
        })?;
    }
    fs::set_permissions(unfinished, fs::Permissions::from_mode(mode))
        .map_err(refused(path, "set the mode of"))?;
    rustix::net::listen(socket, BACKLOG).map_err(io::Error::from).map_err(refused(path, "listen on"))
}

fn refused(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> BindError {
    let path = path.to_owned();
    move |source| BindError::Refused { path, doing, source }
}

fn make_folder(path: &Path) -> Result<(), BindError> {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return Ok(()) };
    match fs::DirBuilder::new().mode(0o755).create(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !folder.is_dir() => {
            Err(BindError::Folder { path: path.to_owned(), folder: folder.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

/// An error unless the path is free or holds a socket at which no one listens.
fn refuse_what_lives(path: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(path, "look at")(error)),
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(path.to_owned())),
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::NotFound) => Ok(()),
        // A full backlog is a sign of life as well.
        Ok(_) => Err(BindError::InUse(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Err(BindError::InUse(path.to_owned())),
        Err(error) => Err(refused(path, "look at")(error)),
    }
}

/// Removes what an earlier start left under the unfinished name, if it is a socket.
fn remove_leftover(unfinished: &Path) -> Result<(), BindError> {
    match fs::symlink_metadata(unfinished) {
        Ok(found) if !found.file_type().is_socket() => Err(BindError::NotASocket(unfinished.to_owned())),
        Ok(_) => fs::remove_file(unfinished).map_err(refused(unfinished, "remove")),
        // What else is wrong shows, with a better name, when the socket is made.
        Err(_) => Ok(()),
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(test)]
mod tests;
