//! When a token is still used, by table.

use super::*;

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
