//! `[[tenant]]`: who is asked, at which address, with which secret.

use reqwest::Url;

use super::{
    address,
    report::Checked,
    schema::{program::TENANTS, tenant as keys},
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
        return root.parts(&TENANTS, read).unwrap_or_else(|| Ok(Vec::new()));
    }
    let help = "write at least one [[tenant]] with at least one [[tenant.webhook]]";
    root.at_least_one(&TENANTS, ("there is no [[tenant]] in the file", help), read)
}

fn tenant(table: &Table<'_>, seen: &mut Seen) -> Checked<Tenant> {
    let name = table.needed(&keys::NAME).and_then(|(name, value)| {
        let message = format!("two tenants are named \"{name}\"");
        let help = "give each tenant a name of its own";
        seen.tenants.only(name.clone(), &value, &message, help).map(|()| name)
    });
    let addresses = addresses(table, name.as_ref().ok());
    let client_id = table.get(&keys::CLIENT_ID);
    let client_secret = shared::secret(table, &keys::CLIENT_SECRET, seen);
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
        client_secret: client_secret.ok_or_else(|| table.lacks(&keys::CLIENT_SECRET.about))?,
        key_field: table.maybe(&keys::KEY_FIELD)?,
        scopes: table.maybe(&keys::SCOPES)?.unwrap_or_default(),
        webhooks: webhooks?,
    })
}

/// API origin and token endpoint: from the environment, or both as written.
fn addresses(table: &Table<'_>, name: Option<&TenantName>) -> Checked<(Url, Url)> {
    const EITHER: &str =
        "write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`";
    let written = (
        table.written(&keys::ENVIRONMENT),
        table.written(&keys::API_ORIGIN),
        table.written(&keys::TOKEN_URL),
    );
    match written {
        (Some(environment), None, None) => {
            let domain = table.get(&keys::ENVIRONMENT)?;
            // Without a name, which has been reported, any name will do to go on.
            let name = name.map_or("name", TenantName::as_str);
            address::of_tenant(name, domain).map_err(|wrong| {
                environment.problem(format!("the tenant's name \"{name}\" {}", wrong.what), wrong.help)
            })
        }
        (None, Some(_), Some(_)) => Ok((table.get(&keys::API_ORIGIN)?, table.get(&keys::TOKEN_URL)?)),
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
