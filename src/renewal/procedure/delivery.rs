//! Handing the current key to the sinks that lack it.
//!
//! Law: a sink that fails keeps no other from getting the key, and is tried again until it has it.

use super::{Advance, Procedure};
use crate::{
    crash,
    domain::{
        errand::{Done, Failure, FailureKind},
        reason::{Reason, Step, StepOutcome},
        record::{Record, TroubleKind},
    },
    handoff::KeySink,
    stop::Stop,
    store::StoreError,
};

impl Procedure {
    pub(super) async fn hand_off(&self, record: &Record, stop: &Stop) -> Result<Advance, StoreError> {
        let now = self.tenant.now();
        let attempt = match &record.open {
            Some(open) => Some(self.store.start_step(self.id, open.id, Step::HandOff, now.local).await?),
            None => None,
        };
        let delivered = self.deliver(record, stop).await?;
        let now = self.tenant.now();
        match (delivered, attempt) {
            (Ok(done), Some(attempt)) => {
                let outcome = if done.skipped { StepOutcome::Skipped } else { StepOutcome::Succeeded };
                self.store.all_handed_off(attempt, outcome, done.output, now.local).await?;
            }
            (Ok(_), None) => self.store.unhinder(self.id).await?,
            (Err(failure), _) if failure.kind == FailureKind::Stopped => {
                return match attempt {
                    Some(attempt) => self.stopped(attempt, failure, now).await,
                    None => Ok(Advance::Waiting),
                };
            }
            (Err(failure), Some(attempt)) => self.fail(attempt, record, Step::HandOff, failure, now).await?,
            (Err(failure), None) => {
                let trouble =
                    self.trouble(record, Step::HandOff, failure.message, TroubleKind::Transient, None, now);
                self.store.hinder(self.id, trouble).await?;
            }
        }
        Ok(Advance::Acted)
    }

    /// Gives the current key to every sink that lacks it; one that fails keeps no other from getting it.
    async fn deliver(&self, record: &Record, stop: &Stop) -> Result<Result<Done, Failure>, StoreError> {
        let lacking: Vec<&KeySink> =
            self.sinks.iter().filter(|sink| !record.handed_off.contains(&sink.id())).collect();
        let Some(current) = self.store.keys(self.id).await?.current else {
            return Ok(Err(Failure::new("there is no key to hand off")));
        };
        let (reason, renewal) = match (&record.open, &record.last) {
            (Some(open), _) => (open.reason, open.id),
            (None, Some(last)) => (last.reason, last.id),
            (None, None) => (Reason::Manual, 0),
        };
        let now = self.tenant.now();
        let context = self.context(reason, Step::HandOff, renewal, record.synced_at, now.protime);
        let deliveries = lacking.iter().map(|sink| {
            let context = &context;
            let current = &current;
            async move {
                crash::point("sink:before");
                let outcome = sink.deliver(context, &current.key, current.version, stop.requested()).await;
                crash::point("sink:after");
                (sink.id(), outcome)
            }
        });
        let mut failures = Vec::new();
        let mut output = None;
        for (sink, outcome) in futures_util::future::join_all(deliveries).await {
            match outcome {
                Ok(done) => {
                    self.store.handed_off(self.id, sink, current.version).await?;
                    output = done.output.or(output);
                }
                Err(failure) => failures.push(failure),
            }
        }
        let skipped = lacking.is_empty();
        Ok(match failures.pop() {
            None => Ok(Done { output, skipped }),
            Some(mut last) => {
                for other in failures {
                    last.message = format!("{}; {}", other.message, last.message);
                    if other.kind == FailureKind::Failed {
                        last.kind = FailureKind::Failed;
                    }
                }
                Err(last)
            }
        })
    }
}
