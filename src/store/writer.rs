//! A thread that owns a connection and answers after the commit.
//!
//! The writer takes what has queued up into one transaction (group commit), each change in a
//! savepoint of its own, so that one that fails takes no other with it. The same thread without
//! transactions serves reads, so that a slow disk never blocks the runtime.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use super::{StoreError, lock::Lock, schema};

const LARGEST_GROUP: usize = 256;

/// Tells a waiting caller what became of the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A piece of work, given the connection or the reason why there is none to work with; says whether
/// it is to be committed.
type Work = Box<dyn FnOnce(Result<&Connection, StoreError>) -> (bool, Reply) + Send>;

/// A handle of the thread; the thread ends, and closes its connection, with the last handle.
#[derive(Debug, Clone)]
pub(super) struct Worker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    queue: Option<mpsc::Sender<Work>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

impl Worker {
    /// Starts the thread. With a lock it is the writer; the lock is let go after the connection.
    pub(super) fn start(name: &str, connection: Connection, lock: Option<Lock>) -> io::Result<Self> {
        let (queue, work) = mpsc::channel::<Work>();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            match &lock {
                Some(_) => write_in_groups(&connection, &work),
                None => read_one_by_one(&connection, &work),
            }
            drop(connection);
            drop(lock);
        })?;
        Ok(Self(Arc::new(Inner { queue: Some(queue), thread: Mutex::new(Some(thread)) })))
    }

    /// Runs something on the thread; a writer's result comes after the commit. `done` is called on the thread
    /// before, also where no one waits for the result any more.
    pub(super) async fn run<T, F>(
        &self,
        action: F,
        done: impl FnOnce(&mut T) + Send + 'static,
    ) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (answer, result) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let outcome = connection.and_then(action);
            let keep = outcome.is_ok();
            let reply: Reply = Box::new(move |committed| {
                let mut outcome = committed.and(outcome);
                if let Ok(outcome) = &mut outcome {
                    done(outcome);
                }
                // A caller that went away no longer wants to know; its change is on disk all the same.
                let _gone = answer.send(outcome);
            });
            (keep, reply)
        });
        let queue = self.0.queue.as_ref().ok_or(StoreError::Closed)?;
        queue.send(work).map_err(|_| StoreError::Closed)?;
        result.await.map_err(|_| StoreError::Closed)?
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.queue = None;
        let thread = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the database thread panicked");
        }
    }
}

fn read_one_by_one(connection: &Connection, work: &mpsc::Receiver<Work>) {
    while let Ok(query) = work.recv() {
        let (_, reply) = query(Ok(connection));
        reply(Ok(()));
    }
}

fn write_in_groups(connection: &Connection, work: &mpsc::Receiver<Work>) {
    while let Ok(first) = work.recv() {
        let mut group = std::iter::once(first).chain(work.try_iter()).take(LARGEST_GROUP);
        let mut replies = Vec::new();
        let committed = commit(connection, &mut group, &mut replies).map_err(|error| {
            roll_back(connection);
            if error.sqlite_error_code() == Some(ErrorCode::DiskFull) {
                // What fills a small disk may be the log itself.
                schema::shorten_log(connection);
            }
            StoreError::from(error)
        });
        if let Err(error) = &committed {
            replies.extend(group.map(|change| change(Err(error.clone())).1));
        }
        for reply in replies {
            reply(committed.clone());
        }
    }
}

/// Runs a group in one transaction, each change in a savepoint.
fn commit(
    connection: &Connection,
    group: &mut impl Iterator<Item = Work>,
    replies: &mut Vec<Reply>,
) -> rusqlite::Result<()> {
    connection.execute_batch("BEGIN IMMEDIATE; SAVEPOINT change")?;
    for change in group {
        let (keep, reply) = change(Ok(connection));
        replies.push(reply);
        if !keep {
            connection.execute_batch("ROLLBACK TO change")?;
        }
        connection.execute_batch("RELEASE change; SAVEPOINT change")?;
    }
    connection.execute_batch("RELEASE change; COMMIT")
}

fn roll_back(connection: &Connection) {
    if !connection.is_autocommit()
        && let Err(error) = connection.execute_batch("ROLLBACK")
    {
        tracing::error!(%error, "a failed transaction could not be rolled back");
    }
}
