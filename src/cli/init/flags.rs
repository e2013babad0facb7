//! The flags of `init`.

use std::path::PathBuf;

use super::draft;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "What no flag says is asked for at a terminal. In the destination URL, the key file and the \
                        arguments of the resync command, {collection} stands for each collection.\n\n\
                        Example: protime-webhookd init --tenant acme --environment production"
)]
pub(in crate::cli) struct Args {
    /// What Protime wants to be told with every request: "Service/Version (Company)"
    #[arg(long, value_name = "TEXT")]
    pub(super) user_agent: Option<String>,
    /// The tenant, as in its address <https://TENANT.myprotime.eu>
    #[arg(long, value_name = "NAME")]
    pub(super) tenant: Option<String>,
    /// Where the tenant is: production or sandbox
    #[arg(long, value_name = "WORD", conflicts_with_all = ["api_origin", "token_url"])]
    pub(super) environment: Option<String>,
    /// Instead of --environment: scheme, host and port of the API
    #[arg(long, value_name = "URL", requires = "token_url")]
    pub(super) api_origin: Option<String>,
    /// Instead of --environment: where tokens are got
    #[arg(long, value_name = "URL", requires = "api_origin")]
    pub(super) token_url: Option<String>,
    /// The OAuth client that Protime gave you
    #[arg(long, value_name = "ID")]
    pub(super) client_id: Option<String>,
    /// Name of the systemd credential that holds the client secret
    #[arg(long, value_name = "NAME", group = "client_secret")]
    pub(super) client_secret_credential: Option<String>,
    /// File that holds the client secret
    #[arg(long, value_name = "PATH", group = "client_secret")]
    pub(super) client_secret_file: Option<String>,
    /// Environment variable that holds the client secret
    #[arg(long, value_name = "NAME", group = "client_secret")]
    pub(super) client_secret_env: Option<String>,
    /// A collection to watch; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(super) collection: Vec<String>,
    /// Where Protime is to send the events
    #[arg(long, value_name = "URL")]
    pub(super) destination_url: Option<String>,
    /// Program, and its arguments, that brings the receiver up to date after a gap
    #[arg(long, value_name = "PROGRAM", num_args = 1.., conflicts_with = "resync")]
    pub(super) resync_command: Vec<String>,
    /// Instead of --resync-command: another kind of resync
    #[arg(long, value_name = "KIND", value_parser = draft::kinds())]
    pub(super) resync: Option<String>,
    /// File that gets the webhook's key, for the receiver
    #[arg(long, value_name = "PATH")]
    pub(super) key_file: Option<String>,
    /// Where to write; - is standard output [default: the file of --config]
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub(super) force: bool,
}
