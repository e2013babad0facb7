//! Any path below the API's root, given as it comes: for what Protime's guide mentions and no page
//! describes, such as the debugging endpoints, whose paths it does not show.
//!
//! Laws: it only reads; a path that leads elsewhere is refused before anything is sent.

use reqwest::Method;
use zeroize::Zeroizing;

use super::{
    TenantClient,
    error::{ApiError, Endpoint},
    http::{LARGE_ANSWER, Outgoing},
    webhooks::reading,
};

#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadingError {
    #[error("{0}")]
    Path(String),
    #[error(transparent)]
    Api(#[from] ApiError),
}

pub(crate) struct Reading {
    /// The body, byte for byte. It is not for logs.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// What it means, if it is not a success.
    pub(crate) refusal: Option<ApiError>,
}

impl TenantClient {
    /// What is at a path below the API's root, such as `webhooks/ID` or `people?filter=…`.
    pub(crate) async fn read_path(&self, path: &str) -> Result<Reading, ReadingError> {
        let url = self.inner.addresses.below_root(path).map_err(ReadingError::Path)?;
        let request = Outgoing { limit: LARGE_ANSWER, ..reading(Endpoint::Path, Method::GET, url) };
        let (answer, token) = self.authorized(request.clone()).await.map_err(ApiError::from)?;
        let refusal = (!answer.status.is_success()).then(|| self.refused(&request, &answer, &token, &[]));
        match (answer.body, refusal) {
            (Ok(body), refusal) => Ok(Reading { body, refusal }),
            (Err(_), Some(refusal)) => Err(refusal.into()),
            (Err(wrong), None) => {
                Err(ApiError::transient(format!("Protime's answer could not be read: {wrong}")).into())
            }
        }
    }
}
