//! `status`: how the webhooks are doing, for a person or as JSON.

mod card;
mod overview;
mod said;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    client::Client,
    failure::Failure,
    moment, output,
    sockets::Sockets,
    style::{Paint, Style, is_dumb, plain},
    target, watch,
};
use crate::{
    clock,
    domain::report::{Health, KeySink, OpenRenewal, Problem, State, Status, Webhook, Webhooks},
};
pub(super) use overview::headline;

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

/// Everything that the daemon says.
#[derive(Debug)]
pub(super) struct View {
    /// `GET /v1/status`
    pub(super) status: Status,
    /// `GET /v1/webhooks`
    pub(super) webhooks: Vec<Webhook>,
    /// `GET /v1/health`
    pub(super) health: Health,
}

pub(super) async fn run(args: Args, sockets: &Sockets) -> anyhow::Result<ExitCode> {
    if args.watch {
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
            let message = "--watch needs a terminal; without one use 'status' or 'status --json'";
            return Err(Failure::Usage(message.to_owned()).into());
        }
        if is_dumb() {
            let message = "--watch needs a terminal that can be painted, and TERM says 'dumb'; use 'status', or set TERM";
            return Err(Failure::Usage(message.to_owned()).into());
        }
        return watch::run(args.webhook.as_deref(), sockets).await;
    }
    let client = Client::status(&sockets.status)?;
    match args.webhook {
        Some(webhook) => one(&client, &webhook, args.json).await,
        None => everything(&client, args.json, args.all).await,
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

/// Whether a problem is one of this webhook, of its tenant or of the whole daemon.
fn concerns(problem: &Problem, webhook: &Webhook) -> bool {
    match (&problem.webhook, &problem.tenant) {
        (Some(name), _) => *name == target::full_name(webhook),
        (None, Some(tenant)) => *tenant == webhook.tenant,
        (None, None) => true,
    }
}

/// The sign of a state, so that colour is not all that tells them apart.
pub(super) fn sign(state: State) -> char {
    match state {
        State::Pending => '○',
        State::Active => '●',
        State::Renewing => '◐',
        State::Retrying => '▲',
        State::Blocked => '■',
        State::Contended => '◆',
    }
}

fn signed(state: State) -> String {
    format!("{} {}", sign(state), state.as_str())
}

/// How a state looks.
pub(super) fn paint_of(state: State) -> Paint {
    match state {
        State::Pending => Paint::Faint,
        State::Active => Paint::Good,
        State::Renewing => Paint::Busy,
        State::Retrying => Paint::Doubtful,
        State::Blocked | State::Contended => Paint::Bad,
    }
}

/// When a webhook ends at Protime, or what else Protime says of it.
pub(super) fn expires(webhook: &Webhook, now: Timestamp) -> String {
    match &webhook.remote {
        None if is_unknown(webhook) => "not known yet".to_owned(),
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

/// Whether Protime was never asked for it: then nobody can say whether it is there.
fn is_unknown(webhook: &Webhook) -> bool {
    webhook.remote.is_none()
        && (webhook.state == State::Pending
            || webhook.last_error.as_ref().is_some_and(|error| error.step == "poll"))
}

/// A renewal under way.
pub(super) fn under_way(renewal: &OpenRenewal) -> String {
    let attempt = match renewal.attempt {
        ..=1 => String::new(),
        attempt => format!(", attempt {attempt}"),
    };
    let progress = renewal.progress.as_ref().map(|progress| {
        format!(", {} and {} so far", counted(progress.objects, "object"), counted(progress.pages, "page"))
    });
    format!(
        "{} (#{}) at {}{attempt}{}",
        plain(&renewal.reason),
        renewal.id,
        plain(&renewal.step),
        progress.unwrap_or_default()
    )
}

/// A number of things.
fn counted(count: u64, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// What is wrong with a webhook: what `health` says, or else its last error.
pub(super) fn problems(webhook: &Webhook, view: &View, now: Timestamp) -> Vec<String> {
    let name = target::full_name(webhook);
    let mut found: Vec<String> = view
        .health
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
            found.push(format!("next try {}", moment::due(now, at)));
        }
    }
    for sink in &webhook.key_sinks {
        let told =
            |error: &String| found.iter().any(|problem| problem.contains(plain(error).trim_end_matches('.')));
        if !sink.last_error.as_ref().is_some_and(told) {
            found.extend(failing(sink, now));
        }
    }
    found
}

/// What is wrong with a key sink that does not take the key.
fn failing(sink: &KeySink, now: Timestamp) -> Option<String> {
    let error = plain(sink.last_error.as_ref()?);
    let retry = sink.retry_at.map(|at| format!("; next try {}", moment::due(now, at))).unwrap_or_default();
    Some(format!("key sink {}: {error}{retry}", plain(&sink.sink)))
}

#[cfg(test)]
mod tests;
