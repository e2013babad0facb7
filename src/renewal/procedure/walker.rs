//! A walk through a collection: page after page from Protime to an outlet, until the end.
//!
//! Laws: a place is recorded after what comes before it was delivered; an empty page is not the end,
//! and a page that was seen is; what Protime does not know any more is not asked for again, and begun
//! afresh, with a beginning of its own, so that nothing is claimed that was not read; what a kept delta
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
        page_cursor::{Progress, Walk},
        plan::superseded,
        query::is_of_kept_delta,
        reason::Step,
        task::{Failure, FailureKind},
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

/// How often a walk begins afresh within one attempt.
const RESTARTS: u32 = 3;

/// One walk under way.
#[derive(Debug)]
pub(super) struct Walker<'a> {
    procedure: &'a Procedure,
    read: &'a Read,
    /// The beginning of the gap.
    from: Option<Timestamp>,
    purpose: Purpose,
    walk: Walk,
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

/// What a walk is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A step whose next attempt goes on where this one was.
    Resumable,
    /// A step whose next attempt begins anew, because only the end of a program says what arrived.
    AllOrNothing,
    /// Asking for a kept delta between renewals, which is not worth reading everything.
    Refresh,
}

/// How a walk ended.
#[derive(Debug)]
pub(super) struct Walked {
    /// The walk at its end.
    pub(super) walk: Walk,
    /// Where to ask what changes from now on.
    pub(super) delta: Option<String>,
    /// Whether it ended because Protime does not know its delta any more.
    pub(super) gone: bool,
}

/// Why there is no page.
enum NoPage {
    /// Protime does not know the link any more.
    Gone(ApiError),
    Failed(Failure),
}

impl<'a> Walker<'a> {
    /// A walk that goes on at a place, or begins.
    pub(super) fn new(
        procedure: &'a Procedure,
        read: &'a Read,
        from: Option<Timestamp>,
        purpose: Purpose,
        walk: Walk,
    ) -> Self {
        let mut walker = Self {
            procedure,
            read,
            from,
            purpose,
            walk,
            left: VecDeque::new(),
            seen: HashSet::new(),
            restarts: 0,
            doubtful: false,
            readings: 0,
            each_page_arrives: matches!(read.target, Target::Replay(_)),
        };
        walker.lay_out();
        walker
    }

    /// Finds the days that are left.
    fn lay_out(&mut self) {
        let (Some(filter), to) = (&self.read.filter, self.walk.began.at) else { return };
        self.left = match self.walk.days {
            Some(done) => filter.days_after(done, to).into(),
            None => filter.days(self.from, to, self.read.earliest).into(),
        };
        if self.walk.days.is_none() {
            self.walk.days = self.left.pop_front();
            if let (None, Some(days), true) = (self.from, self.walk.days, filter.has_beginning()) {
                tracing::info!(webhook = %self.procedure.path, from = %days.from, "everything is to be read; days before this one are not asked for");
            }
        }
    }

