//! `include`: which files are read, and that a mistake in any of them is told with its own place.

use std::{fs, path::Path};

use super::*;
use crate::config::load;

/// A folder with a main file and included ones.
struct Folder(tempfile::TempDir);

/// The tenant of [`GOOD`] with another name, as a file of its own.
fn tenant(name: &str) -> String {
    let tenant = &GOOD[GOOD.find("[[tenant]]").expect("there")..];
    tenant.replace("\"acme\"", &format!("\"{name}\"")).replace("clockings.key", &format!("{name}.key"))
}

impl Folder {
    /// `include` is TOML; the files are in `conf.d`.
    fn new(include: &str, files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("conf.d")).expect("made");
        for (name, text) in files {
            fs::write(folder.path().join("conf.d").join(name), text).expect("written");
        }
        fs::write(folder.path().join("config.toml"), format!("include = {include}\n{GOOD}"))
            .expect("written");
        Self(folder)
    }

    fn load(&self) -> Result<Config, ConfigError> {
        load(&self.0.path().join("config.toml"))
    }

    fn names(&self) -> Vec<String> {
        let config = self.load().unwrap_or_else(|error| panic!("{error}"));
        config.tenants.iter().map(|tenant| tenant.name.to_string()).collect()
    }

    /// Each problem as `file:line:column: message`, seen from the folder.
    fn problems(&self) -> Vec<String> {
        let error = self.load().expect_err("it has mistakes");
        let folder = format!("{}/", self.0.path().display());
        let place = |line: Option<usize>, column: Option<usize>| {
            line.zip(column).map(|(line, column)| format!(":{line}:{column}")).unwrap_or_default()
        };
        error
            .problems()
            .map(|p| format!("{}{}: {}", p.file, place(p.line, p.column), p.message).replace(&folder, ""))
            .collect()
    }
}

#[test]
fn tenants_come_in_the_order_of_the_patterns_and_of_the_names() {
    let (b, c, z) = (tenant("b"), tenant("c"), tenant("z"));
    let files = [("c.toml", &*c), ("b.toml", &b), ("z.toml", &z), (".#b.toml", "no TOML"), ("b.toml~", "no")];
    assert_eq!(Folder::new("[\"conf.d/*.toml\"]", &files).names(), ["acme", "b", "c", "z"]);
    let twice = Folder::new("[\"conf.d/z.toml\", \"conf.d/[bc].toml\", \"conf.d/*.toml\"]", &files);
    assert_eq!(twice.names(), ["acme", "z", "b", "c"]);
    let absolute = format!("[\"{}/conf.d/?.toml\"]", twice.0.path().display());
    fs::write(twice.0.path().join("config.toml"), format!("include = {absolute}\n{GOOD}")).expect("written");
    assert_eq!(twice.names(), ["acme", "b", "c", "z"]);
}

#[test]
fn all_tenants_may_be_in_other_files_and_there_may_be_none_yet() {
    let folder = Folder::new("[\"conf.d/*.toml\"]", &[]);
    let main = folder.0.path().join("config.toml");
    fs::write(&main, "user_agent = \"a/1 (b)\"\ninclude = [\"conf.d/*.toml\"]\n").expect("written");
    let config = folder.load().expect("right");
    assert!(config.tenants.is_empty());
    let warning = format!("{}:2:12: `include`: \"conf.d/*.toml\" matches no file", main.display());
    assert_eq!(config.warnings, [warning]);
    fs::write(folder.0.path().join("conf.d/a.toml"), "# later\n").expect("written");
    let warnings = folder.load().expect("right").warnings;
    assert!(warnings[0].ends_with("conf.d/a.toml:1:1: there is no [[tenant]] in this file"), "{warnings:?}");
    fs::write(folder.0.path().join("conf.d/a.toml"), tenant("a")).expect("written");
    assert_eq!(folder.names(), ["a"]);
}

