//! Each mistake in a webhook, alone: line, column, message and help.

use super::*;

#[test]
fn webhooks() {
    judge(&[
        (
            "collection = \"clockings\"\n",
            "",
            "18:1: `collection` is missing in [[tenant.webhook]]; write `collection = \"clockings\"`, say",
        ),
        (
            "collection = \"clockings\"",
            "collection = \"clock ings\"",
            "20:14: `collection`: \"clock ings\" is not the name of a collection; write the name as it stands in the API's paths, such as \"clockings\"",
        ),
        (
            "name = \"clockings\"",
            "name = \"clock/ings\"",
            "19:8: `name`: \"clock/ings\" is not a name; a name has 1 to 64 characters out of a-z, A-Z, 0-9, '.', '_' and '-', and starts with a letter or a digit",
        ),
        (
            "destination_url = \"https://www.your-company.com/protime/clockings\"\n",
            "",
            "18:1: `destination_url` is missing in [[tenant.webhook]]; write `destination_url = \"https://…\"`, where Protime is to send the events",
        ),
        (
            "https://www.your-company.com",
            "http://www.your-company.com",
            "21:19: `destination_url`: \"http://www.your-company.com/protime/clockings\" is not encrypted; write https://; http:// is accepted for loopback addresses only (127.0.0.0/8, [::1], localhost)",
        ),
        (
            "https://www.your-company.com",
            "https://www.your-company.com:x",
            "21:19: `destination_url`: \"https://www.your-company.com:x/protime/clockings\" is not a URL: invalid port number; write a URL such as \"https://www.your-company.com/protime/clockings\"",
        ),
        (
            "https://www.your-company.com",
            "www.your-company.com",
            "21:19: `destination_url`: \"www.your-company.com/protime/clockings\" is not a URL: it does not begin with https://; write a URL such as \"https://www.your-company.com/protime/clockings\"",
        ),
        (
            "people,@badge-number",
            "people",
            "22:24: `external_references`: \"people\" is not an external reference; write \"collection,reference\" without spaces, such as \"people,@badge-number\"; predefined references begin with @",
        ),
        (
            "activity-definitions,actDef",
            "people,@badge-number",
            "22:48: \"people,@badge-number\" is listed twice; keep one of the two",
        ),
        (
            "[tenant.webhook.resync]\nkind = \"command\"\ncommand = [\"/usr/local/bin/resync-clockings\"]\n",
            "",
            "18:1: this webhook has no [tenant.webhook.resync]: Protime never replays the events of a gap, so without a resync they are lost; write [tenant.webhook.resync] with kind = \"command\" and a command that brings the receiver up to date, kind = \"list\" to let the daemon read the collection and send every object as an event, or kind = \"none\" to accept the loss",
        ),
    ]);
}

#[test]
fn kinds() {
    judge(&[
        (
            "kind = \"command\"\n",
            "",
            "24:1: `kind` is missing in [tenant.webhook.resync]; write kind = \"command\", or kind = \"none\" to accept the loss",
        ),
        (
            "kind = \"command\"",
            "kind = \"comand\"",
            "25:8: `kind`: \"comand\" is not a word that is known here; did you mean \"command\"? It is one of `command`, `http`, `list`, `delta` and `none`",
        ),
        (
            "kind = \"command\"",
            "kind = \"none\"",
            "26:1: kind = \"none\" has no `command`; remove it, or write kind = \"command\"",
        ),
        (
            "command = [\"/usr/local/bin/resync-clockings\"]\n",
            "",
            "24:1: `command` is missing in [tenant.webhook.resync]; write an array of texts, program first: command = [\"/usr/local/bin/program\", \"argument\"]",
        ),
        (
            "[\"/usr/local/bin/resync-clockings\"]",
            "[]",
            "26:11: `command` is empty; it must be an array of texts, program first: command = [\"/usr/local/bin/program\", \"argument\"]",
        ),
        (
            "/usr/local/bin/resync-clockings",
            "bin/resync",
            "26:12: `command`: \"bin/resync\" is not a program: it is neither an absolute path nor a name; write the whole path, beginning with /, or a name that is found in PATH",
        ),
        (
            "[\"/usr/local/bin/resync-clockings\"]",
            "[\"/bin/x\"]\ntimeout = \"0s\"",
            "27:11: `timeout`: \"0s\" is no time at all; write a duration above zero",
        ),
        (
            "[\"/usr/local/bin/resync-clockings\"]",
            "[\"/bin/x\"]\non_failure = \"wait\"",
            "27:14: `on_failure`: \"wait\" is not a word that is known here; write one of `hold` and `proceed`",
        ),
        (
            "kind = \"file\"",
            "kind = \"fiel\"",
            "29:8: `kind`: \"fiel\" is not a word that is known here; did you mean \"file\"? It is one of `file`, `command` and `http`",
        ),
        (
            "path = \"/run/receiver/clockings.key\"",
            "",
            "28:1: `path` is missing in [[tenant.webhook.key_sink]]; write `path = \"/run/receiver/clockings.key\"`, say",
        ),
        (
            "path = \"/run/receiver/clockings.key\"",
            "path = \"clockings.key\"",
            "30:8: `path`: \"clockings.key\" is not an absolute path; write the whole path, beginning with /",
        ),
        (
            "clockings.key\"",
            "clockings.key\"\nmode = \"0648\"",
            "31:8: `mode`: \"0648\" is not a file mode; write permission bits in octal, as chmod takes them, such as \"0640\"",
        ),
        (
            "clockings.key\"",
            "clockings.key\"\ntimeout = \"3s\"",
            "31:1: kind = \"file\" has no `timeout`; remove it, or write kind = \"command\" or \"http\"",
        ),
        (
            "kind = \"command\"",
            "kind = \"command\"\naudit = true",
            "26:1: kind = \"command\" has no `audit`; remove it, or write kind = \"delta\"",
        ),
        (
            "external_references",
            "on_remove = \"remove\"\nexternal_references",
            "22:13: `on_remove`: \"remove\" is not a word that is known here; write one of `keep` and `delete`",
        ),
        (
            "\"receiver\"]",
            "\"receiver\"]\nformat = \"json\"",
            "35:1: kind = \"command\" has no `format`; remove it, or write kind = \"file\"",
        ),
    ]);
}

