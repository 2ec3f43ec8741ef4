//! The one binary `tempchat`.

// A closed pipe must end no command with a panic: `output` is where results go.
#![warn(clippy::print_stderr)]

mod access;
mod agent;
mod awaiting;
mod cli;
mod config;
mod demo;
mod doctor;
mod heads;
mod healthcheck;
mod installation;
mod log;
mod logging;
mod manual;
mod mcp_config;
mod output;
mod pooling;
mod process_limits;
mod prune;
mod rebuild;
mod reports;
mod schedule;
mod serve;
mod stdio;
mod system;
mod up;

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use config::{Config, ListenOptions};

/// Its background threads return what was freed to the system within some ten seconds, also where nothing happens any more.
#[cfg(target_os = "linux")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(code) => code,
        Err(error) => {
            output::note(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<ExitCode> {
    process_limits::apply()?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was installed first"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(run(cli));
    // Blocking work whose result is not needed any more does not delay the exit.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

async fn run(Cli { json, data, config: file, command }: Cli) -> Result<ExitCode> {
    let (data, file) = (data.as_path(), file.as_deref());
    let service = |listen: &ListenOptions| configure(data, file, Some(listen));
    let config = || configure(data, file, None);
    match command {
        Command::Up(options) => up::run(service(&options.listen)?, options).await,
        Command::Serve(options) => serve::run(service(&options.listen)?, options).await,
        Command::Agent(command) => agent::run(config()?, command, json).await,
        Command::Rebuild(options) => rebuild::run(config()?, options, json).await,
        Command::Prune(options) => prune::run(config()?, options, json).await,
        Command::Reports(options) => reports::run(config()?, options, json).await,
        Command::Schedule(command) => schedule::run(config()?, command, json).await,
        Command::Log(command) => log::run(config()?, command, json).await,
        Command::McpConfig(options) => mcp_config::run(&config()?, options, json),
        Command::Stdio(options) => stdio::run(&config()?, options).await,
        Command::Healthcheck(options) => healthcheck::run(&config()?, &options).await,
        // These need no settings, or say themselves what is wrong with them.
        Command::Config(command) => config::command::run(data, file, &command, json),
        Command::Doctor => return doctor::run(data, file, json).await,
        Command::Completions(options) => {
            manual::print_completions(Cli::command(), &options);
            Ok(())
        }
        Command::Man(options) => manual::print_manual(Cli::command(), &options),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// Gathers the settings, and begins to log as they say; a service has options for where it listens.
fn configure(data: &Path, file: Option<&Path>, listen: Option<&ListenOptions>) -> Result<Config> {
    let config = Config::load(data, file, listen)?;
    logging::start(config.log_format, listen.is_some())?;
    Ok(config)
}
