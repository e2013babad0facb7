//! Tells any number of listeners what happened, in order, and lets them go on where they stopped.
//!
//! Laws: whoever publishes never waits for anybody; a listener costs a number, not a buffer; the newest
//! events are kept in a ring, and a listener that asks for one that is no longer there (because he was
//! slow, or because it is another process's) is told so and goes on from now. An event's id names the
//! process by a random word, so that no id of one process means anything to another.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::watch;

use crate::domain::event::{Event, Kind};

/// So many events are kept. A renewal has about fifteen.
const KEPT: usize = 8_192;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Names it among all events of all processes.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Its JSON, on one line.
    pub(crate) data: Arc<str>,
}

/// The board that events are put on. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct EventBus {
    board: Arc<Board>,
}

#[derive(Debug)]
struct Board {
    process: String,
    kept: usize,
    ring: Mutex<VecDeque<(Kind, Arc<str>)>>,
    /// How many events there were so far; the number of the newest one.
    count: watch::Sender<u64>,
}

impl Default for EventBus {
    fn default() -> Self {
        Self::keeping(KEPT)
    }
}

impl EventBus {
    fn keeping(kept: usize) -> Self {
        let process = format!("{:016x}", fastrand::u64(..));
        let board = Board { process, kept, ring: Mutex::default(), count: watch::Sender::new(0) };
        Self { board: Arc::new(board) }
    }

    pub(crate) fn publish(&self, event: &Event) {
        let data = match serde_json::to_string(event) {
            Ok(data) => Arc::from(data),
            Err(error) => {
                tracing::error!(%error, kind = event.kind.as_str(), "an event could not be written as JSON");
                return;
            }
        };
        let mut ring = self.board.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == self.board.kept {
            ring.pop_front();
        }
        ring.push_back((event.kind, data));
        // Under the lock, so that the number and the ring always agree.
        self.board.count.send_modify(|count| *count += 1);
    }

    /// Changes whenever something was published.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.board.count.subscribe()
    }

    /// Listens from now on, or from behind the event with this id.
    pub(crate) fn listen(&self, after: Option<&str>) -> Subscriber {
        let count = self.board.count.subscribe();
        let newest = *count.borrow();
        let after = after.map_or(Some(newest), |id| self.number(id).filter(|number| *number <= newest));
        Subscriber { event_bus: self.clone(), count, after }
    }

    /// The number in an id of this process.
    fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(self.board.process.as_str())?.strip_prefix('-')?.parse().ok()
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.board.process)
    }
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    event_bus: EventBus,
    count: watch::Receiver<u64>,
    /// The number of the last event that was told; `None` if it is not known here.
    after: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// Everything since the last time.
    Notices(Vec<Notice>),
    /// Something was missed; this is the id to go on from.
    Missed(String),
}

impl Subscriber {
    /// Waits for events that were not told yet, at most `most` at a time. Nothing is lost if the wait
    /// is given up.
    pub(crate) async fn next(&mut self, most: usize) -> Told {
        loop {
            // Before the ring is read: what comes in between ends the next wait at once.
            self.count.borrow_and_update();
            if let Some(told) = self.read(most) {
                return told;
            }
            // It cannot close while we hold the event_bus.
            let _open = self.count.changed().await;
        }
    }

