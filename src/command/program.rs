//! Finds a program the way the system will, to say beforehand or afterwards why it cannot be run.

use std::{
    env,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Access, access},
    io::Errno,
};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot run '{program}': {cause}")]
pub(crate) struct NotRunnable {
    program: String,
    cause: String,
}

/// The file that is run for `program`: itself if it names a path (a relative one starts at `/`,
/// where programs are run), otherwise the first executable file of that name in `PATH`.
/// Blocks on the file system.
pub(super) fn find(program: &str) -> Result<PathBuf, NotRunnable> {
    let not_runnable = |cause| NotRunnable { program: program.to_owned(), cause };
    if program.contains('/') {
        let path = Path::new("/").join(program);
        return executable(&path).map(|()| path).map_err(not_runnable);
    }
    // What the C library searches where PATH is not set.
    let search = env::var_os("PATH").unwrap_or_else(|| OsString::from("/bin:/usr/bin"));
    let mut refused = None;
    for path in env::split_paths(&search).map(|folder| folder.join(program)) {
        match executable(&path) {
            Ok(()) => return Ok(path),
            Err(cause) if path.exists() => refused = Some(format!("{}: {cause}", path.display())),
            Err(_) => {}
        }
    }
    Err(not_runnable(refused.unwrap_or_else(|| {
        format!(
            "PATH ({}) has no program of this name; install it or give its absolute path",
            search.display()
        )
    })))
}

fn executable(path: &Path) -> Result<(), String> {
    let metadata = path.metadata().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; install it, or correct its path in the configuration".to_owned()
        }
        _ => error.to_string(),
    })?;
    if !metadata.is_file() {
        return Err("it is not a file; correct its path in the configuration".to_owned());
    }
    access(path, Access::EXEC_OK).map_err(|error| match error {
        Errno::ACCESS => "the daemon's user may not execute it; chmod +x would allow that".to_owned(),
        _ => error.to_string(),
    })
}

/// Why starting `program` failed with `error`: the system's own words fit a missing interpreter as
/// well as a missing program.
pub(super) fn explain(program: &str, error: &io::Error) -> NotRunnable {
    let cause = match error.kind() {
        io::ErrorKind::NotFound => match find(program) {
            Err(known) => return known,
            Ok(_) => {
                "the interpreter that its first line (#!) names does not exist; install it or correct that line"
                    .to_owned()
            }
        },
        io::ErrorKind::PermissionDenied => match find(program) {
            Err(known) => return known,
            Ok(_) => {
                format!("{error}; is its file system mounted noexec, or its interpreter not executable?")
            }
        },
        _ if error.raw_os_error() == Some(Errno::NOEXEC.raw_os_error()) => {
            "it is neither a program for this machine nor a script that starts with #!".to_owned()
        }
        _ => error.to_string(),
    };
    NotRunnable { program: program.to_owned(), cause }
}