    /// Walks to the end.
    pub(super) async fn run(mut self, outlet: &Outlet<'_>) -> Result<Walked, Failure> {
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
                Err(NoPage::Gone(_)) if self.purpose == Purpose::Refresh => {
                    return Ok(Walked { walk: self.walk, delta: None, gone: true });
                }
                Err(NoPage::Gone(error)) => {
                    self.afresh(&error).await?;
                    continue;
                }
            };
            if page.is_kept
                && let Err(failure) = self.store_changes(&page).await
            {
                // If it arrives now, nothing is lost.
                tracing::warn!(webhook = %self.procedure.path, error = %failure, "what the delta told of could not be stored before it is delivered");
            }
            failpoint::hit("deliver:before");
            outlet.page(&page.objects).await?;
            failpoint::hit("deliver:after");
            self.walk.progress.pages += 1;
            self.walk.progress.objects += Object::count(&page.objects);
            if page.is_kept && !page.objects.is_empty() {
                self.has_arrived().await?;
            }
            self.deliver_the_overtaken(&page, outlet).await?;
            self.doubtful |= self.may_be_overtaken(&page);
            let delta = if self.read.is_delta() { page.delta } else { None };
            if let Some(next) = &delta
                && self.asks_again()
                && self.follow(next.clone()).is_ok()
            {
                self.record().await?;
                continue;
            }
            match page.next {
                Some(next) => self.follow(next)?,
                None => match self.left.pop_front() {
                    Some(days) if delta.is_none() => {
                        self.walk.days = Some(days);
                        self.walk.link = None;
                        // A link need not say of which days it is.
                        self.seen.clear();
                    }
                    _ => {
                        outlet.end().await;
                        return Ok(Walked { walk: self.walk, delta, gone: false });
                    }
                },
            }
            self.record().await?;
            if self.walk.step == Step::CatchUp && self.purpose != Purpose::Refresh {
                self.still_wanted().await?;
            }
        }
    }

    /// Delivers what earlier attempts were told of a kept delta and did not get through.
    async fn deliver_stored(&mut self, outlet: &Outlet<'_>) -> Result<(), Failure> {
        let procedure = self.procedure;
        let mut behind = 0;
        while let Some(page) = procedure
            .store
            .stored_changes(procedure.id, behind)
            .await
            .map_err(|error| Failure::from_store(&error))?
        {
            behind = page.id;
            let objects = Object::changes(&page.changes).map_err(|wrong| {
                Failure::new(format!("a stored page of the delta cannot be read: {wrong}"))
            })?;
            outlet.page(&objects).await?;
            self.walk.progress.pages += 1;
            self.walk.progress.objects += Object::count(&objects);
        }
        if behind > 0 { self.has_arrived().await } else { Ok(()) }
    }

    /// Stores what a kept delta tells of, with the link that follows it.
    async fn store_changes(&self, page: &Page) -> Result<(), Failure> {
        let procedure = self.procedure;
        let changes = (!page.objects.is_empty()).then(|| Object::array(&page.objects));
        let next = page.next.clone().or_else(|| page.delta.clone());
        let told = Move::Told(changes, next);
        procedure.store.move_cursor(procedure.id, told).await.map_err(|error| Failure::from_store(&error))
    }

    /// Forgets what was stored, unless only the end of a program says that it has arrived.
    async fn has_arrived(&self) -> Result<(), Failure> {
        if !self.each_page_arrives {
            return Ok(());
        }
        let procedure = self.procedure;
        let arrived = procedure.store.move_cursor(procedure.id, Move::Arrived).await;
        arrived.map_err(|error| Failure::from_store(&error))
    }

    /// A walk may take hours, and the webhook whose key it signs with may die meanwhile: then a renewal
    /// is more urgent, and pays what this one owes.
    async fn still_wanted(&self) -> Result<(), Failure> {
        let procedure = self.procedure;
        let record =
            procedure.store.record(procedure.id).await.map_err(|error| Failure::from_store(&error))?;
        match superseded(&record, &procedure.wanted, procedure.tenant.now()) {
            Some(reason) => Err(Failure::new(format!(
                "reading the collection was ended for another renewal, whose reason is {reason}"
            ))),
            None => Ok(()),
        }
    }

    /// Records the place, so that it shows, and the next attempt can go on there.
    async fn record(&self) -> Result<(), Failure> {
        if self.purpose == Purpose::Refresh {
            return Ok(());
        }
        let procedure = self.procedure;
        let Walk { renewal, step, progress, .. } = self.walk;
        let event = Event::Walked { renewal, step, progress };
        let walked = procedure.learn("walked", &event, &[Move::Walk(self.walk.clone())]).await;
        walked.map(drop).map_err(|error| Failure::from_store(&error))
    }

    fn follow(&mut self, next: String) -> Result<(), Failure> {
        let mut hasher = DefaultHasher::new();
        next.hash(&mut hasher);
        if !self.seen.insert(hasher.finish()) {
            let collection = &self.procedure.pair.collection;
            return Err(Failure::new(format!(
                "Protime's page of '{collection}' is not as documented: its nextLink leads back to a page that was \
                 read already"
            )));
        }
        self.walk.link = Some(next);
        Ok(())
    }

    async fn afresh(&mut self, error: &ApiError) -> Result<(), Failure> {
        let procedure = self.procedure;
        self.restarts += 1;
        if self.restarts <= RESTARTS {
            tracing::warn!(webhook = %procedure.path, %error, "Protime does not know the place in the collection any more; reading it afresh, which does not show what was deleted meanwhile");
        }
        if self.read.is_delta() {
            procedure.forget_delta().await.map_err(|error| Failure::from_store(&error))?;
        }
        self.walk.began = procedure.began();
        self.walk.link = None;
        self.walk.days = None;
        self.walk.progress = Progress::default();
        self.seen.clear();
        self.lay_out();
        // Or the next attempt would go on with the link that is dead.
        self.record().await?;
        if self.restarts > RESTARTS {
            return Err(Failure::new(format!("the walk was begun afresh {RESTARTS} times: {error}")));
        }
        Ok(())
    }

    /// Asks for the page of the place, again if it may help.
    async fn page(&self) -> Result<Page, NoPage> {
        let procedure = self.procedure;
        let filter = self.read.filter.as_ref().zip(self.walk.days);
        let filter = filter.map(|(filter, days)| filter.fill(self.from, self.walk.began.at, days));
        let delta = self.read.is_delta();
        let query = match &self.walk.link {
            Some(link) => Query::Link(link),
            None => Query::First { delta, filter: filter.as_deref(), references: &procedure.references },
        };
        let mut tries = 1;
        loop {
            let asked = procedure.tenant.client.collection_page(&procedure.pair.collection, query, delta);
            let error = match asked.await {
                Ok(page) => return Ok(page),
                Err(error) => error,
            };
            if self.walk.link.as_deref().is_some_and(|link| is_gone(&error, link)) {
                return Err(NoPage::Gone(error));
            }
            let wait = error.retry_after().unwrap_or_default();
            if matches!(error, ApiError::NeedsOperator { .. }) || tries == TRIES || wait > PATIENCE {
                return Err(NoPage::Failed(failed(&error)));
            }
            tracing::debug!(webhook = %procedure.path, %error, tries, "a page is asked for again");
            sleep(wait.max(procedure.timing.backoff.delay(tries, fastrand::f64()).min(PATIENCE))).await;
            tries += 1;
        }
    }
}

/// Whether Protime does not know a link any more. A 409 means two things: of a list and of a fresh delta,
/// that the token in the link is over; of a kept one, that something else is under way, which passes.
fn is_gone(error: &ApiError, link: &str) -> bool {
    match error.status() {
        Some(400 | 404 | 410) => true,
        Some(409) => !is_of_kept_delta(link),
        _ => false,
    }
}

fn failed(error: &ApiError) -> Failure {
    let kind = match error {
        ApiError::NeedsOperator { .. } => FailureKind::NeedsOperator,
        ApiError::Transient { retry_after: Some(wait), .. } => FailureKind::Later(*wait),
        ApiError::Transient { retry_after: None, .. } => FailureKind::Failed,
    };
    Failure { message: error.to_string(), output: None, kind }
}
