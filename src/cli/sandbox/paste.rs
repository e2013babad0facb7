//! The configuration to paste, and the secret file that it names.

use std::{
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use protime_sandbox::new_secret;

use super::flags::Args;
use crate::{durable_file, text::quoted};

/// Reads the secret, or writes a new one; answers with the file's absolute path, too.
pub(crate) fn secret(file: Option<&Path>) -> anyhow::Result<(PathBuf, String)> {
    let file = match file {
        Some(file) => std::path::absolute(file)?,
        None => own_folder()?.join("client-secret"),
    };
    let shown = file.display().to_string();
    match fs::read_to_string(&file) {
        Ok(text) if text.trim().is_empty() => anyhow::bail!("{shown} is empty; it should hold a secret"),
        Ok(text) => Ok((file, text.trim_end_matches(['\r', '\n']).to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let secret = new_secret();
            durable_file::write(&file, secret.as_bytes(), false)
                .with_context(|| format!("cannot write a secret to {shown}"))?;
            Ok((file, secret))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {shown}")),
    }
}

fn own_folder() -> anyhow::Result<PathBuf> {
    let uid = rustix::process::getuid().as_raw();
    let folder = std::env::temp_dir().join(format!("protime-webhookd-sandbox-{uid}"));
    let shown = folder.display().to_string();
    match DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("cannot create {shown}"))
        }
        Ok(()) | Err(_) => {
            // Others may write to the temporary folder: this one must be ours and closed to them, or it is
            // not used.
            let found = fs::symlink_metadata(&folder)?;
            if found.is_dir() && found.uid() == uid && found.mode().trailing_zeros() >= 6 {
                Ok(folder)
            } else {
                let help = "remove it, or name another file with --client-secret-file";
                anyhow::bail!("{shown} is not a folder that only this user can open: {help}")
            }
        }
    }
}

pub(crate) fn snippet(args: &Args, origin: &str, secret_file: &Path) -> String {
    let folder = secret_file.parent().unwrap_or(secret_file);
    let path = |path: &Path| quoted(&path.to_string_lossy());
    let collection = args.collection.first().map_or("clockings", String::as_str);
    format!(
        r#"user_agent = "WebhookRenewal/v1 (Your Company)"

[daemon]
state_dir      = {state}
status_socket  = {status}
control_socket = {control}
status_poll    = "*/10 * * * * *"

[[tenant]]
name          = {name}
api_origin    = {api}
token_url     = {token}
client_id     = {client}
client_secret = {{ file = {secret} }}

[[tenant.webhook]]
name            = {collection}
collection      = {collection}
destination_url = {destination}

[tenant.webhook.resync]
kind = "none"
"#,
        state = path(&folder.join("state")),
        status = path(&folder.join("status.sock")),
        control = path(&folder.join("control.sock")),
        name = quoted(&args.tenant),
        api = quoted(origin),
        token = quoted(&format!("{origin}/tenants/{}/connect/token", args.tenant)),
        client = quoted(&args.client_id),
        secret = path(secret_file),
        collection = quoted(collection),
        destination = quoted(&args.destination_url),
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Root {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn the_snippet_is_toml_that_names_the_secret_file_and_not_the_secret() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a \"b\"");
        let (file, secret) = super::secret(Some(&file)).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(super::secret(Some(&file)).unwrap().1, secret);

        let root = Root::try_parse_from(["sandbox", "--client-id", "a\\b"]).unwrap();
        let text = snippet(&root.args, "http://127.0.0.1:8787", &file);
        assert!(!text.contains(&secret));
        let read: toml::Table = toml::from_str(&text).unwrap();
        let tenant = &read["tenant"][0];
        assert_eq!(tenant["client_id"].as_str(), Some("a\\b"));
        assert_eq!(tenant["client_secret"]["file"].as_str(), file.to_str());
        assert_eq!(tenant["token_url"].as_str(), Some("http://127.0.0.1:8787/tenants/acme/connect/token"));
        assert_eq!(tenant["webhook"][0]["resync"]["kind"].as_str(), Some("none"));
    }

    #[test]
    fn an_empty_secret_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        fs::write(&file, "\n").unwrap();
        assert!(super::secret(Some(&file)).is_err_and(|error| error.to_string().contains("empty")));
    }
}
