//! What is asked, what is accepted, and what stands in the file afterwards.

use clap::Parser as _;

use super::*;
use crate::config::{ResyncKind, SecretSource};

#[derive(Debug, clap::Parser)]
struct Root {
    #[command(flatten)]
    args: Args,
}

fn args(line: &[&str]) -> Args {
    Root::try_parse_from(std::iter::once(&"init").chain(line)).expect("flags that are known").args
}

/// Answers every question with these lines; gives the draft and what was shown.
fn typed(flags: &[&str], lines: &str) -> (anyhow::Result<Draft>, String) {
    let (draft, open) = from_flags(&args(flags)).expect("flags that are right");
    let mut shown = Vec::new();
    let draft = dialogue(draft, open, &mut lines.as_bytes(), &mut shown);
    (draft, String::from_utf8(shown).expect("text"))
}

fn read(draft: &Draft) -> config::Config {
    config::judge(Path::new("/c.toml"), &draft.text()).unwrap_or_else(|error| panic!("{error}"))
}

const ANSWERS: &str = "Renewal/v1 (Test)\nsandbox\nglobex\nclient-7\n\nclockings people\n\
                       https://example.com/{collection}\n/usr/bin/resync {collection} --all\n\
                       /run/keys/{collection}.key\n";

#[test]
fn answers_become_a_configuration_that_says_the_same() {
    let (draft, shown) = typed(&[], ANSWERS);
    let config = read(&draft.expect("every answer is right"));
    assert_eq!(config.user_agent, "Renewal/v1 (Test)");
    let tenant = &config.tenants[0];
    assert_eq!(tenant.api_origin.as_str(), "https://globex.myprotimesandbox.eu/");
    assert_eq!(tenant.client_id, "client-7");
    assert_eq!(tenant.client_secret, SecretSource::Credential("globex-client-secret".to_owned()));
    assert_eq!(tenant.webhooks.len(), 2);
    assert_eq!(tenant.webhooks[1].pair.destination_url, "https://example.com/people");
    let ResyncKind::Command(command) = &tenant.webhooks[1].resync.kind else { panic!("a command") };
    assert_eq!(
        (command.program.as_str(), &command.args[..]),
        ("/usr/bin/resync", &["people".to_owned(), "--all".to_owned()][..])
    );
    assert_eq!(config.warnings, [] as [&str; 0]);
    assert_eq!(shown.matches(" > ").count(), Question::ALL.len());
}

#[test]
fn a_wrong_answer_is_refused_with_its_reason_and_asked_for_again() {
    let lines = ANSWERS
        .replace("Renewal/v1 (Test)", "Renewal\nRenewal/v1 (Test)")
        .replace("https://example.com", "http://example.com/{collection}\n\nhttps://example.com");
    let (draft, shown) = typed(&[], &lines);
    assert_eq!(draft.expect("right in the end"), typed(&[], ANSWERS).0.expect("right"));
    for reason in [
        "`user_agent`: \"Renewal\" is not a user agent as Protime demands it; write \"Service/Version",
        "is not encrypted; write https://",
        "`destination_url`: \"\" is not a URL",
    ] {
        assert!(shown.contains(reason), "no {reason} in\n{shown}");
    }
}

#[test]
fn a_doubtful_answer_must_be_given_twice() {
    let (draft, shown) = typed(&[], &ANSWERS.replace("clockings people", "clokings\nclokings"));
    assert_eq!(draft.expect("kept").collections, ["clokings"]);
    assert!(
        shown.contains("`collection`: \"clokings\" is not a collection that is known; did you mean"),
        "{shown}"
    );
    assert_eq!(shown.matches("the same answer again").count(), 1, "{shown}");
}

#[test]
fn what_a_flag_says_is_not_asked() {
    let flags =
        ["--user-agent", "A/1 (B)", "--environment", "production", "--tenant", "acme", "--client-id", "x"];
    let (draft, shown) = typed(&flags, "$SECRET\n\nhttps://example.com/hook\nnone\n\n");
    let draft = draft.expect("right");
    assert_eq!(shown.matches(" > ").count(), 5, "{shown}");
    assert_eq!(draft.secret, ("env", "SECRET".to_owned()));
    assert_eq!(draft.key_file, None);
    assert_eq!(read(&draft).tenants[0].webhooks[0].resync.kind, ResyncKind::None);
}

