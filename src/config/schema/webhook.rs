//! `[[tenant.webhook]]`.

use super::{key_sink, resync};
use crate::{
    config::{
        address,
        key::{Form, Key, Part, table},
        names,
        value::TEXT,
    },
    domain::{
        collection,
        removed::OnRemove,
        webhook::{ExternalReference, WebhookName},
    },
};

table! { WEBHOOK = "[[tenant.webhook]]";
    /// What is watched, as it stands in the API's paths.
    COLLECTION: Key<String> = "collection",
        Form::Odd(&Form::Text(TEXT, names::collection), |name| collection::unknown(name)),
        is_required: true, help: "write `collection = \"clockings\"`, say";
    /// Unique in its tenant. The default is the collection.
    NAME: Key<WebhookName> = "name", Form::Text(TEXT, names::webhook);
    /// Where Protime sends the events.
    DESTINATION_URL: Key<String> = "destination_url", Form::Text(TEXT, address::destination),
        is_required: true, help: "write `destination_url = \"https://…\"`, where Protime is to send the events";
    /// "collection,reference", sent in this order; predefined references begin with @. (No default: none.)
    EXTERNAL_REFERENCES: Key<Vec<ExternalReference>> = "external_references", Form::Other(
        names::REFERENCES, |value, wanted| value.distinct(wanted, names::external_reference),
    );
    /// What happens at Protime when this webhook leaves the file: keep it there until it expires, or delete
    /// it.
    ON_REMOVE: Key<OnRemove> = "on_remove", Form::Word(&[
        ("keep", OnRemove::Keep), ("delete", OnRemove::Delete),
    ]), default: Some("keep");
    /// Required: Protime never replays the events of a gap, so the receiver must be brought up to date.
    RESYNC_TABLE: Part = "resync", &resync::RESYNC;
    /// Who gets a new key: none, one or several.
    KEY_SINKS: Part = "key_sink", &key_sink::KEY_SINK;
}
