//! Writes the log to standard error, for people, for journald or for machines.
//!
//! Laws: `RUST_LOG` wins over every configured level, now and later; a reader that goes away (EPIPE) never ends
//! the daemon; no library prints, whatever `RUST_LOG` asks for, what may hold a secret.

mod journal;

use std::{
    env,
    io::{self, IsTerminal},
    sync::OnceLock,
};

use tracing::{Level, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{LevelFilter, Targets},
    fmt::{self, MakeWriter, format::Format},
    layer::{Layered, SubscriberExt as _},
    registry::{LookupSpan, Registry},
    reload,
};

use crate::config::LogFormat;

/// How a line is written, once it is known where to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Text { colours: bool },
    Journal,
    Json,
}

/// Starts logging for the whole process. `level` is a filter in the syntax of `RUST_LOG`, which wins
/// if it is set and valid; a wrong filter is reported in the log. A second call changes nothing.
pub(crate) fn init(level: &str, format: LogFormat) {
    let (filter, complaints) = filter(env::var("RUST_LOG").ok().as_deref(), level);
    let (filter, handle) = reload::Layer::new(filter);
    let subscriber = subscriber(filter, style(format), io::stderr);
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        // It is unset: only the first call gets here.
        let _unset = LEVEL.set(handle);
        for complaint in complaints {
            tracing::warn!(
                filter = complaint.filter,
                error = complaint.error,
                instead = complaint.instead,
                "a log filter is wrong and is ignored"
            );
        }
    }
}

/// What a filter is put on.
type Capped = Layered<Targets, Registry>;

static LEVEL: OnceLock<reload::Handle<EnvFilter, Capped>> = OnceLock::new();

#[derive(Debug, thiserror::Error)]
pub(crate) enum LevelError {
    #[error("'{level}' is not a level of the log: {error}")]
    Invalid { level: String, error: String },
    #[error("the log cannot take another level: {0}")]
    Fixed(String),
}

/// Puts another level in force for everything that is logged from now on. If `RUST_LOG` is set, it stays
/// in force, and nothing is changed.
pub(crate) fn set_level(level: &str) -> Result<(), LevelError> {
    let rust_log = env::var("RUST_LOG").ok().filter(|text| EnvFilter::builder().parse(text).is_ok());
    if rust_log.is_some_and(|text| !text.trim().is_empty()) {
        return Ok(());
    }
    let handle = LEVEL.get().ok_or_else(|| LevelError::Fixed("it was not started".to_owned()))?;
    put(handle, level)
}

fn put<S>(handle: &reload::Handle<EnvFilter, S>, level: &str) -> Result<(), LevelError> {
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|error| LevelError::Invalid { level: level.to_owned(), error: error.to_string() })?;
    handle.reload(filter).map_err(|error| LevelError::Fixed(error.to_string()))
}

/// A filter that could not be used.
#[derive(Debug, PartialEq, Eq)]
struct Complaint {
    filter: String,
    error: String,
    instead: String,
}

fn filter(rust_log: Option<&str>, level: &str) -> (EnvFilter, Vec<Complaint>) {
    let mut complaints = Vec::new();
    let wanted = rust_log.filter(|text| !text.trim().is_empty());
    for (text, instead) in wanted.map(|text| (text, level)).into_iter().chain([(level, "info")]) {
        match EnvFilter::builder().parse(text) {
            Ok(filter) => return (filter, complaints),
            Err(error) => complaints.push(Complaint {
                filter: text.to_owned(),
                error: error.to_string(),
                instead: instead.to_owned(),
            }),
        }
    }
    (EnvFilter::default().add_directive(LevelFilter::INFO.into()), complaints)
}

/// What libraries may say at most, whatever the filter asks for.
///
/// Of the libraries in use today hyper-util, h2 and tokio-cron-scheduler write to this log, and h2
/// leaves header values and body bytes out of the frames that it prints. Others are one feature or
/// one version away from doing worse: hyper prints the state of its connections when built with its
/// `tracing`, reqwest prints every byte sent and received (`connection_verbose`), rustls prints handshake
/// messages, both through the `log` crate. So none of them gets to say what only a developer of
/// theirs could want to know. tokio-cron-scheduler tells of every job that it is given.
fn caps() -> Targets {
    // A target covers all that begin with it: `hyper` also stands for `hyper_util`.
    ["hyper", "h2", "rustls", "reqwest", "tower", "axum", "log"]
        .into_iter()
        .fold(Targets::new().with_default(Level::TRACE), |caps, target| caps.with_target(target, Level::INFO))
        .with_target("tokio_cron_scheduler", Level::WARN)
}

fn style(format: LogFormat) -> Style {
    let terminal = io::stderr().is_terminal();
    match format {
        LogFormat::Json => Style::Json,
        LogFormat::Auto if !terminal && journal::is_connected() => Style::Journal,
        LogFormat::Auto | LogFormat::Text => Style::Text {
            // See no-color.org.
            colours: terminal && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        },
    }
}

fn subscriber<F, W>(filter: F, style: Style, writer: W) -> impl Subscriber + Send + Sync
where
    F: Layer<Capped> + Send + Sync,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    tracing_subscriber::registry().with(caps()).with(filter).with(lines(style, writer))
}

fn lines<S, W>(style: Style, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // An error of the writer would otherwise be printed to standard error, which panics if that is
    // what is broken.
    let lines = fmt::layer().with_writer(writer).log_internal_errors(false);
    match style {
        Style::Text { colours } => lines.with_ansi(colours).boxed(),
        Style::Json => lines.json().flatten_event(true).boxed(),
        Style::Journal => {
            let format = Format::default().without_time().with_level(false).with_ansi(false);
            lines.with_ansi(false).event_format(journal::Prefixed(format)).boxed()
        }
    }
}

#[cfg(test)]
mod tests;
