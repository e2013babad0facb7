//! Looks at the very lines; where standard error itself matters, in a process of its own.

use std::{
    io::Write,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
};

use super::*;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(rust_log: &str, style: Style, say: impl FnOnce()) -> String {
    let page = Page::default();
    let writer = page.clone();
    let (filter, complaints) = filter(Some(rust_log), "info");
    assert_eq!(complaints, []);
    tracing::subscriber::with_default(subscriber(filter, style, move || writer.clone()), say);
    String::from_utf8(page.0.lock().expect("no panic").clone()).expect("UTF-8")
}

#[test]
fn no_filter_makes_libraries_talk() {
    let filter =
        "trace,hyper=trace,hyper::proto=trace,hyper_util::client=trace,h2::codec=trace,reqwest=debug";
    let log = logged(filter, Style::Text { colours: false }, || {
        tracing::trace!(target: "hyper::proto::h1", "leak");
        tracing::debug!(target: "hyper_util::client::legacy", "leak");
        tracing::debug!(target: "h2::codec::framed_write", "leak");
        tracing::trace!(target: "reqwest::connect::verbose", "leak");
        tracing::trace!(target: "rustls::conn", "leak");
        tracing::debug!(target: "tower::buffer", "leak");
        tracing::info!(target: "tokio_cron_scheduler::job", "leak");
        tracing::info!(target: "hyper::proto::h1", "allowed");
        tracing::warn!(target: "tokio_cron_scheduler::job", "allowed");
        tracing::trace!(target: "protime_webhookd::daemon", "allowed");
    });
    assert!(!log.contains("leak"), "{log}");
    assert_eq!(log.lines().count(), 3, "{log}");
}

#[test]
fn rust_log_wins_and_a_wrong_filter_is_reported() {
    let chosen = |rust_log, level| {
        let (filter, complaints) = filter(rust_log, level);
        (filter.to_string(), complaints.into_iter().map(|it| (it.filter, it.instead)).collect::<Vec<_>>())
    };
    let owned = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(chosen(Some("debug"), "warn"), ("debug".to_owned(), vec![]));
    assert_eq!(chosen(None, "warn"), ("warn".to_owned(), vec![]));
    assert_eq!(chosen(Some(" "), "warn"), ("warn".to_owned(), vec![]));
    assert_eq!(chosen(Some("a=loud"), "warn"), ("warn".to_owned(), vec![owned("a=loud", "warn")]));
    assert_eq!(
        chosen(Some("a=loud"), "b=loud"),
        ("info".to_owned(), vec![owned("a=loud", "b=loud"), owned("b=loud", "info")])
    );
}

#[test]
fn the_level_can_be_changed_while_it_logs() {
    let page = Page::default();
    let writer = page.clone();
    let (filter, handle) = reload::Layer::new(filter(None, "info").0);
    let style = Style::Text { colours: false };
    tracing::subscriber::with_default(subscriber(filter, style, move || writer.clone()), || {
        tracing::debug!("before");
        put(&handle, "debug").expect("a level");
        tracing::debug!("between");
        put(&handle, "error").expect("a level");
        tracing::warn!("after");
        assert!(put(&handle, "a=loud").is_err());
        tracing::error!("still");
    });
    let log = String::from_utf8(page.0.lock().expect("no panic").clone()).expect("UTF-8");
    let said: Vec<&str> = log.lines().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(said, ["between", "still"], "{log}");
}

#[test]
fn every_line_for_the_journal_has_its_priority() {
    let log = logged("trace", Style::Journal, || {
        let _span = tracing::info_span!("renewal", webhook = "acme/clockings").entered();
        tracing::error!(error = %"first\n<0>second", "a step failed");
        tracing::info!("done");
        tracing::debug!("detail");
    });
    let lines: Vec<&str> = log.lines().collect();
    let [failed, second, done, detail] = lines[..] else { panic!("{log}") };
    assert!(failed.starts_with("<3>renewal{webhook=\"acme/clockings\"}: "), "{failed}");
    assert!(failed.ends_with("a step failed error=first"), "{failed}");
    assert_eq!(second, "<3><0>second");
    assert!(done.starts_with("<6>renewal{") && detail.starts_with("<7>renewal{"), "{log}");
}

#[test]
fn json_is_one_object_a_line() {
    let log = logged("info", Style::Json, || tracing::info!(version = 3, "key rotated"));
    let line: serde_json::Value = serde_json::from_str(&log).expect("one object");
    assert_eq!((&line["message"], &line["version"]), (&"key rotated".into(), &3.into()));
}

#[test]
fn only_a_terminal_gets_colours() {
    let log = |colours| logged("info", Style::Text { colours }, || tracing::info!("done"));
    assert!(log(true).contains('\u{1b}'));
    assert!(!log(false).contains('\u{1b}'));
}

#[test]
#[ignore = "run by the next tests, with a standard error of its own"]
fn in_a_process_of_its_own() {
    init("info", LogFormat::Auto);
    for _ in 0..3 {
        tracing::error!("no one may be listening");
    }
}

fn process() -> Command {
    let mut command = Command::new(env::current_exe().expect("this binary"));
    command
        .args(["--exact", "logging::tests::in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env_remove("JOURNAL_STREAM")
        .env_remove("RUST_LOG");
    command
}

#[test]
fn a_broken_standard_error_ends_nothing() {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    let output = process().stderr(writer).output().expect("runs");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}

#[test]
fn a_wrong_rust_log_is_reported_and_ignored() {
    let output = process().env("RUST_LOG", "a=loud").output().expect("runs");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("a log filter is wrong and is ignored") && log.contains("a=loud"), "{log}");
    assert!(log.contains("no one may be listening"), "{log}");
}

#[test]
fn the_journal_is_recognised_by_its_file() {
    let page = tempfile::NamedTempFile::new().expect("a file");
    let stat = rustix::fs::fstat(page.as_file()).expect("a file");
    let right = format!("{}:{}", stat.st_dev, stat.st_ino);
    for (stream, prefixed) in [(right.as_str(), true), ("1:1", false)] {
        let stderr = Stdio::from(page.reopen().expect("a file"));
        let status = process()
            .env("JOURNAL_STREAM", stream)
            .stdout(Stdio::null())
            .stderr(stderr)
            .status()
            .expect("runs");
        assert!(status.success(), "{status}");
        let log = std::fs::read_to_string(page.path()).expect("a file");
        assert_eq!(log.starts_with("<3>"), prefixed, "{log}");
        page.as_file().set_len(0).expect("emptied");
    }
}