#[test]
fn every_mistake_in_every_file_is_told_at_once() {
    let misspelt = tenant("b").replace("collection =", "colection =");
    let literal = tenant("c").replace("{ credential = \"acme-client-secret\" }", "\"hunter2\"");
    let section =
        format!("user_agent = \"a/1 (b)\"\ninclude = []\n[daemon]\nlog_level = \"info\"\n{}", tenant("d"));
    let folder = Folder::new(
        "[\"conf.d/*.toml\", \"conf.d/missing.toml\", \"conf.d\", \"**x/[\", 7]",
        &[("b.toml", &misspelt), ("c.toml", &literal), ("d.toml", &section), ("e.toml", "x = [")],
    );
    fs::write(folder.0.path().join("conf.d/f.toml"), b"name = \"\xff\"").expect("written");
    assert_eq!(
        folder.problems(),
        [
            "config.toml:1:29: cannot read the included file conf.d/missing.toml: No such file or directory (os error 2)",
            "config.toml:1:52: cannot read the included file conf.d: Is a directory (os error 21)",
            "config.toml:1:62: `include`: \"**x/[\" is not a pattern: recursive wildcards must form a single path component",
            "config.toml:1:71: `include`: 7 is an integer",
            "conf.d/b.toml:9:1: unknown key `colection` in [[tenant.webhook]]",
            "conf.d/c.toml:5:17: a secret must not be written into this file",
            "conf.d/d.toml:1:1: `user_agent` does not belong into an included file",
            "conf.d/d.toml:2:1: `include` does not belong into an included file",
            "conf.d/d.toml:3:2: `daemon` does not belong into an included file",
            "conf.d/e.toml:1:6: not TOML: unclosed array",
            "conf.d/f.toml:1:9: the file is not UTF-8",
        ]
    );
    let shown = folder.load().expect_err("it has mistakes").to_string();
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("11 problems in ") && shown.contains("conf.d/f.toml"), "{shown}");
    // A broken main file hides nothing of the others, except by what it would have included.
    let main = fs::read_to_string(folder.0.path().join("config.toml")).expect("text");
    fs::write(folder.0.path().join("config.toml"), main.replace("= 120", "= 0")).expect("written");
    assert_eq!(folder.problems().len(), 12);
}

#[test]
fn what_is_there_twice_is_shown_in_both_files() {
    let again = tenant("acme").replace("acme.key", "b.key");
    let folder = Folder::new("[\"conf.d/*.toml\"]", &[("b.toml", &again)]);
    assert_eq!(
        folder.problems(),
        ["conf.d/b.toml:2:8: two tenants are named \"acme\" (first in config.toml:14:8)"]
    );
    let sink = tenant("b").replace("b.key", "clockings.key");
    let pair = tenant("ACME");
    let folder = Folder::new("[\"conf.d/*.toml\"]", &[("b.toml", &sink), ("c.toml", &pair)]);
    assert_eq!(
        folder.problems(),
        [
            "conf.d/b.toml:19:8: two key sinks write to the same file (first in config.toml:31:8)",
            "conf.d/c.toml:10:19: another tenant of this configuration is the same at Protime and sends \"clockings\" to the same URL (first in config.toml:22:19)",
        ]
    );
}

#[test]
fn a_person_sees_the_lines_of_both_files() {
    let again = tenant("acme").replace("acme.key", "b.key");
    let folder = Folder::new("[\"conf.d/*.toml\"]", &[("b.toml", &again)]);
    let shown = folder.load().expect_err("a repetition").to_string();
    let shown = shown.replace(&format!("{}/", folder.0.path().display()), "");
    let expected = "
  error: two tenants are named \"acme\" (first in config.toml:14:8)
    ╭─[config.toml:14:8]
 14 │ name = \"acme\"
    ·        ^^^^^^
    ·           ╰── first here
    ╰────
   ╭─[conf.d/b.toml:2:8]
 2 │ name = \"acme\"
   ·        ^^^^^^
   ·           ╰── again here
   ╰────
  help: give each tenant a name of its own

1 problem in conf.d/b.toml";
    assert_eq!(format!("\n{shown}"), expected);
}

#[test]
fn a_file_does_not_include_itself() {
    let folder = Folder::new("[\"*.toml\"]", &[]);
    assert_eq!(folder.problems(), ["config.toml:1:12: `include`: \"*.toml\" includes this very file"]);
}

#[test]
fn a_folder_with_odd_characters_is_no_pattern() {
    let folder = Folder::new("[\"conf.d/*.toml\"]", &[("b.toml", &tenant("b"))]);
    let odd = folder.0.path().join("a[b]*c");
    fs::create_dir(&odd).expect("made");
    for name in ["conf.d", "config.toml"] {
        fs::rename(folder.0.path().join(name), odd.join(name)).expect("moved");
    }
    assert_eq!(load(&odd.join("config.toml")).expect("right").tenants.len(), 2);
    assert!(load(Path::new("/")).is_err());
}
