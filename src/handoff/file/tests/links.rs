//! A path that is a symbolic link: the file that it leads to gets the key, and nothing surprising happens.

use std::os::unix::fs::{lchown, symlink};

use super::*;

/// A sink whose path is a link to `to`, seen from the link's folder.
fn linked(to: &str) -> (TempDir, FileSink) {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    fs::create_dir(folder.path().join("real")).expect("made");
    symlink(to, folder.path().join("a.key")).expect("linked");
    (folder, sink)
}

#[tokio::test]
async fn the_file_that_a_link_leads_to_gets_the_key() {
    let absolute = tempfile::tempdir().expect("a folder");
    let absolute = absolute.path().join("b.key");
    for to in ["b.key", "real/b.key", "real/../real/b.key", "second", absolute.to_str().expect("UTF-8")] {
        let (folder, sink) = linked(to);
        symlink("real/b.key", folder.path().join("second")).expect("linked");
        let path = folder.path().join("a.key");
        // The first time it leads to nothing, as into a folder that is empty after a boot.
        for (text, version) in [("one", 1), ("two", 2)] {
            assert_eq!(sink.preflight(Some((&key("one"), 1))).await, Ok(()), "{to}");
            assert!(!sink.holds(&key(text), version).await);
            deliver(&sink, text, version).await.expect("delivered");
            assert!(sink.holds(&key(text), version).await, "{to}");
            assert_eq!(fs::read_to_string(&path).expect("a file"), text);
            assert!(fs::symlink_metadata(&path).expect("a link").is_symlink(), "{to}: the link stays");
            let file = fs::canonicalize(&path).expect("a file");
            assert_eq!(fs::metadata(&file).expect("a file").mode() & 0o7777, 0o640);
            let beside = fs::read_dir(file.parent().expect("a folder")).expect("a folder");
            let left =
                beside.filter(|it| it.as_ref().expect("it").file_name().to_string_lossy().ends_with(".new"));
            assert_eq!(left.count(), 0, "nothing is left aside");
        }
    }
}

#[tokio::test]
async fn a_link_that_leads_nowhere_is_explained() {
    for (to, cause) in [
        ("a.key", "its symbolic links lead in a circle; let the last one lead to a file"),
        ("second", "its symbolic links lead in a circle; let the last one lead to a file"),
        ("gone/b.key", "does not exist; create it, writable for the daemon's user"),
        ("real", "there is a folder of this name; remove it"),
        ("..", "is a symbolic link that leads to no file; let it lead to a path that ends in a name"),
    ] {
        let (folder, sink) = linked(to);
        symlink("a.key", folder.path().join("second")).expect("linked");
        let before = sink.preflight(None).await.expect_err(to).message;
        let after = deliver(&sink, "secret-key", 1).await.expect_err(to);
        let seen = sink.objection().expect(to);
        for message in [before, after, seen] {
            let start = format!("key file '{}'", folder.path().join("a.key").display());
            assert!(message.starts_with(&start) && message.ends_with(cause), "{message}");
        }
        assert!(!sink.holds(&key("secret-key"), 1).await);
        assert_eq!(names(&folder), ["a.key", "real", "second"]);
    }
}

/// Only root can give a link to someone else, so for anyone else there is nothing to see.
#[tokio::test]
async fn a_link_of_someone_else_is_not_followed() {
    let (folder, sink) = linked("real/b.key");
    fs::write(folder.path().join("real/b.key"), "of the daemon's").expect("written");
    if lchown(folder.path().join("a.key"), Some(12_345), None).is_err() {
        return;
    }
    let cause = "is a symbolic link of user 12345, and only one of root or of the daemon's user is followed";
    let before = sink.preflight(None).await.expect_err("hostile").message;
    let after = deliver(&sink, "secret-key", 1).await.expect_err("hostile");
    assert!(before.contains(cause) && after.contains(cause), "{before}\n{after}");
    assert_eq!(fs::read_to_string(folder.path().join("real/b.key")).expect("a file"), "of the daemon's");
}
