//! What lists and refusals teach: how Protime shows what our last rotation made, and a tenant's ways.
//!
//! Law: what is learnt of a webhook is kept only for the rotation that it was learnt of.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, named_params};

use super::{
    Store, StoreError,
    journal::Attempt,
    marks::{clear_trouble, end_step, look_again, set_stage},
    record::millis,
    rotation::end_post,
};
use crate::domain::{
    reason::StepOutcome,
    record::{Stage, WebhookId},
};

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
    /// Takes over how a list shows what the last rotation made, and what the answer of the POST lacked; with
    /// that, nothing is left to be asked but what became of another POST, if there is one.
    /// Nothing is taken over if something happened to the webhook since `revision` was read.
    pub(crate) async fn learn(&self, id: WebhookId, learnt: Learnt, revision: i64) -> Result<(), StoreError> {
        self.write("learn", move |connection| {
            connection
                .prepare_cached(
                    "UPDATE webhook SET issued_id = coalesce(issued_id, :remote_id), \
                     issued_valid_until = :valid_until, issued_local = :local, shown = 1, \
                     shown_valid_until = :shown, \
                     next_renewal_at = coalesce(next_renewal_at, :next_renewal_at), \
                     confirm_at = CASE WHEN EXISTS (SELECT 1 FROM post WHERE webhook_id = :id \
                     AND outcome IN ('unknown', 'outstanding', 'settled')) THEN confirm_at END \
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

    /// Records that Protime refused a POST because the webhook delivers, and renews it only after its end, as
    /// it does all webhooks of the tenant. What is owed is paid, and the renewal ends with that.
    pub(crate) async fn post_postponed(
        &self,
        attempt: Attempt,
        why: String,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write("post_postponed", move |connection| {
            end_step(connection, attempt, StepOutcome::Skipped, Some(&why), None, now)?;
            end_post(connection, attempt, "refused")?;
            clear_trouble(connection, attempt.webhook)?;
            set_after_end(connection, attempt.webhook, true)?;
            connection
                .prepare_cached(&format!(
                    "UPDATE webhook SET next_renewal_at = issued_valid_until, revision = revision + 1 \
                     WHERE issued_valid_until IS NOT NULL AND next_renewal_at IS NOT NULL AND {OF_THE_TENANT}"
                ))?
                .execute([attempt.webhook.0])?;
            set_stage(connection, attempt.renewal, Stage::CatchUp)?;
            look_again(connection, attempt.webhook, now)
        })
        .await
    }

    /// Records that Protime renewed a webhook before its end: all webhooks of the tenant are planned again.
    pub(crate) async fn renews_early(&self, webhook: WebhookId, now: Timestamp) -> Result<(), StoreError> {
        self.write("renews_early", move |connection| {
            set_after_end(connection, webhook, false)?;
            connection
                .prepare_cached(&format!(
                    "UPDATE webhook SET next_renewal_at = NULL, next_action_at = ?2, revision = revision + 1 \
                     WHERE next_renewal_at = issued_valid_until AND {OF_THE_TENANT}"
                ))?
                .execute([webhook.0, millis(now)])?;
            Ok(())
        })
        .await
    }
}

/// The webhooks of the tenant that the webhook with the first parameter's number has.
const OF_THE_TENANT: &str = "tenant = (SELECT tenant FROM webhook WHERE id = ?1)";

/// Takes note of whether a tenant renews its webhooks only after their end.
fn set_after_end(connection: &Connection, webhook: WebhookId, after_end: bool) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO habit (tenant, after_end) SELECT tenant, ?2 FROM webhook WHERE id = ?1 \
             ON CONFLICT (tenant) DO UPDATE SET after_end = excluded.after_end",
        )?
        .execute((webhook.0, after_end))?;
    Ok(())
}

/// Why a renewal is put off, if its POST was.
pub(super) fn why_postponed(connection: &Connection, renewal: i64) -> Result<Option<String>, StoreError> {
    Ok(connection
        .prepare_cached(
            "SELECT CASE outcome WHEN 'skipped' THEN error END FROM step \
             WHERE renewal_id = ? AND step = 'post' ORDER BY id DESC LIMIT 1",
        )?
        .query_row([renewal], |row| row.get::<_, Option<String>>(0))
        .optional()?
        .flatten())
}
