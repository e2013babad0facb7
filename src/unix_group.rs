//! Groups of this machine by their name.
//!
//! Sockets and key files are handed to a group that the configuration names; the kernel knows
//! numbers only, and the machine's own name service (files, LDAP, systemd) translates.

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this machine has no group '{}'; create it (groupadd --system NAME) or name another",
    .0.escape_debug()
)]
pub(crate) struct UnknownGroup(pub(crate) String);

/// The number of the group with this name. It asks the name service, which may block for a moment.
pub(crate) fn gid(name: &str) -> Result<u32, UnknownGroup> {
    uzers::get_group_by_name(name).map(|group| group.gid()).ok_or_else(|| UnknownGroup(name.to_owned()))
}

pub(crate) fn name(gid: u32) -> Option<String> {
    uzers::get_group_by_gid(gid).map(|group| group.name().to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_superusers_group_is_number_zero() {
        assert_eq!(gid("root"), Ok(0));
        assert_eq!(name(0).as_deref(), Some("root"));
    }

    #[test]
    fn an_unknown_group_is_named() {
        for name in ["no-such-group-here", "", "nul\0byte"] {
            let error = gid(name).expect_err(name);
            assert!(error.to_string().contains(&name.escape_debug().to_string()), "{error}");
        }
    }
}
