//! URLs: which ones may be called, and which ones Protime may be given. Messages show no secret of one.

use std::net::IpAddr;

use reqwest::Url;

use crate::domain::wrong::{Wrong, refuse};

const EXAMPLE: &str = "write a URL such as \"https://www.your-company.com/protime/clockings\"";

/// Scheme, host and port of an API, and nothing else.
pub(super) fn origin(text: &str) -> Result<Url, Wrong> {
    let url = endpoint(text).map_err(|wrong| match wrong.help.as_str() {
        EXAMPLE => {
            Wrong::new(wrong.what, "write scheme, host and port, such as \"https://acme.myprotime.eu\"")
        }
        _ => wrong,
    })?;
    if url.path() != "/" || url.query().is_some() {
        return refuse(
            "has a path or a query",
            format!("write scheme, host and port only: \"{}\"", url.origin().ascii_serialization()),
        );
    }
    Ok(url)
}

/// A URL that this program calls.
pub(super) fn endpoint(text: &str) -> Result<Url, Wrong> {
    let url = parse(text)?;
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("has user info in it", "write the URL without what stands before the @");
    }
    Ok(url)
}

/// The URL that Protime delivers to, exactly as written: half of the identity of a webhook.
pub(super) fn destination(text: &str) -> Result<String, Wrong> {
    parse(text).map(|_| text.to_owned())
}

/// The addresses of a tenant in one of Protime's environments: API origin and token endpoint.
pub(super) fn of_tenant(tenant: &str, domain: &str) -> Result<(Url, Url), Wrong> {
    let fits = tenant.len() <= 63
        && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        && !tenant.starts_with('-')
        && !tenant.ends_with('-');
    let origin = Url::parse(&format!("https://{tenant}.{domain}"));
    let token = Url::parse(&format!("https://authentication.{domain}/tenants/{tenant}/connect/token"));
    match (origin, token) {
        (Ok(origin), Ok(token)) if fits => Ok((origin, token)),
        _ => refuse(
            "cannot be a part of Protime's address (letters, digits and hyphens only)",
            "name the tenant as in its address https://<tenant>.<environment>, or write `api_origin` and \
             `token_url` instead of `environment`",
        ),
    }
}

fn parse(text: &str) -> Result<Url, Wrong> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return refuse("has white space or a control character in it", EXAMPLE);
    }
    let Some((scheme, _)) = text.split_once("://") else {
        return refuse("is not a URL: it does not begin with https://", EXAMPLE);
    };
    let url = Url::parse(text).map_err(|error| Wrong::new(format!("is not a URL: {error}"), EXAMPLE))?;
    if url.fragment().is_some() {
        return refuse(
            "has a fragment, which is never sent to a server",
            "write the URL without what stands behind the #",
        );
    }
    match url.scheme() {
        "https" => Ok(url),
        "http" if url.host_str().is_some_and(is_loopback) => Ok(url),
        "http" => refuse(
            "is not encrypted",
            "write https://; http:// is accepted for loopback addresses only (127.0.0.0/8, [::1], localhost)",
        ),
        _ => refuse(format!("has the scheme `{scheme}`"), "write https://"),
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_may_do_without_encryption() {
        for text in [
            "https://example.com/x",
            "https://user:pass@example.com/x?token=1",
            "http://127.0.0.1:8080/x",
            "http://127.200.3.4/x",
            "http://[::1]:9/x",
            "http://localhost/x",
            "http://LOCALHOST/x",
        ] {
            assert_eq!(destination(text).as_deref(), Ok(text));
        }
        for (text, why) in [
            ("http://example.com/x", "not encrypted"),
            ("http://localhost.example.com/x", "not encrypted"),
            ("http://127.0.0.1.example.com/x", "not encrypted"),
            ("http://[::ffff:10.0.0.1]/x", "not encrypted"),
            ("http://10.0.0.1/x", "not encrypted"),
            ("http://127.0.0.1@example.com/x", "not encrypted"),
            ("ftp://example.com/x", "scheme `ftp`"),
            ("example.com/x", "does not begin with https://"),
            ("https:example.com", "does not begin with https://"),
            ("https://", "empty host"),
            ("https://example.com:port/", "invalid port"),
            ("https://exa mple.com/", "white space"),
            ("https://example.com/#x", "fragment"),
        ] {
            let wrong = destination(text).expect_err(text);
            assert!(wrong.what.contains(why), "{text}: {}", wrong.what);
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for text in ["https://acme.myprotime.eu", "https://acme.myprotime.eu/", "http://127.0.0.1:8080"] {
            assert!(origin(text).is_ok(), "{text}");
        }
        for text in ["https://a.eu/api", "https://a.eu/?x", "https://u@a.eu", "https://u:p@a.eu"] {
            assert!(origin(text).is_err(), "{text}");
        }
        assert!(endpoint("https://a.eu/tenants/acme/connect/token").is_ok());
        assert!(endpoint("https://u:p@a.eu/token").is_err());
    }

    #[test]
    fn a_tenant_has_its_own_host() {
        let (origin, token) = of_tenant("acme", "myprotime.eu").expect("a fine name");
        assert_eq!(origin.as_str(), "https://acme.myprotime.eu/");
        assert_eq!(token.as_str(), "https://authentication.myprotime.eu/tenants/acme/connect/token");
        for name in ["a.b", "a_b", "a-", &"x".repeat(64)] {
            assert!(of_tenant(name, "myprotime.eu").is_err(), "{name}");
        }
    }
}
