//! `[[tenant]]`: who is asked, at which address, with which secret.

use reqwest::Url;

use super::{
    address,
    key::Values as _,
    report::Checked,
    schema::{ROOT, TENANT},
    seen::Seen,
    settings::Tenant,
    shared,
    table::Table,
    webhook::{self, Owner},
};
use crate::domain::webhook::TenantName;

/// Reads every `[[tenant]]` of a file. There must be one, unless other files may hold them.
pub(super) fn tenants(root: &Table<'_>, seen: &mut Seen, may_be_elsewhere: bool) -> Checked<Vec<Tenant>> {
    let read = |table: &Table<'_>| tenant(table, seen);
    if may_be_elsewhere {
        return root.parts(&ROOT.tenant, read).unwrap_or_else(|| Ok(Vec::new()));
    }
    let help = "write at least one [[tenant]] with at least one [[tenant.webhook]]";
    root.at_least_one(&ROOT.tenant, ("there is no [[tenant]] in the file", help), read)
}

fn tenant(table: &Table<'_>, seen: &mut Seen) -> Checked<Tenant> {
    let name = table.needed(&TENANT.name).and_then(|(name, value)| {
        let message = format!("two tenants are named \"{name}\"");
        let help = "give each tenant a name of its own";
        seen.tenants.only(name.clone(), &value, &message, help).map(|()| name)
    });
    let addresses = addresses(table, name.as_ref().ok());
    let client_id = table.get(&TENANT.client_id);
    let client_secret = shared::secret(table, &TENANT.client_secret, seen);
    // A second tenant of the same name repeats its pairs as a matter of course.
    let origin = addresses.as_ref().ok().filter(|_| name.is_ok()).map(|(origin, _)| origin);
    let owner = Owner { origin, client_id: client_id.as_deref().ok() };
    let webhooks = webhook::webhooks(table, owner, seen);
    let (name, (api_origin, token_url), client_secret) = (name?, addresses?, client_secret?);
    Ok(Tenant {
        name,
        api_origin,
        token_url,
        client_id: client_id?,
        client_secret: client_secret.ok_or_else(|| table.lacks(&TENANT.client_secret.about))?,
        key_field: table.maybe(&TENANT.key_field)?,
        scopes: table.maybe(&TENANT.scopes)?.unwrap_or_default(),
        webhooks: webhooks?,
    })
}

/// API origin and token endpoint: from the environment, or both as written.
fn addresses(table: &Table<'_>, name: Option<&TenantName>) -> Checked<(Url, Url)> {
    const EITHER: &str =
        "write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`";
    let written = (
        table.written(&TENANT.environment),
        table.written(&TENANT.api_origin),
        table.written(&TENANT.token_url),
    );
    match written {
        (Some(environment), None, None) => {
            let domain = table.get(&TENANT.environment)?;
            // Without a name, which has been reported, any name will do to go on.
            let name = name.map_or("name", TenantName::as_str);
            address::of_tenant(name, domain).map_err(|wrong| {
                environment.problem(format!("the tenant's name \"{name}\" {}", wrong.what), wrong.help)
            })
        }
        (None, Some(_), Some(_)) => Ok((table.get(&TENANT.api_origin)?, table.get(&TENANT.token_url)?)),
        (Some(_), Some(other), _) | (Some(_), None, Some(other)) => {
            Err(other.key_problem("`environment` says already where this tenant is", EITHER))
        }
        (None, Some(origin), None) => {
            Err(origin.key_problem("`api_origin` stands without `token_url`", EITHER))
        }
        (None, None, Some(token)) => {
            Err(token.key_problem("`token_url` stands without `api_origin`", EITHER))
        }
        (None, None, None) => Err(table.missing(
            &["environment", "api_origin", "token_url"],
            "`environment` is missing in [[tenant]]",
            EITHER,
        )),
    }
}
