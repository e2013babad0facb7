//! Whether the file of the database is whole.
//!
//! Laws: a file that is damaged, or that a newer program wrote, is looked at read-only and left as it is; no start
//! takes longer because the history is long. What the work rests on is looked at before anything is done, the history,
//! on which no decision rests, beside the work.

use std::path::Path;

use rusqlite::{Connection, ErrorCode, InterruptHandle, OpenFlags};

use super::{OpenError, Store, schema};

/// A file up to this size is looked at as a whole at the start, which takes a tenth of a second. A file of 1.7 GB would take
/// four, and most of it is history.
const SMALL: u64 = 32 * 1024 * 1024;

/// The tables that grow with time.
const HISTORY: [&str; 2] = ["journal", "finished_renewal"];

/// Looks at the file without changing it; tells whether it was looked at as a whole.
pub(super) fn examine(path: &Path) -> Result<bool, OpenError> {
    let damaged = |detail: String| OpenError::Damaged { path: path.to_owned(), detail };
    let bytes =
        std::fs::metadata(path).map_err(|source| OpenError::Io { path: path.to_owned(), source })?.len();
    if bytes == 0 {
        return Ok(true);
    }
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
        .map_err(|error| damaged(error.to_string()))?;
    let whole = bytes <= SMALL;
    let verdict = if whole { check(&connection, None) } else { check_what_is_needed(&connection) };
    if let Some(detail) = verdict.unwrap_or_else(|error| Some(error.to_string())) {
        return Err(damaged(detail));
    }
    let found = schema::user_version(&connection).map_err(|error| damaged(error.to_string()))?;
    if found > schema::known() {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: schema::known() });
    }
    Ok(whole)
}

/// What is wrong with everything but the history.
fn check_what_is_needed(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let tables = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| row.get::<_, String>(0))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    for table in tables.iter().filter(|table| !HISTORY.contains(&table.as_str())) {
        if let Some(detail) = check(connection, Some(table))? {
            return Ok(Some(detail));
        }
    }
    Ok(None)
}

/// What is wrong with a table and its indices, or with the whole file.
fn check(connection: &Connection, table: Option<&str>) -> rusqlite::Result<Option<String>> {
    let sql = match table {
        Some(table) => format!("PRAGMA quick_check('{table}')"),
        None => "PRAGMA quick_check(1)".to_owned(),
    };
    let verdict: String = connection.query_row(&sql, [], |row| row.get(0))?;
    Ok((verdict != "ok").then_some(verdict))
}

fn tells_of_damage(error: &rusqlite::Error) -> bool {
    let damage = [ErrorCode::DatabaseCorrupt, ErrorCode::NotADatabase, ErrorCode::SystemIoFailure];
    error.sqlite_error_code().is_some_and(|code| damage.contains(&code))
}

/// Ends a check that no one waits for any more.
struct Interrupt(InterruptHandle);

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.interrupt();
    }
}

impl Store {
    /// Looks at the whole file, if that was left out at the start, and returns what is wrong with it; it may take a
    /// minute, holds up neither readers nor the writer, and ends early if no one waits for it. It is known from then on.
    pub(crate) async fn check(&self) -> Option<String> {
        if self.checked_whole {
            return None;
        }
        // The log grows meanwhile, for a reader keeps SQLite from starting it over; it is reused afterwards.
        let path = self.state_dir.join("state.db");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let verdict = match Connection::open_with_flags(&path, flags) {
            Ok(connection) => {
                let _interrupt = Interrupt(connection.get_interrupt_handle());
                tokio::task::spawn_blocking(move || check(&connection, None)).await.unwrap_or(Ok(None))
            }
            Err(error) => Err(error),
        };
        let detail = match verdict {
            Ok(detail) => detail?,
            Err(error) if tells_of_damage(&error) => error.to_string(),
            Err(error) => {
                tracing::warn!(%error, "the database could not be looked at as a whole; the next start tries again");
                return None;
            }
        };
        Some(self.damage.get_or_init(|| detail).clone())
    }

    /// What is known to be wrong with the file.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }
}
