//! How an HTTP client of this program is built: whom it trusts, and what it never does.
//!
//! Laws: no redirect is followed; a proxy is never asked for what is on this machine; roots are the
//! system's, and those of `ca_file` besides.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use reqwest::{
    Client, Url,
    header::{self, HeaderMap, HeaderValue},
};

/// Shorter than what servers commonly keep an idle connection: a request into one that the server just
/// closed would be a request with an unknown outcome.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// Who we are, and whom we trust.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    /// Sent with every request.
    pub(crate) user_agent: String,
    /// Limit for making a connection.
    pub(crate) connect_timeout: Duration,
    /// Certificates in PEM form that are trusted besides the system's.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Why there is no client: an error of the configuration or of the machine, to be shown at start-up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    /// HTTPS without anything to trust.
    #[error(
        "No CA certificates were found on this system, so no HTTPS server can be trusted: install the \
         system's CA certificates (package ca-certificates), or name a file in SSL_CERT_FILE or api.ca_file"
    )]
    NoRoots,
    /// `ca_file` gives no certificates.
    #[error("api.ca_file {}: {why}", path.display())]
    CaFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The user agent cannot be sent.
    #[error("user_agent {0:?} does not fit into a header: use visible ASCII characters and spaces")]
    UserAgent(String),
    /// The HTTP client refuses to start.
    #[error("the HTTP client cannot be set up: {0}")]
    Client(String),
}

/// Whether an address is of this machine.
pub(crate) fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    })
}

/// The innermost cause, which is the one that names what happened; it never holds an address.
pub(crate) fn deepest(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}

/// What a person can do about a connection that could not be made: its innermost cause is the system's or
/// the TLS library's, who know nothing of this program's settings.
pub(crate) fn connect_advice(error: &reqwest::Error) -> &'static str {
    if error.is_timeout() {
        return "check the network and firewalls on the way, and whether a proxy is needed";
    }
    advice_on(&deepest(error))
}

fn advice_on(cause: &str) -> &'static str {
    const BY_CAUSE: [(&str, &str); 7] = [
        ("lookup address", "check the name in the configuration, and this machine's DNS"),
        ("Connection refused", "nobody listens there, or a firewall refuses: check the address and the port"),
        ("InvalidContentType", "no TLS is spoken there: check the address, its port, and http or https"),
        (
            "not valid for name",
            "another server answers than the one that is configured, or a proxy: check the address",
        ),
        ("certificate expired", "its certificate has expired, or this machine's clock is wrong"),
        ("certificate not valid yet", "its certificate begins later, or this machine's clock is wrong"),
        ("certificate", "if a proxy or a private authority signs it, name its certificate as api.ca_file"),
    ];
    let found = BY_CAUSE.iter().find(|(part, _)| cause.contains(part));
    found.map_or("check the network, and whether a proxy is needed", |(_, advice)| advice)
}

impl Trust {
    /// A client for `url` and others of its kind.
    pub(crate) fn client(&self, url: &Url) -> Result<Client, BuildError> {
        build(self, url)
    }
}

fn build(trust: &Trust, url: &Url) -> Result<Client, BuildError> {
    let user_agent = HeaderValue::from_str(&trust.user_agent)
        .map_err(|_| BuildError::UserAgent(trust.user_agent.clone()))?;
    let mut defaults = HeaderMap::new();
    defaults.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let mut builder = Client::builder()
        .user_agent(user_agent)
        .default_headers(defaults)
        .connect_timeout(trust.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    if is_local(url) {
        builder = builder.no_proxy();
    }
    // Without TLS there is nothing to trust, and a machine without certificates can still rehearse.
    builder = if url.scheme() == "https" {
        builder.tls_certs_merge(extra_roots(trust)?)
    } else {
        builder.tls_certs_only([])
    };
    builder.build().map_err(|error| match deepest(&error) {
        cause if cause.contains("No CA certificates") => BuildError::NoRoots,
        cause => BuildError::Client(cause),
    })
}

fn extra_roots(trust: &Trust) -> Result<Vec<reqwest::Certificate>, BuildError> {
    let Some(path) = &trust.ca_file else { return Ok(Vec::new()) };
    let unusable = |why: String| BuildError::CaFile { path: path.clone(), why };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(deepest(&error)))?;
    if roots.is_empty() {
        return Err(unusable("it holds no certificate in PEM form".to_owned()));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences of the system's resolver, of the kernel and of rustls, as they stand in errors.
    #[test]
    fn every_cause_has_its_own_advice() {
        for (cause, advice) in [
            ("failed to lookup address information: Name or service not known", "DNS"),
            ("Connection refused (os error 111)", "nobody listens there"),
            ("received corrupt message of type InvalidContentType", "no TLS is spoken there"),
            ("invalid peer certificate: UnknownIssuer", "api.ca_file"),
            (
                "invalid peer certificate: certificate not valid for name \"a\"; it is for \"b\"",
                "another server",
            ),
            ("invalid peer certificate: certificate expired: verification time 2", "this machine's clock"),
            (
                "invalid peer certificate: certificate not valid yet: verification time 2",
                "this machine's clock",
            ),
            ("Network is unreachable (os error 101)", "whether a proxy is needed"),
        ] {
            assert!(advice_on(cause).contains(advice), "{cause}: {}", advice_on(cause));
        }
    }
}
