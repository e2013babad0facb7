//! Hands events to any number of subscribers, in order, and lets them go on where they stopped.
//!
//! Laws: a publisher never waits for anyone; a subscriber costs a number, not a buffer; the newest
//! events are kept in a ring, and a subscriber that asks for one that is no longer there (because it was
//! slow, or because the event is another process's) is told that it lagged and goes on from now. An event's id
//! names the process by a random word, so that no id of one process means anything to another.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::watch;

use crate::domain::event::{Event, Kind};

/// So many events are kept. A renewal has about fifteen.
const CAPACITY: usize = 8_192;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice {
    /// Names it among all events of all processes.
    pub(crate) id: String,
    pub(crate) kind: Kind,
    /// Its JSON, on one line.
    pub(crate) data: Arc<str>,
}

/// Clones share the events.
#[derive(Debug, Clone)]
pub(crate) struct EventBus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    process: String,
    capacity: usize,
    ring: Mutex<VecDeque<(Kind, Arc<str>)>>,
    /// How many events there were so far; the number of the newest one.
    count: watch::Sender<u64>,
    /// How many of them were ends of polls.
    polls: AtomicU64,
}

impl Default for EventBus {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl EventBus {
    fn with_capacity(capacity: usize) -> Self {
        let process = format!("{:016x}", fastrand::u64(..));
        let shared = Shared {
            process,
            capacity,
            ring: Mutex::default(),
            count: watch::Sender::new(0),
            polls: AtomicU64::new(0),
        };
        Self { shared: Arc::new(shared) }
    }

    pub(crate) fn publish(&self, event: &Event) {
        if event.kind == Kind::PollFinished {
            self.shared.polls.fetch_add(1, Ordering::SeqCst);
        }
        let data = match serde_json::to_string(event) {
            Ok(data) => Arc::from(data),
            Err(error) => {
                tracing::error!(%error, kind = event.kind.as_str(), "an event could not be written as JSON");
                return;
            }
        };
        let mut ring = self.shared.ring.lock().unwrap_or_else(PoisonError::into_inner);
        if ring.len() == self.shared.capacity {
            ring.pop_front();
        }
        ring.push_back((event.kind, data));
        // Under the lock, so that the number and the ring always agree.
        self.shared.count.send_modify(|count| *count += 1);
    }

    /// Changes whenever something was published.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.shared.count.subscribe()
    }

    /// How many polls have ended: as long as it is the same, no tenant knows anything new.
    pub(crate) fn polls(&self) -> u64 {
        self.shared.polls.load(Ordering::SeqCst)
    }

    /// From now on, or from behind the event with this id.
    pub(crate) fn subscribe(&self, after: Option<&str>) -> Subscriber {
        let count = self.shared.count.subscribe();
        let newest = *count.borrow();
        let after = after.map_or(Some(newest), |id| self.number(id).filter(|number| *number <= newest));
        Subscriber { event_bus: self.clone(), count, after }
    }

    /// The number in an id of this process.
    fn number(&self, id: &str) -> Option<u64> {
        id.strip_prefix(self.shared.process.as_str())?.strip_prefix('-')?.parse().ok()
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.shared.process)
    }
}

#[derive(Debug)]
pub(crate) struct Subscriber {
    event_bus: EventBus,
    count: watch::Receiver<u64>,
    /// The number of the last event that was handed out; `None` if it is not known here.
    after: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Received {
    /// Everything since the last time.
    Notices(Vec<Notice>),
    /// Events were lost to it; this is the id to go on from.
    Lagged(String),
}

impl Subscriber {
    /// Waits for events that were not handed out yet, at most `most` at a time. Nothing is lost if the wait
    /// is given up.
    pub(crate) async fn next(&mut self, most: usize) -> Received {
        loop {
            // Before the ring is read: what comes in between ends the next wait at once.
            self.count.borrow_and_update();
            if let Some(received) = self.read(most) {
                return received;
            }
            // It cannot close while we hold the event bus.
            let _open = self.count.changed().await;
        }
    }

