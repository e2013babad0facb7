//! `verify`: whether an event is genuine, for scripts and for a person with a captured event.

use std::io::{self, Read as _};

use super::{client::Client, output};
use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(after_help = "The event's raw body is read from standard input. It uses the control socket.\n\n\
                        Exit codes: 0 valid, 1 not.\n\n\
                        Example: protime-webhookd verify acme/clockings --authorization \"$AUTHORIZATION\" <event.json")]
pub(super) struct Args {
    /// The webhook; NAME alone where only one tenant has it
    #[arg(value_name = "TENANT/NAME")]
    webhook: String,
    /// The event's Authorization header
    #[arg(long, value_name = "HEADER")]
    authorization: String,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let client = Client::control(&config.daemon.control_socket)?;
    let name = client.find(&args.webhook).await?;
    let mut body = Vec::new();
    io::stdin().read_to_end(&mut body)?;
    let version = client.verify(&format!("/v1/webhooks/{name}/verify"), &args.authorization, body).await?;
    output::print(&format!("valid, signed with key version {version}\n"))
}
