//! The private webhook key, and what a text must be to be taken for one that someone hands us.
//!
//! The type is the receivers': both sides of a signature are one piece of code.

use std::mem;

pub(crate) use protime_webhook_receiver::WebhookKey;
use zeroize::Zeroizing;

/// No key is longer; a text that is, is not the key that was meant.
const LONGEST: usize = 4096;

/// Why a text that someone gives us is not a key. It never contains the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it {0}")]
pub(crate) struct InvalidKey(String);

/// Takes a key from someone who may have given us something else.
pub(crate) fn imported(mut text: Zeroizing<String>) -> Result<WebhookKey, InvalidKey> {
    let wrong = if text.len() > LONGEST {
        format!("is longer than {LONGEST} bytes")
    } else if text.chars().any(char::is_control) {
        "has a line end or another control character in it".to_owned()
    } else if text.chars().any(char::is_whitespace) {
        // A space would be part of the key, and none ever is.
        "has white space in it".to_owned()
    } else if let Some(invisible) = text.chars().find(|it| is_invisible(*it)) {
        // What is not seen would be part of the key as well.
        let code = u32::from(invisible);
        format!("has the invisible character U+{code:04X} in it, as copies from editors and web pages do")
    } else if is_quoted(&text) {
        "stands in quotation marks, which do not belong to it".to_owned()
    } else {
        let key = WebhookKey::new(mem::take(&mut *text));
        return key.ok_or_else(|| InvalidKey("is empty".to_owned()));
    };
    Err(InvalidKey(wrong))
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
        let (control, space) = ("has a line end or another control", "has white space");
        let quoted = "stands in quotation marks";
        for (text, wrong) in [
            ("", "is empty"),
            (&long, "is longer than 4096 bytes"),
            ("one\ntwo", control),
            ("one\0", control),
            (" one", space),
            ("one two", space),
            ("\u{a0}one", space),
            ("\u{feff}one", "has the invisible character U+FEFF"),
            ("one\u{feff}", "has the invisible character U+FEFF"),
            ("o\u{200b}ne", "has the invisible character U+200B"),
            ("o\u{ad}ne", "has the invisible character U+00AD"),
            ("one\u{200e}", "has the invisible character U+200E"),
            ("on\u{2060}e", "has the invisible character U+2060"),
            ("\"one\"", quoted),
            ("'one'", quoted),
            ("`one`", quoted),
            ("\u{201c}one\u{201d}", quoted),
            ("\u{201e}one\u{201c}", quoted),
            ("\"\"", quoted),
        ] {
            let told = imported(Zeroizing::new(text.to_owned())).expect_err("is not a key").to_string();
            assert!(told.starts_with(&format!("it {wrong}")), "{text:?}: {told}");
        }
        for text in ["a", "\"", "o\"ne", "\"one", "Zm9v+/==", "clé", &long[1..]] {
            let key = imported(Zeroizing::new(text.to_owned())).expect("a key");
            assert_eq!(key.expose(), text);
        }
        let told = imported(Zeroizing::new("o\u{ad}ne".to_owned())).expect_err("is not a key").to_string();
        assert!(told.starts_with("it has the invisible character U+00AD in it"), "{told}");
    }
}
