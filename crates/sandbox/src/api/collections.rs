//! `/{collection}` and `/delta/{collection}`: lists, fresh deltas and kept ones.

use axum::http::header;
use jiff::{Span, Timestamp, civil::Date};
use serde_json::{Value, json};

use super::Call;
use crate::{
    answer::Answer,
    collections::{Life, Object, Shown},
    deltas::{Continuation, DeltaToken, decode, encode},
    facts::{self, Reading},
    filter::{Filter, Op},
    references::References,
    settings::OlderDeltaLink,
    tenant::Tenant,
    time::{day_of, later},
    words::API_ROOT,
};

const PARAMETERS: [&str; 5] = ["filter", "externalReferences", "delta", "continuationToken", "deltaToken"];

/// A request for a page, understood.
struct Asked {
    collection: &'static str,
    place: Continuation,
    filter: Filter,
    references: References,
    /// The fresh delta that the page is of.
    delta: Option<DeltaToken>,
    first: bool,
}

fn gone() -> Answer {
    Answer::error(410, "Gone", "This delta has ended; start again.").with(header::CACHE_CONTROL, "no-store")
}

pub(crate) fn list(
    tenant: &mut Tenant,
    now: Timestamp,
    collection: &'static str,
    call: &Call,
) -> Result<Answer, Answer> {
    if let Some((name, _)) = call.parameters().iter().find(|(name, _)| !PARAMETERS.contains(&name.as_str())) {
        return Err(format!("`{name}` is not a parameter of a list").into());
    }
    let asked = match call.parameter("continuationToken") {
        None => first_page(tenant, now, collection, call)?,
        Some(token) => next_page(now, collection, call, &token)?,
    };
    if let Some(delta) = &asked.delta
        && !tenant.deltas.touch(collection, &delta.id, tenant.settings.delta_lifetime_ms, now)
    {
        return Err(gone());
    }
    Ok(page(tenant, now, asked))
}

fn first_page(
    tenant: &mut Tenant,
    now: Timestamp,
    collection: &'static str,
    call: &Call,
) -> Result<Asked, Answer> {
    if call.parameter("deltaToken").is_some() {
        return Err(Answer::broken_rule("`deltaToken` comes with a `continuationToken` only"));
    }
    let delta = call.parameter("delta").is_some();
    let filter = call.parameter("filter").unwrap_or_default();
    let references = call.parameter("externalReferences").unwrap_or_default();
    let place = Continuation::first(collection, filter.clone(), references.clone());
    let mut asked = understood(collection, place, None, delta)?;
    check(&asked.filter, reading(collection, delta)?, delta, now)?;
    asked.first = true;
    // From the version at its start on: a change while it is read is told again by the kept delta, so that
    // one may show twice and never not at all.
    asked.delta = delta.then(|| DeltaToken {
        id: tenant.deltas.start(collection, tenant.settings.delta_lifetime_ms, now),
        link: 0,
        version: tenant.collections.last_version(),
        filter,
        references,
    });
    Ok(asked)
}

fn next_page(now: Timestamp, collection: &'static str, call: &Call, token: &str) -> Result<Asked, Answer> {
    if call.parameter("delta").is_some() {
        return Err(Answer::broken_rule("a link to a next page has no `delta`"));
    }
    let place = decode::<Continuation>(token)
        .filter(|place| place.collection == collection && now < place.until)
        .ok_or_else(Answer::stale_page)?;
    let as_given = call.parameter("filter").unwrap_or_default() == place.filter
        && call.parameter("externalReferences").unwrap_or_default() == place.references;
    if !as_given {
        return Err(Answer::broken_rule("a link to a next page must be asked for as it was given"));
    }
    let delta =
        call.parameter("deltaToken").map(|text| decode::<DeltaToken>(&text).ok_or_else(Answer::stale_page));
    let delta = delta.transpose()?;
    let of_delta = delta.is_some();
    understood(collection, place, delta, of_delta)
}

fn understood(
    collection: &'static str,
    place: Continuation,
    delta: Option<DeltaToken>,
    of_delta: bool,
) -> Result<Asked, Answer> {
    let filter = Filter::read(&place.filter, &reading(collection, of_delta)?.filters)?;
    let references = references(&place.references, collection)?;
    Ok(Asked { collection, place, filter, references, delta, first: false })
}

fn reading(collection: &str, delta: bool) -> Result<&'static Reading, Answer> {
    let facts = facts::of(collection).ok_or_else(|| Answer::not_found("resource"))?;
    Ok(if delta { &facts.delta } else { &facts.list })
}

fn references(text: &str, collection: &str) -> Result<References, String> {
    let references = References::parse(text)?;
    references.check(collection).map(|()| references)
}

