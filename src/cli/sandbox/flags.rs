//! The flags of `sandbox`, and what they make of the tenant.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use protime_sandbox::{faults::Rule, settings::Settings, words};

use super::switches::{Switches, ms};
use crate::duration;

const AFTER_HELP: &str = "\
Faults: --fault ENDPOINT:ACTION[=ARGUMENT][:TIMES], first match decides.
  ENDPOINT  token, list, get, create, delete, collection, delta, any
  ACTION    429[=SECONDS or =@SECONDS]   any status, with Retry-After in seconds or (@) as a date
            delay-before=1s, delay-after=1s      wait before or after doing what was asked
            reset-before, reset-after            connection reset; with reset-after the answer is lost
            process-late=1s                      connection reset now, done a second later
            truncate[=BYTES], content-length=-5, huge[=MIB], dribble=10ms, not-json
            no-key, key-field=NAME               for create only
  TIMES     a number (default 1), * for ever, or a probability such as 10%

Examples:
  protime-webhookd sandbox --lifetime 30s --changes-per-second 2
  protime-webhookd sandbox --fault create:reset-after:2 --fault any:503:5%";

#[derive(Debug, Clone, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// Where to listen: a loopback address; port 0 takes any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8787", value_parser = loopback)]
    pub(super) listen: SocketAddr,
    /// The tenant's name
    #[arg(long, default_value = "acme", value_parser = tenant_name)]
    pub(super) tenant: String,
    /// The OAuth client's id
    #[arg(long, default_value = "sandbox-client")]
    pub(super) client_id: String,
    /// File with the OAuth client's secret; written with mode 0600 if it does not exist [default: in the temporary folder]
    #[arg(long, value_name = "PATH")]
    pub(super) client_secret_file: Option<PathBuf>,
    /// Lifetime of a webhook
    #[arg(long, value_name = "DURATION", default_value = "1m", value_parser = duration::parse)]
    lifetime: Duration,
    /// Lifetime of an access token, in whole seconds
    #[arg(long, value_name = "DURATION", default_value = "30m", value_parser = duration::parse)]
    token_lifetime: Duration,
    /// Attempts at an event after the first one failed; then the webhook is disabled
    #[arg(long, value_name = "N", default_value_t = 3)]
    retries: u32,
    /// Delay before the first retry; doubles with each
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration::parse)]
    retry_delay: Duration,
    /// Items on a page of any list
    #[arg(long, value_name = "N", default_value_t = 100)]
    page_size: usize,
    /// Put an empty page between any two
    #[arg(long)]
    empty_pages: bool,
    /// How far the tenant's clock is ahead of this machine's; `-30s` for behind
    #[arg(long, value_name = "DURATION", default_value = "0s", allow_hyphen_values = true, value_parser = offset)]
    clock_offset: i64,
    /// Changes a second, over all of --collection
    #[arg(long, value_name = "N", default_value_t = 0.0)]
    pub(super) changes_per_second: f64,
    /// Let clockings that change touch what is calculated of their day, in collections with a webhook
    #[arg(long)]
    pub(super) related_changes: bool,
    /// A collection that keeps changing; may be repeated
    #[arg(long, value_name = "NAME", default_value = "clockings", value_parser = collection)]
    pub(super) collection: Vec<String>,
    /// Where the pasted configuration sends events
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8788/protime/clockings")]
    pub(super) destination_url: String,
    /// A fault; may be repeated
    #[arg(long, value_name = "SPEC")]
    pub(super) fault: Vec<Rule>,
    #[command(flatten)]
    switches: Switches,
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let addr: SocketAddr = text.parse().map_err(|_| "an address is written as 127.0.0.1:8787".to_owned())?;
    if addr.ip().is_loopback() {
        Ok(addr)
    } else {
        Err("the sandbox listens on a loopback address only, such as 127.0.0.1:8787".to_owned())
    }
}

fn tenant_name(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let why = "a name has letters, digits, `.`, `_` and `-` only";
    if fits { Ok(text.to_owned()) } else { Err(why.to_owned()) }
}

fn collection(text: &str) -> Result<String, String> {
    let known = words::known_collection(text).map(str::to_owned);
    known.ok_or_else(|| format!("there are {}", words::collections().collect::<Vec<_>>().join(", ")))
}

fn offset(text: &str) -> Result<i64, String> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let ms = i64::try_from(duration::parse(text).map_err(|wrong| wrong.to_string())?.as_millis())
        .map_err(|_| "that is too far".to_owned())?;
    Ok(sign * ms)
}

impl Args {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            lifetime_ms: ms(self.lifetime),
            token_lifetime_seconds: self.token_lifetime.as_secs(),
            retries: self.retries,
            retry_delay_ms: ms(self.retry_delay),
            page_size: self.page_size,
            empty_pages: self.empty_pages,
            clock_offset_ms: self.clock_offset,
            ..self.switches.0.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;
    use protime_sandbox::settings::{ActivityChangeVersion, ClockingDeletion, DeltaPer, OlderDeltaLink};

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Root {
        #[command(flatten)]
        args: Args,
    }

    fn parse(flags: &[&str]) -> Result<Args, clap::Error> {
        let words = std::iter::once("sandbox").chain(flags.iter().copied());
        Root::try_parse_from(words).map(|root| root.args)
    }

    #[test]
    fn flags_become_settings() {
        let args =
            parse(&["--lifetime", "2s", "--clock-offset", "-30s", "--gzip", "yes", "--fault", "any:503:*"]);
        let args = args.unwrap();
        let settings = args.settings();
        assert_eq!(
            (settings.lifetime_ms, settings.clock_offset_ms, settings.gzip.yes()),
            (2_000, -30_000, true)
        );
        assert_eq!(args.fault.len(), 1);
        let positions = [
            ["--post-while-enabled", "409"],
            ["--missing-scope", "401"],
            ["--list-lag", "20s"],
            ["--post-body-id", "no"],
            ["--event-content-type", "text/plain"],
        ];
        let settings = parse(positions.as_flattened()).unwrap().settings();
        let expected = Settings::default().patched(serde_json::json!({
            "post_while_enabled": 409, "missing_scope": 401, "list_lag_ms": 20_000, "post_body_id": "no",
            "event_content_type": "text/plain",
        }));
        assert_eq!(expected, Ok(settings));
        let data = parse(&[
            "--paging-token-lifetime=2s",
            "--clocking-deletion=both",
            "--activity-change-version=present",
            "--delta-per=tenant",
            "--older-delta-link=410",
        ]);
        let data = data.unwrap().settings();
        let expected = Settings {
            paging_token_lifetime_ms: 2_000,
            clocking_deletion: ClockingDeletion::Both,
            activity_change_version: ActivityChangeVersion::Present,
            delta_per: DeltaPer::Tenant,
            older_delta_link: OlderDeltaLink::Gone,
            ..Settings::default()
        };
        assert_eq!(data, expected);
        let defaults = parse(&[]).unwrap().settings();
        assert_eq!(defaults, Settings::default());
    }

    #[test]
    fn a_wrong_flag_is_refused_with_its_reason() {
        for (flags, why) in [
            (["--listen", "0.0.0.0:1"], "loopback"),
            (["--listen", "localhost"], "127.0.0.1:8787"),
            (["--lifetime", "2"], "90s"),
            (["--tenant", "a/b"], "letters"),
            (["--collection", "horses"], "clockings"),
            (["--fault", "create:explode"], "explode"),
            (["--location", "nowhere"], "absent"),
        ] {
            let error = parse(&flags).expect_err("is wrong").to_string();
            assert!(error.contains(why), "{flags:?}: {error}");
        }
    }
}
