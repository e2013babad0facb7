//! `/{collection}` and `/delta/{collection}`: lists, fresh deltas and kept ones.
//!
//! A fresh delta remembers the version at its start, so a change during its walk is told again by
//! the kept delta: a change may show twice and never not at all.

use axum::http::header;
use jiff::{Timestamp, ToSpan as _, civil::Date};
use serde_json::{Value, json};

use super::Call;
use crate::sandbox::{
    answer::Answer,
    deltas::{DeltaToken, PageToken, decode, encode},
    filter::{Filter, Op},
    references::References,
    tenant::Tenant,
    words::API_ROOT,
};

const FIELDS: [&str; 4] = ["id", "changeVersion", "date", "changedAt"];

/// A page of a list or of a fresh delta.
pub(crate) fn list(tenant: &mut Tenant, now: Timestamp, collection: &'static str, call: &Call) -> Answer {
    page_token(tenant, now, collection, call)
        .and_then(|token| page(tenant, now, collection, token))
        .unwrap_or_else(|refusal| refusal)
}

fn page_token(
    tenant: &mut Tenant,
    now: Timestamp,
    collection: &'static str,
    call: &Call,
) -> Result<PageToken, Answer> {
    if let Some(text) = call.parameter("pageToken") {
        return decode::<PageToken>(&text)
            .filter(|token| token.collection == collection)
            .ok_or_else(|| Answer::invalid("pageToken", "It is none of this list."));
    }
    let mut token = PageToken {
        collection: collection.to_owned(),
        filter: call.parameter("filter").unwrap_or_default(),
        references: call.parameter("externalReferences").unwrap_or_default(),
        after: String::new(),
        blank: false,
        delta: None,
    };
    let filter = filter(&token.filter)?;
    references(&token.references)?;
    if call.parameter("delta").is_some() {
        let id = tenant.deltas.start(collection, tenant.settings.delta_lifetime_ms, now);
        token.delta = Some((id, tenant.collections.last_version()));
    } else if tenant.settings.date_filter_required.iter().any(|name| name == collection) {
        demand_dates(&filter, now)?;
    }
    Ok(token)
}

fn filter(text: &str) -> Result<Filter, Answer> {
    Filter::parse(text, &FIELDS).map_err(|why| Answer::invalid("filter", &why))
}

fn references(text: &str) -> Result<References, Answer> {
    References::parse(text).map_err(|why| Answer::invalid("externalReferences", &why))
}

fn demand_dates(filter: &Filter, now: Timestamp) -> Result<(), Answer> {
    let refused = |why| Err(Answer::invalid("filter", why));
    if filter.bound("id", &[Op::Eq, Op::In]).is_some() || filter.bound("date", &[Op::Eq, Op::In]).is_some() {
        return Ok(());
    }
    let Some(from) = filter.bound("date", &[Op::Ge]) else {
        return refused("This collection demands `date ge …`.");
    };
    let today = now.strftime("%Y-%m-%d").to_string();
    let to = filter.bound("date", &[Op::Le]).unwrap_or(&today);
    let (Ok(from), Ok(to)) = (from.parse::<Date>(), to.parse::<Date>()) else {
        return refused("A date is written as 2026-11-23.");
    };
    match from.checked_add(1.year()) {
        Ok(end) if to <= end => Ok(()),
        _ => refused("The dates span more than one year."),
    }
}

fn page(
    tenant: &mut Tenant,
    now: Timestamp,
    collection: &'static str,
    token: PageToken,
) -> Result<Answer, Answer> {
    let (filter, references) = (filter(&token.filter)?, references(&token.references)?);
    if let Some((id, _)) = &token.delta
        && !tenant.deltas.touch(collection, id, tenant.settings.delta_lifetime_ms, now)
    {
        return Err(gone());
    }
    let size = if token.blank { 0 } else { tenant.settings.page_size };
    let after = (!token.after.is_empty()).then_some(token.after.as_str());
    let (page, more) = tenant.collections.page(collection, &filter, after, size);
    let told = |object: &crate::sandbox::collections::Object| {
        if token.delta.is_some() { object.told(&references) } else { object.shown(&references) }
    };
    let value: Vec<Value> = page.iter().map(|(_, object)| told(object)).collect();
    let mut body = json!({"value": value});
    if more {
        let after = page.last().map_or_else(|| token.after.clone(), |(id, _)| (*id).to_owned());
        let blank = tenant.settings.empty_pages && !token.blank;
        let next = encode(&PageToken { after, blank, ..token });
        body["nextLink"] = json!(format!("{API_ROOT}/{collection}?pageToken={next}"));
    } else if let Some((id, version)) = token.delta {
        let next = DeltaToken { id, version, filter: token.filter, references: token.references };
        body["deltaLink"] = json!(delta_link(collection, &next));
    }
    Ok(Answer::json(200, &body))
}

fn delta_link(collection: &str, token: &DeltaToken) -> String {
    format!("{API_ROOT}/delta/{collection}?deltaToken={}", encode(token))
}

fn gone() -> Answer {
    Answer::error(410, "Gone", "This delta has ended; start afresh.").with(header::CACHE_CONTROL, "no-store")
}

/// Everything that changed since the kept delta was last asked for, deletions included, on one page.
pub(crate) fn delta(tenant: &mut Tenant, now: Timestamp, collection: &'static str, call: &Call) -> Answer {
    let Some(token) = call.parameter("deltaToken").and_then(|text| decode::<DeltaToken>(&text)) else {
        return Answer::invalid("deltaToken", "It is missing or none of ours.");
    };
    if !tenant.deltas.touch(collection, &token.id, tenant.settings.delta_lifetime_ms, now) {
        return gone();
    }
    let (filter, references) = match (filter(&token.filter), references(&token.references)) {
        (Ok(filter), Ok(references)) => (filter, references),
        (Err(refusal), _) | (_, Err(refusal)) => return refusal,
    };
    let value: Vec<Value> = tenant
        .collections
        .changed_since(collection, token.version)
        .into_iter()
        .filter(|object| object.deleted || filter.accepts(|name| object.field(name)))
        .map(|object| object.told(&references))
        .collect();
    let next = DeltaToken { version: tenant.collections.last_version(), ..token };
    Answer::json(200, &json!({"value": value, "deltaLink": delta_link(collection, &next)}))
}
