//! Single values that name something: tenants, webhooks, collections, references, scopes, secrets.

use super::{settings::SecretSource, units};
use crate::domain::{
    webhook::{ExternalReference, InvalidName, TenantName, WebhookName},
    wrong::{Wrong, refuse},
};

pub(super) fn tenant(text: &str) -> Result<TenantName, Wrong> {
    TenantName::new(text).map_err(|rule| invalid(&rule))
}

pub(super) fn webhook(text: &str) -> Result<WebhookName, Wrong> {
    WebhookName::new(text).map_err(|rule| invalid(&rule))
}

pub(super) const PATTERNS: &str = "an array of paths or patterns, such as include = [\"conf.d/*.toml\"]";

pub(super) fn pattern(text: &str) -> Result<String, Wrong> {
    units::text(text, "write a text, or remove `include`")
}

fn invalid(rule: &InvalidName) -> Wrong {
    Wrong::new("is not a name", rule.to_string())
}

/// A collection's name; it becomes a part of paths, scopes and filters.
pub(super) fn collection(text: &str) -> Result<String, Wrong> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if text.bytes().all(plain) && (1..=64).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric()
    {
        return Ok(text.to_owned());
    }
    let help = "write the name as it stands in the API's paths, such as \"clockings\"";
    refuse("is not the name of a collection", help)
}

pub(super) const REFERENCES: &str = "an array of texts such as [\"people,@badge-number\"]";

/// A reference of a collection; it goes into a query as `(collection,reference)`.
pub(super) fn external_reference(text: &str) -> Result<ExternalReference, Wrong> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b',' | b'"');
    match text.split_once(',') {
        Some((of, reference))
            if collection(of).is_ok()
                && !reference.trim_start_matches('@').is_empty()
                && reference.bytes().all(plain) =>
        {
            Ok(ExternalReference { collection: of.to_owned(), reference: reference.to_owned() })
        }
        _ => refuse(
            "is not an external reference",
            "write \"collection,reference\" without spaces, such as \"people,@badge-number\"; predefined \
             references begin with @",
        ),
    }
}

/// A scope as OAuth allows it (RFC 6749, 3.3): several go into one text with spaces between them.
pub(super) fn scope(text: &str) -> Result<String, Wrong> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) {
        return Ok(text.to_owned());
    }
    let help = "write one scope without spaces, such as \"connector-protimeapi-clockings.read\"";
    refuse("is not a valid scope", help)
}

/// What `LoadCredential=` calls a secret.
pub(super) fn credential(text: &str) -> Result<SecretSource, Wrong> {
    let fits = (1..=255).contains(&text.len())
        && !matches!(text, "." | "..")
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':'));
    let help =
        "write the name that LoadCredential= gives the file in the unit, such as \"acme-client-secret\"";
    let source = fits.then(|| SecretSource::Credential(text.to_owned()));
    source.ok_or_else(|| Wrong::new("is not the name of a systemd credential", help))
}

pub(super) fn variable(text: &str) -> Result<SecretSource, Wrong> {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    let help = "write the variable's name (letters, digits and underscores), such as \"ACME_CLIENT_SECRET\"";
    let source = fits.then(|| SecretSource::Env(text.to_owned()));
    source.ok_or_else(|| Wrong::new("is not the name of an environment variable", help))
}
