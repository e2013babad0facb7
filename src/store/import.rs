//! A key that came from elsewhere becomes current without a POST.
//!
//! Laws: never while a POST may be giving out another key; the key becomes current, and what goes with it
//! is asked for, in one transaction; what is owed stays owed. A renewal that only lacked the key gets it
//! in the place of its POST and its rotation, and goes on from there.

use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Configured, Store, StoreError,
    marks::{advance_stage, clear_trouble},
    outbox::owe_all,
    record::millis,
    rotation::{count_post, replace_key},
    webhooks::{adopt, current_key},
};
use crate::domain::{
    key::WebhookKey,
    reason::Reason,
    record::{Now, Stage, WebhookId},
};

/// A key to be taken over.
#[derive(Debug, Clone)]
pub(crate) struct KeyImport {
    /// The key.
    pub(crate) key: WebhookKey,
    /// The external references that the webhook is taken to have: the configured ones.
    pub(crate) references: String,
}

/// What became of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Imported {
    /// The key is current now.
    New {
        /// Its version.
        version: u64,
    },
    /// It was current already.
    Same {
        /// Its version.
        version: u64,
    },
    /// A POST is in flight: the key is about to be another one.
    PostInFlight,
}

impl Store {
    /// Makes a key current that Protime is said to sign with already.
    pub(crate) async fn import_key(
        &self,
        webhook: WebhookId,
        import: KeyImport,
        now: Now,
    ) -> Result<Imported, StoreError> {
        self.write("import_key", move |connection| take(connection, webhook, &import, now)).await
    }

    /// The same where no daemon runs: the webhook is made known first, and no other is touched.
    pub(crate) async fn import_key_of(
        &self,
        webhook: Configured,
        import: KeyImport,
        now: Now,
    ) -> Result<Imported, StoreError> {
        self.write("import_key_of", move |connection| {
            let id = adopt(connection, &webhook, now.local)?;
            take(connection, id, &import, now)
        })
        .await
    }
}

fn take(
    connection: &Connection,
    webhook: WebhookId,
    import: &KeyImport,
    now: Now,
) -> Result<Imported, StoreError> {
    let open = connection
        .prepare_cached("SELECT id, stage, reason FROM renewal WHERE webhook_id = ? AND finished_at IS NULL")?
        .query_row([webhook.0], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
        })
        .optional()?;
    let stage = open.as_ref().and_then(|(_, stage, _)| Stage::parse(stage));
    if matches!(stage, Some(Stage::Posting | Stage::Rotate)) {
        return Ok(Imported::PostInFlight);
    }
    if let Some(current) = current_key(connection, webhook)?
        && current.key == import.key
    {
        return Ok(Imported::Same { version: current.version });
    }
    let version = replace_key(connection, webhook, &import.key, now.local)?;
    owe_all(connection, webhook, now.local)?;
    count_post(connection, webhook)?;
    // Nobody knows since when the key is in force: from now on is the careful answer, for then no
    // renewal comes before half of the time that is left. What Protime last said of the webhook is older
    // than this; it is asked at once, also for the id and the end.
    connection
        .prepare_cached(
            "UPDATE webhook SET issued_id = NULL, issued_valid_until = NULL, issued_at = :at_protime, \
             issued_local = 0, shown = 0, shown_valid_until = NULL, \
             issued_references = :references, next_renewal_at = NULL, remote_seen_at = NULL, \
             confirm_at = :now, confirm_until = :now, next_action_at = :now, revision = revision + 1 WHERE id = :webhook",
        )?
        .execute(named_params! {
            ":webhook": webhook.0,
            ":at_protime": millis(now.protime),
            ":references": import.references,
            ":now": millis(now.local),
        })?;
    // The one who brings a key vouches for it.
    connection
        .prepare_cached(
            "UPDATE post SET outcome = 'settled' WHERE webhook_id = ? AND outcome IN ('unknown', 'outstanding', 'fruitless')",
        )?
        .execute([webhook.0])?;
    if let (Some((renewal, _, reason)), Some(Stage::Resync | Stage::Post)) = (&open, stage)
        && reason == Reason::UnknownKey.as_str()
    {
        for from in [Stage::Resync, Stage::Post] {
            advance_stage(connection, *renewal, from, Stage::HandOff)?;
        }
        clear_trouble(connection, webhook)?;
    }
    Ok(Imported::New { version })
}
