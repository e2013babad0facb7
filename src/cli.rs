//! The command line: what a person or a script types, and what comes back.
//!
//! Most commands are clients of the daemon's sockets; they read the configuration only to find them
//! (`sockets`, `client`). `remote` and `check --online` ask Protime itself; `sandbox` and `demo` play it.
//!
//! Laws: everything printed goes through `output`, so that a closed pipe ends a command quietly, and every
//! failure through `failure`, which knows the exit code that the contract promises for it; text that came
//! from elsewhere is made plain before a terminal gets it.
//!
//! Floors, from the top: this file; the commands, a file each, with the live screen `watch` below `status`;
//! what they share of the daemon (`view`, `lifetime`, `target`, `sockets`, `client`); how text is made (`text`,
//! `moment`, `output`, `failure`, `style`). Imports make no circle, in the folders of the commands as well.

mod check;
mod client;
mod demo;
mod failure;
mod generated;
mod history;
mod init;
mod key;
mod lifetime;
mod moment;
mod output;
mod reload;
mod remote;
mod renew;
mod sandbox;
mod sockets;
mod status;
mod style;
mod target;
#[cfg(test)]
mod tests;
mod verify;
mod view;
mod watch;

use std::{
    future::Future,
    io,
    path::{Path, PathBuf},
    process::{ExitCode, Termination},
};

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::{
    app,
    config::{self, Config},
    logging,
    signals::Early,
};

#[derive(Debug, Parser)]
#[command(
    name = "protime-webhookd",
    version,
    about = "Keeps Protime webhooks alive: renews them in time, rotates their keys and loses no event",
    arg_required_else_help = true,
    after_help = "Exit codes: 0 fine; 1 failed (status: something is not healthy); 2 wrong usage; 3 the daemon \
                  does not answer; 78 the configuration is wrong.\n\n\
                  Example: protime-webhookd --config ./config.toml check"
)]
struct Cli {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "PROTIME_WEBHOOKD_CONFIG",
        default_value = "/etc/protime-webhookd/config.toml"
    )]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground
    #[command(
        after_help = "TERM and INT stop it, HUP reloads the configuration, USR1 polls every tenant now.\n\n\
                            Example: protime-webhookd --config ./config.toml run"
    )]
    Run,
    /// Validate the configuration and look for its secrets
    Check(check::Args),
    /// Show how every webhook, or one of them, is doing
    Status(status::Args),
    /// Show past renewals of a webhook, newest first
    History(history::Args),
    /// Renew a webhook now
    Renew(renew::Args),
    /// Let the daemon read its configuration again
    #[command(after_help = "A file that is wrong is explained and changes nothing: exit code 78.\n\n\
                            Example: protime-webhookd reload")]
    Reload,
    /// Show keys
    Key(key::Args),
    /// Check the signature of an event
    Verify(verify::Args),
    /// Write a first configuration, by asking or from flags
    Init(Box<init::Args>),
    /// Print the completions for a shell
    Completions(generated::CompletionsArgs),
    /// Print the manual, or write all of its pages
    Man(generated::ManArgs),
    /// Ask the Protime API itself
    Remote(remote::Args),
    /// Simulate a Protime tenant on loopback, to rehearse against
    Sandbox(Box<sandbox::Args>),
    /// Show one whole life of a webhook, with nothing needed but this program
    Demo(demo::Args),
}

pub(crate) fn main() -> ExitCode {
    // Before anything else: until then they kill.
    let early =
        if std::env::args_os().any(|word| word == "run") { Early::catch().map(Some) } else { Ok(None) };
    let done = match Cli::try_parse() {
        Ok(cli) => early.map_err(anyhow::Error::from).and_then(|early| cli.run(early)),
        Err(error) => {
            // There is no one left to tell if this fails.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    done.unwrap_or_else(|error| failure::report(&error))
}

impl Cli {
    fn run(self, early: Option<Early>) -> anyhow::Result<ExitCode> {
        let config = || load(&self.config);
        let early = match (&self.command, early) {
            (Command::Run, early) => early,
            (_, early) => {
                early.map_or(Ok(()), Early::release)?;
                None
            }
        };
        let sockets = || sockets::Sockets::find(&self.config, || Ok(load(&self.config)?));
        match self.command {
            Command::Run => done(daemon(config()?, early)),
            Command::Check(args) => client(check::run(args, &config()?)),
            Command::Status(args) => {
                let sockets = sockets()?;
                client(status::run(args, &sockets)).map(|code| sockets.judged(code))
            }
            Command::History(args) => {
                let sockets = sockets()?;
                client(history::run(args, &sockets)).map(|code| sockets.judged(code))
            }
            Command::Renew(args) => client(renew::run(args, &config()?)),
            Command::Reload => client(reload::run(&self.config, config())),
            Command::Key(args) => client(key::run(args, &config()?)),
            Command::Verify(args) => client(verify::run(args, &config()?)),
            Command::Init(args) => done(init::run(&args, &self.config)),
            Command::Completions(args) => done(generated::completions(&args, Self::command())),
            Command::Man(args) => done(generated::man(&args, Self::command())),
            Command::Remote(args) => client(remote::run(args, &config()?)),
            Command::Sandbox(args) => done(runtime()?.block_on(sandbox::run(*args))),
            Command::Demo(args) => runtime()?.block_on(demo::run(args)),
        }
    }
}

fn load(file: &Path) -> Result<Config, failure::Failure> {
    config::load(file).map_err(|error| {
        failure::Failure::Configuration(error.render(style::Style::of(&io::stderr()).colour))
    })
}

fn daemon(config: Config, early: Option<Early>) -> anyhow::Result<()> {
    let early = early.map_or_else(Early::catch, Ok)?;
    check::named(&config)?;
    logging::init(config.daemon.log_level, config.daemon.log_format);
    let runtime = runtime()?;
    let done = runtime.block_on(app::run(config, early));
    // What still blocks (a DNS query, say) must not hold up the end.
    runtime.shutdown_background();
    Ok(done?)
}

/// The exit code of a command that ended well: its own, or 0.
fn done(outcome: anyhow::Result<impl Termination>) -> anyhow::Result<ExitCode> {
    outcome.map(Termination::report)
}

/// A runtime of two workers: one stalled task stops no one, and an idle one costs little.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_name("worker")
        .enable_all()
        .build()
}

/// Runs a command that only asks the daemon or Protime: one thread is enough.
fn client<T: Termination>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<ExitCode> {
    done(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command))
}
