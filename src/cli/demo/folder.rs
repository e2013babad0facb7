//! The temporary folder of the demo: for no one else's eyes, and gone afterwards.

use std::{fs::Permissions, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context as _;
use tempfile::TempDir;

/// The longest path that leaves room for the name of a socket, of which Linux takes 107 bytes in all.
const LONGEST: usize = 90;

/// A folder of mode 0700, removed with everything in it when dropped, unless it is to be kept.
pub(super) struct Folder {
    dir: TempDir,
    keep: bool,
}

impl Folder {
    /// A new one below the temporary folder.
    pub(super) fn create(keep: bool) -> anyhow::Result<Self> {
        let parent = std::path::absolute(std::env::temp_dir())?;
        Self::create_in(&parent, keep)
    }

    fn create_in(parent: &Path, keep: bool) -> anyhow::Result<Self> {
        let private = Permissions::from_mode(0o700);
        let new = tempfile::Builder::new().prefix("protime-demo-").permissions(private).tempdir_in(parent);
        let mut dir = new.with_context(|| {
            format!("cannot create a folder in {}; set TMPDIR to a folder of yours", parent.display())
        })?;
        let fits = dir.path().to_str().is_some_and(|text| text.len() <= LONGEST);
        anyhow::ensure!(
            fits,
            "{} cannot be the place of a Unix socket, whose path is UTF-8 of at most 107 bytes; set TMPDIR to a folder with a \
             shorter path",
            parent.display()
        );
        dir.disable_cleanup(keep);
        Ok(Self { dir, keep })
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn keep(&mut self) {
        self.keep = true;
        self.dir.disable_cleanup(true);
    }

    pub(super) fn is_kept(&self) -> bool {
        self.keep
    }

    /// Removes it with everything in it, unless it is to be kept, and tells if that does not work.
    pub(super) fn end(self) -> io::Result<()> {
        if self.keep { Ok(()) } else { self.dir.close() }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_private_and_goes_with_everything_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = Folder::create_in(parent.path(), false).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("file"), "x").unwrap();
        folder.end().unwrap();
        assert!(!path.exists());
        let dropped = Folder::create_in(parent.path(), false).unwrap().path().to_owned();
        assert!(!dropped.exists());
    }

    #[test]
    fn it_stays_if_it_is_to_be_kept() {
        let parent = tempfile::tempdir().unwrap();
        let mut folder = Folder::create_in(parent.path(), false).unwrap();
        folder.keep();
        let path = folder.path().to_owned();
        folder.end().unwrap();
        assert!(path.exists());
    }

    #[test]
    fn a_path_that_is_too_long_is_refused_with_the_way_out() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(LONGEST));
        let error = Folder::create_in(&long, false).err().expect("too long").to_string();
        assert!(error.contains("TMPDIR"), "{error}");
    }
}
