//! Objects without a version, which an event may overtake while they are on their way.
//!
//! Where an object has no `changeVersion`, a receiver takes what it is told last for the newest. What was read
//! before a change and arrives after the event of that change would undo it there. So such objects are read once
//! more after they have arrived, and what differs is sent again, until a reading brings nothing new: what changes
//! after that reading has its event after it. A delta is asked what has changed since.

use super::{NoPage, PageReader};
use crate::{
    domain::{object::Object, task::TaskError},
    protime::Page,
    resync::Outlet,
};

/// So often at most: what changes all the time has its events all the time.
const READINGS: u32 = 10;

impl PageReader<'_> {
    /// Whether a page has objects that an event may have overtaken.
    pub(super) fn may_be_overtaken(&self, page: &Page) -> bool {
        self.each_page_arrives && page.objects.iter().any(Object::may_be_overtaken)
    }

    /// Whether a delta is to be asked at once what has changed since it was asked for.
    pub(super) fn asks_again(&mut self) -> bool {
        let asks = self.doubtful && self.readings < READINGS;
        self.doubtful = false;
        self.readings += u32::from(asks);
        asks
    }

    /// Reads a page of a list again that was delivered, and delivers what has changed of the objects without a
    /// version. A delta tells by itself what has changed since, and its first page is not to be asked for twice.
    pub(super) async fn deliver_the_overtaken(
        &self,
        page: &Page,
        outlet: &Outlet<'_>,
    ) -> Result<(), TaskError> {
        if self.read.is_delta() || !self.may_be_overtaken(page) {
            return Ok(());
        }
        let mut before = None;
        for _ in 0..READINGS {
            let again = match self.page().await {
                Ok(again) => again,
                Err(NoPage::Failed(failure)) => return Err(failure),
                // Reading goes on, or begins again, with the next page.
                Err(NoPage::Gone(_)) => return Ok(()),
            };
            let told = before.as_ref().unwrap_or(page);
            let (newer, same): (Vec<Object>, Vec<Object>) = again
                .objects
                .into_iter()
                .partition(|object| object.may_be_overtaken() && object.differs_from_all(&told.objects));
            if newer.is_empty() {
                return Ok(());
            }
            tracing::debug!(
                objects = newer.len(),
                "objects changed while they were on their way; they are sent again"
            );
            outlet.page(&newer).await?;
            before = Some(Page { objects: newer.into_iter().chain(same).collect(), ..again });
        }
        Ok(())
    }
}
