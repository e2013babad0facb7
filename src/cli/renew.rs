//! `renew`: a renewal now, and if asked for its progress until it succeeded or first failed.

mod watch;

use std::{io, process::ExitCode, time::Duration};

use serde::Deserialize;

use super::{
    client::Client,
    failure::Failure,
    output,
    style::{Paint, Style},
    target,
};
use crate::{
    clock,
    config::Config,
    domain::report::{History, Renewal, Webhook},
};
use watch::{Verdict, Watch};

const LOOK: Duration = Duration::from_millis(250);

#[derive(Debug, clap::Args)]
#[command(after_help = "Where a renewal runs already, that one is meant.\n\
    With --wait the exit code is 0 once it succeeded, and 1 as soon as it first fails; the daemon goes on trying.\n\n\
    Example: protime-webhookd renew acme/clockings --wait")]
pub(super) struct Args {
    /// The webhook; NAME alone where only one tenant has it
    #[arg(value_name = "TENANT/NAME", required_unless_present = "all", conflicts_with = "all")]
    webhook: Option<String>,
    /// Renew every webhook
    #[arg(long)]
    all: bool,
    /// Wait for the end, and tell of every step on standard error
    #[arg(long)]
    wait: bool,
}

#[derive(Deserialize)]
struct Accepted {
    renewal_id: i64,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let client = Client::control(&config.daemon.control_socket)?;
    let webhooks = client.webhooks().await?;
    let chosen: Vec<&Webhook> = match &args.webhook {
        Some(text) => vec![target::find(text, &webhooks)?],
        None => webhooks.iter().collect(),
    };
    if chosen.is_empty() {
        return Err(Failure::Usage("there is nothing to renew: no webhook is configured".to_owned()).into());
    }
    let mut watches = Vec::new();
    for webhook in chosen {
        let name = target::full_name(webhook);
        // What an attempt before this moment met is not what this command waits for.
        let before = match &webhook.renewal {
            Some(open) => renewal(&client, &name, open.id).await?,
            None => None,
        };
        let Accepted { renewal_id } = client.post(&format!("/v1/webhooks/{name}/renew")).await?;
        if !args.wait {
            output::print(&format!("{name}: renewal #{renewal_id}\n"))?;
        }
        watches.push(Watch::new(webhook, renewal_id, before.as_ref()));
    }
    if args.wait { wait(&client, watches).await } else { Ok(ExitCode::SUCCESS) }
}

async fn wait(client: &Client, mut watches: Vec<Watch>) -> anyhow::Result<ExitCode> {
    let style = Style::of(&io::stderr());
    let mut failed = false;
    while !watches.is_empty() {
        let mut open = Vec::new();
        for mut watch in watches {
            // In this order: what the webhook says is never older than what the history says.
            let renewal = renewal(client, &watch.name, watch.id).await?;
            let webhook: Webhook = client.get(&format!("/v1/webhooks/{}", watch.name)).await?;
            let (lines, verdict) = watch.look(renewal.as_ref(), &webhook, clock::now());
            for line in lines {
                output::note(&format!("{}: {line}", watch.name))?;
            }
            let (paint, word, why) = match verdict {
                Verdict::Open => {
                    open.push(watch);
                    continue;
                }
                Verdict::Succeeded => (Paint::Good, "succeeded", String::new()),
                Verdict::Postponed(why) => (Paint::Doubtful, "postponed", format!(": {why}")),
                Verdict::Failed(why) => (Paint::Bad, "failed", format!(": {why}")),
            };
            failed |= paint != Paint::Good;
            let word = style.paint(paint, word);
            output::note(&format!("{}: renewal #{} {word}{why}", watch.name, watch.id))?;
        }
        watches = open;
        if !watches.is_empty() {
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(ExitCode::from(u8::from(failed)))
}

async fn renewal(client: &Client, name: &str, id: i64) -> anyhow::Result<Option<Renewal>> {
    let history: History = client.get(&format!("/v1/webhooks/{name}/history")).await?;
    Ok(history.renewals.into_iter().find(|renewal| renewal.id == id))
}
