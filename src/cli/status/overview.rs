//! All webhooks: a headline that is the answer, then the tenants, those with problems first.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::said;
use crate::{
    cli::{
        lifetime, moment,
        style::{Paint, Style, plain, wrapped},
        target::full_name,
        view::{FINE, View, expires, headline, paint_of, problems, rank, sign, under_way},
    },
    domain::report::{RemovedWebhook, Tenant, Webhook},
};

/// More webhooks than this are a number at a terminal, where they are healthy.
const MANY: usize = 40;
/// Widths of the bar, the widest that fits is taken.
const BARS: [usize; 4] = [24, 16, 8, 0];
/// What begins the lines below a webhook.
const BELOW: &str = "      ";

struct Line<'a> {
    webhook: &'a Webhook,
    rank: u8,
    times: String,
    problems: Vec<String>,
}

/// One tenant with its webhooks, unhealthy ones first.
struct Group<'a> {
    name: String,
    notes: Vec<String>,
    lines: Vec<Line<'a>>,
    /// Columns of the longest name.
    widest: usize,
    /// Whether any lifetime is known.
    bars: bool,
}

impl Group<'_> {
    /// Where it stands among the others: the less, the worse.
    fn rank(&self) -> u8 {
        let worst = self.lines.first().map_or(FINE, |line| line.rank);
        if self.notes.is_empty() { worst } else { worst.min(1) }
    }
}

/// The whole view. A person at a terminal gets lines that fit it, and of many healthy webhooks only a count,
/// unless `all` asks for more; a pipe gets every webhook with its full name and all that is wrong with it on
/// one line.
pub(super) fn render(view: &View, now: Timestamp, style: Style, all: bool) -> String {
    let mut groups = groups(view, now, style);
    // Stable: among equals the order of the configuration stays.
    groups.sort_by_key(Group::rank);
    let brief = style.width.is_some() && !all && view.webhooks.len() > MANY;
    let bar = widest_bar(&groups, now, style, brief);
    let mut text = format!("{}\n", style.paint(tone(view), &headline(view, now)));
    push(&mut text, &daemon(view, now), "", Paint::Faint, style);
    for problem in daemon_problems(view, now) {
        push(&mut text, &format!("! {problem}"), "", Paint::Bad, style);
    }
    for group in &groups {
        push_group(&mut text, group, now, style, brief, bar);
    }
    for removed in &view.status.removed_webhooks {
        push(&mut text, &format!("! {}", left(removed, now)), "", Paint::Doubtful, style);
    }
    if brief && groups.iter().any(|group| group.lines.iter().any(|line| line.rank == FINE)) {
        push(&mut text, "--all shows every webhook", "", Paint::Faint, style);
    }
    text
}

fn groups<'a>(view: &'a View, now: Timestamp, style: Style) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> =
        view.status.tenants.iter().map(|tenant| new_group(tenant, now)).collect();
    for webhook in &view.webhooks {
        let mut problems = problems(webhook, view, now);
        if style.width.is_some() {
            said::refer(&mut problems, said::poll_error(view, &webhook.tenant));
        }
        let line =
            Line { webhook, rank: rank(webhook, !problems.is_empty()), times: times(webhook, now), problems };
        let name = plain(&webhook.tenant);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.lines.push(line),
            None => groups.push(Group { name, notes: Vec::new(), lines: vec![line], widest: 0, bars: false }),
        }
    }
    for problem in &view.health.problems {
        let Some(tenant) = problem.tenant.as_ref().filter(|_| problem.webhook.is_none()) else { continue };
        let text = plain(&problem.problem);
        // The notes tell of these two what else is known.
        let told = text.starts_with(said::CLOCK)
            || said::poll_error(view, tenant).is_some_and(|error| text.ends_with(&error));
        if let Some(group) = groups.iter_mut().find(|group| group.name == plain(tenant))
            && !told
        {
            group.notes.push(format!("{text} (since {})", moment::ago(now, problem.since)));
        }
    }
    for group in &mut groups {
        group.lines.sort_by_key(|line| line.rank);
        group.widest =
            group.lines.iter().map(|line| name(line.webhook, style).chars().count()).max().unwrap_or(0);
        group.bars = group.lines.iter().any(|line| lifetime::bar(line.webhook, now, 1).is_some());
    }
    groups
}

