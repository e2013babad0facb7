//! What tenants, resyncs and key sinks have in common: secrets, programs and servers of the operator's.

use std::time::Duration;

use reqwest::Url;

use super::{
    forms::Program,
    key::{Key, Part, Values as _},
    report::Checked,
    schema::SECRET,
    seen::Seen,
    settings::{Command, Endpoint, SecretSource},
    table::Table,
};

pub(super) fn command(
    table: &Table<'_>,
    program: &Key<Program>,
    timeout: &Key<Duration>,
) -> Checked<Command> {
    let (program, args) = table.get(program)?;
    Ok(Command { program, args, timeout: table.get(timeout)? })
}

pub(super) fn endpoint(
    table: &Table<'_>,
    (url, token, timeout): (&Key<Url>, &Part, &Key<Duration>),
    seen: &mut Seen,
) -> Checked<Endpoint> {
    let token = secret(table, token, seen);
    Ok(Endpoint { url: table.get(url)?, token: token?, timeout: table.get(timeout)? })
}

/// Reads where a secret is found, if it is told. No key is to be written there.
pub(super) fn secret(table: &Table<'_>, key: &Part, seen: &mut Seen) -> Checked<Option<SecretSource>> {
    let (name, example) = (key.about.name, key.about.help);
    let read = table.secret(key, |value, table| {
        let mut found = Vec::new();
        for place in [&SECRET.credential, &SECRET.file, &SECRET.env].map(|place| table.maybe(place)) {
            found.extend(place?);
        }
        let source = match (found.pop(), found.is_empty()) {
            (Some(source), true) => source,
            (None, _) => {
                let message = format!("`{name}` does not say where the secret is");
                return Err(table.missing(&["credential", "file", "env"], &message, example));
            }
            (Some(_), false) => {
                let message = format!("`{name}` names more than one place");
                return Err(value.problem(message, format!("keep one: {example}")));
            }
        };
        if seen.reads_secret(&source) {
            return Err(value.problem(
                format!("`{name}` names a file that a key sink writes to"),
                "give the secret a file of its own: the key would take its place",
            ));
        }
        Ok(source)
    });
    read.transpose()
}
