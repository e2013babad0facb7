//! When two spellings of a destination URL are one.
//!
//! Protime may list a URL in its normal form and not as it was sent. Law: what RFC 3986 (6.2.2 and
//! 6.2.3) calls equivalent is the same, and nothing else is.

use reqwest::Url;

use crate::domain::webhook::Pair;

/// A pair in a form in which two spellings of one URL, and of one collection, are the same: Protime
/// lists a collection as it calls it, which need not be in the letters that a POST was sent with.
pub(crate) fn normalized(pair: &Pair) -> (String, String) {
    // The parser sees to the letters of scheme and host, the default port, dot segments and an empty path.
    let url = Url::parse(&pair.destination_url)
        .map_or_else(|_| pair.destination_url.clone(), |url| with_plain_escapes(url.as_str()));
    (url, pair.collection.to_ascii_lowercase())
}

/// A URL in which nothing is percent-encoded that need not be, and the rest in capitals.
fn with_plain_escapes(url: &str) -> String {
    let mut plain = String::with_capacity(url.len());
    let mut parts = url.split('%');
    plain.extend(parts.next());
    for part in parts {
        let hex = part.get(..2).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                plain.push(char::from(byte));
                plain.push_str(&part[2..]);
            }
            _ => {
                let hex = hex.unwrap_or_default();
                plain.extend(["%", &hex.to_ascii_uppercase(), &part[hex.len()..]]);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> (String, String) {
        normalized(&Pair { destination_url: url.to_owned(), collection: "Clockings".to_owned() })
    }

    #[test]
    fn spellings_of_one_url_are_the_same() {
        for (one, other) in [
            ("https://www.your-company.com/%7euser", "https://www.your-company.com/~user"),
            ("https://www.your-company.com/a%c3%a9", "https://www.your-company.com/a%C3%A9"),
            ("https://www.your-company.com/aé", "https://www.your-company.com/a%C3%A9"),
            ("https://www.your-company.com/a%2Db%5F", "https://www.your-company.com/a-b_"),
            ("HTTPS://WWW.Your-Company.COM/x", "https://www.your-company.com/x"),
            ("https://www.your-company.com:443/x", "https://www.your-company.com/x"),
            ("http://127.0.0.1:80/x", "http://127.0.0.1/x"),
            ("https://www.your-company.com", "https://www.your-company.com/"),
            ("https://www.your-company.com?a=1", "https://www.your-company.com/?a=1"),
            ("https://www.your-company.com/a/./b/../c", "https://www.your-company.com/a/c"),
            ("https://www.your-company.com/a/%2e%2E/c", "https://www.your-company.com/c"),
            ("https://www.your-company.com/x?a=%7e%2f", "https://www.your-company.com/x?a=~%2F"),
        ] {
            assert_eq!(of(one), of(other), "{one}");
        }
        assert_eq!(of("https://a.example/").1, "clockings");
    }

    #[test]
    fn other_urls_are_others() {
        let urls = [
            "https://www.your-company.com/a/b",
            "https://www.your-company.com/a%2Fb",
            "https://www.your-company.com/A/b",
            "https://www.your-company.com/a/b/",
            "https://www.your-company.com/a/b?x",
            "https://www.your-company.com/a/b?x=1",
            "https://www.your-company.com:8443/a/b",
            "https://your-company.com/a/b",
            "https://user@www.your-company.com/a/b",
            "https://www.your-company.com/a%25b",
            "https://www.your-company.com/a%b",
            "no url",
        ];
        for (at, one) in urls.iter().enumerate() {
            for other in &urls[at + 1..] {
                assert_ne!(of(one), of(other), "{one} {other}");
            }
        }
    }
}