fn new_group<'a>(tenant: &Tenant, now: Timestamp) -> Group<'a> {
    Group {
        name: plain(&tenant.name),
        notes: said::of_tenant(tenant, now),
        lines: Vec::new(),
        widest: 0,
        bars: false,
    }
}

fn tone(view: &View) -> Paint {
    if view.health.healthy { Paint::Strong } else { Paint::Bad }
}

fn daemon(view: &View, now: Timestamp) -> String {
    let daemon = &view.status.daemon;
    format!(
        "daemon {} (pid {}) started {}; configuration {} read {}",
        plain(&daemon.version),
        daemon.pid,
        moment::ago(now, daemon.started_at),
        plain(&daemon.config_file),
        moment::ago(now, daemon.config_loaded_at),
    )
}

fn daemon_problems(view: &View, now: Timestamp) -> Vec<String> {
    let mut said = Vec::new();
    let of_daemon =
        view.health.problems.iter().filter(|problem| problem.webhook.is_none() && problem.tenant.is_none());
    for problem in of_daemon {
        said.push(format!("{} (since {})", plain(&problem.problem), moment::ago(now, problem.since)));
    }
    // The health names the first of them.
    let of_file = view.status.daemon.config_error.iter().flat_map(|error| &error.problems).skip(1);
    said.extend(of_file.map(|problem| plain(&problem.to_string())));
    said
}

/// A webhook that left the configuration, and what to do about it.
fn left(removed: &RemovedWebhook, now: Timestamp) -> String {
    let remote = removed.remote.as_ref().map(|remote| {
        let until = remote.valid_until.map(|at| format!(" until {}", moment::exact(at))).unwrap_or_default();
        format!(", {} at Protime{until}", plain(&remote.status))
    });
    format!(
        "{}/{} ({} to {}) left the configuration {}{}: {}",
        plain(&removed.tenant),
        plain(&removed.name),
        plain(&removed.collection),
        plain(&removed.destination_url),
        moment::ago(now, removed.left_at),
        remote.unwrap_or_default(),
        plain(&removed.note)
    )
}

fn times(webhook: &Webhook, now: Timestamp) -> String {
    if let Some(renewal) = &webhook.renewal {
        return under_way(renewal);
    }
    let expires = expires(webhook, now);
    let enabled = webhook.remote.as_ref().is_some_and(|remote| remote.status == "Enabled");
    let lives = webhook.remote.as_ref().and_then(|remote| remote.valid_until).is_some_and(|at| at > now);
    let expires = if enabled && lives { format!("expires {expires}") } else { expires };
    match webhook.next_renewal_at {
        Some(at) if at > now => format!("renews {}, {expires}", moment::relative(now, at)),
        Some(_) => format!("renews now, {expires}"),
        None => expires,
    }
}

/// The widest bar with which every line that is shown fits the terminal.
fn widest_bar(groups: &[Group<'_>], now: Timestamp, style: Style, brief: bool) -> usize {
    let Some(width) = style.width else { return BARS[1] };
    let lines = || groups.iter().flat_map(|group| shown(group, brief).map(move |line| (group, line)));
    let fits = |bar: &&usize| {
        lines()
            .all(|(group, line)| head(group, line, now, style, **bar).chars().count() <= usize::from(width))
    };
    BARS.iter().find(fits).copied().unwrap_or(0)
}

fn shown<'b>(group: &'b Group<'_>, brief: bool) -> impl Iterator<Item = &'b Line<'b>> {
    group.lines.iter().filter(move |line| !brief || line.rank < FINE)
}