    fn read(&mut self, most: usize) -> Option<Told> {
        let board = &self.event_bus.board;
        let ring = board.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *board.count.borrow();
        let gone = newest - u64::try_from(ring.len()).unwrap_or(newest);
        let Some(after) = self.after.filter(|after| *after >= gone) else {
            self.after = Some(newest);
            return Some(Told::Missed(self.event_bus.id(newest)));
        };
        let skip = usize::try_from(after - gone).unwrap_or(usize::MAX);
        let notices: Vec<Notice> = (after + 1..)
            .zip(ring.iter().skip(skip).take(most))
            .map(|(number, (kind, data))| Notice {
                id: self.event_bus.id(number),
                kind: *kind,
                data: Arc::clone(data),
            })
            .collect();
        self.after = Some(after + u64::try_from(notices.len()).unwrap_or(0));
        (!notices.is_empty()).then_some(Told::Notices(notices))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn event(number: i64) -> Event {
        Event { renewal_id: Some(number), ..Event::new(Kind::RenewalStarted, Timestamp::UNIX_EPOCH) }
    }

    /// What is told right now: the numbers in the data, or `None` for a reset.
    fn told(listener: &mut Subscriber, most: usize) -> Option<Vec<i64>> {
        match listener.next(most).now_or_never() {
            None => Some(Vec::new()),
            Some(Told::Missed(_)) => None,
            Some(Told::Notices(notices)) => Some(
                notices
                    .iter()
                    .map(|notice| {
                        let data: serde_json::Value = serde_json::from_str(&notice.data).unwrap();
                        data["renewal_id"].as_i64().unwrap()
                    })
                    .collect(),
            ),
        }
    }

    #[test]
    fn everybody_is_told_in_order_and_goes_on_where_he_stopped() {
        let event_bus = EventBus::keeping(3);
        event_bus.publish(&event(1));
        let mut listener = event_bus.listen(None);
        assert_eq!(told(&mut listener, 9), Some(vec![]), "the past is not told unasked");
        event_bus.publish(&event(2));
        let Some(Told::Notices(second)) = listener.next(9).now_or_never() else { panic!("nothing is told") };
        event_bus.publish(&event(3));
        event_bus.publish(&event(4));
        assert_eq!(told(&mut listener, 1), Some(vec![3]));
        assert_eq!(told(&mut listener, 1), Some(vec![4]));
        let mut returned = event_bus.listen(Some(&second[0].id));
        assert_eq!(told(&mut returned, 9), Some(vec![3, 4]));
        assert_eq!(told(&mut returned, 9), Some(vec![]));
    }

    #[test]
    fn who_misses_something_is_told_so_and_goes_on_from_now() {
        let event_bus = EventBus::keeping(3);
        let mut slow = event_bus.listen(None);
        let ids = |number| event_bus.id(number);
        (1..=3).for_each(|number| event_bus.publish(&event(number)));
        assert_eq!(told(&mut event_bus.listen(Some(&ids(0))), 9), Some(vec![1, 2, 3]), "just still there");
        event_bus.publish(&event(4));
        assert_eq!(told(&mut slow, 9), None);
        assert_eq!(told(&mut slow, 9), Some(vec![]));
        event_bus.publish(&event(5));
        assert_eq!(told(&mut slow, 9), Some(vec![5]));
        let other = EventBus::keeping(3);
        (1..=5).for_each(|number| other.publish(&event(number)));
        for unknown in [other.id(4), ids(1), ids(6), "4".to_owned(), String::new(), "nonsense-4".to_owned()] {
            assert_eq!(told(&mut event_bus.listen(Some(&unknown)), 9), None, "{unknown}");
        }
    }

    proptest! {
        /// Whatever the pace, a listener is told an unbroken row of events between two resets.
        #[test]
        fn nothing_is_missing_between_resets(bursts in proptest::collection::vec((0..6_i64, 1..5_usize), 1..40)) {
            let event_bus = EventBus::keeping(4);
            let mut listener = event_bus.listen(None);
            let (mut published, mut last) = (0, 0);
            for (burst, most) in bursts {
                for _ in 0..burst {
                    published += 1;
                    event_bus.publish(&event(published));
                }
                match told(&mut listener, most) {
                    None => last = published,
                    Some(numbers) => for number in numbers {
                        prop_assert_eq!(number, last + 1);
                        last = number;
                    },
                }
            }
            while let Some(numbers) = told(&mut listener, 9).filter(|numbers| !numbers.is_empty()) {
                last = *numbers.last().unwrap();
            }
            prop_assert_eq!(last, published);
        }
    }
}
