//! What the bytes of an answer's body stand for: compression undone, a byte order mark taken off.
//!
//! Nothing asks Protime to compress, and HTTP allows it all the same; what a server of Microsoft's writes may
//! begin with a mark that JSON does not have. Laws: what comes out is bounded like what comes in, so that a
//! few bytes cannot fill the memory; a coding that is not read is named and not guessed at.

use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use zeroize::Zeroizing;

use crate::redact::sanitize;

/// How every gzip stream begins, and no JSON, HTML or text.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The body without its coding, of at most `limit` bytes; `coding` is the `Content-Encoding`, if it has one.
pub(super) fn decoded(
    body: Zeroizing<Vec<u8>>,
    coding: Option<&str>,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, String> {
    let names = coding.unwrap_or_default().split(',').map(|name| name.trim().to_ascii_lowercase());
    let names: Vec<String> = names.filter(|name| !name.is_empty() && name != "identity").collect();
    match names.as_slice() {
        _ if body.is_empty() => Ok(body),
        // Someone on the way may have dropped the header and not the coding.
        [] if body.starts_with(&GZIP) => gunzipped(&body, limit),
        [] => Ok(body),
        [one] if matches!(one.as_str(), "gzip" | "x-gzip") => gunzipped(&body, limit),
        others => Err(format!(
            "its body has the Content-Encoding '{}', which was not asked for and is not read; a proxy on the way \
             may add it",
            sanitize(&others.join(", "), &[])
        )),
    }
}

fn gunzipped(body: &[u8], limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut plain = Zeroizing::new(Vec::new());
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    MultiGzDecoder::new(body)
        .take(most)
        .read_to_end(&mut plain)
        .map_err(|error| format!("its body is said to be compressed with gzip, and is not: {error}"))?;
    if plain.len() > limit {
        return Err(format!("its body is larger than {limit} bytes when its compression is undone"));
    }
    Ok(plain)
}

pub(super) fn bare(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    pub(in crate::protime) fn gzipped(plain: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(plain).unwrap();
        encoder.finish().unwrap()
    }

    fn of(body: &[u8], coding: Option<&str>, limit: usize) -> Result<String, String> {
        let plain = decoded(Zeroizing::new(body.to_vec()), coding, limit)?;
        Ok(String::from_utf8(plain.to_vec()).unwrap())
    }

    #[test]
    fn codings_by_table() {
        let zipped = gzipped(b"{}");
        let two = [gzipped(b"{"), gzipped(b"}")].concat();
        for (body, coding) in [
            (&b"{}"[..], None),
            (b"{}", Some("")),
            (b"{}", Some("identity")),
            (&zipped, Some("gzip")),
            (&zipped, Some("x-GZIP")),
            (&zipped, Some("identity, gzip")),
            (&zipped, None),
            (&two, Some("gzip")),
        ] {
            assert_eq!(of(body, coding, 10).as_deref(), Ok("{}"), "{coding:?}");
        }
        assert_eq!(of(b"", Some("gzip"), 10).as_deref(), Ok(""));
        for (body, coding, expected) in [
            (&b"{}"[..], "gzip", "is said to be compressed with gzip, and is not"),
            (&zipped[..zipped.len() - 3], "gzip", "is said to be compressed with gzip, and is not"),
            (b"{}", "deflate", "'deflate', which was not asked for"),
            (b"{}", "br", "'br', which was not asked for"),
            (&zipped, "gzip, gzip", "'gzip, gzip', which was not asked for"),
        ] {
            let wrong = of(body, Some(coding), 10).unwrap_err();
            assert!(wrong.contains(expected), "{coding}: {wrong}");
        }
    }

    #[test]
    fn a_few_bytes_do_not_become_many() {
        let bomb = gzipped(&vec![b' '; 1024 * 1024]);
        assert!(bomb.len() < 2_048, "{}", bomb.len());
        assert!(of(&bomb, Some("gzip"), 1024 * 1024 - 1).unwrap_err().contains("larger than 1048575 bytes"));
        assert_eq!(of(&bomb, Some("gzip"), 1024 * 1024).map(|plain| plain.len()), Ok(1024 * 1024));
    }

    #[test]
    fn a_mark_before_json_is_no_part_of_it() {
        assert_eq!(bare(b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(bare(b"{}"), b"{}");
        assert_eq!(bare(b"\xef\xbb"), b"\xef\xbb");
    }
}
