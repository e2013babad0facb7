//! A destination URL without the secrets that people put into it.
//!
//! The status socket is open to everyone on the machine, while the URL under which a receiver
//! listens often holds a password or a token.

use reqwest::Url;

/// The URL without user info, its query replaced by `?…` and its fragment by `#…`.
///
/// A text that is not a URL is not shown at all, since no one can say where its secrets are.
pub(super) fn without_secrets(text: &str) -> String {
    let Ok(mut url) = Url::parse(text) else { return "…".to_owned() };
    if url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
    {
        return text.to_owned();
    }
    // Both fail only for a URL that has no host, and then it has no user info either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    let redacted = match (url.query(), url.fragment()) {
        (Some(_), _) => "?…",
        (None, Some(_)) => "#…",
        (None, None) => "",
    };
    url.set_query(None);
    url.set_fragment(None);
    format!("{url}{redacted}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(without_secrets(whole), shown, "{whole}");
        }
    }

    #[test]
    fn an_address_in_the_path_is_no_user_info() {
        let url = "https://example.com/notify/me@example.com";
        assert_eq!(without_secrets(url), url);
    }
}
