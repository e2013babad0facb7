//! The rules of the house, kept true by reading the sources.

mod circles;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file is shorter than this.
const TOO_LONG: usize = 400;

/// The rooms, from the top floor down. An import goes down only, and never to a neighbour on the same floor.
const FLOORS: &[&[&str]] = &[
    &["cli"],
    &["app"],
    &["api"],
    &["service"],
    &["engine"],
    &["views"],
    &["renewal"],
    &["protime", "resync", "handoff"],
    &["http"],
    &["command"],
    &["store", "config", "event_bus", "logging"],
    &["domain"],
    // What serves everyone and knows no one.
    &[
        "claims",
        "clock",
        "counters",
        "durable_file",
        "duration",
        "failpoint",
        "redact",
        "regular_file",
        "signals",
        "text",
        "unix_group",
    ],
];

/// Rooms beside the house: they are not of the program that runs.
const BESIDE: &[&str] = &["fuzzing", "lib", "main"];

/// Who knows a neighbour, and why.
const NEIGHBOURS: &[(&str, &str)] = &[
    // The level and the format of the log are settings.
    ("logging", "config"),
];

/// What a room must not know although it lies below.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    // Pure: no runtime, no network, no database, no log, and `now` is an argument.
    (
        "domain",
        &["::tokio", "::reqwest", "::rusqlite", "::tracing", "::axum", "clock", "counters", "signals"],
    ),
    // They ask the service, which alone knows the engine and what is below it.
    (
        "api",
        &["engine", "views", "renewal", "protime", "resync", "handoff", "http", "command", "store", "config"],
    ),
    ("cli", &["views", "renewal", "protime", "resync", "handoff", "store"]),
    // They tell programs and servers what the operator's words say, and keep nothing.
    ("protime", &["store", "config"]),
    ("resync", &["store"]),
    ("handoff", &["store"]),
];

/// The only parts of a room that know whom the rest of it must not.
const BUT_MAY: &[(&str, &str)] = &[("cli/remote", "protime"), ("cli/check/online", "protime")];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![root.join(folder)];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                sources.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    assert!(sources.len() > 5, "{folder} has sources");
    sources
}

/// `src/domain/plan/tests.rs` is `domain/plan/tests`.
fn module(path: &Path) -> String {
    path.strip_prefix("src").unwrap().with_extension("").to_str().unwrap().to_owned()
}

/// The code without comments, and without the unit tests at its end.
fn code(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let own: Vec<&str> = lines.collect();
    let end = own
        .windows(2)
        .position(|pair| pair[0].trim() == "#[cfg(test)]" && private(pair[1]).starts_with("mod tests {"));
    own[..end.unwrap_or(own.len())].join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The line without its visibility.
fn private(line: &str) -> &str {
    line.trim_start_matches("pub(crate) ").trim_start_matches("pub(super) ")
}

/// Whether the code names a room of the crate (`store`) or another crate (`::tokio`).
fn knows(code: &str, whom: &str) -> bool {
    if let Some(library) = whom.strip_prefix("::") {
        return names(code, &format!("{library}::"));
    }
    let paths = code.match_indices("crate::").map(|(at, found)| &code[at + found.len()..]);
    paths.into_iter().any(|path| match path.strip_prefix('{') {
        None => first_word(path) == whom,
        Some(group) => top_level(group).iter().any(|entry| first_word(entry.trim()) == whom),
    })
}

fn names(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
    })
}

fn first_word(path: &str) -> &str {
    path.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

/// The entries of a `use` group whose `{` has been read, up to its `}`.
fn top_level(group: &str) -> Vec<String> {
    let (mut depth, mut entries) = (0, vec![String::new()]);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => entries.push(String::new()),
            _ if depth == 0 => entries.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    entries
}

fn is_in(module: &str, room: &str) -> bool {
    module == room || module.starts_with(&format!("{room}/"))
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&room))
}

/// The sources of the program without its tests, as their modules and their code.
fn product() -> Vec<(PathBuf, String, String)> {
    let of = |(path, text): (PathBuf, String)| {
        let module = module(&path);
        let is_test = module.ends_with("/tests") || module.contains("/tests/");
        (!is_test).then(|| (path, module, code(&text)))
    };
    sources("src").into_iter().filter_map(of).collect()
}

fn room(module: &str) -> &str {
    module.split('/').next().unwrap()
}

