//! Resyncs that read the collection themselves: what is read, from where on, and what it is worth.
//!
//! Laws: objects are signed only with a key that every sink has; where there is none yet, the resync
//! before the POST is skipped and claims nothing, and the one after the hand-off pays everything; a
//! delta's link is stored after everything before it was delivered, so that asking it again never
//! skips a change; what covers time is when the reading *began*, however often it was interrupted.

use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    Advance, Procedure,
    closing::{Ran, covered},
    page_reader::{PageReader, Purpose, ReadToEnd},
};
use crate::{
    config::ReadKind,
    domain::{
        filter::Filter,
        key::WebhookKey,
        page_cursor::{Began, DeltaLink, PageCursor, Progress},
        reason::Step,
        state::WebhookState,
        task::{TaskContext, TaskError, TaskErrorKind},
        transition::{Event, later},
    },
    duration,
    resync::{Outlet, Read, Resync, Target},
    store::{Move, StoreError},
};

/// The database refused within a step; the step is done again.
impl From<StoreError> for TaskError {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl Procedure {
    /// Reads the collection for a step and delivers what it shows.
    pub(super) async fn read(
        &self,
        read: &Read,
        state: &WebhookState,
        context: &TaskContext,
        began: Began,
        stop: &CancellationToken,
    ) -> Result<Ran, TaskError> {
        if context.step == Step::Resync && of_one_gap(read) {
            self.forget_delta().await?;
        }
        let key = match self.signing_key(read, state).await? {
            Signing::With(key) => Some(key),
            Signing::NotNeeded => None,
            // A sink that does not take the key must not keep back what others can check already.
            Signing::NotEverywhere(key) if context.step == Step::CatchUp => Some(key),
            Signing::NotEverywhere(_) | Signing::NotYet if context.step == Step::Resync => {
                tracing::info!(webhook = %self.webhook.path, "the receiver has no key yet that objects could be signed with; they follow when it has one");
                return Ok(Ran::Skipped);
            }
            Signing::NotEverywhere(_) | Signing::NotYet => return Err(unsigned()),
        };
        let purpose = if key.is_some() { Purpose::Resumable } else { Purpose::AllOrNothing };
        let cursor = self.place(read, context, began, purpose).await?;
        let page_reader = PageReader::new(self, read, context.from, purpose, cursor);
        let (ReadToEnd { cursor, delta, .. }, output) =
            self.carry(read, key.as_ref(), context, page_reader, stop).await?;
        if read.is_delta() {
            self.keep_delta(cursor.shape, delta).await?;
        }
        Ok(Ran::Through { output: Some(output), began: cursor.began, from: context.from })
    }

    async fn place(
        &self,
        read: &Read,
        context: &TaskContext,
        began: Began,
        purpose: Purpose,
    ) -> Result<PageCursor, StoreError> {
        let shape = self.shape(read);
        let (cursor, delta) = self.with.store.cursor(self.webhook.id).await?;
        if purpose == Purpose::Resumable
            && let Some(cursor) = cursor
            && (cursor.renewal, cursor.step, &cursor.shape) == (context.renewal_id, context.step, &shape)
            && cursor.progress.pages > 0
        {
            let Progress { pages, objects } = cursor.progress;
            tracing::info!(webhook = %self.webhook.path, pages, objects, "reading the collection goes on where it was interrupted");
            return Ok(cursor);
        }
        let link = delta.filter(|delta| read.is_delta() && delta.shape == shape).map(|delta| delta.link);
        Ok(PageCursor {
            renewal: context.renewal_id,
            step: context.step,
            shape,
            began,
            link,
            days: None,
            progress: Progress::default(),
        })
    }

    /// Lets a reader deliver into its target, for as long as it may.
    async fn carry(
        &self,
        read: &Read,
        key: Option<&WebhookKey>,
        context: &TaskContext,
        page_reader: PageReader<'_>,
        stop: &CancellationToken,
    ) -> Result<(ReadToEnd, String), TaskError> {
        match (&read.target, key) {
            (Target::Replay(replay), Some(key)) => {
                let outlet = Outlet::Replay(replay, key);
                let end = select! {
                    end = page_reader.run(&outlet) => end?,
                    () = stop.cancelled() => return Err(TaskError {
                        message: "reading the collection was ended because the daemon stops".to_owned(),
                        output: None,
                        kind: TaskErrorKind::Stopped,
                    }),
                    () = sleep(read.config.timeout) => {
                        let after = duration::written(read.config.timeout);
                        return Err(TaskError::new(format!(
                            "reading the collection was not done after {after}; the next attempt goes on from there"
                        )));
                    }
                };
                let Progress { pages, objects } = end.cursor.progress;
                Ok((end, format!("{objects} objects on {pages} pages\n")))
            }
            (Target::Replay(_), None) => Err(unsigned()),
            (Target::Pipe(pipe), _) => {
                let read_to_end = |outlet: Outlet<'static>| async move { page_reader.run(&outlet).await };
                let (end, output) = pipe.run(context, stop.cancelled(), read_to_end).await?;
                Ok((end, output.unwrap_or_default()))
            }
        }
    }

    async fn keep_delta(&self, shape: String, delta: Option<String>) -> Result<(), StoreError> {
        let Some(link) = delta else {
            tracing::warn!(webhook = %self.webhook.path, "Protime's delta ended without a deltaLink; the next resync reads everything");
            return self.forget_delta().await;
        };
        self.record_outcome("keep_delta", &Event::Delta(true), &[Move::Delta(DeltaLink { shape, link })])
            .await?;
        Ok(())
    }

