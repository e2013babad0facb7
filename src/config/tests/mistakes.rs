//! Each mistake in the single tables and in a tenant, alone: line, column, message and help.

use super::*;

#[test]
fn unknown_keys_and_wrong_types() {
    judge(&[
        (
            "collection =",
            "colection =",
            "20:1: unknown key `colection` in [[tenant.webhook]]; did you mean `collection`?",
        ),
        (
            "destination_url =",
            "destinationUrl =",
            "21:1: unknown key `destinationUrl` in [[tenant.webhook]]; did you mean `destination_url`?",
        ),
        ("[api]", "[apl]", "9:2: unknown key `apl` in the root table; did you mean `api`?"),
        (
            "[api]",
            "[network]",
            "9:2: unknown key `network` in the root table; the root table knows `user_agent`, `daemon`, `renewal`, `api`, `metrics`, `history`, `include` and `tenant`",
        ),
        (
            "retry_max = \"15m\"",
            "retries = 3",
            "7:1: unknown key `retries` in [renewal]; [renewal] knows `renew_before`, `jitter`, `retry_initial`, `retry_max`, `max_concurrent`, `max_unplanned_rotations_per_hour`, `gap_margin` and `previous_key_grace`",
        ),
        (
            "retry_max = \"15m\"",
            "retry_max = 900",
            "7:13: `retry_max`: 900 is an integer; it must be a duration in double quotes, such as \"90s\"",
        ),
        (
            "= 120",
            "= \"120\"",
            "10:27: `max_requests_per_minute`: \"120\" is a string; it must be a whole number such as 10",
        ),
        (
            "= 120",
            "= 0",
            "10:27: `max_requests_per_minute`: 0 is out of range; write a whole number from 1 to 1000000",
        ),
        (
            "= 120",
            "= -5",
            "10:27: `max_requests_per_minute`: -5 is out of range; write a whole number from 1 to 1000000",
        ),
        (
            "[\"/usr/local/bin/resync-clockings\"]",
            "\"/usr/local/bin/resync-clockings\"",
            "26:11: `command`: \"/usr/local/bin/resync-clockings\" is a string; it must be an array of texts, program first: command = [\"/usr/local/bin/program\", \"argument\"]",
        ),
        (
            "[tenant.webhook.resync]",
            "[[tenant.webhook.resync]]",
            "24:1: `resync`: [[tenant.webhook.resync]] is an array; it must be a table: write [tenant.webhook.resync]",
        ),
        (
            "[\"people,@badge-number\", ",
            "[1, ",
            "22:24: `external_references`: 1 is an integer; it must be a text in double quotes",
        ),
        (
            "[daemon]\nstatus_poll = \"*/5 * * * *\"",
            "daemon = 1",
            "3:10: `daemon`: 1 is an integer; it must be a table: write [daemon]",
        ),
    ]);
}

