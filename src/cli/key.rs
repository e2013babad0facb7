//! `key`: the private key itself, for whoever may use the control socket.

use std::process::ExitCode;

use clap::Subcommand;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{client::Client, output, target};
use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example: protime-webhookd key show acme/clockings")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the current key and nothing else
    #[command(after_help = "It uses the control socket: its permissions decide who may.\n\n\
                            Example: protime-webhookd key show acme/clockings")]
    Show {
        /// The webhook; NAME alone where only one tenant has it
        #[arg(value_name = "TENANT/NAME")]
        webhook: String,
    },
}

#[derive(Deserialize)]
struct Answer {
    key: String,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let Command::Show { webhook } = args.command;
    let client = Client::control(&config.daemon.control_socket)?;
    let webhooks = client.webhooks().await?;
    let webhook = target::find(&webhook, &webhooks)?;
    let path = format!("/v1/webhooks/{}/key", target::full_name(webhook));
    let key = Zeroizing::new(client.get::<Answer>(&path).await?.key);
    output::print(&Zeroizing::new(format!("{}\n", *key)))?;
    Ok(ExitCode::SUCCESS)
}
