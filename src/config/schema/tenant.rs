//! `[[tenant]]`, and the table that every secret is.

use reqwest::Url;

use super::webhook;
use crate::{
    config::{
        address,
        key::{Form, Key, Part, Table, key, part, table, text},
        names,
        settings::SecretSource,
        units,
    },
    domain::webhook::TenantName,
};

table! { TENANT = "[[tenant]]";
    /// Unique in this file. With `environment`, it is the tenant's name at Protime.
    NAME: Key<TenantName> = text("name", names::tenant).required("write `name = \"acme\"`, a name of your choice");
    /// production or sandbox.
    ENVIRONMENT: Key<&'static str> = key("environment", Form::Word(&[
        ("production", "myprotime.eu"), ("sandbox", "myprotimesandbox.eu"),
    ]));
    /// Instead of `environment`: both addresses. http:// is accepted for loopback only, here and everywhere.
    API_ORIGIN: Key<Url> = text("api_origin", address::origin);
    /// The other one, where a token is asked for.
    TOKEN_URL: Key<Url> = text("token_url", address::endpoint);
    /// The OAuth client that Protime gave you.
    CLIENT_ID: Key<String> = text("client_id", |id| units::text(id, "write the OAuth client that Protime gave you"))
        .required("write `client_id = \"…\"`, the OAuth client that Protime gave you").discreet();
    /// Where the secret is found; the secret itself must not stand here.
    CLIENT_SECRET: Part = part("client_secret", &SECRET).required(
        "write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \"/path\" }` or `{ env = \"NAME\" }`, \
         which only name the secret",
    );
    /// Name of the key's property in Protime's answer, if it is none of the known ones. (No default.)
    KEY_FIELD: Key<String> = text("key_field", |name| units::text(name, "write a text, or remove `key_field`"));
    /// Scopes to ask for besides what this file needs: those of webhooks, and of the collections that a resync of the
    /// kind list or delta reads. (No default: none.)
    SCOPES: Key<Vec<String>> = key("scopes", Form::Other(
        "an array of texts such as [\"connector-protimeapi-clockings.read\"]",
        |value, wanted| value.distinct(wanted, names::scope),
    ));
    /// A webhook of the tenant.
    WEBHOOKS: Part = part("webhook", &webhook::WEBHOOK);
}

// What these three refuse may be the secret itself, so none of them quotes it.
table! { SECRET = "the table that `client_secret` or `token` is";
    /// A file in $CREDENTIALS_DIRECTORY: LoadCredential=acme-client-secret:/path in the unit.
    CREDENTIAL: Key<SecretSource> = key("credential", Form::Discreet(names::credential));
    /// Instead of `client_secret`: a file.
    FILE: Key<SecretSource> = key("file", Form::Discreet(|path| units::file_path(path).map(SecretSource::File)));
    /// Instead of `client_secret`: an environment variable.
    ENV: Key<SecretSource> = key("env", Form::Discreet(names::variable));
}
