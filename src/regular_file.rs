//! Reads files that a configuration names, and nothing that only looks like one.
//!
//! Law: a folder, a pipe, a socket or a device is refused at once and never read: a pipe would be waited
//! for until someone writes into it, and a device may have no end.

use std::{
    fs::{self, File, FileType, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    path::Path,
};

use rustix::{fs::OFlags, io::Errno};

/// No file that we read as a whole is larger.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Opens a file for reading; a link to one is followed.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    // Before it is opened, for opening a device may do something.
    refuse_others(fs::metadata(path)?.file_type())?;
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    // It may have become another one since.
    refuse_others(file.metadata()?.file_type())?;
    Ok(file)
}

pub(crate) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB"));
    }
    Ok(bytes)
}

fn refuse_others(found: FileType) -> io::Result<()> {
    let what = if found.is_file() {
        return Ok(());
    } else if found.is_dir() {
        // What the system itself says of a folder.
        return Err(Errno::ISDIR.into());
    } else if found.is_fifo() {
        "a named pipe"
    } else if found.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {what} and not a regular file")))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn only_a_regular_file_is_read_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), "text").expect("written");
        std::os::unix::fs::symlink(at("file"), at("link")).expect("linked");
        mknodat(CWD, at("pipe"), FileType::Fifo, 0o600.into(), 0).expect("a pipe");
        std::os::unix::fs::symlink(at("pipe"), at("link-to-pipe")).expect("linked");
        let _listener = UnixListener::bind(at("socket")).expect("a socket");
        for name in ["file", "link"] {
            assert_eq!(read(&at(name)).expect(name), b"text");
        }
        for (path, why) in [
            (folder.path().to_owned(), "Is a directory"),
            (at("pipe"), "it is a named pipe and not a regular file"),
            (at("link-to-pipe"), "it is a named pipe"),
            (at("socket"), "it is a socket"),
            ("/dev/zero".into(), "it is a device"),
            (at("missing"), "No such file"),
        ] {
            let error = read(&path).expect_err(why).to_string();
            assert!(error.contains(why), "{}: {error}", path.display());
        }
    }
}
