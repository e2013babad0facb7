//! Text as several commands write it: things that are counted, and strings of TOML.

use std::fmt::Display;

/// `1 event`, `2 events`.
pub(super) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {one}{ending}")
}

/// A basic string of TOML, whose escapes are those of JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_as_one_would_say_it() {
        assert_eq!(counted(0_usize, "event"), "0 events");
        assert_eq!(counted(1_u64, "event"), "1 event");
        assert_eq!(counted(2_usize, "event"), "2 events");
    }
}
