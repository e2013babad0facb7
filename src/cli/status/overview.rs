//! All webhooks: a headline that is the answer, then the tenants, those with problems first.
//!
//! What is said of a tenant is said of its webhooks no more: a sentence that repeats hides the others.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::{
    cli::{
        lifetime, moment,
        style::{Paint, Style, plain, wrapped},
        target::full_name,
        view::{FINE, View, expires, headline, problems, rank, sign, under_way},
    },
    domain::report::{RemovedWebhook, Tenant, Webhook},
};

/// More webhooks than this are a number at a terminal, where they are healthy.
const MANY: usize = 40;
/// Widths of the bar, the widest that fits is taken.
const BARS: [usize; 4] = [24, 16, 8, 0];
const BELOW: &str = "      ";
/// Seconds by which clocks may differ without a word.
const CLOSE_ENOUGH: f64 = 5.0;
/// What begins a sentence about a difference of the clocks, here and in `health`.
const CLOCK: &str = "this machine's clock";

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
    widest: usize,
    bars: bool,
}

impl<'a> Group<'a> {
    fn new(name: &str, view: &'a View, now: Timestamp, style: Style) -> Self {
        let tenant = view.status.tenants.iter().find(|tenant| tenant.name == name);
        let poll_error = tenant.and_then(|tenant| tenant.last_poll_error.as_ref()).map(|error| plain(error));
        let mut notes = tenant.map(|tenant| of_tenant(tenant, now)).unwrap_or_default();
        for problem in view.health.problems.iter().filter(|problem| problem.webhook.is_none()) {
            let text = plain(&problem.problem);
            // The notes tell of these two what else is known.
            let told = text.starts_with(CLOCK) || poll_error.as_ref().is_some_and(|it| text.ends_with(it));
            if problem.tenant.as_deref() == Some(name) && !told {
                notes.push(format!("{text} (since {})", moment::ago(now, problem.since)));
            }
        }
        let line = |webhook| {
            let mut problems = problems(webhook, view, now);
            if let Some(error) = poll_error.as_ref().filter(|_| style.width.is_some()) {
                refer(&mut problems, error);
            }
            Line { webhook, rank: rank(webhook, !problems.is_empty()), times: times(webhook, now), problems }
        };
        let mut lines: Vec<_> =
            view.webhooks.iter().filter(|webhook| webhook.tenant == name).map(line).collect();
        lines.sort_by_key(|line| line.rank);
        let widest = lines.iter().map(|line| own_name(line.webhook, style).chars().count()).max();
        let bars = lines.iter().any(|line| lifetime::bar(line.webhook, now, 1).is_some());
        Self { name: plain(name), notes, lines, widest: widest.unwrap_or_default(), bars }
    }

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
    let mut names: Vec<&str> = Vec::new();
    let of_webhooks = view.webhooks.iter().map(|webhook| &webhook.tenant);
    for name in view.status.tenants.iter().map(|tenant| &tenant.name).chain(of_webhooks) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut groups: Vec<Group<'_>> =
        names.into_iter().map(|name| Group::new(name, view, now, style)).collect();
    // Stable: among equals the order of the configuration stays.
    groups.sort_by_key(Group::rank);
    let brief = style.width.is_some() && !all && view.webhooks.len() > MANY;
    let tone = if view.health.healthy { Paint::Strong } else { Paint::Bad };
    let text = format!("{}\n", style.paint(tone, &headline(view, now)));
    let mut page = Page { text, now, style, brief, bar: BARS[1] };
    page.bar = page.widest_bar(&groups);
    page.push(&daemon(view, now), "", Paint::Faint);
    for problem in daemon_problems(view, now) {
        page.push(&format!("! {problem}"), "", Paint::Bad);
    }
    for group in &groups {
        page.push_group(group);
    }
    for removed in &view.status.removed_webhooks {
        page.push(&format!("! {}", left(removed, now)), "", Paint::Doubtful);
    }
    if brief && groups.iter().flat_map(|group| &group.lines).any(|line| line.rank == FINE) {
        page.push("--all shows every webhook", "", Paint::Faint);
    }
    page.text
}

/// What is known of a tenant that is worth a word.
fn of_tenant(tenant: &Tenant, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(error) = &tenant.last_poll_error {
        let last = tenant.last_poll_at.map_or_else(
            || "Protime has never answered".to_owned(),
            |at| format!("Protime last answered {}", moment::ago(now, at)),
        );
        lines.push(format!("the list of webhooks cannot be read: {} ({last})", plain(error)));
    }
    if let Some(skew) = tenant.clock_skew_seconds.filter(|skew| skew.abs() >= CLOSE_ENOUGH) {
        let direction = if skew > 0.0 { "behind" } else { "ahead of" };
        lines.push(format!(
            "{CLOCK} is {:.0} s {direction} Protime's; check the time service here",
            skew.abs()
        ));
    }
    lines
}

