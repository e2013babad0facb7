//! The rules of the house, kept true by reading the sources: who may know whom, that every file says
//! why it exists, and that none grows too long.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file is shorter than this.
const TOO_LONG: usize = 400;

/// Each room and what it must not know. A room is a module path; what is below it belongs to it.
const MUST_NOT_KNOW: &[(&str, &[&str])] = &[
    // Pure: no runtime, no network, no database, no log, and `now` is an argument.
    ("domain", PURE),
    // For other programs: of the crate it knows `domain` alone, so that it can be had without the daemon.
    ("receiver", PURE),
    ("receiver", &["renewal", "stop", "logging", "unix_group", "regular_file", "crash"]),
    // Leaves: they serve everyone and know no one.
    ("stop", ROOMS),
    ("logging", ROOMS),
    ("unix_group", ROOMS),
    ("regular_file", ROOMS),
    ("clock", ROOMS),
    ("tally", ROOMS),
    // Tells of what happens in the words of `domain`, and asks no one.
    ("bulletin", ALL_BUT_WORDS),
    // Runs programs for both kinds of errand, and speaks of them in the words of `domain`.
    (
        "command",
        &["protime", "resync", "handoff", "store", "renewal", "daemon", "sockets", "cli", "scheduler"],
    ),
    // Speaks with servers for both kinds of errand, and is how `protime` gets its client.
    (
        "outbound",
        &["protime", "resync", "handoff", "store", "renewal", "daemon", "sockets", "cli", "scheduler"],
    ),
    // The four that only `renewal` joins.
    ("protime", &["resync", "handoff", "store", "renewal", "daemon", "sockets", "cli", "scheduler"]),
    ("resync", &["protime", "handoff", "store", "renewal", "daemon", "sockets", "cli", "scheduler"]),
    ("handoff", &["protime", "resync", "store", "renewal", "daemon", "sockets", "cli", "scheduler"]),
    ("store", &["protime", "resync", "handoff", "renewal", "daemon", "sockets", "cli", "scheduler"]),
    ("renewal", &["daemon", "sockets", "cli", "scheduler", "signals"]),
    ("scheduler", &["store", "renewal", "daemon", "sockets", "cli", "protime"]),
    ("signals", ROOMS),
    ("config", &["store", "renewal", "daemon", "sockets", "cli", "protime", "resync", "handoff"]),
    // They show and ask, and never decide.
    ("sockets", &["renewal", "protime", "resync", "handoff", "store", "cli", "scheduler", "config"]),
    ("cli", &["renewal", "protime", "resync", "handoff", "store", "scheduler"]),
    ("daemon", &["cli"]),
];

/// The only parts of a room that know whom the rest of it must not.
const BUT_MAY: &[(&str, &str)] = &[("cli/remote", "protime"), ("cli/check/online", "protime")];

const PURE: &[&str] = &[
    "::tokio",
    "::reqwest",
    "::rusqlite",
    "::tracing",
    "::axum",
    "clock",
    "store",
    "protime",
    "resync",
    "handoff",
    "daemon",
    "sockets",
    "cli",
    "scheduler",
    "signals",
    "config",
    "command",
];

/// Every room but `domain`.
const ALL_BUT_WORDS: &[&str] =
    &["store", "protime", "resync", "handoff", "renewal", "daemon", "sockets", "cli", "scheduler"];

const ROOMS: &[&str] =
    &["store", "protime", "resync", "handoff", "renewal", "daemon", "sockets", "cli", "scheduler", "domain"];

/// Every source below a folder.
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

/// The sources of the other crates.
fn crates() -> Vec<(PathBuf, String)> {
    members().iter().flat_map(|member| sources(&format!("{member}/src"))).collect()
}

/// The folders of the other crates.
fn members() -> Vec<String> {
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("crates")).unwrap();
    folders.map(|entry| format!("crates/{}", entry.unwrap().file_name().to_str().unwrap())).collect()
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
        .position(|pair| pair[0].trim() == "#[cfg(test)]" && pair[1].starts_with("mod tests {"));
    own[..end.unwrap_or(own.len())].join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
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

