//! `[[tenant.webhook]]`: the pair that Protime knows it by, and what must be unique about it.

use reqwest::Url;

use super::{
    ReadKind, ReadResync, Resync, ResyncKind, Webhook, address, kinds,
    length::Addresses,
    raw::{Checked, Table, Value, Wrong},
    suggestions,
    tenant::{Firsts, Seen, invalid_name},
};
use crate::domain::{
    collection::{COLLECTIONS, Collection, find, predefined_references},
    removed::OnRemove,
    webhook::{ExternalReference, Pair, WebhookName},
};

/// Whose webhooks they are at Protime, as far as the file says so.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner<'a> {
    /// Where the tenant's API is.
    pub(super) origin: Option<&'a Url>,
    /// Who asks there.
    pub(super) client_id: Option<&'a str>,
}

/// What must not be there twice in one tenant.
struct Siblings {
    names: Firsts<WebhookName>,
    pairs: Firsts<Pair>,
    /// Collections in small letters.
    deltas: Firsts<String>,
}

/// Reads every `[[tenant.webhook]]` of a tenant.
pub(super) fn webhooks(tenant: &Table<'_>, owner: Owner<'_>, seen: &mut Seen) -> Checked<Vec<Webhook>> {
    let missing = "this tenant has no [[tenant.webhook]]";
    let help = "write at least one [[tenant.webhook]] below it, or remove the tenant";
    let Some(value) = tenant.optional("webhook") else {
        return Err(tenant.missing(&["webhook"], missing, help));
    };
    let mut siblings = Siblings { names: Firsts::new(), pairs: Firsts::new(), deltas: Firsts::new() };
    let webhooks = value.tables("[[tenant.webhook]]", |table| webhook(table, owner, &mut siblings, seen))?;
    if webhooks.is_empty() { Err(value.problem(missing, help)) } else { Ok(webhooks) }
}

fn webhook(
    table: &Table<'_>,
    owner: Owner<'_>,
    siblings: &mut Siblings,
    seen: &mut Seen,
) -> Checked<Webhook> {
    let collection_value = table.required("collection", "write `collection = \"clockings\"`, say");
    let collection = collection_value.as_ref().map_err(|reported| *reported).and_then(collection);
    let name = match (table.optional("name"), &collection_value) {
        (Some(value), _) => name(&value, siblings, "give each webhook of a tenant a name of its own"),
        (None, Ok(value)) if collection.is_ok() => {
            name(value, siblings, "without `name` it is the collection: give one of them a `name` of its own")
        }
        (None, Ok(_)) => collection.clone().and_then(|text| {
            WebhookName::new(&text)
                .map_err(|rule| table.missing(&["name"], "this webhook has no name", &rule.to_string()))
        }),
        (None, Err(reported)) => Err(*reported),
    };
    let destination = table.required(
        "destination_url",
        "write `destination_url = \"https://…\"`, where Protime is to send the events",
    );
    let pair = destination.and_then(|value| {
        let destination_url = value.parse(address::destination)?;
        let pair = Pair { destination_url, collection: collection.clone()? };
        unique_pair(&value, &pair, owner.origin, siblings, seen).map(|()| pair)
    });
    let written = table.optional("external_references");
    let of = collection.as_ref().ok().and_then(|name| find(name));
    let external_references =
        written.as_ref().map_or_else(|| Ok(Vec::new()), |value| external_references(value, of));
    let on_remove = table.or("on_remove", OnRemove::Keep, |value| {
        value.word(&[("keep", OnRemove::Keep), ("delete", OnRemove::Delete)])
    });
    let addresses = match (owner.origin, &collection, &external_references) {
        (Some(origin), Ok(collection), Ok(references)) => Some(Addresses { origin, collection, references }),
        _ => None,
    };
    let (addresses, too_long) = match (addresses, &written) {
        (Some(addresses), Some(value)) => match addresses.of_post(value) {
            Ok(()) => (Some(addresses), Ok(())),
            // What is too long for a POST is too long for every other request.
            Err(reported) => (None, Err(reported)),
        },
        _ => (addresses, Ok(())),
    };
    let name_of = collection.as_ref().ok().map(String::as_str);
    let resync = kinds::resync(table, addresses.as_ref(), name_of, seen);
    let too_long = match (&resync, &written, addresses) {
        (Ok(resync), Some(value), Some(addresses)) => addresses.of_resync(value, resync),
        _ => too_long,
    };
    let resync = match (&resync, table.optional("resync"), &collection) {
        (Ok(read), Some(value), Ok(collection)) => {
            one_delta(read, &value, collection, owner, siblings, seen).and(resync)
        }
        _ => resync,
    };
    let key_sinks = kinds::key_sinks(table, seen);
    Ok(Webhook {
        name: name?,
        pair: pair?,
        external_references: external_references.and_then(|references| too_long.map(|()| references))?,
        on_remove,
        resync: resync?,
        key_sinks: key_sinks?,
    })
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
    if let Some(first) = siblings.deltas.earlier(same.clone(), value.span()) {
        let message = format!("two webhooks of this tenant keep a delta of \"{collection}\"");
        return Err(value.repeats(first, &message, help));
    }
    let Owner { origin: Some(origin), client_id: Some(client_id) } = owner else { return Ok(()) };
    match seen.deltas.earlier((origin.clone(), client_id.to_owned(), same), value.span()) {
        None => Ok(()),
        Some(first) => {
            let message = format!(
                "another tenant of this configuration is the same client at Protime and keeps a delta of \"{collection}\""
            );
            let help = format!("{help}, or give one of the tenants a client of its own");
            Err(value.repeats(first, &message, &help))
        }
    }
}