#[test]
fn values_of_daemon() {
    judge(&[
        (
            "WebhookRenewal/v1 (Your Company)",
            "WebhookRenewal",
            "1:14: `user_agent`: \"WebhookRenewal\" is not a user agent as Protime demands it; write \"Service/Version (Company)\", such as \"WebhookRenewal/v1 (Your Company)\"",
        ),
        (
            "user_agent = \"WebhookRenewal/v1 (Your Company)\"",
            "",
            "1:1: `user_agent` is missing in the root table; write `user_agent = \"Service/Version (Company)\"` above the first table: Protime demands it",
        ),
        (
            "\"*/5 * * * *\"",
            "\"*/5 * * *\"",
            "4:15: `status_poll`: \"*/5 * * *\" has 4 fields and not five or six; write `second minute hour day month weekday`, such as \"0 */5 * * * *\"; five fields get second 0",
        ),
        (
            "\"*/5 * * * *\"",
            "\"0 0 25 * * *\"",
            "4:15: `status_poll`: \"0 0 25 * * *\" is not a cron pattern: hour `25`: number out of bounds; the hour is 0-23, `*`, or a list, range or step of them; write `second minute hour day month weekday`, such as \"0 */5 * * * *\"; five fields get second 0",
        ),
        (
            "\"*/5 * * * *\"",
            "\"0 0 0 31 2 *\"",
            "4:15: `status_poll`: \"0 0 0 31 2 *\" never comes: no day fits it; write a day that exists; day of the month and weekday must both fit",
        ),
        (
            "status_poll",
            "state_dir = \"var/lib\"\nstatus_poll",
            "4:13: `state_dir`: \"var/lib\" is not an absolute path; write the whole path, beginning with /",
        ),
        (
            "status_poll",
            "status_socket = \"status.sock\"\nstatus_poll",
            "4:17: `status_socket`: \"status.sock\" is not an absolute path; write the whole path, beginning with /",
        ),
        (
            "status_poll",
            "status_socket = \"/s\"\ncontrol_socket = \"/s\"\nstatus_poll",
            "5:18: `status_socket` and `control_socket` are the same; give each socket a path of its own: everyone may speak to the one, and the other gives out keys",
        ),
        (
            "status_poll",
            "status_socket_mode = 666\nstatus_poll",
            "4:22: `status_socket_mode`: 666 is an integer; it must be permission bits in octal and in double quotes, such as \"0640\"",
        ),
        (
            "status_poll",
            "status_socket_mode = \"rw-rw-rw-\"\nstatus_poll",
            "4:22: `status_socket_mode`: \"rw-rw-rw-\" is not a file mode; write permission bits in octal, as chmod takes them, such as \"0640\"",
        ),
        (
            "status_poll",
            "socket_group = \"\"\nstatus_poll",
            "4:16: `socket_group`: \"\" is empty; write a text, or remove `socket_group`",
        ),
        (
            "status_poll",
            "log_level = \"inof\"\nstatus_poll",
            "4:13: `log_level`: \"inof\" is not a word that is known here; did you mean \"info\"? It is one of `off`, `error`, `warn`, `info`, `debug` and `trace`",
        ),
        (
            "status_poll",
            "log_format = \"xml\"\nstatus_poll",
            "4:14: `log_format`: \"xml\" is not a word that is known here; write one of `auto`, `text` and `json`",
        ),
    ]);
}

#[test]
fn values_of_renewal_and_api() {
    judge(&[
        (
            "\"15m\"",
            "\"15mni\"",
            "7:13: `retry_max`: \"15mni\" is not a duration: there is no unit `mni`; write a duration such as \"200ms\", \"90s\", \"15m\", \"48h\", \"7d\" or \"1h 30m\"",
        ),
        (
            "\"15m\"",
            "\"2s\"",
            "7:13: `retry_initial` (5s) is longer than `retry_max` (2s); write a `retry_initial` (default 5s) of at most `retry_max` (default 15m)",
        ),
        (
            "retry_max",
            "retry_initial = \"1h\"\nretry_max",
            "7:17: `retry_initial` (1h) is longer than `retry_max` (15m); write a `retry_initial` (default 5s) of at most `retry_max` (default 15m)",
        ),
        (
            "retry_max",
            "retry_initial = \"0s\"\nretry_max",
            "7:17: `retry_initial`: \"0s\" is no time at all; write a duration above zero",
        ),
        (
            "retry_max",
            "renew_before = \"2/3\"\nretry_max",
            "7:16: `renew_before`: \"2/3\" is more than half of the lifetime: a webhook is not renewed before half of it has passed; write \"1/2\" or less",
        ),
        (
            "retry_max",
            "renew_before = \"often\"\nretry_max",
            "7:16: `renew_before`: \"often\" is neither a part of the lifetime nor a duration; write a fraction such as \"1/3\", a percentage such as \"5%\", or a duration such as \"48h\"",
        ),
        (
            "retry_max",
            "jitter = \"200%\"\nretry_max",
            "7:10: `jitter`: \"200%\" is more than the whole lifetime; write a fraction such as \"1/3\", a percentage such as \"5%\", or a duration such as \"48h\"",
        ),
        (
            "retry_max",
            "max_concurrent = 0\nretry_max",
            "7:18: `max_concurrent`: 0 is out of range; write a whole number from 1 to 10000",
        ),
        (
            "[api]",
            "[metrics]\nlisten = \"0.0.0.0:9464\"\n[api]",
            "10:10: `listen`: \"0.0.0.0:9464\" is reachable from other machines, and who may read metrics is not checked there; write a loopback address and a port, such as \"127.0.0.1:9464\" or \"[::1]:9464\"",
        ),
        (
            "max_requests",
            "ca_file = \"extra.pem\"\nmax_requests",
            "10:11: `ca_file`: \"extra.pem\" is not an absolute path; write the whole path, beginning with /",
        ),
        (
            "max_requests",
            "request_timeout = \"0s\"\nmax_requests",
            "10:19: `request_timeout`: \"0s\" is no time at all; write a duration above zero",
        ),
    ]);
}

