//! One short life of three webhooks: a missing scope, a renewal, an outage with a death, other references.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::switches::{Switch, settings};
use crate::support::{Config, World, pause};

const COLLECTIONS: [&str; 3] = ["clockings", "activity-durations", "people"];

/// How long a webhook lives before the outage.
const LIFETIME: Duration = Duration::from_secs(12);

const BADGE: &str = "external_references = [\"people,@badge-number\"]";

struct Life {
    world: World,
    config: Config,
    began: Instant,
    /// Whether someone else's delta ends ours.
    one_delta_per_tenant: bool,
}

/// Lives the life of a row, or panics.
pub(super) fn live(switches: &[Switch], row: &[usize]) {
    let settings = settings(switches, row);
    let mut life = Life::begin(&settings);
    life.without_a_scope();
    life.renewed_as_planned();
    life.outage();
    life.comeback();
    life.other_references();
    life.at_rest();
}

impl Life {
    fn begin(settings: &Value) -> Self {
        let seconds = format!("{}s", LIFETIME.as_secs());
        let flags = ["--retry-delay", "100ms", "--retries", "5", "--page-size", "3", "--lifetime", &seconds];
        let mut world = World::new(&flags);
        world.sandbox.settings(settings);
        // A delta of clockings cannot be read without this one, which nothing else needs.
        let scopes: Vec<String> =
            ["webhooks.read", "webhooks.write", "activity-durations.read", "people.read"]
                .iter()
                .map(|scope| format!("connector-protimeapi-{scope}"))
                .collect();
        world.sandbox.settings(&json!({"allowed_scopes": scopes}));
        for collection in COLLECTIONS {
            world.sandbox.change(collection, 7);
        }
        let mut config = world.config(&COLLECTIONS);
        // Three ways to be brought up to date: a delta, a list, and for people a command.
        config.webhooks[0].resync = "kind = \"delta\"".to_owned();
        config.webhooks[1].resync = "kind = \"list\"".to_owned();
        // What is written in two ways may come back in the other.
        for webhook in &mut config.webhooks {
            let (before, collection) = webhook.destination_url.rsplit_once('/').expect("a path");
            let (first, rest) = collection.split_at(1);
            webhook.destination_url = format!("{before}/%{:x}{rest}?secret=a%c3%a9", first.as_bytes()[0]);
        }
        if settings["key_field"] == "signingSecret" {
            config.tenant = "key_field = \"signingSecret\"".to_owned();
        }
        if settings["post_needs_read"] == "yes" {
            config.tenant.push_str("\nscopes = [\"connector-protimeapi-people.read\"]");
        }
        world.start(&config);
        let one_delta_per_tenant = settings["delta_per"] == "tenant";
        Self { world, config, began: Instant::now(), one_delta_per_tenant }
    }

    /// The one that needs the scope waits and says so; the others do not wait for it.
    fn without_a_scope(&self) {
        let world = &self.world;
        world.settled("people");
        world.settled("activity-durations");
        self.health_names("clockings");
        world.sandbox.settings(&json!({"allowed_scopes": null}));
        assert_eq!(world.daemon.control.post("/v1/reload").status, 200);
        world.settled("clockings");
        self.health_is_good();
    }

    fn renewed_as_planned(&self) {
        let world = &self.world;
        world.sandbox.load_but(&COLLECTIONS, 6.0, &["activity-durations"]);
        for collection in COLLECTIONS {
            world.eventually(&format!("{collection} is renewed as planned"), || {
                (world.sandbox.webhook(collection)?["key_version"].as_u64()? >= 2).then_some(())
            });
            world.settled(collection);
        }
        // Of what is deleted after a delta was ended and before the next one began, nothing can tell.
        if self.one_delta_per_tenant {
            world.sandbox.load_but(&COLLECTIONS, 6.0, &["activity-durations", "clockings"]);
            world.sandbox.foreign_delta("clockings");
        }
    }

    /// Until every webhook is Disabled; in the middle of it, the daemon is killed.
    fn outage(&mut self) {
        let world = &mut self.world;
        world.receiver.resync_exit(1);
        world.receiver.down(true);
        for collection in COLLECTIONS {
            world.eventually(&format!("{collection} is given up"), || {
                (world.sandbox.webhook(collection)?["status"] == "Disabled").then_some(())
            });
        }
        world.daemon.kill();
        world.daemon.start();
        for collection in COLLECTIONS {
            self.health_names(collection);
        }
    }

