//! `tempchat completions` and `tempchat man`: the command line, told to shells and to `man`.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, Command};
use clap_complete::Shell;

use crate::output::line;

/// Options of `tempchat man`.
#[derive(Debug, Args)]
pub(crate) struct ManOptions {
    /// Write a page for every command into this folder, instead of the first one to standard output
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Options of `tempchat completions`.
#[derive(Debug, Args)]
pub(crate) struct CompletionOptions {
    /// For which shell
    #[arg(value_enum)]
    shell: Shell,
}

/// Prints what completes the commands and options in a shell.
pub(crate) fn print_completions(mut command: Command, options: &CompletionOptions) {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, "tempchat", &mut script);
    line(String::from_utf8_lossy(&script).trim_end());
}

/// Prints the manual's page, or writes all pages into a folder.
pub(crate) fn print_manual(command: Command, options: &ManOptions) -> Result<()> {
    let Some(folder) = &options.to else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        page.flush()?;
        line(String::from_utf8_lossy(&page).trim_end());
        return Ok(());
    };
    std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("the pages cannot be written into {}", folder.display()))?;
    line(format_args!("the pages are in {}", folder.display()));
    Ok(())
}
