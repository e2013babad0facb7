//! Named points at which a test lets the daemon die, as by `kill -9`, or panic.
//!
//! "Nothing is lost at any moment" is a claim about every line between two effects. So there is a
//! point before and after every durable record and every outside effect, and a test goes through all of
//! them. A release build has none: there, a point is an empty function.

/// Dies here if a test asks for it by `PROTIME_WEBHOOKD_CRASH_AT`: a point's name, with `@N` for the
/// Nth time that it is reached. `PROTIME_WEBHOOKD_CRASH_LOG` names a file that gets a line for every
/// point that is reached, so that a test finds out which there are. `PROTIME_WEBHOOKD_PANIC_AT` names a
/// point that panics instead, with `@N` the first N times.
#[cfg(debug_assertions)]
pub(crate) fn hit(name: &str) {
    points::reach(name);
}

/// Nothing: only a build for tests can be told to die.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn hit(_name: &str) {}

#[cfg(debug_assertions)]
mod points {
    use std::{
        env,
        fs::OpenOptions,
        io::Write as _,
        sync::{
            OnceLock,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use rustix::process::{Signal, getpid, kill_process};

    struct Wish {
        point: String,
        left: AtomicUsize,
    }

    static DEATH: OnceLock<Option<Wish>> = OnceLock::new();
    static PANIC: OnceLock<Option<Wish>> = OnceLock::new();

    fn wished(name: &str, point: &str, wish: &'static OnceLock<Option<Wish>>) -> Option<usize> {
        let wish = wish.get_or_init(|| {
            let wish = env::var(name).ok()?;
            let (point, times) = wish.split_once('@').unwrap_or((&wish, "1"));
            Some(Wish { point: point.to_owned(), left: AtomicUsize::new(times.parse().ok()?) })
        });
        let wish = wish.as_ref().filter(|wish| wish.point == point)?;
        wish.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).ok()
    }

    pub(super) fn reach(name: &str) {
        if let Some(path) = env::var_os("PROTIME_WEBHOOKD_CRASH_LOG") {
            let written = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .and_then(|mut log| writeln!(log, "{name}"));
            if let Err(error) = written {
                tracing::error!(%error, "the log of failpoints cannot be written");
            }
        }
        assert!(wished("PROTIME_WEBHOOKD_PANIC_AT", name, &PANIC).is_none(), "a test asked for it");
        if wished("PROTIME_WEBHOOKD_CRASH_AT", name, &DEATH) == Some(1) {
            tracing::error!(point = name, "dying here, as a test asked for");
            if let Err(error) = kill_process(getpid(), Signal::KILL) {
                tracing::error!(%error, "cannot die");
            }
        }
    }
}
