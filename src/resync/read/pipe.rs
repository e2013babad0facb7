//! Gives objects to a program of the operator's, as lines of JSON on its standard input: first what
//! it is for, then an object or a change a line, at last how many there were.
//!
//! Laws: the last line comes only when everything came before it, so a program that got none knows
//! that it is to keep nothing; exit status 0 counts only if the program read to the end; it is never
//! faster fed than it reads.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
};

use tokio::{
    select,
    sync::{mpsc, oneshot},
};

use crate::{
    command::{Program, Run},
    config,
    domain::{
        object::Object,
        task::{TaskContext, TaskError, TaskOutput},
    },
};

use super::Outlet;

/// Lines are handed over in pieces of about this size.
const PIECE: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Pipe(Program);

#[derive(Debug)]
pub(crate) struct Lines {
    pieces: mpsc::Sender<Vec<u8>>,
    pages: AtomicU64,
    objects: AtomicU64,
}

impl Pipe {
    pub(super) fn new(command: &config::Command, secret_env: &[String]) -> Self {
        Self(Program::new(command, secret_env))
    }

    pub(super) fn program(&self) -> &str {
        self.0.name()
    }

    /// Runs the program while `read` fills its input through the outlet that it is given. With success
    /// the reading came to its end and the program ended with exit status 0 after that.
    pub(crate) async fn run<T, W>(
        &self,
        context: &TaskContext,
        stop: impl Future<Output = ()>,
        read: impl FnOnce(Outlet<'static>) -> W,
    ) -> Result<(T, TaskOutput), TaskError>
    where
        W: Future<Output = Result<T, TaskError>>,
    {
        let invocation = self.0.invocation(context, None);
        let (pieces, more) = mpsc::channel(1);
        let (abandon, abandoned) = oneshot::channel::<()>();
        let stop = async {
            select! {
                () = stop => {}
                Ok(()) = abandoned => {}
            }
        };
        let mut running = pin!(invocation.run_fed(more, stop));
        let mut reading = pin!(read(Outlet::Pipe(Lines::new(pieces))));
        let outcome = select! {
            run = &mut running => return Err(self.ended_early(run)),
            outcome = &mut reading => outcome,
        };
        match outcome {
            Ok(outcome) => running.await.into_result().map(|output| (outcome, output)),
            Err(failure) => {
                // No one listens if it has ended of itself.
                let _gone = abandon.send(());
                let output = running.await.output;
                Err(TaskError { output: Some(output).filter(|output| !output.is_empty()), ..failure })
            }
        }
    }

    fn ended_early(&self, run: Run) -> TaskError {
        let program = self.program();
        run.into_result().map_or_else(
            |failure| failure,
            |output| TaskError {
                output,
                ..TaskError::new(format!(
                    "'{program}' ended with exit status 0 before it had read everything"
                ))
            },
        )
    }
}

impl Lines {
    fn new(pieces: mpsc::Sender<Vec<u8>>) -> Self {
        Self { pieces, pages: AtomicU64::new(0), objects: AtomicU64::new(0) }
    }

    pub(super) async fn page(&self, objects: &[Object]) {
        let mut piece = Vec::new();
        for object in objects {
            object.write_line(&mut piece);
            if piece.len() >= PIECE {
                self.send(std::mem::take(&mut piece)).await;
            }
        }
        if !piece.is_empty() {
            self.send(piece).await;
        }
        self.pages.fetch_add(1, Ordering::Relaxed);
        self.objects.fetch_add(objects.len() as u64, Ordering::Relaxed);
    }

    pub(super) async fn end(&self) {
        let pages = self.pages.load(Ordering::Relaxed);
        let objects = self.objects.load(Ordering::Relaxed);
        let line = format!("{{\"end\":true,\"objects\":{objects},\"pages\":{pages}}}\n");
        self.send(line.into_bytes()).await;
    }

    /// Waits until the program has taken what came before; for ever, if it reads no more, because then
    /// its end says what is wrong.
    async fn send(&self, piece: Vec<u8>) {
        if self.pieces.send(piece).await.is_err() {
            pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::domain::{reason::Step, task::tests::context};

    fn pipe(script: &str) -> Pipe {
        let command = config::Command {
            program: "sh".to_owned(),
            args: vec!["-c".to_owned(), script.to_owned()],
            timeout: std::time::Duration::from_mins(1),
        };
        Pipe::new(&command, &[])
    }

    fn objects(count: usize) -> Vec<Object> {
        let of = |id| RawValue::from_string(format!("{{\"id\":{id},\n\"pad\":\"{}\"}}", "x".repeat(200)));
        (0..count).map(|id| Object::listed(of(id).expect("JSON")).expect("an object")).collect()
    }

    async fn run(script: &str, pages: &[usize]) -> Result<((), TaskOutput), TaskError> {
        let read = |outlet: Outlet<'static>| async move {
            for count in pages {
                outlet.page(&objects(*count)).await?;
            }
            outlet.end().await;
            Ok(())
        };
        pipe(script).run(&context(Step::Resync, None), pending(), read).await
    }

    #[tokio::test]
    async fn the_program_gets_context_objects_and_the_count() {
        let script = r#"read -r context; n=0; while read -r line; do last=$line; n=$((n+1)); done
            echo "$n $last"; case $context in '{"tenant":"acme",'*'"to":'*) ;; *) exit 3;; esac"#;
        let ((), output) = run(script, &[3, 0, 1_000]).await.expect("exit 0");
        assert_eq!(output.as_deref(), Some("1004 {\"end\":true,\"objects\":1003,\"pages\":3}\n"));
    }

    #[tokio::test]
    async fn a_program_that_does_not_read_to_the_end_has_failed() {
        let failure = run("exec <&-; echo enough", &[5_000]).await.expect_err("it read nothing");
        assert_eq!(failure.message, "'sh' ended with exit status 0 before it had read everything");
        assert_eq!(failure.output.as_deref(), Some("enough\n"));
        let failure = run("read -r line; exit 4", &[5_000]).await.expect_err("4");
        assert_eq!(failure.message, "'sh' ended with exit status 4");
    }

    #[tokio::test]
    async fn a_reading_that_fails_ends_the_program_before_the_last_line() {
        let read = |outlet: Outlet<'static>| async move {
            outlet.page(&objects(1)).await?;
            Err::<(), _>(TaskError::new("no page"))
        };
        let script =
            "trap 'echo ended; exit 0' TERM; while read -r line; do echo got; done; sleep 1000 & wait";
        let run = pipe(script).run(&context(Step::Resync, None), pending(), read).await;
        let failure = run.expect_err("the reading's failure");
        assert_eq!(failure.message, "no page");
        assert!(!failure.output.unwrap_or_default().contains("end\":true"));
    }
}
