//! What lists change, and what they do not.

use super::*;
use crate::domain::{
    state::{LastList, Standing},
    webhook::{ExternalReference, RemoteStatus, RemoteWebhook},
};

pub(super) fn entry(id: &str) -> RemoteWebhook {
    RemoteWebhook {
        id: id.to_owned(),
        pair: Pair { destination_url: "https://r.example/c".to_owned(), collection: "clockings".to_owned() },
        status: RemoteStatus::Enabled,
        valid_until: Some(at(500)),
        local_end: false,
        references: None,
    }
}

impl Bench {
    pub(super) fn list_with(&mut self, grain: Grain, entry: Option<RemoteWebhook>, second: i64) -> bool {
        let seen = Seen {
            post_marks: self.state.post_marks,
            entry,
            grain,
            asked_at: at(second),
            asked_at_protime: Some(at(second)),
            schedule: schedule(),
        };
        self.happen(&Event::Listed(Box::new(seen)), second)
    }

    fn list(&mut self, entry: Option<RemoteWebhook>, second: i64) -> bool {
        self.list_with(Grain::Minute, entry, second)
    }
}

#[test]
fn a_list_that_is_older_than_a_post_is_not_believed() {
    let mut bench = Bench::new(&[]);
    let before = bench.state.post_marks;
    bench.rotate("one");
    let seen = |post_marks| Seen {
        post_marks,
        entry: Some(entry("other")),
        grain: Grain::Minute,
        asked_at: at(120),
        asked_at_protime: None,
        schedule: schedule(),
    };
    assert!(!bench.happen(&Event::Listed(Box::new(seen(before))), 120));
    assert!(bench.happen(&Event::Listed(Box::new(seen(bench.state.post_marks))), 120));
    assert!(matches!(&bench.state.remote, Remote::Listed(listed) if listed.id == "other"));

    let before = bench.state.post_marks;
    bench.happen(&Event::Imported(key("theirs"), String::new()), 130);
    assert!(!bench.happen(&Event::Listed(Box::new(seen(before))), 131), "nor older than an import");
    assert_eq!(bench.state.remote, Remote::NeverAsked);
}

#[test]
fn a_list_that_changes_nothing_writes_nothing_and_proves_all_the_same() {
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    bench.finish();
    assert!(bench.list(Some(entry("id-of-one")), 120));
    assert_eq!((bench.state.proven_at, bench.state.standing), (Some(at(120)), Standing::Proven));
    let first = bench.state.clone();
    assert!(!bench.list(Some(entry("id-of-one")), 180));
    assert_eq!(bench.state, first);
    let list = LastList { asked_at: at(180), asked_at_protime: Some(at(180)) };
    let seen = bench.state.clone().seen_in(list);
    assert_eq!(seen.proven_at, Some(at(180)));
    assert!(matches!(&seen.remote, Remote::Listed(listed) if listed.seen_at == at(180)));

    // What comes between two lists ends what the first one stands for.
    bench.begin(Reason::Manual, None, 190);
    let list = LastList { asked_at: at(200), asked_at_protime: Some(at(200)) };
    assert_eq!(bench.state.clone().seen_in(list).proven_at, Some(at(120)));
    assert!(bench.list(Some(entry("id-of-one")), 201), "so the next one is written");

    // So does its end: a list of after it proves nothing.
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    bench.finish();
    bench.list(Some(entry("id-of-one")), 120);
    assert!(bench.list(Some(entry("id-of-one")), 501));
    assert_eq!((bench.state.proven_at, bench.state.standing), (Some(at(120)), Standing::Seen));
}

#[test]
fn a_proof_is_never_taken_back_by_an_older_one() {
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    bench.finish();
    for (second, expected) in [(200, 200), (150, 200), (300, 300)] {
        bench.state.standing = Standing::No;
        bench.list(Some(entry("id-of-one")), second);
        assert_eq!(bench.state.proven_at, Some(at(expected)));
    }
}

#[test]
fn references_that_the_list_shows_take_the_place_of_those_that_were_stored() {
    let mut bench = Bench::new(&[]);
    bench.rotate("one");
    let reference =
        |name: &str| ExternalReference { collection: "people".to_owned(), reference: name.to_owned() };
    for (listed, expected) in [
        (None, ""),
        (Some(vec![reference("@badge-number"), reference("own")]), "(people,@badge-number)(people,own)"),
        (None, "(people,@badge-number)(people,own)"),
        (Some(Vec::new()), ""),
    ] {
        bench.list(Some(RemoteWebhook { references: listed, ..entry("id-of-one") }), 120);
        assert_eq!(bench.state.registration.as_ref().expect("rotated").references, expected);
    }
}

#[test]
fn a_status_is_not_seen_since_a_time_that_is_still_to_come() {
    let mut bench = Bench::new(&[]);
    for (asked_at, expected) in [(90_000, 90_000), (3_000, 3_000), (4_000, 3_000)] {
        let status = RemoteStatus::Other("Uninitialized".to_owned());
        bench.list(Some(RemoteWebhook { status, ..entry("one") }), asked_at);
        match &bench.state.remote {
            Remote::Listed(listed) => assert_eq!(listed.status_since, at(expected)),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_first_list_that_shows_our_post_teaches_what_its_answer_lacked() {
    let mut bench = Bench::new(&[]);
    bench.rotate_with(Rotation { id: None, valid_until: None, ..rotation("one") });
    bench.finish();
    assert!(bench.state.recheck.is_some());
    bench.list(Some(entry("new")), 120);
    let registration = bench.state.registration.clone().expect("issued");
    assert_eq!((registration.id.as_deref(), registration.valid_until), (Some("new"), Some(at(500))));
    assert_eq!(registration.shown.expect("shown").valid_until, Some(at(500)));
    assert_eq!((bench.state.next_renewal_at, bench.state.recheck), (Some(at(400)), None));
}

#[test]
fn a_webhook_that_left_is_forgotten_by_a_list_of_after_it_left() {
    let mut bench = Bench::new(&[]);
    bench.begin(Reason::Created, None, 50);
    bench.resync(None, 51);
    bench.post(false, 52);
    bench.happen(&Event::Left, 60);
    assert_eq!((bench.state.configured, bench.state.left_at), (false, Some(at(60))));
    assert!(!bench.happen(&Event::Gone(at(59)), 61), "the list is older");
    assert!(!bench.happen(&Event::Gone(at(62)), 62), "a POST of ours may bring it back");
    bench.happen(&Event::PostHadNoEffect, 63);
    assert!(bench.happen(&Event::Gone(at(64)), 64));
    assert_eq!((bench.state.left_at, &bench.state.remote), (None, &Remote::Absent { seen_at: at(64) }));
    bench.configure(&[], 70);
    assert!(bench.state.configured);
    assert!(!bench.happen(&Event::Gone(at(80)), 80), "it came back");
}
