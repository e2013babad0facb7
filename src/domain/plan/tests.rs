//! The decisions as a table: one situation a row.

mod cap;
mod deadlines;
mod gaps;
mod keep_alive;
pub(crate) mod model;
mod recognised;
mod settling;
mod sinks;
mod states;

use super::*;
use crate::domain::{
    grain::Grain,
    post::{Post, PostId, PostOutcome},
    renewal::{ActiveRenewal, RetryState},
    state::{Recheck, Registration, WebhookId},
    webhook::{Pair, TenantName, WebhookName, WebhookPath},
};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("in range")
}

fn now(second: i64) -> Now {
    Now { local: at(second), protime: at(second) }
}

fn policy() -> Policy {
    Policy {
        references: String::new(),
        max_unplanned_per_hour: 2,
        longest_retry: Duration::from_mins(15),
        keep_warm: None,
        resyncs: true,
    }
}

fn listed(id: &str, status: &str, valid_until: i64) -> Remote {
    Remote::Listed(ListedWebhook {
        id: id.to_owned(),
        status: status.to_owned().into(),
        status_since: at(1_000),
        valid_until: Some(at(valid_until)),
        seen_at: at(1_000),
        local_end: false,
        grain: Grain::Minute,
    })
}

/// A webhook issued at 1,000, planned for 1,200, valid until 1,300, as Protime lists it.
fn healthy() -> WebhookState {
    let path = WebhookPath {
        tenant: TenantName::new("acme").expect("a name"),
        name: WebhookName::new("clockings").expect("a name"),
    };
    let pair = Pair { destination_url: "https://r.example/c".to_owned(), collection: "clockings".to_owned() };
    WebhookState {
        id: WebhookId(1),
        configured: true,
        remote: listed("one", "Enabled", 1_300),
        registration: Some(Registration {
            id: Some("one".to_owned()),
            valid_until: Some(at(1_300)),
            at: at(1_000),
            references: String::new(),
            key_version: 1,
            fingerprint: "00000000".to_owned(),
            rotated_at: at(1_000),
            local_end: false,
            grain: Grain::Minute,
            shown: None,
        }),
        next_renewal_at: Some(at(1_200)),
        proven_at: Some(at(1_000)),
        synced_at: Some(at(1_000)),
        ..WebhookState::new(path, pair)
    }
}

fn post(id: u64, second: i64, unplanned: bool, outcome: PostOutcome) -> Post {
    Post { id: PostId(id), begun_at: at(second), unplanned, outcome, before_rotation: false }
}

impl WebhookState {
    /// Unplanned POSTs began then.
    fn posted(&mut self, seconds: &[i64]) {
        let posts = (1..).zip(seconds).map(|(id, second)| post(id, *second, true, PostOutcome::Answered));
        self.posts.extend(posts);
    }

    /// There was a planned POST with this outcome.
    fn posted_with(&mut self, outcome: PostOutcome) {
        self.posts.push(post(99, 1_000, false, outcome));
    }
}

#[expect(clippy::unnecessary_wraps, reason = "rows assign it to the field as it is")]
fn open(stage: Stage, reason: Reason) -> Option<ActiveRenewal> {
    Some(ActiveRenewal {
        id: 7,
        reason,
        stage,
        started_at: at(1_000),
        steps: 0,
        begun: [0; 5],
        running: None,
        handing_off: None,
        post: None,
        put_off: None,
        progress: None,
    })
}

#[expect(clippy::unnecessary_wraps, reason = "rows assign it to the field as it is")]
fn retry(kind: RetryKind, retry_at: i64) -> Option<RetryState> {
    Some(RetryState {
        at: at(1_100),
        since: at(1_100),
        step: Step::Post,
        message: "no".to_owned(),
        kind,
        attempts: 1,
        retry_at: at(retry_at),
    })
}

fn wait(until: i64) -> Action {
    Action::Wait { until: Some(at(until)), contended: false }
}

