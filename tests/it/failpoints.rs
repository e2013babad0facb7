//! `kill -9` at every step: before and after every durable record and every outside effect.
//!
//! The points are not written down here: a first run tells which there are, so that a step that is
//! added later is tried, too. For each reason of a renewal and each point, the daemon dies there, is
//! started again, and must come to rest with one key everywhere and nothing lost.

use std::{collections::BTreeSet, fs, time::Duration};

use serde_json::{Value, json};

use super::support::{Config, World, database, until};

const CRASH_AT: &str = "PROTIME_WEBHOOKD_CRASH_AT";
const CRASH_LOG: &str = "PROTIME_WEBHOOKD_CRASH_LOG";

/// What leads to a renewal, and how it is brought about while the daemon does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Created,
    UnknownKey,
    Disabled,
    Missing,
    Foreign,
    Manual,
    Expiring,
    Expired,
    Interrupted,
    References,
}

const PROTIMES: [Cause; 5] =
    [Cause::Disabled, Cause::Missing, Cause::Foreign, Cause::Expiring, Cause::Expired];

const OURS: [Cause; 5] =
    [Cause::Created, Cause::UnknownKey, Cause::Manual, Cause::Interrupted, Cause::References];

const SEVERAL: [&str; 3] = ["clockings", "people", "contracts"];

struct Deaths {
    world: World,
    collections: Vec<&'static str>,
    references: bool,
    resync: Option<&'static str>,
    count: usize,
}

