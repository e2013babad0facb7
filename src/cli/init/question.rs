//! What `init` must know: which flags say it, how a person is asked, and what the answer changes.

use std::path::Path;

use super::{
    draft::{Address, Draft, KINDS, Resync},
    flags::Args,
};
use crate::config;

/// What the rules of the configuration say of a draft: what they complain of, or at least doubt.
pub(super) fn judge(draft: &Draft) -> Result<Vec<String>, Vec<String>> {
    match config::judge(Path::new("config.toml"), &draft.text()) {
        // A place in a file that is yet to be written says nothing.
        Ok(config) => {
            let from_the_key = |warning: &String| warning.find('`').unwrap_or(0);
            Ok(config.warnings.iter().map(|warning| warning[from_the_key(warning)..].to_owned()).collect())
        }
        Err(error) => {
            Err(error.problems().map(|problem| format!("{}; {}", problem.message, problem.help)).collect())
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    UserAgent,
    Address,
    Tenant,
    ClientId,
    Secret,
    Collections,
    Destination,
    Resync,
    KeyFile,
}

impl Question {
    pub(super) const ALL: [Self; 9] = [
        Self::UserAgent,
        Self::Address,
        Self::Tenant,
        Self::ClientId,
        Self::Secret,
        Self::Collections,
        Self::Destination,
        Self::Resync,
        Self::KeyFile,
    ];

    pub(super) fn flags(self) -> &'static str {
        match self {
            Self::UserAgent => "--user-agent",
            Self::Address => "--environment (or --api-origin and --token-url)",
            Self::Tenant => "--tenant",
            Self::ClientId => "--client-id",
            Self::Secret => "--client-secret-credential (or --client-secret-file or --client-secret-env)",
            Self::Collections => "--collection",
            Self::Destination => "--destination-url",
            Self::Resync => "--resync-command (or --resync)",
            Self::KeyFile => "--key-file",
        }
    }

    pub(super) fn is_optional(self) -> bool {
        self == Self::KeyFile
    }

    pub(super) fn prompt(self) -> String {
        let text = match self {
            Self::UserAgent => "User agent, \"Service/Version (Company)\", as Protime demands it",
            Self::Address => "Environment of the tenant at Protime: production or sandbox",
            Self::Tenant => "Name of the tenant, as in https://NAME.myprotime.eu",
            Self::ClientId => "OAuth client id that Protime gave you",
            Self::Secret => {
                "Where its secret lies, never the secret itself: the name of a systemd credential, a /file, or \
                 a $VARIABLE"
            }
            Self::Collections => "Collections to watch, separated by spaces",
            Self::Destination => "URL that Protime sends events to; {collection} stands for the collection",
            Self::Resync => {
                let kinds = KINDS.map(|(word, does)| format!(", or {word} ({does})")).concat();
                return format!(
                    "Resync: the program that brings the receiver up to date after a gap, with its arguments{kinds}"
                );
            }
            Self::KeyFile => "File for the key, for the receiver to read; empty for none",
        };
        text.to_owned()
    }

    pub(super) fn default(self, draft: &Draft) -> Option<String> {
        match self {
            Self::Address => Some("production".to_owned()),
            Self::Secret => Some(format!("{}-client-secret", draft.tenant)),
            Self::Collections => Some("clockings".to_owned()),
            _ => None,
        }
    }

    pub(super) fn by_flags(self, args: &Args, draft: &Draft) -> Option<Draft> {
        let mut draft = draft.clone();
        match self {
            Self::UserAgent => draft.user_agent.clone_from(args.user_agent.as_ref()?),
            Self::Address => {
                draft.address = match (&args.environment, &args.api_origin, &args.token_url) {
                    (Some(word), _, _) => Address::Environment(word.clone()),
                    (None, Some(api_origin), Some(token_url)) => {
                        Address::Own { api_origin: api_origin.clone(), token_url: token_url.clone() }
                    }
                    _ => return None,
                }
            }
            Self::Tenant => draft.tenant.clone_from(args.tenant.as_ref()?),
            Self::ClientId => draft.client_id.clone_from(args.client_id.as_ref()?),
            Self::Secret => {
                let given = [
                    ("credential", &args.client_secret_credential),
                    ("file", &args.client_secret_file),
                    ("env", &args.client_secret_env),
                ];
                draft.secret = given.into_iter().find_map(|(source, name)| Some((source, name.clone()?)))?;
            }
            Self::Collections if args.collection.is_empty() => return None,
            Self::Collections => draft.collections.clone_from(&args.collection),
            Self::Destination => draft.destination_url.clone_from(args.destination_url.as_ref()?),
            Self::Resync if args.resync_command.is_empty() => {
                draft.resync = Resync::Kind(args.resync.clone()?);
            }
            Self::Resync => draft.resync = Resync::Command(args.resync_command.clone()),
            Self::KeyFile => draft.key_file = Some(args.key_file.clone()?),
        }
        Some(draft)
    }

    pub(super) fn by_text(self, text: &str, draft: &Draft) -> Draft {
        let mut draft = draft.clone();
        let words = || text.split_whitespace().map(str::to_owned).collect();
        let answer = text.to_owned();
        match self {
            Self::UserAgent => draft.user_agent = answer,
            Self::Address => draft.address = Address::Environment(answer),
            Self::Tenant => draft.tenant = answer,
            Self::ClientId => draft.client_id = answer,
            Self::Secret => {
                draft.secret = match text.strip_prefix('$') {
                    Some(variable) => ("env", variable.to_owned()),
                    None if text.starts_with('/') => ("file", answer),
                    None => ("credential", answer),
                }
            }
            Self::Collections => draft.collections = words(),
            Self::Destination => draft.destination_url = answer,
            Self::Resync if KINDS.iter().any(|(word, _)| *word == text) => {
                draft.resync = Resync::Kind(answer);
            }
            Self::Resync => draft.resync = Resync::Command(words()),
            Self::KeyFile => draft.key_file = (!text.is_empty()).then_some(answer),
        }
        draft
    }
}
