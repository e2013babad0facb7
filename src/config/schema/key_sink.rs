//! `[[tenant.webhook.key_sink]]`, in all its kinds.

use std::{path::PathBuf, time::Duration};

use reqwest::Url;

use super::secret::SECRET;
use crate::config::{
    address,
    forms::{self, Program},
    key::{self, Form, Key, POSITIVE, Part, table},
    settings::KeyFormat,
    units,
    value::TEXT,
};

/// Who gets a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::config) enum Kind {
    File,
    Command,
    Http,
}

table! { KEY_SINK = "[[tenant.webhook.key_sink]]";
    /// file: written aside, made durable, renamed. command: a program that gets it on standard input.
    /// http: a server of yours that gets it by PUT. Each has what it gets at its own pace.
    KIND: Key<Kind> = "kind", Form::Word(&[
        ("file", Kind::File), ("command", Kind::Command), ("http", Kind::Http),
    ]), is_required: true, help: "write kind = \"file\", kind = \"command\" or kind = \"http\"";
    /// After this the hand-off has failed.
    TIMEOUT: Key<Duration> = "timeout", POSITIVE, kinds: &["command", "http"], default: Some("30s");
    /// A program, as for a resync.
    COMMAND: Key<Program> = "command", Form::Other(forms::COMMAND, forms::program), kinds: &["command"],
        is_required: true, help: forms::WRITE_COMMAND, is_discreet: true;
    /// Its token, as for a resync.
    TOKEN: Part = "token", &SECRET, kinds: &["http"], help: forms::WRITE_TOKEN;
    /// A server that says with 2xx that it has the key.
    URL: Key<Url> = "url", Form::Text(TEXT, address::endpoint), kinds: &["http"],
        is_required: true, help: forms::WRITE_URL;
    /// A file of its own for each key.
    PATH: Key<PathBuf> = "path", Form::Text(TEXT, units::file_path), kinds: &["file"],
        is_required: true, help: "write `path = \"/run/receiver/clockings.key\"`, say";
    /// raw: the key and nothing else. json: an object.
    FORMAT: Key<KeyFormat> = "format", Form::Word(&[("raw", KeyFormat::Raw), ("json", KeyFormat::Json)]),
        kinds: &["file"], default: Some("raw");
    /// Group of the file. (No default: the daemon's own group.)
    GROUP: Key<String> = "group", Form::Text(TEXT, |group| {
        units::text(group, "write a text, or remove `group`")
    }), kinds: &["file"];
    /// "0600", or "0640" if there is a group.
    MODE: Key<u32> = "mode", Form::Odd(&key::MODE, |mode| {
        let whose = if mode & 0o444 == 0 { "no one" } else { "every user of this machine" };
        (mode & 0o444 == 0 || mode & 0o004 != 0).then(|| format!("lets {whose} read the key"))
    }), kinds: &["file"];
}
