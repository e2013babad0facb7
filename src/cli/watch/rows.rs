//! The webhooks as rows that fit the terminal.

use jiff::Timestamp;
use ratatui::{
    style::{Color, Modifier, Style},
    text::{Line, Span},
};

use crate::{
    cli::{
        lifetime, moment,
        style::{Paint, plain},
        target::full_name,
        view::{expires, sign, under_way},
    },
    domain::report::Webhook,
};

/// Columns of the sign, and between two columns.
const SIGN: usize = 2;
const GAP: usize = 2;
/// Columns of a state in words, the longest of which is `contended`.
const STATE: usize = 9;
const SHORTEST: usize = 8;

#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    name: usize,
    bar: usize,
    /// Whether the state is in words; its sign and colour are always there.
    state: bool,
    /// Whether only the next thing is told.
    brief: bool,
}

impl Columns {
    /// The most that fits this width, for all webhooks alike. The least needed is left out first, for a row
    /// that is cut ends where it says what matters.
    pub(super) fn fitting(webhooks: &[Webhook], now: Timestamp, width: usize) -> Self {
        let name = webhooks.iter().map(|webhook| full_name(webhook).chars().count()).max().unwrap_or(0);
        let longest =
            |brief| webhooks.iter().map(|it| times(it, brief, now).chars().count()).max().unwrap_or(0);
        let (whole, brief) = (longest(false), longest(true));
        let of = |bar, state, brief| Self { name, bar, state, brief };
        let least = of(0, false, true);
        let choices =
            [of(20, true, false), of(10, true, false), of(0, true, false), of(0, true, true), least];
        let room =
            |choice: &Self| width.saturating_sub(choice.besides() + if choice.brief { brief } else { whole });
        let fits = choices.into_iter().find(|choice| room(choice) >= name);
        fits.unwrap_or_else(|| Self { name: room(&least).max(SHORTEST).min(name), ..least })
    }

    fn besides(&self) -> usize {
        let with_gap = |columns: usize| if columns > 0 { columns + GAP } else { 0 };
        SIGN + GAP + with_gap(if self.state { STATE } else { 0 }) + with_gap(self.bar)
    }

    pub(super) fn row(&self, webhook: &Webhook, now: Timestamp) -> Line<'static> {
        let (sign, paint) = sign(webhook.state);
        let colour = colour(paint);
        let (width, bar) = (self.name, self.bar);
        let name = end_of(&plain(&full_name(webhook)), width);
        let mut spans =
            vec![Span::styled(format!("{sign} "), colour), Span::raw(format!("{name:<width$}  "))];
        if self.state {
            spans.push(Span::styled(format!("{:<STATE$}  ", webhook.state.as_str()), colour));
        }
        if bar > 0 {
            let drawn = lifetime::bar(webhook, now, bar).unwrap_or_default();
            spans.push(Span::raw(format!("{drawn:<bar$}  ")));
        }
        spans.push(Span::raw(times(webhook, self.brief, now)));
        Line::from(spans)
    }
}

fn times(webhook: &Webhook, brief: bool, now: Timestamp) -> String {
    match (&webhook.renewal, webhook.next_renewal_at) {
        (Some(renewal), _) if brief => format!("at {}", plain(&renewal.step)),
        (Some(renewal), _) => under_way(renewal),
        (None, Some(at)) if at > now && brief => format!("renews {}", moment::relative(now, at)),
        (None, Some(at)) if at > now => {
            format!("renews {}, ends {}", moment::relative(now, at), expires(webhook, now))
        }
        (None, _) => expires(webhook, now),
    }
}

/// The end of a name, by which the webhooks of a tenant differ.
fn end_of(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let end: String = name.chars().skip(length - width.saturating_sub(1)).collect();
    format!("…{end}")
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
