//! Where the daemon's sockets are: the configuration says so, or else the default does.

use std::{
    io::ErrorKind,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{client::Client, failure, output};
use crate::{
    config::{self, Config},
    regular_file,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sockets {
    pub(super) status: PathBuf,
    pub(super) control: PathBuf,
    /// Whether the file is wrong, and a daemon works on with an earlier one.
    file_is_wrong: bool,
}

impl Sockets {
    pub(super) fn of(config: &Config) -> Self {
        Self::at((config.daemon.status_socket.clone(), config.daemon.control_socket.clone()))
    }

    /// The sockets that a configuration names which says nothing of them.
    pub(super) fn usual() -> Self {
        Self::at(config::usual_sockets())
    }

    fn at((status, control): (PathBuf, PathBuf)) -> Self {
        Self { status, control, file_is_wrong: false }
    }

    /// The sockets that the file names, or the default ones where this user may not read it: it may be for
    /// root and the daemon's group alone, while the status socket is for everyone. A file that is missing is
    /// an error, since no one can say what was meant.
    pub(super) fn find(file: &Path, load: impl FnOnce() -> anyhow::Result<Config>) -> anyhow::Result<Self> {
        if !is_forbidden(file) {
            return load().map(|config| Self::of(&config)).or_else(|wrong| Self::in_spite_of(file, wrong));
        }
        let sockets = Self::usual();
        output::note(&format!(
            "note: this user may not read {}; asking the daemon at its usual place, {}",
            file.display(),
            sockets.status.display()
        ))?;
        Ok(sockets)
    }

    /// A client that is told as much as this user may know: of the control socket where it may be used, of
    /// the status socket otherwise.
    pub(super) fn most_telling(&self) -> anyhow::Result<Client> {
        if UnixStream::connect(&self.control).is_ok() {
            Client::control(&self.control)
        } else {
            Client::status(&self.status)
        }
    }

    /// The exit code of a command that used them: nothing is fine while the file is wrong.
    pub(super) fn judged(&self, code: ExitCode) -> ExitCode {
        let is_fine = code == ExitCode::SUCCESS;
        if is_fine && self.file_is_wrong { ExitCode::from(failure::CONFIGURATION) } else { code }
    }

    /// The sockets of a daemon that works on with the file as it was before someone spoilt it. If no one
    /// listens there, what is wrong with the file is the answer.
    fn in_spite_of(file: &Path, wrong: anyhow::Error) -> anyhow::Result<Self> {
        let likely = config::likely_sockets(file).filter(|(status, _)| UnixStream::connect(status).is_ok());
        let Some((status, control)) = likely else { return Err(wrong) };
        output::note(&format!(
            "note: {} is wrong, as 'protime-webhookd check' explains; asking the daemon that works with an earlier \
             one, at {}",
            file.display(),
            status.display()
        ))?;
        Ok(Self { status, control, file_is_wrong: true })
    }
}

fn is_forbidden(file: &Path) -> bool {
    regular_file::open(file).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
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
