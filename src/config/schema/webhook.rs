//! `[[tenant.webhook]]`.

use super::{key_sink, resync};
use crate::{
    config::{
        address,
        key::{Form, Key, Part, Table, key, part, table, text},
        names,
    },
    domain::{
        removed::OnRemove,
        webhook::{ExternalReference, WebhookName},
    },
};

table! { WEBHOOK = "[[tenant.webhook]]";
    /// What is watched, as it stands in the API's paths.
    COLLECTION: Key<String> = text("collection", names::collection).required("write `collection = \"clockings\"`, say")
        .odd(|name| names::unknown_collection(name));
    /// Unique in its tenant. The default is the collection.
    NAME: Key<WebhookName> = text("name", names::webhook);
    /// Where Protime sends the events.
    DESTINATION_URL: Key<String> = text("destination_url", address::destination)
        .required("write `destination_url = \"https://…\"`, where Protime is to send the events");
    /// "collection,reference", sent in this order; predefined references begin with @. (No default: none.)
    EXTERNAL_REFERENCES: Key<Vec<ExternalReference>> = key("external_references", Form::Other(
        REFERENCES, |value, wanted| value.distinct(wanted, names::external_reference),
    ));
    /// What happens at Protime when this webhook leaves the file: keep it there until it expires, or delete it.
    ON_REMOVE: Key<OnRemove> = key("on_remove", Form::Word(&[("keep", OnRemove::Keep), ("delete", OnRemove::Delete)]))
        .default("keep");
    /// How the receiver is brought up to date after a gap.
    RESYNC_TABLE: Part = part("resync", &resync::RESYNC);
    /// Who gets a new key: none, one or several.
    KEY_SINKS: Part = part("key_sink", &key_sink::KEY_SINK);
}

/// How external references are written.
pub(in crate::config) const REFERENCES: &str = "an array of texts such as [\"people,@badge-number\"]";
