//! `completions` and `man`: what a package installs, from the same source as `--help`.

use std::{fs, io, path::PathBuf};

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::output;

#[derive(Debug, clap::Args)]
#[command(after_help = "The Debian package installs those for bash, zsh and fish.\n\n\
                        Example: protime-webhookd completions bash")]
pub(super) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs, mut program: Command) -> anyhow::Result<()> {
    let name = program.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, name, &mut script);
    output::print_bytes(&script)
}

#[derive(Debug, clap::Args)]
#[command(after_help = "The Debian package installs every page.\n\n\
                        Example: protime-webhookd man --dir /usr/local/share/man/man1")]
pub(super) struct ManArgs {
    /// Write every page into this folder, one per command, instead of printing the main page
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

pub(super) fn man(args: &ManArgs, program: Command) -> anyhow::Result<()> {
    let mut command = program.disable_help_subcommand(true);
    command.build();
    let Some(folder) = &args.dir else { return output::print_bytes(&page(&Man::new(command))?) };
    for command in with_all_below(&command) {
        let man = Man::new(command.clone());
        let file = folder.join(man.get_filename());
        fs::write(&file, page(&man)?).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn with_all_below(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().filter(|below| !below.is_hide_set()).flat_map(with_all_below);
    std::iter::once(command).chain(below).collect()
}

fn page(man: &Man) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    man.render(&mut page)?;
    // Exit codes and examples stand there.
    Ok(String::from_utf8_lossy(&page).replace(".SH EXTRA\n", ".SH NOTES\n").into_bytes())
}
