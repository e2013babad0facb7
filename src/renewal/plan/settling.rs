//! Lists that may be older than our POST, and ends that only Protime itself can have set.

use super::{
    tests::{at, check, listed, wait},
    *,
};

/// What our POST made, with an end that is not the one that Protime answered; seen at 1,100.
fn cut_short(status: &str, valid_until: i64) -> Remote {
    let Remote::Listed(seen) = listed("one", status, valid_until) else { unreachable!("it is listed") };
    Remote::Listed(Listed { seen_at: at(1_100), ..seen })
}

#[test]
fn a_list_right_after_our_post_may_be_older_than_it() {
    check(&[
        ("gone", |r| r.remote = Remote::Absent { seen_at: at(1_002) }, 1_002, wait(1_003)),
        ("so it is asked again", |r| r.remote = Remote::Absent { seen_at: at(1_002) }, 1_003, Plan::Confirm),
        (
            "and then believed",
            |r| r.remote = Remote::Absent { seen_at: at(1_003) },
            1_003,
            Plan::Begin(Reason::Missing),
        ),
        ("an earlier end", |r| r.remote = listed("zero", "Disabled", 900), 1_002, wait(1_003)),
        (
            "a later end is somebody else's",
            |r| r.remote = listed("one", "Enabled", 1_301),
            1_002,
            Plan::Begin(Reason::ForeignRotation),
        ),
        (
            "the end that we know",
            |r| r.remote = listed("one", "Disabled", 1_300),
            1_002,
            Plan::Begin(Reason::Disabled),
        ),
        (
            "a list that says of itself that it is older, since the clock was set back",
            |r| r.remote = Remote::Absent { seen_at: at(900) },
            901,
            Plan::Begin(Reason::Missing),
        ),
    ]);
}

#[test]
fn an_earlier_end_is_not_somebody_elses_post() {
    check(&[
        ("it came", |r| r.remote = cut_short("Enabled", 1_150), 1_160, Plan::Begin(Reason::Expired)),
        (
            "it is to come, and disabled",
            |r| r.remote = cut_short("Disabled", 1_250),
            1_160,
            Plan::Begin(Reason::Disabled),
        ),
        (
            "it is to come",
            |r| r.remote = cut_short("Enabled", 1_250),
            1_160,
            Plan::Begin(Reason::ForeignRotation),
        ),
        (
            "it came, and counts towards the cap like everything that no plan explains",
            |r| {
                r.remote = cut_short("Enabled", 1_150);
                r.unplanned = vec![at(1_155), at(1_156)];
            },
            1_160,
            Plan::Wait { until: Some(at(1_155) + HOUR), contended: true },
        ),
    ]);
}
