//! The file in its place: whole or not at all, and never over another one that no one gave up.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown},
    path::Path,
};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::{cli::failure::Failure, durable_file, unix_group};

const GROUP: &str = "protime-webhookd";

/// Refuses early what [`write()`] would refuse.
pub(super) fn may_write(target: &Path, force: bool) -> Result<(), Failure> {
    if target.symlink_metadata().is_ok() && !force { Err(exists(target)) } else { Ok(()) }
}

/// Writes the file with mode 0640: aside, made durable, then put in its place. The group is that of the
/// file that is replaced; a new one of root's gets the group of the service, if there is one.
pub(super) fn write(target: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    // Behind a symbolic link lies the file that is meant.
    let target = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
    let folder = durable_file::folder(&target);
    if target.file_name().is_none() {
        anyhow::bail!("{} is not the name of a file", target.display());
    }
    if !folder.is_dir() {
        anyhow::bail!("there is no folder {0}; make it (install -d -m 0755 {0})", folder.display());
    }
    let group = match target.metadata() {
        Ok(old) => Some(old.gid()),
        Err(_) if rustix::process::geteuid().is_root() => unix_group::gid(GROUP).ok(),
        Err(_) => None,
    };
    match fill(&target, text, group).and_then(|aside| durable_file::put(aside, &target, force)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !force => Err(exists(&target).into()),
        done => done.with_context(|| format!("cannot write {}", target.display())),
    }
}

fn exists(target: &Path) -> Failure {
    let target = target.display();
    Failure::Usage(format!(
        "{target} is there already; --force replaces it, --output FILE writes another one"
    ))
}

fn fill(target: &Path, text: &str, group: Option<u32>) -> io::Result<NamedTempFile> {
    let mut aside = durable_file::aside(target)?;
    let file = aside.as_file_mut();
    file.write_all(text.as_bytes())?;
    fchown(&*file, None, group)?;
    file.set_permissions(fs::Permissions::from_mode(0o640))?;
    Ok(aside)
}
