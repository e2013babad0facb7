//! What the daemon says, for as long as the screen is there.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};

use super::model::{Event, Message};
use crate::{
    cli::{client::Client, style::plain, view::View},
    domain::report::Webhook,
};

/// How often a daemon is asked that has no events, does not answer, or reads a collection.
const SECOND: Duration = Duration::from_secs(1);
/// How often the view is fetched although no event came.
const SELDOM: Duration = Duration::from_secs(15);
/// How long events are gathered before the view is fetched for them.
const GATHER: Duration = Duration::from_millis(250);
/// An event is never longer than this; what is longer is not an event.
const LONGEST: usize = 1 << 20;

/// Sends what the daemon says until no one listens. One that does not answer is asked again every second, so
/// that its restart needs no one's help.
pub(super) async fn run(client: Client, messages: mpsc::Sender<Message>) {
    while !messages.is_closed() {
        if let Err(error) = follow(&client, &messages).await {
            // No one listens any more if this fails, and the loop ends.
            let _ = messages.send(Message::Lost(plain(&format!("{error:#}")))).await;
        }
        sleep(SECOND).await;
    }
}

/// Follows the daemon until it does not answer, or ends its events: the whole view at first, after every
/// event, and now and then. One that has no events is asked every second instead.
async fn follow(client: &Client, messages: &mpsc::Sender<Message>) -> anyhow::Result<()> {
    let answer = client.open("/v1/events").await?;
    if !answer.status().is_success() {
        look(client, messages, false).await?;
        return Ok(());
    }
    // After the events were opened: whatever changes from here on is told.
    let mut due = Instant::now() + look(client, messages, true).await?;
    let mut answer = answer;
    let mut lines = Lines::default();
    loop {
        match timeout_at(due, answer.chunk()).await {
            Ok(Ok(Some(piece))) => {
                for event in lines.push(&piece)? {
                    messages.send(Message::Happened(Box::new(event))).await?;
                    due = due.min(Instant::now() + GATHER);
                }
            }
            // It stops, or starts again: the next round tells which.
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => due = Instant::now(),
        }
        // Also where events never cease to come.
        if Instant::now() >= due {
            due = Instant::now() + look(client, messages, true).await?;
        }
    }
}

/// Sends the whole view, and says when to fetch it again although no event came.
async fn look(client: &Client, messages: &mpsc::Sender<Message>, events: bool) -> anyhow::Result<Duration> {
    let view = View {
        status: client.get("/v1/status").await?,
        webhooks: client.webhooks().await?,
        health: client.get("/v1/health").await?,
    };
    // No event tells how far the reading of a collection is.
    let reads = |webhook: &Webhook| webhook.renewal.as_ref().is_some_and(|it| it.progress.is_some());
    let again = if view.webhooks.iter().any(reads) { SECOND } else { SELDOM };
    messages.send(Message::View { view: Box::new(view), events }).await?;
    Ok(again)
}

/// Server-sent events, taken together from their pieces.
#[derive(Debug, Default)]
struct Lines {
    rest: Vec<u8>,
    kind: String,
    data: String,
}

impl Lines {
    /// The events that end with this piece. Events of other programs' kinds and comments are passed over.
    fn push(&mut self, piece: &[u8]) -> anyhow::Result<Vec<Event>> {
        self.rest.extend_from_slice(piece);
        anyhow::ensure!(
            self.rest.len() + self.data.len() <= LONGEST,
            "the daemon's events are not understood"
        );
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(kind) = line.strip_prefix("event:") {
                kind.trim().clone_into(&mut self.kind);
            } else if let Some(data) = line.strip_prefix("data:") {
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            } else if line.is_empty() {
                let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
                if let Ok(facts) = serde_json::from_str(&data) {
                    events.push(Event { kind, facts });
                }
            }
        }
        Ok(events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_taken_together_from_their_pieces() {
        let stream = b": hello\n\nevent: renewal_step\ndata: {\"webhook\":\"people\",\"tenant\":\"acme\",\"step\":\"post\"}\n\n\
                       event: other\r\ndata: 7 wonders\r\n\r\nevent: reset\ndata: {}\n\n";
        for size in [1, 7, stream.len()] {
            let mut lines = Lines::default();
            let found: Vec<Event> =
                stream.chunks(size).flat_map(|piece| lines.push(piece).expect("short")).collect();
            let kinds: Vec<&str> = found.iter().map(|event| event.kind.as_str()).collect();
            assert_eq!(kinds, ["renewal_step", "reset"], "{size}");
            assert_eq!(found[0].facts["step"], "post");
        }
    }

    #[test]
    fn an_event_without_end_is_an_error() {
        let mut lines = Lines::default();
        assert!(lines.push(&vec![b'x'; LONGEST + 1]).is_err());
    }
}
