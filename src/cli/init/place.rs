//! The file in its place: whole or not at all, and never over another one that no one gave up.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown},
    path::{Path, PathBuf},
};

use anyhow::Context as _;

use crate::{cli::failure::Failure, unix_group};

/// The group of the service, which must be able to read the file.
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
    let aside = aside(&target)?;
    let group = match target.metadata() {
        Ok(old) => Some(old.gid()),
        Err(_) if rustix::process::geteuid().is_root() => unix_group::gid(GROUP).ok(),
        Err(_) => None,
    };
    let done = fill(&aside, text, group).and_then(|()| {
        // A link, unlike a rename, fails where someone else was faster.
        if force { fs::rename(&aside, &target) } else { fs::hard_link(&aside, &target) }
    });
    // After a rename it is gone; if it cannot be removed, the error below matters more.
    let _ = fs::remove_file(&aside);
    match done {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !force => Err(exists(&target).into()),
        Err(error) => Err(error).with_context(|| format!("cannot write {}", target.display())),
        Ok(()) => {
            let folder = target.parent().unwrap_or(&target);
            let durable = File::open(folder).and_then(|folder| folder.sync_all());
            durable.with_context(|| format!("{} may not survive a power loss", target.display()))
        }
    }
}

fn exists(target: &Path) -> Failure {
    let target = target.display();
    Failure::Usage(format!(
        "{target} is there already; --force replaces it, --output FILE writes another one"
    ))
}

/// A name beside the target, of this process alone.
fn aside(target: &Path) -> anyhow::Result<PathBuf> {
    let name =
        target.file_name().with_context(|| format!("{} is not the name of a file", target.display()))?;
    let folder = std::path::absolute(target)?.parent().map(Path::to_owned).unwrap_or_default();
    if !folder.is_dir() {
        anyhow::bail!("there is no folder {0}; make it (install -d -m 0755 {0})", folder.display());
    }
    Ok(folder.join(format!(".{}.{}", name.to_string_lossy(), std::process::id())))
}

fn fill(aside: &Path, text: &str, group: Option<u32>) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(aside)?;
    file.write_all(text.as_bytes())?;
    fchown(&file, None, group)?;
    file.set_permissions(fs::Permissions::from_mode(0o640))?;
    file.sync_all()
}
