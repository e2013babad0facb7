//! What reaches the screen, what it shows, and what follows from what was typed or has happened. Pure.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    cli::{
        history,
        style::{Style, plain},
        target::full_name,
        view::{View, under_way},
    },
    domain::report::{History, Webhook},
};

const LOG: usize = 500;
const STEP: &str = "renewal_step";
const STARTED: &str = "started";
const WIDEST: u16 = 76;
const PAGE: usize = 10;

#[derive(Debug)]
pub(super) enum Message {
    /// The whole view; `events` says whether the daemon tells of changes itself.
    View {
        view: Box<View>,
        events: bool,
    },
    Happened(Box<Event>),
    Lost(String),
    Typed(Key),
    Resized,
    Said(String),
    History(String, Result<History, String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Renew,
    History,
    Poll,
    Help,
    Yes,
    /// Leave what is open, or else the screen.
    Leave,
    /// Leave the screen, whatever is open.
    Quit,
    Other,
}

#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) facts: Value,
}

/// What is to be asked of the daemon; a webhook is named in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Renew(String),
    Poll,
    History(String),
    Quit,
}

/// What lies over the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Over {
    #[default]
    Nothing,
    Help,
    Confirm(String),
    /// The history of a webhook, scrolled down by so many lines. It is open from the moment it is asked
    /// for: a key that is typed before the answer comes means what it means to an open history.
    History {
        name: String,
        text: Option<String>,
        down: usize,
    },
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) view: Option<View>,
    /// Since when the daemon does not answer, and why.
    pub(super) lost: Option<(Timestamp, String)>,
    pub(super) log: VecDeque<(Timestamp, String)>,
    pub(super) over: Over,
    pub(super) said: String,
    pub(super) width: Option<u16>,
    selected: Option<String>,
}

impl Model {
    pub(super) fn select(&mut self, name: String) {
        self.selected = Some(name);
    }

    pub(super) fn position(&self) -> usize {
        let named = |webhook: &Webhook| Some(full_name(webhook)) == self.selected;
        self.webhooks().iter().position(named).unwrap_or(0)
    }

    /// The webhooks, in the daemon's order: lines must not jump while someone aims at one.
    pub(super) fn webhooks(&self) -> &[Webhook] {
        self.view.as_ref().map_or(&[], |view| &view.webhooks)
    }

    pub(super) fn update(&mut self, message: Message, now: Timestamp) -> Option<Effect> {
        match message {
            Message::View { view, events } => self.look(*view, events, now),
            Message::Happened(event) => {
                self.forget_start(&event);
                if let Some(line) = tell(&event) {
                    let at = event.facts["at"].as_str().and_then(|at| at.parse().ok());
                    self.note(at.unwrap_or(now), line);
                }
            }
            Message::Lost(why) => {
                if self.lost.is_none() {
                    self.note(now, "the daemon does not answer".to_owned());
                }
                let since = self.lost.as_ref().map_or(now, |(since, _)| *since);
                self.lost = Some((since, why));
            }
            Message::Typed(key) => return self.press(key),
            Message::Resized => {}
            Message::Said(text) => self.said = text,
            Message::History(name, history) => self.read(&name, history, now),
        }
        None
    }

    /// Shows a history if it is still waited for; else it would take the place of what was opened since.
    fn read(&mut self, whose: &str, history: Result<History, String>, now: Timestamp) {
        let Over::History { name, text: text @ None, .. } = &mut self.over else { return };
        if name != whose {
            return;
        }
        match history {
            Ok(history) => {
                let width = self.width.unwrap_or(WIDEST).saturating_sub(4).min(WIDEST);
                let style = Style { colour: false, width: Some(width) };
                *text = Some(history::render(whose, &history, now, style));
            }
            Err(why) => {
                self.over = Over::Nothing;
                self.said = why;
            }
        }
    }

    fn look(&mut self, view: View, events: bool, now: Timestamp) {
        if self.lost.take().is_some() {
            self.note(now, "the daemon answers again".to_owned());
        }
        if let Some(old) = self.view.as_ref().filter(|_| !events) {
            for line in differences(&old.webhooks, &view.webhooks) {
                self.note(now, line);
            }
        }
        self.view = Some(view);
    }

    /// Once a step has ended, that it had started is nothing to read any more.
    fn forget_start(&mut self, event: &Event) {
        if event.kind != STEP || event.facts["outcome"].as_str().is_none_or(|outcome| outcome == STARTED) {
            return;
        }
        let mut start = event.clone();
        start.facts["outcome"] = json!(STARTED);
        let start = tell(&start);
        if let Some(at) = self.log.iter().rposition(|(_, line)| Some(line) == start.as_ref()) {
            self.log.remove(at);
        }
    }

    fn note(&mut self, at: Timestamp, line: String) {
        self.log.push_back((at, line));
        if self.log.len() > LOG {
            self.log.pop_front();
        }
    }

