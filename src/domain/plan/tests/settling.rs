//! Lists that may be older than our POST, and ends that only Protime itself can have set.

use super::*;
use crate::domain::state::{Recheck, Shown};

/// What a list that was asked for at this time shows.
fn seen(second: i64, id: &str, valid_until: i64) -> Remote {
    let Remote::Listed(seen) = listed(id, "Enabled", valid_until) else { unreachable!("it is listed") };
    Remote::Listed(ListedWebhook { seen_at: at(second), ..seen })
}

/// What our POST made, with an end that is not the one that Protime answered; seen at 1,100.
fn cut_short(status: &str, valid_until: i64) -> Remote {
    let Remote::Listed(seen) = listed("one", status, valid_until) else { unreachable!("it is listed") };
    Remote::Listed(ListedWebhook { seen_at: at(1_100), ..seen })
}

#[test]
fn a_list_right_after_our_post_may_be_older_than_it() {
    check(&[
        ("gone", |r| r.remote = Remote::Absent { seen_at: at(1_002) }, 1_002, wait(1_003)),
        (
            "gone, in a list that was asked for after the POST and before its answer was stored",
            |r| r.remote = Remote::Absent { seen_at: at(999) },
            1_002,
            wait(1_003),
        ),
        (
            "so it is asked again",
            |r| r.remote = Remote::Absent { seen_at: at(1_002) },
            1_003,
            Action::Recheck,
        ),
        ("later and later", |r| r.remote = Remote::Absent { seen_at: at(1_003) }, 1_003, wait(1_010)),
        ("and at last", |r| r.remote = Remote::Absent { seen_at: at(1_059) }, 1_059, wait(1_060)),
        (
            "and then believed",
            |r| r.remote = Remote::Absent { seen_at: at(1_060) },
            1_060,
            Action::Begin(Reason::Missing),
        ),
        (
            "or where lists have shown it already",
            |r| {
                r.registration.as_mut().expect("healthy").shown =
                    Some(Shown { valid_until: Some(at(1_300)) });
                r.remote = Remote::Absent { seen_at: at(1_003) };
            },
            1_003,
            Action::Begin(Reason::Missing),
        ),
        (
            "which is asked again as well",
            |r| {
                r.registration.as_mut().expect("healthy").shown =
                    Some(Shown { valid_until: Some(at(1_300)) });
                r.remote = Remote::Absent { seen_at: at(1_002) };
            },
            1_002,
            wait(1_003),
        ),
        ("an earlier end", |r| r.remote = seen(1_002, "zero", 900), 1_002, wait(1_003)),
        ("for a minute", |r| r.remote = seen(1_031, "one", 900), 1_031, wait(1_060)),
        (
            "and no longer",
            |r| r.remote = seen(1_060, "two", 1_250),
            1_060,
            Action::Begin(Reason::ForeignRotation),
        ),
        (
            "what is asked for another reason is asked then",
            |r| {
                r.remote = Remote::Absent { seen_at: at(1_031) };
                r.recheck = Some(Recheck { at: at(1_040), until: at(1_300) });
            },
            1_031,
            wait(1_040),
        ),
        (
            "a later end is someone else's",
            |r| r.remote = listed("one", "Enabled", 1_301),
            1_002,
            Action::Begin(Reason::ForeignRotation),
        ),
        (
            "the end that we know",
            |r| r.remote = listed("one", "Disabled", 1_300),
            1_002,
            Action::Begin(Reason::Disabled),
        ),
        (
            "a list that says of itself that it is older, since the clock was set back",
            |r| r.remote = Remote::Absent { seen_at: at(900) },
            901,
            Action::Begin(Reason::Missing),
        ),
    ]);
}

#[test]
fn an_earlier_end_is_not_someone_elses_post() {
    check(&[
        ("it came", |r| r.remote = cut_short("Enabled", 1_150), 1_160, Action::Begin(Reason::Expired)),
        (
            "it is to come, and disabled",
            |r| r.remote = cut_short("Disabled", 1_250),
            1_160,
            Action::Begin(Reason::Disabled),
        ),
        (
            "it is to come",
            |r| r.remote = cut_short("Enabled", 1_250),
            1_160,
            Action::Begin(Reason::ForeignRotation),
        ),
        (
            "it came, and counts towards the cap like everything that no plan explains",
            |r| {
                r.remote = cut_short("Enabled", 1_150);
                r.posted(&[1_155, 1_156]);
            },
            1_160,
            contended(1_200),
        ),
    ]);
}
