//! Reading a collection: page after page from Protime to an outlet, until the end.
//!
//! Laws: a place is recorded after what comes before it was delivered; an empty page is not the end,
//! and a page that was seen is; what Protime does not know any more is not asked for again, and begun
//! again, with a beginning of its own, so that nothing is claimed that was not read; what a delta link
//! tells of is stored before it is delivered, because it need not be told twice.

mod overtaken;

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use jiff::Timestamp;
use tokio::time::sleep;

use super::Procedure;
use crate::{
    domain::{
        filter::Days,
        object::Object,
        page_cursor::{PageCursor, Progress},
        plan::superseded,
        query::is_delta_link,
        reason::Step,
        task::{TaskError, TaskErrorKind},
        transition::Event,
    },
    failpoint,
    protime::{ApiError, Page, Query},
    resync::{Outlet, Read, Target},
    store::Move,
};

/// How often a page is asked for before the step fails; the next attempt goes on at this page.
const TRIES: u32 = 5;

/// A longer wait than this is not waited for within the step.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often a collection is read again within one attempt.
const RESTARTS: u32 = 3;

#[derive(Debug)]
pub(super) struct PageReader<'a> {
    procedure: &'a Procedure,
    read: &'a Read,
    /// The beginning of the gap.
    from: Option<Timestamp>,
    purpose: Purpose,
    cursor: PageCursor,
    left: VecDeque<Days>,
    seen: HashSet<u64>,
    restarts: u32,
    /// Whether an event may have overtaken what was delivered since a delta was last asked for.
    doubtful: bool,
    /// How often a delta was asked again for that.
    readings: u32,
    /// Whether a page has arrived when it is delivered, and not only with the end of a program.
    each_page_arrives: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A step whose next attempt goes on where this one was.
    Resumable,
    /// A step whose next attempt begins again, because only the end of a program says what arrived.
    AllOrNothing,
    /// Keeping the delta alive between renewals, which is not worth reading everything.
    KeepAlive,
}

#[derive(Debug)]
pub(super) struct ReadToEnd {
    pub(super) cursor: PageCursor,
    /// Where to ask what changes from now on.
    pub(super) delta: Option<String>,
    /// Whether it ended because Protime does not know its delta any more.
    pub(super) gone: bool,
}

enum NoPage {
    /// Protime does not know the link any more.
    Gone(ApiError),
    Failed(TaskError),
}

impl<'a> PageReader<'a> {
    /// Goes on at a place, or begins.
    pub(super) fn new(
        procedure: &'a Procedure,
        read: &'a Read,
        from: Option<Timestamp>,
        purpose: Purpose,
        cursor: PageCursor,
    ) -> Self {
        let mut page_reader = Self {
            procedure,
            read,
            from,
            purpose,
            cursor,
            left: VecDeque::new(),
            seen: HashSet::new(),
            restarts: 0,
            doubtful: false,
            readings: 0,
            each_page_arrives: matches!(read.target, Target::Replay(_)),
        };
        page_reader.lay_out();
        page_reader
    }

    /// Finds the days that are left.
    fn lay_out(&mut self) {
        let (Some(filter), to) = (&self.read.config.filter, self.cursor.began.at) else { return };
        self.left = match self.cursor.days {
            Some(done) => filter.days_after(done, to).into(),
            None => filter.days(self.from, to, self.read.config.earliest).into(),
        };
        if self.cursor.days.is_none() {
            self.cursor.days = self.left.pop_front();
            if let (None, Some(days), true) = (self.from, self.cursor.days, filter.has_beginning()) {
                tracing::info!(webhook = %self.procedure.webhook.path, from = %days.from, "everything is to be read; days before this one are not asked for");
            }
        }
    }

