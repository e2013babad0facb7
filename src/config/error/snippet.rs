//! Which part of the files is shown around a problem: its whole lines and no others.

use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use crate::config::source::Shown;

/// All files, each found by its offsets.
#[derive(Debug)]
pub(super) struct Snippets(pub(super) Vec<Shown>);

/// The file that an offset is in.
pub(super) fn file_of(files: &[Shown], offset: usize) -> Option<&Shown> {
    files.iter().rev().find(|file| file.base <= offset)
}

/// What the renderer asks for when it wants to show a label, and not only to know where it is.
pub(super) const WITH_CONTEXT: usize = 1;

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
