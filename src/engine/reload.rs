//! Putting another configuration in force while the daemon runs.
//!
//! Laws: all or nothing, a file, a secret or a `ca_file` that is wrong changes nothing and is shown until
//! a good one came; reloads come one after the other; work under way goes on, each of its steps with what
//! is in force when it begins.

use std::path::Path;

use super::{
    Engine,
    scheduler::Sweep,
    setup::{Setup, SetupError},
};
use crate::{
    clock,
    config::{self, Config},
    domain::report::{ConfigError, ConfigProblem},
    http, logging,
};

#[derive(Debug, Clone, Default)]
pub(crate) struct Reloaded {
    pub(crate) tenants: usize,
    pub(crate) webhooks: usize,
    pub(crate) needs_restart: Vec<String>,
    pub(crate) warnings: Vec<String>,
}

impl Engine {
    pub(crate) async fn reload(&self) -> Result<Reloaded, ConfigError> {
        let _one_at_a_time = self.reloading.lock().await;
        let earlier = self.setup();
        match self.replace(&earlier).await {
            Ok(reloaded) => {
                self.config_error.send_replace(None);
                tracing::info!(
                    file = %earlier.file.display(),
                    tenants = reloaded.tenants,
                    webhooks = reloaded.webhooks,
                    "configuration reloaded"
                );
                for setting in &reloaded.needs_restart {
                    tracing::warn!(setting, "this setting has changed and takes effect with a restart");
                }
                Ok(reloaded)
            }
            Err(wrong) => {
                tracing::error!(problem = %wrong.message, "the configuration was not reloaded; the one before stays in force");
                self.config_error.send_replace(Some(wrong.clone()));
                Err(wrong)
            }
        }
    }

    async fn replace(&self, earlier: &Setup) -> Result<Reloaded, ConfigError> {
        let file = earlier.file.clone();
        let config = tokio::task::spawn_blocking(move || config::load(&file))
            .await
            .map_err(|error| plain(&earlier.file, error.to_string()))?
            .map_err(|error| of_file(&error))?;
        surroundings(&config).map_err(|problems| several(&earlier.file, problems))?;
        let mut setup = Setup::build(&config, &self.shared)
            .await
            .map_err(|error: SetupError| plain(&earlier.file, error.to_string()))?;
        setup.continue_from(earlier);
        let reloaded = Reloaded {
            tenants: setup.tenants.len(),
            webhooks: setup.procedures.len(),
            needs_restart: config::needs_restart((&earlier.daemon, &earlier.metrics), &config),
            warnings: config.warnings,
        };
        if let Err(error) = logging::set_level(setup.daemon.log_level) {
            tracing::warn!(%error, "the log level could not be changed");
        }
        self.put_in_force(setup);
        if self.sweep.try_send(Sweep).is_err() {
            tracing::debug!("a sweep is already due");
        }
        self.shared.wake.notify_one();
        // Only now: what a new sink is to get is found in what is in force.
        self.shared.deliveries.look();
        Ok(reloaded)
    }
}

/// Whether everything is there that the file names: its secrets, and certificates in its `ca_file`.
pub(crate) fn surroundings(config: &Config) -> Result<(), Vec<String>> {
    let missing = config.resolve_secrets().err().unwrap_or_default();
    let ca_file = http::check_ca_file(&config.api).err().map(|error| error.to_string());
    let wrong: Vec<String> = missing.iter().map(ToString::to_string).chain(ca_file).collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn of_file(error: &config::ConfigError) -> ConfigError {
    let problems = error
        .problems()
        .map(|problem| ConfigProblem {
            file: problem.file.clone(),
            line: problem.line,
            column: problem.column,
            message: problem.message.clone(),
            help: Some(problem.help.clone()),
        })
        .collect();
    summed_up(problems)
}

fn several(file: &Path, messages: Vec<String>) -> ConfigError {
    let problem = |message| ConfigProblem {
        file: file.display().to_string(),
        line: None,
        column: None,
        message,
        help: None,
    };
    summed_up(messages.into_iter().map(problem).collect())
}

fn plain(file: &Path, message: String) -> ConfigError {
    several(file, vec![message])
}

fn summed_up(problems: Vec<ConfigProblem>) -> ConfigError {
    let first = problems.first().map(ToString::to_string).unwrap_or_default();
    let message = match problems.len() {
        0 | 1 => first,
        2 => format!("{first} (and another problem)"),
        count => format!("{first} (and {} more problems)", count - 1),
    };
    ConfigError { at: clock::now(), message, problems }
}
