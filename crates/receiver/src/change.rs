//! Which of two states of an object is the newer one.
//!
//! Law, from Protime's guide: a `changeVersion` is compared as a plain string. Never as a number: it
//! may have letters, and more digits than a number holds. Never by a locale, which may sort `a` before `B`.

use std::fmt;

/// Protime's `changeVersion` of an object: of two versions of one object, the greater is the newer.
///
/// The order is that of the strings' bytes, as the guide says. It means something between versions
/// of one object; between two objects it does not have to.
///
/// ```
/// use protime_webhook_receiver::ChangeVersion;
///
/// let stored = ChangeVersion::from("00000B1400007AE0001F");
/// assert!(ChangeVersion::from("00000B1400007AE00020") > stored);
/// assert!(ChangeVersion::from("9") > ChangeVersion::from("10"), "a string is not a number");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChangeVersion(Box<str>);

impl ChangeVersion {
    /// The version as Protime wrote it, to be stored with the object.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ChangeVersion {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for ChangeVersion {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for ChangeVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_compared_as_strings() {
        for (older, newer) in [
            ("", "0"),
            ("10", "9"),
            ("00000B1400007AE0001F", "00000B1400007AE00020"),
            ("0A", "0a"),
            ("B", "a"),
            ("1", "1 "),
            ("1", "10"),
            ("z", "é"),
        ] {
            assert!(ChangeVersion::from(older) < ChangeVersion::from(newer), "{older:?} < {newer:?}");
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_bytes(one: String, other: String) {
            let order = ChangeVersion::from(one.as_str()).cmp(&ChangeVersion::from(other.as_str()));
            prop_assert_eq!(order, one.as_bytes().cmp(other.as_bytes()));
        }
    }
}