#[test]
fn an_input_that_ends_writes_nothing() {
    let (draft, _) = typed(&[], "A/1 (B)\n");
    let error = format!("{:#}", draft.expect_err("not every question was answered"));
    assert_eq!(error, "nothing was written: the input ended before every question was answered");
}

#[test]
fn every_wrong_flag_is_told_with_what_is_missing() {
    let flags = [
        "--user-agent",
        "A",
        "--destination-url",
        "http://example.com/",
        "--collection",
        "a b",
        "--resync",
        "none",
    ];
    let error = from_flags(&args(&flags)).expect_err("three are wrong").to_string();
    for part in [
        "--user-agent: `user_agent`: \"A\" is not a user agent",
        "--destination-url: `destination_url`: \"http://example.com/\" is not encrypted; write https://",
        "--collection: `collection`: \"a b\" is not the name of a collection",
        "missing: --environment (or --api-origin and --token-url), --tenant, --client-id, --client-secret-credential",
    ] {
        assert!(error.contains(part), "no {part} in\n{error}");
    }
    assert!(!error.contains("--key-file") && !error.contains("--resync"), "{error}");
}

#[test]
fn a_secret_in_the_place_of_its_name_is_not_shown() {
    let secret = "s3cr3t/with:odd+letters";
    let error = from_flags(&args(&["--client-secret-credential", secret])).expect_err("no name").to_string();
    assert!(
        error.contains("is not the name of a systemd credential") && !error.contains("s3cr3t"),
        "{error}"
    );
}

#[test]
fn several_collections_need_a_file_each() {
    let flags = ["--collection", "people", "--collection", "clockings", "--key-file"];
    let with = |path| from_flags(&args(&[&flags[..], &[path]].concat()));
    let error = with("/run/a.key").expect_err("one file for two keys").to_string();
    assert!(error.contains("--key-file: two key sinks write to the same file"), "{error}");
    assert!(with("/run/{collection}.key").is_ok());
}

#[test]
fn every_kind_that_a_flag_offers_is_right() {
    let parser = draft::kinds();
    let kinds = clap::builder::TypedValueParser::possible_values(&parser).expect("words");
    for kind in kinds {
        let kind = kind.get_name().to_owned();
        let (draft, _) = from_flags(&args(&["--resync", &kind])).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(draft.resync, draft::Resync::Kind(kind));
    }
}

#[test]
fn the_file_explains_itself_once() {
    let mut draft = Draft::sample();
    draft.collections.push("people".to_owned());
    draft.user_agent = "Mine/2 (\"Quoted\" \\ Company)".to_owned();
    let text = draft.text();
    assert!(text.contains("# status_poll = ") && text.contains("# renew_before = "), "{text}");
    assert_eq!(text.matches("Protime never replays").count(), 1, "{text}");
    assert_eq!(read(&draft).user_agent, draft.user_agent);
    assert!(text.ends_with("kind = \"none\"\n") && !text.contains("acme-client-secret\" }\n\n\n"), "{text}");
}

/// What is printed for a service with these flags.
fn steps_of_a_service(flags: &[&str]) -> String {
    let (draft, _) = from_flags(&args(flags)).expect("flags that are right");
    let file = Path::new("/etc/protime-webhookd/config.toml");
    steps::after(&config::judge(file, &draft.text()).expect("right"))
}

#[test]
fn each_place_of_a_secret_has_its_steps() {
    for (flags, commands) in [
        (
            ["--client-secret-credential", "50%-secret"],
            &[
                "install -m 0600 /dev/stdin /etc/protime-webhookd/50%-secret",
                "LoadCredential=50%%-secret:/etc/protime-webhookd/50%%-secret",
                "systemctl daemon-reload",
            ][..],
        ),
        (
            ["--client-secret-file", "/nowhere/it's here"],
            &["install -m 0640 -g protime-webhookd /dev/stdin '/nowhere/it'\\''s here'"],
        ),
        (
            ["--client-secret-env", "ACME_SECRET"],
            &["# Type ACME_SECRET=, paste", "EnvironmentFile=/etc/protime-webhookd/environment"],
        ),
        (
            ["--key-file", "/nowhere/keys/a.key"],
            &["echo 'd /nowhere/keys 0750 protime-webhookd", "ReadWritePaths=/nowhere/keys"],
        ),
    ] {
        let steps = steps_of_a_service(&flags);
        assert!(steps.starts_with("\nNext, as root:\n"), "{steps}");
        for command in commands.iter().chain(&["systemctl enable --now protime-webhookd"]) {
            assert!(steps.contains(command), "no {command} in\n{steps}");
        }
    }
}
