//! What is typed, as what it means.

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::model::{Key, Message};

/// Sends what is typed until no one listens, or the terminal is gone.
pub(super) fn listen(messages: mpsc::Sender<Message>) {
    // A thread of its own, since reading a terminal blocks; it ends with the process.
    std::thread::spawn(move || {
        loop {
            let sent = match event::read() {
                Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => {
                    messages.blocking_send(Message::Typed(meaning(key)))
                }
                Ok(Event::Resize(..)) => messages.blocking_send(Message::Resized),
                Ok(_) => Ok(()),
                Err(_) => {
                    // A terminal that cannot be read has no one before it, and is not read again.
                    let _ = messages.blocking_send(Message::Typed(Key::Quit));
                    return;
                }
            };
            if sent.is_err() {
                return;
            }
        }
    });
}

fn meaning(key: KeyEvent) -> Key {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return if key.code == KeyCode::Char('c') { Key::Quit } else { Key::Other };
    }
    match key.code {
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown | KeyCode::Char(' ') => Key::PageDown,
        KeyCode::Home | KeyCode::Char('g') => Key::First,
        KeyCode::End | KeyCode::Char('G') => Key::Last,
        KeyCode::Char('r') => Key::Renew,
        KeyCode::Char('h') | KeyCode::Enter => Key::History,
        KeyCode::Char('p') => Key::Poll,
        KeyCode::Char('?') => Key::Help,
        KeyCode::Char('y') => Key::Yes,
        KeyCode::Char('q') | KeyCode::Esc => Key::Leave,
        _ => Key::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_mean_what_the_help_says() {
        let none = KeyModifiers::NONE;
        for (code, modifiers, expected) in [
            (KeyCode::Char('j'), none, Key::Down),
            (KeyCode::Down, none, Key::Down),
            (KeyCode::Char('k'), none, Key::Up),
            (KeyCode::Enter, none, Key::History),
            (KeyCode::Char('h'), none, Key::History),
            (KeyCode::Char('G'), KeyModifiers::SHIFT, Key::Last),
            (KeyCode::Esc, none, Key::Leave),
            (KeyCode::Char('c'), KeyModifiers::CONTROL, Key::Quit),
            (KeyCode::Char('r'), KeyModifiers::CONTROL, Key::Other),
            (KeyCode::Char('c'), none, Key::Other),
        ] {
            assert_eq!(meaning(KeyEvent::new(code, modifiers)), expected, "{code:?} {modifiers:?}");
        }
    }
}
