//! Named points at which a test lets the daemon die, as by `kill -9`.
//!
//! "Nothing is lost at any moment" is a claim about every line between two effects. So there is a
//! point before and after every durable record and every outside effect, and a test walks all of
//! them. A release build has none: there, a point is an empty function.

/// Dies here if a test asks for it by `PROTIME_WEBHOOKD_CRASH_AT`: a point's name, with `@N` for the
/// Nth time that it is reached. `PROTIME_WEBHOOKD_CRASH_LOG` names a file that gets a line for every
/// point that is reached, so that a test learns which there are.
#[cfg(debug_assertions)]
pub(crate) fn point(name: &str) {
    points::reach(name);
}

/// Nothing: only a build for tests can be told to die.
#[cfg(not(debug_assertions))]
#[inline]
pub(crate) fn point(_name: &str) {}

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

    struct Death {
        point: String,
        left: AtomicUsize,
    }

    fn death() -> Option<&'static Death> {
        static DEATH: OnceLock<Option<Death>> = OnceLock::new();
        DEATH
            .get_or_init(|| {
                let wish = env::var("PROTIME_WEBHOOKD_CRASH_AT").ok()?;
                let (point, times) = wish.split_once('@').unwrap_or((&wish, "1"));
                Some(Death { point: point.to_owned(), left: AtomicUsize::new(times.parse().ok()?) })
            })
            .as_ref()
    }

    pub(super) fn reach(name: &str) {
        if let Some(path) = env::var_os("PROTIME_WEBHOOKD_CRASH_LOG") {
            let written = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .and_then(|mut log| writeln!(log, "{name}"));
            if let Err(error) = written {
                tracing::error!(%error, "the log of crash points cannot be written");
            }
        }
        let Some(death) = death().filter(|death| death.point == name) else { return };
        if death.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            tracing::error!(point = name, "dying here, as a test asked for");
            if let Err(error) = kill_process(getpid(), Signal::KILL) {
                tracing::error!(%error, "cannot die");
            }
        }
    }
}