    fn comeback(&self) {
        let world = &self.world;
        world.sandbox.settings(&json!({"lifetime_ms": 3_600_000}));
        world.receiver.down(false);
        world.receiver.resync_exit(0);
        self.all_live_long();
        world.sandbox.load_but(&COLLECTIONS, 6.0, &["activity-durations"]);
        self.health_is_good();
    }

    fn other_references(&mut self) {
        self.config.webhooks[0].extra = BADGE.to_owned();
        self.world.write(&self.config);
        assert_eq!(self.world.daemon.control.post("/v1/reload").status, 200);
        self.world.renewed("clockings", "references_changed");
        self.all_live_long();
    }

    fn at_rest(&self) {
        let world = &self.world;
        world.sandbox.load(&COLLECTIONS, 0.0);
        world.nothing_lost();
        self.all_live_long();
        self.health_is_good();
        let effects = || world.sandbox.requests("create").len() + world.sandbox.requests("delete").len();
        let before = effects();
        pause(Duration::from_secs(3));
        if effects() != before {
            world.fail("nothing is POSTed or deleted any more");
        }
        self.bounded();
        for collection in COLLECTIONS {
            if !world.keys_agree(collection) {
                world.fail(&format!("the keys of {collection} agree"));
            }
        }
        let tenants = world.daemon.status.get("/v1/status").json();
        assert_eq!(tenants["tenants"][0]["last_poll_error"], Value::Null);
    }

    /// Every webhook is active, Enabled for long, and owes nothing.
    fn all_live_long(&self) {
        let world = &self.world;
        for collection in COLLECTIONS {
            world.eventually(&format!("{collection} is alive and owes nothing"), || {
                let webhook = world.daemon.webhook(collection);
                let theirs = world.sandbox.webhook(collection)?;
                let end: jiff::Timestamp = theirs["valid_until"].as_str()?.parse().ok()?;
                let long = end > jiff::Timestamp::now() + jiff::SignedDuration::from_mins(30);
                let quiet = webhook["state"] == "active"
                    && webhook["renewal"].is_null()
                    && webhook["owed_resync"].is_null();
                (quiet && long && theirs["status"] == "Enabled" && world.keys_agree(collection)).then_some(())
            });
        }
    }

    fn health(&self) -> (u16, Value) {
        let answer = self.world.daemon.status.get("/v1/health");
        (answer.status, answer.json())
    }

    fn health_names(&self, collection: &str) {
        let name = format!("acme/{collection}");
        self.world.eventually(&format!("health names {name}"), || {
            let (status, health) = self.health();
            let named =
                health["problems"].as_array()?.iter().any(|problem| problem["webhook"] == name.as_str());
            (status == 503 && health["healthy"] == false && named).then_some(())
        });
    }

    fn health_is_good(&self) {
        self.world.eventually("health is good", || {
            let (status, health) = self.health();
            (status == 200 && health["healthy"] == true).then_some(())
        });
    }

    /// No more than there was reason for: a renewal before half of the lifetime has its cause in the
    /// story, of which there are few; lists come with every poll and with every POST.
    fn bounded(&self) {
        let world = &self.world;
        let seconds = usize::try_from(self.began.elapsed().as_secs()).unwrap();
        let half = usize::try_from(LIFETIME.as_secs() / 2).unwrap();
        let within = |what: &str, count: usize, most: usize| {
            if count > most {
                world.fail(&format!("{count} {what} in {seconds} s, more than {most}"));
            }
        };
        for collection in COLLECTIONS {
            within(
                &format!("POSTs of {collection}"),
                world.sandbox.creates(collection).len(),
                8 + seconds / half,
            );
        }
        let lists = world.sandbox.requests("list");
        let first_page = |list: &&Value| !list["query"].as_str().unwrap().contains("Token=");
        within("lists", lists.iter().filter(first_page).count(), 30 + 2 * seconds);
        within("tokens", world.sandbox.requests("token").len(), 20);
        within("deletions", world.sandbox.requests("delete").len(), 4);
    }
}
