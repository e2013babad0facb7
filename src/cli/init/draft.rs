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
        let mut lines = self.head();
        lines.extend(self.tenant());
        for (index, collection) in self.collections.iter().enumerate() {
            // What a key means is explained once.
            let webhook = self.webhook(collection);
            lines.extend(webhook.into_iter().filter(|line| index == 0 || !line.starts_with("# ")));
        }
        lines.join("\n") + "\n"
    }

    fn head(&self) -> Vec<String> {
        let head = EXAMPLE.split("\n[[tenant]]\n").next().unwrap_or_default();
        let own = |line: &str| {
            let is_ours = line.starts_with("user_agent = ");
            if is_ours { format!("user_agent = {}", quoted(&self.user_agent)) } else { line.to_owned() }
        };
        head.lines().map(own).collect()
    }

    fn tenant(&self) -> Vec<String> {
        let (source, name) = &self.secret;
        let mut lines = vec![
            String::new(),
            "# Every further key of tenants, webhooks, resyncs and key sinks is explained in config.example.toml;"
                .to_owned(),
            "# the package has it in /usr/share/doc/protime-webhookd/examples.".to_owned(),
            "[[tenant]]".to_owned(),
            format!("name = {}", quoted(&self.tenant)),
        ];
        match &self.address {
            Address::Environment(word) => lines.push(format!("environment = {}", quoted(word))),
            Address::Own { api_origin, token_url } => {
                lines.push(format!("api_origin = {}", quoted(api_origin)));
                lines.push(format!("token_url = {}", quoted(token_url)));
            }
        }
        lines.push(format!("client_id = {}", quoted(&self.client_id)));
        lines.push("# Where the secret is found; the secret itself must not stand here.".to_owned());
        lines.push(format!("client_secret = {{ {source} = {} }}", quoted(name)));
        lines
    }

    fn webhook(&self, collection: &str) -> Vec<String> {
        let mut lines = vec![
            String::new(),
            "# As many as you like; what stands below one belongs to it, up to the next.".to_owned(),
            "[[tenant.webhook]]".to_owned(),
            format!("collection = {}", quoted(collection)),
            format!("destination_url = {}", quoted(&filled(&self.destination_url, collection))),
            String::new(),
            "# Protime never replays the events of a gap, so the receiver must be brought up to date."
                .to_owned(),
            "[tenant.webhook.resync]".to_owned(),
        ];
        match &self.resync {
            Resync::Command(words) => {
                lines.push(
                    "# It gets the gap as JSON on standard input and as PROTIME_FROM and PROTIME_TO."
                        .to_owned(),
                );
                lines.push(format!("kind = {}", quoted("command")));
                let words: Vec<String> = words.iter().map(|word| quoted(&filled(word, collection))).collect();
                lines.push(format!("command = [{}]", words.join(", ")));
            }
            Resync::Kind(kind) => lines.push(format!("kind = {}", quoted(kind))),
        }
        if let Some(path) = &self.key_file {
            lines.push(String::new());
            lines.push("# Who gets a new key: here a file that is replaced as a whole. Its reader's group is `group`.".to_owned());
            lines.push("[[tenant.webhook.key_sink]]".to_owned());
            lines.push(format!("kind = {}", quoted("file")));
            lines.push(format!("path = {}", quoted(&filled(path, collection))));
            lines.push("# group = \"receiver\"".to_owned());
        }
        lines
    }
}

fn filled(text: &str, collection: &str) -> String {
    text.replace(PLACEHOLDER, collection)
}
