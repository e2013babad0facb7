//! Everything at once, in any order: faults, deaths, foreign renewals, outages, clocks, reloads.

use std::{
    env, fs,
    str::FromStr,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::support::{Config, World, pause};

const COLLECTIONS: [&str; 2] = ["clockings", "people"];

fn wish<T: FromStr>(name: &str) -> Option<T> {
    env::var(name).ok()?.parse().ok()
}

struct Chaos {
    world: World,
    config: Config,
    random: fastrand::Rng,
    faults: u32,
}

impl Chaos {
    fn new(seed: u64) -> Self {
        let flags = ["--lifetime", "5s", "--retry-delay", "100ms", "--retries", "5", "--page-size", "1"];
        let mut world = World::new(&flags);
        let offset = world.path("offset");
        fs::write(&offset, "0").unwrap();
        world.daemon.env("PROTIME_WEBHOOKD_CLOCK_OFFSET", offset.to_str().unwrap());
        let mut config = world.config(&COLLECTIONS);
        config.api =
            "connect_timeout = \"1s\"\nrequest_timeout = \"1s\"\nmax_requests_per_minute = 60000".to_owned();
        world.start(&config);
        world.sandbox.load(&COLLECTIONS, 10.0);
        Self { world, config, random: fastrand::Rng::with_seed(seed), faults: 0 }
    }

    fn strike(&mut self) {
        self.faults += 1;
        let collection = *self.random.choice(&COLLECTIONS).unwrap();
        let destination = self.world.receiver.destination(collection);
        match self.random.u8(0..14) {
            0..=4 => {
                let rule = self.fault();
                self.world.sandbox.fault(&rule);
            }
            5..=6 => {
                self.world.daemon.kill();
                self.world.daemon.launch();
            }
            7 => self.world.sandbox.foreign_renew_if_there(&destination, collection),
            8 => self.world.sandbox.delete_if_there(&destination, collection),
            9 => {
                self.world.receiver.down(true);
                pause(Duration::from_millis(self.random.u64(100..2_500)));
                self.world.receiver.down(false);
            }
            10 => {
                self.world.receiver.resync_exit(1);
                pause(Duration::from_millis(self.random.u64(100..1_500)));
                self.world.receiver.resync_exit(0);
            }
            11..=12 => self.reload(),
            _ => {
                let seconds = self.random.choice([0, 3_600, -3_600, 90_000, -7]).unwrap();
                fs::write(self.world.path("offset"), seconds.to_string()).unwrap();
                self.world.sandbox.revoke_tokens();
            }
        }
    }

    /// Other references for one of them, which take a DELETE and which Protime refuses for people where they
    /// are of activities, or a file that is wrong.
    fn reload(&mut self) {
        let lists = ["[]", "[\"people,@badge-number\"]", "[\"activity-definitions,actDef\"]", "7"];
        let (one, list) = (self.random.usize(0..COLLECTIONS.len()), self.random.choice(lists).unwrap());
        let mut config = self.config.clone();
        config.webhooks[one].extra = format!("external_references = {list}");
        self.world.write(&config);
        self.hang_up();
        if list == "7" {
            pause(Duration::from_millis(200));
            // A daemon that is started again would not run with it.
            self.world.write(&self.config);
        } else {
            self.config = config;
        }
    }

    fn hang_up(&self) -> bool {
        // A daemon that does not answer yet may not yet listen to signals, and would die of this one.
        let listens = self.world.daemon.control.try_get("/v1/health").is_ok();
        if listens {
            self.world.daemon.signal(Signal::HUP);
        }
        listens
    }

    fn fault(&mut self) -> Value {
        let endpoint = self.random.choice(["any", "create", "create", "delete", "list", "token"]).unwrap();
        let status = self.random.choice([401, 403, 404, 409, 410, 429, 500, 503]).unwrap();
        let delay = self.random.u64(50..1_500);
        let action = self
            .random
            .choice([
                json!({"kind": "status", "status": status}),
                json!({"kind": "status", "status": 429, "retry_after": 1}),
                json!({"kind": "status", "status": 503, "body": "<html><title>Maintenance</title></html>",
                       "content_type": "text/html", "processed": true}),
                json!({"kind": "reset-before"}),
                json!({"kind": "reset-after"}),
                json!({"kind": "reset-after"}),
                json!({"kind": "delay-before", "ms": delay}),
                json!({"kind": "delay-after", "ms": delay}),
                json!({"kind": "process-late", "ms": delay}),
                json!({"kind": "truncate"}),
                json!({"kind": "content-length", "delta": 7}),
                json!({"kind": "not-json"}),
                json!({"kind": "dribble", "ms": 300}),
            ])
            .unwrap();
        json!({"endpoint": endpoint, "times": self.random.u8(1..4), "action": action})
    }

    /// The faults end, those in the file as well; whatever they broke has to heal.
    fn calm_down(&mut self) {
        for webhook in &mut self.config.webhooks {
            webhook.extra = "external_references = [\"people,@badge-number\"]".to_owned();
        }
        self.world.write(&self.config);
        self.world
            .eventually("the daemon is told of the last configuration", || self.hang_up().then_some(()));
        self.world.sandbox.clear_faults();
        self.world.receiver.down(false);
        self.world.receiver.resync_exit(0);
        fs::write(self.world.path("offset"), "0").unwrap();
        self.world.sandbox.settings(&json!({"lifetime_ms": 3_600_000}));
    }
}

#[test]
fn nothing_is_lost_in_any_mixture_of_faults() {
    // Printed when it ends badly: it repeats what happened, as far as a test with real processes can.
    let seed = wish("PROTIME_TEST_SEED").unwrap_or_else(|| fastrand::u64(..));
    let length = Duration::from_secs(wish("PROTIME_TEST_CHAOS_SECONDS").unwrap_or(25));
    let mut chaos = Chaos::new(seed);
    let began = Instant::now();
    while began.elapsed() < length {
        let calm = chaos.random.u64(20..900);
        pause(Duration::from_millis(calm));
        chaos.strike();
    }
    chaos.calm_down();
    let world = &chaos.world;
    // Those that live long were renewed after the faults: the last of the short lives is over then.
    for collection in COLLECTIONS {
        world.eventually(&format!("{collection} rests after chaos with PROTIME_TEST_SEED={seed}"), || {
            let control = &world.daemon.control;
            control.try_request("POST", "/v1/poll").ok().filter(|answer| answer.status == 200)?;
            let webhook = control.try_get(&format!("/v1/webhooks/acme/{collection}")).ok()?;
            let webhook = (webhook.status == 200).then(|| webhook.json())?;
            let theirs = world.sandbox.webhook(collection)?;
            let end: jiff::Timestamp = theirs["valid_until"].as_str()?.parse().ok()?;
            let lives_long = end > jiff::Timestamp::now() + jiff::SignedDuration::from_mins(30);
            let quiet = webhook["state"] == "active" && webhook["owed_resync"].is_null();
            (quiet && lives_long && theirs["status"] == "Enabled" && world.keys_agree(collection))
                .then_some(())
        });
    }
    world.sandbox.load(&COLLECTIONS, 0.0);
    let changes = world.sandbox.changes();
    let what = format!("nothing is lost in chaos with PROTIME_TEST_SEED={seed}");
    world.eventually(&what, || world.receiver.lost(&changes).is_empty().then_some(()));
    assert!(changes.len() > 100, "the data stood still");
    #[expect(clippy::print_stdout, reason = "those who run it want to know what it survived")]
    {
        println!(
            "{} changes, {} faults, {} lost",
            changes.len(),
            chaos.faults,
            world.receiver.lost(&changes).len()
        );
    }
}
