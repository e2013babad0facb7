//! `status --watch`: a live screen.
//!
//! `feed` brings what the daemon says, `input` what is typed, `model` keeps both and decides what is
//! to be asked of the daemon (pure), `draw` paints it. This file joins them: it owns the terminal,
//! which it gives back however the screen ends, by a key, a signal or a panic.
//!
//! The screen is painted when something changed, at most four times a second, and once a second
//! because lifetimes run down; what is typed shows at once.

mod draw;
mod feed;
mod input;
mod model;
mod rows;
#[cfg(test)]
mod tests;

use std::{
    io,
    process::ExitCode,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use ratatui::DefaultTerminal;
use serde_json::Value;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use tokio::sync::mpsc;

use super::{client::Client, sockets::Sockets, style::plain};
use crate::{clock, domain::report::History};
use model::{Effect, Message, Model};

const PAINT: Duration = Duration::from_millis(250);
const BREATH: Duration = Duration::from_secs(1);
const QUEUE: usize = 256;
const HISTORY: u32 = 20;

/// Shows the screen until someone has seen enough; `webhook` is selected at first.
pub(super) async fn run(webhook: Option<&str>, sockets: &Sockets) -> anyhow::Result<ExitCode> {
    let status = Client::status(&sockets.status)?;
    let mut model = Model::default();
    if let Some(text) = webhook {
        // Before the screen is taken: a wrong name is an error like any other.
        model.select(status.find(text).await?);
    }
    let mut signals = signal_hook_tokio::Signals::new([SIGTERM, SIGINT, SIGHUP])?;
    let (messages, mut arriving) = mpsc::channel(QUEUE);
    let mut terminal = Screen(ratatui::try_init()?);
    input::listen(messages.clone());
    let feeding = tokio::spawn(feed::run(status, messages.clone()));
    // The daemon is asked for what a key was pressed for; the answer is a message like any other.
    let ask = |effect| {
        let (sockets, messages) = (sockets.clone(), messages.clone());
        tokio::spawn(async move {
            // No one waits for it once the screen has ended.
            let _ = messages.send(answer(&sockets, effect).await).await;
        });
    };
    let shown = tokio::select! {
        shown = show(&mut model, &mut terminal, &mut arriving, ask) => shown,
        _ = signals.next() => Ok(()),
    };
    feeding.abort();
    drop(terminal);
    shown?;
    Ok(ExitCode::SUCCESS)
}

async fn show(
    model: &mut Model,
    screen: &mut Screen,
    arriving: &mut mpsc::Receiver<Message>,
    ask: impl Fn(Effect),
) -> io::Result<()> {
    let mut painted = Instant::now();
    screen.paint(model)?;
    let mut changed = false;
    loop {
        model.width = screen.width();
        let pause = if changed { PAINT } else { BREATH }.saturating_sub(painted.elapsed());
        let mut at_once = false;
        tokio::select! {
            message = arriving.recv() => {
                let Some(message) = message else { return Ok(()) };
                at_once = matches!(message, Message::Typed(_) | Message::Resized);
                changed = true;
                match model.update(message, clock::now()) {
                    Some(Effect::Quit) => return Ok(()),
                    Some(effect) => ask(effect),
                    None => {}
                }
            }
            () = tokio::time::sleep(pause) => {}
        }
        let since = painted.elapsed();
        if at_once || since >= BREATH || (changed && since >= PAINT) {
            screen.paint(model)?;
            (painted, changed) = (Instant::now(), false);
        }
    }
}

/// The terminal, taken over; given back when this is dropped. A panic gives it back as well.
struct Screen(DefaultTerminal);

impl Screen {
    fn paint(&mut self, model: &Model) -> io::Result<()> {
        self.0.draw(|frame| draw::draw(frame, model, clock::now())).map(|_| ())
    }

    fn width(&self) -> Option<u16> {
        self.0.size().ok().map(|size| size.width)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

async fn answer(sockets: &Sockets, effect: Effect) -> Message {
    let plainly = |error: anyhow::Error| plain(&format!("{error:#}"));
    match effect {
        Effect::History(name) => {
            let history = history(sockets, &name).await.map_err(plainly);
            Message::History(name, history)
        }
        effect => Message::Said(ordered(sockets, effect).await.unwrap_or_else(plainly)),
    }
}

async fn history(sockets: &Sockets, name: &str) -> anyhow::Result<History> {
    sockets.most_telling()?.get(&format!("/v1/webhooks/{name}/history?limit={HISTORY}")).await
}

async fn ordered(sockets: &Sockets, effect: Effect) -> anyhow::Result<String> {
    let control = Client::control(&sockets.control)?;
    Ok(match effect {
        Effect::Renew(name) => {
            let accepted: Value = control.post(&format!("/v1/webhooks/{name}/renew")).await?;
            format!("{name}: renewal #{}", accepted["renewal_id"])
        }
        Effect::Poll => {
            control.post::<Value>("/v1/poll").await?;
            "every tenant was asked for its webhooks".to_owned()
        }
        Effect::History(_) | Effect::Quit => String::new(),
    })
}
