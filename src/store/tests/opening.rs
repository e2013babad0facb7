//! The directory, the lock, and files that are not ours or not whole.

use super::*;

#[tokio::test]
async fn the_directory_and_the_files_are_private() {
    let dir = tempfile::tempdir().expect("a folder");
    let state = dir.path().join("made/when/absent");
    let _store = Store::open(&state).expect("opens");
    let mode = |path: &std::path::Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    for file in ["state.db", "state.db-wal", "state.db-shm", "lock"] {
        assert_eq!(mode(&state.join(file)), 0o600, "{file}");
    }
}

#[tokio::test]
async fn a_second_daemon_is_told_who_has_the_lock() {
    let dir = tempfile::tempdir().expect("a folder");
    let first = Store::open(dir.path()).expect("opens");
    let error = Store::open(dir.path()).expect_err("locked").to_string();
    assert!(error.contains(&format!("process {}", std::process::id())), "{error}");
    drop(first);
    Store::open(dir.path()).expect("free again");
}

#[tokio::test]
async fn a_newer_or_damaged_database_is_named_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("state.db");
    drop(Store::open(dir.path()).expect("opens"));
    let connection = Connection::open(&path).expect("opens");
    connection.pragma_update(None, "user_version", 99).expect("writes");
    drop(connection);
    let before = fs::read(&path).expect("reads");
    let error = Store::open(dir.path()).expect_err("newer").to_string();
    assert!(error.contains("99") && error.contains("state.db"), "{error}");
    assert_eq!(fs::read(&path).expect("reads"), before);

    fs::write(&path, b"this is not a database, but it is someone's file").expect("writes");
    let error = Store::open(dir.path()).expect_err("damaged").to_string();
    assert!(error.contains("damaged") && error.contains("state.db"), "{error}");
    assert!(fs::read(&path).expect("reads").starts_with(b"this is not a database"));
}

/// A database with more history than is looked at before the start.
async fn with_a_long_history() -> (Bench, PathBuf) {
    let bench = Bench::new(&[]).await;
    let path = bench.dir.path().join("state.db");
    let connection = Connection::open(&path).expect("opens");
    connection
        .execute_batch(
            "PRAGMA synchronous = OFF; WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 9000) \
             INSERT INTO journal (webhook_id, nth, entry) SELECT 1, 1, hex(zeroblob(2000)) FROM n; \
             PRAGMA wal_checkpoint(TRUNCATE)",
        )
        .expect("writes");
    (bench, path)
}

/// Spoils the page at the root of a table.
fn spoil(path: &std::path::Path, table: &str) {
    let connection = Connection::open(path).expect("opens");
    let place = "SELECT (rootpage - 1) * page_size FROM sqlite_schema, pragma_page_size WHERE name = ?";
    let place: i64 = connection.query_row(place, [table], |row| row.get(0)).expect("a table");
    drop(connection);
    let file = fs::OpenOptions::new().write(true).open(path).expect("opens");
    std::os::unix::fs::FileExt::write_all_at(&file, &[0xAB; 64], place.unsigned_abs()).expect("writes");
}

#[tokio::test]
async fn what_the_work_rests_on_is_looked_at_before_the_start_however_long_the_history_is() {
    let (Bench { store, dir, .. }, path) = with_a_long_history().await;
    drop(store);
    spoil(&path, "key");
    let before = fs::read(&path).expect("reads");
    let error = Store::open(dir.path()).expect_err("damaged").to_string();
    assert!(error.contains("damaged") && error.contains("state.db"), "{error}");
    assert_eq!(fs::read(&path).expect("reads"), before, "it is left as it is");
}

#[tokio::test]
async fn a_long_history_is_looked_at_beside_the_work() {
    let (Bench { store, dir, .. }, path) = with_a_long_history().await;
    assert_eq!(store.check().await, None, "the file was empty when it was opened");
    drop(store);
    let store = Store::open(dir.path()).expect("opens");
    assert_eq!((store.check().await, store.damage()), (None, None), "it is whole");
    drop(store);
    spoil(&path, "journal");
    let store = Store::open(dir.path()).expect("no decision rests on the history");
    assert_eq!(store.damage(), None);
    let found = store.check().await.expect("damaged");
    assert_eq!(store.damage(), Some(found.as_str()));
}

