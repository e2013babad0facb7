//! One list of a tenant's webhooks, and which of its entries is which of ours.
//!
//! Laws: the pair is the identity, in whatever spelling; of several entries of one pair ours is the one
//! with our id, for Protime may leave an old one beside the new, or make a second; and an entry with our id
//! is ours even if its URL is not, for a list may hide a part of it. An entry of someone else's is never
//! taken for ours because no one else is there.

use std::collections::{HashMap, HashSet};

use crate::{
    domain::{
        grain::Grain,
        webhook::{Pair, RemoteStatus, RemoteWebhook, same_id},
    },
    protime::normalized,
};

/// Ends from here on say "never", and nothing of how finely times are written.
const NEVER: i64 = 253_000_000_000;

#[derive(Debug)]
pub(super) struct Listing {
    webhooks: Vec<RemoteWebhook>,
    by_pair: HashMap<(String, String), Vec<usize>>,
}

impl Listing {
    pub(super) fn new(webhooks: Vec<RemoteWebhook>) -> Self {
        let mut by_pair: HashMap<_, Vec<usize>> = HashMap::new();
        for (at, webhook) in webhooks.iter().enumerate() {
            by_pair.entry(normalized(&webhook.pair)).or_default().push(at);
        }
        Self { webhooks, by_pair }
    }

    /// The entry of a pair, whose webhook has this id as far as we know. `others` are the pairs of our
    /// other webhooks, in the form of [`normalized`]: what is theirs is not taken for its id.
    pub(super) fn find(
        &self,
        pair: &Pair,
        id: Option<&str>,
        others: &HashSet<(String, String)>,
    ) -> Option<&RemoteWebhook> {
        let is_ours = |webhook: &&RemoteWebhook| id.is_some_and(|id| same_id(id, &webhook.id));
        let of_pair: Vec<&RemoteWebhook> = self
            .by_pair
            .get(&normalized(pair))
            .into_iter()
            .flatten()
            .filter_map(|at| self.webhooks.get(*at))
            .collect();
        let ours = of_pair.iter().copied().find(is_ours);
        // Two of our own webhooks may differ in nothing but their spelling.
        let to_the_letter = of_pair.iter().any(|webhook| webhook.pair == *pair);
        let of_pair: Vec<&RemoteWebhook> = of_pair
            .into_iter()
            .filter(|webhook| !to_the_letter || webhook.pair.destination_url == pair.destination_url)
            .collect();
        // Should ours have ended, another one that delivers is what someone's POST has made of it.
        let best = of_pair.iter().copied().max_by_key(|webhook| (webhook.delivers(), webhook.valid_until));
        match (ours, best) {
            (Some(ours), Some(best)) if best.delivers() && !ours.delivers() => Some(best),
            (Some(ours), _) => Some(ours),
            (None, Some(best)) => Some(best),
            (None, None) => self.webhooks.iter().find(|webhook| {
                let same_collection = webhook.pair.collection.eq_ignore_ascii_case(&pair.collection);
                is_ours(webhook) && same_collection && !others.contains(&normalized(&webhook.pair))
            }),
        }
    }

    pub(super) fn webhooks(&self) -> &[RemoteWebhook] {
        &self.webhooks
    }

    /// How finely the list writes times, by the finest of them.
    pub(super) fn grain(&self) -> Grain {
        let ends = self.webhooks.iter().filter_map(|webhook| webhook.valid_until);
        ends.filter(|end| end.as_second() < NEVER).map(Grain::of).max().unwrap_or(Grain::Minute)
    }
}

