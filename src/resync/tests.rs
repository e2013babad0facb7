//! A resync by a program: what it is told, and what its exit status says.

use std::{future::pending, time::Duration};

use super::*;
use crate::{
    config::OnFailure,
    domain::{
        reason::Step,
        task::{TaskErrorKind, tests::context},
    },
    http::tests::outbound,
};

fn resync(script: &str) -> ResyncTask {
    let command = config::Command {
        program: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        timeout: Duration::from_mins(1),
    };
    let kind = config::ResyncKind::Command(command);
    let config = config::Resync { kind, on_failure: OnFailure::Hold };
    let resync = Resync::new(&config, "https://receiver.example/", &[], &outbound());
    let Resync::Task(task) = resync.expect("usable") else { panic!("a command is a task") };
    *task
}

#[tokio::test]
async fn the_program_gets_the_gap_twice() {
    let script = "cat; env | grep ^PROTIME_ | sort";
    let done = resync(script).run(&context(Step::CatchUp, Some(1_796_000_000)), pending()).await;
    let expected = [
        r#"{"tenant":"acme","webhook":"badge-reader","collection":"clockings","#,
        r#""destination_url":"https://receiver.example/protime?a=\"b\"","reason":"expiring","#,
        r#""step":"catch_up","renewal_id":17,"from":"2026-11-30T00:53:20Z","#,
        "\"to\":\"2026-12-01T10:13:20Z\"}\n",
        "PROTIME_COLLECTION=clockings\n",
        "PROTIME_DESTINATION_URL=https://receiver.example/protime?a=\"b\"\n",
        "PROTIME_FROM=2026-11-30T00:53:20Z\n",
        "PROTIME_REASON=expiring\n",
        "PROTIME_RENEWAL_ID=17\n",
        "PROTIME_STEP=catch_up\n",
        "PROTIME_TENANT=acme\n",
        "PROTIME_TO=2026-12-01T10:13:20Z\n",
        "PROTIME_WEBHOOK=badge-reader\n",
    ];
    assert_eq!(done, Ok(Some(expected.concat())));
}

#[tokio::test]
async fn the_first_sync_has_no_beginning() {
    let script = "grep -c '\"from\":null,'; echo \"[$PROTIME_FROM]${PROTIME_FROM+set}\"";
    let done = resync(script).run(&context(Step::Resync, None), pending()).await;
    assert_eq!(done.expect("exit 0").as_deref(), Some("1\n[]set\n"));
}

#[tokio::test]
async fn another_exit_status_is_a_failure_with_the_output() {
    let failure =
        resync("echo no database; exit 3").run(&context(Step::Resync, None), pending()).await.expect_err("3");
    assert_eq!(failure.message, "'sh' ended with exit status 3");
    assert_eq!(failure.output.as_deref(), Some("no database\n"));
    assert_eq!(failure.kind, TaskErrorKind::Failed);
}
