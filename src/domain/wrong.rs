//! Why a single value is not what it should be, before anyone knows where it stands.

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// To follow the text in a sentence.
    pub(crate) what: String,
    pub(crate) help: String,
}

impl Wrong {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: visible(what.into()), help: visible(help.into()) }
    }
}

/// A parser may repeat in its error what it was given, and a control character would speak to the terminal.
fn visible(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let escaped = |c: char| if c.is_control() { c.escape_debug().to_string() } else { c.to_string() };
    text.chars().map(escaped).collect()
}

pub(crate) fn refuse<T>(what: impl Into<String>, help: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::new(what, help))
}