impl RemoteWebhook {
    fn delivers(&self) -> bool {
        self.status == RemoteStatus::Enabled
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const URL: &str = "https://r.example/c?token=1";

    fn pair(url: &str) -> Pair {
        Pair { destination_url: url.to_owned(), collection: "clockings".to_owned() }
    }

    fn entry(id: &str, url: &str, status: &str, end: i64) -> RemoteWebhook {
        RemoteWebhook {
            id: id.to_owned(),
            pair: pair(url),
            status: status.to_owned().into(),
            valid_until: Timestamp::from_millisecond(end).ok(),
            local_end: false,
            references: None,
        }
    }

    /// Which of these entries is found for our pair, by its id and end.
    fn found(id: Option<&str>, others: &[&str], entries: Vec<RemoteWebhook>) -> Option<(String, i64)> {
        let others = others.iter().map(|url| normalized(&pair(url))).collect();
        let listing = Listing::new(entries);
        let found = listing.find(&pair(URL), id, &others)?;
        Some((found.id.clone(), found.valid_until?.as_millisecond()))
    }

    #[test]
    fn of_several_entries_ours_is_found() {
        let rows = [
            ("no one's", Some("one"), vec![], None),
            ("another URL", Some("one"), vec![entry("two", "https://r.example/d", "Enabled", 9)], None),
            (
                "another collection with our id",
                Some("one"),
                vec![RemoteWebhook {
                    pair: Pair { collection: "people".to_owned(), ..pair("https://r.example/d") },
                    ..entry("one", URL, "Enabled", 9)
                }],
                None,
            ),
            ("by its pair", None, vec![entry("two", URL, "Enabled", 9)], Some("two")),
            (
                "by its pair in another spelling",
                None,
                vec![entry("two", "HTTPS://r.example:443/%63?token=1", "Enabled", 9)],
                Some("two"),
            ),
            (
                "by its id, where the query is masked",
                Some("a7d8"),
                vec![
                    entry("9", "https://r.example/c", "Enabled", 9),
                    entry("{A7D8}", "https://r.example/c?***", "Enabled", 8),
                ],
                Some("{A7D8}"),
            ),
            (
                "the old one beside it",
                Some("new"),
                vec![entry("old", URL, "Disabled", 9), entry("new", URL, "Enabled", 8)],
                Some("new"),
            ),
            (
                "a second one that ends later",
                Some("ours"),
                vec![entry("ours", URL, "Enabled", 8), entry("second", URL, "Enabled", 9)],
                Some("ours"),
            ),
            (
                "someone else's in place of ours that ended",
                Some("ours"),
                vec![entry("ours", URL, "Disabled", 8), entry("second", URL, "Enabled", 9)],
                Some("second"),
            ),
            (
                "of two that ended ours",
                Some("ours"),
                vec![entry("ours", URL, "Disabled", 8), entry("second", URL, "Disabled", 9)],
                Some("ours"),
            ),
            (
                "without an id the one that delivers",
                None,
                vec![entry("one", URL, "Disabled", 9), entry("two", URL, "Enabled", 8)],
                Some("two"),
            ),
            (
                "and of those the one that does so longest",
                None,
                vec![entry("one", URL, "Enabled", 9), entry("two", URL, "Enabled", 8)],
                Some("one"),
            ),
            (
                "to the letter before another spelling",
                None,
                vec![
                    entry("one", "https://r.example/%63?token=1", "Enabled", 9),
                    entry("two", URL, "Disabled", 8),
                ],
                Some("two"),
            ),
        ];
        for (name, id, entries, expected) in rows {
            let found = found(id, &[], entries).map(|(id, _)| id);
            assert_eq!(found.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn what_is_another_of_ours_is_not_taken_for_its_id() {
        let other = "https://r.example/other";
        assert_eq!(found(Some("one"), &[other], vec![entry("one", other, "Enabled", 9)]), None);
    }

    #[test]
    fn the_grain_is_that_of_the_finest_end() {
        let grain = |ends: &[i64]| {
            Listing::new(ends.iter().map(|end| entry("x", URL, "Enabled", *end)).collect()).grain()
        };
        assert_eq!(grain(&[]), Grain::Minute);
        assert_eq!(grain(&[60_000, 120_000]), Grain::Minute);
        assert_eq!(grain(&[60_000, 121_000]), Grain::Second);
        assert_eq!(grain(&[60_000, 121_124]), Grain::Milli);
        assert_eq!(grain(&[60_000, 253_402_207_200_999]), Grain::Minute, "never");
    }
}
