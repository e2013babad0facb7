//! Writes what is shown, a line at a time, into one text.

use std::fmt::{self, Display, Write as _};

use jiff::Timestamp;

use super::families::Family;
use crate::counters::{BUCKETS, Durations};

const PREFIX: &str = "protime_webhookd_";

#[derive(Debug)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }

    pub(super) fn family(&mut self, Family { name, kind, help, .. }: &Family) {
        let _infallible = writeln!(self.0, "# HELP {PREFIX}{name} {help}\n# TYPE {PREFIX}{name} {kind}");
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        self.suffixed((name, ""), labels, value);
    }

    fn suffixed(&mut self, (name, suffix): (&str, &str), labels: &[(&str, &str)], value: impl Display) {
        for part in [PREFIX, name, suffix] {
            self.0.push_str(part);
        }
        let mut before = '{';
        for (label, text) in labels {
            self.0.push(before);
            self.0.push_str(label);
            self.0.push_str("=\"");
            self.escaped(text);
            self.0.push('"');
            before = ',';
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _infallible = writeln!(self.0, " {value}");
    }

    pub(super) fn histogram(&mut self, name: &str, label: (&str, &str), durations: &Durations) {
        let bucket = (name, "_bucket");
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(durations.buckets) {
            below += count;
            self.suffixed(bucket, &[label, ("le", &bound.to_string())], below);
        }
        self.suffixed(bucket, &[label, ("le", "+Inf")], durations.count);
        self.suffixed((name, "_sum"), &[label], durations.sum.as_secs_f64());
        self.suffixed((name, "_count"), &[label], durations.count);
    }

    /// A label's value, in which three characters have a meaning.
    fn escaped(&mut self, text: &str) {
        // Nearly all are names, which hold none of them.
        if !text.bytes().any(|byte| matches!(byte, b'\\' | b'"' | b'\n')) {
            self.0.push_str(text);
            return;
        }
        for piece in text.split_inclusive(['\\', '"', '\n']) {
            let plain = piece.trim_end_matches(['\\', '"', '\n']);
            self.0.push_str(plain);
            match &piece[plain.len()..] {
                "" => {}
                "\n" => self.0.push_str("\\n"),
                meaning => {
                    self.0.push('\\');
                    self.0.push_str(meaning);
                }
            }
        }
    }
}

/// A moment in seconds since 1970, with three digits behind the point.
pub(super) struct Seconds(pub(super) Timestamp);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millisecond();
        write!(f, "{}.{:03}", millis.div_euclid(1_000), millis.rem_euclid(1_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_holds_any_text() {
        let mut page = Page::with_capacity(0);
        page.sample("x", &[("code", "a\"b\\c\nd\\\\\"\""), ("é", "é")], 1);
        let text = "protime_webhookd_x{code=\"a\\\"b\\\\c\\nd\\\\\\\\\\\"\\\"\",é=\"é\"} 1\n";
        assert_eq!(page.into_text(), text);
    }

    #[test]
    fn a_moment_is_seconds() {
        for (millis, text) in [(0, "0.000"), (1_790_000_000_005, "1790000000.005")] {
            assert_eq!(Seconds(Timestamp::from_millisecond(millis).unwrap()).to_string(), text);
        }
    }
}
