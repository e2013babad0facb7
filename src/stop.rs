//! The wish to stop, as an argument: whoever works for long is given it and decides what to finish.

use tokio::sync::watch;

/// Whether the daemon is to stop. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Sender<bool>);

impl Stop {
    /// Nobody wants to stop yet.
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Asks everybody to stop.
    pub(crate) fn request(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked for.
    pub(crate) fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Ready when it is asked for.
    pub(crate) async fn requested(&self) {
        let mut requests = self.0.subscribe();
        // It cannot close while we hold the sender.
        let _open = requests.wait_for(|requested| *requested).await;
    }
}
