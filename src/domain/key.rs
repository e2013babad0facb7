//! The private webhook key, and what a text must be to be taken for one that someone hands us.
//!
//! The type is the receivers': both sides of a signature are one piece of code.

use std::mem;

pub(crate) use protime_webhook_receiver::WebhookKey;
use zeroize::Zeroizing;

/// No key is longer; a text that is, is not the key that was meant.
const LONGEST: usize = 4096;

/// Why a text that someone gives us is not a key. It never contains the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidKey {
    #[error("it is empty")]
    Empty,
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    #[error("it has a line end or another control character in it")]
    Control,
    /// A space would be part of the key, and none ever is.
    #[error("it has white space in it")]
    Space,
    /// What editors and web pages put between characters is not seen, and would be part of the key.
    #[error("it has the invisible character U+{:04X} in it, as copies from editors and web pages do", u32::from(*.0))]
    Invisible(char),
    #[error("it stands in quotation marks, which do not belong to it")]
    Quoted,
}

/// Takes a key from someone who may have given us something else.
pub(crate) fn imported(mut text: Zeroizing<String>) -> Result<WebhookKey, InvalidKey> {
    if text.len() > LONGEST {
        Err(InvalidKey::TooLong)
    } else if text.chars().any(char::is_control) {
        Err(InvalidKey::Control)
    } else if text.chars().any(char::is_whitespace) {
        Err(InvalidKey::Space)
    } else if let Some(invisible) = text.chars().find(|it| is_invisible(*it)) {
        Err(InvalidKey::Invisible(invisible))
    } else if is_quoted(&text) {
        Err(InvalidKey::Quoted)
    } else {
        WebhookKey::new(mem::take(&mut *text)).ok_or(InvalidKey::Empty)
    }
}

/// Whether a character is one that is not to be seen (Unicode: default ignorable, or of the category Cf).
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

fn is_quoted(text: &str) -> bool {
    const OPENING: [char; 12] = ['"', '\'', '`', '´', '“', '”', '„', '‘', '’', '‚', '«', '»'];
    const CLOSING: [char; 10] = ['"', '\'', '`', '´', '“', '”', '‘', '’', '«', '»'];
    text.chars().count() > 1 && text.starts_with(OPENING) && text.ends_with(CLOSING)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_imported_looks_like_a_key() {
        let long = "x".repeat(LONGEST + 1);
        for (text, wrong) in [
            ("", InvalidKey::Empty),
            (&long, InvalidKey::TooLong),
            ("one\ntwo", InvalidKey::Control),
            ("one\0", InvalidKey::Control),
            (" one", InvalidKey::Space),
            ("one two", InvalidKey::Space),
            ("\u{a0}one", InvalidKey::Space),
            ("\u{feff}one", InvalidKey::Invisible('\u{feff}')),
            ("one\u{feff}", InvalidKey::Invisible('\u{feff}')),
            ("o\u{200b}ne", InvalidKey::Invisible('\u{200b}')),
            ("o\u{ad}ne", InvalidKey::Invisible('\u{ad}')),
            ("one\u{200e}", InvalidKey::Invisible('\u{200e}')),
            ("on\u{2060}e", InvalidKey::Invisible('\u{2060}')),
            ("\"one\"", InvalidKey::Quoted),
            ("'one'", InvalidKey::Quoted),
            ("`one`", InvalidKey::Quoted),
            ("\u{201c}one\u{201d}", InvalidKey::Quoted),
            ("\u{201e}one\u{201c}", InvalidKey::Quoted),
            ("\"\"", InvalidKey::Quoted),
        ] {
            assert_eq!(imported(Zeroizing::new(text.to_owned())), Err(wrong), "{text:?}");
        }
        for text in ["a", "\"", "o\"ne", "\"one", "Zm9v+/==", "clé", &long[1..]] {
            let key = imported(Zeroizing::new(text.to_owned())).expect("a key");
            assert_eq!(key.expose(), text);
        }
        let told = InvalidKey::Invisible('\u{ad}').to_string();
        assert!(told.starts_with("it has the invisible character U+00AD in it"), "{told}");
    }
}
