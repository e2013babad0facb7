//! What a path may hold before a socket is put there, and what it holds afterwards.

use super::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn mode_of(path: &Path) -> u32 {
    fs::symlink_metadata(path).expect("a file").permissions().mode() & 0o7777
}

/// A socket whose process is gone.
fn dead_socket(path: &Path) {
    drop(UnixListener::bind(path).expect("a socket"));
}

#[test]
fn the_mode_is_exact_and_the_file_goes_with_the_socket() {
    let folder = folder();
    for mode in [0o600, 0o660, 0o666] {
        let path = folder.path().join("status.sock");
        let socket = bind(&path, mode, None).expect("bound");
        assert_eq!(mode_of(&path), mode);
        UnixStream::connect(socket.path()).expect("it listens");
        drop(socket);
        assert!(!path.exists());
    }
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing is left behind");
}

#[test]
fn a_folder_that_alone_is_missing_is_made() {
    let folder = folder();
    let path = folder.path().join("run/status.sock");
    let _socket = bind(&path, 0o600, None).expect("bound");
    assert!(path.exists());

    let deep = folder.path().join("a/b/status.sock");
    let error = bind(&deep, 0o600, None).expect_err("two folders are missing").to_string();
    assert!(error.contains("a/b") && error.contains("make it"), "{error}");
}

#[test]
fn a_dead_socket_and_an_unfinished_one_are_replaced() {
    let folder = folder();
    let path = folder.path().join("status.sock");
    dead_socket(&path);
    dead_socket(&folder.path().join("status.sock.new"));
    let _socket = bind(&path, 0o600, None).expect("bound");
    UnixStream::connect(&path).expect("it listens");
}

#[test]
fn a_socket_that_someone_listens_on_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("status.sock");
    let first = bind(&path, 0o600, None).expect("bound");
    let error = bind(&path, 0o600, None).expect_err("it lives");
    assert!(matches!(error, BindError::InUse(_)), "{error}");
    UnixStream::connect(first.path()).expect("the first one still listens");
}

#[test]
fn what_is_no_socket_is_left_alone() {
    let folder = folder();
    let path = folder.path().join("status.sock");
    for (at, expected) in
        [(path.clone(), "status.sock exists"), (path.with_extension("sock.new"), ".new exists")]
    {
        fs::write(&at, "mine").expect("written");
        let error = bind(&path, 0o600, None).expect_err("not a socket").to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(fs::read_to_string(&at).expect("still there"), "mine");
        fs::remove_file(at).expect("removed");
    }
    std::os::unix::fs::symlink("elsewhere", &path).expect("a link");
    assert!(matches!(bind(&path, 0o600, None), Err(BindError::NotASocket(_))));
}

#[test]
fn a_path_is_as_long_as_the_kernel_lets_it_be() {
    let folder = folder();
    // A long name in a short folder, and the other way round.
    for name in [LONGEST_ADDRESS - folder.path().as_os_str().len() - 1, 1] {
        let deep = LONGEST_ADDRESS - folder.path().as_os_str().len() - 1 - name;
        let deep =
            if deep == 0 { folder.path().to_owned() } else { folder.path().join("d".repeat(deep - 1)) };
        fs::create_dir_all(&deep).expect("made");
        for less in 0..8.min(name) {
            let path = deep.join("s".repeat(name - less));
            dead_socket(&path);
            for _twice in 0..2 {
                let socket = bind(&path, 0o640, None).expect("short enough");
                assert_eq!(mode_of(&path), 0o640);
                UnixStream::connect(socket.path()).expect("it listens");
                assert_eq!(
                    fs::read_dir(&deep).expect("a folder").count(),
                    1,
                    "nothing is left under another name"
                );
            }
        }
        let error = bind(&deep.join("s".repeat(name + 1)), 0o600, None).expect_err("too long");
        assert!(error.to_string().contains("has 108 bytes and may have 107"), "{error}");
    }
}

#[test]
fn an_unknown_group_is_named_and_nothing_is_made() {
    let folder = folder();
    let path = folder.path().join("status.sock");
    let error = bind(&path, 0o660, Some("no-such-group-here")).expect_err("unknown group").to_string();
    assert!(error.contains("no-such-group-here") && error.contains("groupadd"), "{error}");
    assert!(!path.exists());
}

#[test]
fn a_file_that_took_the_sockets_place_survives_it() {
    let folder = folder();
    let path = folder.path().join("status.sock");
    let socket = bind(&path, 0o600, None).expect("bound");
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "mine").expect("written");
    drop(socket);
    assert_eq!(fs::read_to_string(&path).expect("still there"), "mine");
}
