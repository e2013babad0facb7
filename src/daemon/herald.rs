//! Tells what happened, from what is on disk: events to listeners, counts to `/metrics`, and a line in
//! the log where a problem begins or ends.
//!
//! Laws: nothing is told before it is durable; nobody who works waits for whoever listens; a problem
//! that is over before anybody could have looked is no line in the log.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::{health, live::Live, picture};
use crate::{
    clock,
    domain::{
        event::{Event, Kind},
        record::{Record, WebhookId},
        report::{Problem, State},
    },
    renewal::procedure::Procedure,
    stop::Stop,
    store::{Position, RenewalNews, StoreError},
};

/// The longest time between two looks: some states change only because time passes.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// All webhooks are compared at most so often; one that has news is compared at once.
const COMPARE: Duration = Duration::from_secs(1);

/// A problem is worth a line once it lasts so long.
const LASTING_PROBLEM: SignedDuration = SignedDuration::from_secs(10);

/// What was last told of a webhook.
#[derive(Debug, Clone, Copy)]
struct Seen {
    state: State,
    key_version: u64,
}

/// Reads the journal and tells the news.
pub(super) struct Herald {
    live: Live,
    position: Position,
    seen: HashMap<WebhookId, Seen>,
    compared: Instant,
    /// Since when each subject has a problem, and whether the log says so.
    problems: BTreeMap<String, (Timestamp, bool)>,
}

impl Herald {
    /// Takes everything up to now as told.
    pub(super) async fn new(live: Live) -> Result<Self, StoreError> {
        let position = live.lasting.store.newest().await?;
        let mut herald = Self {
            live,
            position,
            seen: HashMap::new(),
            compared: Instant::now(),
            problems: BTreeMap::new(),
        };
        for (record, procedure) in &herald.known().await? {
            herald.seen.insert(record.id, seen(record, procedure));
        }
        Ok(herald)
    }

    /// Tells the news until `stop` is requested, and then what is left.
    pub(super) async fn run(mut self, stop: Stop) {
        let mut commits = self.live.lasting.store.commits();
        let mut published = self.live.lasting.bulletin.news();
        while !stop.is_requested() {
            commits.borrow_and_update();
            self.look().await;
            // What we published ourselves is no news.
            published.borrow_and_update();
            let sleep =
                self.compared + if commits.has_changed().unwrap_or(false) { COMPARE } else { LONGEST_SLEEP };
            tokio::select! {
                _changed = commits.changed() => {}
                // A poll that failed changes no record, but states.
                _changed = published.changed() => {}
                () = tokio::time::sleep_until(sleep) => {}
                () = stop.requested() => {}
            }
        }
        self.look().await;
    }

    async fn look(&mut self) {
        if let Err(error) = self.tell().await {
            tracing::debug!(%error, "the journal could not be read for its news; it is read again soon");
        }
    }

    async fn tell(&mut self) -> Result<(), StoreError> {
        let (news, position) = self.live.lasting.store.news(self.position.clone()).await?;
        self.position = position;
        for renewal in &news {
            self.tell_renewal(renewal).await?;
        }
        // Only now: what is known of a webhook may be of its next renewal already.
        let newest: BTreeMap<WebhookId, &RenewalNews> =
            news.iter().map(|renewal| (renewal.webhook, renewal)).collect();
        for (id, renewal) in newest {
            if let Some(procedure) = self.live.setup().procedures.get(&id) {
                let record = self.live.lasting.store.record(id).await?;
                self.compare(&record, procedure, Some(renewal));
            }
        }
        if self.compared.elapsed() >= COMPARE {
            self.compared = Instant::now();
            let known = self.known().await?;
            for (record, procedure) in &known {
                self.compare(record, procedure, None);
            }
            let present: HashSet<WebhookId> = known.iter().map(|(record, _)| record.id).collect();
            self.seen.retain(|id, _| present.contains(id));
            self.note_problems(&known);
        }
        Ok(())
    }

