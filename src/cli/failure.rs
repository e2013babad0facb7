//! Failures and the exit codes that the contract promises for them.

use std::{
    io::{self, ErrorKind, Write as _},
    process::ExitCode,
};

use super::style::{Paint, Style};

pub(super) const USAGE: u8 = 2;
/// The configuration is wrong: `EX_CONFIG` of sysexits.h.
pub(super) const CONFIGURATION: u8 = 78;

/// A failure with an exit code of its own. Every other error is a plain failure, exit code 1.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// What was asked for cannot be meant: exit code 2.
    #[error("{0}")]
    Usage(String),
    /// The daemon does not answer: exit code 3.
    #[error("{0}")]
    Unreachable(String),
    /// No one listens where the daemon should: exit code 3, too.
    #[error("{0}")]
    NotRunning(String),
    /// The configuration is wrong, or a secret that it names is missing: exit code 78.
    #[error("{0}")]
    Configuration(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Unreachable(_) | Self::NotRunning(_) => 3,
            Self::Configuration(_) => CONFIGURATION,
        }
    }
}

/// Tells a person on standard error what went wrong, and returns the exit code. A reader who
/// closed the pipe has read enough: that is the end, and no failure.
pub(super) fn report(error: &anyhow::Error) -> ExitCode {
    if is_closed_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let style = Style::of(&io::stderr());
    let failure = error.downcast_ref::<Failure>();
    let mut stderr = io::stderr().lock();
    // A failure to say what failed has no one to be told to.
    let _ = match failure {
        // It comes with its own headlines.
        Some(Failure::Configuration(text)) => writeln!(stderr, "{text}"),
        _ => writeln!(stderr, "{} {}", style.paint(Paint::Bad, "error:"), whole(error)),
    };
    ExitCode::from(failure.map_or(1, Failure::code))
}

fn whole(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |said, cause| match said.as_str() {
        "" => cause,
        _ if said.contains(&cause) => said,
        _ => format!("{said}: {cause}"),
    })
}

pub(super) fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_recognised_under_its_context() {
        let closed = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe)).context("cannot print");
        assert!(is_closed_pipe(&closed));
        let other = anyhow::Error::from(io::Error::from(ErrorKind::StorageFull));
        assert!(!is_closed_pipe(&other));
    }

    #[test]
    fn a_cause_is_said_once() {
        let denied = io::Error::from(ErrorKind::PermissionDenied);
        let error = anyhow::Error::from(denied).context("cannot use /a: permission denied; use sudo");
        assert_eq!(whole(&error), "cannot use /a: permission denied; use sudo");
        let other = anyhow::anyhow!("no room").context("cannot print");
        assert_eq!(whole(&other), "cannot print: no room");
    }

    #[test]
    fn the_codes_are_those_of_the_contract() {
        let codes = [
            Failure::Usage(String::new()),
            Failure::Unreachable(String::new()),
            Failure::Configuration(String::new()),
        ]
        .map(|failure| failure.code());
        assert_eq!(codes, [2, 3, 78]);
    }
}
