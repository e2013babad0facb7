//! Which webhook `TENANT/NAME`, or `NAME` alone, means.

use super::failure::Failure;
use crate::domain::report::Webhook;

/// How alike two names must be for one to be offered for the other.
const ALIKE: f64 = 0.75;
const LISTED: usize = 10;

/// What has a full name: a webhook, as the daemon tells of it or as it is configured.
pub(super) trait Named {
    fn full_name(&self) -> String;
}

impl Named for Webhook {
    fn full_name(&self) -> String {
        format!("{}/{}", self.tenant, self.name)
    }
}

pub(super) fn full_name(webhook: &impl Named) -> String {
    webhook.full_name()
}

/// The part of a full name that a text is to be compared with: all of it, or the name behind the tenant's.
fn comparable<'n>(full_name: &'n str, text: &str) -> &'n str {
    full_name.split_once('/').filter(|_| !text.contains('/')).map_or(full_name, |(_, name)| name)
}

/// The webhook that is meant. A bare name is enough where one tenant alone has it.
pub(super) fn find<'a, W: Named>(text: &str, webhooks: &'a [W]) -> Result<&'a W, Failure> {
    let meant: Vec<&W> =
        webhooks.iter().filter(|webhook| comparable(&webhook.full_name(), text) == text).collect();
    match meant.as_slice() {
        [webhook] => Ok(webhook),
        [] => Err(Failure::Usage(unknown(text, webhooks))),
        several => {
            let several = list(several.iter().map(|webhook| full_name(*webhook)));
            Err(Failure::Usage(format!("'{}' may mean {several}; say which", text.escape_debug())))
        }
    }
}

fn unknown(text: &str, webhooks: &[impl Named]) -> String {
    let likeness =
        |name: &str| strsim::jaro_winkler(&comparable(name, text).to_lowercase(), &text.to_lowercase());
    let names = webhooks.iter().map(|webhook| (likeness(&webhook.full_name()), webhook.full_name()));
    let mut near: Vec<(f64, String)> = names.filter(|(likeness, _)| *likeness >= ALIKE).collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<String> = near.into_iter().take(3).map(|(_, name)| name).collect();
    let help = if !near.is_empty() {
        format!("did you mean {}?", list(near))
    } else if webhooks.is_empty() {
        "no webhook is configured".to_owned()
    } else {
        format!("there are {}", list(webhooks.iter().map(full_name)))
    };
    format!("there is no webhook '{}'; {help}", text.escape_debug())
}

pub(super) fn list(names: impl IntoIterator<Item = String>) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    if names.len() > LISTED {
        let more = names.len() - LISTED;
        names.truncate(LISTED);
        return format!("{} and {more} more", names.join(", "));
    }
    match names.pop() {
        Some(last) if !names.is_empty() => format!("{} or {last}", names.join(", ")),
        Some(only) => only,
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::webhook, *};

    fn all() -> Vec<Webhook> {
        [("acme", "clockings"), ("acme", "people"), ("globex", "clockings")]
            .map(|(tenant, name)| webhook(tenant, name))
            .to_vec()
    }

    fn found(text: &str) -> Result<String, String> {
        find(text, &all()).map(full_name).map_err(|error| error.to_string())
    }

    #[test]
    fn a_full_name_or_a_name_that_is_unique_is_enough() {
        assert_eq!(found("acme/clockings").as_deref(), Ok("acme/clockings"));
        assert_eq!(found("people").as_deref(), Ok("acme/people"));
    }

    #[test]
    fn an_ambiguous_name_gets_its_candidates() {
        let error = "'clockings' may mean acme/clockings or globex/clockings; say which";
        assert_eq!(found("clockings"), Err(error.to_owned()));
    }

    #[test]
    fn an_unknown_name_gets_its_nearest() {
        for (text, help) in [
            ("acme/clokings", "did you mean acme/clockings"),
            ("peolpe", "did you mean acme/people?"),
            ("xyz", "there are acme/clockings, acme/people or globex/clockings"),
            ("", "there is no webhook ''"),
        ] {
            let error = found(text).expect_err(text);
            assert!(error.contains(help), "{error}");
        }
        let error = find::<Webhook>("a", &[]).expect_err("nothing is there").to_string();
        assert_eq!(error, "there is no webhook 'a'; no webhook is configured");
    }

    #[test]
    fn a_long_list_is_cut() {
        let names = (0..25).map(|number| number.to_string());
        assert_eq!(list(names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 15 more");
    }
}
