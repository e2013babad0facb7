//! Where requests go: the API's addresses, and which links of Protime's are followed.
//!
//! Laws: no request leaves the tenant's own origin, whatever a body says; no id or filter can turn an
//! address into another one; an address that Protime would refuse for its length is not sent.

use reqwest::Url;

use super::error::ApiError;
use crate::{
    domain::{
        query::{self, LONGEST, ROOT, encoded},
        webhook::ExternalReference,
    },
    redact,
};

const WEBHOOKS: &str = "/connector/protimeapi/api/v1/webhooks";

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// What is asked for, at the tenant's own origin.
    pub(super) url: Url,
    /// The scheme and host that the link names, if they are others.
    pub(super) named: Option<String>,
}

#[derive(Debug)]
pub(super) struct Addresses {
    webhooks: Url,
}

impl Addresses {
    pub(super) fn new(origin: &Url) -> Result<Self, String> {
        if !matches!(origin.scheme(), "http" | "https") || origin.host().is_none() {
            return Err(format!("'{origin}' is not an http or https address"));
        }
        let webhooks = origin.join(WEBHOOKS).map_err(|error| format!("'{origin}': {error}"))?;
        Ok(Self { webhooks })
    }

    pub(super) fn list(&self, filter: Option<&str>) -> Result<Url, ApiError> {
        of_fitting_length(self.at(WEBHOOKS, filter.map(query::of_filter).as_deref()))
    }

    /// For creating or renewing: `?externalReferences=(people,@badge-number)(…)`, written as in Protime's guide.
    pub(super) fn post(&self, references: &[ExternalReference]) -> Result<Url, ApiError> {
        of_fitting_length(self.at(WEBHOOKS, query::of_references(references).as_deref()))
    }

    pub(super) fn collection(
        &self,
        name: &str,
        fresh_delta: bool,
        filter: Option<&str>,
        references: &[ExternalReference],
    ) -> Result<Url, ApiError> {
        let query = query::of_collection(fresh_delta, filter, references);
        of_fitting_length(self.at(&format!("{ROOT}{}", encoded(name)), query.as_deref()))
    }

    /// Of a link that was stored, to a next page or to a delta; only on the tenant's own origin, which may have changed since.
    pub(super) fn stored_link(&self, link: &str) -> Result<Url, String> {
        match self.next(&self.webhooks, link)? {
            Link { url, named: None } => Ok(url),
            Link { named: Some(named), .. } => {
                Err(format!("the link that was kept leads to another host ({named}), which is not asked"))
            }
        }
    }

    /// The collection that an address below the API's root belongs to, be it of its list or of its delta.
    pub(super) fn collection_at(url: &Url) -> Option<&str> {
        let below = url.path().strip_prefix(ROOT)?;
        let below = below.strip_prefix("delta/").unwrap_or(below);
        below.split('/').next().filter(|name| !name.is_empty())
    }

    pub(super) fn one(&self, id: &str) -> Result<Url, ApiError> {
        // These would be the address of something else: a URL's parser drops them.
        if matches!(id, "" | "." | "..") {
            return Err(ApiError::needs_operator(format!("'{id}' is not the id of a webhook")));
        }
        of_fitting_length(self.at(&format!("{WEBHOOKS}/{}", encoded(id)), None))
    }

    pub(super) fn same_origin(&self, other: &Self) -> bool {
        self.webhooks.origin() == other.webhooks.origin()
    }

    /// Of whatever an operator names below the API's root; a path that begins with the root itself, as
    /// Protime writes its links, means the same.
    pub(super) fn below_root(&self, path: &str) -> Result<Url, String> {
        let below = path.strip_prefix(ROOT).or_else(|| path.strip_prefix('/')).unwrap_or(path);
        let (below, query) = below.split_once('?').map_or((below, None), |(path, query)| (path, Some(query)));
        if below.contains("://") || below.starts_with('/') {
            return Err(
                "it is a whole address; write what stands behind /connector/protimeapi/api/v1/".to_owned()
            );
        }
        if path.chars().any(char::is_control) || below.contains([' ', '\\']) || path.contains('#') {
            return Err("it holds a character that no path has; write it percent-encoded".to_owned());
        }
        let climbs =
            |segment: &str| matches!(segment.to_ascii_lowercase().replace("%2e", ".").as_str(), "." | "..");
        if below.split('/').any(climbs) {
            return Err("it leads out of the API with '.' or '..'".to_owned());
        }
        if below.is_empty() {
            return Err("it is empty; write a path such as webhooks/ID".to_owned());
        }
        let url = self.at(&format!("{ROOT}{below}"), query);
        if !url.path().starts_with(ROOT) {
            return Err("it leads out of the API".to_owned());
        }
        match url.as_str().len() {
            ..=LONGEST => Ok(url),
            length => {
                Err(format!("with it the address has {length} characters, and Protime takes {LONGEST}"))
            }
        }
    }

