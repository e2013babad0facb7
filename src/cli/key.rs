//! `key`: the private key itself, for anyone who may use the control socket.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
};

use clap::Subcommand;
use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{client::Client, failure::Failure, output, remote::access::configured, target};
use crate::{
    config::Config,
    domain::{
        key::{WebhookKey, imported},
        task::wiped_json,
        webhook::WebhookPath,
    },
    service::{self, Imported},
};

/// More than any key has; what is longer is not read.
const LONGEST_INPUT: u64 = 64 * 1024;

const UTF_8_MARK: &[u8] = "\u{feff}".as_bytes();

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
    /// Adopt a webhook whose key you already hold, without rotating it
    #[command(
        after_help = "The key is read from standard input, so that it stands in no argument. Where the daemon \
                            does not run, it is kept for its next start: run this as the user that the daemon runs \
                            as. A key that is not the right one cannot be told from the right one: events do not \
                            match then, and 'renew' gets a new key.\n\n\
                            Example: protime-webhookd key import acme/clockings <old-receiver.key"
    )]
    Import {
        /// The webhook; NAME alone where only one tenant has it
        #[arg(value_name = "TENANT/NAME")]
        webhook: String,
    },
}

#[derive(Deserialize)]
struct Answer {
    key: String,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    match args.command {
        Command::Show { webhook } => show(&webhook, config).await,
        Command::Import { webhook } => import(&webhook, config).await,
    }
}

async fn show(webhook: &str, config: &Config) -> anyhow::Result<()> {
    let client = Client::control(&config.daemon.control_socket)?;
    let path = format!("/v1/webhooks/{}/key", client.find(webhook).await?);
    let key = Zeroizing::new(client.get::<Answer>(&path).await?.key);
    output::print(&Zeroizing::new(format!("{}\n", *key)))
}

/// Asks the daemon; where none runs, the key goes straight into the database.
async fn import(webhook: &str, config: &Config) -> anyhow::Result<()> {
    let client = Client::control(&config.daemon.control_socket)?;
    let (name, version, where_to) = match client.find(webhook).await {
        Ok(name) => {
            let key = key_from_stdin()?;
            let import = wiped_json(&BTreeMap::from([("key", key.expose())]), key.expose().len());
            let path = format!("/v1/webhooks/{name}/key");
            (name, client.post_json::<Value>(&path, &import).await?["version"].clone(), "")
        }
        Err(error) if matches!(error.downcast_ref(), Some(Failure::NotRunning(_))) => {
            let configured = configured(config);
            let path = target::find(webhook, &configured)?.path();
            let version = import_alone(config, &path, key_from_stdin()?).await?;
            (path.to_string(), version.into(), "; the daemon does not run, and uses it when it starts")
        }
        Err(error) => return Err(error),
    };
    output::print(&format!("the key is version {version} of {name}{where_to}\n"))
}

async fn import_alone(config: &Config, path: &WebhookPath, key: WebhookKey) -> anyhow::Result<u64> {
    match service::import_key(config, path, key).await {
        Ok(Imported::New { version } | Imported::Same { version }) => Ok(version),
        Ok(Imported::PostInFlight) => anyhow::bail!(
            "the daemon ended in the middle of a POST for '{path}', so this key may be dead: start the daemon, which \
             finds out, and import the key only if it is still needed"
        ),
        Err(error) if error.is_locked() => Err(Failure::Unreachable(format!(
            "{error}\nthe daemon is starting or stopping, or has other sockets than this configuration says: try again"
        ))
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// The key as it was written, without the byte order mark before it and the line end behind it.
fn key_from_stdin() -> anyhow::Result<WebhookKey> {
    // Room for everything from the start: growing would leave copies behind.
    let capacity = usize::try_from(LONGEST_INPUT).unwrap_or_default() + 2;
    let mut input = Zeroizing::new(Vec::with_capacity(capacity));
    io::stdin().lock().take(LONGEST_INPUT).read_to_end(&mut input)?;
    let wrong = |why: &str| {
        Failure::Usage(format!(
            "there is no key on standard input: {why}; write it there as Protime showed it"
        ))
    };
    // Of a text file, as the line end is: editors put it before what they save.
    let bytes = input.strip_prefix(UTF_8_MARK).unwrap_or(&input);
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("what is there is not text in UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned());
    Ok(imported(text).map_err(|error| wrong(&error.to_string()))?)
}
