//! What goes and what stays, by table.

use super::*;

const DAY: Duration = Duration::from_hours(24);

fn at(day: i64) -> Timestamp {
    Timestamp::from_second(day * 86_400).expect("in range")
}

/// A renewal of ten rows that ended on this day.
fn of_day(day: i64) -> Past {
    Past { webhook: WebhookId(1), nth: 1, ended_at: Some(at(day)), rows: 10 }
}

fn surplus() -> Past {
    Past { ended_at: None, ..of_day(0) }
}

fn saved(days: u32, rows: u64) -> Allowance {
    let mut allowance = Allowance::default();
    allowance.grow(DAY * days, rows);
    allowance
}

#[test]
fn what_goes_by_table() {
    let plenty = saved(1, 1_000_000);
    let none = Allowance::default();
    let rows: &[(&str, &[Past], u64, Allowance, usize)] = &[
        ("nothing is there", &[], 0, plenty, 0),
        ("all is young", &[of_day(91), of_day(95)], 20, plenty, 0),
        ("what is exactly as old as is kept goes", &[of_day(90), of_day(91)], 20, plenty, 1),
        (
            "what is old goes, up to the first that is not",
            &[of_day(1), of_day(89), of_day(95)],
            30,
            plenty,
            2,
        ),
        ("what is old stays until time has passed", &[of_day(1), of_day(2)], 20, none, 0),
        ("there are too many rows, however young", &[of_day(99), of_day(99), of_day(100)], 1_015, none, 2),
        ("as many rows as are kept", &[of_day(99), of_day(99)], 1_000, none, 0),
        ("what has too many newer ones goes in any case", &[surplus(), of_day(99)], 20, none, 1),
        ("what ended in the future of a wrong clock is young", &[of_day(4_000)], 10, plenty, 0),
        ("a step is limited", &[of_day(1); 80], 800, plenty, 50),
        (
            "one that is longer than a step goes alone",
            &[Past { rows: 9_000, ..of_day(1) }; 2],
            18_000,
            none,
            1,
        ),
    ];
    let retention = Retention { keep: DAY * 10, keep_rows: 1_000 };
    for (what, past, rows, allowance, goes) in rows {
        let mut allowance = *allowance;
        assert_eq!(retention.forgotten(past, *rows, &mut allowance, at(100)), *goes, "{what}");
    }
}

/// Lets a clock stand a hundred years ahead, and returns after how many days so much of the history is left.
fn days_until(left: u64, keep: Duration) -> u32 {
    let retention = Retention { keep, keep_rows: 1_000_000 };
    let (mut rows, mut allowance) = (10_000_u64, Allowance::default());
    for quarter in 0.. {
        if rows <= left {
            return quarter / 4;
        }
        allowance.grow(DAY / 4, rows);
        loop {
            let gone = retention.forgotten(&[of_day(1); 50], rows, &mut allowance, at(36_500));
            if gone == 0 || rows == 0 {
                break;
            }
            rows = rows.saturating_sub(10 * gone as u64);
        }
    }
    unreachable!("it goes at last")
}

#[test]
fn a_clock_that_jumps_forwards_does_not_cost_everything_at_once() {
    assert!(days_until(9_000, DAY * 90) >= 2, "the first tenth");
    assert!(days_until(5_000, DAY * 90) >= 15, "the first half");
    assert!(days_until(100, DAY * 90) <= 180, "what is old goes at last");
}

#[test]
fn what_comes_evenly_goes_as_evenly() {
    let retention = Retention { keep: DAY * 10, keep_rows: 1_000_000 };
    // A renewal a day of a single webhook: the history is small, and stays so.
    let (mut past, mut allowance): (Vec<Past>, _) = (Vec::new(), Allowance::default());
    for day in 0..200 {
        past.push(of_day(day));
        let rows = 10 * past.len() as u64;
        allowance.grow(DAY, rows);
        let gone = retention.forgotten(&past, rows, &mut allowance, at(day));
        past.drain(..gone);
        assert!(past.len() <= 11, "{} on day {day}", past.len());
    }
    assert!(past.len() >= 10);
}

#[test]
fn what_is_saved_up_is_limited() {
    assert_eq!(saved(400, 1_000), saved(1, 1_000));
    assert!(saved(1, 1_000) > Allowance::default());
}
