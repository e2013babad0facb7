//! The last word: a table of what became of every change, and whether the keys agree.

use std::fmt::Write as _;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use protime_sandbox::{audit::Fate, journal::Change};

use crate::cli::style::{Paint, Style};

const NAMED: usize = 5;

const HEADINGS: [&str; 5] = ["collection", "changes made", "by event", "by resync", "lost"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) fates: Vec<(&'static str, Fate)>,
    pub(super) total: Fate,
    pub(super) lost: Vec<Change>,
    /// Whether, once nothing changed any more, everything arrived and the daemon owed nothing.
    pub(super) settled: bool,
    pub(super) keys_agree: bool,
}

impl Verdict {
    pub(super) fn is_good(&self) -> bool {
        self.lost.is_empty() && self.total.missing == 0 && self.settled && self.keys_agree
    }

    pub(super) fn render(&self, style: Style) -> String {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(HEADINGS);
        let total = ("total", self.total);
        for (name, fate) in self.fates.iter().copied().chain([total]) {
            let numbers = [fate.changes, fate.by_event, fate.by_resync, fate.missing];
            table.add_row([name.to_owned()].into_iter().chain(numbers.map(|number| number.to_string())));
        }
        for number in 1..HEADINGS.len() {
            if let Some(column) = table.column_mut(number) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let mut text = format!("\n{}\n", table.trim_fmt());
        let (agree, paint) = if self.keys_agree { ("yes", Paint::Good) } else { ("no", Paint::Bad) };
        let _ =
            writeln!(text, "keys agree (daemon's socket = key file = tenant): {}", style.paint(paint, agree));
        let (lost, paint) = match self.total.missing {
            0 => ("nothing was lost".to_owned(), Paint::Good),
            lost => (format!("{lost} of {} changes were lost", self.total.changes), Paint::Bad),
        };
        let _ = writeln!(text, "{}", style.paint(paint, &lost));
        for Change { collection, id, change_version, kind, at, .. } in self.lost.iter().take(NAMED) {
            let _ = writeln!(text, "  {collection} {id}, version {change_version}, {kind:?} at {at}");
        }
        if !self.settled && self.total.missing == 0 {
            let _ = writeln!(text, "{}", style.paint(Paint::Bad, "the daemon did not come to rest in time"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use protime_sandbox::journal::ChangeKind;

    use super::*;
    use crate::cli::tests::NOW;

    fn verdict(lost: usize, keys_agree: bool) -> Verdict {
        let fate = |changes: usize, missing| Fate {
            changes,
            by_event: changes - 2 - missing,
            by_resync: 2,
            missing,
        };
        let fates = vec![("clockings", fate(120, 0)), ("people", fate(9, lost))];
        let total = Fate { by_resync: 4, by_event: 125 - lost, ..fate(129, lost) };
        let change = Change {
            seq: 1,
            at: NOW,
            collection: "people".to_owned(),
            id: 4_711,
            change_version: "2F".to_owned(),
            kind: ChangeKind::Delete,
            date: None,
            data: None,
        };
        Verdict { fates, total, lost: vec![change; lost], settled: lost == 0, keys_agree }
    }

    #[test]
    fn the_table_says_all() {
        let good = verdict(0, true);
        assert!(good.is_good());
        assert_eq!(
            good.render(Style::default()),
            "
┌────────────┬──────────────┬──────────┬───────────┬──────┐
│ collection ┆ changes made ┆ by event ┆ by resync ┆ lost │
╞════════════╪══════════════╪══════════╪═══════════╪══════╡
│ clockings  ┆          120 ┆      118 ┆         2 ┆    0 │
│ people     ┆            9 ┆        7 ┆         2 ┆    0 │
│ total      ┆          129 ┆      125 ┆         4 ┆    0 │
└────────────┴──────────────┴──────────┴───────────┴──────┘
keys agree (daemon's socket = key file = tenant): yes
nothing was lost
"
        );
    }

    #[test]
    fn a_loss_or_another_key_is_no_good_end() {
        assert!(!verdict(0, false).is_good());
        let lost = verdict(3, true);
        assert!(!lost.is_good());
        let named = "  people 4711, version 2F, Delete at 2027-01-15T08:00:00Z\n".repeat(3);
        let text = lost.render(Style::default());
        assert!(text.ends_with(&format!("3 of 129 changes were lost\n{named}")), "{text}");
        assert!(verdict(7, true).render(Style::default()).matches("people 4711").count() == NAMED);
        let restless = Verdict { settled: false, ..verdict(0, true) };
        assert!(!restless.is_good());
        assert!(restless.render(Style::default()).contains("did not come to rest"));
        let coloured = lost.render(Style { colour: true, width: None });
        assert!(coloured.contains("\x1b[31m3 of 129 changes were lost\x1b[0m"), "{coloured}");
    }
}
