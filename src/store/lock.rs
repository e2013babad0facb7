//! The exclusive lock of a state directory, which names its holder.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use super::OpenError;

/// Held as long as the daemon lives; the kernel lets it go with the process, however that ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held for its lock, which ends when it is closed")] File);

/// Takes `<state_dir>/lock` and writes our process id into it.
pub(super) fn acquire(state_dir: &Path) -> Result<Lock, OpenError> {
    let path = state_dir.join("lock");
    let failed = |source| OpenError::Io { path: path.clone(), source };
    // Not truncated on opening: until we have the lock, its text is the holder's.
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let holder = match file.read_to_string(&mut pid) {
                Ok(_) if !pid.trim().is_empty() => format!("process {}", pid.trim()),
                _ => "another process".to_owned(),
            };
            return Err(OpenError::Locked { path: state_dir.to_owned(), holder });
        }
        Err(TryLockError::Error(source)) => return Err(failed(source)),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(failed)?;
    Ok(Lock(file))
}
