//! The cap on POSTs that no plan explains, as a table.

use super::*;
use crate::domain::post::PostOutcome;

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]
fn the_cap_on_unplanned_posts() {
    use Reason::*;
    check(&[
        (
            "one of two used",
            |r| {
                r.remote = listed("two", "Enabled", 1_300);
                r.posted(&[1_050]);
            },
            1_100,
            Action::Begin(ForeignRotation),
        ),
        (
            "two of two used: until the first of them is an hour old",
            |r| {
                r.remote = listed("two", "Enabled", 1_300);
                r.posted(&[1_050, 1_060]);
            },
            1_400,
            contended(1_050 + 3_600),
        ),
        (
            "the first of them may have been posted last, before our clock was set back",
            |r| {
                r.remote = listed("two", "Enabled", 1_300);
                r.posted(&[1_060, 1_050]);
            },
            1_400,
            contended(1_050 + 3_600),
        ),
        (
            "or until its planned time, when another reason may explain a POST",
            |r| {
                r.remote = listed("one", "Disabled", 1_300);
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            contended(1_200),
        ),
        (
            "what is older than an hour does not count",
            |r| {
                r.remote = listed("two", "Enabled", 1_300);
                r.posted(&[1_050, 1_060]);
            },
            1_050 + 3_600,
            Action::Begin(ForeignRotation),
        ),
        ("a planned one is never capped", |r| r.posted(&[1_050, 1_060]), 1_200, Action::Begin(Expiring)),
        (
            "nor one after the planned time",
            |r| {
                r.remote = listed("one", "Disabled", 1_300);
                r.posted(&[1_050, 1_060]);
            },
            1_250,
            Action::Begin(Disabled),
        ),
        (
            "nor does a webhook without a planned time get round it, before its end",
            |r| {
                r.remote = listed("one", "Disabled", 1_300);
                r.next_renewal_at = None;
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            contended(1_300),
        ),
        (
            "nor one whose life ended as it began: the clock of a proxy is wrong, say",
            |r| {
                r.remote = listed("one", "Enabled", 900);
                r.registration.as_mut().expect("healthy").valid_until = Some(at(900));
                r.next_renewal_at = Some(at(900));
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            contended(1_050 + 3_600),
        ),
        (
            "a first POST whose outcome stays unknown waits for its retries, not for the cap",
            |r| {
                r.registration = None;
                r.next_renewal_at = None;
                r.active = open(Stage::Post, Created);
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            Action::Post { unplanned: false },
        ),
        (
            "but by the cap as well, once it is known that keys are issued which no one gets",
            |r| {
                r.registration = None;
                r.next_renewal_at = None;
                r.posted_with(PostOutcome::Fruitless);
                r.active = open(Stage::Post, Interrupted);
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            contended(1_050 + 3_600),
        ),
        (
            "whatever the reason was",
            |r| {
                r.posted_with(PostOutcome::Fruitless);
                r.active = open(Stage::Post, Expiring);
                r.posted(&[1_250, 1_260]);
            },
            1_310,
            contended(1_250 + 3_600),
        ),
        (
            "and however little is known",
            |r| {
                r.registration = None;
                r.next_renewal_at = None;
                r.remote = Remote::Absent { seen_at: at(1_090) };
                r.posted_with(PostOutcome::Fruitless);
                r.active = open(Stage::Post, Created);
                r.posted(&[1_050]);
            },
            1_100,
            Action::Post { unplanned: true },
        ),
        (
            "an operator's wish does not wait",
            |r| {
                r.posted_with(PostOutcome::Fruitless);
                r.active = open(Stage::Post, Manual);
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            Action::Post { unplanned: false },
        ),
        (
            "an open renewal does not get round it",
            |r| {
                r.active = open(Stage::Post, ForeignRotation);
                r.posted(&[1_050, 1_060]);
            },
            1_400,
            contended(1_050 + 3_600),
        ),
    ]);
}
