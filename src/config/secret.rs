//! Finds the secrets that the configuration only names.

use std::{
    ffi::OsString,
    io::{self, Read as _},
    os::unix::ffi::OsStringExt as _,
    path::Path,
};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{
    sections::Config,
    settings::{KeySink, ResyncKind, SecretSource, Webhook},
};
use crate::{
    domain::webhook::{TenantName, WebhookName},
    regular_file,
};

/// No secret is longer; a file that is, is not the file that was meant.
const LONGEST: u64 = 64 * 1024;

/// Where a secret was not found, why, and what would be right; never what was found there.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SecretError(String);

#[derive(Debug, Clone, Copy)]
pub(crate) struct NamedSecret<'a> {
    pub(crate) tenant: &'a TenantName,
    /// The webhook whose token it is; `None` for the client secret.
    pub(crate) webhook: Option<&'a WebhookName>,
    pub(crate) source: &'a SecretSource,
}

impl SecretSource {
    /// Finds the secret; a line end behind it does not belong to it. What is found can be sent, in a header
    /// or in a form, so that no one learns of it only then.
    pub(crate) fn resolve(&self) -> Result<SecretString, SecretError> {
        self.resolve_in(&|name| std::env::var_os(name))
    }

    fn resolve_in(&self, env: &dyn Fn(&str) -> Option<OsString>) -> Result<SecretString, SecretError> {
        let (place, bytes) = match self {
            Self::Credential(name) => {
                let place = format!("credential `{name}`");
                let folder = env("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty());
                let folder = folder.ok_or_else(|| {
                    SecretError(format!(
                        "{place}: $CREDENTIALS_DIRECTORY is not set; run the daemon as a systemd service with \
                         LoadCredential={name}:/path, or name the secret with {{ file = \"/path\" }}"
                    ))
                })?;
                let help = "give the service LoadCredential= with this name";
                let bytes = read(&place, &Path::new(&folder).join(name), help)?;
                (place, bytes)
            }
            Self::File(path) => {
                let place = format!("secret file {}", path.display());
                let help = "put the secret there, readable for the user that runs the daemon";
                let bytes = read(&place, path, help)?;
                (place, bytes)
            }
            Self::Env(name) => {
                let place = format!("environment variable `{name}`");
                let value = env(name).ok_or_else(|| {
                    SecretError(format!("{place} is not set; set it where the daemon is started"))
                })?;
                (place, Zeroizing::new(value.into_vec()))
            }
        };
        plain(&bytes).map(SecretString::from).map_err(|wrong| SecretError(format!("{place} {wrong}")))
    }
}

/// The secret in what stands in its place; or what is wrong there, to follow the place.
fn plain(bytes: &[u8]) -> Result<&str, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8; put the secret there as text")?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.trim().is_empty() {
        return Err("is empty; put the secret there");
    }
    if text.contains(['\r', '\n']) {
        return Err("holds more than one line of text; put nothing but the secret there");
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character; put nothing but the secret there");
    }
    // No HTTP header takes it as a token, and OAuth (RFC 6749, A.2) has no such client secret.
    if !text.is_ascii() {
        return Err(
            "holds characters that are not ASCII, which cannot be sent; put the secret there as it was given, \
             without a byte order mark, a no-break space or quotation marks of a text editor",
        );
    }
    Ok(text)
}

impl Config {
    /// Every secret that the file names, in its order.
    pub(crate) fn secrets(&self) -> Vec<NamedSecret<'_>> {
        let mut secrets = Vec::new();
        for tenant in &self.tenants {
            secrets.push(NamedSecret { tenant: &tenant.name, webhook: None, source: &tenant.client_secret });
            for webhook in &tenant.webhooks {
                secrets.extend(webhook.tokens().map(|source| NamedSecret {
                    tenant: &tenant.name,
                    webhook: Some(&webhook.name),
                    source,
                }));
            }
        }
        secrets
    }

    /// Looks for every secret, and says of each that was not found why.
    pub(crate) fn resolve_secrets(&self) -> Result<(), Vec<SecretError>> {
        let look = |secret: NamedSecret<'_>| {
            let error = secret.source.resolve().err()?;
            let whose = match secret.webhook {
                None => format!("tenant '{}'", secret.tenant),
                Some(webhook) => format!("webhook '{}/{webhook}', token", secret.tenant),
            };
            Some(SecretError(format!("{whose}: {error}")))
        };
        let missing: Vec<SecretError> = self.secrets().into_iter().filter_map(look).collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    }
}

impl Webhook {
    /// Where the tokens are found that are sent to servers of the operator's.
    fn tokens(&self) -> impl Iterator<Item = &SecretSource> {
        let resync = match &self.resync.kind {
            ResyncKind::Http(endpoint) => Some(endpoint),
            _ => None,
        };
        let sinks = self.key_sinks.iter().filter_map(|sink| match sink {
            KeySink::Http(endpoint) => Some(endpoint),
            _ => None,
        });
        resync.into_iter().chain(sinks).filter_map(|endpoint| endpoint.token.as_ref())
    }
}

fn read(place: &str, path: &Path, help: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable =
        |error: io::Error| SecretError(format!("{place}: cannot read {}: {error}; {help}", path.display()));
    let file = regular_file::open(path).map_err(unreadable)?;
    // Room for everything from the start: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(LONGEST).unwrap_or(0) + 2));
    file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LONGEST {
        let what = "holds more than 64 KiB; put nothing but the secret there";
        return Err(SecretError(format!("{place} {what}")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests;
