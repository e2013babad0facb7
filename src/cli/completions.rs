//! `completions`: what a shell needs to complete this command line, from the same source as `--help`.

use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::output;

#[derive(Debug, clap::Args)]
#[command(after_help = "The Debian package installs those for bash, zsh and fish.\n\n\
                        Example: protime-webhookd completions bash")]
pub(super) struct Args {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn run(args: &Args, mut program: Command) -> anyhow::Result<ExitCode> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    output::print_bytes(&script)?;
    Ok(ExitCode::SUCCESS)
}
