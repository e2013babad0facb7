//! All webhooks: a headline, a table with the troubled ones first, and what concerns more than one.
//!
//! The table is laid out without colours, since it is measured in characters; they are laid over
//! the finished lines. On a terminal too narrow for a table it becomes a list.

use std::fmt::Write as _;

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use jiff::Timestamp;

use super::{View, expires, paint_of, problems, signed, under_way};
use crate::{
    cli::{
        moment,
        style::{Paint, Style, plain},
        target::full_name,
    },
    domain::report::{State, Tenant, Webhook},
};

/// With fewer columns than this, a list reads better than a table.
const NARROW: u16 = 76;
/// The columns that a sentence needs to be read with ease.
const READABLE: usize = 48;
/// Seconds by which clocks may differ without a word.
const CLOSE_ENOUGH: f64 = 5.0;

const HEADINGS: [&str; 6] = ["webhook", "state", "expires", "next renewal", "last renewal", "problem"];

/// The whole picture.
pub(super) fn render(view: &View, now: Timestamp, style: Style) -> String {
    let mut webhooks: Vec<&Webhook> = view.webhooks.iter().collect();
    // A stable sort: among equals the daemon's order stays.
    webhooks.sort_by_key(|webhook| rank(webhook, view));

    let mut text = headline(view, now, style);
    if !webhooks.is_empty() {
        let rows: Vec<[String; 6]> = webhooks.iter().map(|webhook| row(webhook, view, now)).collect();
        let body = if style.width.is_some_and(|width| width < NARROW) {
            list(&rows, style)
        } else {
            table(rows, style)
        };
        text.push_str(&coloured(&body, style));
    }
    for line in footer(view, now, style) {
        let _ = writeln!(text, "{line}");
    }
    text
}

fn rank(webhook: &Webhook, view: &View) -> u8 {
    let name = full_name(webhook);
    let unhealthy = view.health.problems.iter().any(|problem| problem.webhook.as_ref() == Some(&name));
    match webhook.state {
        State::Blocked | State::Contended => 0,
        _ if unhealthy => 1,
        State::Retrying => 2,
        State::Pending | State::Active | State::Renewing => 3,
    }
}

fn headline(view: &View, now: Timestamp, style: Style) -> String {
    let count = view.webhooks.len();
    let mut text = match count {
        0 => "no webhooks".to_owned(),
        1 => "1 webhook".to_owned(),
        _ => format!("{count} webhooks"),
    };
    let states: Vec<String> = State::ALL
        .into_iter()
        .map(|state| (state, view.webhooks.iter().filter(|webhook| webhook.state == state).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {}", state.as_str()))
        .collect();
    if !states.is_empty() {
        let _ = write!(text, ": {}", states.join(", "));
    }
    let next =
        view.status.daemon.next_renewal_at.map(|at| format!("next renewal {}", moment::relative(now, at)));
    let next = next.map(|next| style.paint(Paint::Faint, &format!(" · {next}"))).unwrap_or_default();
    format!("{}{next}\n", style.paint(Paint::Strong, &text))
}

fn row(webhook: &Webhook, view: &View, now: Timestamp) -> [String; 6] {
    let last = match (&webhook.renewal, &webhook.last_renewal) {
        (Some(renewal), _) => format!("running: {}", under_way(renewal)),
        (None, Some(last)) => {
            format!(
                "{}, {}, {}",
                moment::ago(now, last.finished_at),
                plain(&last.reason),
                plain(&last.outcome)
            )
        }
        (None, None) => "never".to_owned(),
    };
    let next = webhook.next_renewal_at.map_or_else(|| "–".to_owned(), |at| moment::relative(now, at));
    [
        full_name(webhook),
        signed(webhook.state),
        expires(webhook, now),
        next,
        last,
        problems(webhook, &view.health, now).join("; "),
    ]
}

fn table(mut rows: Vec<[String; 6]>, style: Style) -> String {
    let beneath =
        if leaves_room_for_problems(&rows, style) { String::new() } else { take_problems(&mut rows) };
    // A column that would be empty is not there.
    let columns = if rows.iter().all(|row| row[5].is_empty()) { 5 } else { 6 };
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    match style.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(HEADINGS.into_iter().take(columns));
    for row in rows {
        table.add_row(row.into_iter().take(columns));
    }
    // What is looked for first is never broken; the rest shares what is left.
    for column in [0, 1] {
        if let Some(column) = table.column_mut(column) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    format!("{}\n{beneath}", table.trim_fmt())
}

/// Whether a column for problems would be wide enough to read sentences in.
fn leaves_room_for_problems(rows: &[[String; 6]], style: Style) -> bool {
    let others = (0..5).map(|column| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        // A cell has a space on both sides and a line beside it.
        cells.chain([HEADINGS[column].len()]).max().unwrap_or(0) + 3
    });
    style.width.is_none_or(|width| others.sum::<usize>() + READABLE <= usize::from(width))
}

/// Moves the problems out of the rows, into lines of their own.
fn take_problems(rows: &mut [[String; 6]]) -> String {
    let mut text = String::new();
    for row in rows.iter_mut().filter(|row| !row[5].is_empty()) {
        let problem = std::mem::take(&mut row[5]);
        let _ = writeln!(text, "{} {}: {problem}", row[1], row[0]);
    }
    text
}

fn list(rows: &[[String; 6]], style: Style) -> String {
    let mut text = String::new();
    for [name, state, rest @ ..] in rows {
        let _ = writeln!(text, "{}  {state}", style.paint(Paint::Strong, name));
        for (heading, value) in HEADINGS.iter().skip(2).zip(rest).filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "  {heading}: {value}");
        }
    }
    text
}

/// Colours the states, which their signs make unmistakable.
fn coloured(body: &str, style: Style) -> String {
    let mut body = body.to_owned();
    if style.colour {
        for state in State::ALL {
            body = body.replace(&signed(state), &style.paint(paint_of(state), &signed(state)));
        }
    }
    body
}

fn footer(view: &View, now: Timestamp, style: Style) -> Vec<String> {
    let mut lines: Vec<String> =
        view.status.tenants.iter().flat_map(|tenant| tenant_lines(tenant, now)).collect();
    for problem in view.health.problems.iter().filter(|problem| problem.webhook.is_none()) {
        let text = plain(&problem.problem);
        if lines.iter().any(|line| line.contains(&text)) {
            continue;
        }
        let whose = problem.tenant.as_ref().map_or_else(|| "daemon".to_owned(), |tenant| plain(tenant));
        lines.push(format!("{whose}: {text} (since {})", moment::ago(now, problem.since)));
    }
    lines.into_iter().map(|line| format!("{} {line}", style.paint(Paint::Doubtful, "!"))).collect()
}

fn tenant_lines(tenant: &Tenant, now: Timestamp) -> Vec<String> {
    let name = plain(&tenant.name);
    let mut lines = Vec::new();
    if let Some(error) = &tenant.last_poll_error {
        let last = tenant.last_poll_at.map_or_else(
            || "Protime has never answered".to_owned(),
            |at| format!("Protime last answered {}", moment::ago(now, at)),
        );
        lines.push(format!("{name}: the last poll failed: {} ({last})", plain(error)));
    }
    if let Some(skew) = tenant.clock_skew_seconds.filter(|skew| skew.abs() >= CLOSE_ENOUGH) {
        let direction = if skew > 0.0 { "behind" } else { "ahead of" };
        lines.push(format!("{name}: this machine's clock is {:.0} s {direction} Protime's", skew.abs()));
    }
    lines
}
