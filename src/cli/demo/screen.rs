//! What one sees: titles, sentences, what was reached when, and on a terminal a moving line.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _},
    time::Instant,
};

use crate::cli::{
    output,
    style::{Paint, Style, broken},
};

/// Longer lines are hard to read, however wide the terminal is.
const WIDEST: usize = 100;
/// On a narrower terminal lines break anyway.
const NARROWEST: usize = 40;
const SENTENCE: &str = "   ";
/// The width of what stands before something reached: sign and time.
const REACHED: usize = 14;

pub(super) struct Screen {
    pub(super) style: Style,
    live: bool,
    began: Instant,
    moving: usize,
}

impl Screen {
    pub(super) fn new() -> Self {
        let stdout = io::stdout();
        let live = stdout.is_terminal();
        Self { style: Style::of(&stdout), live, began: Instant::now(), moving: 0 }
    }

    pub(super) fn title(&mut self, text: &str) -> anyhow::Result<()> {
        let title = self.style.paint(Paint::Strong, text);
        self.print(&format!("\n{title}\n"))
    }

    pub(super) fn say(&mut self, text: &str) -> anyhow::Result<()> {
        let lines = broken(text, self.width() - SENTENCE.len());
        let lines: Vec<String> = lines.iter().map(|line| format!("{SENTENCE}{line}\n")).collect();
        self.print(&lines.concat())
    }

    pub(super) fn reached(&mut self, text: &str) -> anyhow::Result<()> {
        let sign = self.style.paint(Paint::Good, "✓");
        let time = format!("{:>5.1} s", self.began.elapsed().as_secs_f64());
        let time = self.style.paint(Paint::Faint, &time);
        let mut lines = broken(text, self.width() - REACHED).into_iter();
        let mut text = format!("{SENTENCE}{sign} {time}  {}\n", lines.next().unwrap_or_default());
        for line in lines {
            let _ = writeln!(text, "{:REACHED$}{line}", "");
        }
        self.print(&text)
    }

    pub(super) fn moving(&mut self, text: &str) -> anyhow::Result<()> {
        if !self.live {
            return Ok(());
        }
        // The last column stays free: some terminals break the line there.
        let text: String = format!("{SENTENCE}… {text}").chars().take(self.width() - 1).collect();
        let length = text.chars().count();
        let rest = " ".repeat(self.moving.saturating_sub(length));
        self.moving = length;
        output::print(&format!("\r{}{rest}", self.style.paint(Paint::Faint, &text)))
    }

    pub(super) fn print(&mut self, text: &str) -> anyhow::Result<()> {
        let moving = std::mem::take(&mut self.moving);
        match moving {
            0 => output::print(text),
            _ => output::print(&format!("\r{:moving$}\r{text}", "")),
        }
    }

    fn width(&self) -> usize {
        self.style.width.map_or(WIDEST, usize::from).clamp(NARROWEST, WIDEST)
    }
}
