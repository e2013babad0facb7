//! The private webhook key: Protime shows it once, and whoever has it can forge events.
//!
//! It prints as `[redacted]`, is wiped from memory when dropped, and only [`WebhookKey::expose`]
//! gives its text away: search for that word to see every place where a key leaves this type.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// No key is longer; a text that is, is not the key that was meant.
#[cfg(feature = "daemon")]
const LONGEST: usize = 4096;

/// Why a text that somebody gives us is no key. It never holds the text.
#[cfg(feature = "daemon")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidKey {
    /// There is nothing.
    #[error("it is empty")]
    Empty,
    /// It is something else.
    #[error("it is longer than {LONGEST} bytes")]
    TooLong,
    /// It has several lines, or worse.
    #[error("it has a line end or another control character in it")]
    Control,
    /// A space would be part of the key, and none ever is.
    #[error("it has white space in it")]
    Space,
    /// What editors and web pages put between characters is not seen, and would be part of the key.
    #[error("it has the invisible character U+{:04X} in it, as copies from editors and web pages do", u32::from(*.0))]
    Invisible(char),
    /// They would be part of the key.
    #[error("it stands in quotation marks, which do not belong to it")]
    Quoted,
}

/// Why an event is not taken for genuine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The header has not the form of a signature, so no key can ever match it: this is not Protime.
    #[error("the Authorization header is not of the form 'HMAC-SHA256 BASE64'")]
    Malformed,
    /// The signature was made with another key or over other bytes: a forgery, or an event that was
    /// signed with a key that you do not have yet, or no longer.
    #[error("the event was not signed with this key, or is not what was signed")]
    Mismatch,
}

/// Protime's private webhook key. Its UTF-8 text, undecoded, is the HMAC secret.
///
/// It prints as `[redacted]` and is wiped from memory when it is dropped.
///
/// ```
/// use protime_webhookd::receiver::{Refused, WebhookKey};
///
/// let key = WebhookKey::new("the text of the key file".to_owned()).expect("it is not empty");
/// let body = br#"{"changeType": "Delete", "data": {"id": "7", "changeVersion": "02"}}"#;
///
/// let authorization = key.authorization(body);
/// assert_eq!(key.verify(&authorization, body), Ok(()));
/// assert_eq!(key.verify(&authorization, b"{}"), Err(Refused::Mismatch));
/// assert_eq!(key.verify("Basic YTpi", body), Err(Refused::Malformed));
/// assert_eq!(format!("{key:?}"), "[redacted]");
/// ```
///
/// Around a rotation more than one key can be right:
///
/// ```
/// # use protime_webhookd::receiver::WebhookKey;
/// /// Whether an event was signed with the current key, or with the one that it replaced.
/// fn genuine(keys: &[WebhookKey], authorization: &[u8], body: &[u8]) -> bool {
///     keys.iter().any(|key| key.verify(authorization, body).is_ok())
/// }
/// ```
#[derive(Clone)]
pub struct WebhookKey(Zeroizing<String>);

impl WebhookKey {
    /// Takes a key as Protime wrote it; `None` for an empty text, which is no key.
    ///
    /// Every character counts, a line end too: cut off what an editor has added.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then(|| Self(Zeroizing::new(text)))
    }

    /// Takes a key that somebody gives us, who may have given us something else.
    #[cfg(feature = "daemon")]
    pub(crate) fn imported(text: Zeroizing<String>) -> Result<Self, InvalidKey> {
        if text.is_empty() {
            Err(InvalidKey::Empty)
        } else if text.len() > LONGEST {
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
            Ok(Self(text))
        }
    }

    /// The key itself. Every caller is a place where a secret leaves the program.
    #[cfg(feature = "daemon")]
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The first 8 hex digits of the key's SHA-256: enough to compare two keys by eye, useless to forge.
    ///
    /// It is the `fingerprint` that `protime-webhookd status` shows.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = digest.into();
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// The `Authorization` header that Protime sends with an event of these raw bytes.
    #[must_use]
    pub fn authorization(&self, body: &[u8]) -> String {
        format!("HMAC-SHA256 {}", STANDARD.encode(self.mac(body).finalize().into_bytes()))
    }

    /// Checks an event's `Authorization` header against the raw bytes of its body, in constant time.
    ///
    /// The header may be text or bytes, as the web framework has it; one that is absent is empty. The
    /// body must be what came over the wire: JSON that was read and written again has another signature.
    ///
    /// # Errors
    ///
    /// [`Refused`] says whether another key could have matched.
    pub fn verify(&self, authorization: impl AsRef<[u8]>, body: &[u8]) -> Result<(), Refused> {
        let authorization = std::str::from_utf8(authorization.as_ref()).map_err(|_| Refused::Malformed)?;
        if !Self::is_signature(authorization) {
            return Err(Refused::Malformed);
        }
        if self.signed(authorization, body) { Ok(()) } else { Err(Refused::Mismatch) }
    }

    /// Whether a text has the form of such a header, whatever key it was made with.
    pub(crate) fn is_signature(authorization: &str) -> bool {
        signature(authorization).is_some_and(|signature| signature.len() == Sha256::output_size())
    }

    /// Whether an event's `Authorization` header was made with this key over exactly these raw
    /// bytes; compared in constant time.
    pub(crate) fn signed(&self, authorization: &str, body: &[u8]) -> bool {
        signature(authorization).is_some_and(|signature| self.mac(body).verify_slice(&signature).is_ok())
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length is a key");
        mac.update(body);
        mac
    }
}

