//! No circle between the files of a room: each can be read when those that it builds on have been.
//!
//! A parent that declares its child and takes something from it is one only if the child takes something of the
//! parent's own: what a sibling has is reached through the parent, and is the sibling's.

use std::collections::{BTreeMap, BTreeSet};

use super::{is_in, product};

/// The rooms that have none.
const WITHOUT: &[&str] = &["cli", "config"];

/// The paths that begin at `code`, and the rest of it: `a::b`, or several for `a::{b, c::d}`.
fn paths(code: &str) -> (Vec<Vec<&str>>, &str) {
    let end = code.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len());
    let (first, rest) = code.split_at(end);
    let Some(below) = rest.strip_prefix("::") else { return (vec![vec![first]], rest) };
    let (tails, rest) = match below.strip_prefix('{') {
        Some(group) => of_group(group),
        None => paths(below),
    };
    (tails.into_iter().map(|tail| [vec![first], tail].concat()).collect(), rest)
}

fn of_group(mut code: &str) -> (Vec<Vec<&str>>, &str) {
    let mut all = Vec::new();
    loop {
        code = code.trim_start_matches([' ', ',']);
        match code.chars().next() {
            None | Some('}') => return (all, code.get(1..).unwrap_or_default()),
            Some(c) if c.is_alphanumeric() || c == '_' => {
                let (paths, rest) = paths(code);
                all.extend(paths);
                // What it is called here.
                code = rest.split_once([',', '}']).map_or("", |(name, _)| &rest[name.len()..]);
            }
            Some(c) => code = &code[c.len_utf8()..],
        }
    }
}

/// Every path in the code, from its first word on.
fn all_paths(mut code: &str) -> Vec<Vec<&str>> {
    let mut all = Vec::new();
    while let Some(start) = code.find(|c: char| c.is_alphabetic() || c == '_') {
        let (paths, rest) = paths(&code[start..]);
        all.extend(paths.into_iter().filter(|path| path.len() > 1));
        code = rest;
    }
    all
}

/// The file that a path in the file `here` leads to.
fn target(here: &str, path: &[&str], files: &BTreeMap<String, String>) -> Option<String> {
    let above = path.iter().take_while(|part| **part == "super").count();
    let own: Vec<&str> = here.split('/').collect();
    let of_child = || files.contains_key(&format!("{here}/{}", path[0]));
    let whole = match path[0] {
        "crate" => path[1..].to_vec(),
        "self" => [&own, &path[1..]].concat(),
        "super" => [&own[..own.len().checked_sub(above)?], &path[above..]].concat(),
        _ if of_child() => [&own, path].concat(),
        _ => return None,
    };
    let prefixes = (1..=whole.len()).rev().map(|length| whole[..length].join("/"));
    prefixes.into_iter().find(|file| files.contains_key(file)).filter(|file| file != here)
}

/// Which file knows which others, among the files of a room.
fn knowledge(files: &BTreeMap<String, String>) -> BTreeMap<&str, BTreeSet<String>> {
    let of = |file: &str, code: &str| {
        // To whom something is visible is no import.
        let code = code.replace("(in crate::", "(");
        all_paths(&code).iter().filter_map(|path| target(file, path, files)).collect()
    };
    files.iter().map(|(file, code)| (file.as_str(), of(file, code))).collect()
}

/// What is left when those that know no one, or are known by no one, are taken away again and again.
fn circles(mut known: BTreeMap<&str, BTreeSet<String>>) -> Vec<String> {
    loop {
        let before = known.len();
        let left: BTreeSet<String> = known.keys().map(|&file| file.to_owned()).collect();
        for others in known.values_mut() {
            others.retain(|other| left.contains(other));
        }
        let wanted: BTreeSet<String> = known.values().flatten().cloned().collect();
        known.retain(|file, others| !others.is_empty() && wanted.contains(*file));
        if known.len() == before {
            return known.iter().map(|(file, others)| format!("{file} knows {others:?}")).collect();
        }
    }
}

#[test]
fn no_circle_within_a_room() {
    for room in WITHOUT {
        let files = product().into_iter().filter(|(_, module, _)| is_in(module, room));
        let files: BTreeMap<String, String> = files.map(|(_, module, code)| (module, code)).collect();
        assert!(files.len() > 5, "{room} has files");
        let circles = circles(knowledge(&files));
        assert!(circles.is_empty(), "{}", circles.join("\n"));
    }
}

#[test]
fn a_circle_is_seen() {
    let of = |files: &[(&str, &str)]| {
        let files = files.iter().map(|(file, code)| ((*file).to_owned(), (*code).to_owned())).collect();
        circles(knowledge(&files)).len()
    };
    let passes = "mod b; pub(super) use b::B; struct Own;";
    assert_eq!(of(&[("a", passes), ("a/b", "use std::{a, fs::{self, File}}; struct B;")]), 0);
    assert_eq!(of(&[("a", passes), ("a/b", "pub(in crate::a) struct B; use super::c::C;"), ("a/c", "")]), 0);
    for back in ["use super::{c::C, Own};", "use crate::{x, a::{Own as It, c}};", "fn f() -> super::Own {}"] {
        assert_eq!(of(&[("a", passes), ("a/b", back), ("a/c", "")]), 2, "{back}");
    }
    let three =
        [("a", ""), ("a/b", "use crate::a::c::C;"), ("a/c", "use super::{d::D};"), ("a/d", "super::b::f()")];
    assert_eq!(of(&three), 3);
}
