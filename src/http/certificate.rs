//! Why a server's certificate is not trusted, and who can fix that, in words.
//!
//! What TLS says of it is for its programmers: seconds since 1970 and names of types. An operator needs to
//! know which of four things to do: name an authority, have a certificate renewed, have one for the right
//! name, or set a clock.

use std::{error::Error, io};

use jiff::Timestamp;
use rustls::{CertificateError, pki_types::UnixTime};

/// So many names of a certificate are shown; there are certificates for hundreds.
const NAMES: usize = 4;

/// What is wrong with the certificate, if that is what `error` is about.
pub(super) fn refusal(error: &(dyn Error + 'static)) -> Option<String> {
    match tls(error)? {
        rustls::Error::InvalidCertificate(wrong) => Some(explanation(wrong)),
        _ => None,
    }
}

/// The error of TLS, out of the errors of input and output that it is wrapped into.
fn tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(wrapped) => tls(wrapped.get_ref()?),
        None => error.downcast_ref(),
    }
}

fn explanation(wrong: &CertificateError) -> String {
    match wrong {
        // An authority that was made again under its old name is known by name, and its signature is wrong.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "no trusted authority has signed its certificate; if a private one has, or a proxy's, name that \
             authority's certificate as ca_file in [api] and reload"
                .to_owned()
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "its certificate expired at {}; let the server have a new one, or correct this machine's clock",
            time(*not_after)
        ),
        CertificateError::NotValidYetContext { not_before, .. } => {
            format!("its certificate is not valid before {}; correct this machine's clock", time(*not_before))
        }
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "its certificate is for {}, not for {}; correct the address, or let the server have a certificate \
             for that name",
            names(presented),
            expected.to_str()
        ),
        other => format!("its certificate is refused ({other})"),
    }
}

fn time(time: UnixTime) -> String {
    let seconds = i64::try_from(time.as_secs()).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.map_or_else(|| format!("second {} since 1970", time.as_secs()), |time| time.to_string())
}

fn names(names: &[String]) -> String {
    match names.split_at_checked(NAMES) {
        _ if names.is_empty() => "no name".to_owned(),
        Some((shown, more)) if !more.is_empty() => format!("{} and {} more", shown.join(", "), more.len()),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;

    use super::*;

    fn refused(wrong: CertificateError) -> Option<String> {
        let tls = rustls::Error::InvalidCertificate(wrong);
        refusal(&io::Error::other(io::Error::new(io::ErrorKind::InvalidData, tls)))
    }

    #[test]
    fn an_operator_is_told_what_to_do() {
        let at = |second| UnixTime::since_unix_epoch(std::time::Duration::from_secs(second));
        let name = || ServerName::try_from("acme.example").expect("a name");
        let other = |presented: &[&str]| CertificateError::NotValidForNameContext {
            expected: name(),
            presented: presented.iter().map(|&name| name.to_owned()).collect(),
        };
        for (wrong, what) in [
            (CertificateError::UnknownIssuer, "as ca_file in [api] and reload"),
            (CertificateError::BadSignature, "as ca_file in [api] and reload"),
            (
                CertificateError::ExpiredContext { time: at(1_000), not_after: at(60) },
                "expired at 1970-01-01T00:01:00Z; let the server have a new one",
            ),
            (
                CertificateError::NotValidYetContext { time: at(60), not_before: at(1_000) },
                "not valid before 1970-01-01T00:16:40Z; correct this machine's clock",
            ),
            (other(&["x"]), "is for x, not for acme.example; correct the address"),
            (other(&[]), "is for no name, not for"),
            (other(&["a", "b", "c", "d"]), "is for a, b, c, d, not for"),
            (other(&["a", "b", "c", "d", "e", "f"]), "is for a, b, c, d and 2 more, not for"),
            (CertificateError::Revoked, "its certificate is refused ("),
        ] {
            let text = refused(wrong).expect("it is about a certificate");
            assert!(text.contains(what), "{text}");
        }
    }

    #[test]
    fn what_is_about_no_certificate_is_left_to_others() {
        assert_eq!(refusal(&rustls::Error::HandshakeNotComplete), None);
        assert_eq!(refusal(&io::Error::from(io::ErrorKind::ConnectionRefused)), None);
        assert_eq!(refusal(&std::fmt::Error), None);
    }
}