    async fn tell_renewal(&mut self, renewal: &RenewalNews) -> Result<(), StoreError> {
        let lasting = self.live.lasting.clone();
        let event = |kind, at| Event {
            renewal_id: Some(renewal.id),
            reason: Some(renewal.reason.clone()),
            ..Event::of_webhook(kind, at, &renewal.path)
        };
        if renewal.begun {
            lasting.bulletin.publish(&event(Kind::RenewalStarted, renewal.started_at));
        }
        for step in &renewal.steps {
            let event = |at| Event { step: Some(step.step.clone()), ..event(Kind::RenewalStep, at) };
            if step.begun {
                let started = "started".to_owned();
                lasting.bulletin.publish(&Event { outcome: Some(started), ..event(step.started_at) });
            }
            let Some(end) = &step.ended else { continue };
            lasting.bulletin.publish(&Event {
                outcome: Some(end.outcome.clone()),
                error: end.error.clone(),
                ..event(end.at)
            });
            let took = Duration::try_from(end.at.duration_since(step.started_at)).unwrap_or_default();
            lasting.tally.step(&step.step, took);
            if step.step == "rotate" && end.outcome == "succeeded" {
                self.tell_key_of(renewal, end.at).await?;
            }
        }
        if let Some(end) = &renewal.ended {
            lasting.bulletin.publish(&Event {
                outcome: Some(end.outcome.clone()),
                error: end.error.clone(),
                ..event(Kind::RenewalFinished, end.at)
            });
            lasting.tally.renewal(&renewal.reason, &end.outcome);
        }
        Ok(())
    }

    /// Tells if the key or the state is another than was last told.
    fn compare(&mut self, record: &Record, procedure: &Procedure, renewal: Option<&RenewalNews>) {
        self.tell_key(record);
        let now = seen(record, procedure);
        let before = self.seen.insert(record.id, now);
        if before.is_some_and(|before| before.state == now.state) {
            return;
        }
        let picture = picture::webhook(record, procedure);
        let open = picture.renewal;
        self.live.lasting.bulletin.publish(&Event {
            renewal_id: open.as_ref().map(|open| open.id).or(renewal.map(|renewal| renewal.id)),
            reason: open.map(|open| open.reason).or_else(|| renewal.map(|renewal| renewal.reason.clone())),
            error: picture.last_error.map(|error| error.message),
            state: Some(now.state.as_str().to_owned()),
            previous_state: before.map(|before| before.state.as_str().to_owned()),
            ..Event::of_webhook(Kind::WebhookState, clock::now(), &record.path)
        });
    }

    /// Tells the key of a rotation, which need not be the current one any more.
    async fn tell_key_of(&mut self, renewal: &RenewalNews, rotated_at: Timestamp) -> Result<(), StoreError> {
        let keys = self.live.lasting.store.keys(renewal.webhook).await?;
        let rotated =
            [keys.previous, keys.current].into_iter().flatten().find(|key| key.rotated_at == rotated_at);
        if let Some(key) = rotated
            && self.is_new_key(renewal.webhook, key.version)
        {
            self.live.lasting.bulletin.publish(&Event {
                renewal_id: Some(renewal.id),
                reason: Some(renewal.reason.clone()),
                key_version: Some(key.version),
                fingerprint: Some(key.key.fingerprint()),
                ..Event::of_webhook(Kind::KeyRotated, rotated_at, &renewal.path)
            });
        }
        Ok(())
    }

    /// Tells the current key if nobody has yet: it may have been imported, without a renewal.
    fn tell_key(&mut self, record: &Record) {
        if let Some(issued) = &record.issued
            && self.is_new_key(record.id, issued.key_version)
        {
            self.live.lasting.bulletin.publish(&Event {
                key_version: Some(issued.key_version),
                fingerprint: Some(issued.fingerprint.clone()),
                ..Event::of_webhook(Kind::KeyRotated, issued.rotated_at, &record.path)
            });
        }
    }

    /// Whether a version is newer than what was told of its webhook; then it counts as told.
    fn is_new_key(&mut self, id: WebhookId, version: u64) -> bool {
        let Some(seen) = self.seen.get_mut(&id) else { return false };
        let is_new = version > seen.key_version;
        seen.key_version = seen.key_version.max(version);
        is_new
    }

    async fn known(&self) -> Result<Vec<(Record, std::sync::Arc<Procedure>)>, StoreError> {
        let setup = self.live.setup();
        let records = self.live.lasting.store.records().await?;
        Ok(records
            .into_iter()
            .filter_map(|record| {
                let procedure = setup.procedures.get(&record.id)?.clone();
                Some((record, procedure))
            })
            .collect())
    }

    fn note_problems(&mut self, known: &[(Record, std::sync::Arc<Procedure>)]) {
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

fn seen(record: &Record, procedure: &Procedure) -> Seen {
    Seen {
        state: picture::webhook(record, procedure).state,
        key_version: record.issued.as_ref().map_or(0, |issued| issued.key_version),
    }
}
