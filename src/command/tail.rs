//! The end of what a program wrote: 4 KiB, however much it was, and never the secret it was given.
//!
//! The output goes into the history, which everyone on the machine may read. A program that prints
//! its input (`set -x`, `tee`) would publish the key there, so the key is cut out, also where the
//! beginning of the kept part cuts through it.

use tokio::{io::AsyncReadExt as _, net::unix::pipe};
use zeroize::Zeroizing;

use crate::redact::Secrets;

/// How many bytes of a program's output are kept.
const CAPACITY: usize = 4096;

pub(crate) struct Tail {
    /// The last bytes, at least [`Self::keep`] of them if there were as many.
    bytes: Zeroizing<Vec<u8>>,
    secrets: Secrets,
}

impl Tail {
    /// An empty tail that will not show any of these.
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut tail = Self { bytes: Zeroizing::new(Vec::new()), secrets: Secrets::new(secrets) };
        let most = 2 * tail.keep() + CAPACITY;
        tail.bytes.reserve_exact(most);
        tail
    }

    /// Enough bytes to see every secret whole that reaches into what is shown.
    fn keep(&self) -> usize {
        CAPACITY + self.secrets.longest()
    }

    /// Reads to the end of `pipe`. Dropping the future loses nothing that was read.
    pub(crate) async fn fill(&mut self, pipe: &mut pipe::Receiver) {
        let mut buffer = Zeroizing::new(vec![0; CAPACITY]);
        loop {
            match pipe.read(&mut buffer).await {
                Ok(0) => return,
                Ok(length) => self.push(&buffer[..length]),
                Err(error) => {
                    tracing::debug!(%error, "a program's output could not be read");
                    return;
                }
            }
        }
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        bytes.chunks(CAPACITY).for_each(|chunk| self.push(chunk));
    }

    /// Takes [`CAPACITY`] bytes at most: more would make the buffer grow.
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        let keep = self.keep();
        if self.bytes.len() > 2 * keep {
            let surplus = self.bytes.len() - keep;
            self.bytes.drain(..surplus);
        }
    }

    /// The last 4 KiB at most, from the beginning of a character on; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> String {
        let start = self.bytes.len().saturating_sub(CAPACITY);
        let shown = self.secrets.cut(&self.bytes, start);
        // The rest of a character whose beginning is not shown: bytes that UTF-8 has only within one.
        let within = |byte: &&u8| start > 0 && **byte & 0b1100_0000 == 0b1000_0000;
        let broken = shown.iter().take(3).take_while(within).count();
        let mut text = String::from_utf8_lossy(&shown[broken..]).into_owned();
        // A replacement is longer than what it replaces.
        let surplus = text.len().saturating_sub(CAPACITY);
        let surplus = (surplus..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
        text.drain(..surplus);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(secret: Option<&str>, chunks: &[&[u8]]) -> String {
        let mut tail = Tail::new(secret);
        let capacity = tail.bytes.capacity();
        for chunk in chunks.iter().flat_map(|chunk| chunk.chunks(CAPACITY)) {
            tail.push(chunk);
            assert_eq!(tail.bytes.capacity(), capacity, "never grows, so never leaves a copy behind");
        }
        tail.text()
    }

    #[test]
    fn short_output_is_kept_whole() {
        assert_eq!(tail(None, &[]), "");
        assert_eq!(tail(None, &[b"one\n", b"tw", b"o\n"]), "one\ntwo\n");
    }

    #[test]
    fn of_long_output_the_end_is_kept() {
        let lines: Vec<String> = (0..100_000).map(|line| format!("line {line}\n")).collect();
        let chunks: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
        let text = tail(None, &chunks);
        assert_eq!(text.len(), CAPACITY);
        assert!(lines.concat().ends_with(&text));
    }

    #[test]
    fn a_character_is_never_cut() {
        for padding in 0..4 {
            let text = "x".repeat(padding) + &"€".repeat(CAPACITY);
            let kept = tail(None, &[text.as_bytes()]);
            assert!(!kept.contains('\u{fffd}') && text.ends_with(&kept), "{padding}");
            assert!(kept.len() > CAPACITY - 4, "{padding}");
        }
    }

    #[test]
    fn what_is_no_text_is_replaced_and_does_not_grow() {
        assert_eq!(tail(None, &[b"a\xff\x80b"]), "a\u{fffd}\u{fffd}b");
        let kept = tail(None, &[&[0xff; 3 * CAPACITY]]);
        assert!(kept.len() <= CAPACITY && kept.chars().all(|character| character == '\u{fffd}'));
    }

    #[test]
    fn the_secret_is_cut_out_wherever_it_stands() {
        let secret = "s3cr\"t-s3cr\"t";
        assert_eq!(tail(Some(secret), &[b"key=s3cr\"t-s", b"3cr\"t\n"]), "key=[redacted]\n");
        assert_eq!(tail(Some(secret), &[br#"{"key":"s3cr\"t-s3cr\"t"}"#]), r#"{"key":"[redacted]"}"#);
        // Also where what is kept begins in the middle of it, and where what was forgotten does.
        for after in
            [CAPACITY - 20, CAPACITY - 13, CAPACITY - 5, CAPACITY - 1, CAPACITY, CAPACITY + 5, 3 * CAPACITY]
        {
            for before in [0, 1, CAPACITY, 2 * CAPACITY + 7] {
                let text = ".".repeat(before) + secret + &"x".repeat(after);
                let kept = tail(Some(secret), &text.as_bytes().chunks(1000).collect::<Vec<_>>());
                assert!(!kept.contains(['s', '3', '"']), "{before} {after}");
                assert!(kept.ends_with(&"x".repeat(after.min(CAPACITY - 10))), "{before} {after}");
            }
        }
    }
}