    pub(super) async fn forget_delta(&self) -> Result<(), StoreError> {
        self.record_outcome("forget_delta", &Event::Delta(false), &[Move::NoDelta]).await?;
        Ok(())
    }

    /// Uses the delta link between renewals, so that the delta does not end. What it brings is delivered
    /// before its new link is stored: only so is nothing lost, should one of the events be.
    pub(super) async fn keep_delta_alive(
        &self,
        state: &WebhookState,
        stop: &CancellationToken,
    ) -> Result<Advance, StoreError> {
        let (_, delta) = self.with.store.cursor(self.webhook.id).await?;
        let (Resync::Read(read), Some(delta)) = (&self.webhook.resync, delta) else {
            self.forget_delta().await?;
            return Ok(Advance::Acted);
        };
        if delta.shape != self.shape(read) {
            self.forget_delta().await?;
            return Ok(Advance::Acted);
        }
        let failure = match self.ask_delta(read, delta, state, stop).await {
            Ok(ReadToEnd { cursor, delta: Some(link), gone: false }) => {
                let objects = cursor.progress.objects;
                let counted =
                    matches!(read.config.kind, ReadKind::Delta { audit: true, .. }).then_some(objects);
                let event = Event::DeltaKeptAlive(covered(cursor.began), counted);
                let next = DeltaLink { shape: cursor.shape, link };
                self.record_outcome("delta_kept_alive", &event, &[Move::Delta(next)]).await?;
                tracing::info!(webhook = %self.webhook.path, objects, "the delta was kept alive, and what it brought was offered to the receiver");
                return Ok(Advance::Acted);
            }
            Ok(ReadToEnd { .. }) => {
                tracing::warn!(webhook = %self.webhook.path, "the delta has ended at Protime; the next resync reads everything, which does not show what was deleted");
                self.forget_delta().await?;
                return Ok(Advance::Acted);
            }
            Err(failure) => failure,
        };
        if failure.kind == TaskErrorKind::Stopped {
            return Ok(Advance::Waiting);
        }
        let now = self.tenant.now();
        let wished =
            if let TaskErrorKind::Later(wait) = failure.kind { wait } else { std::time::Duration::ZERO };
        let delay = self.with.timing.backoff.slow(fastrand::f64()).max(wished);
        let retry_at = later(now, delay.min(self.webhook.policy.longest_retry));
        tracing::warn!(webhook = %self.webhook.path, error = %failure, %retry_at, "the delta could not be kept alive");
        self.record_outcome("delta_not_kept_alive", &Event::DeltaNotReached(retry_at), &[]).await?;
        Ok(Advance::Acted)
    }

    async fn ask_delta(
        &self,
        read: &Read,
        delta: DeltaLink,
        state: &WebhookState,
        stop: &CancellationToken,
    ) -> Result<ReadToEnd, TaskError> {
        let key = match self.signing_key(read, state).await? {
            Signing::With(key) => Some(key),
            Signing::NotNeeded => None,
            Signing::NotEverywhere(_) | Signing::NotYet => return Err(unsigned()),
        };
        let began = self.began();
        let (reason, renewal) = state.newest_renewal();
        let context = self.context(reason, Step::CatchUp, renewal, state.synced_at, began.at);
        let cursor = PageCursor {
            renewal,
            step: Step::CatchUp,
            shape: delta.shape,
            began,
            link: Some(delta.link),
            days: None,
            progress: Progress::default(),
        };
        let page_reader = PageReader::new(self, read, context.from, Purpose::KeepAlive, cursor);
        self.carry(read, key.as_ref(), &context, page_reader, stop).await.map(|(end, _)| end)
    }

    /// The key that the receiver checks signatures with: ours, for certain once every sink has it.
    async fn signing_key(&self, read: &Read, state: &WebhookState) -> Result<Signing, TaskError> {
        if let Target::Pipe(_) = read.target {
            return Ok(Signing::NotNeeded);
        }
        let everyone_has_it = state.is_known_everywhere();
        let keys = self.with.store.keys(self.webhook.id).await?;
        Ok(match keys.current {
            Some(current) if everyone_has_it => Signing::With(current.key),
            Some(current) => Signing::NotEverywhere(current.key),
            None => Signing::NotYet,
        })
    }

    /// What is read and for whom, in words: where any of it changes, no earlier place is of use.
    fn shape(&self, read: &Read) -> String {
        let filter = read.config.filter.as_ref().map_or_else(String::new, Filter::shape);
        let kind = if read.is_delta() { "delta" } else { "list" };
        let target = &read.target;
        format!(
            "{kind} {} {} {filter} {target}",
            self.webhook.pair.collection, self.webhook.policy.references
        )
    }
}

enum Signing {
    With(WebhookKey),
    /// Some sink lacks it, so that the receiver may, too.
    NotEverywhere(WebhookKey),
    NotYet,
    NotNeeded,
}

fn unsigned() -> TaskError {
    TaskError::new("there is no key that objects could be signed with")
}

/// Whether what is read depends on the gap, so that its delta link is of no use for the next one.
fn of_one_gap(read: &Read) -> bool {
    read.is_delta() && read.config.filter.as_ref().is_some_and(Filter::depends_on_the_gap)
}
