//! The lines on standard output: coloured on a terminal only, never a reason to panic or to hang.

use std::{
    io::{self, Write},
    thread,
};

use protime_sandbox::journal::LogLine;
use tokio::sync::{mpsc::UnboundedReceiver, oneshot};

use crate::{
    cli::style::{Paint, Style},
    redact::is_unsafe,
};

/// Prints the opening, then every line; the answer resolves once there are no more.
pub(crate) fn spawn(
    opening: String,
    mut lines: UnboundedReceiver<LogLine>,
) -> io::Result<oneshot::Receiver<()>> {
    let (done, ended) = oneshot::channel();
    // A thread of its own: a pipe that no one reads blocks its writer.
    thread::Builder::new().name("sandbox-stdout".to_owned()).spawn(move || {
        let style = Style::of(&io::stdout());
        let mut printed = write(&opening);
        while printed.is_ok() {
            let Some(line) = lines.blocking_recv() else { break };
            printed = write(&written(&line, style));
        }
        if let Err(error) = printed
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            tracing::warn!(%error, "cannot write to standard output; the sandbox goes on in silence");
        }
        let _ = done.send(());
    })?;
    Ok(ended)
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

fn written(line: &LogLine, style: Style) -> String {
    // What comes from outside must not steer the terminal.
    let plain = |text: &str| text.replace(is_unsafe, "\u{fffd}");
    let at = style.paint(Paint::Faint, &format!("{:.3}", line.at));
    let result = style.paint(if line.good { Paint::Good } else { Paint::Bad }, &plain(&line.result));
    format!("{at} {:<8} {}: {result}\n", line.topic, plain(&line.text))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_line_is_plain_in_a_pipe_and_never_steers_a_terminal() {
        let line = LogLine {
            at: Timestamp::UNIX_EPOCH,
            topic: "change",
            text: "upsert people \u{1b}[2J".to_owned(),
            result: "to deliver: 1".to_owned(),
            good: true,
        };
        let plain = written(&line, Style::default());
        assert_eq!(plain, "1970-01-01T00:00:00.000Z change   upsert people \u{fffd}[2J: to deliver: 1\n");
        assert!(
            written(&line, Style { colour: true, width: None }).contains("\u{1b}[32mto deliver: 1\u{1b}[0m")
        );
    }
}
