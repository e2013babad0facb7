//! Addresses that Protime would refuse for their length are refused when the file is read.

use super::*;

/// A file of a tenant with this webhook; `lines` stand above its resync.
fn file(lines: &str, resync: &str) -> String {
    format!(
        "user_agent = \"S/1 (C)\"\n[[tenant]]\nname = \"acme\"\nenvironment = \"production\"\n\
         client_id = \"c\"\nclient_secret = {{ env = \"S\" }}\n[[tenant.webhook]]\ncollection = \"people\"\n\
         destination_url = \"https://a.eu/x\"\n{lines}\n[tenant.webhook.resync]\n{resync}\n"
    )
}

const LIST: &str = "https://acme.myprotime.eu/connector/protimeapi/api/v1/people?filter=";
const DELTA: &str = "https://acme.myprotime.eu/connector/protimeapi/api/v1/people?delta&filter=";
const POST: &str = "https://acme.myprotime.eu/connector/protimeapi/api/v1/webhooks?externalReferences=";
/// What stands around the text of each filter.
const AROUND: usize = "a%20eq%20%27%27".len();
/// Another condition within it; its quotes are the daemon's.
const MORE: usize = "x%27%20and%20b%20ge%20%27%27%20and%20c%20eq%20%27".len();
const REFERENCES: &str = "&externalReferences=(people,@badge-number)";

#[test]
fn a_filter_may_be_as_long_as_its_longest_address_allows() {
    // What a placeholder, or a character that is percent-encoded, can be at most.
    let time = "2026-11-25T13%3A00%3A00.123456789Z".len();
    let date = "2026-11-25".len();
    let with_references = "external_references = [\"people,@badge-number\"]";
    let rows = [
        ("list", "", "", LIST.len() + AROUND),
        ("delta", "", "", DELTA.len() + AROUND),
        ("list", with_references, "", LIST.len() + REFERENCES.len() + AROUND),
        ("list", "", "é{from}{to}", LIST.len() + "%C3%A9".len() + 2 * time + AROUND),
        ("list", "", "{from_date}{to_date} ", LIST.len() + 2 * date + "%20".len() + AROUND),
        ("list", "", "x' and b ge {last_year} and c eq '", LIST.len() + date + MORE + AROUND),
        ("delta", "", "{from}", DELTA.len() + time + AROUND),
    ];
    for (kind, lines, begin, taken) in rows {
        let with = |count: usize| {
            let filter = format!("a eq '{begin}{}'", "x".repeat(count));
            file(lines, &format!("kind = \"{kind}\"\nfilter = \"{filter}\""))
        };
        let fits = 4096 - taken;
        assert!(read(&with(fits)).is_ok(), "{kind} {lines} {begin}");
        let found = problems(&with(fits + 1));
        let place = format!(
            "{}:10: ",
            with(0).lines().position(|line| line.starts_with("filter")).expect("there") + 1
        );
        assert!(found.len() == 1 && found[0].starts_with(&place), "{found:?}");
        assert!(
            found[0].ends_with(
                "makes an address of up to 4097 characters, and Protime takes 4096; shorten it by 1 or more: a \
                 placeholder counts with its longest value, and a byte that is percent-encoded as three characters"
            ),
            "{found:?}"
        );
    }
}

#[test]
fn external_references_must_fit_into_the_address_of_a_post() {
    let with = |count: usize, resync: &str| {
        file(&format!("external_references = [\"c,{}\"]", "r".repeat(count)), resync)
    };
    let fits = 4096 - POST.len() - "(c,)".len();
    let none = "kind = \"none\"";
    assert!(read(&with(fits, none)).is_ok());
    let expected = |address: &str, length: usize| {
        format!(
            "10:23: `external_references`: with them the address of {address} has {length} characters, and \
             Protime takes 4096; name fewer or shorter references: {} characters too many",
            length - 4096
        )
    };
    assert_eq!(problems(&with(fits + 7, none)), [expected("the POST", 4103)]);
    // `people?delta&` is longer than `webhooks?`.
    assert_eq!(problems(&with(fits, "kind = \"delta\"")), [expected("the resync's first request", 4100)]);
    // One mistake, one problem.
    let filter = "kind = \"list\"\nfilter = \"a ge {from}\"";
    assert_eq!(problems(&with(fits + 7, filter)), [expected("the POST", 4103)]);
}
