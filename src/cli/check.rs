//! `check`: whether the daemon could start with this configuration, and what Protime says to it.

mod online;

use std::{io, process::ExitCode};

use super::{
    failure::Failure,
    output,
    remote::access::{Configured, configured},
    style::Style,
};
use crate::{
    config::{Config, KeySink, ResyncKind, Tenant},
    engine::{reload, setup},
    text::counted,
    unix_group,
};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "A secret that is a systemd credential is found only inside the service; the README shows how to check \
                  there.\n\nWith --online nothing is changed at Protime. Exit codes: 0 fine; 1 something is wrong at \
                  Protime; 78 the configuration or a secret is.\n\n\
                  Example: protime-webhookd --config ./config.toml check --online"
)]
pub(super) struct Args {
    /// Also ask every tenant for a token and its webhooks, and compare
    #[arg(long)]
    online: bool,
}

/// Finds every secret and certificate, and says what the file holds and what in it deserves a second look.
pub(super) async fn run(args: Args, config: &Config) -> anyhow::Result<ExitCode> {
    named(config)?;
    output::print(&report(config, Style::of(&io::stdout())))?;
    if args.online { online::run(config).await } else { Ok(ExitCode::SUCCESS) }
}

pub(super) fn report(config: &Config, style: Style) -> String {
    let warnings = config.warnings.iter().cloned().chain(unknown_groups(config));
    // No more than warnings: they are of this moment and this user, who need not be the daemon's.
    let warnings: Vec<String> = warnings.chain(setup::unfit_sinks(config)).collect();
    summary(&config.tenants, &warnings, style)
}

/// A secret that is missing or cannot be sent is a mistake in the configuration, whichever command meets it,
/// and so is a `ca_file` without certificates.
pub(super) fn named(config: &Config) -> Result<(), Failure> {
    let Err(wrong) = reload::surroundings(config) else { return Ok(()) };
    let are = if wrong.len() == 1 { "is" } else { "are" };
    Err(Failure::Configuration(format!(
        "{}\nthe configuration is fine, but {} that it names {are} not usable",
        wrong.join("\n"),
        counted(wrong.len(), "thing")
    )))
}

fn summary(tenants: &[Tenant], warnings: &[String], style: Style) -> String {
    let webhooks: usize = tenants.iter().map(|tenant| tenant.webhooks.len()).sum();
    let warnings = warnings.iter().cloned().chain(of_the_whole(tenants));
    style.summary("configuration is fine", [tenants.len(), webhooks], warnings)
}

/// Groups that are not there. No more than a warning, because another machine may be meant, or the group be
/// made before the daemon starts.
fn unknown_groups(config: &Config) -> Vec<String> {
    let mut named: Vec<_> =
        config.daemon.socket_group.iter().map(|group| ("[daemon] socket_group".to_owned(), group)).collect();
    for Configured { tenant, webhook } in configured(config) {
        for sink in &webhook.key_sinks {
            if let KeySink::File { group: Some(group), .. } = sink {
                named.push((format!("{}/{}, key_sink", tenant.name, webhook.name), group));
            }
        }
    }
    let unknown =
        |(place, group): (String, &String)| Some(format!("{place}: {}", unix_group::gid(group).err()?));
    named.into_iter().filter_map(unknown).collect()
}

fn of_the_whole(tenants: &[Tenant]) -> Vec<String> {
    let mut warnings = Vec::new();
    if tenants.is_empty() {
        warnings.push("there is no [[tenant]], so there is nothing to do".to_owned());
    }
    for tenant in tenants {
        if tenant.webhooks.is_empty() {
            warnings.push(format!("tenant '{}' has no [[tenant.webhook]]", tenant.name));
        }
        for webhook in &tenant.webhooks {
            let name = format!("{}/{}", tenant.name, webhook.name);
            if webhook.resync.kind == ResyncKind::None {
                warnings.push(format!("{name} has no resync: what changes during a gap is lost"));
            }
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::tenant;

    #[test]
    fn it_counts_and_warns() {
        let tenants = [tenant("acme", &["people"]), tenant("globex", &[])];
        assert_eq!(
            summary(&tenants, &["c.toml:3:1: odd".to_owned()], Style::default()),
            "configuration is fine: 2 tenants, 1 webhook\n\
             warning: c.toml:3:1: odd\n\
             warning: acme/people has no resync: what changes during a gap is lost\n\
             warning: tenant 'globex' has no [[tenant.webhook]]\n"
        );
        assert!(summary(&[], &[], Style::default()).contains("nothing to do"));
    }
}
