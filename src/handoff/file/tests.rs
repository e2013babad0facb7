//! Works on real files. Nothing here relies on permissions, which do not hold for root.

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    sync::atomic::{AtomicBool, Ordering},
};

use tempfile::TempDir;

use super::*;
use crate::domain::{reason::Step, task::tests::context, webhook::WebhookName};
use crate::unix_group;

mod links;

fn key(text: &str) -> WebhookKey {
    WebhookKey::new(text.to_owned()).expect("not empty")
}

fn sink(name: &str, format: KeyFormat) -> (TempDir, FileSink) {
    let folder = tempfile::tempdir().expect("a folder");
    let sink = FileSink::new(&folder.path().join(name), format, 0o640, None, &KeyFiles::default());
    (folder, sink)
}

async fn deliver(sink: &FileSink, text: &str, version: u64) -> Result<(), String> {
    let context = context(Step::HandOff, None);
    sink.deliver(&context, &key(text), version).await.map(drop).map_err(|failure| failure.message)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_raw_file_is_the_key_and_nothing_else() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    deliver(&sink, "first-and-long", 1).await.expect("delivered");
    deliver(&sink, "second", 2).await.expect("delivered");
    let path = folder.path().join("a.key");
    assert_eq!(fs::read(&path).expect("a file"), b"second");
    assert_eq!(fs::metadata(&path).expect("a file").mode() & 0o7777, 0o640);
    assert_eq!(names(&folder), ["a.key"]);
    assert_eq!(sink.id(), format!("file:{}", path.display()));
}

#[tokio::test]
async fn a_json_file_names_its_webhook() {
    let (folder, sink) = sink("a.json", KeyFormat::Json);
    deliver(&sink, "k\"ey", 7).await.expect("delivered");
    assert_eq!(
        fs::read_to_string(folder.path().join("a.json")).expect("a file"),
        r#"{"tenant":"acme","webhook":"badge-reader","collection":"clockings","#.to_owned()
            + r#""destination_url":"https://receiver.example/protime?a=\"b\"","version":7,"#
            + "\"key\":\"k\\\"ey\"}\n"
    );
    assert!(sink.holds(&key("k\"ey"), 7).await);
    assert!(!sink.holds(&key("k\"ey"), 8).await);
    assert!(!sink.holds(&key("other"), 7).await);
}

#[tokio::test]
async fn a_reader_sees_one_whole_key_at_any_moment() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    let text =
        |version: u64| char::from(b'a' + u8::try_from(version % 20).expect("small")).to_string().repeat(999);
    deliver(&sink, &text(1), 1).await.expect("delivered");
    let path = folder.path().join("a.key");
    let over = Arc::new(AtomicBool::new(false));
    let reader = std::thread::spawn({
        let over = Arc::clone(&over);
        move || {
            let mut reads = 0;
            while !over.load(Ordering::SeqCst) {
                let seen = fs::read(&path).expect("never absent");
                assert!(seen.len() == 999 && seen.iter().all(|byte| *byte == seen[0]), "{seen:?}");
                let mode = fs::metadata(&path).expect("never absent").mode() & 0o7777;
                assert_eq!(mode, 0o640, "never readable for others");
                reads += 1;
            }
            reads
        }
    });
    for version in 2..200 {
        deliver(&sink, &text(version), version).await.expect("delivered");
    }
    over.store(true, Ordering::SeqCst);
    assert!(reader.join().expect("saw no part of a key") > 0);
}

#[tokio::test]
async fn an_older_key_never_replaces_a_newer_one() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    deliver(&sink, "newer", 5).await.expect("delivered");
    let message = deliver(&sink, "older", 4).await.expect_err("late");
    assert!(message.ends_with("version 4 of the key is not written: version 5 is newer"), "{message}");
    assert_eq!(fs::read(folder.path().join("a.key")).expect("a file"), b"newer");
    deliver(&sink, "newer", 5).await.expect("may be repeated");
}

