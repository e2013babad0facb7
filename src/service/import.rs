//! Takes over a key where no daemon runs: straight into the database, under the lock of its directory.
//!
//! Law: the files of the database belong to the user who runs the daemon. A key that root imports would leave
//! files that the daemon cannot open, so a user who is not the owner of the directory is told who is.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::PathBuf};

use super::answers::Imported;
use crate::{
    clock,
    config::Config,
    domain::{
        key::WebhookKey,
        state::Now,
        webhook::{ExternalReference, WebhookPath},
    },
    renewal::procedure::import,
    store::{Configured, OpenError, Store, StoreError},
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ImportError {
    #[error("no webhook is configured as '{0}'")]
    Unknown(WebhookPath),
    #[error(
        "{path} belongs to the user {owner}, who runs the daemon: import the key as that user, such as with \
         'sudo -u {owner} protime-webhookd key import', or start the daemon first"
    )]
    NotOwner { path: PathBuf, owner: String },
    #[error("cannot use {path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// The database cannot be opened; a daemon may be starting just now.
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ImportError {
    /// Whether a daemon runs after all.
    pub(crate) fn is_locked(&self) -> bool {
        matches!(self, Self::Open(OpenError::Locked { .. }))
    }
}

/// Makes a key current for the next start of the daemon.
pub(crate) async fn import_key(
    config: &Config,
    path: &WebhookPath,
    key: WebhookKey,
) -> Result<Imported, ImportError> {
    let webhook = config
        .tenants
        .iter()
        .filter(|tenant| tenant.name == path.tenant)
        .flat_map(|tenant| &tenant.webhooks)
        .find(|webhook| webhook.name == path.name)
        .ok_or_else(|| ImportError::Unknown(path.clone()))?;
    check_owner(&config.daemon.state_dir)?;
    let store = Store::open(&config.daemon.state_dir)?;
    let now = clock::now();
    // Protime's clock is not known here; the daemon asks Protime before it draws any conclusion.
    let now = Now { local: now, protime: now };
    let configured = Configured {
        path: path.clone(),
        pair: webhook.pair.clone(),
        on_remove: webhook.on_remove,
        sinks: Vec::new(),
        fingerprint: None,
    };
    let id = store.add_configured(configured, now.local).await?;
    let references = ExternalReference::all(&webhook.external_references);
    Ok(import::import(&store, id, key, references, || now).await?)
}

fn check_owner(state_dir: &std::path::Path) -> Result<(), ImportError> {
    let owner = match fs::metadata(state_dir) {
        Ok(folder) => folder.uid(),
        // It is made for the user who imports; a service manager gives it to its own user later.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(ImportError::Io { path: state_dir.to_owned(), source }),
    };
    if owner == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    let name = uzers::get_user_by_uid(owner).and_then(|user| user.name().to_str().map(str::to_owned));
    Err(ImportError::NotOwner {
        path: state_dir.to_owned(),
        owner: name.unwrap_or_else(|| owner.to_string()),
    })
}
