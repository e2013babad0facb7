//! What the screen shows, and what follows from what was typed or has happened. Pure.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::message::{Event, Facts, Key, Message};
use crate::{
    cli::{
        history,
        style::{Style, plain},
        target::full_name,
        view::{View, under_way},
    },
    domain::report::{History, Webhook},
};

/// How many lines of the log are kept.
const LOG: usize = 500;
/// The kind of an event that tells of a step, and the outcome of one that has none yet.
const STEP: &str = "renewal_step";
const STARTED: &str = "started";
/// Columns of a history at most.
const WIDEST: u16 = 76;
/// How many lines a page is.
const PAGE: usize = 10;

/// What is to be asked of the daemon; a webhook is named in full.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Renew(String),
    Poll,
    History(String),
    /// Nothing: the screen ends.
    Quit,
}

/// What lies over the list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Over {
    #[default]
    Nothing,
    Help,
    /// Whether to renew this webhook.
    Confirm(String),
    /// The history of a webhook, scrolled down by so many lines. It is open from the moment it is asked
    /// for: a key that is typed before the answer comes means what it means to an open history.
    History {
        name: String,
        /// As text, once it has come.
        text: Option<String>,
        down: usize,
    },
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) view: Option<View>,
    /// Since when the daemon does not answer, and why.
    pub(super) lost: Option<(Timestamp, String)>,
    /// What happened, the newest last.
    pub(super) log: VecDeque<(Timestamp, String)>,
    pub(super) over: Over,
    /// A sentence for the person who pressed a key.
    pub(super) said: String,
    /// Columns of the terminal, where they are known.
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

    /// Takes in what is new, and says what is to be asked of the daemon.
    pub(super) fn update(&mut self, message: Message, now: Timestamp) -> Option<Effect> {
        match message {
            Message::View { view, events } => self.look(*view, events, now),
            Message::Happened(event) => {
                self.forget_start(&event);
                if let Some(line) = tell(&event) {
                    self.note(event.facts.at.unwrap_or(now), line);
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
        if event.kind != STEP || event.facts.outcome.as_deref().is_none_or(|outcome| outcome == STARTED) {
            return;
        }
        let facts = Facts { outcome: Some(STARTED.to_owned()), error: None, ..event.facts.clone() };
        let start = tell(&Event { kind: STEP.to_owned(), facts });
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

/// An event as a sentence; none for those that say nothing to a person.
fn tell(event: &Event) -> Option<String> {
    let facts = &event.facts;
    let word = |text: &Option<String>| text.as_deref().map(plain).unwrap_or_default();
    let name = match (&facts.tenant, &facts.webhook) {
        (Some(tenant), Some(webhook)) if !webhook.contains('/') => plain(&format!("{tenant}/{webhook}")),
        (_, Some(webhook)) => plain(webhook),
        (Some(tenant), None) => plain(tenant),
        (None, None) => "daemon".to_owned(),
    };
    let number = facts.renewal_id.map(|id| format!(" #{id}")).unwrap_or_default();
    let error = facts.error.as_ref().map(|error| format!(": {}", plain(error))).unwrap_or_default();
    let what = match event.kind.as_str() {
        "renewal_started" => format!("renewal{number} begins: {}", word(&facts.reason)),
        STEP => match facts.outcome.as_deref() {
            Some(STARTED) => format!("{} …", word(&facts.step)),
            // The renewal has no need of it.
            Some("skipped") => return None,
            _ => format!("{} {}{error}", word(&facts.step), word(&facts.outcome)),
        },
        "renewal_finished" => format!("renewal{number} {}{error}", word(&facts.outcome)),
        "key_rotated" => {
            let version = facts.key_version.map(|version| format!(" version {version}")).unwrap_or_default();
            format!("new key{version} ({})", word(&facts.fingerprint))
        }
        "webhook_state" => match &facts.previous_state {
            Some(previous) => format!("{} → {}", plain(previous), word(&facts.state)),
            None => word(&facts.state),
        },
        "poll_finished" if facts.error.is_some() => format!("poll failed{error}"),
        "reset" => return Some("some events were missed".to_owned()),
        _ => return None,
    };
    Some(format!("{name}  {what}"))
}

/// What changed from one view to the next, in sentences.
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
