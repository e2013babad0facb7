//! `[[tenant.webhook.key_sink]]`, in all its kinds.

use std::{path::PathBuf, time::Duration};

use reqwest::Url;

use super::tenant;
use crate::config::{
    address,
    forms::{self, Program},
    key::{Form, Key, POSITIVE, Part, Table, key, mode, part, table, text},
    settings::KeyFormat,
    units,
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
    KIND: Key<Kind> = key("kind", Form::Word(&[("file", Kind::File), ("command", Kind::Command), ("http", Kind::Http)]))
        .required("write kind = \"file\", kind = \"command\" or kind = \"http\"");
    /// After this the hand-off has failed.
    TIMEOUT: Key<Duration> = key("timeout", POSITIVE).only_for(&["command", "http"]).default("30s");
    /// The program, as for a resync.
    COMMAND: Key<Program> = key("command", Form::Other(forms::COMMAND, forms::program))
        .only_for(&["command"]).required(forms::WRITE_COMMAND).discreet();
    /// The token, as for a resync.
    TOKEN: Part = part("token", &tenant::SECRET).only_for(&["http"]).help(forms::WRITE_TOKEN);
    /// The server's address.
    URL: Key<Url> = text("url", address::endpoint).only_for(&["http"]).required(forms::WRITE_URL);
    /// The file; a key has a file of its own.
    PATH: Key<PathBuf> = text("path", units::file_path).only_for(&["file"])
        .required("write `path = \"/run/receiver/clockings.key\"`, say");
    /// raw: the key and nothing else. json: an object.
    FORMAT: Key<KeyFormat> = key("format", Form::Word(&[("raw", KeyFormat::Raw), ("json", KeyFormat::Json)]))
        .only_for(&["file"]).default("raw");
    /// Group of the file. (No default: the daemon's own group.)
    GROUP: Key<String> = text("group", |group| units::text(group, "write a text, or remove `group`")).only_for(&["file"]);
    /// "0600", or "0640" if there is a group.
    MODE: Key<u32> = mode("mode").only_for(&["file"]).odd(|mode| {
        let whose = if mode & 0o444 == 0 { "nobody" } else { "every user of this machine" };
        (mode & 0o444 == 0 || mode & 0o004 != 0).then(|| format!("lets {whose} read the key"))
    });
}
