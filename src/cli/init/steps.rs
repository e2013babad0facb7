//! What is left to do by hand, as commands to paste.

use std::{collections::BTreeSet, path::Path};

use crate::config::{Config, KeySink, SecretSource};

const SERVICE_CONFIG: &str = "/etc/protime-webhookd/config.toml";

pub(super) fn after(config: &Config) -> String {
    let for_service = config.file == Path::new(SERVICE_CONFIG);
    let lines = if for_service { service(config) } else { foreground(config) };
    format!("\nNext{}:\n\n{}\n", if for_service { ", as root" } else { "" }, lines.join("\n"))
}

fn foreground(config: &Config) -> Vec<String> {
    let file = shell(&config.file.to_string_lossy());
    let missing = config.tenants.iter().filter_map(|tenant| tenant.client_secret.resolve().err());
    let mut lines: Vec<String> = missing.map(|error| format!("# {error}")).collect();
    lines.push(format!("protime-webhookd --config {file} run"));
    lines.push(format!("protime-webhookd --config {file} status    # in another terminal"));
    lines
}

fn service(config: &Config) -> Vec<String> {
    let mut steps = Service { lines: Vec::new(), drop_in: Vec::new() };
    for tenant in &config.tenants {
        steps.secret(&tenant.client_secret);
    }
    steps.key_folders(config);
    let Service { mut lines, drop_in } = steps;
    if !drop_in.is_empty() {
        let folder = "/etc/systemd/system/protime-webhookd.service.d";
        lines.push("# Give the service what it needs.".to_owned());
        lines.push(format!("install -d -m 0755 {folder}"));
        lines.push(format!("cat >{folder}/init.conf <<'UNIT'\n[Service]\n{}\nUNIT", drop_in.join("\n")));
        lines.push("systemctl daemon-reload".to_owned());
    }
    // A daemon that runs already gets its credentials at its next start only.
    let start = if config.daemon.status_socket.exists() { "restart" } else { "enable --now" };
    lines.push(format!("systemctl {start} protime-webhookd"));
    lines.push("protime-webhookd status".to_owned());
    lines
}

struct Service {
    lines: Vec<String>,
    drop_in: Vec<String>,
}

impl Service {
    fn secret(&mut self, source: &SecretSource) {
        let paste = "# The client secret: paste it, then Enter and Ctrl-D.";
        match source {
            SecretSource::Credential(name) => {
                let path = format!("/etc/protime-webhookd/{name}");
                if !Path::new(&path).exists() {
                    self.lines.push(paste.to_owned());
                    self.lines.push(format!("install -m 0600 /dev/stdin {}", shell(&path)));
                }
                // systemd reads % as the beginning of a specifier.
                self.drop_in.push(format!("LoadCredential={name}:{path}").replace('%', "%%"));
            }
            SecretSource::File(path) => {
                if source.resolve().is_err() {
                    let path = shell(&path.to_string_lossy());
                    self.lines.push(paste.to_owned());
                    self.lines.push(format!("install -m 0640 -g protime-webhookd /dev/stdin {path}"));
                }
            }
            SecretSource::Env(name) => {
                let file = "/etc/protime-webhookd/environment";
                self.lines.push(format!(
                    "# Type {name}=, paste the client secret behind it, then Enter and Ctrl-D."
                ));
                self.lines.push(format!("install -m 0600 /dev/stdin {file}"));
                self.drop_in.push(format!("EnvironmentFile={file}"));
            }
        }
    }

    fn key_folders(&mut self, config: &Config) {
        let sinks =
            config.tenants.iter().flat_map(|tenant| &tenant.webhooks).flat_map(|webhook| &webhook.key_sinks);
        let folders: BTreeSet<&Path> = sinks
            .filter_map(|sink| {
                let KeySink::File { path, .. } = sink else { return None };
                path.parent()
            })
            .collect();
        for (number, folder) in folders.into_iter().enumerate() {
            let shown = folder.display();
            if folder.exists() {
                self.lines.push(format!("# The user protime-webhookd must be able to write to {shown}."));
            } else {
                let file = format!("/etc/tmpfiles.d/protime-keys-{number}.conf");
                self.lines.push("# The folder of the key, also after a reboot.".to_owned());
                self.lines.push(format!("echo 'd {shown} 0750 protime-webhookd protime-webhookd' >{file}"));
                self.lines.push(format!("systemd-tmpfiles --create {file}"));
            }
            self.drop_in.push(format!("ReadWritePaths={shown}"));
        }
    }
}

fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if word.chars().all(plain) && !word.is_empty() {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
