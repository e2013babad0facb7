//! A program as the configuration names it, and how it is run for a task: with the task's context in
//! its environment and on its standard input, and with the key there and nowhere else, if it is to have it.

use super::{Invocation, STOP_GRACE, program::find};
use crate::{
    config,
    domain::{
        key::WebhookKey,
        task::{TaskContext, TaskError},
    },
};

#[derive(Debug, Clone)]
pub(crate) struct Program {
    command: config::Command,
    secret_env: Vec<String>,
}

impl Program {
    /// `secret_env` names the environment variables that the program does not get.
    pub(crate) fn new(command: &config::Command, secret_env: &[String]) -> Self {
        Self { command: command.clone(), secret_env: secret_env.to_vec() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.command.program
    }

    /// The program and its arguments, which may hold a secret.
    pub(crate) fn words(&self) -> String {
        let words = [&self.command.program].into_iter().chain(&self.command.args);
        words.map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Whether the program exists and may be executed.
    pub(crate) async fn preflight(&self) -> Result<(), TaskError> {
        let name = self.name().to_owned();
        match tokio::task::spawn_blocking(move || find(&name)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(TaskError::new(error.to_string())),
            Err(error) => Err(TaskError::new(format!("cannot look for '{}': {error}", self.name()))),
        }
    }

    /// A run for this task, with the key and its version where the program is to have them.
    pub(crate) fn invocation<'a>(
        &'a self,
        context: &TaskContext,
        key: Option<(&'a WebhookKey, u64)>,
    ) -> Invocation<'a> {
        Invocation {
            command: &self.command,
            withheld: &self.secret_env,
            environment: context.environment(),
            input: context.message(key),
            secret: key.map(|(key, _)| key.expose()),
            grace: STOP_GRACE,
        }
    }
}
