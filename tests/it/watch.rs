//! What a person without rights, or without a terminal, gets from `status`, and the live screen.

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustix::{
    process::Signal,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Termios, Winsize, tcgetattr, tcsetwinsize},
};

use crate::support::{Process, World, eventually, program, until};

const LONG: &[&str] = &["--lifetime", "1h"];

#[test]
fn a_live_screen_needs_a_terminal() {
    let world = World::running(LONG, &["clockings"]);
    let output = world.daemon.cli(&["status", "--watch"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--watch needs a terminal") && output.stdout.is_empty(), "{said}");
}

#[test]
fn the_first_line_answers_and_a_pipe_gets_a_line_for_each_webhook() {
    let world = World::running(LONG, &["clockings", "people"]);
    let output = world.daemon.cli(&["status"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("2 webhooks, all active; next renewal in "), "{text}");
    for name in ["● acme/clockings  active", "● acme/people     active"] {
        assert_eq!(lines.iter().filter(|line| line.starts_with(name)).count(), 1, "{text}");
    }
    assert!(!text.contains('\x1b'), "no colours in a pipe");
}

#[test]
fn who_may_not_read_the_file_is_sent_to_the_usual_socket() {
    let world = World::running(LONG, &["clockings"]);
    let config = world.daemon.config();
    let folder = world.folder();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&config, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = program();
    command.env("RUNTIME_DIRECTORY", folder).arg("--config").arg(&config).arg("status");
    if rustix::process::geteuid().is_root() {
        // No permission stops root; anyone else is meant.
        command.uid(65_534).gid(65_534);
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("this user may not read") && said.contains("status.sock"), "{said}");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("1 webhook, all active"), "{output:?}");
}

/// What a program begins and ends its stay on a terminal's other screen with.
const ENTERED: &str = "\x1b[?1049h";
const LEFT: &str = "\x1b[?1049l";

/// `status --watch` at a terminal of its own.
struct Screen {
    program: Process,
    ours: File,
    theirs: File,
    before: Termios,
    /// All that was written to the terminal so far, as it came.
    written: Arc<Mutex<Vec<u8>>>,
}

impl Screen {
    fn open(world: &World, columns: u16, rows: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
        let theirs = File::options().read(true).write(true).open(name).unwrap();
        let ours = File::from(ours);
        resize(&ours, columns, rows);
        let before = tcgetattr(&theirs).unwrap();
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut reader, sink) = (ours.try_clone().unwrap(), Arc::clone(&written));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = reader.read(&mut piece) {
                sink.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        // In a session of its own, whose terminal this is: the program asks /dev/tty for its size.
        let program = program();
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(program.get_program());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("TERM", "xterm").arg("--config").arg(world.daemon.config()).args(["status", "--watch"]);
        command.stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap());
        command.stderr(theirs.try_clone().unwrap());
        Self { program: Process::spawn(&mut command), ours, theirs, before, written }
    }

    fn type_in(&mut self, keys: &str) {
        self.ours.write_all(keys.as_bytes()).unwrap();
    }

    fn raw(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits for a text on the screen.
    fn sees(&self, text: &str) {
        let wanted = text.replace(' ', "");
        self.shows(&format!("'{text}'"), |painted| painted.contains(&wanted));
    }

    /// Waits until a text is not on the screen any more.
    fn sees_no(&self, text: &str) {
        let wanted = text.replace(' ', "");
        // From the first row to the last: of an older painting there may be the end alone.
        self.shows(&format!("no '{text}'"), |painted| {
            let whole = painted.rfind("1webhook,").map(|at| &painted[at..]);
            whole.is_some_and(|rows| rows.contains("qquit") && !rows.contains(&wanted))
        });
    }

    /// Waits for what is painted. A repaint writes only the cells that changed, so the whole is painted
    /// again before each look, by a change of the terminal's size; blanks are not written then.
    fn shows(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        let mut columns = 120;
        let seen = until(Duration::from_mins(1), || {
            columns = if columns == 120 { 121 } else { 120 };
            let from = self.written.lock().unwrap().len();
            resize(&self.ours, columns, 40);
            until(Duration::from_millis(500), || wanted(&self.painted_since(from)).then_some(()))
        });
        let newest = self.written.lock().unwrap().len().saturating_sub(8192);
        assert!(seen.is_some(), "waited in vain for {what} in\n{}", self.painted_since(newest));
    }

    /// What was painted since then, without blanks and what moves the cursor and sets colours.
    fn painted_since(&self, from: usize) -> String {
        let written = self.written.lock().unwrap();
        let text = String::from_utf8_lossy(&written[from.min(written.len())..]).into_owned();
        let mut plain = String::new();
        for (number, part) in text.split("\x1b[").enumerate() {
            let end = if number == 0 {
                0
            } else {
                part.find(|c: char| c.is_ascii_alphabetic()).map_or(part.len(), |at| at + 1)
            };
            plain.push_str(&part[end..]);
        }
        plain.replace(' ', "")
    }

    /// Waits for the program's end, and checks that the terminal is as it was.
    fn ends(mut self) {
        let status = self.program.wait(Duration::from_mins(1)).expect("it ends");
        assert_eq!(status.code(), Some(0), "{}", self.raw());
        eventually("the other screen is left", || self.raw().contains(LEFT).then_some(()));
        let raw = self.raw();
        assert!(raw.rfind(LEFT) > raw.rfind(ENTERED) && raw.contains(ENTERED), "{raw}");
        assert!(raw.rfind("\x1b[?25h") > raw.rfind("\x1b[?25l"), "the cursor is seen again: {raw}");
        let after = tcgetattr(&self.theirs).unwrap();
        assert_eq!(
            (after.local_modes, after.input_modes, after.output_modes),
            (self.before.local_modes, self.before.input_modes, self.before.output_modes)
        );
    }
}

fn resize(terminal: &File, columns: u16, rows: u16) {
    let size = Winsize { ws_col: columns, ws_row: rows, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(terminal, size).unwrap();
}

#[test]
fn the_screen_shows_a_renewal_as_it_happens_and_its_history() {
    let world = World::running(LONG, &["clockings"]);
    let mut screen = Screen::open(&world, 120, 40);
    screen.sees("1 webhook, all active");
    screen.sees("● acme/clockings  active");
    // What is typed at once is taken in its order, although a history takes a moment to come.
    screen.type_in("hqr");
    screen.sees("renew acme/clockings now?");
    screen.type_in("y");
    screen.sees("acme/clockings: renewal #2");
    world.renewed("clockings", "manual");
    for line in
        ["begins: manual", "acme/clockings  post succeeded", "new key version 2", "renewal #2 succeeded"]
    {
        screen.sees(line);
    }
    screen.type_in("h");
    screen.sees("history of acme/clockings");
    screen.sees("#2");
    screen.type_in("q");
    screen.type_in("p");
    screen.sees("every tenant was asked for its webhooks");
    screen.type_in("q");
    screen.ends();
}

#[test]
fn the_screen_outlives_a_restart_of_the_daemon() {
    let mut world = World::running(LONG, &["clockings"]);
    let screen = Screen::open(&world, 120, 40);
    screen.sees("● acme/clockings  active");
    world.daemon.stop();
    screen.sees("the daemon does not answer (noticed");
    world.daemon.start();
    screen.sees("the daemon answers again");
    screen.sees("1 webhook, all active");
    screen.program.signal(Signal::TERM);
    screen.ends();
}

#[test]
fn a_terminal_of_any_size_is_painted() {
    let world = World::running(LONG, &["clockings"]);
    let mut screen = Screen::open(&world, 1, 1);
    // Without webhooks a key has nothing to act on.
    screen.sees("● acme/clockings  active");
    for (columns, rows) in [(1, 1), (3, 2), (20, 5), (300, 1), (2, 80), (40, 13)] {
        resize(&screen.ours, columns, rows);
        screen.type_in("?xrnh");
        screen.sees("history of");
        resize(&screen.ours, columns, rows);
        screen.type_in("q");
        // Or else the next round would see the history of this one.
        screen.sees_no("history of");
    }
    screen.sees("● acme/clockings  active");
    screen.type_in("q");
    screen.ends();
}
