//! How an HTTP client of this program is built: whom it trusts, and what it never does.
//!
//! Laws: no redirect is followed; a proxy is never asked for what is on this machine; roots are the
//! system's, and those of `ca_file` besides.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{
    Client, Url,
    header::{self, HeaderMap, HeaderValue},
};

use crate::config::Api;

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
    #[error("[api] ca_file {}: {why}; name a readable file of certificates in PEM form", path.display())]
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
        builder.tls_certs_merge(extra_roots(trust.ca_file.as_deref())?)
    } else {
        builder.tls_certs_only([])
    };
    builder.build().map_err(|error| match deepest(&error) {
        cause if cause.contains("No CA certificates") => BuildError::NoRoots,
        cause => BuildError::Client(cause),
    })
}

/// Whether `ca_file`, if there is one, holds certificates that can be trusted.
pub(crate) fn check_ca_file(api: &Api) -> Result<(), BuildError> {
    let Some(path) = api.ca_file.as_deref() else { return Ok(()) };
    // That it is PEM is not enough: what is in it is read only when a client is made.
    let client = Client::builder().tls_certs_only(extra_roots(Some(path))?).build();
    client.map(drop).map_err(|error| BuildError::CaFile { path: path.to_owned(), why: deepest(&error) })
}

fn extra_roots(ca_file: Option<&Path>) -> Result<Vec<reqwest::Certificate>, BuildError> {
    let Some(path) = ca_file else { return Ok(Vec::new()) };
    let unusable = |why: String| BuildError::CaFile { path: path.to_owned(), why };
    let pem = std::fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unusable(deepest(&error)))?;
    if roots.is_empty() {
        return Err(unusable("it holds no certificate".to_owned()));
    }
    Ok(roots)
}
