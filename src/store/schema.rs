//! The schema and its versions, counted in `PRAGMA user_version`.
//!
//! Law: a file that is damaged, or that a newer program wrote, is looked at read-only and left as it is.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::OpenError;
use crate::domain::key::WebhookKey;

/// Every version's step, in order. What has been released is never changed, only added to.
const MIGRATIONS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
    include_str!("schema/005.sql"),
    include_str!("schema/006.sql"),
    include_str!("schema/007.sql"),
    include_str!("schema/008.sql"),
    include_str!("schema/009.sql"),
    include_str!("schema/010.sql"),
];

fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Looks at the file without changing it.
pub(super) fn examine(path: &Path) -> Result<(), OpenError> {
    let damaged = |detail: String| OpenError::Damaged { path: path.to_owned(), detail };
    let bytes =
        std::fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?.len();
    if bytes == 0 {
        return Ok(());
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|error| damaged(error.to_string()))?;
    let verdict = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
        .map_err(|error| damaged(error.to_string()))?;
    if verdict != "ok" {
        return Err(damaged(verdict));
    }
    let found = user_version(&connection).map_err(|error| damaged(error.to_string()))?;
    if found > known() {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: known() });
    }
    Ok(())
}

/// Brings the schema up to date, each version in a transaction of its own.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let run = || -> rusqlite::Result<()> {
        let have = user_version(connection)?;
        for (version, sql) in (1..).zip(MIGRATIONS) {
            if version > have {
                connection.execute_batch(&format!(
                    "BEGIN IMMEDIATE; {sql}\nPRAGMA user_version = {version}; COMMIT;"
                ))?;
            }
        }
        Ok(())
    };
    run().map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })
}

/// Gives every current key its fingerprint, which no statement of a migration can compute.
pub(super) fn fill_fingerprints(connection: &Connection) -> rusqlite::Result<()> {
    let mut without = connection.prepare(
        "SELECT id, key FROM webhook JOIN key ON webhook_id = id AND retired_at IS NULL \
         WHERE json_extract(state, '$.registration.fingerprint') = ''",
    )?;
    let without = without
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?)))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for (id, key) in without {
        // An empty key is none, and was never stored.
        let Some(key) = WebhookKey::new(key) else { continue };
        connection.execute(
            "UPDATE webhook SET state = json_set(state, '$.registration.fingerprint', ?2) WHERE id = ?1",
            (id, key.fingerprint()),
        )?;
    }
    Ok(())
}

/// Moves what the log holds into the database, and gives its room back. A migration fills it with every page that it
/// touched, and SQLite would use that room again only after 4 MB, which a small disk may not have. Where it cannot be
/// done now, SQLite does it some other time.
pub(super) fn shorten_log(connection: &Connection) {
    if let Err(error) = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
        tracing::debug!(%error, "the log of the database could not be shortened");
    }
}

fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
