//! The private webhook key: Protime shows it once, and anyone who has it can forge events.
//!
//! It prints as `[redacted]`, is wiped from memory when dropped, and only [`WebhookKey::expose`]
//! gives its text away: search for that word to see every place where a key leaves this type.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

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
/// use protime_webhook_receiver::{Refused, WebhookKey};
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
/// # use protime_webhook_receiver::WebhookKey;
/// /// Whether an event was signed with the current key, or with the one that it replaced.
/// fn genuine(keys: &[WebhookKey], authorization: &[u8], body: &[u8]) -> bool {
///     keys.iter().any(|key| key.verify(authorization, body).is_ok())
/// }
/// ```
#[derive(Clone)]
pub struct WebhookKey(Zeroizing<String>);

impl WebhookKey {
    /// Takes a key as Protime wrote it; `None` for an empty text, which is not a key.
    ///
    /// Every character counts, a line end too: cut off what an editor has added.
    #[must_use]
    pub fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then(|| Self(Zeroizing::new(text)))
    }

    /// The key itself. Every caller is a place where a secret leaves the program.
    #[must_use]
    pub fn expose(&self) -> &str {
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
    #[must_use]
    pub fn is_signature(authorization: &str) -> bool {
        signature(authorization).is_some_and(|signature| signature.len() == Sha256::output_size())
    }

    fn signed(&self, authorization: &str, body: &[u8]) -> bool {
        signature(authorization).is_some_and(|signature| self.mac(body).verify_slice(&signature).is_ok())
    }

    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).expect("any length is a key");
        mac.update(body);
        mac
    }
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
