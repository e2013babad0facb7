//! `remote create`: POSTs a configured pair by hand, and prints the key.

use std::{io::ErrorKind, os::unix::net::UnixStream};

use serde_json::json;
use zeroize::Zeroizing;

use super::access::{self, Configured, agreed};
use crate::{
    cli::{
        failure::Failure,
        moment, output,
        style::plain,
        target::{self, full_name},
    },
    clock,
    config::Config,
    domain::webhook::RemoteWebhook,
    protime::{self, Issued, NoKey, PostError, TenantClient, interpret, normalized},
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Where the daemon runs, 'renew' is the right command: it brings the receiver up to date, keeps the \
                  key and hands it off. Without the daemon, the key goes to standard output and nowhere else. Once the \
                  daemon runs, 'key import' gives it the key; otherwise it gets a new one.\n\n\
                  Exit codes: 0 created; 1 Protime refuses, or no key was recognised in its answer, which is then \
                  printed; 2 a key is in force, and the answer was no.\n\n\
                  Example: protime-webhookd remote create acme/clockings"
)]
pub(super) struct Args {
    /// The webhook; NAME alone where only one tenant has it
    #[arg(value_name = "TENANT/NAME")]
    webhook: String,
    /// Do it without asking although a key is in force; a script is not asked
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let all = access::configured(config);
    let target = *target::find(&args.webhook, &all)?;
    let name = full_name(&target);
    let refused = || Failure::Usage("nothing was done".to_owned());
    if daemon_runs(config) {
        let warning = format!(
            "the daemon runs, and creating {name} here kills the key that it holds: it will see a foreign renewal and \
             renew again; 'protime-webhookd renew {name}' spares both"
        );
        if !agreed(&warning, "create it all the same?", args.force)? {
            return Err(refused().into());
        }
    }
    let client = access::client(config, target.tenant, &[])?;
    if let Some(existing) = existing(&client, &target).await? {
        let status = plain(existing.status.as_str());
        let warning = format!(
            "Protime has {name} already ({status}): this gives it a new key, and its old one is dead at once"
        );
        if !agreed(&warning, "give it a new key?", args.force)? {
            return Err(refused().into());
        }
    }
    let answer = client
        .post_webhook(&target.webhook.pair, &target.webhook.external_references)
        .await
        .map_err(|error| match error {
            PostError::NotProcessed(error) => anyhow::Error::from(error),
            PostError::Unknown(_) => anyhow::anyhow!(
                "{error}. If it was processed, {name} has a key now that no one knows: run this command again for another"
            ),
        })?;
    let issued = interpret(answer.location.as_deref(), &answer.body, target.tenant.key_field.as_deref());
    match issued {
        Ok(issued) => {
            // Before anything else is said: Protime shows a key once.
            printed(output::print(&shown_key(&target, &issued, args.json)), &name)?;
            output::note(&told(&issued, &name))
        }
        Err(no_key) => {
            // Whole, since it holds the only copy.
            printed(output::print_bytes(&answer.body), &name)?;
            Err(anyhow::anyhow!("{}", unrecognised(&no_key)))
        }
    }
}

/// Whether someone listens on one of the daemon's sockets. A user who may not connect cannot know, and is
/// warned to be safe.
fn daemon_runs(config: &Config) -> bool {
    [&config.daemon.status_socket, &config.daemon.control_socket].into_iter().any(|socket| {
        match UnixStream::connect(socket) {
            Ok(_) => true,
            Err(error) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused),
        }
    })
}

async fn existing(
    client: &TenantClient,
    target: &Configured<'_>,
) -> Result<Option<RemoteWebhook>, protime::ApiError> {
    let wanted = normalized(&target.webhook.pair);
    let listed = client.list_webhooks().await?;
    if let Some(odd) = listed.odd.iter().find(|odd| odd.is(&target.webhook.pair, &[], false)) {
        return Err(odd.as_error(&full_name(target)));
    }
    Ok(listed.webhooks.into_iter().find(|webhook| normalized(&webhook.pair) == wanted))
}

fn shown_key(target: &Configured<'_>, issued: &Issued, json: bool) -> Zeroizing<String> {
    let key = issued.key.expose();
    Zeroizing::new(if json {
        let value = json!({
            "tenant": target.tenant.name,
            "webhook": target.webhook.name,
            "id": issued.id,
            "valid_until": issued.valid_until,
            "key": key,
        });
        format!("{value:#}\n")
    } else {
        format!("{key}\n")
    })
}

/// A closed pipe is not a quiet end here: the key went with it.
fn printed(outcome: anyhow::Result<()>, name: &str) -> anyhow::Result<()> {
    outcome.map_err(|error| {
        anyhow::anyhow!(
            "the key of {name} could not be printed and is lost ({error}); create it again for another"
        )
    })
}

fn told(issued: &Issued, name: &str) -> String {
    let id = issued.id.as_deref().map_or_else(|| "unknown".to_owned(), plain);
    let end =
        issued.valid_until.map_or_else(|| "an unknown time".to_owned(), |at| moment::end(clock::now(), at));
    format!(
        "{name} is created at Protime: id {id}, valid until {end}\nits key is on standard output and is never shown \
         again; 'protime-webhookd key import {name}' takes it from standard input and gives it to the daemon"
    )
}

fn unrecognised(no_key: &NoKey) -> String {
    let names = no_key.properties.join(", ");
    let advice = if names.is_empty() {
        "nothing in it looks like one".to_owned()
    } else {
        format!("set the tenant's key_field to the property that holds it; there are {}", plain(&names))
    };
    format!(
        "no key was recognised in Protime's answer, which is on standard output as it came and holds the only copy of \
         the key: {advice}"
    )
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn an_answer_without_a_key_is_explained() {
        let named = NoKey { properties: vec!["hush".to_owned(), "id".to_owned()], is_object: true };
        assert!(unrecognised(&named).ends_with("the property that holds it; there are hush, id"));
        let none = NoKey { properties: Vec::new(), is_object: false };
        assert!(unrecognised(&none).ends_with("nothing in it looks like one"));
    }

    #[test]
    fn a_closed_pipe_is_a_failure() {
        let closed = anyhow::Error::from(io::Error::from(ErrorKind::BrokenPipe));
        let error = printed(Err(closed), "acme/clockings").expect_err("the key is lost");
        assert!(error.downcast_ref::<io::Error>().is_none() && error.to_string().contains("is lost"));
    }
}
