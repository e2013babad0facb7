//! `[[tenant]]`: who is asked, at which address, with which secret.
//!
//! Law: a secret that is written into the file is refused, and shown neither in the message nor in
//! the source beside it.

use std::{collections::HashMap, hash::Hash, ops::Range, path::PathBuf};

use jiff::{Timestamp, ToSpan as _, civil::Date, tz::Offset};
use reqwest::Url;

use super::{
    SecretSource, Tenant, address,
    files::Files,
    raw::{Checked, Table, Value, Wrong},
    units,
    webhook::{self, Owner},
};
use crate::domain::webhook::{InvalidName, Pair, TenantName};

const EXAMPLE: &str = "write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \
 \"/path\" }` or `{ env = \"NAME\" }`, which only name the secret";

/// Where each of some things stands first.
pub(super) struct Firsts<K>(HashMap<K, Range<usize>>);

impl<K: Eq + Hash> Firsts<K> {
    /// Nothing has been seen.
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// Notes where a thing stands; gives the place of an equal one that stands before it.
    pub(super) fn earlier(&mut self, thing: K, span: Range<usize>) -> Option<Range<usize>> {
        let first = self.0.entry(thing).or_insert_with(|| span.clone());
        (*first != span).then(|| first.clone())
    }
}

/// What tenants are judged by besides what they say: most of all what must not be there twice in the whole
/// configuration.
pub(super) struct Seen {
    /// The last day that has begun anywhere.
    pub(super) today: Date,
    /// Where the daemon's own files are, if that is known.
    pub(super) state_dir: Option<PathBuf>,
    tenants: Firsts<TenantName>,
    /// What Protime tells webhooks apart by: whose it is, and its pair.
    pub(super) pairs: Firsts<(Url, Pair)>,
    /// What Protime tells deltas apart by: whose it is, who asks, and the collection in small letters.
    pub(super) deltas: Firsts<(Url, String, String)>,
    /// Files that keys are written to.
    pub(super) sinks: Firsts<PathBuf>,
    /// What every file is for.
    pub(super) files: Files,
    /// Where systemd shows secrets, if it does.
    pub(super) credentials: Option<PathBuf>,
}

impl Seen {
    /// Nothing has been seen.
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            today: Offset::UTC.to_datetime(now).date().saturating_add(1.day()),
            state_dir: None,
            tenants: Firsts::new(),
            pairs: Firsts::new(),
            deltas: Firsts::new(),
            sinks: Firsts::new(),
            files: Files::new(),
            credentials: None,
        }
    }
}

/// Reads every `[[tenant]]` of a file. There must be one, unless other files may hold them.
pub(super) fn tenants(root: &Table<'_>, seen: &mut Seen, may_be_elsewhere: bool) -> Checked<Vec<Tenant>> {
    let help = "write at least one [[tenant]] with at least one [[tenant.webhook]]";
    let Some(value) = root.optional("tenant") else {
        if may_be_elsewhere {
            return Ok(Vec::new());
        }
        return Err(root.missing(&["tenant"], "there is no [[tenant]] in the file", help));
    };
    let tenants = value.tables("[[tenant]]", |table| tenant(table, seen))?;
    if tenants.is_empty() && !may_be_elsewhere {
        return Err(value.problem("there is no [[tenant]] in the file", help));
    }
    Ok(tenants)
}

fn tenant(table: &Table<'_>, seen: &mut Seen) -> Checked<Tenant> {
    let name = table.required("name", "write `name = \"acme\"`, a name of your choice").and_then(|value| {
        let name = value.parse(|text| TenantName::new(text).map_err(invalid_name))?;
        match seen.tenants.earlier(name.clone(), value.span()) {
            None => Ok(name),
            Some(first) => {
                let message = format!("two tenants are named \"{name}\"");
                Err(value.repeats(first, &message, "give each tenant a name of its own"))
            }
        }
    });
    let addresses = addresses(table, name.as_ref().ok());
    let client_id = table
        .required("client_id", "write `client_id = \"…\"`, the OAuth client that Protime gave you")
        .and_then(|value| value.text_or("write the OAuth client that Protime gave you"));
    let client_secret = table
        .required("client_secret", EXAMPLE)
        .and_then(|value| secret(&value, "client_secret", EXAMPLE, seen));
    let key_field = table.maybe("key_field", |value| value.text());
    let scopes = table.maybe("scopes", |value| scopes(&value));
    // A second tenant of the same name repeats its pairs as a matter of course.
    let origin = addresses.as_ref().ok().filter(|_| name.is_ok()).map(|(origin, _)| origin);
    let owner = Owner { origin, client_id: client_id.as_deref().ok() };
    let webhooks = webhook::webhooks(table, owner, seen);
    let (name, (api_origin, token_url)) = (name?, addresses?);
    Ok(Tenant {
        name,
        api_origin,
        token_url,
        client_id: client_id?,
        client_secret: client_secret?,
        key_field: key_field?,
        scopes: scopes?.unwrap_or_default(),
        webhooks: webhooks?,
    })
}

/// Reads scopes to ask for, each by itself.
fn scopes(value: &Value<'_>) -> Checked<Vec<String>> {
    let items = value.array("an array of texts such as [\"connector-protimeapi-clockings.read\"]")?;
    let mut firsts = Firsts::new();
    let read = items.iter().map(|item| {
        let scope = item.parse(scope)?;
        match firsts.earlier(scope.clone(), item.span()) {
            None => Ok(scope),
            Some(first) => {
                Err(item.repeats(first, &format!("\"{scope}\" is listed twice"), "keep one of the two"))
            }
        }
    });
    let read: Vec<Checked<String>> = read.collect();
    read.into_iter().collect()
}