#[test]
fn servers() {
    judge(&[
        (
            "kind = \"command\"\ncommand = [\"/usr/local/bin/resync-clockings\"]",
            "kind = \"http\"",
            "24:1: `url` is missing in [tenant.webhook.resync]; write `url = \"https://…\"`, the address of your server",
        ),
        (
            "kind = \"command\"\ncommand = [\"/usr/local/bin/resync-clockings\"]",
            "kind = \"http\"\nurl = \"http://receiver.example/resync\"",
            "26:7: `url`: \"http://receiver.example/resync\" is not encrypted; write https://; http:// is accepted for loopback addresses only (127.0.0.0/8, [::1], localhost)",
        ),
        (
            "kind = \"command\"\ncommand = [\"/usr/local/bin/resync-clockings\"]",
            "kind = \"http\"\nurl = \"https://a.eu\"\ntoken = \"hunter2\"",
            "27:9: a secret must not be written into this file; write `token = { credential = \"receiver-token\" }`, or `{ file = \"/path\" }` or `{ env = \"NAME\" }`, which only name the secret",
        ),
        (
            "command = [\"/usr/local/bin/resync-clockings\"]",
            "command = [\"/bin/x\"]\nurl = \"https://a.eu\"",
            "27:1: kind = \"command\" has no `url`; remove it, or write kind = \"http\"",
        ),
        (
            "kind = \"file\"\npath = \"/run/receiver/clockings.key\"",
            "kind = \"http\"\nurl = \"https://a.eu\"\npath = \"/run/k\"",
            "31:1: kind = \"http\" has no `path`; remove it, or write kind = \"file\"",
        ),
        (
            "kind = \"command\"\ncommand = [\"systemctl\", \"reload\", \"receiver\"]",
            "kind = \"http\"\nurl = \"https://a.eu\"\n[[tenant.webhook.key_sink]]\nkind = \"http\"\nurl = \"https://a.eu/\"",
            "37:7: two key sinks of this webhook send the key to the same address; keep one of the two",
        ),
        (
            "kind = \"file\"\npath = \"/run/receiver/clockings.key\"",
            "kind = \"http\"\nurl = \"https://a.eu\"\ntoken = { }",
            "31:9: `token` does not say where the secret is; write `token = { credential = \"receiver-token\" }`, or `{ file = \"/path\" }` or `{ env = \"NAME\" }`, which only name the secret",
        ),
    ]);
}

#[test]
fn a_key_is_not_written_over_the_daemons_own_files() {
    let mine =
        "is a file of the daemon's own; give the key a path of its own, outside of the state directory";
    for name in ["state.db", "state.db-wal", "lock"] {
        let text = changed("/run/receiver/clockings.key", &format!("/var/lib/protime-webhookd//{name}"));
        let expected = format!("30:8: `path`: \"/var/lib/protime-webhookd//{name}\" {mine}");
        assert_eq!(problems(&text), [expected]);
        let elsewhere = text.replace("[daemon]", "[daemon]\nstate_dir = \"/srv/state\"");
        assert!(read(&elsewhere).is_ok(), "{name}");
    }
    assert!(read(&changed("/run/receiver/", "/var/lib/protime-webhookd/keys/")).is_ok());
}

#[test]
fn what_is_accepted_and_looks_like_a_mistake_is_a_warning() {
    for (from, to, expected) in [
        (
            "[\"/usr/local/bin/resync-clockings\"]",
            "[\"/usr/local/bin/resync --all\"]",
            "26:12: `command`: \"/usr/local/bin/resync --all\" has a blank in it and is taken for the program's whole name; write each argument as a text of its own",
        ),
        (
            "clockings.key\"",
            "clockings.key\"\nmode = \"0200\"",
            "31:8: `mode`: \"0200\" lets no one read the key",
        ),
    ] {
        let warnings = read(&changed(from, to)).expect("accepted").warnings;
        assert_eq!(warnings, [format!("config.toml:{expected}")]);
    }
}
