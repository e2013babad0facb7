//! Runs real shells: every law of the module has a script that tries to break it.

use std::{
    env,
    fs::{self, File},
    future::{pending, ready},
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
use tempfile::TempDir;

use super::*;

/// Long enough for any machine, short enough to be noticed.
const DEADLINE: Duration = Duration::from_mins(1);

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    timeout(DEADLINE, work).await.expect("in time")
}

async fn until(condition: impl Fn() -> bool) {
    in_time(async {
        while !condition() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// `sh -c script sh args…`, to be changed before it is run.
fn shell(script: &str, args: &[&Path]) -> config::Command {
    let args = args.iter().map(|arg| arg.to_str().expect("UTF-8").to_owned());
    config::Command {
        program: "sh".to_owned(),
        args: ["-c", script, "sh"].map(str::to_owned).into_iter().chain(args).collect(),
        timeout: DEADLINE,
    }
}

fn invocation(command: &config::Command) -> Invocation<'_> {
    Invocation {
        command,
        withheld: &[],
        environment: Vec::new(),
        input: Zeroizing::new(b"{}".to_vec()),
        secret: None,
        grace: DEADLINE,
    }
}

async fn run(command: &config::Command) -> Run {
    in_time(invocation(command).run(pending())).await
}

fn failed(run: &Run) -> String {
    run.end.as_ref().expect_err("a failure").to_string()
}

/// Something that a process holds while it lives: the writing end of a named pipe.
struct Lifeline {
    _folder: TempDir,
    path: PathBuf,
    /// Made by the process once it holds the lifeline.
    held: PathBuf,
    reader: File,
}

/// A script that leaves a grandchild on the lifeline, which is `$1` and `$2`.
const GRANDCHILD: &str = r#"(exec sh -c ': > "$1"; sleep 1000' sh "$2" > "$1") & "#;

impl Lifeline {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("lifeline");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let reader = File::options().read(true).custom_flags(flags).open(&path).expect("opens");
        Self { held: folder.path().join("held"), _folder: folder, path, reader }
    }

    fn args(&self) -> [&Path; 2] {
        [&self.path, &self.held]
    }

    fn is_held(&self) -> bool {
        self.held.exists()
    }

    /// Waits until no one holds it any more.
    async fn released(&self) {
        until(|| (&self.reader).read(&mut [0]).is_ok_and(|length| length == 0)).await;
    }
}

#[tokio::test]
async fn both_outputs_are_kept_in_the_order_of_writing() {
    let done = run(&shell("echo a; echo b >&2; echo c", &[])).await;
    assert_eq!((done.output.as_str(), done.end.is_ok()), ("a\nb\nc\n", true));
}

#[tokio::test]
async fn of_endless_output_the_end_is_kept() {
    let done = run(&shell("yes | head -c 5000000; echo the end", &[])).await;
    assert!(done.output.len() <= 4096 && done.output.len() > 4000, "{}", done.output.len());
    assert!(done.output.ends_with("y\nthe end\n"));
}

#[tokio::test]
async fn it_leads_a_process_group_in_the_root_folder_and_is_reaped() {
    let script = "read -r pid name state parent group rest < /proc/$$/stat; echo $pid $group; pwd";
    let output = run(&shell(script, &[])).await.output;
    let words: Vec<&str> = output.split_whitespace().collect();
    let [pid, group, folder] = words[..] else { panic!("{output}") };
    assert_eq!((pid, folder), (group, "/"));
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(!stat.contains(") Z "), "{stat}");
}

#[tokio::test]
async fn the_input_is_one_line_and_need_not_be_read() {
    let echo = run(&shell("cat", &[])).await;
    assert_eq!(echo.output, "{}\n");

    let large = || Zeroizing::new(vec![b'x'; 1 << 20]);
    for script in ["exit 0", "exec <&-; echo closed", "head -c 1 >/dev/null", "cat | wc -c"] {
        let command = shell(script, &[]);
        let done = in_time(Invocation { input: large(), ..invocation(&command) }.run(pending())).await;
        assert!(done.end.is_ok(), "{script}: {:?}", done.end);
    }
    // Neither side waits for the other to read first.
    let command = shell("head -c 1000000 /dev/zero; cat | wc -c", &[]);
    let done = in_time(Invocation { input: large(), ..invocation(&command) }.run(pending())).await;
    assert!(done.output.ends_with("1048577\n"), "{:?}", done.end);
}

#[tokio::test]
async fn failures_say_how_it_ended() {
    assert_eq!(failed(&run(&shell("echo why; exit 7", &[])).await), "'sh' ended with exit status 7");
    assert_eq!(failed(&run(&shell("kill -9 $$", &[])).await), "'sh' was ended by signal 9 (SIGKILL)");
    let impatient = config::Command { timeout: Duration::from_millis(90), ..shell("sleep 1000", &[]) };
    let run = run(&impatient).await;
    assert_eq!(failed(&run), "'sh' was killed because it was not done after 90ms");
    assert_eq!(run.into_result().expect_err("a failure").kind, TaskErrorKind::Failed);
}

#[tokio::test]
async fn what_cannot_be_run_is_named_with_the_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    // Written by another process: a descriptor that is open for writing here could be inherited for a
    // moment by a process that another test starts, and then the file cannot be run.
    let script =
        r#"cd "$1"; printf '#!/no/such/interpreter\n' > broken; printf 'text' > text; chmod +x broken text"#;
    run(&shell(script, &[folder.path()])).await.end.expect("written");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    for (program, cause) in [
        ("no-such-program".to_owned(), "has no program of this name; install it or give its absolute path"),
        (path("missing"), "there is no such file"),
        (path("broken"), "the interpreter that its first line (#!) names does not exist"),
        (path("text"), "it is neither a program for this machine nor a script that starts with #!"),
        (path(""), "it is not a file"),
    ] {
        let command = config::Command { program, args: Vec::new(), timeout: DEADLINE };
        let run = run(&command).await;
        let message = failed(&run);
        assert!(message.starts_with(&format!("cannot run '{}': ", command.program)), "{message}");
        assert!(message.contains(cause), "{message}");
        assert_eq!(run.into_result().expect_err("a failure").output, None);
    }
}

