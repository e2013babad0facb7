//! A configuration to be: what was answered so far, and the text of its file.

use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::text::quoted;

/// The example, whose part above the first tenant, with every default and its explanation, is taken over.
const EXAMPLE: &str = include_str!("../../../config.example.toml");

/// In an answer it stands for each collection.
pub(super) const PLACEHOLDER: &str = "{collection}";

/// Kinds of resync that need nothing but their name, and what they do. A new one is one line here.
pub(super) const KINDS: [(&str, &str); 3] = [
    ("list", "the daemon reads the collection and sends every object to the receiver as an event"),
    ("delta", "the same, but only what changed, deletions included"),
    ("none", "what changes during a gap is lost"),
];

/// What a file is made from. Every field holds something that is right, so that what the rules
/// complain of is the one field that has just been answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) user_agent: String,
    pub(super) tenant: String,
    pub(super) address: Address,
    pub(super) client_id: String,
    /// Where the client secret is: `credential`, `file` or `env`, and which.
    pub(super) secret: (&'static str, String),
    pub(super) collections: Vec<String>,
    /// `destination_url`, perhaps with [`PLACEHOLDER`].
    pub(super) destination_url: String,
    pub(super) resync: Resync,
    /// `path` of a key sink, perhaps with [`PLACEHOLDER`].
    pub(super) key_file: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    Environment(String),
    Own { api_origin: String, token_url: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resync {
    Command(Vec<String>),
    Kind(String),
}

pub(super) fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(KINDS.map(|(word, does)| PossibleValue::new(word).help(does)))
}

impl Draft {
    pub(super) fn sample() -> Self {
        Self {
            user_agent: "WebhookRenewal/v1 (Your Company)".to_owned(),
            tenant: "acme".to_owned(),
            address: Address::Environment("production".to_owned()),
            client_id: "my-client".to_owned(),
            secret: ("credential", "acme-client-secret".to_owned()),
            collections: vec!["clockings".to_owned()],
            destination_url: "https://www.your-company.com/protime/{collection}".to_owned(),
            resync: Resync::Kind("none".to_owned()),
            key_file: None,
        }
    }

    pub(super) fn text(&self) -> String {
        let head = EXAMPLE.split("\n[[tenant]]\n").next().unwrap_or_default();
        let user_agent = format!("user_agent = {}", quoted(&self.user_agent));
        let own = |line| if str::starts_with(line, "user_agent = ") { &user_agent } else { line };
        let webhooks = self.collections.iter().enumerate().map(|(index, collection)| {
            let webhook = self.webhook(collection);
            // What a key means is explained once.
            let lines = webhook.lines().filter(|line| index == 0 || !line.starts_with("# "));
            lines.collect::<Vec<_>>().join("\n")
        });
        let head: Vec<&str> = head.lines().map(own).collect();
        let parts: Vec<String> = [head.join("\n"), self.tenant()].into_iter().chain(webhooks).collect();
        parts.join("\n\n") + "\n"
    }

    fn tenant(&self) -> String {
        let address = match &self.address {
            Address::Environment(word) => format!("environment = {}", quoted(word)),
            Address::Own { api_origin, token_url } => {
                format!("api_origin = {}\ntoken_url = {}", quoted(api_origin), quoted(token_url))
            }
        };
        format!(
            "\
# Every further key of tenants, webhooks, resyncs and key sinks is explained in config.example.toml;
# the package has it in /usr/share/doc/protime-webhookd/examples.
[[tenant]]
name = {name}
{address}
client_id = {client}
# Where the secret is found; the secret itself must not stand here.
client_secret = {{ {source} = {secret} }}",
            name = quoted(&self.tenant),
            client = quoted(&self.client_id),
            source = self.secret.0,
            secret = quoted(&self.secret.1),
        )
    }

    fn webhook(&self, collection: &str) -> String {
        let filled = |text: &str| quoted(&text.replace(PLACEHOLDER, collection));
        let resync = match &self.resync {
            Resync::Command(words) => {
                let words: Vec<String> = words.iter().map(|word| filled(word)).collect();
                format!(
                    "# It gets the gap as JSON on standard input and as PROTIME_FROM and PROTIME_TO.\n\
                     kind = \"command\"\ncommand = [{}]",
                    words.join(", ")
                )
            }
            Resync::Kind(kind) => format!("kind = {}", quoted(kind)),
        };
        let key_sink = self.key_file.as_ref().map_or_else(String::new, |path| {
            format!(
                "

# Who gets a new key: here a file that is replaced as a whole. Its reader's group is `group`.
[[tenant.webhook.key_sink]]
kind = \"file\"
path = {}
# group = \"receiver\"",
                filled(path)
            )
        });
        format!(
            "\
# As many as you like; what stands below one belongs to it, up to the next.
[[tenant.webhook]]
collection = {name}
destination_url = {destination}

# Protime never replays the events of a gap, so the receiver must be brought up to date.
[tenant.webhook.resync]
{resync}{key_sink}",
            name = quoted(collection),
            destination = filled(&self.destination_url),
        )
    }
}
