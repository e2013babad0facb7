//! `history`: past renewals of a webhook, newest first.

use std::{fmt::Write as _, io};

use jiff::Timestamp;
use serde_json::Value;

use super::{
    lifetime::share,
    moment, output,
    sockets::Sockets,
    style::{Paint, Style, plain, plain_lines, wrapped},
};
use crate::{
    clock,
    domain::report::{History, Renewal, StepRecord},
};

const CELLS: usize = 30;
/// With fewer columns than this, the line of time is left out.
const NARROW: u16 = 70;
/// With fewer columns than this, nothing is set under one another.
const TINY: u16 = 50;
const BELOW: &str = "      ";

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What a command or a server wrote is shown to those who may use the control socket.\n\n\
                        Example: protime-webhookd history acme/clockings --limit 3"
)]
pub(super) struct Args {
    /// The webhook; NAME alone where only one tenant has it
    #[arg(value_name = "TENANT/NAME")]
    webhook: String,
    /// How many renewals at most
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
    /// Print JSON as the daemon's socket answers it
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, sockets: &Sockets) -> anyhow::Result<()> {
    let client = sockets.most_telling()?;
    let name = client.find(&args.webhook).await?;
    let answer: Value = client.get(&format!("/v1/webhooks/{name}/history?limit={}", args.limit)).await?;
    if args.json {
        return output::print_json(&answer);
    }
    let history: History = serde_json::from_value(answer)?;
    output::print(&render(&name, &history, clock::now(), Style::of(&io::stdout())))
}

pub(super) fn render(name: &str, history: &History, now: Timestamp, style: Style) -> String {
    if history.renewals.is_empty() {
        return format!("{name} has never been renewed\n");
    }
    let blocks: Vec<String> = history.renewals.iter().map(|renewal| block(renewal, now, style)).collect();
    blocks.join("\n")
}

fn block(renewal: &Renewal, now: Timestamp, style: Style) -> String {
    let (sign, paint, outcome) = told(renewal.outcome.as_deref());
    let end = renewal.finished_at.unwrap_or(now);
    let took = moment::took(renewal.started_at, end);
    let took =
        if renewal.finished_at.is_some() { format!("took {took}") } else { format!("for {took} so far") };
    let mut text = format!(
        "{}  {}  {}\n",
        style.paint(Paint::Strong, &format!("#{}", renewal.id)),
        plain(&renewal.reason),
        style.paint(paint, &format!("{sign} {outcome}")),
    );
    let when = moment::ago(now, renewal.started_at);
    let when = format!("{} ({when}), {took}", moment::exact(renewal.started_at));
    for line in wrapped(&when, style, 2) {
        let _ = writeln!(text, "  {}", style.paint(Paint::Faint, &line));
    }
    for (at, step) in renewal.steps.iter().enumerate() {
        let earlier = renewal.steps.iter().take(at).filter(|other| other.step == step.step).count();
        push_step(&mut text, step, earlier + 1, (renewal.started_at, end), style);
    }
    text
}

fn push_step(
    text: &mut String,
    step: &StepRecord,
    attempt: usize,
    (from, until): (Timestamp, Timestamp),
    style: Style,
) {
    let (sign, paint, outcome) = told(step.outcome.as_deref());
    let sign = style.paint(paint, &sign.to_string());
    let is_tiny = style.width.is_some_and(|width| width < TINY);
    // Padded before it is coloured: the codes have no width.
    let outcome = style.paint(paint, &if is_tiny { outcome } else { format!("{outcome:<9}") });
    let end = step.finished_at.unwrap_or(until);
    let took = moment::took(step.started_at, end);
    let line = if style.width.is_none_or(|width| width >= NARROW) {
        format!("  {}", timeline(step.started_at, end, from, until))
    } else {
        String::new()
    };
    let attempt = match attempt {
        1 => String::new(),
        attempt if is_tiny => format!("  try {attempt}"),
        attempt => format!("  attempt {attempt}"),
    };
    let (name, at_least) = (plain(&step.step), if is_tiny { 0 } else { 9 });
    let _ = writeln!(text, "  {sign} {name:<8}  {outcome}  {took:>at_least$}{line}{attempt}");
    for error in step.error.iter().flat_map(|error| plain_lines(error)) {
        for line in wrapped(&error, style, BELOW.len()) {
            let _ = writeln!(text, "{BELOW}{}", style.paint(Paint::Bad, &line));
        }
    }
    for line in step.output.iter().flat_map(|output| plain_lines(output)) {
        let _ = writeln!(text, "{BELOW}{} {line}", style.paint(Paint::Faint, "│"));
    }
}

