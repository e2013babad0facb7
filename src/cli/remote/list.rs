//! `remote list`: which webhooks Protime has, and which of them are configured here.

use std::{io, process::ExitCode};

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{access, show::Shown};
use crate::{
    cli::{
        failure::Failure,
        output,
        style::{Paint, Style, plain},
    },
    clock,
    config::{Config, Tenant},
    protime::{ApiError, TenantClient},
};

/// With fewer columns than this, a list reads better than a table.
const NARROW: u16 = 100;

#[derive(Debug, clap::Args)]
#[command(after_help = "The filter is Protime's, such as \"status eq 'Disabled'\".\n\n\
                  Exit codes: 0 every tenant answered; 1 one did not.\n\n\
                  Example: protime-webhookd remote list --tenant acme --json")]
pub(super) struct Args {
    /// Only this tenant
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// Only webhooks that Protime selects by this expression
    #[arg(long, value_name = "EXPR")]
    filter: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let tenants: Vec<&Tenant> = match &args.tenant {
        Some(name) => vec![access::tenant(config, name)?],
        None => config.tenants.iter().collect(),
    };
    if tenants.is_empty() {
        return Err(Failure::Usage("there is no one to ask: no tenant is configured".to_owned()).into());
    }
    let mut clients: Vec<(&Tenant, TenantClient)> = Vec::new();
    for tenant in tenants {
        clients.push((tenant, access::client(config, tenant, &[])?));
    }
    let filter = args.filter.as_deref();
    let answers = join_all(clients.iter().map(|(_, client)| client.list_webhooks_filtered(filter))).await;

    let mut webhooks: Vec<Shown> = Vec::new();
    let mut errors: Vec<(String, ApiError)> = Vec::new();
    let mut odd: Vec<(String, String)> = Vec::new();
    for ((tenant, _), answer) in clients.iter().zip(answers) {
        let name = &tenant.name;
        match answer {
            Ok(listed) => {
                webhooks.extend(listed.webhooks.iter().map(|webhook| Shown::new(tenant, webhook)));
                odd.extend(listed.odd.into_iter().map(|odd| (name.to_string(), odd.wrong)));
            }
            Err(error) => errors.push((name.to_string(), error)),
        }
    }
    if args.json {
        let errors: Value = errors
            .iter()
            .map(|(tenant, error)| json!({"tenant": tenant, "error": error.to_string()}))
            .collect();
        let odd: Value =
            odd.iter().map(|(tenant, problem)| json!({"tenant": tenant, "problem": problem})).collect();
        output::print_json(&json!({"webhooks": webhooks, "not_understood": odd, "errors": errors}))?;
    } else if errors.len() < clients.len() {
        output::print(&render(&webhooks, clock::now(), Style::of(&io::stdout())))?;
    }
    let style = Style::of(&io::stderr());
    for (tenant, problem) in &odd {
        let warning = format!("tenant '{tenant}': Protime's list is not as documented, {problem}");
        output::note(&style.warning(&warning))?;
    }
    for (tenant, error) in &errors {
        output::note(&format!("{} tenant '{tenant}': {error}", style.paint(Paint::Bad, "error:")))?;
    }
    Ok(ExitCode::from(u8::from(!errors.is_empty())))
}

fn render(webhooks: &[Shown], now: Timestamp, style: Style) -> String {
    if webhooks.is_empty() {
        return "Protime has no such webhook\n".to_owned();
    }
    if style.width.is_some_and(|width| width < NARROW) {
        let cards: Vec<String> = webhooks.iter().map(|webhook| webhook.card(now, style)).collect();
        return cards.join("\n");
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    match style.width {
        Some(width) => table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table.set_header(["configured as", "id", "status", "ends", "tenant", "collection", "destination"]);
    for webhook in webhooks {
        table.add_row([
            webhook.configured_as.clone().unwrap_or_else(|| "–".to_owned()),
            plain(&webhook.id),
            plain(&webhook.status),
            webhook.end(now),
            webhook.tenant.clone(),
            plain(&webhook.collection),
            plain(&webhook.destination_url),
        ]);
    }
    // What is copied is never broken.
    if let Some(column) = table.column_mut(1) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    format!("{}\n", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn webhook(id: &str, status: &str, configured_as: Option<&str>) -> Shown {
        Shown {
            tenant: "acme".to_owned(),
            id: id.to_owned(),
            collection: "clockings".to_owned(),
            destination_url: "https://x.example/\u{1b}[2Jhook".to_owned(),
            status: status.to_owned(),
            valid_until: Some(Timestamp::constant(1_800_003_600, 0)),
            external_references: Some(vec!["people,@badge-number".to_owned()]),
            configured_as: configured_as.map(str::to_owned),
        }
    }

    #[test]
    fn each_webhook_has_a_row_that_says_whether_it_is_configured() {
        let webhooks = [webhook("a7", "Enabled", Some("acme/clockings")), webhook("b8", "Disabled", None)];
        let now = Timestamp::constant(1_800_000_000, 0);
        let text = render(&webhooks, now, Style::default());
        let row = |id: &str| text.lines().find(|line| line.contains(id)).expect(id).to_owned();
        for part in ["acme/clockings", "Enabled", "in 1 h", "https://x.example/[2Jhook"] {
            assert!(row("a7").contains(part), "{part} in {text}");
        }
        assert!(row("b8").contains("│ –") && row("b8").contains("Disabled"), "{text}");
        let narrow = render(&webhooks, now, Style { colour: false, width: Some(40) });
        assert!(narrow.contains("a7  Enabled\n") && narrow.contains("not configured here"), "{narrow}");
        assert!(narrow.contains("references     people,@badge-number"), "{narrow}");
        assert_eq!(render(&[], now, Style::default()), "Protime has no such webhook\n");
    }
}