/// Whether a character is one that is not to be seen (Unicode: default ignorable, or of the category Cf).
#[cfg(feature = "daemon")]
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Whether a text stands in quotation marks, of any kind in use.
#[cfg(feature = "daemon")]
fn is_quoted(text: &str) -> bool {
    const OPENING: [char; 12] = ['"', '\'', '`', '´', '“', '”', '„', '‘', '’', '‚', '«', '»'];
    const CLOSING: [char; 10] = ['"', '\'', '`', '´', '“', '”', '‘', '’', '«', '»'];
    text.chars().count() > 1 && text.starts_with(OPENING) && text.ends_with(CLOSING)
}

fn signature(authorization: &str) -> Option<Vec<u8>> {
    let (scheme, signature) = authorization.trim().split_once(' ')?;
    let signature = STANDARD.decode(signature.trim()).ok()?;
    scheme.eq_ignore_ascii_case("HMAC-SHA256").then_some(signature)
}

/// Compares digests, so that the time it takes says nothing of the keys.
impl PartialEq for WebhookKey {
    fn eq(&self, other: &Self) -> bool {
        Sha256::digest(self.0.as_bytes()) == Sha256::digest(other.0.as_bytes())
    }
}

impl Eq for WebhookKey {}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> WebhookKey {
        WebhookKey::new(text.to_owned()).expect("not empty")
    }

    #[test]
    fn a_key_prints_as_redacted() {
        assert_eq!(format!("{:?}", key("s3cret")), "[redacted]");
    }

    #[cfg(feature = "daemon")]
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
            assert_eq!(WebhookKey::imported(Zeroizing::new(text.to_owned())), Err(wrong), "{text:?}");
        }
        for text in ["a", "\"", "o\"ne", "\"one", "Zm9v+/==", "clé", &long[1..]] {
            let key = WebhookKey::imported(Zeroizing::new(text.to_owned())).expect("a key");
            assert_eq!(key.expose(), text);
        }
        let told = InvalidKey::Invisible('\u{ad}').to_string();
        assert!(told.starts_with("it has the invisible character U+00AD in it"), "{told}");
    }

    #[test]
    fn the_signature_is_the_one_of_rfc_4231() {
        // Test case 2 of RFC 4231.
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let bytes: Vec<u8> = (0..hex.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex"))
            .collect();
        let header = key("Jefe").authorization(b"what do ya want for nothing?");
        assert_eq!(header, format!("HMAC-SHA256 {}", STANDARD.encode(bytes)));
    }

    #[test]
    fn only_the_same_key_over_the_same_bytes_verifies() {
        let body = "{\"name\":\"Zoë\"}".as_bytes();
        let header = key("one").authorization(body);
        assert!(key("one").signed(&header, body));
        assert!(!key("two").signed(&header, body));
        assert!(!key("one").signed(&header, b"{}"));
        for malformed in ["", "HMAC-SHA256", "HMAC-SHA256 %%%", "Basic YQ=="] {
            assert!(!key("one").signed(malformed, body), "{malformed}");
        }
    }

    #[test]
    fn what_no_key_can_match_is_told_from_what_another_key_could() {
        let body = "{\"name\":\"Zoë\"}".as_bytes();
        let header = key("one").authorization(body);
        assert_eq!(key("one").verify(&header, body), Ok(()));
        assert_eq!(key("one").verify(header.as_bytes(), body), Ok(()));
        assert_eq!(key("two").verify(&header, body), Err(Refused::Mismatch));
        assert_eq!(key("one").verify(&header, b""), Err(Refused::Mismatch));
        let malformed: [&[u8]; 6] = [
            b"",
            b"HMAC-SHA256",
            b"HMAC-SHA256 YQ==",
            b"Basic YTpi",
            b"HMAC-SHA256 \xff",
            &header.as_bytes()[12..],
        ];
        for header in malformed {
            assert_eq!(key("one").verify(header, body), Err(Refused::Malformed), "{header:?}");
        }
    }

    #[test]
    fn keys_are_equal_if_their_texts_are() {
        assert_eq!(key("one"), key("one"));
        for other in ["two", "one ", "one\0", "One"] {
            assert_ne!(key("one"), key(other), "{other:?}");
        }
    }

    #[test]
    fn the_fingerprint_is_the_start_of_the_sha_256() {
        assert_eq!(key("abc").fingerprint(), "ba7816bf");
    }
}
