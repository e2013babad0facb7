//! `remote`: straight to the Protime API, with the configuration's credentials and without the daemon.
//!
//! Laws: whatever kills a key or deletes a webhook that the daemon keeps says so first; a key that
//! Protime shows once is printed before anything else can fail; what Protime refuses is said in a
//! sentence. This and `check --online` are the only parts of the command line that know `protime`.

pub(super) mod access;
mod api;
mod create;
mod delete;
mod list;
mod show;

use std::process::ExitCode;

use clap::Subcommand;

use crate::config::Config;

#[derive(Debug, clap::Args)]
#[command(after_help = "The daemon is not needed, but its configuration and its secrets are.\n\n\
                        Example: protime-webhookd remote list")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the webhooks that Protime has, and which of them are configured
    List(list::Args),
    /// Show one webhook by Protime's id
    Get(show::Args),
    /// Create a configured webhook, or give it a new key, and print the key
    Create(create::Args),
    /// Delete a webhook by Protime's id
    Delete(delete::Args),
    /// Print the answer to any GET below the API's root
    Api(api::Args),
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    match args.command {
        Command::List(args) => return list::run(args, config).await,
        Command::Get(args) => show::run(args, config).await?,
        Command::Create(args) => create::run(args, config).await?,
        Command::Delete(args) => delete::run(args, config).await?,
        Command::Api(args) => api::run(args, config).await?,
    }
    Ok(ExitCode::SUCCESS)
}
