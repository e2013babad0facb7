//! The gap: the time of which no one can prove that its events arrived.
//!
//! Events of a gap are never replayed, so a gap is a debt. It is paid by a resync that *started*
//! after the last change in it, and until then gaps are merged and never shortened.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A span of Protime's time whose changes the receiver may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    /// Its beginning; `None` stands for everything, as at the first sync.
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Timestamp,
}

impl Gap {
    pub(crate) fn merge(self, other: Self) -> Self {
        Self { from: self.from.zip(other.from).map(|(a, b)| a.min(b)), to: self.to.max(other.to) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn gaps() -> impl Strategy<Value = Gap> {
        (proptest::option::of(0..1_000_i64), 0..1_000_i64)
            .prop_map(|(from, to)| Gap { from: from.map(at), to: at(to) })
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    proptest! {
        #[test]
        fn merging_never_shortens(a in gaps(), b in gaps()) {
            let both = a.merge(b);
            for one in [a, b] {
                prop_assert!(both.to >= one.to);
                prop_assert!(both.from.is_none() || one.from.is_some_and(|from| both.from <= Some(from)));
            }
            prop_assert_eq!(both, b.merge(a));
        }
    }
}
