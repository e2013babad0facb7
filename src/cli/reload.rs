//! `reload`: the daemon reads its configuration again, and the one who asked learns what came of it.

use std::{io, path::Path};

use serde::Deserialize;

use super::{client::Client, failure::Failure, output, sockets::Sockets, style::Style};
use crate::config::{self, Config};

#[derive(Debug, Deserialize)]
struct Answer {
    tenants: usize,
    webhooks: usize,
    needs_restart: Vec<String>,
    warnings: Vec<String>,
}

/// Asks the daemon to reload. A file that cannot be read here is explained here, where it can be shown
/// with its lines; the daemon is told all the same, so that its status says so, too.
pub(super) async fn run(file: &Path, config: Result<Config, Failure>) -> anyhow::Result<()> {
    let config = match config {
        Ok(config) => config,
        Err(wrong) => {
            let control = config::likely_sockets(file).map_or_else(|| Sockets::usual().control, |(_, it)| it);
            if let Ok(client) = Client::control(&control) {
                // The file is wrong whatever it answers, and it may not run, or run elsewhere.
                let _told: anyhow::Result<Answer> = client.post("/v1/reload").await;
            }
            return Err(wrong.into());
        }
    };
    // A signal would do the same, but cannot answer: with this as `ExecReload=`, `systemctl reload` fails
    // visibly.
    let answer: Answer = Client::control(&config.daemon.control_socket)?.post("/v1/reload").await?;
    output::print(&report(&config.file, &answer, Style::of(&io::stdout())))
}

fn report(file: &Path, answer: &Answer, style: Style) -> String {
    let restart = answer.needs_restart.iter().map(|setting| format!("{setting} takes effect with a restart"));
    let warnings = answer.warnings.iter().cloned().chain(restart);
    style.summary(&format!("reloaded {}", file.display()), [answer.tenants, answer.webhooks], warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_says_what_is_in_force_and_what_is_not_yet() {
        let answer = Answer {
            tenants: 1,
            webhooks: 2,
            needs_restart: vec!["daemon.state_dir".to_owned()],
            warnings: vec!["c.toml:3:1: odd".to_owned()],
        };
        assert_eq!(
            report(Path::new("c.toml"), &answer, Style::default()),
            "reloaded c.toml: 1 tenant, 2 webhooks\nwarning: c.toml:3:1: odd\n\
             warning: daemon.state_dir takes effect with a restart\n"
        );
    }
}
