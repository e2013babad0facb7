//! What is wrong with a file, collected while it is read: problems, warnings, and what must not be shown.

use std::{cell::RefCell, collections::BTreeSet, ops::Range};

use super::{
    error::{Findings, Label, Problem},
    layout::Header,
    source::Source,
};

/// Proof that a problem has been reported: who fails has said why, because no one else can make one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported(());

/// A value, or the proof that a problem has been reported.
pub(super) type Checked<T> = Result<T, Reported>;

/// What is found twice at the same place is told once, so that a value may be looked at as often as one
/// likes. One mistake is one problem: one is forgotten only where another, that stays, explains it.
#[derive(Debug)]
pub(super) struct Report<'a> {
    pub(super) source: &'a Source<'a>,
    found: RefCell<Found>,
}

#[derive(Debug, Default)]
struct Found {
    /// `None` is a problem that another one explains better.
    problems: Vec<Option<Problem>>,
    /// Each with the place where it stands.
    warnings: BTreeSet<(usize, String)>,
    redacted: Vec<Range<usize>>,
    /// Which problems are keys or tables that are given twice.
    repeated: Vec<usize>,
    /// Keys that are missing, and which problem says so.
    missing: Vec<(&'static str, usize)>,
    /// Keys that stand in the wrong table, and where.
    misplaced: Vec<(String, usize)>,
}

impl<'a> Report<'a> {
    pub(super) fn new(source: &'a Source<'a>) -> Self {
        Self { source, found: RefCell::default() }
    }

    pub(super) fn problem(
        &self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        self.problem_of(vec![(span, String::new())], message, help)
    }

    /// Reports a problem with the culprit first in `labels`; with none, it has no place in the file.
    pub(super) fn problem_of(
        &self,
        labels: Vec<Label>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Reported {
        self.add(labels, message.into(), help.into());
        Reported(())
    }

    pub(super) fn repeated(&self, span: Range<usize>, message: String, help: String) -> Reported {
        let index = self.add(vec![(span, String::new())], message, help);
        self.found.borrow_mut().repeated.push(index);
        Reported(())
    }

    /// Reports that one of some keys should be in `table`; one that was probably meant to be, or that stands
    /// in another table, is reported instead.
    pub(super) fn missing(
        &self,
        keys: &[&'static str],
        table: Range<usize>,
        message: &str,
        help: &str,
    ) -> Reported {
        let index = self.add(vec![(table, String::new())], message.to_owned(), help.to_owned());
        self.found.borrow_mut().missing.extend(keys.iter().map(|key| (*key, index)));
        Reported(())
    }

    fn add(&self, labels: Vec<Label>, message: String, help: String) -> usize {
        let position = labels.first().map(|(span, _)| self.source.position(span.start));
        let problem = Problem {
            file: self.source.file.display().to_string(),
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            message,
            help,
            labels,
        };
        let problems = &mut self.found.borrow_mut().problems;
        let known = problems.iter().position(|known| known.as_ref() == Some(&problem));
        known.unwrap_or_else(|| {
            problems.push(Some(problem));
            problems.len() - 1
        })
    }

    /// Notes what is accepted but looks like a mistake.
    pub(super) fn warning(&self, span: &Range<usize>, message: &str) {
        self.found.borrow_mut().warnings.insert((span.start, message.to_owned()));
    }

    /// Never shows this part of the file.
    pub(super) fn redact(&self, span: Range<usize>) {
        self.found.borrow_mut().redacted.push(span);
    }

    pub(super) fn misplaced(&self, key: &str, place: usize) {
        self.found.borrow_mut().misplaced.push((key.to_owned(), place));
    }

    /// Forgets that a key is missing in the table at `table`, where one that is meant to be it is mistyped.
    pub(super) fn mistyped(&self, key: &str, table: &Range<usize>) {
        let Found { problems, missing, .. } = &mut *self.found.borrow_mut();
        for (_, index) in missing.iter().filter(|(missing, _)| *missing == key) {
            if culprit(problems, *index).is_some_and(|span| span == table) {
                problems[*index] = None;
            }
        }
    }

    /// Forgets what was given twice from `table` on, which is a table and not, as it should be, the array
    /// that is written so: where there is one for all, the parts of all meet in it. What has single
    /// brackets itself is a mistake of its own, unless the table is there only because a part of it is.
    pub(super) fn one_for_all(&self, table: usize, written: &str, is_implied: bool) {
        let Found { problems, repeated, .. } = &mut *self.found.borrow_mut();
        for index in repeated {
            let Some(span) = culprit(problems, *index) else { continue };
            let place = self.source.part(span).start;
            let follows = Header::of(self.source.text, place).is_some_and(|header| {
                header.is_akin_to(written) && (is_implied || header.is_double() || header.at == table)
            });
            if place >= table && follows {
                problems[*index] = None;
            }
        }
    }

    /// Every problem, and the warnings; both in the order of the file.
    pub(super) fn finish(self) -> Findings {
        let Found { mut problems, warnings, redacted, missing, misplaced, .. } = self.found.into_inner();
        // A key that stands in a wrong table is not missing in the last table above it that lacks it.
        for (key, place) in &misplaced {
            let above = missing.iter().filter(|(missing, _)| missing == key).filter_map(|(_, index)| {
                let start = culprit(&problems, *index)?.start;
                (start < *place).then_some((start, *index))
            });
            if let Some((_, nearest)) = above.max() {
                problems[nearest] = None;
            }
        }
        let mut problems: Vec<Problem> = problems.into_iter().flatten().collect();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        let placed = |(at, warning)| {
            let (line, column) = self.source.position(at);
            format!("{}:{line}:{column}: {warning}", self.source.file.display())
        };
        let warnings = warnings.into_iter().map(placed).collect();
        Findings { shown: self.source.without(&redacted), problems, warnings }
    }
}

/// Where the culprit of a problem stands.
fn culprit(problems: &[Option<Problem>], index: usize) -> Option<&Range<usize>> {
    problems[index].as_ref()?.labels.first().map(|(span, _)| span)
}
