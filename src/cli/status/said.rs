//! What is said of a tenant, and of its webhooks no more: a sentence that repeats hides the others.

use jiff::Timestamp;

use crate::{
    cli::{moment, style::plain, view::View},
    domain::report::Tenant,
};

/// Seconds by which clocks may differ without a word.
const CLOSE_ENOUGH: f64 = 5.0;
/// What begins a sentence about a difference of the clocks, here and in `health`.
pub(super) const CLOCK: &str = "this machine's clock";

/// What is known of a tenant that is worth a word.
pub(super) fn of_tenant(tenant: &Tenant, now: Timestamp) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(error) = &tenant.last_poll_error {
        let last = tenant.last_poll_at.map_or_else(
            || "Protime has never answered".to_owned(),
            |at| format!("Protime last answered {}", moment::ago(now, at)),
        );
        lines.push(format!("the list of webhooks cannot be read: {} ({last})", plain(error)));
    }
    if let Some(skew) = tenant.clock_skew_seconds.filter(|skew| skew.abs() >= CLOSE_ENOUGH) {
        let direction = if skew > 0.0 { "behind" } else { "ahead of" };
        lines.push(format!(
            "{CLOCK} is {:.0} s {direction} Protime's; check the time service here",
            skew.abs()
        ));
    }
    lines
}

/// What keeps a tenant's list from being read.
pub(super) fn poll_error(view: &View, tenant: &str) -> Option<String> {
    let tenant = view.status.tenants.iter().find(|other| other.name == tenant)?;
    tenant.last_poll_error.as_ref().map(|error| plain(error))
}

/// What is said of a tenant already is not said of each of its webhooks again.
pub(super) fn refer(problems: &mut [String], said: Option<String>) {
    let Some(said) = said else { return };
    for problem in problems {
        if let Some(head) = problem.strip_suffix(&said) {
            *problem = format!("{}, see above", head.trim_end_matches([':', ' ']));
        }
    }
}