    fn read(&mut self, most: usize) -> Option<Received> {
        let shared = &self.event_bus.shared;
        let ring = shared.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = *shared.count.borrow();
        let gone = newest - u64::try_from(ring.len()).unwrap_or(newest);
        let Some(after) = self.after.filter(|after| *after >= gone) else {
            self.after = Some(newest);
            return Some(Received::Lagged(self.event_bus.id(newest)));
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
        (!notices.is_empty()).then_some(Received::Notices(notices))
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

    /// What comes right now: the numbers in the data, or `None` for a reset.
    fn received(subscriber: &mut Subscriber, most: usize) -> Option<Vec<i64>> {
        match subscriber.next(most).now_or_never() {
            None => Some(Vec::new()),
            Some(Received::Lagged(_)) => None,
            Some(Received::Notices(notices)) => Some(
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
    fn every_subscriber_gets_events_in_order_and_goes_on_where_it_stopped() {
        let event_bus = EventBus::with_capacity(3);
        event_bus.publish(&event(1));
        let mut subscriber = event_bus.subscribe(None);
        assert_eq!(received(&mut subscriber, 9), Some(vec![]), "the past is not sent unasked");
        event_bus.publish(&event(2));
        let Some(Received::Notices(second)) = subscriber.next(9).now_or_never() else {
            panic!("nothing came")
        };
        event_bus.publish(&event(3));
        event_bus.publish(&event(4));
        assert_eq!(received(&mut subscriber, 1), Some(vec![3]));
        assert_eq!(received(&mut subscriber, 1), Some(vec![4]));
        let mut returned = event_bus.subscribe(Some(&second[0].id));
        assert_eq!(received(&mut returned, 9), Some(vec![3, 4]));
        assert_eq!(received(&mut returned, 9), Some(vec![]));
    }

    #[test]
    fn who_lags_is_told_so_and_goes_on_from_now() {
        let event_bus = EventBus::with_capacity(3);
        let mut slow = event_bus.subscribe(None);
        let ids = |number| event_bus.id(number);
        (1..=3).for_each(|number| event_bus.publish(&event(number)));
        assert_eq!(
            received(&mut event_bus.subscribe(Some(&ids(0))), 9),
            Some(vec![1, 2, 3]),
            "just still there"
        );
        event_bus.publish(&event(4));
        assert_eq!(received(&mut slow, 9), None);
        assert_eq!(received(&mut slow, 9), Some(vec![]));
        event_bus.publish(&event(5));
        assert_eq!(received(&mut slow, 9), Some(vec![5]));
        let other = EventBus::with_capacity(3);
        (1..=5).for_each(|number| other.publish(&event(number)));
        for unknown in [other.id(4), ids(1), ids(6), "4".to_owned(), String::new(), "nonsense-4".to_owned()] {
            assert_eq!(received(&mut event_bus.subscribe(Some(&unknown)), 9), None, "{unknown}");
        }
    }

    proptest! {
        /// Whatever the pace, a subscriber gets an unbroken row of events between two resets.
        #[test]
        fn nothing_is_missing_between_resets(bursts in proptest::collection::vec((0..6_i64, 1..5_usize), 1..40)) {
            let event_bus = EventBus::with_capacity(4);
            let mut subscriber = event_bus.subscribe(None);
            let (mut published, mut last) = (0, 0);
            for (burst, most) in bursts {
                for _ in 0..burst {
                    published += 1;
                    event_bus.publish(&event(published));
                }
                match received(&mut subscriber, most) {
                    None => last = published,
                    Some(numbers) => for number in numbers {
                        prop_assert_eq!(number, last + 1);
                        last = number;
                    },
                }
            }
            while let Some(numbers) = received(&mut subscriber, 9).filter(|numbers| !numbers.is_empty()) {
                last = *numbers.last().unwrap();
            }
            prop_assert_eq!(last, published);
        }
    }
}
