//! Another configuration comes at every stage of a renewal: nothing is lost, no POST is sent in vain.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::support::{Config, World, words};

/// Where a renewal is held up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Resync,
    Post,
    Rotate,
    HandOff,
    CatchUp,
}

const STAGES: [Stage; 5] = [Stage::Resync, Stage::Post, Stage::Rotate, Stage::HandOff, Stage::CatchUp];

impl Stage {
    fn step(self) -> &'static str {
        match self {
            Self::Resync => "resync",
            Self::Post => "post",
            Self::Rotate => "rotate",
            Self::HandOff => "hand_off",
            Self::CatchUp => "catch_up",
        }
    }

    /// Whether Protime has issued the key before the reload or during it.
    fn has_key(self) -> bool {
        !matches!(self, Self::Resync)
    }
}

/// A daemon with a webhook whose renewal does not get beyond a stage.
struct Held {
    world: World,
    config: Config,
    stage: Stage,
    renewal: Value,
}

impl Held {
    fn at(stage: Stage) -> Self {
        let mut world = World::new(&["--lifetime", "1h"]);
        let mut config = world.config(&["clockings", "people"]);
        let gate = world.path("gate");
        fs::write(&gate, "").unwrap();
        let clockings = &mut config.webhooks[0];
        let guarded = |step: &str| {
            let script = format!(
                "[ \"$PROTIME_STEP\" != {step} ] || while [ ! -e {} ]; do sleep 0.05; done; exec \"$@\"",
                gate.display()
            );
            ["/bin/sh", "-c", script.as_str(), "guard"].map(str::to_owned).to_vec()
        };
        match stage {
            Stage::Resync | Stage::CatchUp => {
                let command = [guarded(stage.step()), world.receiver.command()].concat();
                clockings.resync = format!("kind = \"command\"\ncommand = {}", words(&command));
            }
            Stage::HandOff => clockings.sinks.push(only_if(&gate)),
            Stage::Post | Stage::Rotate => {}
        }
        world.start(&config);
        world.settled("clockings");
        world.settled("people");
        fs::remove_file(&gate).unwrap();
        world.sandbox.change("clockings", 3);
        match stage {
            Stage::Post => world
                .sandbox
                .fault(&json!({"endpoint": "create", "action": {"kind": "delay-after", "ms": 3_000}})),
            Stage::Rotate => world
                .sandbox
                .fault(&json!({"endpoint": "create", "action": {"kind": "key-field", "name": "geheim"}})),
            _ => {}
        }
        world.daemon.control.post("/v1/webhooks/acme/clockings/renew");
        let renewal = world.eventually(&format!("{stage:?} is reached"), || {
            let webhook = world.daemon.webhook("clockings");
            let there = match stage {
                Stage::Post => world.sandbox.webhook("clockings")?["posts"] == 2,
                Stage::Rotate | Stage::HandOff => webhook["last_error"]["step"] == stage.step(),
                _ => webhook["renewal"]["step"] == stage.step(),
            };
            there.then(|| webhook["renewal"].clone())
        });
        world.sandbox.change("clockings", 2);
        Self { world, config, stage, renewal }
    }

    fn reload(&self, config: &Config) {
        self.world.write(config);
        let answer = self.world.daemon.control.post("/v1/reload");
        assert_eq!(answer.status, 200, "{:?}: {}", self.stage, answer.text);
    }

    /// What held the renewal up does not any more.
    fn let_go(&mut self) {
        fs::write(self.world.path("gate"), "").unwrap();
        if self.stage == Stage::Rotate {
            self.config.tenant = "key_field = \"geheim\"".to_owned();
        }
    }

    fn finishes_as_one_renewal_with_one_post(&self) {
        let (world, stage) = (&self.world, self.stage);
        world.settled("clockings");
        assert_eq!(world.daemon.story("clockings"), ["created succeeded", "manual succeeded"], "{stage:?}");
        assert_eq!(world.daemon.history("clockings")[1]["id"], self.renewal["id"], "{stage:?}");
        assert_eq!(world.sandbox.webhook("clockings").unwrap()["posts"], 2, "{stage:?}");
        assert_eq!(world.sandbox.creates("clockings").len(), 2, "{stage:?}");
        assert_eq!(world.daemon.webhook("clockings")["owed_resync"], Value::Null, "{stage:?}");
        world.sandbox.change("clockings", 2);
        world.nothing_lost();
    }
}

/// A sink that fails as long as a file is absent.
fn only_if(gate: &Path) -> String {
    let command = ["test", "-e", gate.to_str().unwrap()];
    format!("kind = \"command\"\ncommand = {}", words(&command))
}

fn each_stage(test: fn(Held)) {
    let (run, ended) = (std::thread::spawn, std::thread::JoinHandle::join);
    for pair in STAGES.chunks(2) {
        // Two at a time: each waits for processes most of the time.
        let running: Vec<_> = pair.iter().map(|&stage| run(move || test(Held::at(stage)))).collect();
        for test in running {
            ended(test).unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        }
    }
}

#[test]
fn a_webhook_that_leaves_at_any_stage_comes_back_and_finishes() {
    each_stage(|mut held| {
        let mut without = held.config.clone();
        without.webhooks.remove(0);
        held.reload(&without);
        let world = &held.world;
        assert_eq!(world.daemon.control.get("/v1/webhooks/acme/clockings").status, 404, "{:?}", held.stage);
        world.sandbox.change("clockings", 2);
        // The loop works on: what left neither keeps it nor is worked on.
        world.daemon.control.post("/v1/webhooks/acme/people/renew");
        world.renewed("people", "manual");
        let posts = world.sandbox.creates("clockings").len();
        assert_eq!(posts, if held.stage.has_key() { 2 } else { 1 }, "{:?}", held.stage);
        held.let_go();
        held.reload(&held.config);
        held.finishes_as_one_renewal_with_one_post();
    });
}

#[test]
fn a_resync_and_sinks_that_change_at_any_stage_are_those_that_finish() {
    each_stage(|mut held| {
        let plain = held.world.config(&["clockings"]).webhooks.remove(0);
        let copy = held.world.path("copy.key");
        let clockings = &mut held.config.webhooks[0];
        clockings.resync = plain.resync;
        clockings.sinks = plain.sinks;
        clockings.sinks.push(format!("kind = \"file\"\npath = \"{}\"", copy.display()));
        if matches!(held.stage, Stage::Rotate) {
            held.let_go();
        }
        held.reload(&held.config);
        // A command that runs is not taken away under its renewal.
        held.let_go();
        held.finishes_as_one_renewal_with_one_post();
        let key = held.world.daemon.key("clockings");
        held.world
            .eventually("the new sink has the key", || (fs::read_to_string(&copy).ok() == key).then_some(()));
    });
}
