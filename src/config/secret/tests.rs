//! Secrets from real files, and what the errors say and do not say.

use secrecy::ExposeSecret as _;

use super::*;

fn no_env(_: &str) -> Option<OsString> {
    None
}

#[test]
fn a_secret_is_found_in_each_place_without_its_line_end() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("acme"), "s3cret \r\n").expect("written");
    let credentials = folder.path().as_os_str().to_owned();
    let env = move |name: &str| match name {
        "CREDENTIALS_DIRECTORY" => Some(credentials.clone()),
        "ACME" => Some("s3cret \n".into()),
        _ => None,
    };
    for source in [
        SecretSource::Credential("acme".to_owned()),
        SecretSource::File(folder.path().join("acme")),
        SecretSource::Env("ACME".to_owned()),
    ] {
        let secret = source.resolve_in(&env).expect("found");
        assert_eq!(secret.expose_secret(), "s3cret ", "{source:?}");
        assert!(!format!("{secret:?}").contains("s3cret"));
    }
}

#[test]
fn a_secret_that_is_not_there_is_named_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    let missing = SecretSource::File(path.clone()).resolve_in(&no_env).expect_err("absent").to_string();
    assert!(missing.contains(&path.display().to_string()) && missing.contains("readable for"), "{missing}");
    let unset = SecretSource::Env("ACME".to_owned()).resolve_in(&no_env).expect_err("absent").to_string();
    assert_eq!(unset, "environment variable `ACME` is not set; set it where the daemon is started");
    let credential = SecretSource::Credential("acme".to_owned());
    let without = credential.resolve_in(&no_env).expect_err("absent").to_string();
    assert!(without.contains("LoadCredential=acme:/path"), "{without}");
    let elsewhere = folder.path().as_os_str().to_owned();
    let empty = credential.resolve_in(&|_| Some(elsewhere.clone())).expect_err("absent").to_string();
    assert!(empty.starts_with("credential `acme`: cannot read"), "{empty}");
}

#[test]
fn what_is_no_secret_is_refused_without_being_shown() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("secret");
    let long = vec![b'x'; 64 * 1024 + 1];
    for (content, why) in [
        (&b""[..], "is empty"),
        (b"\n", "is empty"),
        (b" \t\n", "is empty"),
        (b"s3cret\xff\n", "is not UTF-8"),
        (b"s3cret\nmore\n", "more than one line"),
        (b"s3cret\rmore\n", "more than one line"),
        (b"s3cret\0", "control character"),
        (b"s3cret\tmore", "control character"),
        ("s3cr\u{e9}t".as_bytes(), "not ASCII"),
        ("\u{feff}s3cret\n".as_bytes(), "not ASCII"),
        ("s3cret\u{2028}more".as_bytes(), "not ASCII"),
        (&long, "more than 64 KiB"),
    ] {
        std::fs::write(&path, content).expect("written");
        let error = SecretSource::File(path.clone()).resolve_in(&no_env).expect_err(why);
        let shown = format!("{error} {error:?}");
        assert!(error.to_string().contains(why) && shown.contains("secret file"), "{shown}");
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
