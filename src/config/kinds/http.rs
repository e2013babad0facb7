//! A server of the operator's: what the kinds `http` of resync and key sink have in common.

use std::time::Duration;

use crate::config::{
    Endpoint, address,
    raw::{Checked, Table},
    tenant,
};

/// The keys that say which server it is; `timeout` is known to other kinds, too.
pub(super) const KEYS: [&str; 2] = ["url", "token"];

const TOKEN: &str = "write `token = { credential = \"receiver-token\" }`, or `{ file = \"/path\" }` or `{ env = \
 \"NAME\" }`, which only name the secret";

/// Reads the keys of a server.
pub(super) fn endpoint(table: &Table<'_>, default_timeout: Duration) -> Checked<Endpoint> {
    let timeout = table.or("timeout", default_timeout, |value| value.positive_duration());
    let token = table.maybe("token", |value| tenant::secret(&value, "token", TOKEN));
    let url = table
        .required("url", "write `url = \"https://…\"`, the address of your server")
        .and_then(|value| value.parse(address::endpoint));
    Ok(Endpoint { url: url?, token: token?, timeout })
}
