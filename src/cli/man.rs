//! `man`: the manual, from the same source as `--help`.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;
use clap_mangen::Man;

use super::{Cli, output};

#[derive(Debug, clap::Args)]
#[command(after_help = "The Debian package installs every page.\n\n\
                        Example: protime-webhookd man --dir /usr/local/share/man/man1")]
pub(super) struct Args {
    /// Write every page into this folder, one per command, instead of printing the main page
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// Prints the main page, or writes all of them.
pub(super) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let command = Cli::command();
    if let Some(folder) = &args.dir {
        clap_mangen::generate_to(command, folder)
            .with_context(|| format!("cannot write the pages into {}", folder.display()))?;
    } else {
        let mut page = Vec::new();
        Man::new(command.disable_help_subcommand(true)).render(&mut page)?;
        output::print_bytes(&page)?;
    }
    Ok(ExitCode::SUCCESS)
}
