//! What the configuration and the process make of a webhook.

use jiff::Timestamp;

use super::Change;
use crate::domain::{
    outbox::Outbox,
    removed::OnRemove,
    renewal::{RetryKind, Stage},
    state::Remote,
    webhook::WebhookPath,
};

impl Change {
    pub(super) fn configure(&mut self, path: &WebhookPath, on_remove: OnRemove, sinks: &[String]) {
        let now = self.now.local;
        self.state.path = path.clone();
        self.state.on_remove = on_remove;
        self.state.configured = true;
        self.state.left_at = None;
        self.state.next_action_at = Some(now);
        // An operator may have changed what it waits for.
        if let Some(retry) = &mut self.state.retry
            && retry.kind == RetryKind::NeedsOperator
        {
            retry.retry_at = now;
        }
        self.state.sinks.retain(|outbox| sinks.contains(&outbox.sink));
        for sink in sinks {
            if !self.state.sinks.iter().any(|outbox| outbox.sink == *sink) {
                self.state.sinks.push(Outbox::new(sink.clone()));
            }
        }
        if let Some(registration) = &self.state.registration {
            for outbox in self.state.sinks.iter_mut().filter(|it| it.version != registration.key_version) {
                outbox.retry_at.get_or_insert(now);
            }
        }
    }

    pub(super) fn leave(&mut self) {
        if self.state.configured {
            self.state.configured = false;
            self.state.left_at = Some(self.now.local);
        }
    }

    pub(super) fn gone(&mut self, asked_at: Timestamp) {
        // Only a list of after it left can know, and only while no POST of ours may bring it back.
        let left = self.state.left_at.is_some_and(|left_at| left_at <= asked_at);
        if left && !self.state.configured && !self.stands_at(Stage::Posting) {
            self.state.left_at = None;
            self.state.remote = Remote::Absent { seen_at: asked_at };
        }
    }

    pub(super) fn restart(&mut self) {
        self.cut_off("the daemon ended while this ran");
        for outbox in &mut self.state.sinks {
            outbox.started_at = None;
        }
        self.forget_other_clock();
    }

    pub(super) fn forget_other_clock(&mut self) {
        // A sink that failed later than now failed on another clock. Of a renewal's step the plan sees that by
        // itself, but sinks are tried when it is written.
        let now = self.now.local;
        for outbox in &mut self.state.sinks {
            if outbox.failure.as_ref().is_some_and(|failure| failure.at > now) {
                outbox.retry_at = outbox.retry_at.map(|at| at.min(now));
            }
        }
    }
}
