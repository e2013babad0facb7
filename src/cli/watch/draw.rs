//! The screen as text: a headline, the webhooks, what the selected one needs, the log, the keys.

use jiff::Timestamp;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Modifier, Style},
    text::{Line, Span},
    widgets::{Block, Clear, List, ListState, Paragraph, Wrap},
};

use super::{
    model::{Model, Over},
    rows::Columns,
};
use crate::cli::{
    moment,
    style::{plain, wrapped},
    view::{View, headline, problems},
};

/// With fewer columns than this not all keys are named at the foot.
const NARROW: u16 = 54;
const TIME: u16 = 10;
/// Rows of the log at least, on a terminal that is high enough.
const LOG: u16 = 8;
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

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, now: Timestamp) {
    let area = frame.area();
    let high = area.height >= LOW;
    let (headline, headline_style) = head(model, now);
    let foot = foot(model, area.width);
    // A narrow terminal gets whole sentences on more rows, if it is high enough.
    let rows_of = |text: &str| if high { rows(text, area.width).min(area.height * 2 / 5) } else { 1 };
    let detail = match (&model.lost, &model.view) {
        (Some((_, why)), _) => why.clone(),
        (None, Some(view)) => detail(model, view, now),
        (None, None) => String::new(),
    };
    let details = if detail.is_empty() || !high { 0 } else { rows_of(&detail).max(DETAILS) };
    // What the list does not need is for the log.
    let listed = u16::try_from(model.webhooks().len()).unwrap_or(u16::MAX);
    let others = rows_of(&headline) + rows_of(foot.0) + details.max(DETAILS);
    let spare = area.height.saturating_sub(listed.saturating_add(others));
    let log = if high { LOG.min(area.height / 3).max(spare) } else { 0 };
    let [top, list, middle, below, bottom] = Layout::vertical([
        Constraint::Length(rows_of(&headline)),
        Constraint::Min(1),
        Constraint::Length(details),
        Constraint::Length(log),
        Constraint::Length(rows_of(foot.0)),
    ])
    .areas(area);
    for (text, style, area) in [
        (headline.as_str(), headline_style, top),
        (&detail, Style::new().fg(Color::Yellow), middle),
        (foot.0, foot.1, bottom),
    ] {
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }).style(style), area);
    }
    draw_list(frame, model, list, now);
    draw_log(frame, model, below);
    draw_over(frame, model);
}

fn head(model: &Model, now: Timestamp) -> (String, Style) {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    match (&model.lost, &model.view) {
        (Some((since, _)), _) => {
            let text = format!(
                "the daemon does not answer (noticed {}); asking it every second",
                moment::ago(now, *since)
            );
            (text, bold.fg(Color::Red))
        }
        (None, Some(view)) => {
            let style = if view.health.healthy { bold } else { bold.fg(Color::Red) };
            (headline(view, now), style)
        }
        (None, None) => ("asking the daemon …".to_owned(), bold),
    }
}

fn foot(model: &Model, width: u16) -> (&str, Style) {
    match model.said.as_str() {
        "" if width < NARROW => ("? help  r renew  h history  q quit", Style::new().dim()),
        "" => ("? help  ↑↓ select  r renew  h history  p poll  q quit", Style::new().dim()),
        said => (said, Style::new().fg(Color::Cyan)),
    }
}

/// A sentence in pieces that fit so many columns; as it is, if it does.
fn fitted(text: &str, width: u16) -> Vec<String> {
    if text.chars().count() <= usize::from(width) {
        return vec![text.to_owned()];
    }
    wrapped(text, crate::cli::style::Style { colour: false, width: Some(width) }, 0)
}

fn rows(text: &str, width: u16) -> u16 {
    u16::try_from(fitted(text, width).len()).unwrap_or(u16::MAX).max(1)
}

