//! Where a key file really is, and what keeps it from being replaced.
//!
//! Laws: a link is followed to the file that is meant, but only a link of root's or of the daemon's own user:
//! anyone else who may make one could send a key over a file of the daemon's; what stands in the way is
//! named with what would be right; nothing here changes anything.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, StatVfsMountFlags, StatxAttributes, StatxFlags, statvfs, statx, unlinkat},
    io::Errno,
    process::geteuid,
};

use crate::durable_file::folder;

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// The bit of a folder in which everyone removes only what is their own.
const STICKY: u32 = 0o1000;

/// The file that a path means; it need not exist.
pub(super) fn real(path: &Path) -> Result<PathBuf, String> {
    let mut at = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(link) = fs::symlink_metadata(&at) else { return Ok(at) };
        if !link.is_symlink() {
            return Ok(at);
        }
        if ![0, geteuid().as_raw()].contains(&link.uid()) {
            return Err(format!(
                "'{}' is a symbolic link of {}, and only one of root or of the daemon's user is followed; give it to \
                 one of them (chown -h), or configure the file that it leads to",
                at.display(),
                user(link.uid())
            ));
        }
        let to = fs::read_link(&at)
            .map_err(|error| format!("the symbolic link '{}' cannot be read: {error}", at.display()))?;
        let to = folder(&at).join(to);
        if to.file_name().is_none() {
            return Err(format!(
                "'{}' is a symbolic link that leads to no file; let it lead to a path that ends in a name",
                at.display()
            ));
        }
        at = to;
    }
    Err("its symbolic links lead in a circle; let the last one lead to a file".to_owned())
}

/// What keeps a file of this name, which is no link, from being replaced by a rename: the kernel's rules, as
/// far as they can be looked at. Whether the folder may be written is found out by writing.
pub(super) fn obstacle(file: &Path) -> Option<String> {
    let folder = folder(file);
    if let Some(what) = attributes(folder).and_then(lock) {
        return Some(format!(
            "its folder '{}' is {}, so that nothing in it can be replaced; 'chattr -{} {0}' ends that",
            folder.display(),
            what.0,
            what.1
        ));
    }
    let found = fs::symlink_metadata(file).ok()?;
    if found.is_dir() {
        return Some("there is a folder of this name; remove it".to_owned());
    }
    if !found.is_file() {
        return Some(
            "there is a pipe, a socket or a device of this name; remove it, or configure another path"
                .to_owned(),
        );
    }
    let shown = file.display();
    let marks = attributes(file).unwrap_or(StatxAttributes::empty());
    if marks.contains(StatxAttributes::MOUNT_ROOT) {
        return Some(format!(
            "it is a mount point of its own, which no rename can replace (EBUSY); mount its folder '{}' instead of \
             the file",
            folder.display()
        ));
    }
    if let Some((what, letter)) = lock(marks) {
        return Some(format!("it is {what} and cannot be replaced; 'chattr -{letter} {shown}' ends that"));
    }
    not_removable(file, &found)
}

/// What the kernel says to removing the file. It is asked to remove it as a folder: it looks at the right to
/// do so first, and a file is none.
fn not_removable(file: &Path, found: &fs::Metadata) -> Option<String> {
    let folder = folder(file);
    match unlinkat(CWD, file, AtFlags::REMOVEDIR) {
        Err(Errno::PERM) => {}
        Err(Errno::ROFS) => return Some(read_only(folder)),
        _ => return None,
    }
    let above = fs::metadata(folder).ok().filter(|above| above.mode() & STICKY != 0);
    Some(match above {
        Some(above) => format!(
            "it belongs to {} and its folder '{}' is sticky, so that only {} and {} may replace it; give the file to \
             the daemon's user (chown), or use a folder that is not shared",
            user(found.uid()),
            folder.display(),
            user(found.uid()),
            user(above.uid()),
        ),
        None => format!(
            "the system does not let it be replaced ({}); see what protects it ('lsattr {}' shows one kind)",
            io::Error::from(Errno::PERM),
            file.display()
        ),
    })
}

pub(super) fn is_read_only(folder: &Path) -> bool {
    statvfs(folder).is_ok_and(|found| found.f_flag.contains(StatVfsMountFlags::RDONLY))
}

pub(super) fn read_only(folder: &Path) -> String {
    let folder = folder.display();
    format!("folder '{folder}' is read-only here; in a systemd unit, ReadWritePaths={folder} allows writing")
}

/// The marks that the file system and the kernel know of this very file; `None` where they tell nothing.
fn attributes(file: &Path) -> Option<StatxAttributes> {
    let found = statx(CWD, file, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MODE).ok()?;
    Some(found.stx_attributes & found.stx_attributes_mask)
}

/// The mark that keeps a file as it is, and its letter for `chattr`.
fn lock(marks: StatxAttributes) -> Option<(&'static str, char)> {
    if marks.contains(StatxAttributes::IMMUTABLE) {
        Some(("immutable", 'i'))
    } else if marks.contains(StatxAttributes::APPEND) {
        Some(("append-only", 'a'))
    } else {
        None
    }
}

fn user(uid: u32) -> String {
    uzers::get_user_by_uid(uid)
        .map_or_else(|| format!("user {uid}"), |user| format!("'{}'", user.name().to_string_lossy()))
}
