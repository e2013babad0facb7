//! The real service on a temporary store, for the unit tests of the rooms that ask it.

mod shared;

use std::fs;

use jiff::SignedDuration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::*;
use crate::{
    config,
    domain::{
        grain::Grain,
        key,
        lifetime::Share,
        post::PostId,
        reason::{Reason, RenewalOutcome, Step, StepOutcome},
        state::WebhookState,
        transition::{Event, Schedule, Seen, apply},
        webhook::{RemoteStatus, RemoteWebhook, TenantName, WebhookName},
    },
    engine::{Shared, setup::Setup},
};

/// Where no one listens, so that nothing is known of the webhooks but what a test says.
const NOWHERE: &str = "http://127.0.0.1:1";

/// A service with two tenants and three webhooks, no key, and no loop that works for it.
pub(crate) struct Bench {
    pub(crate) service: Service,
    folder: TempDir,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with_acme_at(NOWHERE, "secret").await
    }

    /// The same, with the tenant `acme` at this origin, where its client has this secret.
    pub(crate) async fn with_acme_at(origin: &str, secret: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("secret"), secret).expect("written");
        let file = folder.path().join("config.toml");
        let tenants =
            tenant("acme", origin, &["clockings", "people"]) + &tenant("globex", NOWHERE, &["clockings"]);
        let head = "user_agent = \"Unit/v1 (Company)\"\n[daemon]\nstate_dir = \"FOLDER/state\"\n";
        let text = (head.to_owned() + &tenants).replace("FOLDER", folder.path().to_str().expect("text"));
        fs::write(&file, text).expect("written");
        let config = config::load(&file).expect("a good configuration");
        let shared = Shared::new(Store::open(&config.daemon.state_dir).expect("opens"));
        let setup = Setup::build(&config, &shared).await.expect("built");
        // No one sweeps here.
        let (sweep, _never) = mpsc::channel(1);
        Self { service: Service::new(Engine::new(shared, setup, sweep)), folder }
    }

    pub(crate) async fn key(&self, path: &str, text: &str) -> Imported {
        let key = key::imported(Zeroizing::new(text.to_owned())).expect("a key");
        self.service.import_key(&named(path), key).await.expect("stored").expect("known")
    }

    pub(crate) async fn state(&self, path: &str) -> WebhookState {
        let id = self.service.procedure(&named(path)).expect("known").webhook.id;
        WebhookState::clone(&self.service.store.state(id).await.expect("reads"))
    }

    async fn happen(&self, path: &str, event: &Event) -> WebhookState {
        let before = self.state(path).await;
        let now = self.service.procedure(&named(path)).expect("known").tenant.now();
        let transition = apply(&before, event, now);
        let after = transition.state.clone();
        assert!(self.service.store.commit("test", vec![transition.into()], None).await.expect("commits"));
        after
    }

    /// Gives a webhook a key, if it has none, and lets Protime list it as delivering.
    pub(crate) async fn delivers(&self, path: &str) {
        if self.state(path).await.registration.is_none() {
            self.key(path, "secret").await;
        }
        let (before, now) = (self.state(path).await, self.now(path));
        let entry = RemoteWebhook {
            id: "one".to_owned(),
            pair: before.pair,
            status: RemoteStatus::Enabled,
            valid_until: Some(now.protime + SignedDuration::from_hours(1)),
            local_end: false,
            references: None,
        };
        let seen = Seen {
            post_marks: before.post_marks,
            entry: Some(entry),
            grain: Grain::Milli,
            asked_at: now.local,
            asked_at_protime: Some(now.protime),
            schedule: Schedule {
                renew_before: Share::Fraction(0.25),
                jitter: Share::Fraction(0.0),
                draw: 0.0,
            },
        };
        self.happen(path, &Event::Listed(Box::new(seen))).await;
    }

    /// Lets so many renewals of a webhook begin, each in the place of the one before.
    pub(crate) async fn renewals(&self, path: &str, count: usize) {
        let begin = |renewal| Event::Begin { renewal, reason: Reason::Manual, gap: None };
        self.happen(path, &begin(self.service.store.new_renewal())).await;
        for _ in 1..count {
            let renewal = self.service.store.new_renewal();
            let (outcome, error) = (RenewalOutcome::Failed, "another took over".to_owned());
            self.happen(
                path,
                &Event::Supersede { renewal, reason: Reason::Manual, gap: None, outcome, error },
            )
            .await;
        }
    }

    /// Leaves a webhook in the middle of a POST.
    pub(crate) async fn post_in_flight(&self, path: &str) {
        self.renewals(path, 1).await;
        let attempt = {
            let begun = apply(&self.state(path).await, &Event::StepBegan(Step::Resync), self.now(path));
            let attempt = begun.attempt().expect("begun");
            assert!(self.service.store.commit("test", vec![begun.into()], None).await.expect("commits"));
            attempt
        };
        self.happen(path, &Event::Resynced(attempt, StepOutcome::Skipped, None, None)).await;
        self.happen(path, &Event::PostBegan { post: PostId(1), unplanned: false }).await;
    }

    fn now(&self, path: &str) -> crate::domain::state::Now {
        self.service.procedure(&named(path)).expect("known").tenant.now()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.service.engine.shared.rotations.receiver_count()
    }

    pub(crate) fn rotated(&self) {
        self.service.engine.shared.rotations.send_modify(|count| *count += 1);
    }

    pub(crate) fn damage(&self) {
        let database = rusqlite::Connection::open(self.folder.path().join("state/state.db")).expect("opens");
        assert_eq!(database.execute("UPDATE webhook SET state = '{}'", ()).expect("writes"), 3);
    }
}

pub(crate) fn named(path: &str) -> WebhookPath {
    let (tenant, name) = path.split_once('/').expect("tenant/name");
    WebhookPath {
        tenant: TenantName::new(tenant).expect("a name"),
        name: WebhookName::new(name).expect("a name"),
    }
}

fn tenant(name: &str, origin: &str, collections: &[&str]) -> String {
    let webhook = |collection: &&str| {
        format!(
            "[[tenant.webhook]]\nname = \"{collection}\"\ncollection = \"{collection}\"\n\
             destination_url = \"https://me:pa55@example.com/{name}?token=t0ken\"\n[tenant.webhook.resync]\nkind = \"none\"\n"
        )
    };
    let webhooks: String = collections.iter().map(webhook).collect();
    format!(
        "[[tenant]]\nname = \"{name}\"\napi_origin = \"{origin}\"\n\
         token_url = \"{origin}/tenants/{name}/connect/token\"\nclient_id = \"sandbox-client\"\n\
         client_secret = {{ file = \"FOLDER/secret\" }}\n{webhooks}"
    )
}

#[tokio::test]
async fn to_say_how_things_are_nothing_is_read_that_has_not_changed() {
    let bench = Bench::new().await;
    bench.delivers("acme/clockings").await;
    let before = bench.service.health().await.expect("answers");
    assert_eq!(before.report.problems.len(), 2, "two have no key: {before:?}");
    bench.damage();
    assert_eq!(bench.service.health().await.expect("nothing is read").report, before.report);
    assert_eq!(bench.service.status().await.expect("nothing is read").daemon.counts[&State::Active], 1);
    bench.service.store.look_at(bench.service.procedure(&named("acme/people")).expect("known").webhook.id);
    bench.service.health().await.expect_err("it is read now");
    bench.service.webhooks(false, None, None).await.expect_err("so are all of them");
}
