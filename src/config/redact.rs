//! What of a file's text must not be shown: secrets that were written into it by mistake.

use std::{ops::Range, path::Path};

use super::{
    schema::{self, SECRET},
    source::Source,
};

/// A key with one of these in its name is taken to hold a secret.
const SENSITIVE: [&str; 6] = ["secret", "password", "passwd", "token", "apikey", "api_key"];

/// Keys of no more letters than this are short.
const SHORT: usize = 5;

/// A file's text, in which whatever could be a secret is never shown.
pub(super) fn source<'a>(file: &Path, text: &'a str, base: usize) -> Source<'a> {
    Source::new(file, text, &secrets(text), base)
}

/// Where in the text a secret stands or could stand.
// Works on text and not on parsed TOML, because a line with a syntax error is where a secret leaks from most
// easily. So it errs on the side of hiding, in comments too.
fn secrets(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    secrets_of_urls(text, &mut ranges);
    let mut in_secret_table = false;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let bare = line.trim_start_matches([' ', '\t', '#']);
        if bare.starts_with('[') {
            in_secret_table = bare.split(']').next().is_some_and(sensitive);
        }
        for (at, _) in line.match_indices('=') {
            let key = key_before(&line[..at]);
            let names_one = key.rsplit('.').next().is_some_and(|last| SECRET.table.has(last));
            if !names_one && (in_secret_table || sensitive(key)) {
                value_after(text, start + at + 1, &mut ranges);
            }
        }
        start += line.len();
    }
    ranges
}

/// What must not be shown of a text that is not TOML, besides its [`secrets`]: everything but table
/// headers, comments, keys, and the values of keys that are known to be harmless.
pub(super) fn unparsed(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        if let Some(equals) = line.find('=') {
            let key = key_before(&line[..equals]);
            if !(schema::is_harmless(key) || SECRET.table.has(key) || sensitive(key)) {
                ranges.push(start + equals + 1..end);
            }
        } else if !line.trim_start().starts_with(['[', '#']) {
            let indent = line.len() - line.trim_start().len();
            let word =
                line[indent..].split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or("");
            let keep = if schema::is_harmless(word) || sensitive(word) { word.len() } else { 0 };
            ranges.push(start + indent + keep..end);
        }
        start = end;
    }
    ranges
}

/// Whether the value of an unknown key may be shown, because the key is one whose values are not secret,
/// misplaced, or was meant to be. A short word is near to too many others, and URLs are for secrets too
/// common a place.
pub(super) fn harmless(written: &str, meant: Option<&str>) -> bool {
    let known = |key: &str| schema::is_harmless(key) && !key.contains("url") && key != "api_origin";
    known(written) || meant.is_some_and(|meant| known(meant) && meant.len() > SHORT && !sensitive(written))
}

fn sensitive(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    !schema::is_harmless(&key) && SENSITIVE.iter().any(|word| key.contains(word))
}

/// The key, dotted or quoted, that ends where an equals sign begins.
fn key_before(text: &str) -> &str {
    let text = text.trim_end();
    let is_key = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '"' | '\'');
    let start =
        text.rfind(|c| !is_key(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    text[start..].trim_matches(['"', '\''])
}

/// Hides the value that begins behind an equals sign: a string of any kind, to the end of its line,
/// or what is in a table but the names in it.
fn value_after(text: &str, equals: usize, ranges: &mut Vec<Range<usize>>) {
    let rest = &text[equals..];
    let start = equals + rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let value = &text[start..];
    let line_end = start + value.find('\n').unwrap_or(value.len());
    for quotes in ["\"\"\"", "'''"] {
        if let Some(inner) = value.strip_prefix(quotes) {
            let end = inner.find(quotes).map_or(text.len(), |at| start + at + 2 * quotes.len());
            // A string that is not closed properly may go on behind what looks like its end.
            ranges.push(start..end.max(line_end));
            return;
        }
    }
    if !value.starts_with('{') {
        ranges.push(start..line_end);
        return;
    }
    let end = match text[start..line_end].rfind('}') {
        Some(at) => start + at,
        None => {
            start + [value.find('}'), value.find("\n[")].into_iter().flatten().min().unwrap_or(value.len())
        }
    };
    let mut at = start + 1;
    for part in text[at..end.max(at)].split(',') {
        match part.split_once('=') {
            Some((key, _)) if SECRET.table.has(key_before(key)) => {}
            Some((key, _)) => ranges.push(at + key.len() + 1..at + part.len()),
            None if part.trim().is_empty() => {}
            None => ranges.push(at..at + part.len()),
        }
        at += part.len() + 1;
    }
}

/// Hides user info, query and fragment of everything that looks like a URL.
fn secrets_of_urls(text: &str, ranges: &mut Vec<Range<usize>>) {
    for (at, scheme_end) in text.match_indices("://") {
        let start = at + scheme_end.len();
        let rest = &text[start..];
        let end =
            start + rest.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'')).unwrap_or(rest.len());
        let mut from = start;
        if let Some(user_info) = text[start..end].rfind('@') {
            ranges.push(start..start + user_info);
            from = start + user_info;
        }
        if let Some(query) = text[from..end].find(['?', '#']) {
            ranges.push(from + query + 1..end);
        }
    }
}
