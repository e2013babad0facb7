//! How the HTTP clients of this program are built, Protime's too: whom they trust, and what they never do.
//!
//! Laws: no redirect is followed; a proxy is never asked for what is on this machine; roots are the
//! system's, and those of `ca_file` besides.

use std::{
    collections::HashMap,
    error::Error,
    net::IpAddr,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::{
    Certificate, Client, Url,
    header::{self, HeaderMap, HeaderValue},
};
use zeroize::Zeroizing;

use super::certificate;
use crate::{config, regular_file};

/// Shorter than what servers commonly keep an idle connection: a request into one that the server just
/// closed would be a request with an unknown outcome.
const POOL_IDLE: Duration = Duration::from_secs(15);

/// What every client has in common, and the clients that there are.
#[derive(Debug)]
pub(crate) struct Outbound {
    user_agent: String,
    api: config::Api,
    /// By whether TLS is needed and whether the server is on this machine: what makes clients differ.
    clients: Mutex<HashMap<(bool, bool), Client>>,
}

/// Why a server cannot be spoken to: an error of the configuration or of the machine, to be shown at start-up.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BuildError(pub(crate) String);

fn is_local(url: &Url) -> bool {
    url.host_str().is_some_and(|host| {
        let address: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
        host == "localhost" || address.is_some_and(|address| address.is_loopback())
    })
}

/// The innermost cause, which is the one that names what happened; of an address it holds the host at
/// most. Of a certificate that is not trusted it says what to do.
pub(crate) fn deepest(error: &reqwest::Error) -> String {
    let cause = innermost(error);
    if let Some(refusal) = certificate::refusal(cause) {
        return refusal;
    }
    match cause.downcast_ref::<reqwest::Error>() {
        Some(_) => "the request failed".to_owned(),
        None => cause.to_string(),
    }
}

/// Why a connection could not be made, and what a person can do about it: the cause is in the system's words, or
/// in those of TLS, who know nothing of this program's settings.
pub(crate) fn not_connected(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no connection in time; check the network and firewalls on the way, and whether a proxy is needed"
            .to_owned();
    }
    match certificate::refusal(innermost(error)) {
        Some(refusal) => refusal,
        None => with_advice(&deepest(error)),
    }
}

fn with_advice(cause: &str) -> String {
    const BY_CAUSE: [(&str, &str); 3] = [
        ("lookup address", "check the name in the configuration, and this machine's DNS"),
        ("Connection refused", "no one listens there, or a firewall refuses: check the address and the port"),
        ("InvalidContentType", "no TLS is spoken there: check the address, its port, and http or https"),
    ];
    let found = BY_CAUSE.iter().find(|(part, _)| cause.contains(part));
    let advice = found.map_or("check the network, and whether a proxy is needed", |(_, advice)| advice);
    format!("{cause}; {advice}")
}

fn innermost(error: &reqwest::Error) -> &(dyn Error + 'static) {
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

impl Outbound {
    pub(crate) fn new(user_agent: String, api: &config::Api) -> Self {
        Self { user_agent, api: api.clone(), clients: Mutex::default() }
    }

    /// A client for a URL and others of its kind; reads the trusted certificates the first time.
    pub(crate) fn client(&self, url: &Url) -> Result<Client, BuildError> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let kind = (url.scheme() == "https", is_local(url));
        if let Some(client) = clients.get(&kind) {
            return Ok(client.clone());
        }
        let client = build(&self.user_agent, &self.api, kind)?;
        clients.insert(kind, client.clone());
        Ok(client)
    }

    /// The limit for a whole request where nothing else is configured.
    pub(crate) fn request_timeout(&self) -> Duration {
        self.api.request_timeout
    }
}

/// The header that gives a token, unless the token does not fit into one.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    sensitive(&Zeroizing::new(format!("Bearer {token}")))
}

/// A header that is not printed.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut header = HeaderValue::from_str(text).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn build(
    user_agent: &str,
    api: &config::Api,
    (is_secure, is_local): (bool, bool),
) -> Result<Client, BuildError> {
    let user_agent = HeaderValue::from_str(user_agent).map_err(|_| {
        BuildError(format!(
            "user_agent {user_agent:?} does not fit into a header: use visible ASCII characters and spaces"
        ))
    })?;
    let mut defaults = HeaderMap::new();
    defaults.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let mut builder = Client::builder()
        .user_agent(user_agent)
        .default_headers(defaults)
        .connect_timeout(api.connect_timeout)
        .pool_idle_timeout(POOL_IDLE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false);
    if is_local {
        builder = builder.no_proxy();
    }
    // Without TLS there is nothing to trust, and a machine without certificates can still rehearse.
    builder = if is_secure {
        let extra = api.ca_file.as_deref().map(extra_roots).transpose()?;
        builder.tls_certs_merge(extra.unwrap_or_default())
    } else {
        builder.tls_certs_only([])
    };
    builder.build().map_err(|error| {
        BuildError(match deepest(&error) {
            cause if cause.contains("No CA certificates") => {
                "No CA certificates were found on this system, so no HTTPS server can be trusted: install the \
                 system's CA certificates (package ca-certificates), or name a file in SSL_CERT_FILE or api.ca_file"
                    .to_owned()
            }
            cause => format!("the HTTP client cannot be set up: {cause}"),
        })
    })
}

/// Whether `ca_file` gives certificates, if one is named.
pub(crate) fn check_ca_file(api: &config::Api) -> Result<(), BuildError> {
    api.ca_file.as_deref().map_or(Ok(()), |path| extra_roots(path).map(drop))
}

fn extra_roots(path: &Path) -> Result<Vec<Certificate>, BuildError> {
    let unusable = |why: String| {
        BuildError(format!(
            "api.ca_file {}: {why}; name a file that the daemon may read and that holds certificates in PEM form, \
             each beginning with -----BEGIN CERTIFICATE-----",
            path.display()
        ))
    };
    let pem = regular_file::read(path).map_err(|error| unusable(format!("it cannot be read: {error}")))?;
    let roots = Certificate::from_pem_bundle(&pem).map_err(|_| {
        unusable("something in it is not a certificate although it begins like one".to_owned())
    })?;
    if roots.is_empty() {
        return Err(unusable("it holds no certificate in PEM form".to_owned()));
    }
    // What is in a certificate is only read by someone who trusts it.
    match Client::builder().tls_certs_only(roots.clone()).build() {
        Ok(_) => Ok(roots),
        Err(error) => Err(unusable(format!("a certificate in it cannot be read ({})", innermost(&error)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences of the system's resolver, of the kernel and of rustls, as they stand in errors.
    #[test]
    fn every_cause_has_its_own_advice() {
        for (cause, advice) in [
            ("failed to lookup address information: Name or service not known", "this machine's DNS"),
            ("Connection refused (os error 111)", "no one listens there"),
            ("received corrupt message of type InvalidContentType", "no TLS is spoken there"),
            ("Network is unreachable (os error 101)", "whether a proxy is needed"),
        ] {
            let text = with_advice(cause);
            assert!(text.starts_with(cause) && text.contains(advice), "{text}");
        }
    }
}