/// Whether a filter has what the collection demands, within its limits.
fn check(filter: &Filter, reading: &Reading, delta: bool, now: Timestamp) -> Result<(), String> {
    let today = day_of(now);
    let day = |text: &str| text.parse::<Date>().map_err(|error| error.to_string());
    for field in &reading.required {
        let from = filter.bounds(field, Op::Ge).into_iter().max();
        let Some(from) = from.map(day).transpose()? else {
            return Err(format!("`{field} ge '…'` is required"));
        };
        let last_year = Date::new(today.year() - 1, 1, 1).map_err(|error| error.to_string())?;
        if delta && from < last_year {
            return Err(format!("a delta cannot begin before {last_year}; `{field}` begins at {from}"));
        }
        let to = filter.bounds(field, Op::Le).into_iter().min().map(day).transpose()?;
        if to.is_some_and(|to| to < from) {
            return Err(format!("`{field}` ends before it begins"));
        }
        // A delta without an end has no limit; that of a list without an end is taken as today.
        let to = if delta { to } else { to.or(Some(today)) };
        let limit = from.checked_add(Span::new().years(1)).map_err(|error| error.to_string())?;
        if reading.one_year && to.is_some_and(|to| to >= limit) {
            return Err(format!("`{field}` spans more than one year"));
        }
    }
    Ok(())
}

fn page(tenant: &mut Tenant, now: Timestamp, asked: Asked) -> Answer {
    let Asked { collection, place, filter, references, delta, first } = asked;
    let size = if place.blank { 0 } else { tenant.settings.page_size };
    let (page, more) = tenant.collections.page(collection, &filter, place.after, size);
    let how = Shown { references: &references, versions: tenant.settings.versions(collection) };
    let value: Vec<Value> = page.iter().map(|(_, object)| object.shown(how)).collect();
    let after = page.last().map_or(place.after, |(id, _)| Some(*id));
    // A delta is always paged. A page that is full is not its last one, because that is often empty.
    let open = !place.blank && (first || value.len() == size);
    let more = more || (delta.is_some() && open);
    let mut body = json!({"value": value});
    if more {
        let blank = tenant.settings.empty_pages && !place.blank;
        let until = later(now, tenant.settings.paging_token_lifetime_ms);
        let next = Continuation { after, blank, until, ..place };
        body["nextLink"] = json!(next_link(&next, delta.as_ref()));
    } else if let Some(delta) = delta {
        body["deltaLink"] = json!(delta_link(tenant, collection, delta));
    }
    Answer::json(200, &body)
}

/// A path with the filter as a person writes it, with spaces and apostrophes.
pub(super) fn next_link(place: &Continuation, delta: Option<&DeltaToken>) -> String {
    let parameters = [
        ("filter", raw(&place.filter)),
        ("externalReferences", raw(&place.references)),
        ("continuationToken", encode(place)),
        ("deltaToken", delta.map(encode).unwrap_or_default()),
    ];
    let given = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = given.map(|(name, value)| format!("{name}={value}")).collect();
    format!("{API_ROOT}/{}?{}", place.collection, query.join("&"))
}

/// Leaves everything as it is but what would end the parameter or be read as something else.
fn raw(text: &str) -> String {
    text.replace('%', "%25").replace('&', "%26").replace('#', "%23").replace('+', "%2B")
}

fn delta_link(tenant: &mut Tenant, collection: &str, delta: DeltaToken) -> String {
    let next = DeltaToken { link: tenant.deltas.next_link(collection), ..delta };
    format!("{API_ROOT}/delta/{collection}?deltaToken={}", encode(&next))
}

/// Everything that changed since the kept delta was last asked for, deletions included, on one page.
pub(crate) fn delta(
    tenant: &mut Tenant,
    now: Timestamp,
    collection: &'static str,
    call: &Call,
) -> Result<Answer, Answer> {
    let token = call.parameter("deltaToken").and_then(|text| decode::<DeltaToken>(&text));
    let token = token.ok_or_else(|| Answer::broken_rule("`deltaToken` is missing or not one of ours"))?;
    if !tenant.deltas.touch(collection, &token.id, tenant.settings.delta_lifetime_ms, now) {
        return Err(gone());
    }
    let latest = tenant.deltas.latest_link(collection);
    if token.link < latest && tenant.settings.older_delta_link == OlderDeltaLink::Gone {
        return Err(gone());
    }
    let filter = Filter::read(&token.filter, &reading(collection, true)?.filters)?;
    let references = references(&token.references, collection)?;
    let how = Shown { references: &references, versions: tenant.settings.versions(collection) };
    let of_it = |object: &&Object| {
        // Of what is gone, nothing is known that a filter could look at.
        object.life == Life::Gone || filter.accepts(|name| object.field(name))
    };
    let changed = tenant.collections.changed_since(collection, token.version).into_iter().filter(of_it);
    let value: Vec<Value> = changed.map(|object| object.told(how)).collect();
    let next = DeltaToken { version: tenant.collections.last_version(), ..token };
    let link = delta_link(tenant, collection, next);
    Ok(Answer::json(200, &json!({"value": value, "deltaLink": link})))
}