    fn press(&mut self, key: Key) -> Option<Effect> {
        if key == Key::Quit {
            return Some(Effect::Quit);
        }
        match &mut self.over {
            Over::Nothing => self.press_list(key),
            Over::Confirm(name) => {
                let name = std::mem::take(name);
                self.over = Over::Nothing;
                if key == Key::Yes {
                    self.said = format!("{name}: asking for a renewal …");
                    return Some(Effect::Renew(name));
                }
                "nothing was renewed".clone_into(&mut self.said);
                None
            }
            Over::Help => {
                self.over = Over::Nothing;
                None
            }
            Over::History { text, down, .. } => {
                let last = text.as_ref().map_or(0, |text| text.lines().count().saturating_sub(1));
                match key {
                    Key::Leave | Key::History => self.over = Over::Nothing,
                    key => *down = moved(*down, key, last),
                }
                None
            }
        }
    }

    fn press_list(&mut self, key: Key) -> Option<Effect> {
        self.said.clear();
        let position = self.position();
        let name = self.webhooks().get(position).map(full_name);
        if name.is_none() && matches!(key, Key::Renew | Key::History) {
            "there is no webhook here to act on".clone_into(&mut self.said);
            return None;
        }
        match key {
            Key::Leave => return Some(Effect::Quit),
            Key::Help => self.over = Over::Help,
            Key::Poll => {
                "asking every tenant …".clone_into(&mut self.said);
                return Some(Effect::Poll);
            }
            Key::Renew => self.over = name.map_or(Over::Nothing, Over::Confirm),
            Key::History => {
                let name = name?;
                self.over = Over::History { name: name.clone(), text: None, down: 0 };
                return Some(Effect::History(name));
            }
            key => {
                let position = moved(position, key, self.webhooks().len().saturating_sub(1));
                self.selected = self.webhooks().get(position).map(full_name);
            }
        }
        None
    }
}

fn moved(from: usize, key: Key, last: usize) -> usize {
    let to = match key {
        Key::Up => from.saturating_sub(1),
        Key::Down => from + 1,
        Key::PageUp => from.saturating_sub(PAGE),
        Key::PageDown => from + PAGE,
        Key::First => 0,
        Key::Last => last,
        _ => from,
    };
    to.min(last)
}

fn tell(event: &Event) -> Option<String> {
    let fact = |name: &str| event.facts[name].as_str().map(plain);
    let word = |name: &str| fact(name).unwrap_or_default();
    let name = match (fact("tenant"), fact("webhook")) {
        (Some(tenant), Some(webhook)) if !webhook.contains('/') => format!("{tenant}/{webhook}"),
        (_, Some(name)) | (Some(name), None) => name,
        (None, None) => "daemon".to_owned(),
    };
    let number = event.facts["renewal_id"].as_i64().map(|id| format!(" #{id}")).unwrap_or_default();
    let error = fact("error").map(|error| format!(": {error}")).unwrap_or_default();
    let what = match event.kind.as_str() {
        "renewal_started" => format!("renewal{number} begins: {}", word("reason")),
        STEP => match word("outcome").as_str() {
            STARTED => format!("{} …", word("step")),
            // The renewal has no need of it.
            "skipped" => return None,
            outcome => format!("{} {outcome}{error}", word("step")),
        },
        "renewal_finished" => format!("renewal{number} {}{error}", word("outcome")),
        "key_rotated" => {
            let version = event.facts["key_version"].as_u64().map(|version| format!(" version {version}"));
            format!("new key{} ({})", version.unwrap_or_default(), word("fingerprint"))
        }
        "webhook_state" => match fact("previous_state") {
            Some(previous) => format!("{previous} → {}", word("state")),
            None => word("state"),
        },
        "poll_finished" if !error.is_empty() => format!("poll failed{error}"),
        "reset" => return Some("some events were missed".to_owned()),
        _ => return None,
    };
    Some(format!("{name}  {what}"))
}

fn differences(old: &[Webhook], new: &[Webhook]) -> Vec<String> {
    let mut lines = Vec::new();
    for webhook in new {
        let name = full_name(webhook);
        let Some(before) = old.iter().find(|other| full_name(*other) == name) else {
            lines.push(format!("{name}  is new"));
            continue;
        };
        if before.renewal != webhook.renewal
            && let Some(renewal) = &webhook.renewal
        {
            lines.push(format!("{name}  {} …", under_way(renewal)));
        }
        if before.last_renewal != webhook.last_renewal
            && let Some(last) = &webhook.last_renewal
        {
            lines.push(format!("{name}  renewal #{} {}", last.id, plain(&last.outcome)));
        }
        if before.key.as_ref().map(|key| key.version) != webhook.key.as_ref().map(|key| key.version)
            && let Some(key) = &webhook.key
        {
            lines.push(format!("{name}  new key version {} ({})", key.version, plain(&key.fingerprint)));
        }
        if before.state != webhook.state {
            lines.push(format!("{name}  {} → {}", before.state.as_str(), webhook.state.as_str()));
        }
    }
    let gone =
        old.iter().map(full_name).filter(|name| !new.iter().any(|webhook| full_name(webhook) == *name));
    lines.extend(gone.map(|name| format!("{name}  is no longer configured")));
    lines
}