    pub(super) async fn run(mut self, outlet: &Outlet<'_>) -> Result<ReadToEnd, TaskError> {
        if self.read.is_delta() {
            self.deliver_stored(outlet).await?;
        }
        loop {
            failpoint::hit("page:before");
            let page = self.page().await;
            failpoint::hit("page:after");
            let page = match page {
                Ok(page) => page,
                Err(NoPage::Failed(failure)) => return Err(failure),
                Err(NoPage::Gone(_)) if self.purpose == Purpose::KeepAlive => {
                    return Ok(ReadToEnd { cursor: self.cursor, delta: None, gone: true });
                }
                Err(NoPage::Gone(error)) => {
                    self.begin_again(&error).await?;
                    continue;
                }
            };
            if page.follows_delta_link
                && let Err(failure) = self.store_changes(&page).await
            {
                // If it arrives now, nothing is lost.
                tracing::warn!(webhook = %self.procedure.webhook.path, error = %failure, "what the delta told of could not be stored before it is delivered");
            }
            failpoint::hit("deliver:before");
            outlet.page(&page.objects).await?;
            failpoint::hit("deliver:after");
            self.cursor.progress.pages += 1;
            self.cursor.progress.objects += Object::count(&page.objects);
            if page.follows_delta_link && !page.objects.is_empty() {
                self.has_arrived().await?;
            }
            self.deliver_the_overtaken(&page, outlet).await?;
            self.doubtful |= self.may_be_overtaken(&page);
            let delta = if self.read.is_delta() { page.delta } else { None };
            if let Some(next) = &delta
                && self.asks_again()
                && self.follow(next.clone()).is_ok()
            {
                self.record_place().await?;
                continue;
            }
            match page.next {
                Some(next) => self.follow(next)?,
                None => match self.left.pop_front() {
                    Some(days) if delta.is_none() => {
                        self.cursor.days = Some(days);
                        self.cursor.link = None;
                        // A link need not say of which days it is.
                        self.seen.clear();
                    }
                    _ => {
                        outlet.end().await;
                        return Ok(ReadToEnd { cursor: self.cursor, delta, gone: false });
                    }
                },
            }
            self.record_place().await?;
            // Reading may take hours, and the webhook whose key signs what is read may die meanwhile: then a renewal is
            // more urgent, and pays what this one owes.
            if self.cursor.step == Step::CatchUp && self.purpose != Purpose::KeepAlive {
                self.still_wanted().await?;
            }
        }
    }

    /// Delivers what earlier attempts were told by the delta link and did not get through.
    async fn deliver_stored(&mut self, outlet: &Outlet<'_>) -> Result<(), TaskError> {
        let procedure = self.procedure;
        let mut behind = 0;
        while let Some(page) = procedure.with.store.stored_changes(procedure.webhook.id, behind).await? {
            behind = page.id;
            let objects = Object::changes(&page.changes).map_err(|wrong| {
                TaskError::new(format!("a stored page of the delta cannot be read: {wrong}"))
            })?;
            outlet.page(&objects).await?;
            self.cursor.progress.pages += 1;
            self.cursor.progress.objects += Object::count(&objects);
        }
        if behind > 0 { self.has_arrived().await } else { Ok(()) }
    }

    /// Stores what the delta link told, with the link that follows it.
    async fn store_changes(&self, page: &Page) -> Result<(), TaskError> {
        let procedure = self.procedure;
        let changes = (!page.objects.is_empty()).then(|| Object::array(&page.objects));
        let next = page.next.clone().or_else(|| page.delta.clone());
        let told = Move::Told(changes, next);
        Ok(procedure.with.store.move_cursor(procedure.webhook.id, told).await?)
    }

    /// Forgets what was stored, unless only the end of a program says that it has arrived.
    async fn has_arrived(&self) -> Result<(), TaskError> {
        if !self.each_page_arrives {
            return Ok(());
        }
        let procedure = self.procedure;
        Ok(procedure.with.store.move_cursor(procedure.webhook.id, Move::Arrived).await?)
    }

    async fn still_wanted(&self) -> Result<(), TaskError> {
        let procedure = self.procedure;
        let state = procedure.with.store.state(procedure.webhook.id).await?;
        match superseded(&state, &procedure.webhook.policy, procedure.tenant.now()) {
            Some(reason) => Err(TaskError::new(format!(
                "reading the collection was ended for another renewal, whose reason is {reason}"
            ))),
            None => Ok(()),
        }
    }

