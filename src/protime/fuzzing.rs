//! Doors for the fuzz targets: what Protime and its token endpoint may answer, byte by byte.
//!
//! Each takes any bytes at all and states the laws that hold for what is made of them. A law that is
//! broken ends the process, and that is the finding.

use jiff::Timestamp;
use reqwest::Url;
use zeroize::Zeroizing;

use super::{address::Addresses, answer, auth::grant, body, collections, detail, time, wire};
use crate::{
    domain::{object::Object, query::LONGEST},
    fuzzing::{first_line, secret},
};

const ORIGIN: &str = "https://acme.example";

pub(crate) fn webhook_list(data: &[u8]) {
    match wire::page(data, 0) {
        Ok(page) => {
            assert_ne!(page.next_link.as_deref(), Some(""), "no link is none");
            if let Some(link) = &page.next_link {
                followed(link);
            }
            assert!(page.list.webhooks.iter().all(|webhook| !webhook.id.is_empty()), "an id is a text");
        }
        Err(wrong) => one_line(&wrong),
    }
    if let Err(wrong) = wire::webhook(data) {
        one_line(&wrong);
    }
}

/// The answer of a POST: a `key_field` on the first line, a `Location` on the second, then the body.
pub(crate) fn post_answer(data: &[u8]) {
    let (key_field, rest) = first_line(data);
    let (location, body) = first_line(rest);
    let key_field = key_field.filter(|field| !field.is_empty());
    match answer::interpret(location, body, key_field) {
        Ok(issued) => {
            assert!(!issued.key.expose().is_empty(), "an empty text is not a key");
            let elsewhere = answer::interpret(None, body, key_field).map(|issued| issued.key);
            assert_eq!(elsewhere.ok(), Some(issued.key), "no Location costs a key, or makes another");
            if let Some(id) = issued.id {
                assert!(!id.is_empty(), "an empty text is not an id");
                one_of_a_webhook(&id);
            }
        }
        Err(no_key) => {
            assert!(no_key.properties.len() <= 40, "an answer is not ours to trust");
            assert!(no_key.properties.iter().all(|name| name.chars().count() <= 64), "{no_key}");
            one_line(&no_key.to_string());
        }
    }
}

/// Whatever id Protime gives: its address is below the webhooks, or there is none.
fn one_of_a_webhook(id: &str) {
    let Ok(addresses) = origin() else { return };
    if let Ok(url) = addresses.one(id) {
        assert!(url.as_str().starts_with(&format!("{ORIGIN}/")) && url.query().is_none(), "{url}");
        let segments = url.path().split('/').count();
        assert!(url.path().contains("/webhooks/") && segments == 7, "{url} is of one webhook");
    }
}

pub(crate) fn collection_page(data: &[u8]) {
    let page = match collections::page(data) {
        Ok(page) => page,
        Err(wrong) => return one_line(&wrong),
    };
    for raw in page.value {
        let written = raw.get().to_owned();
        for object in [Object::listed(raw.clone()), Object::shown(raw.clone()), Object::changed(raw)] {
            match object {
                Ok(object) => passed_on(&object, &written),
                Err(wrong) => one_line(&wrong),
            }
        }
    }
    for link in [page.next_link, page.delta_link].into_iter().flatten() {
        followed(&link);
    }
}

fn passed_on(object: &Object, written: &str) {
    let event = object.event();
    let whole = serde_json::from_slice::<&serde_json::value::RawValue>(&event);
    assert!(whole.is_ok(), "an event is JSON");
    let text = String::from_utf8_lossy(&event);
    assert!(text.contains(written), "an object is passed on as it was written");
    let mut line = Vec::new();
    object.write_line(&mut line);
    assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1), "one line, and its end");
    assert!(object.lane(8) < 8, "every object has a lane");
}

/// The body of an error; what stands on the first line is a secret, if it may be one.
pub(crate) fn error_body(data: &[u8]) {
    let (line, body) = first_line(data);
    let secret = line.and_then(secret);
    let detail = detail::read(body, secret.as_slice());
    let Some(text) = detail.text else { return };
    one_line(&text);
    assert!(text.chars().count() <= crate::redact::LONGEST + 1, "a message is short");
    assert!(secret.is_none_or(|secret| !text.contains(secret)), "no secret is shown");
}

/// The body of any answer: its `Content-Encoding` on the first line, then the bytes.
pub(crate) fn body(data: &[u8]) {
    const LIMIT: usize = 65_536;
    let (coding, bytes) = first_line(data);
    match body::decoded(Zeroizing::new(bytes.to_vec()), coding, LIMIT) {
        Ok(plain) => {
            // What has no coding is passed on as it came, and was bounded when it was read.
            assert!(plain.len() <= LIMIT.max(bytes.len()), "a few bytes do not fill the memory");
            assert!(plain.ends_with(body::bare(&plain)), "only a mark is taken off");
        }
        Err(wrong) => one_line(&wrong),
    }
}

pub(crate) fn token_answer(data: &[u8]) {
    match grant::grant(data) {
        Ok(grant) => {
            assert!(grant.header.is_sensitive(), "a token is not to be seen");
            assert!(grant.life <= grant::LONGEST_LIFE, "no token lives for good");
        }
        Err(wrong) => one_line(&wrong),
    }
}

/// A link: behind a page, kept from an earlier day, or typed by an operator.
pub(crate) fn link(data: &[u8]) {
    followed(&String::from_utf8_lossy(data));
}

fn followed(link: &str) {
    let Ok(addresses) = origin() else { return };
    let Ok(current) = addresses.list(None) else { return };
    let next = addresses.next(&current, link).map(|link| link.url);
    for followed in [next, addresses.stored_link(link)] {
        match followed {
            Ok(url) => ours(&url),
            Err(wrong) => one_line(&wrong),
        }
    }
    match addresses.below_root(link) {
        Ok(url) => {
            ours(&url);
            assert!(url.path().starts_with(crate::domain::query::ROOT), "{url} is below the root");
            assert!(url.as_str().len() <= LONGEST, "{url} is not too long");
        }
        Err(wrong) => one_line(&wrong),
    }
}

fn ours(url: &Url) {
    assert!(url.as_str().starts_with(&format!("{ORIGIN}/")), "a request never leaves the tenant: {url}");
    assert!(url.username().is_empty() && url.password().is_none(), "{url} has no user");
    // Whatever it is, asking for it does not fail here.
    let _ = Addresses::collection_at(url);
}

fn origin() -> Result<Addresses, String> {
    Addresses::new(&Url::parse(ORIGIN).map_err(|error| error.to_string())?)
}

/// A time in a body or a header: the text, and then the answer's `Date`.
pub(crate) fn time(data: &[u8]) {
    let (line, rest) = first_line(data);
    let text = line.unwrap_or_default();
    if let Some(stated) = time::stated(text) {
        assert_eq!(time::stated(&stated.at.to_string()).map(|again| again.at), Some(stated.at), "{text}");
        assert!(stated.at.subsec_nanosecond() % 1_000_000 == 0, "whole milliseconds: {text}");
    }
    let of_the_answer = std::str::from_utf8(rest).ok().and_then(crate::http::http_date);
    for of_the_answer in [of_the_answer, None] {
        let wait = crate::http::retry_after(text, of_the_answer, Timestamp::UNIX_EPOCH);
        assert!(
            wait.is_none_or(|wait| wait <= crate::http::LONGEST_WAIT),
            "no header silences a tenant for good"
        );
    }
}

/// A message is one line that moves no cursor and forges no line of the log.
fn one_line(text: &str) {
    assert!(!text.chars().any(char::is_control), "a message is one line: {text:?}");
}