fn contended(until: i64) -> Action {
    Action::Wait { until: Some(at(until)), contended: true }
}

/// One situation: what it is called, how it differs from a healthy webhook, when, and what to do.
type Row = (&'static str, fn(&mut WebhookState), i64, Action);

fn check(rows: &[Row]) {
    for (name, change, second, expected) in rows {
        let mut state = healthy();
        change(&mut state);
        assert_eq!(&plan(&state, &policy(), now(*second)), expected, "{name}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]
fn without_an_active_renewal() {
    use Reason::*;
    check(&[
        ("healthy: until its planned time", |_| {}, 1_100, wait(1_200)),
        ("its planned time came", |_| {}, 1_200, Action::Begin(Expiring)),
        ("its end came", |_| {}, 1_300, Action::Begin(Expired)),
        (
            "disabled before its end",
            |r| r.remote = listed("one", "Disabled", 1_300),
            1_100,
            Action::Begin(Disabled),
        ),
        (
            "disabled at its end",
            |r| r.remote = listed("one", "Disabled", 1_300),
            1_300,
            Action::Begin(Expired),
        ),
        ("gone", |r| r.remote = Remote::Absent { seen_at: at(1_100) }, 1_100, Action::Begin(Missing)),
        (
            "never created",
            |r| {
                r.remote = Remote::Absent { seen_at: at(1_100) };
                r.registration = None;
                r.next_renewal_at = None;
            },
            1_100,
            Action::Begin(Created),
        ),
        (
            "there, but no key",
            |r| {
                r.registration = None;
                r.next_renewal_at = None;
            },
            1_100,
            Action::Begin(UnknownKey),
        ),
        (
            "never asked: not guessed",
            |r| {
                r.remote = Remote::NeverAsked;
                r.registration = None;
                r.next_renewal_at = None;
            },
            1_100,
            Action::Wait { until: None, contended: false },
        ),
        ("another id", |r| r.remote = listed("two", "Enabled", 1_300), 1_100, Action::Begin(ForeignRotation)),
        (
            "another end",
            |r| r.remote = listed("one", "Enabled", 1_400),
            1_100,
            Action::Begin(ForeignRotation),
        ),
        (
            "the same end but for fractional digits",
            |r| {
                r.registration.as_mut().expect("healthy").valid_until =
                    Some(at(1_300) - SignedDuration::from_millis(999));
            },
            1_100,
            wait(1_200),
        ),
        (
            "another end within the same second",
            |r| {
                r.registration.as_mut().expect("healthy").valid_until =
                    Some(at(1_300) + SignedDuration::from_millis(100));
                let Remote::Listed(listed) = &mut r.remote else { unreachable!("healthy") };
                listed.valid_until = Some(at(1_300) + SignedDuration::from_millis(400));
            },
            1_100,
            Action::Begin(ForeignRotation),
        ),
        (
            "another end while our own POST may be late",
            |r| {
                r.remote = listed("one", "Enabled", 1_400);
                r.recheck = Some(Recheck { at: at(1_050), until: at(1_110) });
            },
            1_100,
            Action::Begin(Interrupted),
        ),
        (
            "to be asked again",
            |r| r.recheck = Some(Recheck { at: at(1_050), until: at(1_110) }),
            1_060,
            Action::Recheck,
        ),
        (
            "other references",
            |r| r.registration.as_mut().expect("healthy").references = "(people,@badge-number)".to_owned(),
            1_100,
            Action::Begin(ReferencesChanged),
        ),
        ("an unknown status", |r| r.remote = listed("one", "Uninitialized", 1_300), 1_100, wait(1_200)),
        (
            "an unknown status that stays",
            |r| {
                r.remote = listed("one", "Uninitialized", 9_000);
                r.registration.as_mut().expect("healthy").valid_until = Some(at(9_000));
                r.next_renewal_at = Some(at(8_000));
            },
            1_000 + 15 * 60,
            Action::Begin(Disabled),
        ),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table is as long as it has rows")]
fn with_an_active_renewal() {
    use Reason::*;
    check(&[
        ("resync", |r| r.active = open(Stage::Resync, Expiring), 1_200, Action::Resync),
        ("post", |r| r.active = open(Stage::Post, Expiring), 1_200, Action::Post { unplanned: false }),
        (
            "post, unplanned",
            |r| r.active = open(Stage::Post, Disabled),
            1_100,
            Action::Post { unplanned: true },
        ),
        (
            "a POST of unknown outcome",
            |r| r.active = open(Stage::Posting, Expiring),
            1_200,
            Action::ResolveOutcome,
        ),
        ("rotate", |r| r.active = open(Stage::Rotate, Expiring), 1_200, Action::Rotate),
        (
            "whatever went wrong before the answer came",
            |r| {
                r.active = open(Stage::Rotate, Expiring);
                r.retry = retry(RetryKind::Transient, 1_500);
            },
            1_200,
            Action::Rotate,
        ),
        (
            "but not for an answer that has no key in it",
            |r| {
                r.active = open(Stage::Rotate, Expiring);
                r.retry = retry(RetryKind::Transient, 1_500);
                r.retry.as_mut().expect("some").step = Step::Rotate;
            },
            1_200,
            wait(1_500),
        ),
        ("hand off, without a sink", |r| r.active = open(Stage::HandOff, Created), 1_100, Action::Settle),
        ("catch up", |r| r.active = open(Stage::CatchUp, Created), 1_100, Action::CatchUp),
        (
            "a failure is waited for",
            |r| {
                r.active = open(Stage::Post, Expiring);
                r.retry = retry(RetryKind::Transient, 1_210);
            },
            1_205,
            wait(1_210),
        ),
        (
            "a wait computed on another clock is not",
            |r| {
                r.active = open(Stage::Post, Expiring);
                r.retry = retry(RetryKind::Transient, 1_000_000);
            },
            1_205,
            Action::Post { unplanned: false },
        ),
        (
            "nor one that began on another clock, however near its end",
            |r| {
                r.active = open(Stage::Post, Expiring);
                r.retry = retry(RetryKind::Transient, 1_800);
                r.retry.as_mut().expect("some").at = at(1_790);
            },
            1_205,
            Action::Post { unplanned: false },
        ),
        (
            "a catch-up that keeps failing does not keep the webhook from being renewed",
            |r| {
                r.active = open(Stage::CatchUp, Created);
                r.owed = Some(Gap { from: None, to: at(1_000) });
                r.retry = retry(RetryKind::Transient, 1_500);
            },
            1_200,
            Action::Supersede(Expiring),
        ),
        (
            "a running one may finish first",
            |r| r.active = open(Stage::CatchUp, Created),
            1_200,
            Action::CatchUp,
        ),
        (
            "but not while the key is dead",
            |r| {
                r.active = open(Stage::CatchUp, Created);
                r.remote = listed("one", "Disabled", 1_300);
            },
            1_100,
            Action::Supersede(Disabled),
        ),
        (
            "unless the cap forbids the POST: then what is owed is paid",
            |r| {
                r.active = open(Stage::CatchUp, Created);
                r.remote = listed("one", "Disabled", 1_300);
                r.posted(&[1_050, 1_060]);
            },
            1_100,
            Action::CatchUp,
        ),
    ]);
}

#[test]
fn deadlines_are_judged_on_protimes_clock() {
    let ahead = Now { local: at(1_100), protime: at(1_200) };
    assert_eq!(plan(&healthy(), &policy(), ahead), Action::Begin(Reason::Expiring));
    let behind = Now { local: at(1_250), protime: at(1_150) };
    assert_eq!(plan(&healthy(), &policy(), behind), wait(1_300));
}