    /// Records the place, so that it shows, and the next attempt can go on there.
    async fn record_place(&self) -> Result<(), TaskError> {
        if self.purpose == Purpose::KeepAlive {
            return Ok(());
        }
        let procedure = self.procedure;
        let PageCursor { renewal, step, progress, .. } = self.cursor;
        let event = Event::PageDelivered { renewal, step, progress };
        let recorded =
            procedure.record_outcome("page_read", &event, &[Move::PageCursor(self.cursor.clone())]).await;
        Ok(recorded.map(drop)?)
    }

    fn follow(&mut self, next: String) -> Result<(), TaskError> {
        let mut hasher = DefaultHasher::new();
        next.hash(&mut hasher);
        if !self.seen.insert(hasher.finish()) {
            let collection = &self.procedure.webhook.pair.collection;
            return Err(TaskError::new(format!(
                "Protime's page of '{collection}' is not as documented: its nextLink leads back to a page that was \
                 read already"
            )));
        }
        self.cursor.link = Some(next);
        Ok(())
    }

    async fn begin_again(&mut self, error: &ApiError) -> Result<(), TaskError> {
        let procedure = self.procedure;
        self.restarts += 1;
        if self.restarts <= RESTARTS {
            tracing::warn!(webhook = %procedure.webhook.path, %error, "Protime does not know the place in the collection any more; reading it from its beginning, which does not show what was deleted meanwhile");
        }
        if self.read.is_delta() {
            procedure.forget_delta().await?;
        }
        self.cursor.began = procedure.began();
        self.cursor.link = None;
        self.cursor.days = None;
        self.cursor.progress = Progress::default();
        self.seen.clear();
        self.lay_out();
        // Or the next attempt would go on with the link that is dead.
        self.record_place().await?;
        if self.restarts > RESTARTS {
            return Err(TaskError::new(format!("reading was begun again {RESTARTS} times: {error}")));
        }
        Ok(())
    }

    /// Asks for the page of the place, again if it may help.
    async fn page(&self) -> Result<Page, NoPage> {
        let procedure = self.procedure;
        let filter = self.read.config.filter.as_ref().zip(self.cursor.days);
        let filter = filter.map(|(filter, days)| filter.fill(self.from, self.cursor.began.at, days));
        let delta = self.read.is_delta();
        let query = match &self.cursor.link {
            Some(link) => Query::Link(link),
            None => {
                Query::First { delta, filter: filter.as_deref(), references: &procedure.webhook.references }
            }
        };
        let mut tries = 1;
        loop {
            let asked =
                procedure.tenant.client.collection_page(&procedure.webhook.pair.collection, query, delta);
            let error = match asked.await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            if self.cursor.link.as_deref().is_some_and(|link| is_gone(&error, link)) {
                return Err(NoPage::Gone(error));
            }
            let wait = error.retry_after().unwrap_or_default();
            if matches!(error, ApiError::NeedsOperator { .. }) || tries == TRIES || wait > PATIENCE {
                return Err(NoPage::Failed(failed(&error)));
            }
            tracing::debug!(webhook = %procedure.webhook.path, %error, tries, "a page is asked for again");
            sleep(wait.max(procedure.with.timing.backoff.delay(tries, fastrand::f64()).min(PATIENCE))).await;
            tries += 1;
        }
    }
}

/// Whether Protime does not know a link any more. A 409 means two things: of a list and of a fresh delta,
/// that the token in the link is over; of a delta link, that something else is under way, which passes.
fn is_gone(error: &ApiError, link: &str) -> bool {
    match error.status() {
        Some(400 | 404 | 410) => true,
        Some(409) => !is_delta_link(link),
        _ => false,
    }
}

fn failed(error: &ApiError) -> TaskError {
    let kind = match error {
        ApiError::NeedsOperator { .. } => TaskErrorKind::NeedsOperator,
        ApiError::Transient { retry_after: Some(wait), .. } => TaskErrorKind::Later(*wait),
        ApiError::Transient { retry_after: None, .. } => TaskErrorKind::Failed,
    };
    TaskError { message: error.to_string(), output: None, kind }
}
