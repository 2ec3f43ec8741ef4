//! The one binary `tempchat`.

#![expect(clippy::print_stdout, reason = "what a command was asked for goes there")]

mod agents;
mod bench;
mod bridge;
mod cli;
mod clients;
mod config;
mod demo;
mod installation;
mod log;
mod logging;
mod rebuild;
mod resources;
mod serve;
mod system;
mod up;
mod webhook;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command};

fn main() -> ExitCode {
    match start(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> Result<()> {
    resources::settle()?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was installed first"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(run(cli));
    // Blocking work that nobody waits for any more does not hold up the end.
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

async fn run(cli: Cli) -> Result<()> {
    let config = config::Config::load(&cli)?;
    logging::start(&config, &cli.command)?;
    match cli.command {
        Command::Up(options) => up::run(config, options).await,
        Command::Serve(options) => serve::run(config, options).await,
        Command::Agent(command) => agents::run(config, command, cli.json).await,
        Command::Rebuild { name } => rebuild::run(config, name, cli.json).await,
        Command::Bench(bench) => bench::run(bench, cli.json).await,
        Command::Log(command) => log::run(config, command, cli.json).await,
        Command::McpConfig(options) => clients::run(&config, options, cli.json),
        Command::Stdio(target) => bridge::run(&config, target).await,
    }
}
