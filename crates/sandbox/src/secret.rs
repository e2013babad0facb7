//! The sandbox's own random texts and its own HMAC, not the client's.

use std::iter;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};

// The randomness of a simulator, not of a vault.
fn bytes(count: usize) -> Vec<u8> {
    iter::repeat_with(|| fastrand::u8(..)).take(count).collect()
}

/// A new webhook key. It looks like base64 on purpose: a receiver that decodes it will not match.
pub(crate) fn webhook_key() -> String {
    STANDARD.encode(bytes(32))
}

#[must_use]
pub fn token() -> String {
    URL_SAFE_NO_PAD.encode(bytes(32))
}

pub(crate) fn id() -> String {
    uuid::Builder::from_random_bytes(fastrand::u128(..).to_ne_bytes()).into_uuid().to_string()
}

/// The first 8 hex digits of a key's SHA-256.
pub(crate) fn fingerprint(key: &str) -> String {
    let hash = Sha256::digest(key.as_bytes());
    format!("{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3])
}

/// The `Authorization` header of an event: over its raw bytes, with the key's UTF-8 text.
pub(crate) fn authorization(key: &str, body: &[u8]) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("any length is a key");
    mac.update(body);
    format!("HMAC-SHA256 {}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_4231_case_2() {
        let hex = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let raw: Vec<u8> =
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
        let expected = format!("HMAC-SHA256 {}", STANDARD.encode(raw));
        assert_eq!(authorization("Jefe", b"what do ya want for nothing?"), expected);
    }

    #[test]
    fn ids_have_the_form_of_a_uuid() {
        let id = id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert_eq!(id.matches('-').count(), 4);
        assert_eq!(fingerprint("abc"), "ba7816bf");
    }
}