fn name(value: &Value<'_>, siblings: &mut Siblings, help: &str) -> Checked<WebhookName> {
    let name = value.parse(|text| WebhookName::new(text).map_err(invalid_name))?;
    match siblings.names.earlier(name.clone(), value.span()) {
        None => Ok(name),
        Some(first) => {
            Err(value.repeats(first, &format!("two webhooks of this tenant are named \"{name}\""), help))
        }
    }
}

/// A collection's name; it becomes a part of paths, scopes and filters.
fn collection(value: &Value<'_>) -> Checked<String> {
    let collection = value.parse(collection_name)?;
    let known = || COLLECTIONS.iter().map(|known| known.name);
    if !known().any(|name| name == collection) {
        match suggestions::nearest(&collection, known()) {
            Some(meant) => {
                value.warn(&format!("is not a collection that is known; did you mean \"{meant}\"?"));
            }
            None => value.warn("is not a collection that is known to have webhooks"),
        }
    }
    Ok(collection)
}

fn collection_name(text: &str) -> Result<String, Wrong> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    if text.bytes().all(plain) && (1..=64).contains(&text.len()) && text.as_bytes()[0].is_ascii_alphanumeric()
    {
        Ok(text.to_owned())
    } else {
        let help = "write the name as it stands in the API's paths, such as \"clockings\"";
        Err(Wrong::new("is not the name of a collection", help))
    }
}

fn unique_pair(
    value: &Value<'_>,
    pair: &Pair,
    origin: Option<&Url>,
    siblings: &mut Siblings,
    seen: &mut Seen,
) -> Checked<()> {
    let rule = "Protime knows a webhook by its destination URL and collection: keep one of the two";
    // Two spellings of one URL, or of one collection, are one pair in the list, where each would take the
    // other for its own.
    let destination_url =
        Url::parse(&pair.destination_url).map_or_else(|_| pair.destination_url.clone(), String::from);
    let same = Pair { destination_url, collection: pair.collection.to_ascii_lowercase() };
    if let Some(first) = siblings.pairs.earlier(same.clone(), value.span()) {
        let message = format!("two webhooks of this tenant send \"{}\" to the same URL", pair.collection);
        return Err(value.repeats(first, &message, rule));
    }
    let Some(origin) = origin else { return Ok(()) };
    match seen.pairs.earlier((origin.clone(), same), value.span()) {
        None => Ok(()),
        Some(first) => {
            let message = format!(
                "another tenant of this configuration is the same at Protime and sends \"{}\" to the same URL",
                pair.collection
            );
            Err(value.repeats(first, &message, rule))
        }
    }
}

fn external_references(
    value: &Value<'_>,
    of: Option<&'static Collection>,
) -> Checked<Vec<ExternalReference>> {
    let items = value.array("an array of texts such as [\"people,@badge-number\"]")?;
    let mut firsts = Firsts::new();
    let read: Vec<Checked<ExternalReference>> = items
        .iter()
        .map(|item| {
            let reference = item.parse(external_reference)?;
            expected(item, &reference, of);
            match firsts.earlier(reference.clone(), item.span()) {
                None => Ok(reference),
                Some(first) => Err(item.repeats(
                    first,
                    &format!("\"{reference}\" is listed twice"),
                    "keep one of the two",
                )),
            }
        })
        .collect();
    read.into_iter().collect()
}

/// Says what Protime is not known to have: it may have more than is documented.
fn expected(item: &Value<'_>, reference: &ExternalReference, of: Option<&'static Collection>) {
    let name = reference.reference.as_str();
    let all = predefined_references();
    if name.starts_with('@') && !all.contains(&name) {
        match suggestions::nearest(name, all) {
            Some(meant) => {
                item.warn(&format!("names no predefined reference that is known; did you mean {meant}?"));
            }
            None => item.warn("names no predefined reference that is known"),
        }
        return;
    }
    let Some(of) = of else { return };
    let related = of.references.iter().find(|(collection, _)| *collection == reference.collection);
    match related {
        None if of.references.is_empty() => {
            item.warn(&format!("asks for a reference, and Protime documents none for {}", of.name));
        }
        None => {
            let names: Vec<&str> = of.references.iter().map(|(collection, _)| *collection).collect();
            item.warn(&format!(
                "is of a collection that Protime documents no references of for {}; there are {}",
                of.name,
                suggestions::all(&names)
            ));
        }
        Some((_, known)) if name.starts_with('@') && !known.contains(&name) => {
            item.warn(&format!(
                "names a predefined reference of another collection than {}",
                reference.collection
            ));
        }
        Some(_) => {}
    }
}

fn external_reference(text: &str) -> Result<ExternalReference, Wrong> {
    // The reference goes into a query as `(collection,reference)`.
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'(' | b')' | b',' | b'"');
    match text.split_once(',') {
        Some((collection, reference))
            if collection_name(collection).is_ok()
                && !reference.trim_start_matches('@').is_empty()
                && reference.bytes().all(plain) =>
        {
            Ok(ExternalReference { collection: collection.to_owned(), reference: reference.to_owned() })
        }
        _ => Err(Wrong::new(
            "is not an external reference",
            "write \"collection,reference\" without spaces, such as \"people,@badge-number\"; predefined \
             references begin with @",
        )),
    }
}
