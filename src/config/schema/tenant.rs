//! `[[tenant]]`.

use reqwest::Url;

use super::{secret::SECRET, webhook};
use crate::{
    config::{
        address,
        key::{Form, Key, Part, table},
        names, units,
        value::TEXT,
    },
    domain::webhook::TenantName,
};

table! { TENANT = "[[tenant]]";
    /// Unique in this file. With `environment`, it is the tenant's name at Protime.
    NAME: Key<TenantName> = "name", Form::Text(TEXT, names::tenant), is_required: true,
        help: "write `name = \"acme\"`, a name of your choice";
    /// production or sandbox.
    ENVIRONMENT: Key<&'static str> = "environment", Form::Word(&[
        ("production", "myprotime.eu"), ("sandbox", "myprotimesandbox.eu"),
    ]);
    /// Scheme, host and port of the API.
    API_ORIGIN: Key<Url> = "api_origin", Form::Text(TEXT, address::origin);
    /// The address that a token is asked of.
    TOKEN_URL: Key<Url> = "token_url", Form::Text(TEXT, address::endpoint);
    /// The OAuth client that Protime gave you.
    CLIENT_ID: Key<String> = "client_id", Form::Text(TEXT, |id| {
        units::text(id, "write the OAuth client that Protime gave you")
    }), is_required: true, is_discreet: true,
        help: "write `client_id = \"…\"`, the OAuth client that Protime gave you";
    /// Where the secret is found; the secret itself must not stand here.
    CLIENT_SECRET: Part = "client_secret", &SECRET, is_required: true,
        help: "write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \"/path\" }` or \
               `{ env = \"NAME\" }`, which only name the secret";
    /// Name of the key's property in Protime's answer, if it is none of the known ones. (No default.)
    KEY_FIELD: Key<String> = "key_field", Form::Text(TEXT, |name| {
        units::text(name, "write a text, or remove `key_field`")
    });
    /// Scopes to ask for besides what this file needs: those of webhooks, and of the collections that a
    /// resync of the kind list or delta reads. (No default: none.)
    SCOPES: Key<Vec<String>> = "scopes", Form::Other(
        "an array of texts such as [\"connector-protimeapi-clockings.read\"]",
        |value, wanted| value.distinct(wanted, names::scope),
    );
    /// As many as you like.
    WEBHOOKS: Part = "webhook", &webhook::WEBHOOK;
}
