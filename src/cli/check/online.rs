//! `check --online`: what Protime says to this configuration. Nothing is changed there.

use std::{fmt::Write as _, io, process::ExitCode};

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use reqwest::Url;

use crate::{
    cli::{
        moment, output,
        remote::access::{client, of_pair},
        style::{Paint, Style, plain},
    },
    clock,
    config::{Config, Tenant, Webhook},
    domain::{
        collection,
        webhook::{ExternalReference, RemoteStatus, RemoteWebhook},
    },
    protime::{ApiError, List, Odd, ReadingError, TenantClient, normalized, wanted_scopes},
    text::counted,
};

const TOO_FAR: SignedDuration = SignedDuration::from_secs(30);

struct Answer<'c> {
    tenant: &'c Tenant,
    token_until: Option<Timestamp>,
    granted: Option<Vec<String>>,
    missing: Vec<String>,
    skew: Option<SignedDuration>,
    listed: Result<List, ApiError>,
    unreadable: Vec<(&'c str, ApiError)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Good,
    /// What the daemon fixes by itself, such as a webhook that is not there yet.
    Note,
    Wrong,
}

pub(super) async fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let mut clients = Vec::new();
    for tenant in &config.tenants {
        clients.push((tenant, client(config, tenant, &[])?));
    }
    // Every tenant is asked at once, and one that fails hides nothing of the others.
    let answers = join_all(clients.iter().map(|(tenant, client)| ask(tenant, client))).await;
    let (style, now) = (Style::of(&io::stdout()), clock::now());
    let mut text = String::new();
    let mut wrong = 0;
    for answer in &answers {
        let lines = judge(answer, now);
        wrong += lines.iter().filter(|(mark, _)| *mark == Mark::Wrong).count();
        text.push_str(&render(answer.tenant, &lines, style));
    }
    let are = if wrong == 1 { "is" } else { "are" };
    let verdict = match wrong {
        0 => style.paint(Paint::Good, "Protime agrees with the configuration"),
        _ => style.paint(Paint::Bad, &format!("{} {are} wrong at Protime", counted(wrong, "thing"))),
    };
    output::print(&format!("{text}\n{verdict}\n"))?;
    Ok(ExitCode::from(u8::from(wrong > 0)))
}

async fn ask<'c>(tenant: &'c Tenant, client: &TenantClient) -> Answer<'c> {
    let listed = client.list_webhooks().await;
    let mut unreadable = Vec::new();
    for collection in tenant.collections_read() {
        if let Err(error) = try_to_read(client, collection).await {
            unreadable.push((collection, error));
        }
    }
    Answer {
        tenant,
        token_until: client.token_expires_at(),
        granted: client.granted_scopes(),
        missing: client.missing_scopes(),
        skew: client.clock_skew(),
        listed,
        unreadable,
    }
}

/// Whether Protime refuses a webhook for some other collection, only a POST could tell. Some collections
/// demand a filter: to be asked for one is to be let in.
async fn try_to_read(client: &TenantClient, collection: &str) -> Result<(), ApiError> {
    match client.read_path(collection).await {
        Ok(reading) => match reading.refusal.filter(|refusal| refusal.status() != Some(400)) {
            Some(refusal) => Err(refusal),
            None => Ok(()),
        },
        Err(ReadingError::Api(error)) => Err(error),
        Err(ReadingError::Path(wrong)) => Err(ApiError::NeedsOperator { message: wrong, status: None }),
    }
}

fn render(tenant: &Tenant, lines: &[(Mark, String)], style: Style) -> String {
    let mut text = format!("\ntenant {}\n", style.paint(Paint::Strong, tenant.name.as_str()));
    for (mark, line) in lines {
        let sign = match mark {
            Mark::Good => style.paint(Paint::Good, "✓"),
            Mark::Note => style.paint(Paint::Doubtful, "!"),
            Mark::Wrong => style.paint(Paint::Bad, "✗"),
        };
        let _ = writeln!(text, "  {sign} {line}");
    }
    text
}

fn judge(answer: &Answer<'_>, now: Timestamp) -> Vec<(Mark, String)> {
    let mut lines = Vec::new();
    if let (Err(error), None) = (&answer.listed, answer.token_until) {
        return vec![(Mark::Wrong, format!("token: {error}"))];
    }
    let until = valid_until(now, answer.token_until);
    lines.push((Mark::Good, format!("token: granted to client '{}'{until}", answer.tenant.client_id)));
    lines.extend(scopes(answer));
    if let Some(skew) = answer.skew.filter(|skew| skew.abs() > TOO_FAR) {
        let seconds = skew.abs().as_secs();
        let text =
            format!("clock: this machine's and Protime's differ by {seconds} s; check the time service here");
        lines.push((Mark::Note, text));
    }
    for (collection, error) in &answer.unreadable {
        lines.push((Mark::Wrong, format!("collection '{collection}' cannot be read: {error}")));
    }
    match &answer.listed {
        Err(error) => lines.push((Mark::Wrong, format!("list: {error}"))),
        Ok(List { webhooks: listed, odd }) => {
            lines.push((Mark::Good, format!("list: {} at Protime", counted(listed.len(), "webhook"))));
            lines.extend(answer.tenant.webhooks.iter().map(|webhook| found(webhook, listed, now)));
            lines.extend(odd.iter().map(|odd| strange_entry(answer.tenant, odd)));
            lines.extend(strangers(answer.tenant, listed));
        }
    }
    lines
}

