//! Where the daemon's sockets are: the configuration says so, or else the default does.
//!
//! The file may be for root and the daemon's group alone, while the status socket is for everybody.
//! So whoever may not read the file is sent to the default socket, with a word about it. A file that
//! is missing or wrong is still an error: then nobody can say what was meant.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use super::output;
use crate::config::{self, Config};

/// The paths of both sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sockets {
    /// The one that is read only.
    pub(super) status: PathBuf,
    /// The one that takes orders.
    pub(super) control: PathBuf,
}

impl Sockets {
    /// The sockets that a configuration names.
    pub(super) fn of(config: &Config) -> Self {
        Self { status: config.daemon.status_socket.clone(), control: config.daemon.control_socket.clone() }
    }

    /// The sockets that a configuration names which says nothing of them.
    pub(super) fn usual() -> Self {
        let (status, control) = config::usual_sockets();
        Self { status, control }
    }

    /// The sockets that the file names, or the default ones where this user may not read it.
    pub(super) fn find(file: &Path, load: impl FnOnce() -> anyhow::Result<Config>) -> anyhow::Result<Self> {
        if !is_forbidden(file) {
            return load().map(|config| Self::of(&config));
        }
        let sockets = Self::usual();
        output::note(&format!(
            "note: this user may not read {}; asking the daemon at its usual place, {}",
            file.display(),
            sockets.status.display()
        ))?;
        Ok(sockets)
    }
}

/// Whether only a permission keeps this user from the file.
fn is_forbidden(file: &Path) -> bool {
    fs::File::open(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_not_forbidden() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("config.toml");
        assert!(!is_forbidden(&file));
        let error = Sockets::find(&file, || anyhow::bail!("asked for it")).expect_err("nothing to read");
        assert_eq!(error.to_string(), "asked for it");
    }
}
