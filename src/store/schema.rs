//! The schema and its versions, counted in `PRAGMA user_version`.

use std::path::Path;

use rusqlite::Connection;

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
    include_str!("schema/011.sql"),
];

/// With the step to this version come the fingerprints of keys that 008 left to the program.
const WITH_FINGERPRINTS: i64 = 11;

/// The newest version that this program knows.
pub(super) fn known() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// Brings the schema up to date, each version in a transaction of its own.
pub(super) fn migrate(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    let run = || -> rusqlite::Result<()> {
        let have = user_version(connection)?;
        for (version, sql) in (1..).zip(MIGRATIONS) {
            if version > have {
                connection.execute_batch(&format!("BEGIN IMMEDIATE; {sql}"))?;
                if version == WITH_FINGERPRINTS {
                    fill_fingerprints(connection)?;
                }
                connection.execute_batch(&format!("PRAGMA user_version = {version}; COMMIT;"))?;
            }
        }
        Ok(())
    };
    run().map_err(|source| OpenError::Sqlite { path: path.to_owned(), source })
}

/// Gives every current key its fingerprint, which no statement of a migration can compute.
fn fill_fingerprints(connection: &Connection) -> rusqlite::Result<()> {
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

pub(super) fn user_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0))
}