/// The first line of a webhook, without colours.
fn head(group: &Group<'_>, line: &Line<'_>, now: Timestamp, style: Style, bar: usize) -> String {
    let width = group.widest;
    let drawn = if bar > 0 && group.bars {
        let drawn = lifetime::bar(line.webhook, now, bar).unwrap_or_default();
        format!("{drawn:<bar$}  ")
    } else {
        String::new()
    };
    let indent = if style.width.is_some() { "  " } else { "" };
    format!(
        "{indent}{} {:<width$}  {:<9}  {drawn}{}",
        sign(line.webhook.state),
        name(line.webhook, style),
        line.webhook.state.as_str(),
        line.times
    )
}

/// Below a tenant's name its own is enough; a pipe gets both.
fn name(webhook: &Webhook, style: Style) -> String {
    plain(&if style.width.is_some() { webhook.name.clone() } else { full_name(webhook) })
}

fn push_group(text: &mut String, group: &Group<'_>, now: Timestamp, style: Style, brief: bool, bar: usize) {
    if style.width.is_none() {
        for note in &group.notes {
            let _ = writeln!(text, "! {}: {note}", group.name);
        }
        for line in &group.lines {
            let _ = writeln!(text, "{}", whole(group, line, now, style, bar));
        }
        return;
    }
    let _ = writeln!(text, "\n{}", style.paint(Paint::Strong, &group.name));
    for note in &group.notes {
        push(text, &format!("! {note}"), "  ", Paint::Bad, style);
    }
    if group.lines.is_empty() {
        push(text, "no webhooks", "  ", Paint::Faint, style);
    }
    for line in shown(group, brief) {
        push_line(text, group, line, now, style, bar);
    }
    let fine: Vec<&Line<'_>> = group.lines.iter().filter(|line| brief && line.rank == FINE).collect();
    if !fine.is_empty() {
        push(text, &summary(&fine, now), "  ", Paint::Good, style);
    }
}

fn whole(group: &Group<'_>, line: &Line<'_>, now: Timestamp, style: Style, bar: usize) -> String {
    let head = head(group, line, now, style, bar);
    if line.problems.is_empty() { head } else { format!("{head}: {}", line.problems.join("; ")) }
}

fn push_line(
    text: &mut String,
    group: &Group<'_>,
    line: &Line<'_>,
    now: Timestamp,
    style: Style,
    bar: usize,
) {
    let whole = head(group, line, now, style, bar);
    let fits = style.width.is_none_or(|width| whole.chars().count() <= usize::from(width));
    let state = format!("{} ", sign(line.webhook.state));
    let painted = style.paint(paint_of(line.webhook.state), state.trim_end());
    if fits {
        let _ = writeln!(text, "{}", whole.replacen(state.trim_end(), &painted, 1).trim_end());
    } else {
        let head = format!("{} {}", name(line.webhook, style), line.webhook.state.as_str());
        let _ = writeln!(text, "  {painted} {head}");
        push(text, &line.times, BELOW, Paint::Faint, style);
    }
    for problem in &line.problems {
        push(text, problem, BELOW, paint_of(line.webhook.state), style);
    }
}

/// What many healthy webhooks are together.
fn summary(fine: &[&Line<'_>], now: Timestamp) -> String {
    let next = fine.iter().filter_map(|line| line.webhook.next_renewal_at).min();
    let ends = |line: &&Line<'_>| line.webhook.remote.as_ref().and_then(|remote| remote.valid_until);
    let end = fine.iter().filter_map(ends).min();
    let mut text = format!("● {} healthy", fine.len());
    if let Some(at) = next {
        let _ = write!(text, "; the first renews {}", moment::relative(now, at));
    }
    if let Some(at) = end {
        let _ = write!(text, "; the first expires {}", moment::relative(now, at));
    }
    text
}

/// A paragraph, broken to the terminal.
fn push(text: &mut String, paragraph: &str, indent: &str, paint: Paint, style: Style) {
    for line in wrapped(paragraph, style, indent.len()) {
        let _ = writeln!(text, "{indent}{}", style.paint(paint, &line));
    }
}