fn valid_until(now: Timestamp, at: Option<Timestamp>) -> String {
    at.map(|at| format!(", valid until {}", moment::end(now, at))).unwrap_or_default()
}

/// Granted against wanted. What is missing is said with what it is needed for.
fn scopes(answer: &Answer<'_>) -> Vec<(Mark, String)> {
    let tenant = answer.tenant;
    let wanted = wanted_scopes(&tenant.collections_read(), &tenant.scopes).join(", ");
    let explained = |missing: &String| {
        let (client, purpose) = (&tenant.client_id, purpose(tenant, missing));
        let text =
            format!("scope {missing} is missing, so {purpose}; ask Protime to grant it to client '{client}'");
        (Mark::Wrong, text)
    };
    match &answer.granted {
        _ if !answer.missing.is_empty() => answer.missing.iter().map(explained).collect(),
        None => {
            let text = format!("scopes: Protime does not say which it granted; needed are {wanted}");
            vec![(Mark::Note, text)]
        }
        Some(_) => vec![(Mark::Good, format!("scopes: {wanted}"))],
    }
}

fn purpose(tenant: &Tenant, missing: &str) -> String {
    let read = tenant.collections_read();
    let collection = read.into_iter().find(|collection| collection::scope(collection) == missing);
    match (missing.strip_prefix("connector-protimeapi-"), collection) {
        (Some("webhooks.read"), _) => "webhooks cannot be listed".to_owned(),
        (Some("webhooks.write"), _) => "webhooks cannot be created, renewed or deleted".to_owned(),
        (_, Some(collection)) => format!("collection '{collection}' cannot be read, which a resync does"),
        (_, None) => "what the tenant's `scopes` asks for is not granted".to_owned(),
    }
}

fn found(webhook: &Webhook, listed: &[RemoteWebhook], now: Timestamp) -> (Mark, String) {
    let name = &webhook.name;
    let wanted = normalized(&webhook.pair);
    let rank = |one: &&RemoteWebhook| (one.status == RemoteStatus::Enabled, one.valid_until);
    let ours = listed.iter().filter(|one| normalized(&one.pair) == wanted).max_by_key(rank);
    let Some(ours) = ours else {
        return (Mark::Note, format!("{name}: not at Protime; the daemon creates it"));
    };
    let end = valid_until(now, ours.valid_until);
    let status = plain(ours.status.as_str());
    let wanted = ExternalReference::all(&webhook.external_references);
    let has = |theirs: &[_]| ExternalReference::are_the_same(&ExternalReference::all(theirs), &wanted);
    let is_over = ours.valid_until.is_some_and(|at| at <= now);
    match &ours.status {
        RemoteStatus::Enabled if !is_over => match &ours.references {
            Some(theirs) if !has(theirs) => {
                let theirs = plain(&ExternalReference::all(theirs));
                let text = format!(
                    "{name}: {status}{end}, with other external references ({}); if the daemon knows no better, it \
                     deletes the webhook and creates it again",
                    if theirs.is_empty() { "none" } else { &theirs }
                );
                (Mark::Note, text)
            }
            _ => (Mark::Good, format!("{name}: {status}{end}")),
        },
        RemoteStatus::Other(_) if !is_over => {
            (Mark::Note, format!("{name}: Protime says '{status}' of it{end}"))
        }
        _ => (Mark::Wrong, format!("{name}: {status}{end}: it delivers nothing before the daemon renews it")),
    }
}

/// An entry that is not as documented: the daemon leaves it out, unless it is of a configured webhook.
fn strange_entry(tenant: &Tenant, odd: &Odd) -> (Mark, String) {
    match tenant.webhooks.iter().find(|webhook| odd.is(&webhook.pair, &[], true)) {
        Some(webhook) => (Mark::Wrong, format!("{}: {}", webhook.name, odd.as_error("this webhook"))),
        None => {
            (Mark::Note, format!("list: {}; it is not of a configured webhook, and is left out", odd.wrong))
        }
    }
}

