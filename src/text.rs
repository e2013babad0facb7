//! Text as several rooms write it: things that are counted, and strings of TOML.

use std::fmt::Display;

/// `1 event`, `2 events`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, one: &str) -> String {
    let ending = if count == N::from(1) { "" } else { "s" };
    format!("{count} {one}{ending}")
}

/// A basic string of TOML. Its escapes are those of JSON, and one more: JSON leaves DEL as it is.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
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

    #[test]
    fn toml_reads_back_every_character_that_was_quoted() {
        let controls = (0..=0xa0).filter_map(char::from_u32);
        let text: String = controls.chain("\"'\\é€\u{2028}\u{1f600}".chars()).collect();
        let quoted = quoted(&text);
        assert!(!quoted.contains(|c: char| c.is_ascii_control()), "{quoted}");
        let table: toml::Table = toml::from_str(&format!("it = {quoted}")).expect(&quoted);
        assert_eq!(table["it"].as_str(), Some(text.as_str()));
    }
}
