//! A webhook's lifetime as a bar: how much of it has passed, and where the renewal is planned.

use jiff::Timestamp;

use crate::domain::report::Webhook;

/// The bar of a webhook, or `None` where its beginning or end is not known.
///
/// `━━━━━──┿┄┄┄`: what has passed, what is left before the renewal, the renewal, and the time in which it may
/// still fail and be tried again. Every cell has a sign of its own: colour is not needed. The lifetime begins
/// with the key: a POST gives both.
pub(super) fn bar(webhook: &Webhook, now: Timestamp, cells: usize) -> Option<String> {
    let from = webhook.key.as_ref()?.rotated_at;
    let until = webhook.remote.as_ref()?.valid_until?;
    (cells > 0 && until > from).then(|| draw(from, webhook.next_renewal_at, until, now, cells))
}

fn draw(
    from: Timestamp,
    renewal: Option<Timestamp>,
    until: Timestamp,
    now: Timestamp,
    cells: usize,
) -> String {
    let passed = share(from, until, now, cells);
    let renewal = renewal.map(|at| share(from, until, at, cells).min(cells - 1));
    (0..cells)
        .map(|cell| match renewal {
            Some(at) if at == cell => '┿',
            _ if cell < passed => '━',
            Some(at) if cell > at => '┄',
            _ => '─',
        })
        .collect()
}

pub(super) fn share(from: Timestamp, until: Timestamp, at: Timestamp, cells: usize) -> usize {
    let whole = i128::from(until.as_millisecond() - from.as_millisecond()).max(1);
    let part = i128::from(at.as_millisecond() - from.as_millisecond()).clamp(0, whole);
    let cells = i128::try_from(cells).unwrap_or_default();
    usize::try_from(part * cells / whole).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::{NOW, after};

    #[test]
    fn a_bar_shows_what_passed_and_where_the_renewal_is() {
        for (from, renewal, until, expected) in [
            (0, Some(60), 100, "──────┿┄┄┄"),
            (-50, Some(20), 50, "━━━━━──┿┄┄"),
            (-90, Some(-20), 10, "━━━━━━━┿━┄"),
            (-200, Some(-50), -100, "━━━━━━━━━┿"),
            (-50, None, 50, "━━━━━─────"),
            (-50, Some(900), 50, "━━━━━────┿"),
            (20, Some(10), 50, "┿┄┄┄┄┄┄┄┄┄"),
        ] {
            let drawn = draw(after(from), renewal.map(after), after(until), NOW, 10);
            assert_eq!(drawn, expected, "{from} {renewal:?} {until}");
        }
    }
}
