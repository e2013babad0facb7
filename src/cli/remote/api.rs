//! `remote api`: the answer to any GET below the API's root, as it comes.

use std::io::{self, IsTerminal as _};

use serde_json::Value;

use super::access;
use crate::{
    cli::{failure::Failure, output, style::plain_lines},
    config::Config,
    protime::ReadingError,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "The path is seen from /connector/protimeapi/api/v1/ and may have a query. It is only read. To read a \
                  collection the client needs the scope connector-protimeapi-COLLECTION.read, and for paid-presences that \
                  of calculated-totals. Protime mentions debugging endpoints, which still answer for a deleted webhook; its \
                  documentation does not show their paths.\n\n\
                  Exit codes: 0 for an answer of 2xx, else 1; what was answered is printed in any case.\n\n\
                  Example: protime-webhookd remote api acme \"people?delta\""
)]
pub(super) struct Args {
    /// The tenant
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Such as webhooks/ID or people?delta
    #[arg(value_name = "PATH")]
    path: String,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let tenant = access::tenant(config, &args.tenant)?;
    let collections: Vec<&str> = collection(&args.path).into_iter().collect();
    let reading = access::client(config, tenant, &collections)?.read_path(&args.path).await;
    let reading = reading.map_err(|error| match error {
        ReadingError::Path(wrong) => {
            anyhow::Error::from(Failure::Usage(format!("'{}': {wrong}", args.path.escape_debug())))
        }
        ReadingError::Api(error) => error.into(),
    })?;
    if io::stdout().is_terminal() {
        output::print(&for_a_person(&reading.body))?;
    } else {
        output::print_bytes(&reading.body)?;
    }
    reading.refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
}

/// The collection that a path reads, if it is one: that takes a scope of its own.
fn collection(path: &str) -> Option<&str> {
    let below = path.trim_start_matches("/connector/protimeapi/api/v1").trim_start_matches('/');
    let below = below.strip_prefix("delta/").unwrap_or(below);
    let first = below.split(['/', '?']).next()?;
    let is_name = !first.is_empty() && first.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    (is_name && first != "webhooks").then_some(first)
}

fn for_a_person(body: &[u8]) -> String {
    match serde_json::from_slice::<Value>(body) {
        Ok(value) => format!("{value:#}\n"),
        Err(_) => plain_lines(&String::from_utf8_lossy(body)).map(|line| line + "\n").collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_read_with_its_own_scope() {
        for (path, expected) in [
            ("people", Some("people")),
            ("/people?filter=x", Some("people")),
            ("delta/shift-definitions?deltaToken=x", Some("shift-definitions")),
            ("/connector/protimeapi/api/v1/people/7", Some("people")),
            ("webhooks/a7/other", None),
            ("webhooks?filter=x", None),
            ("", None),
            ("a b", None),
        ] {
            assert_eq!(collection(path), expected, "{path}");
        }
    }

    #[test]
    fn a_person_sees_json_in_lines_and_nothing_that_steers_the_terminal() {
        assert_eq!(for_a_person(br#"{"a":[1]}"#), "{\n  \"a\": [\n    1\n  ]\n}\n");
        assert_eq!(for_a_person(b"<p>\x1b[2J\n</p>"), "<p>[2J\n</p>\n");
    }
}
