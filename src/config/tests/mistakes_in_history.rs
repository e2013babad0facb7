//! Mistakes in `[history]`.

use super::*;

#[test]
fn values_of_history() {
    const TENANT: &str = "[[tenant]]\nname";
    judge(&[
        (
            TENANT,
            "[history]\nkeep = \"0d\"\n[[tenant]]\nname",
            "13:8: `keep`: \"0d\" is no time at all; write a duration above zero",
        ),
        (
            TENANT,
            "[history]\nkeep = 90\n[[tenant]]\nname",
            "13:8: `keep`: 90 is an integer; it must be a duration in double quotes, such as \"90s\"",
        ),
        (
            TENANT,
            "[history]\nkeep_rows = 0\n[[tenant]]\nname",
            "13:13: `keep_rows`: 0 is out of range; write a whole number from 1 to 1000000000",
        ),
        (
            TENANT,
            "[history]\nrows = 9\n[[tenant]]\nname",
            "13:1: unknown key `rows` in [history]; [history] knows `keep` and `keep_rows`",
        ),
    ]);
}