impl Deaths {
    fn new(collections: &[&'static str]) -> Self {
        let flags = ["--lifetime", "1h", "--retry-delay", "50ms", "--retries", "40"];
        let world = World::running(&flags, collections);
        world.sandbox.load(collections, 4.0);
        Self { world, collections: collections.to_vec(), references: false, resync: None, count: 0 }
    }

    /// One whose resync reads the collection, on small pages.
    fn reading(resync: &'static str) -> Self {
        let flags = ["--lifetime", "1h", "--retry-delay", "50ms", "--retries", "40", "--page-size", "7"];
        let mut world = World::new(&flags);
        world.sandbox.change("people", 20);
        let mut config = world.config(&["people"]);
        config.webhooks[0].resync = resync.to_owned();
        world.start(&config);
        world.settled("people");
        world.sandbox.load(&["people"], 4.0);
        Self { world, collections: vec!["people"], references: false, resync: Some(resync), count: 0 }
    }

    /// The points that a renewal for this cause passes.
    fn points(&mut self, cause: Cause) -> BTreeSet<String> {
        let log = self.world.path("points");
        self.world.daemon.env(CRASH_LOG, log.to_str().unwrap());
        self.bring_about(cause);
        self.start();
        if cause == Cause::Manual {
            self.world.eventually("a renewal is asked for", || self.ask_for_renewals().then_some(()));
        }
        self.rest(cause, "no point");
        self.world.daemon.env(CRASH_LOG, self.world.path("points-unused").to_str().unwrap());
        let points = fs::read_to_string(&log).unwrap();
        fs::remove_file(log).unwrap();
        points.lines().map(str::to_owned).collect()
    }

    fn bring_about(&mut self, cause: Cause) {
        if cause == Cause::Expired {
            self.world.sandbox.settings(&json!({"lifetime_ms": 1_500}));
            for collection in self.collections.clone() {
                self.world.daemon.control.post(&format!("/v1/webhooks/acme/{collection}/renew"));
                self.world.eventually("a short life", || {
                    let valid_until = self.world.sandbox.webhook(collection)?["valid_until"].clone();
                    let end: jiff::Timestamp = valid_until.as_str()?.parse().ok()?;
                    (end < jiff::Timestamp::now() + jiff::SignedDuration::from_mins(1)).then_some(())
                });
            }
        }
        if cause == Cause::Missing {
            self.collections.iter().for_each(|collection| self.world.shown(collection));
        }
        if cause == Cause::Interrupted {
            self.lose_an_answer();
        } else {
            self.world.daemon.stop();
        }
        for collection in self.collections.clone() {
            let destination = self.world.receiver.destination(collection);
            let sandbox = &self.world.sandbox;
            match cause {
                Cause::Created | Cause::Missing => sandbox.delete(&destination, collection),
                Cause::Disabled => sandbox.disable(&destination, collection),
                Cause::Foreign => sandbox.foreign_renew(&destination, collection),
                Cause::Expired => self.world.eventually("it expires", || {
                    (sandbox.webhook(collection)?["status"] == "Disabled").then_some(())
                }),
                Cause::UnknownKey
                | Cause::Manual
                | Cause::Expiring
                | Cause::Interrupted
                | Cause::References => {}
            }
        }
        match cause {
            Cause::Created | Cause::UnknownKey => fs::remove_dir_all(self.world.path("state")).unwrap(),
            Cause::Expired => self.world.sandbox.settings(&json!({"lifetime_ms": 3_600_000})),
            Cause::Expiring => {
                // The planned time comes earlier, so that no one has to wait for it.
                let issued = "json_extract(state, '$.registration.at')";
                database::set(&self.world.path("state"), "$.next_renewal_at", issued);
            }
            Cause::References => self.references = !self.references,
            _ => {}
        }
        self.write();
    }

    /// Lets the daemon die between a POST that took effect and its answer.
    fn lose_an_answer(&mut self) {
        self.world.daemon.stop();
        self.world.daemon.env(CRASH_AT, "post:after");
        self.start();
        let died = until(Duration::from_mins(1), || {
            self.ask_for_renewals();
            self.world.daemon.process().ended().map(drop)
        });
        assert!(died.is_some(), "no death after the POST");
        self.world.daemon.kill();
        self.world.daemon.env(CRASH_AT, "");
        self.count += 1;
    }

    fn write(&self) {
        let mut config: Config = self.world.config(&self.collections);
        if self.references {
            for webhook in &mut config.webhooks {
                webhook.extra = "external_references = [\"people,@badge-number\"]".to_owned();
            }
        }
        if let Some(resync) = self.resync {
            config.webhooks[0].resync = resync.to_owned();
        }
        self.world.write(&config);
    }

    fn start(&mut self) {
        self.world.daemon.launch();
    }

    /// Lets the daemon run with a point to die at; tells whether it died.
    fn run_to(&mut self, cause: Cause, point: &str) -> bool {
        self.world.daemon.env(CRASH_AT, point);
        self.start();
        let mut asked = cause != Cause::Manual;
        let died = until(Duration::from_mins(1), || {
            if self.world.daemon.process().ended().is_some() {
                return Some(true);
            }
            // The one who is asked may die of it: then the next look sees that.
            if !asked {
                asked = self.ask_for_renewals();
                return None;
            }
            (self.asked("POST", "/v1/poll").is_some() && self.rests()).then_some(false)
        })
        .unwrap_or_else(|| {
            self.world.fail(&format!("{cause:?}: it neither dies at {point} nor comes to rest"))
        });
        if died {
            self.count += 1;
        }
        self.world.daemon.kill();
        self.world.daemon.env(CRASH_AT, "");
        died
    }

    /// An answer of the daemon, if it lives to give one.
    fn asked(&self, method: &str, path: &str) -> Option<Value> {
        let answer = self.world.daemon.control.try_request(method, path).ok()?;
        (answer.status < 300).then(|| answer.json())
    }

    fn ask_for_renewals(&self) -> bool {
        let ask = |collection: &&str| self.asked("POST", &format!("/v1/webhooks/acme/{collection}/renew"));
        self.collections.iter().all(|collection| ask(collection).is_some())
    }

    fn rests(&self) -> bool {
        let rests = |collection: &&str| {
            let path = format!("/v1/webhooks/acme/{collection}");
            let webhook = self.asked("GET", &path)?;
            let key = self.asked("GET", &format!("{path}/key"))?["key"].as_str()?.to_owned();
            let theirs = self.world.sandbox.webhook(collection)?;
            let file = fs::read_to_string(self.world.key_file(collection)).ok()?;
            let quiet = webhook["renewal"].is_null() && webhook["owed_resync"].is_null();
            let right = theirs["status"] == "Enabled" && theirs["key"] == key.as_str() && file == key;
            (webhook["state"] == "active" && quiet && right).then_some(())
        };
        self.collections.iter().all(|collection| rests(collection).is_some())
    }

    fn rest(&mut self, cause: Cause, point: &str) {
        self.world.eventually(&format!("rest after {cause:?} and death at {point}"), || {
            (self.asked("POST", "/v1/poll").is_some() && self.rests()).then_some(())
        });
    }

    /// Dies at every point of every cause, and checks the laws each time.
    fn everywhere(&mut self, causes: &[Cause], part: impl Fn(usize) -> bool) {
        for &cause in causes {
            let points = self.points(cause);
            assert!(points.len() > 20, "only {points:?}");
            for (_, point) in points.iter().enumerate().filter(|(number, _)| part(*number)) {
                self.bring_about(cause);
                self.run_to(cause, point);
                self.start();
                self.rest(cause, point);
            }
        }
        self.world.nothing_lost();
        let posts = self.world.sandbox.requests("create").len();
        assert!(posts <= 4 * (self.count + causes.len() * 2) * self.collections.len(), "{posts} POSTs");
    }
}

/// All causes take minutes; every point of some of them, and some points of the others, do not.
fn thorough() -> bool {
    std::env::var_os("PROTIME_TEST_THOROUGH").is_some()
}

#[test]
fn death_at_every_point_of_a_creation() {
    let mut deaths = Deaths::new(&["clockings"]);
    deaths.everywhere(&[Cause::Created], |_| true);
    assert!(deaths.count >= 20, "it died only {} times", deaths.count);
}

/// Dies at the points of these causes: at all of them, or at every so-manieth of each.
fn die_at_points(collections: &[&'static str], causes: &[Cause], step: usize) {
    let mut deaths = Deaths::new(collections);
    let seed = fastrand::usize(..step);
    deaths.everywhere(causes, |number| thorough() || number % step == seed);
    assert!(deaths.count >= causes.len(), "it died only {} times", deaths.count);
}

#[test]
fn death_at_points_of_renewals_that_protime_causes() {
    die_at_points(&["clockings"], &PROTIMES, 7);
}

#[test]
fn death_at_points_of_renewals_for_other_causes() {
    die_at_points(&["clockings"], &OURS, 7);
}

#[test]
fn death_while_protime_causes_several_renewals() {
    die_at_points(&SEVERAL, &PROTIMES, 15);
}

#[test]
fn death_while_several_are_renewed_for_other_causes() {
    die_at_points(&SEVERAL, &OURS, 15);
}

#[test]
fn death_at_points_of_a_resync_that_reads_the_collection() {
    let mut deaths = Deaths::reading("kind = \"delta\"");
    let points = deaths.points(Cause::Manual);
    for reached in ["page:before", "deliver:after", "store:keep_delta:after"] {
        assert!(points.contains(reached), "{points:?}");
    }
    let seed = fastrand::usize(..3);
    deaths.everywhere(&[Cause::Disabled, Cause::Foreign], |number| thorough() || number % 3 == seed);
    assert!(deaths.count >= 5, "it died only {} times", deaths.count);
}

#[test]
fn two_deaths_in_one_renewal() {
    let mut deaths = Deaths::new(&["clockings"]);
    let points: Vec<String> = deaths.points(Cause::Disabled).into_iter().collect();
    let seed: u64 = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..if thorough() { 100 } else { 12 } {
        deaths.bring_about(Cause::Disabled);
        for _ in 0..2 {
            let point = random.choice(&points).unwrap().clone();
            deaths.run_to(Cause::Disabled, &point);
        }
        deaths.start();
        deaths.rest(Cause::Disabled, &format!("two points, seed {seed}"));
    }
    deaths.world.nothing_lost();
    assert!(deaths.count >= 6, "it died only {} times", deaths.count);
}