#[tokio::test]
async fn a_timeout_kills_grandchildren_too() {
    // The grandchild must have begun before its time is up, however slow the machine.
    for timeout in [1, 4, 16, 50].map(Duration::from_secs) {
        let lifeline = Lifeline::new();
        let script = format!("echo begun; {GRANDCHILD} wait");
        let command = config::Command { timeout, ..shell(&script, &lifeline.args()) };
        let run = run(&command).await;
        let why = run.end.expect_err("a failure").to_string();
        assert!(why.contains("was killed because it was not done after"), "{why}");
        if lifeline.is_held() {
            assert_eq!(run.output, "begun\n");
            return lifeline.released().await;
        }
    }
    panic!("no grandchild in 50 s");
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_output_open_does_not_hold_us_up() {
    let lifeline = Lifeline::new();
    // It writes where the program writes, and goes on after the program.
    let script =
        r#"(exec 3> "$1"; : > "$2"; exec sleep 1000) & while [ ! -e "$2" ]; do sleep 0.01; done; echo done"#;
    let run = run(&shell(script, &lifeline.args())).await;
    assert_eq!((run.output.as_str(), run.end.is_ok()), ("done\n", true));
    lifeline.released().await;
}

#[tokio::test]
async fn a_dropped_run_leaves_no_one_behind() {
    let lifeline = Lifeline::new();
    let command = shell(&format!("{GRANDCHILD} wait"), &lifeline.args());
    let task = tokio::spawn(async move { invocation(&command).run(pending()).await.end.is_ok() });
    until(|| lifeline.is_held()).await;
    task.abort();
    assert!(task.await.expect_err("aborted").is_cancelled());
    lifeline.released().await;
}

#[tokio::test]
async fn a_stop_asks_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("ready");
    let script = r#"trap 'head -c 200000 /dev/zero; echo good bye; exit 0' TERM
        : > "$1"; while :; do sleep 0.01; done"#;
    let command = shell(script, &[&mark]);
    let run = in_time(invocation(&command).run(until(|| mark.exists()))).await;
    assert!(run.output.ends_with("good bye\n"));
    let failure = run.into_result().expect_err("stopped, whatever it says");
    assert_eq!(failure.message, "'sh' was ended because the daemon stops");
    assert_eq!(failure.kind, TaskErrorKind::Stopped);
}

#[tokio::test]
async fn a_stop_kills_what_does_not_listen() {
    let lifeline = Lifeline::new();
    let command = shell(&format!("trap '' TERM; {GRANDCHILD} wait"), &lifeline.args());
    let deaf = Invocation { grace: Duration::from_millis(50), ..invocation(&command) };
    let run = in_time(deaf.run(until(|| lifeline.is_held()))).await;
    assert!(matches!(run.end, Err(CommandError::Stopped(_))), "{:?}", run.end);
    lifeline.released().await;
}

#[tokio::test]
async fn nothing_is_started_while_the_daemon_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let mark = folder.path().join("started");
    let run = in_time(invocation(&shell(r#": > "$1""#, &[&mark])).run(ready(()))).await;
    assert!(matches!(run.end, Err(CommandError::Stopped(_))), "{:?}", run.end);
    assert!(!mark.exists());
}

#[tokio::test]
#[ignore = "run by the next test, with an environment of its own"]
async fn the_environment_of_a_program() {
    let command = shell("env", &[]);
    let withheld = ["CLIENT_SECRET".to_owned(), "PROTIME_TENANT".to_owned()];
    let environment = vec![("PROTIME_TENANT", "acme".to_owned()), ("PROTIME_FROM", String::new())];
    let run =
        in_time(Invocation { withheld: &withheld, environment, ..invocation(&command) }.run(pending())).await;
    run.end.expect("exit 0");
    for gone in ["CLIENT_SECRET", "CREDENTIALS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
        assert!(env::var_os(gone).is_some() && !run.output.contains(gone), "{gone}: {}", run.output);
    }
    let lines: Vec<&str> = run.output.lines().collect();
    for there in ["HARMLESS=stays", "PROTIME_TENANT=acme", "PROTIME_FROM="] {
        assert!(lines.contains(&there), "{there}: {}", run.output);
    }
}

#[test]
fn secrets_and_the_daemons_own_variables_are_withheld() {
    let output = std::process::Command::new(env::current_exe().expect("this binary"))
        .args(["--exact", "command::tests::the_environment_of_a_program", "--ignored"])
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .envs([
            ("CLIENT_SECRET", "secret"),
            ("CREDENTIALS_DIRECTORY", "/run/credentials"),
            ("HARMLESS", "stays"),
        ])
        .envs([("NOTIFY_SOCKET", "/run/systemd/notify"), ("WATCHDOG_USEC", "1"), ("WATCHDOG_PID", "1")])
        .output()
        .expect("runs");
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "{output:?}");
}
