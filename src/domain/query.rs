//! What is asked of Protime, as it stands in an address: written once, because the configuration counts
//! the characters that `protime` sends.
//!
//! Law: nothing that is asked can turn an address into another one: all but RFC 3986's unreserved
//! characters is percent-encoded.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};

use super::webhook::ExternalReference;

const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const IN_REFERENCES: &AsciiSet = &UNRESERVED.remove(b'@');

/// The API's root below a tenant's origin.
pub(crate) const ROOT: &str = "/connector/protimeapi/api/v1/";

/// Whether a link leads to what has changed since a delta began: such a one leads below `/delta/`, and those
/// of lists and fresh deltas do not.
pub(crate) fn is_delta_link(link: &str) -> bool {
    let path = link.split(['?', '#']).next().unwrap_or_default();
    path.split_once(ROOT).is_some_and(|(_, below)| below.starts_with("delta/"))
}

/// The most characters that an address may have: Protime refuses longer ones with 414.
pub(crate) const LONGEST: usize = 4096;

/// `externalReferences=(people,@badge-number)(…)`, if there are any, written as in Protime's guide.
pub(crate) fn of_references(references: &[ExternalReference]) -> Option<String> {
    let part = |text| utf8_percent_encode(text, IN_REFERENCES);
    let each = references.iter().map(|one| format!("({},{})", part(&one.collection), part(&one.reference)));
    (!references.is_empty()).then(|| format!("externalReferences={}", each.collect::<String>()))
}

pub(crate) fn of_filter(filter: &str) -> String {
    format!("filter={}", encoded(filter))
}

/// For the first page of a collection's list, or of a fresh delta of it.
pub(crate) fn of_collection(
    fresh_delta: bool,
    filter: Option<&str>,
    references: &[ExternalReference],
) -> Option<String> {
    let parts: Vec<String> =
        [fresh_delta.then(|| "delta".to_owned()), filter.map(of_filter), of_references(references)]
            .into_iter()
            .flatten()
            .collect();
    (!parts.is_empty()).then(|| parts.join("&"))
}

/// Percent-encodes all but RFC 3986's unreserved characters.
pub(crate) fn encoded(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}

/// How many characters the address of what stands below the root has, for an origin without the slash at
/// its end.
pub(crate) fn length(origin: &str, below: &str, query: Option<&str>) -> usize {
    origin.len()
        + ROOT.len()
        + encoded(below).map(str::len).sum::<usize>()
        + query.map_or(0, |query| 1 + query.len())
}
