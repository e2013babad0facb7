//! How tables stand one below the other in the text, which the parsed file does not tell.

/// A line such as `[[tenant.webhook]]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header<'a> {
    pub(super) at: usize,
    /// As it is written, with its brackets.
    pub(super) written: &'a str,
}

impl<'a> Header<'a> {
    /// The header that a place is in, or the last one above it.
    pub(super) fn of(text: &'a str, place: usize) -> Option<Self> {
        let end = text.get(place..)?.find('\n').map_or(text.len(), |end| place + end);
        let lines = text[..end].rsplit('\n').scan(end + 1, |after, line| {
            *after -= line.len() + 1;
            Some((*after, line))
        });
        lines.into_iter().find_map(|(start, line)| {
            let header = line.trim_start();
            let at = start + line.len() - header.len();
            let close = if header.starts_with("[[") { "]]" } else { "]" };
            let end = header.starts_with('[').then(|| header.find(close)).flatten()?;
            Some(Self { at, written: &header[..end + close.len()] })
        })
    }

    pub(super) fn is_double(&self) -> bool {
        self.written.starts_with("[[")
    }

    /// Whether a place is in it, and not below it.
    pub(super) fn holds(&self, place: usize) -> bool {
        (self.at..self.at + self.written.len()).contains(&place)
    }

    /// Whether it names a part of what `other` names, both with their brackets.
    pub(super) fn is_part_of(&self, other: &str) -> bool {
        path(self.written).strip_prefix(&path(other)).is_some_and(|rest| rest.starts_with('.'))
    }

    /// Whether both begin with the same word.
    pub(super) fn is_akin_to(&self, other: &str) -> bool {
        path(self.written).split('.').next() == path(other).split('.').next()
    }
}

/// The words of a header, without brackets, blanks and quotes.
fn path(header: &str) -> String {
    header.chars().filter(|c| !matches!(c, '[' | ']' | '"' | '\'' | ' ' | '\t')).collect()
}

/// The mistakes of a text so far that may explain others.
#[derive(Debug, Default)]
pub(super) struct Explained<'a> {
    repeated: Vec<Header<'a>>,
    broken_line: Option<usize>,
}

impl<'a> Explained<'a> {
    /// Whether a key that is given twice stands below a table that is, or is a table that is a part of
    /// one; to be asked in the order of the file.
    pub(super) fn repetition(&mut self, text: &'a str, place: usize) -> bool {
        let Some(header) = Header::of(text, place) else { return false };
        if !header.holds(place) {
            return self.repeated.contains(&header);
        }
        let follows = self.repeated.iter().any(|earlier| header.is_part_of(earlier.written));
        self.repeated.push(header);
        follows
    }

    /// Whether something else on this line is not TOML; to be asked in the order of the file.
    pub(super) fn syntax_error(&mut self, text: &str, place: usize) -> bool {
        let line = text.get(..place).unwrap_or(text).matches('\n').count();
        self.broken_line.replace(line) == Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_has_the_header_that_it_is_in_or_below() {
        let text = "a = 1\n[b]\nc = [\n  \"x\",\n]\n\n  [[ d . \"e\" ]] # f\ng = 1";
        let header =
            |place: &str| Header::of(text, text.find(place).expect("there")).map(|header| header.written);
        for (place, written) in [
            ("a =", None),
            ("b]", Some("[b]")),
            ("c =", Some("[b]")),
            ("x\"", Some("[b]")),
            ("d .", Some("[[ d . \"e\" ]]")),
            ("g =", Some("[[ d . \"e\" ]]")),
        ] {
            assert_eq!(header(place), written, "{place}");
        }
        let header = Header::of(text, text.len()).expect("there");
        assert!(
            header.is_double() && header.holds(text.find("d .").expect("there")) && !header.holds(text.len())
        );
        assert!(header.is_part_of("[d]") && !header.is_part_of("[d.e]") && !header.is_part_of("[[e]]"));
        assert!(header.is_akin_to("[[d.x]]") && !header.is_akin_to("[de]"));
    }
}
