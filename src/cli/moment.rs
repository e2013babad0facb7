//! Times as a person says them: `in 3 h 12 m`, `2 h ago`. `now` is always an argument.

use jiff::Timestamp;

/// A moment relative to now: what is to come in two units, what is past in one.
pub(super) fn relative(now: Timestamp, at: Timestamp) -> String {
    let seconds = (at.as_millisecond() - now.as_millisecond()).div_euclid(1000);
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {}", two_units(seconds.unsigned_abs())),
        _ => ago(now, at),
    }
}

/// When something is to happen: what should have happened by now happens now.
pub(super) fn due(now: Timestamp, at: Timestamp) -> String {
    if at > now { relative(now, at) } else { "now".to_owned() }
}

pub(super) fn ago(now: Timestamp, at: Timestamp) -> String {
    match (now.as_millisecond() - at.as_millisecond()) / 1000 {
        ..1 => "just now".to_owned(),
        seconds => format!("{} ago", one_unit(seconds.unsigned_abs())),
    }
}

pub(super) fn expiry(now: Timestamp, at: Timestamp) -> String {
    if at > now { relative(now, at) } else { format!("expired {}", ago(now, at)) }
}

pub(super) fn took(from: Timestamp, to: Timestamp) -> String {
    let milliseconds = (to.as_millisecond() - from.as_millisecond()).max(0).unsigned_abs();
    match milliseconds {
        ..1_000 => format!("{milliseconds} ms"),
        1_000..60_000 => format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100),
        _ => two_units(milliseconds / 1000),
    }
}

pub(super) fn exact(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

pub(super) fn both(now: Timestamp, at: Timestamp) -> String {
    format!("{} ({})", exact(at), due(now, at))
}

pub(super) fn end(now: Timestamp, at: Timestamp) -> String {
    format!("{} ({})", exact(at), expiry(now, at))
}

const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];

fn one_unit(seconds: u64) -> String {
    let (size, unit) = UNITS.into_iter().find(|(size, _)| seconds >= *size).unwrap_or((1, "s"));
    format!("{} {unit}", seconds / size)
}

fn two_units(seconds: u64) -> String {
    let first = UNITS.iter().position(|(size, _)| seconds >= *size).unwrap_or(UNITS.len() - 1);
    let parts = UNITS.iter().skip(first).take(2).scan(seconds, |rest, (size, unit)| {
        let count = *rest / size;
        *rest %= size;
        Some((count, unit))
    });
    let parts: Vec<_> =
        parts.filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn after(milliseconds: i64) -> Timestamp {
        Timestamp::from_millisecond(NOW.as_millisecond() + milliseconds).expect("in range")
    }

    #[test]
    fn moments_are_said_as_a_person_says_them() {
        let (minute, hour, day) = (60, 3600, 86_400);
        for (seconds, said) in [
            (0, "now"),
            (45, "in 45 s"),
            (4 * minute, "in 4 m"),
            (4 * minute + 9, "in 4 m 9 s"),
            (3 * hour + 12 * minute + 59, "in 3 h 12 m"),
            (3 * hour + 9, "in 3 h"),
            (2 * day + 4 * hour, "in 2 d 4 h"),
            (400 * day, "in 400 d"),
            (-1, "1 s ago"),
            (-59, "59 s ago"),
            (-4 * minute - 30, "4 m ago"),
            (-2 * hour - 59 * minute, "2 h ago"),
            (-3 * day, "3 d ago"),
        ] {
            assert_eq!(relative(NOW, after(seconds * 1000)), said, "{seconds}");
        }
        assert_eq!(relative(NOW, after(999)), "now");
        assert_eq!(relative(NOW, after(-500)), "just now");
    }

    #[test]
    fn an_expiry_is_to_come_or_over() {
        assert_eq!(expiry(NOW, after(60_000)), "in 1 m");
        assert_eq!(expiry(NOW, after(-250_000)), "expired 4 m ago");
        assert_eq!(expiry(NOW, NOW), "expired just now");
    }

    #[test]
    fn durations_are_as_fine_as_they_are_short() {
        for (milliseconds, said) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_290, "1.2 s"),
            (59_999, "59.9 s"),
            (60_000, "1 m"),
            (185_000, "3 m 5 s"),
            (-5, "0 ms"),
        ] {
            assert_eq!(took(NOW, after(milliseconds)), said);
        }
    }

    #[test]
    fn a_moment_in_full_is_in_utc() {
        assert_eq!(both(NOW, after(60_000)), "2027-01-15 08:01:00 UTC (in 1 m)");
        assert_eq!(both(NOW, after(-60_000)), "2027-01-15 07:59:00 UTC (now)");
    }
}
