//! What the tenant's records and the daemon's history say, in the words of the scenario. Pure.

use std::{collections::BTreeMap, time::Duration};

use jiff::{SignedDuration, Timestamp};
use protime_sandbox::journal::{Delivery, Transition};

use crate::{
    cli::{moment, style::plain},
    domain::report::{Renewal, StepRecord},
};

const STEPS: [&str; 5] = ["resync", "post", "rotate", "hand_off", "catch_up"];

/// How long before its end a webhook was renewed, by its first renewal that came in time; none if
/// there was none yet. A renewal that followed a disablement did not come in time.
pub(super) fn renewed_in_time(
    transitions: &[Transition],
    collection: &str,
    lifetime: Duration,
) -> Option<SignedDuration> {
    let lifetime = SignedDuration::try_from(lifetime).ok()?;
    let of_it: Vec<&Transition> =
        transitions.iter().filter(|transition| transition.collection == collection).collect();
    of_it.windows(2).find_map(|pair| match pair {
        [before, renewed] if renewed.what == "renewed" && before.what != "disabled" => {
            Some((before.at + lifetime).duration_since(renewed.at))
        }
        _ => None,
    })
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) events: usize,
    /// From the first attempt at one until it was accepted, at the longest; none while one is still
    /// refused.
    pub(super) longest: Option<SignedDuration>,
}

pub(super) fn refused(deliveries: &[Delivery]) -> Refused {
    let mut first: BTreeMap<(u64, &str), Timestamp> = BTreeMap::new();
    for delivery in deliveries.iter().filter(|delivery| delivery.status == Some(401)) {
        first.entry((delivery.change_seq, &delivery.collection)).or_insert(delivery.at);
    }
    let waits = first.iter().map(|((change, collection), at)| {
        let accepted = deliveries.iter().find(|delivery| {
            delivery.delivered == Some(true)
                && delivery.change_seq == *change
                && delivery.collection == *collection
        });
        accepted.and_then(|delivery| delivery.finished_at).map(|then| then.duration_since(*at))
    });
    let longest = waits.collect::<Option<Vec<_>>>().and_then(|waits| waits.into_iter().max());
    Refused { events: first.len(), longest }
}

/// The steps of a renewal with their durations; none if one of the five has not ended well.
pub(super) fn steps(renewal: &Renewal) -> Option<String> {
    let told: Option<Vec<String>> = STEPS.into_iter().map(|name| step(renewal, name)).collect();
    told.map(|steps| steps.join(" → "))
}

fn step(renewal: &Renewal, name: &str) -> Option<String> {
    let attempts: Vec<&StepRecord> = renewal.steps.iter().filter(|step| step.step == name).collect();
    let (last, before) = attempts.split_last()?;
    let took = moment::took(last.started_at, last.finished_at?);
    let tries = if before.is_empty() { String::new() } else { format!(" (try {})", before.len() + 1) };
    match last.outcome.as_deref() {
        Some("succeeded") => Some(format!("{} {took}{tries}", plain(name))),
        Some("skipped") => Some(format!("{} skipped", plain(name))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tests::{after, step as record};

    fn transition(second: i64, collection: &str, what: &'static str) -> Transition {
        Transition {
            seq: 0,
            at: after(second),
            destination_url: String::new(),
            collection: collection.to_owned(),
            id: String::new(),
            what,
            cause: "client",
            key_version: 1,
            dropped: 0,
        }
    }

    #[test]
    fn a_renewal_is_in_time_if_nothing_disabled_the_webhook_before() {
        let late = [
            transition(0, "people", "created"),
            transition(1, "clockings", "created"),
            transition(6, "people", "disabled"),
            transition(7, "people", "renewed"),
        ];
        let six = Duration::from_secs(6);
        assert_eq!(renewed_in_time(&late, "people", six), None);
        let mut later = late.to_vec();
        later.push(transition(11, "people", "renewed"));
        assert_eq!(renewed_in_time(&later, "people", six), Some(SignedDuration::from_secs(2)));
        assert_eq!(renewed_in_time(&later, "clockings", six), None);
    }

    fn delivery(change_seq: u64, second: i64, status: u16) -> Delivery {
        Delivery {
            seq: 0,
            at: after(second),
            finished_at: Some(after(second + 1)),
            change_seq,
            destination_url: String::new(),
            collection: "people".to_owned(),
            webhook_id: String::new(),
            key_version: 1,
            fingerprint: String::new(),
            attempt: 1,
            status: Some(status),
            error: None,
            delivered: Some(status < 300),
        }
    }

    #[test]
    fn a_refused_event_waits_from_its_first_attempt_until_it_is_accepted() {
        assert_eq!(refused(&[delivery(1, 0, 204), delivery(2, 0, 503)]), Refused::default());
        let all = [delivery(1, 0, 401), delivery(2, 1, 401), delivery(1, 2, 401), delivery(2, 3, 204)];
        assert_eq!(refused(&all), Refused { events: 2, longest: None });
        let accepted = [&all[..], &[delivery(1, 4, 204)]].concat();
        assert_eq!(refused(&accepted), Refused { events: 2, longest: Some(SignedDuration::from_secs(5)) });
    }

    #[test]
    fn all_five_steps_are_told_with_their_last_attempts() {
        let mut renewal = Renewal {
            id: 1,
            reason: "disabled".to_owned(),
            outcome: Some("succeeded".to_owned()),
            started_at: after(0),
            finished_at: Some(after(9)),
            steps: vec![
                record("resync", 0, Some(1), Some("failed")),
                record("resync", 2, Some(4), Some("succeeded")),
                record("post", 4, Some(4), Some("succeeded")),
                record("rotate", 4, Some(5), Some("succeeded")),
                record("hand_off", 5, Some(5), Some("skipped")),
                record("catch_up", 5, Some(9), Some("succeeded")),
            ],
        };
        let told = "resync 2.0 s (try 2) → post 0 ms → rotate 1.0 s → hand_off skipped → catch_up 4.0 s";
        assert_eq!(steps(&renewal).as_deref(), Some(told));
        renewal.steps.pop();
        assert_eq!(steps(&renewal), None);
        renewal.steps.push(record("catch_up", 5, None, None));
        assert_eq!(steps(&renewal), None);
    }
}
