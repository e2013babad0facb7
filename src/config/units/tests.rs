//! Tables and properties of the readers of single values.

use proptest::prelude::*;

use super::*;

#[test]
fn shares_by_table() {
    for (text, share_of) in [
        ("1/3", Share::Fraction(1.0 / 3.0)),
        ("1 / 4", Share::Fraction(0.25)),
        ("5%", Share::Fraction(0.05)),
        ("12.5%", Share::Fraction(0.125)),
        ("0%", Share::Fraction(0.0)),
        ("100%", Share::Fraction(1.0)),
        ("48h", Share::Fixed(Duration::from_hours(48))),
    ] {
        assert_eq!(share(text), Ok(share_of), "{text}");
    }
    for text in
        ["", "1/0", "a/b", "1/3/4", "-1/3", "4/3", "101%", "%", "-5%", "1e1%", "inf%", "0.3", "5 percent"]
    {
        assert!(share(text).is_err(), "{text}");
    }
}

#[test]
fn a_renewal_is_planned_in_the_second_half() {
    for text in ["1/3", "1/2", "50%", "0.1%", "1s", "999d"] {
        assert!(renew_before(text).is_ok(), "{text}");
    }
    for text in ["2/3", "51%", "0%", "0/5", "0s", "1/1"] {
        assert!(renew_before(text).is_err(), "{text}");
    }
}

#[test]
fn modes_by_table() {
    for (text, bits) in [("0640", 0o640), ("640", 0o640), ("0777", 0o777), ("0000", 0)] {
        assert_eq!(mode(text), Ok(bits), "{text}");
    }
    for text in ["", "64", "0o640", "00640", "0648", "1777", "4755", "+640", "rw-r"] {
        assert!(mode(text).is_err(), "{text}");
    }
}

#[test]
fn paths_by_table() {
    assert_eq!(absolute_path("/var/lib"), Ok(PathBuf::from("/var/lib")));
    for text in ["", "var/lib", "./x", "~/x", "/a\0b"] {
        assert!(absolute_path(text).is_err(), "{text}");
    }
    assert!(file_path("/run/receiver/..key").is_ok());
    for text in ["/", "/run/", "/run/../key", "/run/./key", "/run/.."] {
        assert!(file_path(text).is_err(), "{text}");
    }
    assert!(socket_path(&format!("/{}", "s".repeat(106))).is_ok());
    assert!(socket_path(&format!("/{}", "s".repeat(107))).is_err());
}

#[test]
fn user_agents_by_table() {
    for text in ["WebhookRenewal/v1 (Your Company)", "a/1 (b)", "Renew-It/1.2.3 (ACME, Inc. & Sons)"] {
        assert_eq!(user_agent(text).as_deref(), Ok(text));
    }
    for text in [
        "",
        "WebhookRenewal",
        "WebhookRenewal/v1",
        "WebhookRenewal (Your Company)",
        "WebhookRenewal/v1 Your Company",
        "WebhookRenewal/v1 ()",
        "WebhookRenewal/ (Company)",
        "/v1 (Company)",
        "Webhook Renewal/v1 (Company)",
        "WebhookRenewal/v1 (Größe)",
        "WebhookRenewal/v1 (Company)\n",
        "WebhookRenewal/v1  (Company)",
        "WebhookRenewal/v1 (Company) (x)",
    ] {
        assert!(user_agent(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_reader_panic(text in "[0-9a-z.%/ -]{0,24}|\\PC{0,24}") {
        let _ = (duration(&text), share(&text), renew_before(&text), mode(&text), socket_path(&text));
    }
}
