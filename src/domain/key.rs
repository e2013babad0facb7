//! The private webhook key: Protime shows it once, and whoever has it can forge events.
//!
//! It prints as `[redacted]`, is wiped from memory when dropped, and only [`WebhookKey::expose`]
//! gives its text away: search for that word to see every place where a key leaves this type.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

/// Protime's private webhook key. Its UTF-8 text, undecoded, is the HMAC secret.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct WebhookKey(Zeroizing<String>);

impl WebhookKey {
    /// Takes a key as Protime wrote it; an empty text is no key.
    pub(crate) fn new(text: String) -> Option<Self> {
        (!text.is_empty()).then(|| Self(Zeroizing::new(text)))
    }

    /// The key itself. Every caller is a place where a secret leaves the program.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// The first 8 hex digits of the key's SHA-256: enough to compare two keys by eye, useless to forge.
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.0.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = digest.into();
        format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
    }

    /// The `Authorization` header that Protime sends with an event of these raw bytes.
    pub(crate) fn authorization(&self, body: &[u8]) -> String {
        format!("HMAC-SHA256 {}", STANDARD.encode(self.mac(body).finalize().into_bytes()))
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

fn signature(authorization: &str) -> Option<Vec<u8>> {
    let (scheme, signature) = authorization.trim().split_once(' ')?;
    let signature = STANDARD.decode(signature.trim()).ok()?;
    scheme.eq_ignore_ascii_case("HMAC-SHA256").then_some(signature)
}

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
    fn the_fingerprint_is_the_start_of_the_sha_256() {
        assert_eq!(key("abc").fingerprint(), "ba7816bf");
    }
}
