//! The screen as text: a headline, the webhooks, what the selected one needs, the log, the keys.

use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Clear, List, ListState, Paragraph, Wrap},
};

use super::model::{Model, Over};
use crate::{
    cli::{
        lifetime, moment,
        status::{View, expires, headline, paint_of, problems, sign, under_way},
        style::{Paint, plain},
        target::full_name,
    },
    domain::report::Webhook,
};

/// Columns of the bar, where the terminal is wide enough.
const BAR: usize = 20;
/// With fewer columns than this there is no bar.
const NARROW: u16 = 70;
/// Rows of the log at least, on a terminal that is high enough.
const LOG: u16 = 8;
/// Rows for what the selected webhook needs.
const DETAILS: u16 = 3;
/// With fewer rows than this there is no log.
const LOW: u16 = 14;

const HELP: &str = "\
↑ ↓ j k      select a webhook (PgUp, PgDn, g, G: further)
r            renew the selected one now
h, Enter     its history
p            ask every tenant for its webhooks now
q, Esc       leave
?            this help

━━━━──┿┄┄┄   a lifetime: passed, ahead, the planned renewal,
             and the time left after it to try again";

/// Paints everything.
pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, now: Timestamp) {
    let area = frame.area();
    // What the list does not need is for the log.
    let listed = u16::try_from(model.webhooks().len()).unwrap_or(u16::MAX);
    let spare = area.height.saturating_sub(listed.saturating_add(2 + DETAILS));
    let log = if area.height >= LOW { LOG.min(area.height / 3).max(spare) } else { 0 };
    let detail = match (&model.lost, &model.view) {
        (Some((_, why)), _) => why.clone(),
        (None, Some(view)) => detail(model, view, now),
        (None, None) => String::new(),
    };
    let details = if detail.is_empty() || area.height < LOW { 0 } else { DETAILS };
    let [head, list, middle, below, foot] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(details),
        Constraint::Length(log),
        Constraint::Length(1),
    ])
    .areas(area);
    frame.render_widget(head_line(model, now), head);
    draw_list(frame, model, list, now);
    frame.render_widget(
        Paragraph::new(detail).wrap(Wrap { trim: true }).style(Style::new().fg(Color::Yellow)),
        middle,
    );
    draw_log(frame, model, below);
    let foot_text = if model.said.is_empty() {
        Span::styled("? help  ↑↓ select  r renew  h history  p poll  q quit", Style::new().dim())
    } else {
        Span::styled(model.said.as_str(), Style::new().fg(Color::Cyan))
    };
    frame.render_widget(Line::from(foot_text), foot);
    draw_over(frame, model);
}

fn head_line(model: &Model, now: Timestamp) -> Line<'_> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    match (&model.lost, &model.view) {
        (Some((since, _)), _) => {
            let text = format!(
                "the daemon does not answer (noticed {}); asking it every second",
                moment::ago(now, *since)
            );
            Line::styled(text, bold.fg(Color::Red))
        }
        (None, Some(view)) => {
            let style = if view.health.healthy { bold } else { bold.fg(Color::Red) };
            Line::styled(headline(view, now), style)
        }
        (None, None) => Line::styled("asking the daemon …", bold),
    }
}

fn draw_list(frame: &mut Frame<'_>, model: &Model, area: Rect, now: Timestamp) {
    let webhooks = model.webhooks();
    let width = webhooks.iter().map(|webhook| full_name(webhook).chars().count()).max().unwrap_or(0);
    let bar = if area.width >= NARROW { BAR } else { 0 };
    // The list is long, the terminal is not: only what can be seen is made.
    let height = usize::from(area.height.max(1));
    let position = model.position();
    let first = position.saturating_sub(height / 2).min(webhooks.len().saturating_sub(height));
    let rows = webhooks.iter().skip(first).take(height).map(|webhook| row(webhook, width, bar, now));
    let list = List::new(rows).highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = (!webhooks.is_empty()).then_some(position - first.min(position));
    frame.render_stateful_widget(list, area, &mut ListState::default().with_selected(selected));
}

fn row(webhook: &Webhook, width: usize, bar: usize, now: Timestamp) -> Line<'static> {
    let colour = colour(paint_of(webhook.state));
    let name = plain(&full_name(webhook));
    let drawn = lifetime::bar(webhook, now, bar).unwrap_or_default();
    let what = match (&webhook.renewal, webhook.next_renewal_at) {
        (Some(renewal), _) => under_way(renewal),
        (None, Some(at)) if at > now => {
            format!("renews {}, ends {}", moment::relative(now, at), expires(webhook, now))
        }
        (None, _) => expires(webhook, now),
    };
    Line::from(vec![
        Span::styled(format!("{} ", sign(webhook.state)), colour),
        Span::raw(format!("{name:<width$}  ")),
        Span::styled(format!("{:<9}  ", webhook.state.as_str()), colour),
        Span::raw(format!("{drawn:<bar$}{}", if bar > 0 { "  " } else { "" })),
        Span::raw(what),
    ])
}

/// What the selected webhook needs.
fn detail(model: &Model, view: &View, now: Timestamp) -> String {
    let selected = model.webhooks().get(model.position());
    selected.map(|webhook| problems(webhook, view, now).join("; ")).unwrap_or_default()
}

fn draw_log(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let room = usize::from(area.height.saturating_sub(1));
    let skip = model.log.len().saturating_sub(room);
    let lines: Vec<Line<'_>> = model
        .log
        .iter()
        .skip(skip)
        .map(|(at, line)| {
            let time = at.strftime("%H:%M:%S").to_string();
            Line::from(vec![Span::styled(format!("{time}  "), Style::new().dim()), Span::raw(line.as_str())])
        })
        .collect();
    let title = Block::new().borders(ratatui::widgets::Borders::TOP).title(" events, times in UTC ");
    frame.render_widget(Paragraph::new(lines).block(title), area);
}

fn draw_over(frame: &mut Frame<'_>, model: &Model) {
    let (title, text, down) = match &model.over {
        Over::Nothing => return,
        Over::Help => (" keys ".to_owned(), HELP.to_owned(), 0),
        Over::Confirm(name) => {
            let text = "Its key changes, and its resync runs.\n\ny: yes   any other key: no".to_owned();
            (format!(" renew {name} now? "), text, 0)
        }
        Over::History { name, text, down } => (format!(" history of {name} "), text.clone(), *down),
    };
    let widest = text.lines().chain([title.as_str()]).map(|line| line.chars().count()).max().unwrap_or(0);
    let area = centred(frame.area(), widest + 4, text.lines().count() + 2);
    let down = u16::try_from(down).unwrap_or(u16::MAX);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(text).scroll((down, 0)).block(Block::bordered().title(title)), area);
}

/// A box in the middle, no larger than the screen.
fn centred(area: Rect, width: usize, height: usize) -> Rect {
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(height).unwrap_or(u16::MAX).min(area.height);
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}

fn colour(paint: Paint) -> Style {
    match paint {
        Paint::Good => Style::new().fg(Color::Green),
        Paint::Busy => Style::new().fg(Color::Cyan),
        Paint::Doubtful => Style::new().fg(Color::Yellow),
        Paint::Bad => Style::new().fg(Color::Red),
        Paint::Strong => Style::new().add_modifier(Modifier::BOLD),
        Paint::Faint => Style::new().dim(),
    }
}
