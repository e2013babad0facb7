//! Which webhook `TENANT/NAME`, or `NAME` alone, means.

use super::failure::Failure;
use crate::{
    config::Config,
    domain::{report::Webhook, webhook::WebhookPath},
};

/// How alike two names must be for one to be offered for the other.
const ALIKE: f64 = 0.75;
/// How many webhooks an error lists at most.
const LISTED: usize = 10;

/// A webhook's full name.
pub(super) fn full_name(webhook: &Webhook) -> String {
    format!("{}/{}", webhook.tenant, webhook.name)
}

/// The webhook that is meant. A bare name is enough where one tenant alone has it.
pub(super) fn find<'a>(text: &str, webhooks: &'a [Webhook]) -> Result<&'a Webhook, Failure> {
    let names = webhooks.iter().map(|webhook| (webhook.tenant.as_str(), webhook.name.as_str()));
    Ok(&webhooks[pick(text, &names.collect::<Vec<_>>())?])
}

/// The same among those that the configuration names, where no daemon can be asked.
pub(super) fn find_configured(text: &str, config: &Config) -> Result<WebhookPath, Failure> {
    let of = |tenant: &crate::config::Tenant| {
        let name = tenant.name.clone();
        let path = move |webhook: &crate::config::Webhook| WebhookPath {
            tenant: name.clone(),
            name: webhook.name.clone(),
        };
        tenant.webhooks.iter().map(path).collect::<Vec<_>>()
    };
    let mut paths: Vec<WebhookPath> = config.tenants.iter().flat_map(of).collect();
    let names: Vec<(&str, &str)> =
        paths.iter().map(|path| (path.tenant.as_str(), path.name.as_str())).collect();
    let index = pick(text, &names)?;
    Ok(paths.swap_remove(index))
}

/// Which of the names, each with its tenant, is meant.
fn pick(text: &str, names: &[(&str, &str)]) -> Result<usize, Failure> {
    let is_meant = |&(tenant, name): &(&str, &str)| match text.split_once('/') {
        Some(whole) => whole == (tenant, name),
        None => name == text,
    };
    let meant: Vec<usize> = (0..names.len()).filter(|&at| names.get(at).is_some_and(is_meant)).collect();
    match meant.as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::Usage(unknown(text, names))),
        _ => {
            let several = list(names.iter().filter(|name| is_meant(name)).map(|name| joined(*name)));
            Err(Failure::Usage(format!("'{}' may mean {several}; say which", text.escape_debug())))
        }
    }
}

fn joined((tenant, name): (&str, &str)) -> String {
    format!("{tenant}/{name}")
}

fn unknown(text: &str, names: &[(&str, &str)]) -> String {
    let alike = |(tenant, name): (&str, &str)| {
        let name = if text.contains('/') { joined((tenant, name)) } else { name.to_owned() };
        strsim::jaro_winkler(&name.to_lowercase(), &text.to_lowercase())
    };
    let mut near: Vec<(f64, String)> = names
        .iter()
        .map(|&name| (alike(name), joined(name)))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<String> = near.into_iter().take(3).map(|(_, name)| name).collect();
    let help = if !near.is_empty() {
        format!("did you mean {}?", list(near))
    } else if names.is_empty() {
        "no webhook is configured".to_owned()
    } else {
        format!("there are {}", list(names.iter().map(|&name| joined(name))))
    };
    format!("there is no webhook '{}'; {help}", text.escape_debug())
}

fn list(names: impl IntoIterator<Item = String>) -> String {
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
        let error = find("a", &[]).expect_err("nothing is there").to_string();
        assert_eq!(error, "there is no webhook 'a'; no webhook is configured");
    }

    #[test]
    fn a_long_list_is_cut() {
        let names = (0..25).map(|number| number.to_string());
        assert_eq!(list(names), "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 15 more");
    }
}