/// What is said of a tenant already is not said of each of its webhooks again.
fn refer(problems: &mut [String], said: &str) {
    for problem in problems {
        if let Some(head) = problem.strip_suffix(said) {
            *problem = format!("{}, see above", head.trim_end_matches([':', ' ']));
        }
    }
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

/// Below a tenant's name its own is enough; a pipe gets both.
fn own_name(webhook: &Webhook, style: Style) -> String {
    plain(&if style.width.is_some() { webhook.name.clone() } else { full_name(webhook) })
}

struct Page {
    text: String,
    now: Timestamp,
    style: Style,
    brief: bool,
    bar: usize,
}

impl Page {
    fn widest_bar(&self, groups: &[Group<'_>]) -> usize {
        let Some(width) = self.style.width else { return BARS[1] };
        let fits = |bar: &usize| {
            let short = |group, line| self.head(group, line, *bar).chars().count() <= usize::from(width);
            groups.iter().all(|group| self.shown(group).all(|line| short(group, line)))
        };
        BARS.into_iter().find(fits).unwrap_or(0)
    }

    fn shown<'b>(&self, group: &'b Group<'_>) -> impl Iterator<Item = &'b Line<'b>> + use<'b> {
        let brief = self.brief;
        group.lines.iter().filter(move |line| !brief || line.rank < FINE)
    }

    /// The first line of a webhook, without colours.
    fn head(&self, group: &Group<'_>, line: &Line<'_>, bar: usize) -> String {
        let (webhook, width) = (line.webhook, group.widest);
        let drawn = lifetime::bar(webhook, self.now, bar).unwrap_or_default();
        let drawn = if bar > 0 && group.bars { format!("{drawn:<bar$}  ") } else { String::new() };
        let indent = if self.style.width.is_some() { "  " } else { "" };
        let (sign, name) = (sign(webhook.state).0, own_name(webhook, self.style));
        format!("{indent}{sign} {name:<width$}  {:<9}  {drawn}{}", webhook.state.as_str(), line.times)
    }

    fn push_group(&mut self, group: &Group<'_>) {
        if self.style.width.is_none() {
            for note in &group.notes {
                let _ = writeln!(self.text, "! {}: {note}", group.name);
            }
            for line in &group.lines {
                let head = self.head(group, line, self.bar);
                let colon = if line.problems.is_empty() { "" } else { ": " };
                let _ = writeln!(self.text, "{head}{colon}{}", line.problems.join("; "));
            }
            return;
        }
        let _ = writeln!(self.text, "\n{}", self.style.paint(Paint::Strong, &group.name));
        for note in &group.notes {
            self.push(&format!("! {note}"), "  ", Paint::Bad);
        }
        if group.lines.is_empty() {
            self.push("no webhooks", "  ", Paint::Faint);
        }
        for line in self.shown(group) {
            self.push_line(group, line);
        }
        let fine = || group.lines.iter().filter(|line| line.rank == FINE).map(|line| line.webhook);
        if self.brief && fine().next().is_some() {
            self.push(&summary(fine, self.now), "  ", Paint::Good);
        }
    }

    fn push_line(&mut self, group: &Group<'_>, line: &Line<'_>) {
        let whole = self.head(group, line, self.bar);
        let (sign, paint) = sign(line.webhook.state);
        let painted = self.style.paint(paint, &sign.to_string());
        if self.style.width.is_none_or(|width| whole.chars().count() <= usize::from(width)) {
            let _ = writeln!(self.text, "{}", whole.replacen(sign, &painted, 1).trim_end());
        } else {
            let (name, state) = (own_name(line.webhook, self.style), line.webhook.state.as_str());
            let _ = writeln!(self.text, "  {painted} {name} {state}");
            self.push(&line.times, BELOW, Paint::Faint);
        }
        for problem in &line.problems {
            self.push(problem, BELOW, paint);
        }
    }

    fn push(&mut self, paragraph: &str, indent: &str, paint: Paint) {
        for line in wrapped(paragraph, self.style, indent.len()) {
            let _ = writeln!(self.text, "{indent}{}", self.style.paint(paint, &line));
        }
    }
}

fn summary<'a, W: Iterator<Item = &'a Webhook>>(fine: impl Fn() -> W, now: Timestamp) -> String {
    let first = |what: &str, at: Option<Timestamp>| {
        at.map(|at| format!("; the first {what} {}", moment::relative(now, at))).unwrap_or_default()
    };
    let renews = fine().filter_map(|webhook| webhook.next_renewal_at).min();
    let ends = fine().filter_map(|webhook| webhook.remote.as_ref()?.valid_until).min();
    format!("● {} healthy{}{}", fine().count(), first("renews", renews), first("expires", ends))
}
