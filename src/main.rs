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
mod mcp_config;
mod output;
mod pooling;
mod process_limits;
mod prune;
mod rebuild;
mod reports;
mod schedule;
mod serve;
mod shell;
mod stdio;
mod system;
mod up;

use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser};

use cli::{Cli, Command};
use config::Config;

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

async fn run(cli: Cli) -> Result<ExitCode> {
    let (data, file) = (cli.data.as_path(), cli.config.as_deref());
    // What needs no settings, or says itself what is wrong with them, comes first.
    match &cli.command {
        Command::Completions(options) => {
            shell::print_completions(Cli::command(), options);
            return Ok(ExitCode::SUCCESS);
        }
        Command::Man(options) => return shell::print_manual(Cli::command(), options).map(|()| ExitCode::SUCCESS),
        Command::Config(command) => return config::command::run(data, file, command, cli.json).map(|()| ExitCode::SUCCESS),
        Command::Doctor => return doctor::run(data, file, cli.json).await,
        _ => {}
    }
    let config = Config::load(data, file, cli.command.listen())?;
    logging::start(config.log_format, cli.command.is_service())?;
    match cli.command {
        Command::Up(options) => up::run(config, options).await,
        Command::Serve(options) => serve::run(config, options).await,
        Command::Agent(command) => agent::run(config, command, cli.json).await,
        Command::Rebuild(options) => rebuild::run(config, options, cli.json).await,
        Command::Prune(options) => prune::run(config, options, cli.json).await,
        Command::Reports(options) => reports::run(config, options, cli.json).await,
        Command::Schedule(command) => schedule::run(config, command, cli.json).await,
        Command::Log(command) => log::run(config, command, cli.json).await,
        Command::McpConfig(options) => mcp_config::run(&config, options, cli.json),
        Command::Stdio(options) => stdio::run(&config, options).await,
        Command::Healthcheck(options) => healthcheck::run(&config, &options).await,
        Command::Completions(_) | Command::Man(_) | Command::Config(_) | Command::Doctor => Ok(()),
    }
    .map(|()| ExitCode::SUCCESS)
}
