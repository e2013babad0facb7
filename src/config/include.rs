//! `include = ["conf.d/*.toml"]`: further files that hold `[[tenant]]` tables and nothing else.

use std::{
    collections::HashSet,
    fs, io,
    path::{Path, PathBuf},
    string::FromUtf8Error,
};

use glob::{MatchOptions, Pattern};

use super::{
    document,
    error::Findings,
    key, names,
    report::Checked,
    schema::ROOT,
    seen::Seen,
    settings::Tenant,
    tenant,
    value::{TEXT, Value},
};
use crate::{domain::wrong::Wrong, regular_file};

/// As in a shell: `*` crosses no folder, and finds no hidden file, such as an editor's.
const AS_IN_A_SHELL: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

static INCLUDED: key::Table = key::Table { name: "an included file", keys: &[&ROOT.tenant] };

#[derive(Debug)]
pub(super) struct Included {
    pub(super) path: PathBuf,
    text: Result<String, FromUtf8Error>,
}

/// Reads the files that `include` names, seen from `main`: in the order of the patterns, by name within one,
/// each once. One that was named or matched and cannot be read is an error, while a pattern may match
/// nothing, because a folder of tenants begins empty.
pub(super) fn files(value: &Value<'_>, main: &Path) -> Vec<Included> {
    let mut known = HashSet::new();
    let mut included = Vec::new();
    // What is not an array has been reported.
    for pattern in value.items(names::PATTERNS).unwrap_or_default() {
        for path in matching(&pattern, main).unwrap_or_default() {
            let same = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            if fs::canonicalize(main).is_ok_and(|main| main == same) {
                let help = "put the others into a folder of their own, as in include = [\"conf.d/*.toml\"]";
                pattern.wrong(&Wrong::new("includes this very file", help));
                continue;
            }
            if !known.insert(same) {
                continue;
            }
            match regular_file::read(&path) {
                Ok(bytes) => included.push(Included { path, text: String::from_utf8(bytes) }),
                Err(error) => unreadable(&pattern, &path, &error),
            }
        }
    }
    included
}

/// The paths that are meant by a pattern, or by a plain path.
fn matching(value: &Value<'_>, main: &Path) -> Checked<Vec<PathBuf>> {
    let written = value.parse(TEXT, names::pattern)?;
    let folder = main.parent().unwrap_or(Path::new(""));
    if !written.contains(['*', '?', '[']) {
        return Ok(vec![folder.join(written)]);
    }
    let Some(folder) = folder.to_str() else {
        return Err(value.problem(
            "the folder of this file has a name that is not UTF-8, so a pattern cannot be looked for in it",
            "name the included files one by one, or rename the folder",
        ));
    };
    // The folder is not a pattern, whatever characters it has.
    let whole = Path::new(&Pattern::escape(folder)).join(&written);
    let found = glob::glob_with(&whole.to_string_lossy(), AS_IN_A_SHELL).map_err(|error| {
        let help = "write a pattern such as \"conf.d/*.toml\": * stands for any text, ? for a character, [ab] for one \
         of some characters";
        value.wrong(&Wrong::new(format!("is not a pattern: {}", error.msg), help))
    })?;
    let mut paths = Vec::new();
    for path in found {
        match path {
            Ok(path) => paths.push(path),
            Err(error) => unreadable(value, error.path(), error.error()),
        }
    }
    paths.sort();
    if paths.is_empty() {
        value.warn("matches no file");
    }
    Ok(paths)
}

fn unreadable(value: &Value<'_>, path: &Path, error: &io::Error) {
    let help = match error.kind() {
        io::ErrorKind::NotFound => {
            "paths are relative to this file; write one that exists, or a pattern such as \"conf.d/*.toml\""
        }
        io::ErrorKind::PermissionDenied => {
            "let the user that runs protime-webhookd read the file and enter every folder above it"
        }
        io::ErrorKind::IsADirectory => "name the files in it, as in \"conf.d/*.toml\"",
        _ => "write the path of a readable TOML file",
    };
    value.problem(format!("cannot read the included file {}: {error}", path.display()), help);
}

/// Reads the tenants of an included file whose first byte has the offset `base`; none if something in
/// it is wrong.
pub(super) fn read(file: &Included, base: usize, seen: &mut Seen) -> (Findings, Vec<Tenant>) {
    let text = match &file.text {
        Ok(text) => text,
        Err(error) => return (document::not_utf8(&file.path, error, base), Vec::new()),
    };
    let (findings, tenants) = document::read(&file.path, text, base, &INCLUDED, |root| {
        for key in ROOT.table.keys.iter().map(|key| key.about().name).filter(|key| !INCLUDED.has(key)) {
            root.refuse(
                key,
                &format!("`{key}` does not belong into an included file"),
                "write it into the main file: an included one holds [[tenant]] tables only",
            );
        }
        let tenants = tenant::tenants(root, seen, true)?;
        if tenants.is_empty() {
            root.warn("there is no [[tenant]] in this file");
        }
        Ok(tenants)
    });
    (findings, tenants.unwrap_or_default())
}
