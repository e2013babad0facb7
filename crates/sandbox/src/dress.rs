//! What other servers do to JSON of the API: a byte order mark, compression, other links, no empty lists.

use std::io::{self, Write as _};

use axum::http::{HeaderValue, header};
use flate2::{Compression, write::GzEncoder};
use serde_json::{Map, Value, json};

use crate::{
    answer::Answer,
    settings::{EmptyList, NextLinkHost, Settings},
};

const BOM: &[u8] = b"\xef\xbb\xbf";

/// A host that no one can reach: the name is reserved for that.
const INTERNAL: &str = "https://protimeapi-7.internal.invalid:8443";

/// The answer as these settings want it; `origin` and `host` are those of the API.
pub(crate) fn dressed(mut answer: Answer, settings: &Settings, origin: &str, host: &str) -> Answer {
    let is_json = answer.headers.iter().any(|(name, value)| {
        *name == header::CONTENT_TYPE && value.as_bytes().starts_with(b"application/json")
    });
    if !is_json {
        return answer;
    }
    if let Ok(Value::Object(mut body)) = serde_json::from_slice(&answer.body) {
        let is_linked = begin_link(&mut body, settings, origin, host);
        let is_empty = answer.status == 200 && body.get("value") == Some(&json!([]));
        let is_null = is_empty && settings.empty_list != EmptyList::Array;
        if is_null && settings.empty_list == EmptyList::NoContent && body.len() == 1 {
            return Answer::empty(204);
        }
        if is_null {
            // Also where links stand beside the list: then there is no answer without a body.
            body.insert("value".to_owned(), Value::Null);
        }
        if is_linked || is_null {
            answer.body = Value::Object(body).to_string().into();
        }
    }
    if answer.body.is_empty() {
        return answer;
    }
    if settings.bom.yes() {
        answer.body = [BOM, &answer.body].concat().into();
    }
    if settings.gzip.yes()
        && let Ok(file) = gzip(&answer.body)
    {
        answer.body = file.into();
        answer.headers.push((header::CONTENT_ENCODING, HeaderValue::from_static("gzip")));
    }
    answer
}

/// Whether there is a link that does not stay as it is.
fn begin_link(body: &mut Map<String, Value>, settings: &Settings, origin: &str, host: &str) -> bool {
    let base = match settings.next_link_host {
        NextLinkHost::Path => return false,
        NextLinkHost::Url => origin.to_owned(),
        NextLinkHost::OtherHost => INTERNAL.to_owned(),
        NextLinkHost::Http => format!("http://{host}"),
    };
    let Some(Value::String(link)) = body.get_mut("nextLink") else { return false };
    link.insert_str(0, &base);
    true
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut file = GzEncoder::new(Vec::new(), Compression::fast());
    file.write_all(bytes)?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::YesNo;

    fn dress(body: &Value, settings: &Settings) -> Answer {
        dressed(Answer::json(200, body), settings, "http://127.0.0.1:1", "api.test")
    }

    fn text(answer: &Answer) -> &str {
        str::from_utf8(&answer.body).unwrap()
    }

    #[test]
    fn a_next_link_begins_as_it_is_set() {
        let body = json!({"value": [1], "nextLink": "/a?b"});
        for (next_link_host, expected) in [
            (NextLinkHost::Path, "/a?b"),
            (NextLinkHost::Url, "http://127.0.0.1:1/a?b"),
            (NextLinkHost::OtherHost, "https://protimeapi-7.internal.invalid:8443/a?b"),
            (NextLinkHost::Http, "http://api.test/a?b"),
        ] {
            let answer = dress(&body, &Settings { next_link_host, ..Settings::default() });
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(body["nextLink"], expected);
        }
    }

    #[test]
    fn an_empty_list_is_what_it_is_set_to_be() {
        let (empty, linked) = (json!({"value": []}), json!({"value": [], "nextLink": "/a"}));
        let with = |body, empty_list| dress(body, &Settings { empty_list, ..Settings::default() });
        assert_eq!(text(&with(&empty, EmptyList::Array)), r#"{"value":[]}"#);
        assert_eq!(text(&with(&empty, EmptyList::Null)), r#"{"value":null}"#);
        assert_eq!(with(&empty, EmptyList::NoContent), Answer::empty(204));
        assert!(text(&with(&linked, EmptyList::NoContent)).contains(r#""value":null"#));
        assert_eq!(text(&with(&json!({"value": [1]}), EmptyList::Null)), r#"{"value":[1]}"#);
    }

    #[test]
    fn the_mark_comes_before_the_json_and_the_compression_around_both() {
        let body = json!({"value": [1]});
        let marked = dress(&body, &Settings { bom: YesNo::Yes, ..Settings::default() });
        assert_eq!(text(&marked), "\u{feff}{\"value\":[1]}");
        let both = Settings { bom: YesNo::Yes, gzip: YesNo::Yes, ..Settings::default() };
        let packed = dress(&body, &both);
        assert!(packed.body.starts_with(b"\x1f\x8b\x08"));
        assert!(packed.headers.iter().any(|(name, value)| name == "content-encoding" && value == "gzip"));
        let html = Answer::html(502, "x");
        assert_eq!(dressed(html.clone(), &both, "", ""), html);
        let file = gzip(b"123456789").unwrap();
        assert_eq!(file[file.len() - 8..file.len() - 4], 0xcbf4_3926_u32.to_le_bytes());
    }

    #[test]
    fn what_is_packed_is_read_by_others() {
        let bytes = "0123456789".repeat(20_000);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("packed.gz");
        std::fs::write(&file, gzip(bytes.as_bytes()).unwrap()).unwrap();
        let read = std::process::Command::new("gzip").arg("-dc").arg(&file).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        assert_eq!(read.stdout, bytes.as_bytes());
    }
}