#[tokio::test]
async fn a_state_that_is_not_understood_is_named() {
    let bench = Bench::new(&[]).await;
    let spoil = |sql: &str| {
        let other = Connection::open(bench.dir.path().join("state.db")).expect("opens");
        other.execute_batch(sql).expect("writes");
    };
    spoil("UPDATE webhook SET state = json_set(state, '$.remote', 'lost')");
    let error = bench.store.state(bench.id).await.expect_err("not understood").to_string();
    assert!(error.contains("the state of acme/clockings") && error.contains("lost"), "{error}");
}

/// A POST in flight whose answer went into an emergency file.
async fn in_emergency_file() -> (Bench, PathBuf) {
    let bench = Bench::new(&[]).await;
    bench.begin(Reason::Created, None, 90).await;
    let attempt = bench.start(Step::Resync, 91).await;
    bench.happen(&Event::Resynced(attempt, StepOutcome::Succeeded, None, None), 92).await;
    let post = PostId(7);
    bench.happen(&Event::PostBegan { post, unplanned: false }, 93).await;
    let answer = Answer {
        post,
        webhook: bench.id,
        location: None,
        body: zeroize::Zeroizing::new(b"{\"key\":\"k\"}".to_vec()),
        issued_at: at(93),
        references: String::new(),
    };
    let file = bench.store.write_emergency_file(&answer).await.expect("writes");
    (bench, file)
}

#[tokio::test]
async fn a_daemon_that_cannot_take_over_an_emergency_file_does_not_start() {
    let (Bench { store, id, dir }, file) = in_emergency_file().await;
    drop(store);
    let other = Connection::open(dir.path().join("state.db")).expect("opens");
    other.execute_batch("BEGIN IMMEDIATE").expect("locks");
    let error = Store::open(dir.path()).expect_err("locked").to_string();
    assert!(error.contains("rescued-answer-") && error.contains("locked"), "{error}");
    assert!(file.exists(), "it is left");
    other.execute_batch("ROLLBACK").expect("unlocks");
    drop(other);
    let store = Store::open(dir.path()).expect("opens");
    assert_eq!(store.state(id).await.expect("reads").active.as_ref().expect("open").stage, Stage::Rotate);
    let answer = store.answer(PostId(7)).await.expect("reads").expect("stored");
    assert_eq!(answer.body.as_slice(), b"{\"key\":\"k\"}");
    assert!(!file.exists());
}

#[tokio::test]
async fn an_emergency_file_of_before_names_the_renewal() {
    let (Bench { store, id, dir }, file) = in_emergency_file().await;
    drop(store);
    let text = fs::read_to_string(&file).expect("reads");
    let mut json: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    json.as_object_mut().expect("an object").remove("post");
    json["renewal"] = 1.into();
    fs::write(dir.path().join("rescued-answer-1.json"), json.to_string()).expect("writes");
    fs::remove_file(file).expect("removes");
    let store = Store::open(dir.path()).expect("opens");
    assert_eq!(store.state(id).await.expect("reads").active.as_ref().expect("open").stage, Stage::Rotate);
}

#[tokio::test]
async fn a_migration_leaves_no_log_behind() {
    let dir = tempfile::tempdir().expect("a folder");
    let _store = Store::open(dir.path()).expect("opens");
    let log = fs::metadata(dir.path().join("state.db-wal")).expect("a log");
    assert_eq!(log.len(), 0, "a disk that is small would be full of it");
}

#[tokio::test]
async fn a_statement_is_compiled_once_whatever_its_values() {
    let bench = Bench::new(&[]).await;
    let connection = connect(&bench.dir.path().join("state.db")).expect("opens");
    for value in [1, 1_000, i64::MAX] {
        let mut statement = connection
            .prepare_cached("SELECT id FROM webhook WHERE configured = ? AND next_action_at <= 9")
            .expect("compiles");
        let _rows = statement.query_map([value], |row| row.get::<_, i64>(0)).expect("runs").count();
        assert_eq!(statement.get_status(rusqlite::StatementStatus::RePrepare), 0, "at {value}");
    }
}
