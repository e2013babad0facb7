//! Listens to server-sent events, and reads them by the rules of their specification alone.

use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::{Socket, eventually, http::RUNTIME};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

#[derive(Debug, Default)]
struct Heard {
    listening: bool,
    ended: bool,
    events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(crate) struct Subscriber(Arc<Mutex<Heard>>);

impl Subscriber {
    /// Begins to listen; returns when the daemon has said that it is listening.
    pub(crate) fn start(socket: &Socket, last_event_id: Option<&str>) -> Self {
        let subscriber = Self::begin(socket, last_event_id);
        eventually("the subscriber listens", || subscriber.0.lock().unwrap().listening.then_some(()));
        subscriber
    }

    /// Begins to listen, and does not wait.
    pub(crate) fn begin(socket: &Socket, last_event_id: Option<&str>) -> Self {
        let request = socket.open("/v1/events", last_event_id);
        let heard = Arc::new(Mutex::new(Heard::default()));
        let subscriber = Self(Arc::clone(&heard));
        RUNTIME.spawn(async move {
            let mut response = request.send().await.expect("an answer");
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["content-type"], "text/event-stream");
            let mut text = String::new();
            while let Ok(Some(chunk)) = response.chunk().await {
                text.push_str(std::str::from_utf8(&chunk).expect("UTF-8 in whole events"));
                heard.lock().unwrap().listening = true;
                while let Some((block, rest)) = text.split_once("\n\n") {
                    heard.lock().unwrap().events.extend(event(block));
                    text = rest.to_owned();
                }
            }
            heard.lock().unwrap().ended = true;
        });
        subscriber
    }

    pub(crate) fn is_listening(&self) -> bool {
        self.0.lock().unwrap().listening
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.0.lock().unwrap().ended
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().events.clone()
    }

    /// Waits for an event that fits, and returns everything heard up to it.
    pub(crate) fn up_to(&self, what: &str, fits: impl Fn(&Event) -> bool) -> Vec<Event> {
        eventually(what, || {
            let events = self.events();
            let end = events.iter().position(&fits)?;
            Some(events[..=end].to_vec())
        })
    }
}

fn event(block: &str) -> Option<Event> {
    let field = |name: &str| {
        block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    let data = field("data")?;
    Some(Event {
        id: field("id").expect("every event has an id"),
        kind: field("event").expect("every event has a type"),
        data: serde_json::from_str(&data).expect("JSON"),
    })
}
