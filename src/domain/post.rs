//! The POSTs of a webhook, as far as they still matter: each may have issued a key and killed the one before.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Names a POST among all there ever are; drawn at random before it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct PostId(pub(crate) u64);

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<PostId> for String {
    fn from(id: PostId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for PostId {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u64::from_str_radix(&text, 16).map(Self)
    }
}

/// A POST that was begun, and had or may have had an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Post {
    pub(crate) id: PostId,
    /// When it began, on our clock.
    pub(crate) begun_at: Timestamp,
    /// Whether it counts towards the cap on POSTs that no plan explains.
    pub(crate) unplanned: bool,
    pub(crate) outcome: PostOutcome,
    /// Whether a key became current since.
    pub(crate) before_rotation: bool,
}

/// One that was refused had no effect, and is forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PostOutcome {
    Unknown,
    /// Its answer is stored.
    Answered,
    /// It issued a key that no one got.
    Fruitless,
    /// No one knows, and a later one brought a key: it may still be processed.
    Outstanding,
    /// No one knows, and it is not processed any more.
    Settled,
}
