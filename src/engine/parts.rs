//! The parts that the daemon cannot do without: loops that run until it stops.
//!
//! Law: a part that comes to an end before that, by a panic most likely, is no silence. The daemon stops
//! as if it was asked to, and ends with a failure, so that the service manager starts it again: what is
//! owed is on disk, and a daemon that only half works looks healthy.

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinHandle},
};

#[derive(Debug, Clone)]
pub(crate) struct Parts(mpsc::Sender<&'static str>);

/// Says so when it is dropped, however that comes about.
struct Tripwire {
    part: &'static str,
    ended: mpsc::Sender<&'static str>,
}

impl Drop for Tripwire {
    fn drop(&mut self) {
        // The first one is enough; and while the daemon stops, no one wants to know.
        let _full_or_closed = self.ended.try_send(self.part);
    }
}

impl Parts {
    /// No part yet; the receiver gets the name of the first one that ended.
    pub(crate) fn new() -> (Self, mpsc::Receiver<&'static str>) {
        let (ended, first) = mpsc::channel(1);
        (Self(ended), first)
    }

    pub(crate) fn spawn(
        &self,
        part: &'static str,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> JoinHandle<()> {
        let tripwire = Tripwire { part, ended: self.0.clone() };
        tokio::spawn(async move {
            // Owned by the task from its first moment: it is dropped with it.
            let _tripwire = tripwire;
            work.await;
        })
    }
}

/// Logs the end of a task that is no part, if it was a panic.
pub(super) fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a task ended abnormally");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_that_ends_or_panics_is_noticed_and_one_that_runs_is_not() {
        let ends: [(&str, fn()); 2] = [("by itself", || {}), ("by a panic", || panic!("a mistake"))];
        for (how, end) in ends {
            let (parts, mut first) = Parts::new();
            let _runs = parts.spawn("one that runs", std::future::pending());
            tokio::task::yield_now().await;
            assert_eq!(first.try_recv(), Err(mpsc::error::TryRecvError::Empty), "{how}");
            let _ends = parts.spawn("one that ends", async move { end() });
            assert_eq!(first.recv().await, Some("one that ends"), "{how}");
        }
    }
}