#[tokio::test]
async fn a_reload_makes_another_sink_and_the_newest_key_wins_all_the_same() {
    let (folder, files) = (tempfile::tempdir().expect("a folder"), KeyFiles::default());
    let path = folder.path().join("a.key");
    let [before, after] = [0o640, 0o600].map(|mode| FileSink::new(&path, KeyFormat::Raw, mode, None, &files));
    deliver(&after, "newer", 6).await.expect("delivered");
    let message = deliver(&before, "older", 5).await.expect_err("given up on, and late");
    assert!(message.ends_with("version 5 of the key is not written: version 6 is newer"), "{message}");
    assert_eq!(fs::read(&path).expect("a file"), b"newer");

    // The file of another webhook from now on, whose keys are counted from the start.
    let mut other = context(Step::HandOff, None);
    other.webhook = WebhookName::new("other").expect("a name");
    after.deliver(&other, &key("of the other"), 1).await.expect("delivered");
    assert_eq!(fs::read(&path).expect("a file"), b"of the other");
}

#[tokio::test]
async fn a_folder_of_many_files_is_not_listed_at_a_write() {
    let (folder, files) = (tempfile::tempdir().expect("a folder"), KeyFiles::default());
    let [a, b] = ["a.key", "b.key"]
        .map(|name| FileSink::new(&folder.path().join(name), KeyFormat::Raw, 0o640, None, &files));
    let left = |name: &str| fs::write(folder.path().join(name), "a key").expect("written");
    left(".b.key.0123456789abcdef.new");
    deliver(&a, "new", 1).await.expect("delivered");
    assert_eq!(names(&folder), [".b.key.0123456789abcdef.new", "a.key"]);
    deliver(&b, "new", 1).await.expect("delivered");
    assert_eq!(names(&folder), ["a.key", "b.key"], "found when the folder was listed for the other one");
    // Only a listing would find it.
    left(".b.key.fedcba9876543210.new");
    for version in 2..5 {
        assert_eq!(b.preflight(Some((&key("new"), version - 1))).await, Ok(()));
        deliver(&b, "new", version).await.expect("delivered");
    }
    assert_eq!(names(&folder), [".b.key.fedcba9876543210.new", "a.key", "b.key"]);
    let of_next_process =
        FileSink::new(&folder.path().join("b.key"), KeyFormat::Raw, 0o640, None, &KeyFiles::default());
    deliver(&of_next_process, "new", 5).await.expect("delivered");
    assert_eq!(names(&folder), ["a.key", "b.key"]);
}

#[tokio::test]
async fn many_files_of_a_folder_are_written_at_a_time() {
    let (folder, files) = (tempfile::tempdir().expect("a folder"), KeyFiles::default());
    let written = (0..100).map(|number| {
        let path = folder.path().join(format!("{number}.key"));
        let sink = FileSink::new(&path, KeyFormat::Raw, 0o640, None, &files);
        async move {
            deliver(&sink, &format!("key {number}"), 1).await.expect("delivered");
            assert!(sink.holds(&key(&format!("key {number}")), 1).await);
        }
    });
    futures_util::future::join_all(written).await;
    assert_eq!(names(&folder).len(), 100);
}

#[tokio::test]
async fn what_a_killed_predecessor_left_aside_is_removed() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    let others = [".a.key.0123456789abcde.new", ".a.key.new", ".b.key.0123456789abcdef.new", "a.key.bak"];
    for name in others.into_iter().chain([".a.key.0123456789abcdef.new", ".a.key.0000000000000000.new"]) {
        fs::write(folder.path().join(name), "a key").expect("written");
    }
    deliver(&sink, "new", 1).await.expect("delivered");
    let mut expected: Vec<&str> = others.into_iter().chain(["a.key"]).collect();
    expected.sort_unstable();
    assert_eq!(names(&folder), expected);
}

#[tokio::test]
async fn it_holds_what_has_the_right_content_and_mode() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    let path = folder.path().join("a.key");
    assert!(!sink.holds(&key("new"), 1).await, "no file");
    deliver(&sink, "new", 1).await.expect("delivered");
    assert!(sink.holds(&key("new"), 1).await);
    assert!(!sink.holds(&key("old"), 1).await && !sink.holds(&key("newer"), 1).await);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("set");
    assert!(!sink.holds(&key("new"), 1).await, "another mode");
    assert!(sink.may_show(&key("new"), 1).await, "but anyone who reads it finds the key");
    assert!(!sink.may_show(&key("old"), 1).await && !sink.may_show(&key("newer"), 1).await);
    fs::remove_file(&path).expect("removed");
    assert!(!sink.may_show(&key("new"), 1).await, "no file");
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o640.into(), 0).expect("a pipe");
    assert!(!sink.holds(&key("new"), 1).await, "a pipe, and no one waits for a writer");
}

