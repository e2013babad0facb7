//! `remote get`: one webhook as Protime has it; and how a webhook of Protime's looks.

use std::{fmt::Write as _, io};

use jiff::Timestamp;
use serde::Serialize;

use super::access::{self, One};
use crate::{
    cli::{
        moment, output,
        style::{Paint, Style, plain},
        target::full_name,
    },
    clock,
    config::{Config, Tenant},
    domain::webhook::RemoteWebhook,
};

const LABEL: usize = 14;

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 found; 1 Protime has no such webhook, or does not say.\n\n\
                        Example: protime-webhookd remote get acme a7d8f0c2 --json")]
pub(super) struct Args {
    #[command(flatten)]
    one: One,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) tenant: String,
    pub(super) id: String,
    pub(super) collection: String,
    pub(super) destination_url: String,
    pub(super) status: String,
    pub(super) valid_until: Option<Timestamp>,
    /// `collection,reference` each, if Protime says.
    pub(super) external_references: Option<Vec<String>>,
    pub(super) configured_as: Option<String>,
}

impl Shown {
    pub(super) fn new(tenant: &Tenant, webhook: &RemoteWebhook) -> Self {
        let references = webhook.references.as_ref();
        Self {
            tenant: tenant.name.to_string(),
            id: webhook.id.clone(),
            collection: webhook.pair.collection.clone(),
            destination_url: webhook.pair.destination_url.clone(),
            status: webhook.status.as_str().to_owned(),
            valid_until: webhook.valid_until,
            external_references: references.map(|all| all.iter().map(ToString::to_string).collect()),
            configured_as: access::of_pair(tenant, &webhook.pair).map(|found| full_name(&found)),
        }
    }

    pub(super) fn end(&self, now: Timestamp) -> String {
        self.valid_until.map_or_else(|| "–".to_owned(), |at| moment::expiry(now, at))
    }

    pub(super) fn card(&self, now: Timestamp, style: Style) -> String {
        let end =
            self.valid_until.map_or_else(|| "Protime does not say".to_owned(), |at| moment::end(now, at));
        let references = match self.external_references.as_deref() {
            None => "Protime does not say".to_owned(),
            Some([]) => "none".to_owned(),
            Some(all) => plain(&all.join(" ")),
        };
        let configured = self.configured_as.clone().unwrap_or_else(|| "not configured here".to_owned());
        let paint = if self.status == "Enabled" { Paint::Good } else { Paint::Bad };
        let (id, status) = (style.paint(Paint::Strong, &plain(&self.id)), plain(&self.status));
        let mut text = format!("{id}  {}\n", style.paint(paint, &status));
        for (label, value) in [
            ("tenant", self.tenant.clone()),
            ("collection", plain(&self.collection)),
            ("destination", plain(&self.destination_url)),
            ("references", references),
            ("valid until", end),
            ("configured as", configured),
        ] {
            let label = style.paint(Paint::Faint, &format!("{label:<LABEL$}"));
            let _ = writeln!(text, "  {label} {value}");
        }
        text
    }
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<()> {
    let tenant = access::tenant(config, &args.one.tenant)?;
    let webhook = access::client(config, tenant, &[])?.get_webhook(&args.one.id).await?;
    let shown = Shown::new(tenant, &webhook);
    if args.json {
        return output::print_json(&serde_json::to_value(&shown)?);
    }
    output::print(&shown.card(clock::now(), Style::of(&io::stdout())))
}
