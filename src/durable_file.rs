//! Files that are there whole or not at all: written aside, made durable, then put in their place.
//!
//! Laws: what lies aside is its writer's alone to read, and is removed when it is not put in its place, for it may
//! hold a key; it has a name that tells whose it is, since a writer that was killed leaves it behind; a file is
//! durable only with its folder, which has its name.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::Path,
};

use tempfile::{NamedTempFile, TempPath};

/// Of the number in the name of what lies aside.
const DIGITS: usize = 16;

/// The folder of a file; that of a bare name is the current one.
pub(crate) fn folder(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Writes a file of mode 0600, over one that is there only if it may be.
pub(crate) fn write(target: &Path, content: &[u8], may_replace: bool) -> io::Result<()> {
    let mut aside = aside(target)?;
    aside.as_file_mut().write_all(content)?;
    put(aside, target, may_replace)
}

/// An empty file of mode 0600 beside the target.
pub(crate) fn aside(target: &Path) -> io::Result<NamedTempFile> {
    let path = folder(target).join(aside_name(target, fastrand::u64(..)));
    // Not with its `Builder`, whose errors show this name, too.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(NamedTempFile::from_parts(file, TempPath::try_from_path(path)?))
}

/// Puts what was written aside in the target's place, at once. A link that is there is replaced and not followed.
pub(crate) fn put(aside: NamedTempFile, target: &Path, may_replace: bool) -> io::Result<()> {
    aside.as_file().sync_all()?;
    let put = if may_replace { aside.persist(target) } else { aside.persist_noclobber(target) };
    put.map_err(|error| error.error)?;
    File::open(folder(target))?.sync_all()
}

/// The name of the file that one of this name was written aside for, if it was.
pub(crate) fn of_aside(name: &OsStr) -> Option<&OsStr> {
    let name = name.as_bytes().strip_prefix(b".")?.strip_suffix(b".new")?;
    let (target, number) = name.split_at_checked(name.len().checked_sub(DIGITS)?)?;
    let target = target.strip_suffix(b".")?;
    let is_number = number.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    (is_number && !target.is_empty()).then(|| OsStr::from_bytes(target))
}

fn aside_name(target: &Path, number: u64) -> OsString {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{number:0DIGITS$x}.new"));
    name
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt as _};

    use super::*;

    #[test]
    fn a_file_is_there_whole_and_replaced_only_if_it_may_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.key");
        write(&target, b"one", false).expect("written");
        assert_eq!(fs::metadata(&target).expect("a file").permissions().mode() & 0o7777, 0o600);
        let refused = write(&target, b"two", false).expect_err("it is there");
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&target).expect("a file"), b"one");
        write(&target, b"three", true).expect("written");
        assert_eq!(fs::read(&target).expect("a file"), b"three");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing is left aside");
    }

    #[test]
    fn what_lies_aside_is_known_by_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let target = folder.path().join("a.key");
        let aside = aside(&target).expect("made");
        assert_eq!(of_aside(aside.path().file_name().expect("a name")), Some(OsStr::new("a.key")));
        for other in [
            "a.key",
            ".a.key.new",
            ".a.key.0123456789abcde.new",
            ".a.key.0123456789ABCDEF.new",
            ".0123456789abcdef.new",
        ] {
            assert_eq!(of_aside(OsStr::new(other)), None, "{other}");
        }
        drop(aside);
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