#[test]
fn tenants() {
    judge(&[
        (
            "name = \"acme\"",
            "name = \"a b\"",
            "13:8: `name`: \"a b\" is not a name; a name has 1 to 64 characters out of a-z, A-Z, 0-9, '.', '_' and '-', and starts with a letter or a digit",
        ),
        (
            "name = \"acme\"",
            "name = \"a.b\"",
            "14:15: the tenant's name \"a.b\" cannot be a part of Protime's address (letters, digits and hyphens only); name the tenant as in its address https://<tenant>.<environment>, or write `api_origin` and `token_url` instead of `environment`",
        ),
        (
            "name = \"acme\"\n",
            "",
            "12:1: `name` is missing in [[tenant]]; write `name = \"acme\"`, a name of your choice",
        ),
        (
            "\"production\"",
            "\"prodution\"",
            "14:15: `environment`: \"prodution\" is not a word that is known here; did you mean \"production\"? It is one of `production` and `sandbox`",
        ),
        (
            "environment = \"production\"",
            "",
            "12:1: `environment` is missing in [[tenant]]; write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`",
        ),
        (
            "environment = \"production\"",
            "api_origin = \"https://a.eu\"",
            "14:1: `api_origin` stands without `token_url`; write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`",
        ),
        (
            "environment = \"production\"",
            "token_url = \"https://a.eu/token\"",
            "14:1: `token_url` stands without `api_origin`; write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`",
        ),
        (
            "environment =",
            "api_origin = \"https://a.eu\"\nenvironment =",
            "14:1: `environment` says already where this tenant is; write either `environment = \"production\"` (or \"sandbox\"), or both `api_origin` and `token_url`",
        ),
        (
            "environment = \"production\"",
            "api_origin = \"https://a.eu/api\"\ntoken_url = \"https://a.eu/token\"",
            "14:14: `api_origin`: \"https://a.eu/api\" has a path or a query; write scheme, host and port only: \"https://a.eu\"",
        ),
        (
            "environment = \"production\"",
            "api_origin = \"http://a.eu\"\ntoken_url = \"https://a.eu/token\"",
            "14:14: `api_origin`: \"http://a.eu\" is not encrypted; write https://; http:// is accepted for loopback addresses only (127.0.0.0/8, [::1], localhost)",
        ),
        (
            "client_id = \"my-client\"\n",
            "",
            "12:1: `client_id` is missing in [[tenant]]; write `client_id = \"…\"`, the OAuth client that Protime gave you",
        ),
        (
            "client_secret = { credential = \"acme-client-secret\" }",
            "",
            "12:1: `client_secret` is missing in [[tenant]]; write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \"/path\" }` or `{ env = \"NAME\" }`, which only name the secret",
        ),
        (
            "{ credential = \"acme-client-secret\" }",
            "{}",
            "16:17: `client_secret` does not say where the secret is; write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \"/path\" }` or `{ env = \"NAME\" }`, which only name the secret",
        ),
        (
            "\"acme-client-secret\" }",
            "\"acme\", env = \"ACME\" }",
            "16:17: `client_secret` names more than one place; keep one: write `client_secret = { credential = \"acme-client-secret\" }`, or `{ file = \"/path\" }` or `{ env = \"NAME\" }`, which only name the secret",
        ),
        (
            "{ credential = \"acme-client-secret\" }",
            "{ env = \"9-b\" }",
            "16:25: `env` is not the name of an environment variable; write the variable's name (letters, digits and underscores), such as \"ACME_CLIENT_SECRET\"",
        ),
        (
            "{ credential = \"acme-client-secret\" }",
            "{ file = \"secret\" }",
            "16:26: `file` is not an absolute path; write the whole path, beginning with /",
        ),
        (
            "{ credential =",
            "{ credentail =",
            "16:19: unknown key `credentail` in client_secret; did you mean `credential`?",
        ),
        (
            "client_id",
            "key_field = \" \"\nclient_id",
            "15:13: `key_field`: \" \" is empty; write a text, or remove `key_field`",
        ),
    ]);
}

