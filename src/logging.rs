//! Logs: to standard error for people, or a JSON object a line. No address, token, key, passcode or text is ever logged.

use std::io::IsTerminal;

use anyhow::Result;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Command;
use crate::config::{Config, LogFormat};

/// Our own crates. Others log, below `INFO`, what they carry, words and credentials among it: not even `RUST_LOG` gets that out.
const DISCREET: [&str; 10] = [
    "command_service",
    "domain",
    "gateway",
    "migrations",
    "nats",
    "projector",
    "query_service",
    "servers",
    "tempchat",
    "webhooks",
];

/// Whatever is asked for: at finer levels these print what goes over the wire, words and keys too; and rmcp takes every client that
/// hangs up for an error.
const CAPPED: [&str; 7] =
    ["rmcp=off", "async_nats=info", "hyper=info", "hyper_util=info", "reqwest=info", "sqlx=info", "h2=info"];

/// Starts logging; `RUST_LOG` overrides what is logged.
pub(crate) fn start(config: &Config, command: &Command) -> Result<()> {
    let usual = match command {
        Command::Up(_) | Command::Serve(_) => "info,async_nats=warn,sqlx=warn,rmcp=off,hyper=warn",
        Command::Agent(_)
        | Command::McpConfig(_)
        | Command::Stdio(_)
        | Command::Rebuild { name: _ }
        | Command::Log(_) => "warn,async_nats=error",
    };
    let filter = match EnvFilter::try_from_default_env() {
        Ok(asked) => CAPPED.iter().try_fold(asked, |filter, capped| anyhow::Ok(filter.add_directive(capped.parse()?)))?,
        Err(_) => EnvFilter::new(usual),
    };
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    let stderr = std::io::stderr;
    match config.log_format {
        LogFormat::Text => {
            let ansi = std::io::stderr().is_terminal();
            registry.with(tracing_subscriber::fmt::layer().with_writer(stderr).with_ansi(ansi).with_target(false)).try_init()?;
        }
        LogFormat::Json => {
            registry.with(tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(stderr)).try_init()?;
        }
    }
    Ok(())
}

fn is_discreet(metadata: &Metadata<'_>) -> bool {
    let of = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::INFO || DISCREET.contains(&of)
}