#[test]
fn nobody_knows_whom_he_must_not() {
    let mut offences = Vec::new();
    for (path, text) in sources("src") {
        let module = module(&path);
        if module.ends_with("/tests") || module.contains("/tests/") {
            continue;
        }
        for (room, strangers) in MUST_NOT_KNOW {
            if is_in(&module, room) {
                let code = code(&text);
                let may = |stranger: &str| {
                    BUT_MAY.iter().any(|(part, whom)| *whom == stranger && is_in(&module, part))
                };
                let known = strangers.iter().filter(|stranger| knows(&code, stranger) && !may(stranger));
                offences.extend(known.map(|stranger| format!("{} knows {stranger}", path.display())));
            }
        }
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

/// Only `daemon` and `cli` see the whole configuration.
#[test]
fn the_whole_configuration_is_for_two() {
    for (path, text) in sources("src") {
        let module = module(&path);
        let room = module.split('/').next().unwrap();
        if !["daemon", "cli", "config"].contains(&room) {
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
    for (path, text) in sources("src").into_iter().chain(crates()).chain(sources("tests")) {
        assert!(text.starts_with("//! "), "{} does not open with //!", path.display());
        let lines = text.lines().count();
        assert!(lines < TOO_LONG, "{} has {lines} lines", path.display());
    }
}

/// The commands `sandbox` and `demo` run it; nothing of the daemon rests on it.
#[test]
fn only_the_command_line_knows_the_sandbox() {
    let strangers = sources("src").into_iter().filter(|(path, _)| !is_in(&module(path), "cli"));
    let known = strangers.filter(|(_, text)| knows(&code(text), "::protime_sandbox"));
    assert_eq!(known.map(|(path, _)| path).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

/// A mistake must be made twice to pass a test. Cargo takes no circle, but for one that only tests close, and
/// what both would depend on would be no circle.
#[test]
fn the_sandbox_shares_no_code_with_the_daemon() {
    let manifest = fs::read_to_string("crates/sandbox/Cargo.toml").unwrap();
    let (_, dependencies) = manifest.split_once("[dependencies]").expect("dependencies");
    assert!(!dependencies.contains("protime") && !dependencies.contains("path"), "{dependencies}");
    let sources = sources("crates/sandbox/src").into_iter();
    let known = sources.filter(|(_, text)| names(&code(text), "protime_webhookd::"));
    assert_eq!(known.map(|(path, _)| path).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}

#[test]
fn every_rule_is_about_a_room_that_exists() {
    let modules: Vec<String> = sources("src").iter().map(|(path, _)| module(path)).collect();
    let parts = BUT_MAY.iter().map(|(part, _)| part);
    for room in MUST_NOT_KNOW.iter().map(|(room, _)| room).chain(parts) {
        assert!(modules.iter().any(|module| module == room), "there is no {room}");
    }
}

#[test]
fn the_reader_of_imports_reads() {
    let text =
        "use crate::{config::{self, Config}, store::Store};\nlet x = crate::clock::now(); // crate::daemon";
    let code = code(text);
    for known in ["config", "store", "clock"] {
        assert!(knows(&code, known), "{known}");
    }
    for unknown in ["daemon", "self", "Config", "::tokio"] {
        assert!(!knows(&code, unknown), "{unknown}");
    }
    assert!(knows("use tokio::sync;", "::tokio") && !knows("use my_tokio::sync;", "::tokio"));
}

/// The table of promises names tests; one that is renamed or removed must not go on being promised.
#[test]
fn every_test_that_is_promised_exists() {
    let promises = fs::read_to_string("docs/reliability.md").expect("the table of promises");
    let rows = promises.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| fault"));
    let names: Vec<&str> =
        rows.flat_map(|row| row.rsplit('|').nth(1).unwrap().split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 30, "{names:?}");
    let inside = members().into_iter().map(|member| format!("{member}/src"));
    let roots: Vec<String> = ["tests/it", "src"].map(str::to_owned).into_iter().chain(inside).collect();
    for name in names {
        if Path::new(name).exists() {
            continue;
        }
        let parts: Vec<&str> = name.split("::").collect();
        let (module, function) = parts.split_at(parts.len() - 1);
        let function = function[0];
        let is_file = |parts: &[&str]| {
            let path = parts.join("/");
            roots.iter().any(|root| Path::new(&format!("{root}/{path}.rs")).exists())
        };
        let text = |parts: &[&str]| {
            let path = parts.join("/");
            let inline = parts.split_last().map(|(_, outer)| outer.join("/")).unwrap_or_default();
            let inside = roots.iter().skip(1).map(|root| format!("{root}/{inline}.rs"));
            let files = roots.iter().map(|root| format!("{root}/{path}.rs")).chain(inside);
            files.filter_map(|path| fs::read_to_string(path).ok()).collect::<String>()
        };
        let is_test = text(module).contains(&format!("fn {function}("));
        assert!(is_file(&parts) || is_test, "docs/reliability.md promises {name}, which is no test");
    }
}
