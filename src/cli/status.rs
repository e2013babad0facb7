//! `status`: how the webhooks are doing, for a person or as JSON.

mod card;
mod overview;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use serde_json::{Value, json};

use super::{
    client::Client,
    failure::Failure,
    output,
    sockets::Sockets,
    style::{Style, is_dumb},
    target,
    view::View,
    watch,
};
use crate::{
    clock,
    domain::report::{Health, Problem, Webhook, Webhooks},
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all is well; 1 something is not healthy; 2 no such webhook; 3 the daemon does not answer; 78 the configuration is wrong.\n\
    The first line is the whole answer. At a terminal, many healthy webhooks are counted; a pipe gets a line each.\n\
    --json prints {\"daemon\": …, \"tenants\": […], \"webhooks\": […], \"health\": {…}}, \
    or for one webhook what GET /v1/webhooks/TENANT/NAME answers.\n\n\
    Example: protime-webhookd status acme/clockings"
)]
pub(super) struct Args {
    /// Show this webhook in detail; NAME alone where only one tenant has it
    #[arg(value_name = "TENANT/NAME")]
    webhook: Option<String>,
    /// Print JSON as the daemon's socket answers it
    #[arg(long)]
    json: bool,
    /// Show every webhook, however many are healthy
    #[arg(long, conflicts_with_all = ["webhook", "json"])]
    all: bool,
    /// Show a live screen, in which webhooks can be renewed; '?' explains its keys
    #[arg(long, conflicts_with_all = ["json", "all"])]
    watch: bool,
}

pub(super) async fn run(args: Args, sockets: &Sockets) -> anyhow::Result<ExitCode> {
    if args.watch {
        let missing = if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            "--watch needs a terminal; without one use 'status' or 'status --json'"
        } else if is_dumb() {
            "--watch needs a terminal that can be painted, and TERM says 'dumb'; use 'status', or set TERM"
        } else {
            return watch::run(args.webhook.as_deref(), sockets).await;
        };
        return Err(Failure::Usage(missing.to_owned()).into());
    }
    let client = Client::status(&sockets.status)?;
    match args.webhook {
        Some(webhook) => one(&client, &webhook, args.json).await,
        None => everything(&client, args.json, args.all).await,
    }
}

async fn one(client: &Client, text: &str, json: bool) -> anyhow::Result<ExitCode> {
    let name = client.find(text).await?;
    let answer: Value = client.get(&format!("/v1/webhooks/{name}")).await?;
    let health: Health = client.get("/v1/health").await?;
    let webhook: Webhook = serde_json::from_value(answer.clone())?;
    let problems: Vec<&Problem> =
        health.problems.iter().filter(|problem| concerns(problem, &webhook)).collect();
    if json {
        output::print_json(&answer)?;
    } else {
        output::print(&card::render(&webhook, &problems, clock::now(), Style::of(&io::stdout())))?;
    }
    Ok(exit(problems.is_empty()))
}

async fn everything(client: &Client, json: bool, all: bool) -> anyhow::Result<ExitCode> {
    let health: Value = client.get("/v1/health").await?;
    let status: Value = client.get("/v1/status").await?;
    let webhooks: Value = client.get("/v1/webhooks").await?;
    if json {
        let healthy = health["healthy"].as_bool() == Some(true);
        output::print_json(&json!({
            "daemon": status["daemon"],
            "tenants": status["tenants"],
            "webhooks": webhooks["webhooks"],
            "health": health,
        }))?;
        return Ok(exit(healthy));
    }
    let view = View {
        status: serde_json::from_value(status)?,
        webhooks: serde_json::from_value::<Webhooks>(webhooks)?.webhooks,
        health: serde_json::from_value(health)?,
    };
    output::print(&overview::render(&view, clock::now(), Style::of(&io::stdout()), all))?;
    Ok(exit(view.health.healthy))
}

fn exit(healthy: bool) -> ExitCode {
    ExitCode::from(u8::from(!healthy))
}

fn concerns(problem: &Problem, webhook: &Webhook) -> bool {
    match (&problem.webhook, &problem.tenant) {
        (Some(name), _) => *name == target::full_name(webhook),
        (None, Some(tenant)) => *tenant == webhook.tenant,
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests;
