//! What is cut out of what is shown: secrets, what steers a terminal, and the parts of an address in which people
//! put secrets.
//!
//! Texts from elsewhere go into messages, the log and the history, which everyone on the machine may read. A
//! program or a server that repeats what it was given would publish it there.

use reqwest::Url;
use zeroize::Zeroizing;

/// How many characters of a text from elsewhere are kept in a message.
pub(crate) const LONGEST: usize = 500;

const REDACTED: &[u8] = b"[redacted]";

/// What is not to be shown, in the forms in which it may appear: as it is, and as JSON writes it.
pub(crate) struct Secrets(Vec<Zeroizing<Vec<u8>>>);

impl Secrets {
    pub(crate) fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut forms = Vec::new();
        for secret in secrets.into_iter().filter(|secret| !secret.is_empty()) {
            forms.push(Zeroizing::new(secret.as_bytes().to_vec()));
            let quoted = Zeroizing::new(serde_json::Value::from(secret).to_string());
            let escaped = quoted.trim_matches('"');
            if escaped != secret {
                forms.push(Zeroizing::new(escaped.as_bytes().to_vec()));
            }
        }
        Self(forms)
    }

    /// The length of the longest one in bytes.
    pub(crate) fn longest(&self) -> usize {
        self.0.iter().map(|secret| secret.len()).max().unwrap_or_default()
    }

    /// The bytes from `start` on without secrets, nor the rest of one that begins before it.
    pub(crate) fn cut(&self, bytes: &[u8], start: usize) -> Vec<u8> {
        let mut shown = Vec::with_capacity(bytes.len().saturating_sub(start));
        let mut at = 0;
        while at < bytes.len() {
            if let Some(secret) = self.0.iter().find(|secret| bytes[at..].starts_with(secret)) {
                at += secret.len();
                if at > start {
                    shown.extend_from_slice(REDACTED);
                }
            } else {
                if at >= start {
                    shown.push(bytes[at]);
                }
                at += 1;
            }
        }
        shown
    }
}

/// One line without secrets and without what steers a terminal, cut to [`LONGEST`] characters.
pub(crate) fn sanitize(text: &str, secrets: &[&str]) -> String {
    let text = Secrets::new(secrets.iter().copied()).cut(text.as_bytes(), 0);
    let text = String::from_utf8_lossy(&text).replace(is_unsafe, " ");
    let calm = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match calm.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", calm.get(..end).unwrap_or_default()),
        None => calm,
    }
}

/// Control characters, and those that break a line or turn the direction of writing around.
pub(crate) fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Host and port of an address.
pub(crate) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or("no host");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Scheme, host and port of an address.
pub(crate) fn origin(url: &Url) -> String {
    format!("{}://{}", url.scheme(), host(url))
}

/// An address up to its path, without user info.
pub(crate) fn without_query(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for a URL that has no host, and then it has no user info either.
    let _none = (url.set_username(""), url.set_password(None));
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

/// A destination URL without user info, its query replaced by `?…` and its fragment by `#…`.
///
/// A text that is not a URL is not shown at all, since no one can say where its secrets are.
pub(crate) fn destination(text: &str) -> String {
    let Ok(url) = Url::parse(text) else { return "…".to_owned() };
    let redacted = match (url.query(), url.fragment()) {
        (Some(_), _) => "?…",
        (None, Some(_)) => "#…",
        // As it was written, which may not be as the URL standard writes it.
        (None, None) if url.username().is_empty() && url.password().is_none() => return text.to_owned(),
        (None, None) => "",
    };
    format!("{}{redacted}", without_query(&url))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_wild_and_secret_texts_are_tamed() {
        let text = sanitize(&"é".repeat(LONGEST + 1), &[]);
        assert_eq!(text.chars().count(), LONGEST + 1);
        assert!(text.ends_with('…'));
        assert_eq!(sanitize("a\u{1b}[2Jb\r\n2026 forged\u{202e}c", &[]), "a [2Jb 2026 forged c");
        let echo = r#"token tok-en is bad, secret s3"cret too, and "s3\"cret""#;
        let tame = r#"token [redacted] is bad, secret [redacted] too, and "[redacted]""#;
        assert_eq!(sanitize(echo, &["tok-en", "s3\"cret", ""]), tame);
    }

    #[test]
    fn an_address_is_shown_without_what_may_be_secret() {
        let url = Url::parse("http://me:s3cret@127.0.0.1:8080/k?token=s3cret#s3cret").expect("a URL");
        assert_eq!(host(&url), "127.0.0.1:8080");
        assert_eq!(origin(&url), "http://127.0.0.1:8080");
        assert_eq!(without_query(&url), "http://127.0.0.1:8080/k");
        assert_eq!(host(&Url::parse("http://localhost:80/k").expect("a URL")), "localhost");
    }

    #[test]
    fn nothing_secret_is_left() {
        for (whole, shown) in [
            ("https://www.example.com/protime/clockings", "https://www.example.com/protime/clockings"),
            ("https://example.com", "https://example.com"),
            ("http://127.0.0.1:8080/hook", "http://127.0.0.1:8080/hook"),
            ("https://example.com/hook?token=s3cret", "https://example.com/hook?…"),
            ("https://example.com/hook?", "https://example.com/hook?…"),
            ("https://example.com/hook?a=1#s3cret", "https://example.com/hook?…"),
            ("https://example.com/hook#s3cret", "https://example.com/hook#…"),
            ("https://me:s3cret@example.com/hook", "https://example.com/hook"),
            ("https://s3cret@example.com:8443/hook?k=s3cret", "https://example.com:8443/hook?…"),
            ("https://me:s3@cret@example.com/hook", "https://example.com/hook"),
            // What the URL standard reads as https://me:s3cret@example.com/hook, too.
            ("https:/me:s3cret@example.com/hook", "https://example.com/hook"),
            ("https:///me:s3cret@example.com/hook", "https://example.com/hook"),
            ("https:\\\\me:s3cret@example.com\\hook", "https://example.com/hook"),
            ("not a url: s3cret", "…"),
            ("", "…"),
        ] {
            assert_eq!(destination(whole), shown, "{whole}");
        }
    }

    #[test]
    fn an_address_in_the_path_is_no_user_info() {
        let url = "https://example.com/notify/me@example.com";
        assert_eq!(destination(url), url);
    }
}
