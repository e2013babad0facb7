//! `completions` and `man`: made from the same source as `--help`, so they name what it names.

use std::{collections::BTreeSet, fs, io::Read as _, path::Path, process::Stdio};

use tempfile::TempDir;

use super::support::program;

fn printed(words: &[&str]) -> String {
    let output = program().args(words).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What stands in the help of a command below one of its headings, the first word of each entry.
fn entries(help: &str, heading: &str) -> Vec<String> {
    let lines = help.lines().skip_while(|line| *line != heading).skip(1);
    let section = lines.take_while(|line| line.is_empty() || line.starts_with(' '));
    let own = section.filter(|line| line.starts_with("  ") && !line.starts_with("          "));
    own.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Every command that can be typed, `help` aside.
fn commands() -> Vec<Vec<String>> {
    let mut found = vec![Vec::new()];
    let mut next = 0;
    while next < found.len() {
        let path = found[next].clone();
        for name in entries(&help(&path), "Commands:").iter().filter(|name| *name != "help") {
            found.push([&path[..], std::slice::from_ref(name)].concat());
        }
        next += 1;
    }
    assert!(found.len() > 12, "{found:?}");
    found
}

fn help(path: &[String]) -> String {
    let words: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    printed(&words)
}

/// The long flags that a help shows.
fn flags(help: &str) -> BTreeSet<String> {
    let is_flag = |c: char| c.is_ascii_lowercase() || c == '-';
    let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| line.split(|c: char| !is_flag(c) && !c.is_ascii_uppercase()));
    words.filter(|word| word.starts_with("--") && word.len() > 2).map(str::to_owned).collect()
}

#[test]
fn every_command_has_a_page_that_names_every_flag_of_its_help() {
    let folder = TempDir::new().unwrap();
    printed(&["man", "--dir", folder.path().to_str().unwrap()]);
    let mut expected = BTreeSet::new();
    for path in commands() {
        let name = format!("{}.1", [&["protime-webhookd".to_owned()], &path[..]].concat().join("-"));
        let page =
            fs::read_to_string(folder.path().join(&name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let page = page.replace("\\-", "-");
        let flags = flags(&help(&path));
        assert!(flags.contains("--config"), "{path:?}: {flags:?}");
        for flag in flags {
            assert!(page.contains(&flag), "{name} does not name {flag}");
        }
        assert!(page.contains("PROTIME_WEBHOOKD_CONFIG") && page.contains(".SH NOTES"), "{page}");
        expected.insert(name);
    }
    let written: BTreeSet<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(written, expected);
}

#[test]
fn the_main_page_names_every_command() {
    let page = printed(&["man"]).replace("\\-", "-");
    assert!(page.contains(".TH protime-webhookd 1"), "{page}");
    for command in entries(&help(&[]), "Commands:").iter().filter(|name| *name != "help") {
        assert!(page.contains(&format!("protime-webhookd-{command}(1)")), "{command} in\n{page}");
    }
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let output = program().args(["man", "--dir", "/nowhere/man1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("cannot write /nowhere/man1/protime-webhookd.1"), "{text}");
}

#[test]
fn completions_of_every_shell_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = printed(&["completions", shell]);
        for word in ["completions", "history", "init", "verify", "client-secret-credential", "authorization"]
        {
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
    let unknown = program().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("bash, elvish, fish, powershell, zsh"));
}

/// Anyone who has the shell lets it read its script; bash is what `cargo test` may take for granted.
#[test]
fn bash_reads_its_completions_and_completes_with_them() {
    let folder = TempDir::new().unwrap();
    let script = folder.path().join("completions");
    fs::write(&script, printed(&["completions", "bash"])).unwrap();
    let bash = |code: &str| {
        let output =
            std::process::Command::new("bash").args(["-c", code, "bash"]).arg(&script).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    bash("bash -n \"$1\"");
    let completed = bash(
        "source \"$1\"; COMP_WORDS=(protime-webhookd hi); COMP_CWORD=1; \
         by=$(complete -p protime-webhookd); by=${by#*-F }; \
         ${by%% *} protime-webhookd hi protime-webhookd; echo \"${COMPREPLY[@]}\"",
    );
    assert_eq!(completed.trim(), "history");
}

#[test]
fn a_closed_pipe_ends_them_quietly() {
    for words in [&["man"][..], &["completions", "zsh"], &["init", "--output", "-"]] {
        let complete = [
            "--user-agent",
            "A/1 (B)",
            "--environment",
            "production",
            "--tenant",
            "acme",
            "--client-id",
            "x",
            "--client-secret-env",
            "SECRET",
            "--collection",
            "people",
            "--destination-url",
            "https://example.com/",
            "--resync",
            "none",
        ];
        let extra = if words[0] == "init" { &complete[..] } else { &[] };
        let mut child = program()
            .args(words)
            .args(extra)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((child.wait().unwrap().code(), said.as_str()), (Some(0), ""), "{words:?}");
    }
}

/// The package's own files name what the program prints.
#[test]
fn the_package_ships_what_is_made_here() {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let script = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/deb")).unwrap();
    assert!(script.contains("for shell in bash zsh fish;"));
    for made in ["man/*.1", "completions.bash", "completions.zsh", "completions.fish", "changelog"] {
        assert!(manifest.contains(&format!("\"target/packaging/{made}\"")), "{made}");
    }
}
