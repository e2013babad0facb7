//! What is listed, removed and synced, and how often.

use std::{
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use super::*;

#[test]
fn a_folder_is_listed_once_and_what_was_left_is_removed_with_the_next_write_of_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str| fs::write(folder.path().join(name), "a key").expect("written");
    let names = || {
        let entries = fs::read_dir(folder.path()).expect("a folder");
        let mut names: Vec<_> = entries.map(|entry| entry.expect("an entry").file_name()).collect();
        names.sort();
        names
    };
    let (of_a, of_b, late) =
        (".a.key.0000000000000001.new", ".b.key.0000000000000002.new", ".a.key.0000000000000003.new");
    [of_a, of_b].into_iter().for_each(write);
    let folders = Folders::default();
    let open = || folders.open(folder.path()).expect("opens");
    let clear = |name: &str| open().remove_leftovers(OsStr::new(name)).expect("removed");
    clear("a.key");
    assert_eq!(names(), [of_b]);
    // A second listing would find this one: it is not of this process, which knows its own.
    write(late);
    clear("a.key");
    assert_eq!(names(), [late, of_b]);
    clear("b.key");
    assert_eq!(names(), [late]);

    // What the process itself could not remove, it knows; a folder of this name cannot be removed.
    open().note_leftover(&folder.path().join(late));
    fs::remove_file(folder.path().join(late)).expect("removed");
    fs::create_dir(folder.path().join(late)).expect("made");
    clear("a.key");
    assert_eq!(names(), [late]);
    fs::remove_dir(folder.path().join(late)).expect("removed");
    write(late);
    clear("a.key");
    assert_eq!(names(), [""; 0], "it was tried again");
}

#[test]
fn only_a_folder_is_one() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("written");
    for (name, kind) in [("file", io::ErrorKind::NotADirectory), ("missing", io::ErrorKind::NotFound)] {
        assert_eq!(Folders::default().open(&folder.path().join(name)).expect_err(name).kind(), kind);
    }
}

#[test]
fn one_sync_serves_all_who_asked_before_it_began_and_no_one_who_asked_later() {
    const MANY: usize = 20;
    let (syncs, count, asked) = (Syncs::default(), AtomicUsize::new(0), AtomicUsize::new(0));
    let (release, released) = mpsc::channel::<()>();
    let (syncs, count, asked) = (&syncs, &count, &asked);
    thread::scope(|scope| {
        let first = scope.spawn(move || {
            syncs.join(|| {
                count.fetch_add(1, Ordering::SeqCst);
                released.recv().map_err(io::Error::other)
            })
        });
        while count.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        let later: Vec<_> = (0..MANY)
            .map(|_| {
                scope.spawn(move || {
                    asked.fetch_add(1, Ordering::SeqCst);
                    syncs.join(|| {
                        count.fetch_add(1, Ordering::SeqCst);
                        // Until all have asked, so that one serves them.
                        while asked.load(Ordering::SeqCst) < MANY {
                            thread::yield_now();
                        }
                        Ok(())
                    })
                })
            })
            .collect();
        while asked.load(Ordering::SeqCst) < MANY {
            thread::yield_now();
        }
        assert!(later.iter().all(|it| !it.is_finished()), "the one that runs began before they asked");
        assert_eq!(count.load(Ordering::SeqCst), 1);
        release.send(()).expect("it waits");
        assert!(first.join().expect("ends").is_ok());
        assert!(later.into_iter().all(|it| it.join().expect("ends").is_ok()));
    });
    let made = count.load(Ordering::SeqCst);
    assert!((2..MANY).contains(&made), "{made} syncs for {MANY} who asked at once, and one before");
}

#[test]
fn a_sync_that_failed_has_failed_for_all_that_it_served_and_for_no_one_else() {
    let syncs = Syncs::default();
    let error = syncs.join(|| Err(io::Error::from_raw_os_error(5))).expect_err("it failed");
    assert_eq!(error.raw_os_error(), Some(5));
    assert!(syncs.join(|| Ok(())).is_ok());
    let error = syncs.join(|| Err(io::ErrorKind::StorageFull.into())).expect_err("it failed");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}
