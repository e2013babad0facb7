//! `status`: how the webhooks are doing, for a person or as JSON.

mod card;
mod table;

use std::{io, process::ExitCode};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    client::Client,
    moment, output,
    style::{Paint, Style, plain},
    target,
};
use crate::{
    clock,
    config::Config,
    domain::report::{Health, OpenRenewal, Problem, State, Status, Webhook, Webhooks},
};

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit code 1 says that something is not healthy.\n\
    --json prints {\"daemon\": …, \"tenants\": […], \"webhooks\": […], \"health\": {…}}, \
    or for one webhook what GET /v1/webhooks/TENANT/NAME answers.\n\n\
    Example: protime-webhookd status acme/clockings")]
pub(super) struct Args {
    /// Show this webhook in detail; NAME alone where only one tenant has it
    #[arg(value_name = "TENANT/NAME")]
    webhook: Option<String>,
    /// Print JSON as the daemon's socket answers it
    #[arg(long)]
    json: bool,
}

/// Everything that the daemon says.
struct View {
    status: Status,
    webhooks: Vec<Webhook>,
    health: Health,
}

pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    let client = Client::status(&config.daemon)?;
    match args.webhook {
        Some(webhook) => one(&client, &webhook, args.json).await,
        None => all(&client, args.json).await,
    }
}

async fn one(client: &Client, text: &str, json: bool) -> anyhow::Result<ExitCode> {
    let webhooks = client.webhooks().await?;
    let name = target::full_name(target::find(text, &webhooks)?);
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

async fn all(client: &Client, json: bool) -> anyhow::Result<ExitCode> {
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
    output::print(&table::render(&view, clock::now(), Style::of(&io::stdout())))?;
    Ok(exit(view.health.healthy))
}

fn exit(healthy: bool) -> ExitCode {
    ExitCode::from(u8::from(!healthy))
}

/// Whether a problem is one of this webhook, of its tenant or of the whole daemon.
fn concerns(problem: &Problem, webhook: &Webhook) -> bool {
    match (&problem.webhook, &problem.tenant) {
        (Some(name), _) => *name == target::full_name(webhook),
        (None, Some(tenant)) => *tenant == webhook.tenant,
        (None, None) => true,
    }
}

/// A state with a sign of its own, so that colour is not all that tells them apart.
fn signed(state: State) -> String {
    let sign = match state {
        State::Pending => '○',
        State::Active => '●',
        State::Renewing => '◐',
        State::Retrying => '▲',
        State::Blocked => '■',
        State::Contended => '◆',
    };
    format!("{sign} {}", state.as_str())
}

fn paint_of(state: State) -> Paint {
    match state {
        State::Pending => Paint::Faint,
        State::Active => Paint::Good,
        State::Renewing => Paint::Busy,
        State::Retrying => Paint::Doubtful,
        State::Blocked | State::Contended => Paint::Bad,
    }
}

/// When a webhook ends at Protime, or what else Protime says of it.
fn expires(webhook: &Webhook, now: Timestamp) -> String {
    match &webhook.remote {
        None => "not at Protime".to_owned(),
        Some(remote) => {
            let expiry = remote.valid_until.map_or_else(|| "?".to_owned(), |at| moment::expiry(now, at));
            match remote.status.as_str() {
                "Enabled" => expiry,
                other => format!("{}, {expiry}", plain(other)),
            }
        }
    }
}

/// A renewal under way.
fn under_way(renewal: &OpenRenewal) -> String {
    let attempt = match renewal.attempt {
        ..=1 => String::new(),
        attempt => format!(", attempt {attempt}"),
    };
    format!("{} (#{}) at {}{attempt}", plain(&renewal.reason), renewal.id, plain(&renewal.step))
}

/// What is wrong with a webhook: what `health` says, or else its last error.
fn problems(webhook: &Webhook, health: &Health, now: Timestamp) -> Vec<String> {
    let name = target::full_name(webhook);
    let mut found: Vec<String> = health
        .problems
        .iter()
        .filter(|problem| problem.webhook.as_ref() == Some(&name))
        .map(|problem| plain(&problem.problem))
        .collect();
    if let Some(error) = &webhook.last_error {
        if found.is_empty() {
            found.push(format!("{}: {}", plain(&error.step), plain(&error.message)));
        }
        if let Some(at) = error.retry_at {
            found.push(format!("next try {}", moment::relative(now, at)));
        }
    }
    found
}

#[cfg(test)]
mod tests;
