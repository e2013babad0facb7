//! Tells what happened, from what is on disk: events to listeners, counts to `/metrics`, and a line in
//! the log where a problem begins or ends.
//!
//! Laws: nothing is told before it is durable; nobody who works waits for whoever listens; a problem
//! that is over before anybody could have looked is no line in the log.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::live::Live;
use crate::{
    clock,
    domain::{
        event::{Event, Kind},
        journal::{Entry, InRenewal, What},
        report::{Problem, State},
        state::{Record, WebhookId},
        webhook::WebhookPath,
    },
    renewal::procedure::Procedure,
    store::{Of, StoreError},
    views::{health, webhook as webhook_view},
};

/// The longest time between two looks: some states change only because time passes.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// All webhooks are compared at most so often; one that has news is compared at once.
const COMPARE: Duration = Duration::from_secs(1);

/// A problem is worth a line once it lasts so long.
const LASTING_PROBLEM: SignedDuration = SignedDuration::from_secs(10);

/// Reads the journal and tells the news.
pub(crate) struct EventPublisher {
    live: Live,
    position: i64,
    /// The state of each webhook that was last told.
    states: HashMap<WebhookId, State>,
    compared: Instant,
    /// Since when each subject has a problem, and whether the log says so.
    problems: BTreeMap<String, (Timestamp, bool)>,
}

impl EventPublisher {
    /// Takes everything up to now as told.
    pub(crate) async fn new(live: Live) -> Result<Self, StoreError> {
        let end = live.lasting.store.feed_end().await?;
        let news = live.lasting.store.feed(end, Of::All).await?;
        let mut publisher = Self {
            live,
            position: news.position,
            states: HashMap::new(),
            compared: Instant::now(),
            problems: BTreeMap::new(),
        };
        for (record, procedure) in &publisher.served(news.records) {
            publisher.states.insert(record.id, webhook_view::webhook(record, procedure).state);
        }
        Ok(publisher)
    }

