//! The client against a server on loopback that answers as each test says.

mod answers;
mod collections;
mod faults;
mod logs;
mod server;
mod tokens;
mod tolerance;

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use self::server::Server;
use super::{Settings, TenantClient, wanted_scopes};
use crate::{
    domain::webhook::{Pair, TenantName},
    http::tests::outbound_with,
};

const SECRET: &str = "client-s3cret";

fn settings(api: &Server, token: &Server) -> Settings {
    Settings {
        tenant: TenantName::new("acme").unwrap(),
        api_origin: api.origin(),
        token_url: token.origin().join("/tenants/acme/connect/token").unwrap(),
        client_id: "my-client".to_owned(),
        client_secret: SecretString::from(SECRET),
        scopes: wanted_scopes(&[], &[]),
        max_requests_per_minute: 6000,
        outbound: Arc::new(outbound_with("WebhookRenewal/v1 (Your Company)", |_| {})),
        counters: crate::counters::Counters::default(),
    }
}

/// A client of one server that is API and token endpoint in one.
fn client(server: &Server) -> TenantClient {
    TenantClient::new(&settings(server, server)).unwrap()
}

fn pair() -> Pair {
    Pair { destination_url: "https://x.example/c?code=hush".to_owned(), collection: "clockings".to_owned() }
}
