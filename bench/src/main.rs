//! `./dev bench`: what Tempchat costs, as ratios to the raw servers in the same run.
//!
//! Machines differ and are shared: only measurements of one run can be compared. Everything runs on servers and folders of its own.

#![expect(clippy::print_stdout, reason = "measurements are what it was asked for")]

mod bare_insert;
mod clients;
mod commands;
mod feed;
mod growth;
mod http;
mod installation;
mod load;
mod memory;
mod pruning;
mod sessions;
mod tempchat_process;
mod turns;
mod waits;
mod webhooks;

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tracing_subscriber::EnvFilter;

/// Measures Tempchat, on servers and folders of its own.
#[derive(Debug, Parser)]
#[command(name = "./dev bench")]
struct Cli {
    /// Print results as JSON, for programs
    #[arg(long, global = true)]
    json: bool,

    /// What to measure
    #[command(subcommand)]
    bench: Bench,
}

/// What to measure.
#[derive(Debug, Subcommand)]
enum Bench {
    /// Commands to the acknowledged log: raw JetStream, the command path, HTTP
    Commands(commands::Options),
    /// Messages to their readers: POST to SSE, deliveries a second, the projector against a bare insert
    Feed(feed::Options),
    /// What calls cost an agent with many past sessions
    Growth(growth::Options),
    /// Memory of a `tempchat up`: idle, for each idle SSE connection, and after them; and what honest chatters feel of slow clients
    Memory(memory::Options),
    /// Erased sessions leave the log while people go on chatting: seconds, bytes on the disk, and what a POST costs meanwhile
    Pruning(pruning::Options),
    /// A scripted chat, by send-and-wait and by send, then wait: a model's turns and tokens
    Turns,
    /// Agents that wait: memory of each, how soon it wakes up, and that nothing is lost
    Waits(waits::Options),
    /// Events to an agent's server: deliveries a second, alone and beside an endpoint that never answers
    Webhooks(webhooks::Options),
}

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
    raise_file_limit()?;
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("another TLS provider was installed first"))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn,async_nats=error,sqlx=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run(cli))
}

async fn run(cli: Cli) -> Result<()> {
    match cli.bench {
        Bench::Commands(options) => commands::run(options, cli.json).await,
        Bench::Feed(options) => feed::run(options, cli.json).await,
        Bench::Growth(options) => growth::run(options, cli.json).await,
        Bench::Memory(options) => memory::run(options, cli.json).await,
        Bench::Pruning(options) => pruning::run(options, cli.json).await,
        Bench::Turns => turns::run(cli.json).await,
        Bench::Waits(options) => waits::run(options, cli.json).await,
        Bench::Webhooks(options) => webhooks::run(options, cli.json).await,
    }
}

/// Takes all open files that this process may have: every connection is one, and both of its ends may be here.
fn raise_file_limit() -> Result<()> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).context("the limit of open files cannot be raised")
}
