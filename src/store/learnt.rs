//! What lists and refusals teach: how Protime shows what our last rotation made, and a tenant's ways.
//!
//! Law: what is learnt of a webhook is kept only for the rotation that it was learnt of.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::{Store, StoreError, record::millis};
use crate::domain::record::WebhookId;

/// What the first list after a rotation shows of it.
#[derive(Debug, Clone)]
pub(crate) struct Learnt {
    /// Protime's id.
    pub(crate) id: String,
    /// The end as it is listed.
    pub(crate) shown: Option<Timestamp>,
    /// The end as it is known now.
    pub(crate) valid_until: Option<Timestamp>,
    /// Whether that has no offset.
    pub(crate) local_end: bool,
    /// When to renew, unless that was known already.
    pub(crate) next_renewal_at: Option<Timestamp>,
}

impl Store {
    /// Takes over how a list shows what the last rotation made, and what the answer of the POST lacked.
    /// Nothing is taken over if something happened to the webhook since `revision` was read.
    pub(crate) async fn learn(&self, id: WebhookId, learnt: Learnt, revision: i64) -> Result<(), StoreError> {
        self.write("learn", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE webhook SET issued_id = coalesce(issued_id, :remote_id), \
                     issued_valid_until = :valid_until, issued_local = :local, shown = 1, \
                     shown_valid_until = :shown, \
                     next_renewal_at = coalesce(next_renewal_at, :next_renewal_at) \
                     WHERE id = :id AND revision = :revision",
                )?
                .execute(named_params! {
                    ":id": id.0,
                    ":revision": revision,
                    ":remote_id": learnt.id,
                    ":valid_until": learnt.valid_until.map(millis),
                    ":local": learnt.local_end,
                    ":shown": learnt.shown.map(millis),
                    ":next_renewal_at": learnt.next_renewal_at.map(millis),
                })?;
            Ok(())
        })
        .await
    }
}

/// Takes note of whether a tenant renews its webhooks only after their end.
pub(super) fn set_after_end(
    connection: &Connection,
    webhook: WebhookId,
    after_end: bool,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO habit (tenant, after_end) SELECT tenant, ?2 FROM webhook WHERE id = ?1 \
             ON CONFLICT (tenant) DO UPDATE SET after_end = excluded.after_end",
        )?
        .execute((webhook.0, after_end))?;
    Ok(())
}
