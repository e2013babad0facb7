//! The durable state: one SQLite database in the state directory.
//!
//! The store holds no rule of the business: it loads states and commits what `domain::transition` has made of
//! them, under the revision that they came of. Laws: one daemon per state directory (an exclusive lock, taken
//! before anything else is touched); an answer to a write comes after the fsync; a file that is damaged or newer
//! than this program is named and left alone.
//!
//! In reading order: [`lock`], [`check`], [`schema`] and [`writer`] open the database and own it; [`state`] lays a webhook out
//! in rows; [`load`] and [`commit`] are the two directions; [`configuration`], [`keys`], [`answers`] and
//! [`cursors`] are what is stored beside a state; [`changes`] is what others are told from, and [`published`] what
//! they are given without a read; [`history`] is what the journal keeps and forgets; [`emergency`] is for the day on which the
//! database refuses a key.

mod answers;
mod changes;
mod check;
mod commit;
mod configuration;
mod cursors;
mod emergency;
mod history;
mod keys;
mod load;
mod lock;
mod published;
mod schema;
mod state;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicI64},
    time::Duration,
};

pub(crate) use answers::Answer;
pub(crate) use changes::{Changed, Written};
use changes::{Changes, Effect};
pub(crate) use commit::{Commit, Look, OfTenant};
pub(crate) use configuration::Configured;
pub(crate) use cursors::Move;
pub(crate) use history::History;
pub(crate) use keys::{Keys, StoredKey};
pub(crate) use published::Known;
use published::Published;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use writer::Worker;

use crate::failpoint;

/// In KiB, as SQLite has it: negative.
const READERS_CACHE: i64 = -256;

/// What a person can do about a directory that cannot be used.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; run this as the daemon's user, or give that user the state directory (chown)"
        }
        io::ErrorKind::ReadOnlyFilesystem => "; its file system is mounted read only",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on the disk",
        _ => "",
    }
}

/// Why the database could not be opened. The message names the file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    #[error(
        "{path} is in use by {holder}; only one daemon may use a state directory: ask that one with \
         `protime-webhookd status`, or stop it first"
    )]
    Locked {
        path: PathBuf,
        /// Who has it, such as `process 4711`.
        holder: String,
    },
    #[error("cannot use {path}: {source}{}", advice(source))]
    Io { path: PathBuf, source: io::Error },
    #[error(
        "{path} has schema version {found}, but this program knows versions up to {known}; \
         it was left untouched: run the newer program again, or restore the backup made before the upgrade"
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error(
        "{path} is damaged ({detail}); it was left untouched: restore a backup, or move the file away to start with a new one"
    )]
    Damaged { path: PathBuf, detail: String },
    #[error("cannot open {path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// Why a read or a write failed. Nothing of a failed write is kept.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    /// SQLite refused: the disk is full, read-only, broken, or the database is locked.
    #[error("the database refused: {0}")]
    Refused(String),
    /// Something is in it that this program cannot have written.
    #[error("the database holds something unexpected: {0}")]
    Unexpected(String),
    #[error("the database is closed")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Refused(error.to_string())
    }
}

/// The open database; the last clone that is dropped closes it and lets the lock go.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    writer: Worker,
    reader: Worker,
    /// Reads keys: a caller that judges an event never waits for one that reads everything.
    key_reader: Worker,
    changes: Changes,
    published: Published,
    /// The newest number of a renewal.
    renewals: Arc<AtomicI64>,
    state_dir: PathBuf,
    /// Whether the whole file was looked at when it was opened.
    checked_whole: bool,
    /// What was found to be wrong with it since.
    damage: Arc<OnceLock<String>>,
}

impl Store {
    /// Takes the lock of a state directory (made with mode 0700 if it is absent), then opens its
    /// database (mode 0600) and brings its schema up to date.
    pub(crate) fn open(state_dir: &Path) -> Result<Self, OpenError> {
        make_private_dir(state_dir).map_err(|source| OpenError::Io { path: state_dir.to_owned(), source })?;
        let lock = lock::acquire(state_dir)?;
        let path = state_dir.join("state.db");
        fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path)
            .and_then(|file| file.set_permissions(fs::Permissions::from_mode(0o600)))
            .map_err(|source| OpenError::Io { path: path.clone(), source })?;
        let checked_whole = check::examine(&path)?;
        let connection = connect(&path).map_err(|source| OpenError::Sqlite { path: path.clone(), source })?;
        schema::migrate(&connection, &path)?;
        emergency::take_over(&connection, state_dir)?;
        schema::shorten_log(&connection);
        let newest = connection
            .query_row("SELECT coalesce(max(renewal), 0) FROM webhook", [], |row| row.get(0))
            .map_err(|source| OpenError::Sqlite { path: path.clone(), source })?;
        let reading = || {
            let connection = connect(&path)?;
            // What is asked for often is in memory elsewhere; the pages of the rest are the system's to keep.
            connection.pragma_update(None, "cache_size", READERS_CACHE)?;
            Ok(connection)
        };
        let reading = || reading().map_err(|source| OpenError::Sqlite { path: path.clone(), source });
        let (reading, reading_keys) = (reading()?, reading()?);
        Worker::start("store-writer", connection, Some(lock))
            .and_then(|writer| {
                let reader = Worker::start("store-reader", reading, None)?;
                let key_reader = Worker::start("store-keys", reading_keys, None)?;
                Ok(Self {
                    writer,
                    reader,
                    key_reader,
                    changes: Changes::new(),
                    published: Published::new(),
                    renewals: Arc::new(AtomicI64::new(newest)),
                    state_dir: state_dir.to_owned(),
                    checked_whole,
                    damage: Arc::default(),
                })
            })
            .map_err(|source| OpenError::Io { path, source })
    }

    /// Runs a change in a transaction that is on disk when this returns; `name` is its failpoint's. It says what it
    /// has changed; `None`: it has turned out to be no change, and nothing was committed.
    async fn write<T, F>(&self, name: &'static str, change: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<(T, Option<Effect>), StoreError> + Send + 'static,
    {
        failpoint::hit(&format!("store:{name}:before"));
        let (published, changes) = (self.published.clone(), self.changes.clone());
        let done = move |(_, effect): &mut (T, Option<Effect>)| {
            if let Some(effect) = effect {
                published.publish(effect, &changes);
            }
        };
        let (outcome, effect) = self.writer.run(change, done).await?;
        if effect.is_some() {
            failpoint::hit(&format!("store:{name}:after"));
        }
        Ok(outcome)
    }

    /// Runs a query on what is committed.
    async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.reader.run(query, |_| {}).await
    }
}

fn make_private_dir(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().ok_or(error)?;
            fs::create_dir_all(parent)?;
            fs::DirBuilder::new().mode(0o700).create(path)
        }
        Err(error) => Err(error),
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    // Before the journal mode: the other way round, switching it can find the database locked.
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Without it a cached statement is compiled again for every value, in case another plan is better for it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // A key that was replaced must not linger in free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}