/// A scope as OAuth allows it (RFC 6749, 3.3): several go into one text with spaces between them.
fn scope(text: &str) -> Result<String, Wrong> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) {
        return Ok(text.to_owned());
    }
    Err(Wrong::new(
        "is not a valid scope",
        "write one scope without spaces, such as \"connector-protimeapi-clockings.read\"",
    ))
}

/// Says what a name is made of.
#[expect(clippy::needless_pass_by_value, reason = "the shape that map_err wants")]
pub(super) fn invalid_name(rule: InvalidName) -> Wrong {
    Wrong::new("is not a name", rule.to_string())
}

/// API origin and token endpoint: from the environment, or both as written.
fn addresses(table: &Table<'_>, name: Option<&TenantName>) -> Checked<(Url, Url)> {
    const EITHER: &str =
        "write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`";
    let environment = table.optional("environment");
    let api_origin = table.optional("api_origin");
    let token_url = table.optional("token_url");
    let read_origin = |value: &Value<'_>| value.parse(address::origin);
    let read_token = |value: &Value<'_>| value.parse(address::endpoint);
    match (environment, api_origin, token_url) {
        (Some(environment), None, None) => {
            let domain =
                environment.word(&[("production", "myprotime.eu"), ("sandbox", "myprotimesandbox.eu")])?;
            // Without a name, which has been reported, any name will do to go on.
            let name = name.map_or("name", TenantName::as_str);
            address::of_tenant(name, domain).map_err(|wrong| {
                environment.problem(format!("the tenant's name \"{name}\" {}", wrong.what), wrong.help)
            })
        }
        (None, Some(origin), Some(token)) => {
            let (origin, token) = (read_origin(&origin), read_token(&token));
            Ok((origin?, token?))
        }
        (Some(_), Some(other), _) | (Some(_), None, Some(other)) => {
            Err(other.key_problem("`environment` says already where this tenant is", EITHER))
        }
        (None, Some(origin), None) => {
            let missing = origin.key_problem("`api_origin` stands without `token_url`", EITHER);
            read_origin(&origin).and(Err(missing))
        }
        (None, None, Some(token)) => {
            let missing = token.key_problem("`token_url` stands without `api_origin`", EITHER);
            read_token(&token).and(Err(missing))
        }
        (None, None, None) => Err(table.missing(
            &["environment", "api_origin", "token_url"],
            "`environment` is missing in [[tenant]]",
            EITHER,
        )),
    }
}

/// Reads where a secret is found; `example` says how to write that. No key is to be written there.
pub(super) fn secret(
    value: &Value<'_>,
    key: &'static str,
    example: &str,
    seen: &mut Seen,
) -> Checked<SecretSource> {
    let source = source(value, key, example)?;
    let path = match &source {
        SecretSource::File(path) => Some(path.clone()),
        SecretSource::Credential(name) => seen.credentials.as_ref().map(|folder| folder.join(name)),
        SecretSource::Env(_) => None,
    };
    if path.is_some_and(|path| seen.files.reads(&path, "the file of a secret")) {
        return Err(value.problem(
            format!("`{key}` names a file that a key sink writes to"),
            "give the secret a file of its own: the key would take its place",
        ));
    }
    Ok(source)
}

fn source(value: &Value<'_>, key: &'static str, example: &str) -> Checked<SecretSource> {
    if !value.is_table() {
        value.hide();
        return Err(value.problem("a secret must not be written into this file", example));
    }
    value.table(key, |table| {
        let sources = [
            table.maybe("credential", |value| value.parse_discreetly(credential_name)),
            table.maybe("file", |value| value.parse_discreetly(secret_file)),
            table.maybe("env", |value| value.parse_discreetly(variable_name)),
        ];
        let mut found = Vec::new();
        for source in sources {
            found.extend(source?);
        }
        match (found.pop(), found.is_empty()) {
            (Some(source), true) => Ok(source),
            (None, _) => Err(table.missing(
                &["credential", "file", "env"],
                &format!("`{key}` does not say where the secret is"),
                example,
            )),
            (Some(_), false) => {
                let message = format!("`{key}` names more than one place");
                Err(value.problem(message, format!("keep one: {example}")))
            }
        }
    })
}

// What these three refuse may be the secret itself, so none of them quotes it.

fn credential_name(text: &str) -> Result<SecretSource, Wrong> {
    let fits = !text.is_empty()
        && text.len() <= 255
        && !matches!(text, "." | "..")
        && text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b':'));
    if fits {
        Ok(SecretSource::Credential(text.to_owned()))
    } else {
        let help =
            "write the name that LoadCredential= gives the file in the unit, such as \"acme-client-secret\"";
        Err(Wrong::new("is not the name of a systemd credential", help))
    }
}

fn secret_file(text: &str) -> Result<SecretSource, Wrong> {
    units::file_path(text).map(SecretSource::File)
}

fn variable_name(text: &str) -> Result<SecretSource, Wrong> {
    let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().next().is_some_and(|first| !first.is_ascii_digit());
    if fits {
        Ok(SecretSource::Env(text.to_owned()))
    } else {
        let help =
            "write the variable's name (letters, digits and underscores), such as \"ACME_CLIENT_SECRET\"";
        Err(Wrong::new("is not the name of an environment variable", help))
    }
}
