//! `tempchat log`: reads and verifies the event log, signs its heads, reads the audit.

mod audit;
mod heads;
mod show;
mod verify;

use anyhow::Result;
use clap::{Args, Subcommand};
use nats::Opening;

use crate::config::Config;
use crate::installation::{self, Servers};
use audit::Bound;

pub(crate) use audit::tell_of_reading;

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the events of the log, oldest first, one a line; or the audit
    Show(ShowOptions),
    /// Prove the log: every commit is there or named by a pruning record, every chain holds, the rows and all signed heads agree
    ///
    /// Prints each shard's head, or what is wrong with it and what to do.
    Verify {
        /// Prove the log alone: PostgreSQL is not asked how far the rows have come
        #[arg(long)]
        log_only: bool,
    },
    /// Sign the head of each shard now, into the file outside the log (setting `heads_file`); a running installation does so every five minutes
    Heads,
}

/// Options of `tempchat log show`.
#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    /// One agent's only
    #[arg(long, value_name = "AGENT")]
    agent: Option<domain::AgentId>,
    /// Open the words, only where their key still exists; the audit is told
    #[arg(long, conflicts_with = "audit")]
    with_text: bool,
    /// Print the audit: what was refused for security, and who of the operator's looked at words
    #[arg(long)]
    audit: bool,
    /// From here on: a time (2026-01-31T12:00:00Z), or a position
    #[arg(long, value_name = "TIME|POSITION", requires = "audit")]
    from: Option<Bound>,
    /// Up to here
    #[arg(long, value_name = "TIME|POSITION", requires = "audit")]
    to: Option<Bound>,
}

/// Carries out a command about the log.
pub(crate) async fn run(config: Config, command: Command, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::open_log(&config, &servers, installation::read_secrets(&config.data)?, Opening::Read).await?;
    match command {
        Command::Verify { log_only } => verify::run(&config, &backbone, (!log_only).then_some(&servers), as_json).await,
        Command::Heads => heads::run(&config, &backbone, as_json).await,
        Command::Show(ShowOptions { agent, audit: true, from, to, .. }) => {
            audit::run(&backbone, agent, from.as_ref(), to.as_ref(), as_json).await
        }
        Command::Show(ShowOptions { agent, with_text, .. }) => show::run(&backbone, agent, with_text, as_json).await,
    }
}
