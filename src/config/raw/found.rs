//! What has been found in a file so far, and what of it only follows from something else.
//!
//! Law: one mistake, one problem. A problem is forgotten only where another one, that stays, explains it.

use std::ops::Range;

use super::{
    super::{error::Problem, source::Source},
    layout::Header,
};

/// What has been found in a file so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// `None` is a problem that another one explains better.
    pub(super) problems: Vec<Option<Problem>>,
    /// What is accepted but looks like a mistake, and where it stands.
    pub(super) warnings: Vec<(usize, String)>,
    /// What must not be shown.
    pub(super) hidden: Vec<Range<usize>>,
    /// Which problems are keys or tables that are given twice.
    repeated: Vec<usize>,
    /// Keys that are missing, and which problem says so.
    missing: Vec<(&'static str, usize)>,
    /// Keys that stand in the wrong table, and where.
    misplaced: Vec<(String, usize)>,
}

impl Found {
    /// The next problem is a key or a table that is given twice.
    pub(super) fn next_is_repeated(&mut self) {
        self.repeated.push(self.problems.len());
    }

    /// The next problem is that one of these keys should be there.
    pub(super) fn next_is_missing(&mut self, keys: &[&'static str]) {
        let index = self.problems.len();
        self.missing.extend(keys.iter().map(|key| (*key, index)));
    }

    /// A key stands in the wrong table.
    pub(super) fn is_misplaced(&mut self, key: &str, place: usize) {
        self.misplaced.push((key.to_owned(), place));
    }

    /// Forgets that a key is missing in the table at `table`, where one that is meant to be it is mistyped.
    pub(super) fn forget_missing(&mut self, key: &str, table: &Range<usize>) {
        for (_, index) in self.missing.iter().filter(|(missing, _)| *missing == key) {
            if culprit(&self.problems, *index).is_some_and(|span| span == table) {
                self.problems[*index] = None;
            }
        }
    }

    /// Forgets that a key is missing where it stands in a wrong table further below: in the last table that
    /// lacks it.
    pub(super) fn forget_misplaced(&mut self) {
        for (key, place) in &self.misplaced {
            let above = self.missing.iter().filter(|(missing, _)| missing == key).filter_map(|(_, index)| {
                let start = culprit(&self.problems, *index)?.start;
                (start < *place).then_some((start, *index))
            });
            if let Some((_, nearest)) = above.max() {
                self.problems[nearest] = None;
            }
        }
    }

    /// Forgets what was given twice from `table` on, which is a table and not, as it should be, the array
    /// that is written so: where there is one for all, the parts of all meet in it. What has single
    /// brackets itself is a mistake of its own, unless the table is there only because a part of it is.
    pub(super) fn forget_repeated(
        &mut self,
        source: &Source<'_>,
        table: usize,
        written: &str,
        is_implied: bool,
    ) {
        for index in &self.repeated {
            let Some(span) = culprit(&self.problems, *index) else { continue };
            let place = source.part(span).start;
            let follows = Header::of(source.text, place).is_some_and(|header| {
                header.is_akin_to(written) && (is_implied || header.is_double() || header.at == table)
            });
            if place >= table && follows {
                self.problems[*index] = None;
            }
        }
    }
}

/// Where the culprit of a problem stands.
fn culprit(problems: &[Option<Problem>], index: usize) -> Option<&Range<usize>> {
    problems[index].as_ref()?.labels.first().map(|(span, _)| span)
}