#[test]
fn scopes() {
    judge(&[
        (
            "client_id",
            "scopes = [\"a b\"]\nclient_id",
            "15:11: `scopes`: \"a b\" is not a valid scope; write one scope without spaces, such as \"connector-protimeapi-clockings.read\"",
        ),
        (
            "client_id",
            "scopes = \"a\"\nclient_id",
            "15:10: `scopes`: \"a\" is a string; it must be an array of texts such as [\"connector-protimeapi-clockings.read\"]",
        ),
        (
            "client_id",
            "scopes = [\"a\", \"b\", \"a\"]\nclient_id",
            "15:21: \"a\" is listed twice; keep one of the two",
        ),
    ]);
}

#[test]
fn a_number_for_a_text_is_told_how_the_text_is_written() {
    judge(&[
        (
            "retry_max",
            "renew_before = 0.5\nretry_max",
            "7:16: `renew_before`: 0.5 is a float; it must be a fraction, a percentage or a duration in double quotes, such as \"1/3\"",
        ),
        (
            "retry_max",
            "jitter = 5\nretry_max",
            "7:10: `jitter`: 5 is an integer; it must be a fraction, a percentage or a duration in double quotes, such as \"5%\"",
        ),
        (
            "[api]",
            "[metrics]\nlisten = 9464\n[api]",
            "10:10: `listen`: 9464 is an integer; it must be an address with a port in double quotes, such as \"127.0.0.1:9464\"",
        ),
        (
            "\"15m\"",
            "\"1.5m\"",
            "7:13: `retry_max`: \"1.5m\" is not a duration: a number has no decimal point; write a duration such as \"200ms\", \"90s\", \"15m\", \"48h\", \"7d\" or \"1h 30m\"",
        ),
        (
            "\"my-client\"",
            "\"\"",
            "15:13: `client_id`: \"\" is empty; write the OAuth client that Protime gave you",
        ),
        (
            "\"my-client\"",
            "\"my\\u0009client\"",
            "15:13: `client_id`: \"my\\u0009client\" has a control character in it; write the OAuth client that Protime gave you",
        ),
        (
            "clockings.key\"",
            "clockings.key\"\nmode = 0640",
            "31:8: not TOML: unexpected leading zero; write the number without the 0 before it, and permission bits as a text: \"0640\"",
        ),
        (
            "/run/receiver/clockings.key",
            "C:\\run\\clockings.key",
            "30:16: not TOML: missing escaped value; a backslash in double quotes is written twice; in single quotes it is itself",
        ),
        (
            "\"my-client\"",
            "null",
            "15:13: not TOML: invalid float; put the text in double quotes: \"…\"; what is not to have a value is left out",
        ),
        (
            "environment = \"production\"",
            "api_origin = \"acme.myprotime.eu\"\ntoken_url = \"https://a.eu/token\"",
            "14:14: `api_origin`: \"acme.myprotime.eu\" is not a URL: it does not begin with https://; write scheme, host and port, such as \"https://acme.myprotime.eu\"",
        ),
        (
            "[daemon]",
            "; a comment\n[daemon]",
            "3:1: not TOML: invalid unquoted key; write `key = value`; a key has letters, digits, `_` and `-`, and a comment begins with #",
        ),
    ]);
}

#[test]
fn a_key_in_the_wrong_table_is_told_where_it_belongs() {
    let found = problems(&changed("[api]", "[api]\nstate_dir = \"/var/lib/x\"\ntimeout = \"5m\""));
    for (problem, home) in
        found.iter().zip(["in [daemon]", "in [tenant.webhook.resync] or [[tenant.webhook.key_sink]]"])
    {
        assert!(problem.contains(&format!("; it belongs {home}; [api] knows `")), "{found:#?}");
    }
    assert_eq!(found.len(), 2, "{found:#?}");
}
