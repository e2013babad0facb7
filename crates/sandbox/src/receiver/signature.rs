//! Signs an event, to check one, from the guide alone, with nothing of the daemon's and nothing of the tenant's.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha256};

#[must_use]
pub fn sign(key: &str, body: &[u8]) -> String {
    format!("HMAC-SHA256 {}", STANDARD.encode(hmac(key.as_bytes(), body)))
}

/// HMAC as RFC 2104 defines it.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0_u8; 64];
    if key.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(key));
    } else {
        block[..key.len()].copy_from_slice(key);
    }
    let padded = |with: u8| block.map(|byte| byte ^ with);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second test case of RFC 4231.
    #[test]
    fn the_signature_is_that_of_the_standard() {
        let expected = "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=";
        assert_eq!(STANDARD.encode(hmac(b"Jefe", b"what do ya want for nothing?")), expected);
        assert_eq!(sign("Jefe", b"what do ya want for nothing?"), format!("HMAC-SHA256 {expected}"));
        assert_ne!(sign("Jefe", b"what do ya want for nothing?"), expected);
    }
}