fn draw_list(frame: &mut Frame<'_>, model: &Model, area: Rect, now: Timestamp) {
    let webhooks = model.webhooks();
    let columns = Columns::fitting(webhooks, now, usize::from(area.width));
    // The list is long, the terminal is not: only what can be seen is made.
    let height = usize::from(area.height.max(1));
    let position = model.position();
    let first = position.saturating_sub(height / 2).min(webhooks.len().saturating_sub(height));
    let rows = webhooks.iter().skip(first).take(height).map(|webhook| columns.row(webhook, now));
    let list = List::new(rows).highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let selected = (!webhooks.is_empty()).then_some(position - first.min(position));
    frame.render_stateful_widget(list, area, &mut ListState::default().with_selected(selected));
}

/// What the selected webhook needs, and what its tenant and the whole daemon need besides.
fn detail(model: &Model, view: &View, now: Timestamp) -> String {
    let selected = model.webhooks().get(model.position());
    let mut said = selected.map(|webhook| problems(webhook, view, now)).unwrap_or_default();
    let of_others = view.health.problems.iter().filter(|problem| problem.webhook.is_none());
    for problem in of_others {
        let concerns = |tenant: &String| selected.is_none_or(|webhook| webhook.tenant == *tenant);
        let text = plain(&problem.problem);
        if problem.tenant.as_ref().is_none_or(concerns) && !said.contains(&text) {
            said.push(text);
        }
    }
    said.join("; ")
}

fn draw_log(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let room = usize::from(area.height.saturating_sub(1));
    let mut lines: Vec<Line<'_>> = Vec::new();
    for (at, event) in model.log.iter().rev() {
        let mut time = at.strftime("%H:%M:%S  ").to_string();
        let pieces = fitted(event, area.width.saturating_sub(TIME)).into_iter().map(|piece| {
            let row =
                Line::from(vec![Span::styled(format!("{time:<10}"), Style::new().dim()), Span::raw(piece)]);
            time.clear();
            row
        });
        let pieces: Vec<Line<'_>> = pieces.collect();
        lines.splice(0..0, pieces);
        if lines.len() >= room {
            break;
        }
    }
    let skip = lines.len().saturating_sub(room);
    let title = Block::new().borders(ratatui::widgets::Borders::TOP).title(" events, times in UTC ");
    frame.render_widget(Paragraph::new(lines.split_off(skip)).block(title), area);
}

fn draw_over(frame: &mut Frame<'_>, model: &Model) {
    let (title, text, down) = match &model.over {
        Over::Nothing => return,
        Over::Help => (" keys ".to_owned(), HELP.to_owned(), 0),
        Over::Confirm(name) => {
            let text = "Its key changes, and its resync runs.\n\ny: yes   any other key: no".to_owned();
            (format!(" renew {name} now? "), text, 0)
        }
        Over::History { name, text, down } => {
            let text = text.clone().unwrap_or_else(|| "asking the daemon …".to_owned());
            (format!(" history of {name} "), text, *down)
        }
    };
    let widest = text.lines().chain([title.as_str()]).map(|line| line.chars().count()).max().unwrap_or(0);
    let width = usize::from(frame.area().width.saturating_sub(2));
    // Broken between words: no more than a quarter of a row is left free.
    let height_of = |line: &str| match line.chars().count() {
        length if length <= width => 1,
        length => length * 4 / 3 / width.max(1) + 1,
    };
    let height: usize = text.lines().map(height_of).sum();
    let area = centred(frame.area(), widest + 4, height + 2);
    let down = u16::try_from(down).unwrap_or(u16::MAX);
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(text)
            .wrap(Wrap { trim: false })
            .scroll((down, 0))
            .block(Block::bordered().title(title)),
        area,
    );
}

fn centred(area: Rect, width: usize, height: usize) -> Rect {
    let width = u16::try_from(width).unwrap_or(u16::MAX).min(area.width);
    let height = u16::try_from(height).unwrap_or(u16::MAX).min(area.height);
    Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height }
}
