//! `[[tenant.webhook]]`: the pair that Protime knows it by, and what must be unique about it.

use reqwest::Url;

use super::{
    key::Values as _,
    key_sink,
    length::Addresses,
    names,
    report::Checked,
    resync::{self, Of},
    schema::{TENANT, WEBHOOK},
    seen::Seen,
    settings::{ReadKind, ReadResync, Resync, ResyncKind, Webhook},
    table::Table,
    value::{Firsts, TEXT, Value},
};
use crate::domain::{
    collection::{self, Collection, find},
    webhook::{Pair, WebhookName},
};

/// Whose webhooks they are at Protime, as far as the file says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) origin: Option<&'a Url>,
    pub(super) client_id: Option<&'a str>,
}

/// What must not be there twice in one tenant.
#[derive(Default)]
struct Siblings {
    names: Firsts<WebhookName>,
    pairs: Firsts<Pair>,
    /// Collections in small letters.
    deltas: Firsts<String>,
}

pub(super) fn webhooks(tenant: &Table<'_>, owner: Owner<'_>, seen: &mut Seen) -> Checked<Vec<Webhook>> {
    let missing = "this tenant has no [[tenant.webhook]]";
    let help = "write at least one [[tenant.webhook]] below it, or remove the tenant";
    let mut siblings = Siblings::default();
    tenant.at_least_one(&TENANT.webhook, (missing, help), |table| webhook(table, owner, &mut siblings, seen))
}

fn webhook(
    table: &Table<'_>,
    owner: Owner<'_>,
    siblings: &mut Siblings,
    seen: &mut Seen,
) -> Checked<Webhook> {
    let collection = table.get(&WEBHOOK.collection);
    let name = name(table, siblings);
    let pair = pair(table, owner.origin, siblings, seen);
    let written = table.written(&WEBHOOK.external_references);
    let references = table.maybe(&WEBHOOK.external_references).map(Option::unwrap_or_default);
    if let (Some(value), Ok(collection)) = (&written, &collection) {
        expected(value, find(collection));
    }
    let mut addresses = match (owner.origin, &collection, &references) {
        (Some(origin), Ok(collection), Ok(references)) => Some(Addresses { origin, collection, references }),
        _ => None,
    };
    let mut whole = Ok(());
    if let (Some(of), Some(value)) = (&addresses, &written) {
        whole = of.of_post(value);
        // What is too long for a POST is too long for every other request.
        addresses = addresses.filter(|_| whole.is_ok());
    }
    let of = Of { addresses: addresses.as_ref(), name: collection.as_deref().ok() };
    let resync = resync::resync(table, of, seen);
    if let (Ok(resync), Some(value), Some(addresses)) = (&resync, &written, addresses) {
        whole = whole.and(addresses.of_resync(value, resync));
    }
    let place = table.written(&WEBHOOK.resync);
    if let (Ok(resync), Some(value), Ok(collection)) = (&resync, place, &collection) {
        whole = whole.and(one_delta(resync, &value, collection, owner, siblings, seen));
    }
    let key_sinks = key_sink::key_sinks(table, seen);
    whole?;
    Ok(Webhook {
        name: name?,
        pair: pair?,
        external_references: references?,
        on_remove: table.get(&WEBHOOK.on_remove)?,
        resync: resync?,
        key_sinks: key_sinks?,
    })
}

/// The name that is written, or else the collection.
fn name(table: &Table<'_>, siblings: &mut Siblings) -> Checked<WebhookName> {
    let (value, help) = if let Some(value) = table.written(&WEBHOOK.name) {
        (value, "give each webhook of a tenant a name of its own")
    } else {
        let (_, value) = table.needed(&WEBHOOK.collection)?;
        (value, "without `name` it is the collection: give one of them a `name` of its own")
    };
    let name = value.parse(TEXT, names::webhook)?;
    let message = format!("two webhooks of this tenant are named \"{name}\"");
    siblings.names.only(name.clone(), &value, &message, help).map(|()| name)
}

fn pair(table: &Table<'_>, origin: Option<&Url>, siblings: &mut Siblings, seen: &mut Seen) -> Checked<Pair> {
    let (destination_url, value) = table.needed(&WEBHOOK.destination_url)?;
    let pair = Pair { destination_url, collection: table.get(&WEBHOOK.collection)? };
    let rule = "Protime knows a webhook by its destination URL and collection: keep one of the two";
    // Two spellings of one URL, or of one collection, are one pair in the list, where each would take the
    // other for its own.
    let destination_url =
        Url::parse(&pair.destination_url).map_or_else(|_| pair.destination_url.clone(), String::from);
    let same = Pair { destination_url, collection: pair.collection.to_ascii_lowercase() };
    let sends = format!("\"{}\" to the same URL", pair.collection);
    siblings.pairs.only(same.clone(), &value, &format!("two webhooks of this tenant send {sends}"), rule)?;
    if let Some(origin) = origin {
        let message =
            format!("another tenant of this configuration is the same at Protime and sends {sends}");
        seen.pairs.only((origin.clone(), same), &value, &message, rule)?;
    }
    Ok(pair)
}

/// Protime keeps one delta per collection and client: a second one would end the first.
fn one_delta(
    resync: &Resync,
    value: &Value<'_>,
    collection: &str,
    owner: Owner<'_>,
    siblings: &mut Siblings,
    seen: &mut Seen,
) -> Checked<()> {
    let ResyncKind::Read(ReadResync { kind: ReadKind::Delta { .. }, .. }) = &resync.kind else {
        return Ok(());
    };
    let same = collection.to_ascii_lowercase();
    let help = "Protime keeps one delta per collection and client, so each would end the other's: write \
                kind = \"list\" for one of them";
    let message = format!("two webhooks of this tenant keep a delta of \"{collection}\"");
    siblings.deltas.only(same.clone(), value, &message, help)?;
    let Owner { origin: Some(origin), client_id: Some(client_id) } = owner else { return Ok(()) };
    let message = format!(
        "another tenant of this configuration is the same client at Protime and keeps a delta of \"{collection}\""
    );
    let help = format!("{help}, or give one of the tenants a client of its own");
    seen.deltas.only((origin.clone(), client_id.to_owned(), same), value, &message, &help)
}

/// Says of each external reference what Protime is not known to have: it may have more than is documented.
fn expected(value: &Value<'_>, of: Option<&'static Collection>) {
    // What is not an array, and what in it is not a reference, has been reported.
    for item in value.items(names::REFERENCES).unwrap_or_default() {
        let reference = item.parse(TEXT, names::external_reference);
        if let Some(odd) = reference.ok().and_then(|reference| collection::unexpected(&reference, of)) {
            item.warn(&odd);
        }
    }
}