/// Webhooks that no one configured and that go to the same host: left over, or someone else's.
fn strangers(tenant: &Tenant, listed: &[RemoteWebhook]) -> Vec<(Mark, String)> {
    let host = |url: &str| Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    let ours: Vec<String> =
        tenant.webhooks.iter().filter_map(|webhook| host(&webhook.pair.destination_url)).collect();
    let strange = |webhook: &&RemoteWebhook| {
        let same_host = host(&webhook.pair.destination_url).is_some_and(|host| ours.contains(&host));
        same_host && of_pair(tenant, &webhook.pair).is_none()
    };
    let told = |webhook: &RemoteWebhook| {
        let text = format!(
            "not configured, and goes to the same host: {} ({} to {}, {}); if no one needs it, 'protime-webhookd remote \
             delete {} ID' with this id removes it",
            plain(&webhook.id),
            plain(&webhook.pair.collection),
            plain(&webhook.pair.destination_url),
            plain(webhook.status.as_str()),
            tenant.name,
        );
        (Mark::Note, text)
    };
    listed.iter().filter(strange).map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::tests::tenant, domain::webhook::Pair};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn remote(collection: &str, status: &str, seconds: i64) -> RemoteWebhook {
        RemoteWebhook {
            id: format!("id-{collection}"),
            pair: Pair {
                destination_url: "https://EXAMPLE.com".to_owned(),
                collection: collection.to_owned(),
            },
            status: RemoteStatus::from(status.to_owned()),
            valid_until: Timestamp::from_second(NOW.as_second() + seconds).ok(),
            local_end: false,
            references: None,
        }
    }

    fn answer(tenant: &Tenant, listed: Vec<RemoteWebhook>) -> Answer<'_> {
        let needed = wanted_scopes(&[], &[]);
        let token_until = Some(NOW);
        Answer {
            tenant,
            token_until,
            granted: Some(needed),
            missing: Vec::new(),
            skew: None,
            listed: Ok(List { webhooks: listed, odd: Vec::new() }),
            unreadable: Vec::new(),
        }
    }

    #[test]
    fn every_configured_pair_is_judged() {
        let tenant = tenant("acme", &["people", "clockings", "absences", "breaks", "counters"]);
        let listed = vec![
            remote("people", "Enabled", 60),
            remote("clockings", "Disabled", 60),
            remote("absences", "Enabled", -60),
            remote("breaks", "Uninitialized", 60),
            remote("contracts", "Enabled", 60),
        ];
        let lines = judge(&answer(&tenant, listed), NOW);
        let mark = |start: &str| {
            let found = lines.iter().find(|(_, line)| line.starts_with(start));
            found.unwrap_or_else(|| panic!("no {start} in {lines:#?}")).0
        };
        assert_eq!(mark("token: granted"), Mark::Good);
        assert_eq!(mark("list: 5 webhooks"), Mark::Good);
        assert_eq!(mark("people: Enabled, valid until"), Mark::Good);
        assert_eq!(mark("clockings: Disabled"), Mark::Wrong);
        assert_eq!(mark("absences: Enabled"), Mark::Wrong);
        assert_eq!(mark("breaks: Protime says 'Uninitialized'"), Mark::Note);
        assert_eq!(mark("counters: not at Protime"), Mark::Note);
        assert_eq!(mark("not configured, and goes to the same host: id-contracts"), Mark::Note);
    }

    #[test]
    fn missing_scopes_and_refusals_are_wrong() {
        let tenant = tenant("acme", &["people"]);
        let mut lacking = answer(&tenant, Vec::new());
        lacking.missing = wanted_scopes(&["people"], &[]);
        let lines = judge(&lacking, NOW);
        for purpose in ["cannot be listed", "cannot be created", "`scopes` asks for is not granted"] {
            assert!(
                lines.iter().any(|(mark, line)| *mark == Mark::Wrong && line.contains(purpose)),
                "{lines:?}"
            );
        }
        let refused = || Err(ApiError::NeedsOperator { message: "no".to_owned(), status: Some(403) });
        let unreadable =
            vec![("people", ApiError::NeedsOperator { message: "no".to_owned(), status: Some(403) })];
        let collection_fails = Answer { unreadable, ..answer(&tenant, Vec::new()) };
        let line = (Mark::Wrong, "collection 'people' cannot be read: no".to_owned());
        assert!(judge(&collection_fails, NOW).contains(&line));
        let list_fails = Answer { listed: refused(), ..answer(&tenant, Vec::new()) };
        assert_eq!(judge(&list_fails, NOW).last(), Some(&(Mark::Wrong, "list: no".to_owned())));
        let token_fails = Answer { listed: refused(), token_until: None, ..answer(&tenant, Vec::new()) };
        assert_eq!(judge(&token_fails, NOW), [(Mark::Wrong, "token: no".to_owned())]);
    }
}