#[tokio::test]
async fn the_group_is_given_and_compared() {
    let (folder, _) = sink("a.key", KeyFormat::Raw);
    let path = folder.path().join("a.key");
    // A group that anyone may give: the one of the process.
    let gid = rustix::process::getegid().as_raw();
    let group = unix_group::name(gid).expect("has a name");
    let sink = FileSink::new(&path, KeyFormat::Raw, 0o440, Some(&group), &KeyFiles::default());
    assert_eq!(sink.preflight(None).await, Ok(()));
    deliver(&sink, "new", 1).await.expect("delivered");
    assert_eq!(fs::metadata(&path).expect("a file").gid(), gid);
    assert!(sink.holds(&key("new"), 1).await);
}

#[tokio::test]
async fn preflight_and_delivery_name_what_is_wrong() {
    let (folder, _) = sink("a.key", KeyFormat::Raw);
    fs::write(folder.path().join("file"), "").expect("written");
    fs::create_dir(folder.path().join("folder")).expect("made");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        folder.path().join("pipe"),
        rustix::fs::FileType::Fifo,
        0o640.into(),
        0,
    )
    .expect("a pipe");
    for (name, group, cause) in [
        (
            "pipe",
            None,
            "there is a pipe, a socket or a device of this name; remove it, or configure another path",
        ),
        ("missing/a.key", None, "does not exist; create it, writable for the daemon's user"),
        ("file/a.key", None, "is not a folder; correct the path"),
        ("folder", None, "there is a folder of this name; remove it"),
        (
            "a.key",
            Some("no-such-group"),
            "this machine has no group 'no-such-group'; create it (groupadd --system NAME) or name another",
        ),
    ] {
        let path = folder.path().join(name);
        let sink = FileSink::new(&path, KeyFormat::Raw, 0o640, group, &KeyFiles::default());
        let before = sink.preflight(None).await.expect_err(name).message;
        let after = deliver(&sink, "secret-key", 1).await.expect_err(name);
        for message in [before, after] {
            let start = format!("key file '{}': ", path.display());
            assert!(message.starts_with(&start) && message.ends_with(cause), "{message}");
            assert!(!message.contains("secret-key"));
        }
    }
    assert_eq!(names(&folder), ["file", "folder", "pipe"], "nothing was left aside");
}

#[tokio::test]
async fn preflight_leaves_the_key_alone() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    assert_eq!(sink.preflight(None).await, Ok(()));
    assert_eq!(names(&folder), [""; 0]);
    deliver(&sink, "current", 1).await.expect("delivered");
    let path = folder.path().join("a.key");
    let before = fs::metadata(&path).expect("a file");
    for (known, same_file) in [(None, true), (Some(("other", 1)), true), (Some(("current", 1)), false)] {
        let known = known.map(|(text, version)| (key(text), version));
        let known = known.as_ref().map(|(key, version)| (key, *version));
        assert_eq!(sink.preflight(known).await, Ok(()));
        assert_eq!(fs::read(&path).expect("a file"), b"current");
        assert_eq!(names(&folder), ["a.key"]);
        let found = fs::metadata(&path).expect("a file");
        assert_eq!(found.ino() == before.ino(), same_file, "only what is known to be current is put again");
        let seen = |of: &fs::Metadata| (of.mode(), of.uid(), of.gid(), of.modified().expect("a time"));
        assert_eq!(seen(&found), seen(&before), "and no one can tell");
    }
}

#[tokio::test]
async fn a_copy_that_could_be_told_from_the_file_is_not_put_in_its_place() {
    let (folder, sink) = sink("a.key", KeyFormat::Raw);
    deliver(&sink, "current", 1).await.expect("delivered");
    let path = folder.path().join("a.key");
    fs::hard_link(&path, folder.path().join("second-name")).expect("linked");
    assert_eq!(sink.preflight(Some((&key("current"), 1))).await, Ok(()));
    let inode = |name: &str| fs::metadata(folder.path().join(name)).expect("a file").ino();
    assert_eq!(inode("a.key"), inode("second-name"));
}
