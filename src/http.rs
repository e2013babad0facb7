//! Requests to servers of the operator's: key sinks and resyncs of the kind `http`.
//!
//! Laws: no redirect is followed and no other origin is asked, so that a token goes where the configuration
//! sends it and nowhere else; nothing takes longer than its timeout; of an answer only the end is kept, and
//! never the key or the token in it; an address is shown by its host, since a query may hold a secret.
//! The token is found when the configuration is loaded, so that a reload finds a new one.
//!
//! In reading order: [`client`] says how any HTTP client of this program is built, Protime's too, and
//! [`certificate`] why a server is not trusted; [`answer`] reads what a server of the operator's says.

mod answer;
mod certificate;
mod client;
mod retry_after;
#[cfg(test)]
pub(crate) mod tests;

use std::{pin::pin, time::Duration};

use futures_util::future::{Either, select};
use reqwest::{
    Client, Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config,
    domain::task::{TaskError, TaskErrorKind},
    redact,
};

#[cfg(any(test, fuzzing))]
pub(crate) use self::retry_after::{http_date, retry_after};
pub(crate) use self::{
    answer::Answer,
    client::{BuildError, Outbound, bearer, check_ca_file, deepest, not_connected, sensitive},
    retry_after::{LONGEST_WAIT, date_and_wait, header},
};

/// Long enough to see whether a server is there.
const PREFLIGHT: Duration = Duration::from_secs(10);

impl Outbound {
    /// The server that the configuration names, with its token as it is now.
    pub(crate) fn endpoint(&self, config: &config::Endpoint) -> Result<Endpoint, BuildError> {
        let token = config.token.as_ref().map(config::SecretSource::resolve).transpose();
        let token = token.map_err(|error| BuildError(format!("token: {error}")))?;
        let header = |token: &SecretString| {
            let unfit = "token: it does not fit into a header: use visible ASCII characters";
            bearer(token.expose_secret()).ok_or_else(|| BuildError(unfit.to_owned()))
        };
        let authorization = token.as_ref().map(header).transpose()?;
        let client = self.client(&config.url)?;
        Ok(Endpoint { client, url: config.url.clone(), timeout: config.timeout, token, authorization })
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    client: Client,
    url: Url,
    timeout: Duration,
    token: Option<SecretString>,
    authorization: Option<HeaderValue>,
}

impl Endpoint {
    /// The address as it is configured, for the database; it may hold a secret.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// Host and port, for people.
    pub(crate) fn place(&self) -> String {
        redact::host(&self.url)
    }

    /// How long a task may take, all its requests together.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// An address that an answer names, if it is of this very origin.
    pub(crate) fn same_origin(&self, from: &Url, location: &str) -> Result<Url, TaskError> {
        let place = self.place();
        let url = from.join(location).map_err(|error| {
            TaskError::new(format!("{place} answers with a Location that is not a URL: {error}"))
        })?;
        if url.origin() == self.url.origin() && url.username().is_empty() && url.password().is_none() {
            return Ok(url);
        }
        Err(TaskError::new(format!(
            "{place} answers with a Location on another origin, which is not asked: it must have the scheme, \
             host and port of the configured url"
        )))
    }

    /// Does `what` with the server, unless the daemon stops before that is done.
    pub(crate) async fn unless<T>(
        &self,
        stop: impl Future<Output = ()>,
        what: &str,
        work: impl Future<Output = Result<T, TaskError>>,
    ) -> Result<T, TaskError> {
        match select(pin!(stop), pin!(work)).await {
            Either::Left(_) => Err(TaskError {
                message: format!("{what} {} was given up", self.place()),
                output: None,
                kind: TaskErrorKind::Stopped,
            }),
            Either::Right((outcome, _)) => outcome,
        }
    }

    /// Whether someone who speaks HTTP is there, and can be trusted: any answer to a HEAD request says so.
    /// Neither token nor key is sent. Whether the server would take a key cannot be told without one.
    pub(crate) async fn preflight(&self) -> Result<(), TaskError> {
        let request = self.client.head(self.url.clone()).timeout(self.timeout.min(PREFLIGHT));
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.no_answer(&Method::HEAD, &error)),
        }
    }

    /// Sends one request to the address or another one of its origin, and reads the answer. `secret` is
    /// cut out of what is kept of it.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        json: Option<&[u8]>,
        secret: Option<&str>,
    ) -> Result<Answer, TaskError> {
        let token = self.token.as_ref().map(ExposeSecret::expose_secret);
        let secrets = secret.into_iter().chain(token);
        let answer = self.exchange(&method, url, self.authorization.as_ref(), json, secrets).await;
        answer.map_err(|error| self.no_answer(&method, &error))
    }

    /// The same with an authorization of the caller's.
    pub(crate) async fn exchange<'a>(
        &self,
        method: &Method,
        url: &Url,
        authorization: Option<&HeaderValue>,
        json: Option<&[u8]>,
        secrets: impl IntoIterator<Item = &'a str>,
    ) -> reqwest::Result<Answer> {
        let mut request = self.client.request(method.clone(), url.clone()).timeout(self.timeout);
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(json) = json {
            let content_type = HeaderValue::from_static("application/json");
            request = request.header(CONTENT_TYPE, content_type).body(json.to_vec());
        }
        let mut response = request.send().await?;
        Ok(Answer::read(&mut response, format!("{method} {}", self.place()), secrets).await)
    }

    fn no_answer(&self, method: &Method, error: &reqwest::Error) -> TaskError {
        let cause = if error.is_timeout() {
            format!("it did not answer within {:?}; make it faster, or raise timeout", self.timeout)
        } else if error.is_connect() {
            format!("cannot connect: {}", not_connected(error))
        } else {
            format!("the connection broke ({}); the server's own log may say why", deepest(error))
        };
        TaskError::new(format!("{method} {}: {cause}", self.place()))
    }
}
