//! A server of the operator's: what the kinds `http` of resync and key sink have in common.

use std::time::Duration;

use reqwest::Url;

use crate::config::{
    Endpoint, address,
    raw::{Checked, Table},
    tenant::{self, Firsts, Seen},
};

/// The keys that say which server it is; `timeout` is known to other kinds, too.
pub(super) const KEYS: [&str; 2] = ["url", "token"];

const TOKEN: &str = "write `token = { credential = \"receiver-token\" }`, or `{ file = \"/path\" }` or `{ env = \
 \"NAME\" }`, which only name the secret";

/// Reads the keys of a server. Two key sinks of one webhook must not be the same to us, which `urls` are
/// told apart by.
pub(super) fn endpoint(
    table: &Table<'_>,
    default_timeout: Duration,
    urls: &mut Firsts<Url>,
    seen: &mut Seen,
) -> Checked<Endpoint> {
    let timeout = table.or("timeout", default_timeout, |value| value.positive_duration());
    let token = table.maybe("token", |value| tenant::secret(&value, "token", TOKEN, seen));
    let url =
        table.required("url", "write `url = \"https://…\"`, the address of your server").and_then(|value| {
            let url = value.parse(address::endpoint)?;
            match urls.earlier(url.clone(), value.span()) {
                None => Ok(url),
                Some(first) => Err(value.repeats(
                    first,
                    "two key sinks of this webhook send the key to the same address",
                    "keep one of the two",
                )),
            }
        });
    Ok(Endpoint { url: url?, token: token?, timeout })
}