/// Where an attempt lies in its renewal, so that one sees what took the time, and how long it waited between
/// attempts; it has a cell even if it took no time.
fn timeline(begun: Timestamp, ended: Timestamp, from: Timestamp, until: Timestamp) -> String {
    let first = share(from, until, begun, CELLS).min(CELLS - 1);
    let last = share(from, until, ended, CELLS).max(first + 1);
    (0..CELLS).map(|cell| if (first..last).contains(&cell) { '█' } else { '·' }).collect()
}

fn told(outcome: Option<&str>) -> (char, Paint, String) {
    let (sign, paint) = match outcome {
        Some("succeeded") => ('✓', Paint::Good),
        Some("skipped" | "postponed") => ('–', Paint::Faint),
        Some("failed") => ('✗', Paint::Bad),
        Some(_) => ('?', Paint::Doubtful),
        None => ('…', Paint::Busy),
    };
    (sign, paint, plain(outcome.unwrap_or("running")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::{NOW, after, step};

    #[test]
    fn a_block_shows_steps_durations_errors_and_output() {
        let failed = StepRecord {
            error: Some("exit code 1".to_owned()),
            output: Some("connecting\x1b[2J\nno route to host\n".to_owned()),
            ..step("resync", -120, Some(-118), Some("failed"))
        };
        let history = History {
            renewals: vec![
                Renewal {
                    id: 17,
                    reason: "manual".to_owned(),
                    outcome: None,
                    started_at: after(-120),
                    finished_at: None,
                    steps: vec![failed, step("resync", -20, None, None)],
                },
                Renewal {
                    id: 16,
                    reason: "created".to_owned(),
                    outcome: Some("succeeded".to_owned()),
                    started_at: after(-7200),
                    finished_at: Some(after(-7197)),
                    steps: vec![step("hand_off", -7198, Some(-7197), Some("succeeded"))],
                },
            ],
        };
        assert_eq!(
            render("acme/clockings", &history, NOW, Style::default()),
            "\
#17  manual  … running
  2027-01-15 07:58:00 UTC (2 m ago), for 2 m so far
  ✗ resync    failed         2.0 s  █·····························
      exit code 1
      │ connecting[2J
      │ no route to host
  … resync    running       20.0 s  ·························█████  attempt 2

#16  created  ✓ succeeded
  2027-01-15 06:00:00 UTC (2 h ago), took 3.0 s
  ✓ hand_off  succeeded      1.0 s  ····················██████████
"
        );
    }

    #[test]
    fn a_narrow_terminal_gets_no_line_of_time() {
        let renewal = Renewal {
            id: 3,
            reason: "expiring".to_owned(),
            outcome: Some("succeeded".to_owned()),
            started_at: after(-9),
            finished_at: Some(NOW),
            steps: vec![step("post", -9, Some(0), Some("succeeded"))],
        };
        let mut again = renewal.clone();
        again.steps = vec![step("hand_off", -9, Some(-3), Some("failed")), step("hand_off", -3, None, None)];
        for (width, cells) in [(80, 30), (60, 0), (40, 0)] {
            let style = Style { colour: false, width: Some(width) };
            let text = block(&again, NOW, style);
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
            let text = block(&renewal, NOW, style);
            assert_eq!(text.matches('█').count(), cells, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
        }
    }

    #[test]
    fn no_history_is_said_so() {
        let text = render("acme/people", &History { renewals: Vec::new() }, NOW, Style::default());
        assert_eq!(text, "acme/people has never been renewed\n");
    }
}
