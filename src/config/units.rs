//! Single values that are written as text: shares of a lifetime, modes, paths and names.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use jiff::civil::Date;

use crate::{
    domain::{
        lifetime::Share,
        wrong::{Wrong, refuse},
    },
    duration,
};

/// What would be right where a day is not.
pub(super) const DATE_HELP: &str = "write a date such as \"2020-01-01\"";

pub(super) fn duration(text: &str) -> Result<Duration, Wrong> {
    duration::parse(text).map_err(|wrong| Wrong::new(wrong.what, wrong.help))
}

pub(super) fn positive_duration(text: &str) -> Result<Duration, Wrong> {
    let duration = duration(text)?;
    if duration.is_zero() { refuse("is no time at all", "write a duration above zero") } else { Ok(duration) }
}

/// A part of a lifetime: `1/3`, `5%` or a duration.
pub(super) fn share(text: &str) -> Result<Share, Wrong> {
    let help = "write a fraction such as \"1/3\", a percentage such as \"5%\", or a duration such as \"48h\"";
    let fraction = if let Some((above, below)) = text.split_once('/') {
        match (above.trim().parse::<u32>(), below.trim().parse::<u32>()) {
            (Ok(_), Ok(0)) => return refuse("divides by zero", help),
            (Ok(above), Ok(below)) => f64::from(above) / f64::from(below),
            _ => return refuse("is not a fraction of two whole numbers", help),
        }
    } else if let Some(percent) = text.strip_suffix('%') {
        let plain = percent.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        match percent.parse::<f64>() {
            Ok(percent) if plain => percent / 100.0,
            _ => return refuse("is not a percentage", help),
        }
    } else {
        return match duration(text) {
            Ok(duration) => Ok(Share::Fixed(duration)),
            Err(wrong) if wrong.help == duration::HELP => {
                refuse("is neither a part of the lifetime nor a duration", help)
            }
            Err(wrong) => Err(wrong),
        };
    };
    if fraction > 1.0 {
        return refuse("is more than the whole lifetime", help);
    }
    Ok(Share::Fraction(fraction))
}

/// How long before the end of its lifetime to renew: more than nothing, and half of it at most.
pub(super) fn renew_before(text: &str) -> Result<Share, Wrong> {
    let share = share(text)?;
    match share {
        Share::Fraction(fraction) if fraction > 0.5 => refuse(
            "is more than half of the lifetime: a webhook is not renewed before half of it has passed",
            "write \"1/2\" or less",
        ),
        Share::Fraction(fraction) if fraction > 0.0 => Ok(share),
        Share::Fixed(duration) if !duration.is_zero() => Ok(share),
        _ => refuse("lets the webhook expire before it is renewed", "write more than zero, such as \"1/3\""),
    }
}

/// A text that is not empty; `help` says what would be right.
pub(super) fn text(text: &str, help: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        refuse("is empty", help)
    } else if text.chars().any(char::is_control) {
        refuse("has a control character in it", help)
    } else {
        Ok(text.to_owned())
    }
}

/// A day of our era.
pub(super) fn date(text: &str) -> Result<Date, Wrong> {
    let date = text.parse().ok().filter(|date: &Date| date.year() >= 1);
    date.ok_or_else(|| Wrong::new("is not a date", DATE_HELP))
}

/// Permission bits in octal, as `chmod` takes them.
pub(super) fn mode(text: &str) -> Result<u32, Wrong> {
    let octal = matches!(text.len(), 3 | 4) && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && mode <= 0o777 => Ok(mode),
        _ => refuse(
            "is not a file mode",
            "write permission bits in octal, as chmod takes them, such as \"0640\"",
        ),
    }
}

/// A path that means the same wherever the daemon was started.
pub(super) fn absolute_path(text: &str) -> Result<PathBuf, Wrong> {
    if text.contains('\0') {
        return refuse("has a NUL character in it", "write a path without one");
    }
    if !text.starts_with('/') {
        return refuse("is not an absolute path", "write the whole path, beginning with /");
    }
    Ok(PathBuf::from(text))
}

/// An absolute path that names a file and not a folder.
pub(super) fn file_path(text: &str) -> Result<PathBuf, Wrong> {
    let path = absolute_path(text)?;
    if text.ends_with('/') || text.split('/').any(|part| matches!(part, "." | "..")) {
        return refuse(
            "is not the plain path of a file",
            "write a path without `.` and `..` that ends in a name",
        );
    }
    Ok(path)
}

/// The absolute path of a Unix socket: Linux gives it 108 bytes, the last of which is NUL.
pub(super) fn socket_path(text: &str) -> Result<PathBuf, Wrong> {
    let path = file_path(text)?;
    if text.len() > 107 {
        return refuse("is too long for a Unix socket", "write a path of at most 107 bytes");
    }
    Ok(path)
}

/// A loopback address with a port, on which only this machine can ask.
pub(super) fn loopback(text: &str) -> Result<SocketAddr, Wrong> {
    let help = "write a loopback address and a port, such as \"127.0.0.1:9464\" or \"[::1]:9464\"";
    let address: SocketAddr = text.parse().map_err(|_| Wrong::new("is not an address with a port", help))?;
    if !address.ip().is_loopback() {
        let what = "is reachable from other machines, and who may read metrics is not checked there";
        return refuse(what, help);
    }
    if address.port() == 0 {
        return refuse("has port 0, which is a different one at every start", help);
    }
    Ok(address)
}

/// `Service/Version (Company)`, which Protime demands as `User-Agent`.
pub(super) fn user_agent(text: &str) -> Result<String, Wrong> {
    let help = "write \"Service/Version (Company)\", such as \"WebhookRenewal/v1 (Your Company)\"";
    if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return refuse("has a character in it that an HTTP header cannot hold (only ASCII can)", help);
    }
    let word = |text: &str| !text.is_empty() && !text.contains([' ', '/', '(', ')']);
    let fits = text
        .split_once(' ')
        .and_then(|(product, company)| {
            Some((product.split_once('/')?, company.strip_prefix('(')?.strip_suffix(')')?))
        })
        .is_some_and(|((service, version), company)| {
            word(service) && word(version) && !company.trim().is_empty() && !company.contains(['(', ')'])
        });
    if fits { Ok(text.to_owned()) } else { refuse("is not a user agent as Protime demands it", help) }
}

#[cfg(test)]
mod tests;
