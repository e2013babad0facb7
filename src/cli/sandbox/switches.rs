//! The switches as flags, with the names and positions of the JSON settings; `docs/sandbox.md` has more.

use std::time::Duration;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use protime_sandbox::settings::{
    ActivityChangeVersion, ClockingDeletion, DeleteStatus, DeltaPer, EmptyList, ListedEnd, ListedId,
    ListedReferences, ListedStatus, ListedUrl, Location, LocationId, MissingScope, NextLinkHost,
    OldAfterRenewal, OlderDeltaLink, PostWhileEnabled, PostedEnd, RenewalStatus, RenewedId, RetryKey,
    Settings, Switch, UnknownScope, YesNo,
};

use crate::duration;

pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a position of a switch; the help lists them all, each with what it means.
fn position<T: Switch + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let known = T::POSITIONS.iter().map(|it| PossibleValue::new(it.as_str()).help(it.help()));
    PossibleValuesParser::new(known).try_map(|text| text.parse::<T>())
}

/// What Protime leaves open.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What Protime leaves open")]
pub(super) struct LeftOpen {
    /// Name of the key's property in the answer to a POST
    #[arg(long, value_name = "NAME", default_value = "webhookKey")]
    key_field: String,
    /// What a POST does while the webhook is Enabled
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<PostWhileEnabled>())]
    post_while_enabled: PostWhileEnabled,
    /// What becomes of the webhook that was there before a renewal
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<OldAfterRenewal>())]
    old_after_renewal: OldAfterRenewal,
    /// The id of a renewed webhook
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<RenewedId>())]
    renewed_id: RenewedId,
    /// The answer where the token lacks a scope
    #[arg(long, value_name = "STATUS", default_value_t, value_parser = position::<MissingScope>())]
    missing_scope: MissingScope,
    /// What the token endpoint makes of a scope that it does not know or that the client lacks
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<UnknownScope>())]
    unknown_scope: UnknownScope,
    /// Whether a POST for a collection needs the collection's own .read scope as well
    #[arg(long, value_name = "ANSWER", default_value_t, value_parser = position::<YesNo>())]
    post_needs_read: YesNo,
    /// How a listed webhook shows its external references
    #[arg(long, value_name = "SHAPE", default_value_t, value_parser = position::<ListedReferences>())]
    listed_references: ListedReferences,
    /// What Location says in the answer to a POST
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<Location>())]
    location: Location,
    /// The status of the answer to a POST that renewed
    #[arg(long, value_name = "STATUS", default_value_t, value_parser = position::<RenewalStatus>())]
    renewal_status: RenewalStatus,
    /// The status of the answer to a DELETE
    #[arg(long, value_name = "STATUS", default_value_t, value_parser = position::<DeleteStatus>())]
    delete_status: DeleteStatus,
    /// Whether deleted webhooks stay listed, with the status Deleted
    #[arg(long, value_name = "ANSWER", default_value_t, value_parser = position::<YesNo>())]
    list_deleted: YesNo,
    /// What a retry is signed with after the key was replaced
    #[arg(long, value_name = "KEY", default_value_t, value_parser = position::<RetryKey>())]
    retry_key: RetryKey,
    /// How a deletion of a clocking is told
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<ClockingDeletion>())]
    clocking_deletion: ClockingDeletion,
    /// Whether objects of activity-durations have a changeVersion
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<ActivityChangeVersion>())]
    activity_change_version: ActivityChangeVersion,
    /// For whom there is one delta of a collection
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<DeltaPer>())]
    delta_per: DeltaPer,
    /// What a deltaLink answers that is not the latest one
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<OlderDeltaLink>())]
    older_delta_link: OlderDeltaLink,
    /// How long the link to the next page of a collection can be asked for; then it is 409
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = duration::parse)]
    paging_token_lifetime: Duration,
    /// Whether validUntil has a fraction of a second
    #[arg(long, value_name = "ANSWER", default_value_t, value_parser = position::<YesNo>())]
    valid_until_fraction: YesNo,
    /// The content type of an event
    #[arg(long, value_name = "TEXT", default_value = "application/json")]
    event_content_type: String,
}

impl LeftOpen {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.key_field.clone_into(&mut settings.key_field);
        settings.post_while_enabled = self.post_while_enabled;
        settings.old_after_renewal = self.old_after_renewal;
        settings.renewed_id = self.renewed_id;
        settings.missing_scope = self.missing_scope;
        settings.unknown_scope = self.unknown_scope;
        settings.post_needs_read = self.post_needs_read;
        settings.listed_references = self.listed_references;
        settings.location = self.location;
        settings.renewal_status = self.renewal_status;
        settings.delete_status = self.delete_status;
        settings.list_deleted = self.list_deleted;
        settings.retry_key = self.retry_key;
        settings.clocking_deletion = self.clocking_deletion;
        settings.activity_change_version = self.activity_change_version;
        settings.delta_per = self.delta_per;
        settings.older_delta_link = self.older_delta_link;
        settings.paging_token_lifetime_ms = ms(self.paging_token_lifetime);
        settings.valid_until_fraction = self.valid_until_fraction;
        self.event_content_type.clone_into(&mut settings.event_content_type);
    }
}

/// What other servers have done.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "What other servers have done")]
pub(super) struct SeenElsewhere {
    /// How a list spells ids
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<ListedId>())]
    listed_id: ListedId,
    /// How Location writes the id
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<LocationId>())]
    location_id: LocationId,
    /// Whether the body of the answer to a POST has the id
    #[arg(long, value_name = "ANSWER", default_value_t = YesNo::Yes, value_parser = position::<YesNo>())]
    post_body_id: YesNo,
    /// How a list rounds validUntil; where it rounds, the answer to a POST tells fractions
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<ListedEnd>())]
    listed_end: ListedEnd,
    /// How the answer to a POST writes validUntil
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<PostedEnd>())]
    posted_end: PostedEnd,
    /// How long lists still show what was before a POST
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration::parse)]
    list_lag: Duration,
    /// How a list shows the destination
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<ListedUrl>())]
    listed_url: ListedUrl,
    /// How a list spells the status
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<ListedStatus>())]
    listed_status: ListedStatus,
    /// Whether the JSON of the API begins with a byte order mark
    #[arg(long, value_name = "ANSWER", default_value_t, value_parser = position::<YesNo>())]
    bom: YesNo,
    /// Whether answers of the API are compressed although no one asked for it
    #[arg(long, value_name = "ANSWER", default_value_t, value_parser = position::<YesNo>())]
    gzip: YesNo,
    /// What nextLink begins with
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<NextLinkHost>())]
    next_link_host: NextLinkHost,
    /// What an empty list is
    #[arg(long, value_name = "POSITION", default_value_t, value_parser = position::<EmptyList>())]
    empty_list: EmptyList,
}

impl SeenElsewhere {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.listed_id = self.listed_id;
        settings.location_id = self.location_id;
        settings.post_body_id = self.post_body_id;
        settings.listed_end = self.listed_end;
        settings.posted_end = self.posted_end;
        settings.list_lag_ms = ms(self.list_lag);
        settings.listed_url = self.listed_url;
        settings.listed_status = self.listed_status;
        settings.bom = self.bom;
        settings.gzip = self.gzip;
        settings.next_link_host = self.next_link_host;
        settings.empty_list = self.empty_list;
    }
}