    /// The page after the one at `current`. Whatever scheme and host the link names, it is its path and its
    /// query at the tenant's own origin; what Protime writes as it is, such as spaces, is encoded.
    pub(super) fn next(&self, current: &Url, link: &str) -> Result<Link, String> {
        let next = current.join(link).map_err(|error| format!("its nextLink is not a link: {error}"))?;
        if !matches!(next.scheme(), "http" | "https") {
            return Err(format!("its nextLink is not a link to a page ({}:)", next.scheme()));
        }
        let elsewhere = next.origin() != self.webhooks.origin()
            || !next.username().is_empty()
            || next.password().is_some();
        let url = self.at(next.path(), next.query());
        Ok(Link { url, named: elsewhere.then(|| redact::origin(&next)) })
    }

    fn at(&self, path: &str, query: Option<&str>) -> Url {
        let mut url = self.webhooks.clone();
        url.set_path(path);
        url.set_query(query);
        url
    }
}

fn of_fitting_length(url: Url) -> Result<Url, ApiError> {
    let length = url.as_str().len();
    if length <= LONGEST {
        return Ok(url);
    }
    Err(ApiError::needs_operator(format!(
        "the address of the request has {length} characters and Protime takes {LONGEST}; shorten the external \
         references or the filter"
    )))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn addresses() -> Addresses {
        Addresses::new(&Url::parse("https://acme.example").unwrap()).unwrap()
    }

    fn reference(collection: &str, reference: &str) -> ExternalReference {
        ExternalReference { collection: collection.to_owned(), reference: reference.to_owned() }
    }

    const ROOT: &str = "https://acme.example/connector/protimeapi/api/v1/webhooks";

    #[test]
    fn external_references_are_written_as_in_the_guide() {
        let rows: [(&[ExternalReference], &str); 4] = [
            (&[], ""),
            (&[reference("people", "@badge-number")], "?externalReferences=(people,@badge-number)"),
            (
                &[reference("people", "@badge-number"), reference("activity-definitions", "actDef")],
                "?externalReferences=(people,@badge-number)(activity-definitions,actDef)",
            ),
            (
                &[reference("people", "a b&c=(d),é#%'")],
                "?externalReferences=(people,a%20b%26c%3D%28d%29%2C%C3%A9%23%25%27)",
            ),
        ];
        for (references, expected) in rows {
            assert_eq!(addresses().post(references).unwrap().as_str(), format!("{ROOT}{expected}"));
        }
    }

    #[test]
    fn filters_and_ids_cannot_become_another_address() {
        let listed = addresses().list(Some("status eq 'Disabled'")).unwrap();
        assert_eq!(listed.as_str(), format!("{ROOT}?filter=status%20eq%20%27Disabled%27"));
        assert_eq!(addresses().list(None).unwrap().as_str(), ROOT);
        assert_eq!(addresses().one("a7d8-1").unwrap().as_str(), format!("{ROOT}/a7d8-1"));
        assert_eq!(addresses().one("../x?y#z").unwrap().as_str(), format!("{ROOT}/..%2Fx%3Fy%23z"));
        assert_eq!(addresses().one("%2e%2e").unwrap().as_str(), format!("{ROOT}/%252e%252e"));
        for bad in ["", ".", ".."] {
            assert!(matches!(addresses().one(bad), Err(ApiError::NeedsOperator { .. })), "{bad}");
        }
    }

    #[test]
    fn a_collection_has_a_list_and_a_fresh_delta() {
        let root = "https://acme.example/connector/protimeapi/api/v1";
        let of = |delta, filter, references: &[ExternalReference]| {
            addresses().collection("clockings", delta, filter, references).unwrap().to_string()
        };
        assert_eq!(of(false, None, &[]), format!("{root}/clockings"));
        assert_eq!(of(true, None, &[]), format!("{root}/clockings?delta"));
        assert_eq!(
            of(true, Some("date ge '2026-01-01'"), &[reference("people", "@badge-number")]),
            format!(
                "{root}/clockings?delta&filter=date%20ge%20%272026-01-01%27&externalReferences=(people,@badge-number)"
            )
        );
        assert!(addresses().collection("clockings", false, Some(&"x".repeat(4096)), &[]).is_err());
        assert_eq!(addresses().stored_link("/p?x").unwrap().as_str(), "https://acme.example/p?x");
        assert!(addresses().stored_link("https://elsewhere.example/p").is_err());
    }

    #[test]
    fn a_path_stays_below_the_root() {
        let root = "https://acme.example/connector/protimeapi/api/v1/";
        let rows = [
            ("webhooks/a7d8/other", "webhooks/a7d8/other"),
            ("/people?filter=id eq 'x'&delta", "people?filter=id%20eq%20%27x%27&delta"),
            ("/connector/protimeapi/api/v1/delta/people?deltaToken=a%2Fb", "delta/people?deltaToken=a%2Fb"),
            ("people?x=../..", "people?x=../.."),
            ("people?x=https://evil.example/", "people?x=https://evil.example/"),
            ("a%20b/é", "a%20b/%C3%A9"),
        ];
        for (path, expected) in rows {
            assert_eq!(addresses().below_root(path).unwrap().as_str(), format!("{root}{expected}"), "{path}");
        }
        for path in [
            "",
            "/",
            "?x",
            "https://acme.example/x",
            "//evil.example/x",
            "///x",
            "..",
            "webhooks/../../x",
            "./x",
            "a/%2E%2e/b",
            "a/.%2e",
            "a\\..\\b",
            "a b",
            "a#b",
            "a\nb",
            "people?a\tb",
        ] {
            assert!(addresses().below_root(path).is_err(), "{path:?}");
        }
        let fits = LONGEST - root.len();
        assert_eq!(addresses().below_root(&"x".repeat(fits)).unwrap().as_str().len(), LONGEST);
        assert!(addresses().below_root(&"x".repeat(fits + 1)).unwrap_err().contains("4097 characters"));
    }

    #[test]
    fn too_long_an_address_is_refused_here() {
        let fits = LONGEST - ROOT.len() - "?externalReferences=(c,)".len();
        let just = [reference("c", &"r".repeat(fits))];
        assert_eq!(addresses().post(&just).unwrap().as_str().len(), LONGEST);
        let over = [reference("c", &"r".repeat(fits + 1))];
        let error = addresses().post(&over).unwrap_err();
        assert!(matches!(error, ApiError::NeedsOperator { .. }));
        assert!(error.to_string().contains("4097 characters"), "{error}");
    }

    proptest! {
        /// The configuration counts without making an address.
        #[test]
        fn what_is_counted_is_what_is_sent(
            delta: bool, filter in proptest::option::of("\\PC{0,40}"), one in "[!-~]{1,20}",
            port in proptest::option::of(1000..60000_u16), name in "[a-z][a-z-]{0,20}",
        ) {
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            let origin = format!("https://acme.example{port}");
            let addresses = Addresses::new(&Url::parse(&origin).unwrap()).unwrap();
            let references = [reference("people", &one)];
            for references in [&references[..], &[]] {
                let url = addresses.collection(&name, delta, filter.as_deref(), references).unwrap();
                let query = query::of_collection(delta, filter.as_deref(), references);
                prop_assert_eq!(url.as_str().len(), query::length(&origin, &name, query.as_deref()), "{}", url);
                let url = addresses.post(references).unwrap();
                let query = query::of_references(references);
                prop_assert_eq!(url.as_str().len(), query::length(&origin, "webhooks", query.as_deref()), "{}", url);
            }
        }
    }

    #[test]
    fn a_next_link_stays_on_the_tenants_origin() {
        let current = Url::parse(&format!("{ROOT}?a=1")).unwrap();
        let at = |path: &str| Some(format!("https://acme.example{path}"));
        let rows = [
            ("/connector/protimeapi/api/v1/webhooks?page=2", Some(format!("{ROOT}?page=2")), None),
            ("?page=2", Some(format!("{ROOT}?page=2")), None),
            ("https://acme.example/connector/p?x", at("/connector/p?x"), None),
            ("https://acme.example:443/p", at("/p"), None),
            // As Protime writes them: with spaces and apostrophes.
            (
                "/p?filter=date ge '2031-01-01' and person in circle(2, 8)&continuationToken=a%2Fb",
                at(
                    "/p?filter=date%20ge%20%272031-01-01%27%20and%20person%20in%20circle(2,%208)&continuationToken=a%2Fb",
                ),
                None,
            ),
            // Another scheme or host is not asked.
            ("//evil.example/p", at("/p"), Some("https://evil.example")),
            ("/\\evil.example/p?x", at("/p?x"), Some("https://evil.example")),
            (
                "http://acme.example/p?continuationToken=3",
                at("/p?continuationToken=3"),
                Some("http://acme.example"),
            ),
            ("https://acme.example:8443/p", at("/p"), Some("https://acme.example:8443")),
            ("https://acme.example.evil.example/p", at("/p"), Some("https://acme.example.evil.example")),
            ("https://acme.example@evil.example/p", at("/p"), Some("https://evil.example")),
            ("https://user:pass@acme.example/p", at("/p"), Some("https://acme.example")),
            ("http://10.0.0.7:5000/p#f", at("/p"), Some("http://10.0.0.7:5000")),
            ("file:///etc/passwd", None, None),
            ("data:text/plain,x", None, None),
            ("https://[", None, None),
        ];
        for (link, expected, named) in rows {
            let next = addresses().next(&current, link);
            let url = next.as_ref().ok().map(|next| next.url.to_string());
            assert_eq!(url, expected, "{link}: {next:?}");
            assert_eq!(next.ok().and_then(|next| next.named).as_deref(), named, "{link}");
        }
    }

    #[test]
    fn only_http_has_addresses() {
        assert!(Addresses::new(&Url::parse("ftp://acme.example").unwrap()).is_err());
        assert!(Addresses::new(&Url::parse("mailto:a@b").unwrap()).is_err());
    }
}
