//! The temporary folder of the demo: for no one else's eyes, and gone afterwards.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::Context as _;
use tempfile::TempDir;

/// The longest path that leaves room for the name of a socket, of which Linux takes 107 bytes in all.
const LONGEST: usize = 90;

/// A new one of mode 0700 below the temporary folder, removed with everything in it when dropped, unless it is to
/// be kept.
pub(super) fn create(keep: bool) -> anyhow::Result<TempDir> {
    create_in(&std::path::absolute(std::env::temp_dir())?, keep)
}

fn create_in(parent: &Path, keep: bool) -> anyhow::Result<TempDir> {
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
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn it_is_private_and_goes_with_everything_in_it() {
        let parent = tempfile::tempdir().unwrap();
        let folder = create_in(parent.path(), false).unwrap();
        let path = folder.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        fs::write(path.join("file"), "x").unwrap();
        folder.close().unwrap();
        assert!(!path.exists());
        let dropped = create_in(parent.path(), false).unwrap().path().to_owned();
        assert!(!dropped.exists());
    }

    #[test]
    fn it_stays_if_it_is_to_be_kept() {
        let parent = tempfile::tempdir().unwrap();
        let mut folder = create_in(parent.path(), false).unwrap();
        folder.disable_cleanup(true);
        let path = folder.path().to_owned();
        drop(folder);
        assert!(path.exists());
        let kept = create_in(parent.path(), true).unwrap().path().to_owned();
        assert!(kept.exists());
    }

    #[test]
    fn a_path_that_is_too_long_is_refused_with_the_way_out() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(LONGEST));
        let error = create_in(&long, false).expect_err("too long").to_string();
        assert!(error.contains("TMPDIR"), "{error}");
    }
}
