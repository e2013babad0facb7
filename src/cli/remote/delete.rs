//! `remote delete`: a webhook away from Protime, by its id.

use super::access::{self, One, agreed};
use crate::{
    cli::{failure::Failure, output, style::plain, target::full_name},
    config::Config,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A webhook that is configured comes back: the daemon creates it again, with another key and after a resync. \
                  To be rid of it, take it out of the configuration first.\n\n\
                  Exit codes: 0 deleted; 1 Protime has no such webhook, or refuses; 2 it is configured, and the \
                  answer was no.\n\n\
                  Example: protime-webhookd remote delete acme a7d8f0c2"
)]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// Delete it without asking although it is configured; a script is not asked
    #[arg(long)]
    yes: bool,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let One { tenant, id } = &args.one;
    let tenant = access::tenant(config, tenant)?;
    let client = access::client(config, tenant, &[])?;
    let webhook = client.get_webhook(id).await?;
    if let Some(configured) = access::of_pair(tenant, &webhook.pair) {
        let warning = format!(
            "it is configured as {}: the daemon will create it again; to be rid of it, take it out of {} first",
            full_name(&configured),
            config.file.display()
        );
        if !agreed(&warning, "delete it all the same?", args.yes)? {
            return Err(Failure::Usage("it was not deleted".to_owned()).into());
        }
    }
    client.delete_webhook(id).await?;
    output::print(&format!(
        "deleted at Protime: {} ({} to {})\n",
        plain(&webhook.id),
        plain(&webhook.pair.collection),
        plain(&webhook.pair.destination_url)
    ))
}