#[test]
fn imports_go_down_only() {
    let mut offences = Vec::new();
    for (path, module, code) in product() {
        let own = room(&module);
        let Some(here) = floor(own) else {
            assert!(BESIDE.contains(&own), "{} is in a room that stands on no floor", path.display());
            continue;
        };
        for other in FLOORS[..=here].iter().copied().flatten().filter(|other| **other != own) {
            if knows(&code, other) && !NEIGHBOURS.contains(&(own, other)) {
                offences.push(format!("{} knows {other}, which does not lie below", path.display()));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn no_one_knows_whom_they_must_not() {
    let mut offences = Vec::new();
    for (path, module, code) in product() {
        for (_, strangers) in MUST_NOT_KNOW.iter().filter(|(room, _)| is_in(&module, room)) {
            let may =
                |stranger: &str| BUT_MAY.iter().any(|(part, whom)| *whom == stranger && is_in(&module, part));
            let known = strangers.iter().filter(|stranger| knows(&code, stranger) && !may(stranger));
            offences.extend(known.map(|stranger| format!("{} knows {stranger}", path.display())));
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// What is only there for tests lies under `tests`, where no one takes it for the product.
#[test]
fn tests_lie_under_tests() {
    for (path, text) in sources("src").into_iter().chain(sources("crates")) {
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2).filter(|pair| pair[0].trim() == "#[cfg(test)]") {
            let place = private(pair[1].trim());
            let elsewhere = place.starts_with("mod ") && !place.starts_with("mod tests");
            assert!(!elsewhere, "{} has '{place}' for its tests", path.display());
        }
    }
}

/// Only what puts it in force, and the command line, see the whole configuration.
#[test]
fn the_whole_configuration_is_for_few() {
    for (path, text) in sources("src") {
        let module = module(&path);
        let room = module.split('/').next().unwrap();
        if !["app", "engine", "service", "cli", "config"].contains(&room) {
            let code = code(&text);
            let names_it =
                ["config::Config;", "config::{Config,", "&Config)", "&Config,", ": Config"].iter().any(
                    |word| code.match_indices(word).any(|(at, _)| !code[at + word.len()..].starts_with('u')),
                );
            assert!(!names_it, "{} sees the whole Config", path.display());
        }
    }
}

#[test]
fn every_file_says_why_it_exists_and_is_short() {
    for (path, text) in ["src", "crates", "tests"].into_iter().flat_map(sources) {
        assert!(text.starts_with("//! "), "{} does not open with //!", path.display());
        let lines = text.lines().count();
        assert!(lines < TOO_LONG, "{} has {lines} lines", path.display());
    }
}

/// A receiver that uses the crate must not get the daemon with it.
#[test]
fn the_receivers_crate_knows_no_daemon() {
    for (path, text) in sources("crates/receiver") {
        for stranger in ["::tokio", "::reqwest", "::rusqlite", "::tracing", "::axum", "::protime_webhookd"] {
            assert!(!knows(&code(&text), stranger), "{} knows {stranger}", path.display());
        }
    }
    let manifest = fs::read_to_string("crates/receiver/Cargo.toml").unwrap();
    assert!(!manifest.contains("path ="), "it can be published alone");
}

/// The commands `sandbox` and `demo` run it; nothing of the daemon rests on it.
#[test]
fn only_the_command_line_knows_the_sandbox() {
    for (path, module, code) in product() {
        assert!(!knows(&code, "::protime_sandbox") || is_in(&module, "cli"), "{} knows it", path.display());
    }
}

/// A mistake must be made twice to pass a test. Cargo takes no circle, but for one that only tests close, and
/// what both would depend on would be no circle.
#[test]
fn the_sandbox_shares_no_code_with_the_daemon() {
    let manifest = fs::read_to_string("crates/sandbox/Cargo.toml").unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]").expect("dependencies");
    assert!(!dependencies.contains("protime") && !dependencies.contains("path"), "{dependencies}");
    for (path, text) in sources("crates/sandbox/src") {
        assert!(!names(&code(&text), "protime_webhookd::"), "{} knows the daemon", path.display());
    }
}

#[test]
fn every_rule_is_about_a_room_that_exists() {
    let modules: Vec<String> = sources("src").iter().map(|(path, _)| module(path)).collect();
    let parts = BUT_MAY.iter().map(|(part, _)| part);
    let floors = FLOORS.iter().copied().flatten();
    for room in MUST_NOT_KNOW.iter().map(|(room, _)| room).chain(parts).chain(floors) {
        assert!(modules.iter().any(|module| module == room), "there is no {room}");
    }
}

#[test]
fn the_reader_of_imports_reads() {
    let text =
        "use crate::{config::{self, Config}, store::Store};\nlet x = crate::clock::now(); // crate::engine";
    let code = code(text);
    for known in ["config", "store", "clock"] {
        assert!(knows(&code, known), "{known}");
    }
    for unknown in ["engine", "self", "Config", "::tokio"] {
        assert!(!knows(&code, unknown), "{unknown}");
    }
    assert!(knows("use tokio::sync;", "::tokio") && !knows("use my_tokio::sync;", "::tokio"));
}

/// Where a module of that path can be: of the program's tests, of its library, or of the crate that its first
/// part names.
fn files(parts: &[&str]) -> Vec<String> {
    let path = parts.join("/");
    let mut files = vec![format!("tests/it/{path}.rs"), format!("src/{path}.rs")];
    if let [of_crate, rest @ ..] = parts {
        files.push(format!("crates/{of_crate}/src/{}.rs", rest.join("/")));
    }
    files
}

/// The table of promises names tests; one that is renamed or removed must not go on being promised.
#[test]
fn every_test_that_is_promised_exists() {
    let promises = fs::read_to_string("docs/reliability.md").expect("the table of promises");
    let rows = promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault"));
    let names: Vec<&str> =
        rows.flat_map(|row| row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        if Path::new(name).exists() {
            continue;
        }
        let parts: Vec<&str> = name.split("::").collect();
        let (module, function) = parts.split_at(parts.len() - 1);
        let function = function[0];
        let is_file = |parts: &[&str]| files(parts).iter().any(|file| Path::new(file).exists());
        let text = |parts: &[&str]| {
            let inline = parts.split_last().map(|(_, outer)| files(outer)).unwrap_or_default();
            let files = files(parts).into_iter().chain(inline);
            files.filter_map(|path| fs::read_to_string(path).ok()).collect::<String>()
        };
        let is_test = text(module).contains(&format!("fn {function}("));
        assert!(is_file(&parts) || is_test, "docs/reliability.md promises {name}, which is not a test");
    }
}
