//! A client of one of the daemon's sockets.

use std::{
    error::Error,
    fs,
    io::{self, ErrorKind},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use reqwest::{
    RequestBuilder, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use zeroize::Zeroizing;

use super::{failure::Failure, style::plain, target};
use crate::{domain::report, unix_group};

/// Long enough for a daemon that waits for its disk.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    which: &'static str,
    socket: PathBuf,
}

impl Client {
    pub(super) fn status(socket: &Path) -> anyhow::Result<Self> {
        Self::new("status", socket)
    }

    pub(super) fn control(socket: &Path) -> anyhow::Result<Self> {
        Self::new("control", socket)
    }

    fn new(which: &'static str, socket: &Path) -> anyhow::Result<Self> {
        Ok(Self { http: on(socket).timeout(PATIENCE).build()?, which, socket: socket.to_owned() })
    }

    /// A GET whose answer has no end: its pieces are read as they come.
    pub(super) async fn open(&self, path: &str) -> anyhow::Result<Response> {
        self.ask(on(&self.socket).build()?.get(at(path))).await
    }

    pub(super) async fn webhooks(&self) -> anyhow::Result<Vec<report::Webhook>> {
        Ok(self.get::<report::Webhooks>("/v1/webhooks").await?.webhooks)
    }

    /// The full name of the webhook that is meant.
    pub(super) async fn find(&self, webhook: &str) -> anyhow::Result<String> {
        Ok(target::full_name(target::find(webhook, &self.webhooks().await?)?))
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.receive(path, self.http.get(at(path))).await?)
    }

    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        read(self.receive(path, self.http.post(at(path))).await?)
    }

    pub(super) async fn post_json<T: DeserializeOwned>(
        &self,
        path: &str,
        json: &Zeroizing<Vec<u8>>,
    ) -> anyhow::Result<T> {
        let request = self.http.post(at(path)).body(json.to_vec()).header(CONTENT_TYPE, "application/json");
        read(self.receive(path, request).await?)
    }

    /// The version of the key that an event is signed with; an error if it is not.
    pub(super) async fn verify(
        &self,
        path: &str,
        authorization: &str,
        body: Vec<u8>,
    ) -> anyhow::Result<String> {
        let authorization = HeaderValue::from_str(authorization).map_err(|_| {
            Failure::Usage("--authorization holds characters that no header may have".to_owned())
        })?;
        let request = self.http.post(at(path)).header(AUTHORIZATION, authorization).body(body);
        let answer = self.ask(request).await?;
        if answer.status() == StatusCode::NO_CONTENT {
            let version = answer.headers().get("key-version").and_then(|value| value.to_str().ok());
            return Ok(version.unwrap_or("?").to_owned());
        }
        let status = answer.status();
        self.understand(path, answer).await?;
        anyhow::bail!("the daemon answers {status} to {path}, which is not understood")
    }

    async fn ask(&self, request: RequestBuilder) -> anyhow::Result<Response> {
        request.send().await.map_err(|error| self.unreachable(&error).into())
    }

    async fn receive(&self, path: &str, request: RequestBuilder) -> anyhow::Result<Vec<u8>> {
        self.understand(path, self.ask(request).await?).await
    }

    async fn understand(&self, path: &str, answer: Response) -> anyhow::Result<Vec<u8>> {
        let status = answer.status();
        let is_problem =
            answer.headers().get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json");
        let body = answer.bytes().await.map_err(|error| self.unreachable(&error))?;
        // 503 without a problem is the answer of `health`.
        if !is_problem && (status.is_success() || status == StatusCode::SERVICE_UNAVAILABLE) {
            return Ok(body.into());
        }
        let detail = serde_json::from_slice::<Value>(&body)
            .ok()
            .and_then(|problem| problem["detail"].as_str().map(plain));
        match detail {
            Some(detail) if status == StatusCode::UNPROCESSABLE_ENTITY => {
                Err(Failure::Configuration(format!("error: {detail}")).into())
            }
            Some(detail) => anyhow::bail!("{detail}"),
            None => anyhow::bail!("the daemon answers {status} to {path}, without saying why"),
        }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        let mut system = None;
        while let Some(error) = cause {
            system = error.downcast_ref::<io::Error>().or(system);
            cause = error.source();
        }
        let (which, socket) = (self.which, self.socket.display());
        let text = match system.map(io::Error::kind) {
            _ if error.is_timeout() => {
                format!(
                    "the daemon did not answer within {} s on its {which} socket {socket}\nif it stays so: \
                     'journalctl -u protime-webhookd' may tell why, and a restart loses nothing",
                    PATIENCE.as_secs()
                )
            }
            Some(ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {
                return Failure::NotRunning(format!(
                    "the daemon does not run, or not with this configuration: no one listens on its {which} socket \
                     {socket}\nstart it with 'systemctl start protime-webhookd', or 'protime-webhookd run'; \
                     'journalctl -u protime-webhookd' tells why it ended"
                ));
            }
            Some(ErrorKind::PermissionDenied) => {
                format!(
                    "this user may not use the daemon's {which} socket {socket}\n{}",
                    permission(&self.socket)
                )
            }
            _ => {
                let why = system.map_or_else(|| error.to_string(), ToString::to_string);
                format!("the daemon does not answer on its {which} socket {socket}: {why}")
            }
        };
        Failure::Unreachable(text)
    }
}

fn at(path: &str) -> String {
    format!("http://daemon{path}")
}

fn on(socket: &Path) -> reqwest::ClientBuilder {
    // Nothing here speaks TLS, so a machine without root certificates is as good as any.
    reqwest::Client::builder().unix_socket(socket).tls_certs_only([])
}

fn read<T: DeserializeOwned>(body: Vec<u8>) -> anyhow::Result<T> {
    let body = Zeroizing::new(body);
    serde_json::from_slice(&body).map_err(|error| {
        // The position tells enough, the text might be a key.
        anyhow::anyhow!(
            "the daemon's answer is not understood (line {}, column {}); does it have the version of this program?",
            error.line(),
            error.column()
        )
    })
}

/// What a person can do who may not use a socket.
fn permission(socket: &Path) -> String {
    let group = fs::symlink_metadata(socket).ok().and_then(|file| unix_group::name(file.gid()));
    match group {
        Some(group) if group != "root" => {
            format!(
                "become a member of the group '{group}' (usermod -aG {group} USER, then log in again), or use sudo"
            )
        }
        _ => "use sudo, or give the socket a group of yours (socket_group in [daemon])".to_owned(),
    }
}

#[cfg(test)]
mod tests;