    /// Tells the news until `stop` is requested, and then what is left.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.live.lasting.store.commits();
        let mut published = self.live.lasting.event_bus.news();
        while !stop.is_cancelled() {
            // Before the look: what comes during it may be missing in what it sees.
            commits.borrow_and_update();
            published.borrow_and_update();
            let compared_all = self.look().await;
            let came = commits.has_changed().unwrap_or(false) || published.has_changed().unwrap_or(false);
            // What we published ourselves is no news.
            published.borrow_and_update();
            let sleep = if compared_all && !came { LONGEST_SLEEP } else { COMPARE };
            tokio::select! {
                _changed = commits.changed() => {}
                // A poll that failed changes no record, but states.
                _changed = published.changed() => {}
                () = tokio::time::sleep(sleep) => {}
                () = stop.cancelled() => {}
            }
        }
        self.look().await;
    }

    /// Tells what is new, and whether that is known of every webhook.
    async fn look(&mut self) -> bool {
        self.tell().await.unwrap_or_else(|error| {
            tracing::debug!(%error, "the journal could not be read for its news; it is read again soon");
            false
        })
    }

    async fn tell(&mut self) -> Result<bool, StoreError> {
        let whole = self.compared.elapsed() >= COMPARE;
        let of = if whole { Of::All } else { Of::TheNews };
        let news = self.live.lasting.store.feed(self.position, of).await?;
        self.position = news.position;
        // Only now: what is known of a webhook may be of its next renewal already.
        let mut newest: BTreeMap<WebhookId, InRenewal> = BTreeMap::new();
        for (id, path, entry) in &news.entries {
            self.tell_entry(path, entry);
            newest.extend(entry.renewal.map(|renewal| (*id, renewal)));
        }
        let known = self.served(news.records);
        for (record, procedure) in &known {
            self.compare(record, procedure, newest.get(&record.id).copied());
        }
        if whole {
            self.compared = Instant::now();
            let present: HashSet<WebhookId> = known.iter().map(|(record, _)| record.id).collect();
            self.states.retain(|id, _| present.contains(id));
            self.note_problems(&known);
        }
        Ok(whole)
    }

    fn tell_entry(&self, path: &WebhookPath, Entry { at, renewal, what }: &Entry) {
        let lasting = self.live.lasting.clone();
        let event = |kind| Event {
            renewal_id: renewal.map(|renewal| renewal.id),
            reason: renewal.map(|renewal| renewal.reason.to_string()),
            ..Event::of_webhook(kind, *at, path)
        };
        let told = match what {
            What::Began => event(Kind::RenewalStarted),
            What::StepBegan { step, .. } => Event {
                step: Some(step.to_string()),
                outcome: Some("started".to_owned()),
                ..event(Kind::RenewalStep)
            },
            What::StepEnded { step, began_at, outcome, error, .. } => {
                let took = Duration::try_from(at.duration_since(*began_at)).unwrap_or_default();
                lasting.counters.step(step.as_str(), took);
                Event {
                    step: Some(step.to_string()),
                    outcome: Some(outcome.to_string()),
                    error: error.clone(),
                    ..event(Kind::RenewalStep)
                }
            }
            What::Rotated { version, fingerprint } => Event {
                key_version: Some(*version),
                fingerprint: Some(fingerprint.clone()),
                ..event(Kind::KeyRotated)
            },
            What::Ended { outcome, error } => {
                let reason = renewal.map_or("", |renewal| renewal.reason.as_str());
                lasting.counters.renewal(reason, outcome.as_str());
                Event {
                    outcome: Some(outcome.to_string()),
                    error: error.clone(),
                    ..event(Kind::RenewalFinished)
                }
            }
        };
        lasting.event_bus.publish(&told);
    }

    /// Tells if the state is another than was last told.
    fn compare(&mut self, record: &Record, procedure: &Procedure, renewal: Option<InRenewal>) {
        let picture = webhook_view::webhook(record, procedure);
        let before = self.states.insert(record.id, picture.state);
        if before == Some(picture.state) {
            return;
        }
        let open = picture.renewal;
        self.live.lasting.event_bus.publish(&Event {
            renewal_id: open.as_ref().map(|open| open.id).or(renewal.map(|renewal| renewal.id)),
            reason: open
                .map(|open| open.reason)
                .or_else(|| renewal.map(|renewal| renewal.reason.to_string())),
            error: picture.last_error.map(|error| error.message),
            state: Some(picture.state.as_str().to_owned()),
            previous_state: before.map(|before| before.as_str().to_owned()),
            ..Event::of_webhook(Kind::WebhookState, clock::now(), &record.path)
        });
    }

    /// Those of the records whose webhooks somebody looks after.
    fn served(&self, records: Vec<Record>) -> Vec<(Record, Arc<Procedure>)> {
        let setup = self.live.setup();
        records
            .into_iter()
            .filter_map(|record| {
                let procedure = setup.procedures.get(&record.id)?.clone();
                Some((record, procedure))
            })
            .collect()
    }

    fn note_problems(&mut self, known: &[(Record, Arc<Procedure>)]) {
        let setup = self.live.setup();
        let webhooks = known.iter().filter_map(|(record, procedure)| health::of_webhook(record, procedure));
        let tenants = setup.tenants.iter().flat_map(|tenant| health::of_tenant(tenant));
        let mut current: BTreeMap<String, Problem> = BTreeMap::new();
        for problem in webhooks.chain(tenants) {
            let subject = problem.webhook.clone().or_else(|| problem.tenant.clone()).unwrap_or_default();
            current.entry(subject).or_insert(problem);
        }
        let now = clock::now();
        self.problems.retain(|subject, (since, logged)| {
            let over = !current.contains_key(subject);
            if over && *logged {
                tracing::info!(subject, %since, "a problem is over");
            }
            !over
        });
        for (subject, problem) in current {
            let (since, logged) = self.problems.entry(subject.clone()).or_insert((now, false));
            if !*logged && now.duration_since(*since) >= LASTING_PROBLEM {
                *logged = true;
                tracing::warn!(subject, since = %problem.since, problem = problem.problem, "there is a problem");
            }
        }
    }
}
