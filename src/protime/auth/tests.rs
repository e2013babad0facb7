//! When a token is still used, by table.

use serde_json::Value;

use super::{grant::seconds, *};

#[test]
fn a_token_is_used_until_either_clock_says_that_it_ends() {
    let (start, start_at) = (Instant::now(), Timestamp::UNIX_EPOCH);
    let token = Token {
        header: HeaderValue::from_static("Bearer t"),
        number: 1,
        obtained: start,
        obtained_at: start_at,
        usable_for: Duration::from_secs(100),
    };
    let rows = [
        // steady clock, wall clock, usable
        (0, 0, true),
        (99, 99, true),
        (100, 99, false),
        // After a suspend, during which the steady clock stood still.
        (5, 500, false),
        // After the wall clock was set back.
        (50, -3600, true),
        (100, -3600, false),
    ];
    for (steady, wall, usable) in rows {
        let now = start + Duration::from_secs(steady);
        let now_at = Timestamp::from_second(wall).unwrap();
        assert_eq!(token.usable(now, now_at), usable, "{steady} {wall}");
    }
    assert_eq!(format!("{token:?}"), "token 1 [redacted]");
    assert_eq!(token.expose(), "t");
}

#[test]
fn a_life_is_any_json_number() {
    for (value, expected) in [("1800", 1800), ("2.0", 2), ("-1", 0), ("1e300", 24 * 3600)] {
        let value: Value = serde_json::from_str(value).unwrap();
        assert_eq!(seconds(&value), Some(Duration::from_secs(expected)), "{value}");
    }
    assert_eq!(seconds(&Value::Bool(true)), None);
}

#[test]
fn no_scopes_in_an_answer_say_nothing_of_them() {
    for (answer, expected) in [
        (r#"{"access_token":"t","scope":"a b"}"#, Some(vec!["a".to_owned(), "b".to_owned()])),
        (r#"{"access_token":"t","scope":""}"#, None),
        (r#"{"access_token":"t","scope":"  "}"#, None),
        (r#"{"access_token":"t","scope":null}"#, None),
        (r#"{"access_token":"t"}"#, None),
    ] {
        assert_eq!(grant(answer.as_bytes()).map(|grant| grant.granted), Ok(expected), "{answer}");
    }
}

#[test]
fn what_a_token_lacks() {
    let all = |scopes: &[&str]| scopes.iter().map(|scope| (*scope).to_owned()).collect::<Vec<_>>();
    let of = |asked: &[&str], granted: Option<&[&str]>| {
        Known::of(
            &all(&["r", "w", "x"]),
            &all(asked),
            granted.map(all),
            Timestamp::UNIX_EPOCH,
            Duration::from_secs(1),
        )
    };
    for (asked, granted, missing) in [
        (&["r", "w", "x"][..], Some(&["r", "w", "x"][..]), &[][..]),
        (&["r", "w", "x"], Some(&["r", "y"]), &["w", "x"]),
        (&["r", "w", "x"], None, &[]),
        (&["r", "w"], None, &["x"]),
        (&["r", "w"], Some(&["r"]), &["w", "x"]),
    ] {
        let known = of(asked, granted);
        assert_eq!(known.missing, all(missing), "{asked:?} {granted:?}");
        for scope in ["r", "w", "x"] {
            assert_eq!(known.has(scope), !missing.contains(&scope), "{asked:?} {granted:?} {scope}");
        }
        assert_eq!(known.has("y"), granted.is_some_and(|granted| granted.contains(&"y")));
        assert_eq!(known.lacks(&["r", "x"]), missing.contains(&"x"));
    }
    let mut later = of(&["r", "w"], None);
    later.missing_since = Some(Timestamp::MAX);
    assert_eq!(later.after(&of(&["r", "w"], None)).missing_since, Some(Timestamp::UNIX_EPOCH));
}
