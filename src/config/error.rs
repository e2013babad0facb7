//! What is wrong with a configuration, where, and what would be right, as a person gets to see it.

use std::{
    fmt::{self, Write as _},
    ops::Range,
    path::Path,
    sync::Arc,
};

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, MietteError, MietteSpanContents,
    Report, SourceCode, SourceSpan, SpanContents, ThemeCharacters,
};
use serde::Serialize;

use super::source::{self, Shown};
use crate::text::counted;

/// Width at which messages and help are wrapped.
const WIDTH: usize = 110;

/// What is underlined, and what to say there.
pub(super) type Label = (Range<usize>, String);

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) file: String,
    /// From 1; none where the file could not be read, or where the environment is to blame.
    pub(crate) line: Option<usize>,
    /// From 1, in characters.
    pub(crate) column: Option<usize>,
    /// With the offending text unless that may be a secret.
    pub(crate) message: String,
    pub(crate) help: String,
    /// The culprit first.
    #[serde(skip)]
    pub(super) labels: Vec<Label>,
}

impl Problem {
    fn diagnostic(&self) -> MietteDiagnostic {
        let labels = self.labels.iter().enumerate().map(|(index, (span, label))| {
            let label = (!label.is_empty()).then(|| label.clone());
            match index {
                0 => LabeledSpan::new_primary_with_span(label, span.clone()),
                _ => LabeledSpan::new_with_span(label, span.clone()),
            }
        });
        MietteDiagnostic::new(self.message.as_str()).with_help(self.help.as_str()).with_labels(labels)
    }
}

/// What was found in a file in the end, in the order of the file.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) shown: Shown,
    pub(super) problems: Vec<Problem>,
    /// Each with file, line and column.
    pub(super) warnings: Vec<String>,
}

#[derive(Clone)]
pub(crate) struct ConfigError {
    /// The main file first.
    files: Vec<Shown>,
    problems: Vec<Problem>,
}

impl ConfigError {
    /// What was found in each file, the main one first.
    pub(super) fn new(findings: Vec<Findings>) -> Self {
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        for Findings { shown, problems: found, .. } in findings {
            files.push(shown);
            problems.extend(found);
        }
        for problem in &mut problems {
            problem.message.push_str(&elsewhere(problem, &files));
        }
        Self { files, problems }
    }

    pub(super) fn of_file(file: &Path, message: String, help: &str) -> Self {
        let (file, help) = (file.display().to_string(), help.to_owned());
        let problem = Problem { file, line: None, column: None, message, help, labels: Vec::new() };
        Self { files: Vec::new(), problems: vec![problem] }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    pub(crate) fn problems(&self) -> impl Iterator<Item = &Problem> {
        self.problems.iter()
    }

    /// All problems for a person's eyes, ending with a line that counts them; in colour for a terminal.
    pub(crate) fn render(&self, colour: bool) -> String {
        let mut theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        theme.characters = ThemeCharacters {
            error: "error:".to_owned(),
            underline: '^',
            underbar: '^',
            ..ThemeCharacters::unicode()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_links(false)
            .with_context_lines(WITH_CONTEXT)
            .with_break_words(false)
            .with_width(WIDTH)
            .without_syntax_highlighting();
        let source = Arc::new(Snippets(self.files.clone()));
        let mut text = String::new();
        for problem in &self.problems {
            let report = Report::new(problem.diagnostic()).with_source_code(Arc::clone(&source));
            // Writing into a string does not fail, but reading a label's span can: then the bare words
            // must do.
            let mut block = String::new();
            if handler.render_report(&mut block, report.as_ref()).is_err() {
                block = format!("  error: {}\n  help: {}\n", problem.message, problem.help);
            }
            text.push_str(&block);
            text.push('\n');
        }
        let count = counted(self.problems.len(), "problem");
        let mut names: Vec<&str> = self.problems.iter().map(|problem| problem.file.as_str()).collect();
        names.dedup();
        let _ = write!(text, "{count} in {}", names.join(", "));
        text
    }
}

/// Where the other part of a problem is, if it is in another file: a message is also read without the
/// excerpts that show it.
fn elsewhere(problem: &Problem, files: &[Shown]) -> String {
    let other = problem.labels.iter().skip(1).find_map(|(span, _)| {
        let file = file_of(files, span.start).filter(|file| file.name != problem.file)?;
        let (line, column) = source::position(&file.text, span.start - file.base);
        Some(format!(" (first in {}:{line}:{column})", file.name))
    });
    other.unwrap_or_default()
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

// What `{:?}` prints is what `main` prints of an error that it returns.
impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ConfigError {}

/// All files, each found by its offsets.
#[derive(Debug)]
struct Snippets(Vec<Shown>);

/// The file that an offset is in.
fn file_of(files: &[Shown], offset: usize) -> Option<&Shown> {
    files.iter().rev().find(|file| file.base <= offset)
}

/// What the renderer asks for when it wants to show a label, and not only to know where it is.
const WITH_CONTEXT: usize = 1;

// The library's own reader counts the lines from the top of the file, so that it takes two labels far apart
// for neighbours and prints everything between them; it cuts the first line where the label begins; and it
// knows one file, while a problem may have to do with two. Neighbouring lines are left out because they are
// not to blame.
impl SourceCode for Snippets {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_lines_before: usize,
        _context_lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let file = file_of(&self.0, span.offset()).ok_or(MietteError::OutOfBounds)?;
        let text = file.text.as_str();
        let (mut start, mut end) = (span.offset() - file.base, span.offset() - file.base + span.len());
        let (before, after) = text.get(..start).zip(text.get(end..)).ok_or(MietteError::OutOfBounds)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let mut column = before[line_start..].chars().count();
        if context_lines_before >= WITH_CONTEXT {
            // A label that ends with a line's end needs no part of the next line.
            if !text[start..end].ends_with('\n') {
                end += after.find('\n').map_or(after.len(), |newline| newline + 1);
            }
            start = line_start;
            column = 0;
        }
        let data = &text[start..end];
        Ok(Box::new(MietteSpanContents::new_named(
            file.name.clone(),
            data.as_bytes(),
            (file.base + start, data.len()).into(),
            before.matches('\n').count(),
            column,
            data.lines().count(),
        )))
    }
}
