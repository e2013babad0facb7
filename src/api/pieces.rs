//! Answers that are handed over piece by piece, as they are read.
//!
//! Laws: a piece is made when the one before it was taken, so that a slow reader holds one of them and no more; and
//! a reader that takes too long for the whole ([`LONGEST`]) is let go of, however it reads.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Instant;

/// So long the reading of one answer may take.
pub(super) const LONGEST: Duration = Duration::from_mins(2);

/// What is there already is handed over in pieces of so many bytes: few, and each is soon taken.
const OF_A_WHOLE: usize = 256 * 1024;

#[derive(Debug, thiserror::Error)]
#[error("the answer was not read in time")]
struct TooSlow;

struct Pieces<I> {
    rest: I,
    /// How many bytes are left, where that is known.
    left: Option<u64>,
    until: Instant,
}

/// A body of pieces that are made while it is read, for so long.
pub(super) fn made(pieces: impl Iterator<Item = String> + Send + Unpin + 'static, longest: Duration) -> Body {
    let pieces = pieces.map(Bytes::from);
    Body::new(Pieces { rest: pieces, left: None, until: Instant::now() + longest })
}

/// A body of bytes that others have as well.
pub(super) fn shared(bytes: Bytes) -> Body {
    if bytes.len() <= OF_A_WHOLE {
        return Body::from(bytes);
    }
    let left = u64::try_from(bytes.len()).ok();
    let mut rest = bytes;
    let pieces = std::iter::from_fn(move || {
        let piece = rest.split_to(OF_A_WHOLE.min(rest.len()));
        (!piece.is_empty()).then_some(piece)
    });
    Body::new(Pieces { rest: pieces, left, until: Instant::now() + LONGEST })
}

impl<I: Iterator<Item = Bytes> + Unpin> HttpBody for Pieces<I> {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        if Instant::now() > self.until {
            return Poll::Ready(Some(Err(TooSlow)));
        }
        let piece = self.rest.next();
        let length = piece.as_ref().map_or(0, |piece| u64::try_from(piece.len()).unwrap_or(u64::MAX));
        self.left = self.left.map(|left| left.saturating_sub(length));
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
