//! The command line: every command, and the options that all of them take.

#![expect(clippy::doc_markdown, reason = "`--help` shows these lines as they stand")]

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::access::AccessOptions;
use crate::{agent, config, healthcheck, log, manual, mcp_config, prune, rebuild, reports, schedule, serve, up};

/// Temporary chats between an AI agent and a person without an account.
///
/// Everything is an event on NATS JetStream; PostgreSQL holds what is read from it. `tempchat up` starts it all.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true)]
pub(crate) struct Cli {
    /// Print results as JSON, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// The data folder: servers, keys, logs
    #[arg(long, global = true, value_name = "DIR", env = "TEMPCHAT_DATA", default_value = ".tempchat")]
    pub(crate) data: PathBuf,

    /// A TOML file with settings; else DIR/tempchat.toml where it exists
    #[arg(long, global = true, value_name = "FILE", env = "TEMPCHAT_CONFIG")]
    pub(crate) config: Option<PathBuf>,

    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start everything: nats-server, PostgreSQL, and all parts of Tempchat in one process
    ///
    /// Servers of your own are used where NATS_URL or DATABASE_URL names them. Ctrl-C stops all of it; nothing acknowledged is lost.
    Up(up::Options),
    /// Start single roles against servers that run already (NATS_URL, DATABASE_URL)
    Serve(serve::Options),
    /// Register agents, issue and revoke their keys, set their webhooks
    #[command(subcommand)]
    Agent(agent::Command),
    /// Print what a client's configuration needs to reach a running installation
    McpConfig(mcp_config::Options),
    /// Bridge a host that speaks MCP over standard input and output only
    Stdio(AccessOptions),
    /// Make the read models anew from the log; nothing outside PostgreSQL changes
    Rebuild(rebuild::Options),
    /// Take erased links out of the log now, those whose time has come (prune_after_days); a running installation does so by itself
    Prune(prune::Options),
    /// List the chats that people have reported as abuse, and note that they were seen
    Reports(reports::Options),
    /// List what falls due and what failed for good, and try that again
    #[command(subcommand)]
    Schedule(schedule::Command),
    /// Read and verify the event log
    #[command(subcommand)]
    Log(log::Command),
    /// Look for what is wrong here, and say what mends it; nothing is changed
    ///
    /// Ends with 0 where all is well, 1 with warnings, 2 where something is critical.
    Doctor,
    /// Check the settings, and say where each comes from
    #[command(subcommand)]
    Config(config::command::Command),
    /// Ask the service on this machine whether it is ready, for containers: ends with 0 or 1
    Healthcheck(healthcheck::Options),
    /// Print what completes commands and options in a shell
    Completions(manual::CompletionOptions),
    /// Print the manual
    Man(manual::ManOptions),
}
