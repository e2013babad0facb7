//! A key sink that is a program: what it gets, and what it keeps to itself.

use std::{future::pending, time::Duration};

use super::*;
use crate::domain::{reason::Step, task::tests::context};

fn sink(program: &str, args: &[&str]) -> KeySink {
    KeySink::new(
        &config::KeySink::Command(config::Command {
            program: program.to_owned(),
            args: args.iter().map(|&arg| arg.to_owned()).collect(),
            timeout: Duration::from_mins(1),
        }),
        &[],
        &crate::http::tests::outbound(),
        &KeyFiles::default(),
    )
    .expect("a sink")
}

fn key() -> WebhookKey {
    WebhookKey::new("Zm9vYmFyYmF6cXV4".to_owned()).expect("not empty")
}

#[tokio::test]
async fn the_key_is_on_standard_input_only() {
    let folder = tempfile::tempdir().expect("a folder");
    // What others see of a process is what /proc shows of it.
    let script = "cat > \"$1/input\"; cat /proc/$$/environ /proc/$$/cmdline > \"$1/seen\"";
    let sink = sink("sh", &["-c", script, "sh", folder.path().to_str().expect("UTF-8")]);
    sink.deliver(&context(Step::HandOff, None), &key(), 4, pending()).await.expect("exit 0");

    let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).expect("a file");
    let input = read("input");
    let json: serde_json::Value = serde_json::from_str(&input).expect("JSON");
    assert_eq!((&json["key"], &json["key_version"]), (&"Zm9vYmFyYmF6cXV4".into(), &4.into()));
    assert_eq!(json["step"], "hand_off");
    assert!(input.ends_with("}\n") && input.lines().count() == 1, "{input}");
    let seen = read("seen");
    assert!(seen.contains("PROTIME_STEP=hand_off") && !seen.contains("Zm9vYmFyYmF6cXV4"), "{seen}");
}

#[tokio::test]
async fn a_program_that_prints_the_key_does_not_publish_it() {
    let delivered = sink("sh", &["-c", "cat; exit 1"])
        .deliver(&context(Step::HandOff, None), &key(), 4, pending())
        .await
        .expect_err("exit 1");
    assert!(delivered.output.as_deref().is_some_and(|o| o.contains(r#""key":"[redacted]""#)));
    assert!(!format!("{delivered:?} {delivered}").contains("Zm9vYmFyYmF6cXV4"));
}

#[tokio::test]
async fn preflight_names_a_program_that_cannot_be_run() {
    assert_eq!(sink("sh", &[]).preflight(None).await, Ok(()));
    for (program, cause) in [
        ("/nowhere/program", "there is no such file"),
        ("/", "it is not a file"),
        ("/etc/passwd", "chmod +x would allow that"),
        ("no-such-program", "PATH ("),
    ] {
        let message = sink(program, &[]).preflight(None).await.expect_err(program).message;
        assert!(
            message.starts_with(&format!("cannot run '{program}': ")) && message.contains(cause),
            "{message}"
        );
    }
}

#[tokio::test]
async fn a_program_is_named_by_its_words_and_keeps_its_key_to_itself() {
    let sink = sink("set-key", &["--for", "clockings"]);
    assert_eq!(sink.id(), "command:set-key --for clockings");
    assert_eq!(sink.label(), "command:set-key");
    assert_eq!(sink.holds(&key(), 1).await, None);
}
