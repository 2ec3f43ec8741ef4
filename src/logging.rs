//! Logs: to standard error for people, or a JSON object a line. No address, token, key, passcode or text is ever logged.

use std::io::IsTerminal;

use anyhow::Result;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::Command;
use crate::config::{Config, LogFormat};

/// Starts logging; `RUST_LOG` overrides what is logged.
pub(crate) fn start(config: &Config, command: &Command) -> Result<()> {
    let usual = match command {
        Command::Up(_) | Command::Serve(_) => "info,async_nats=warn,sqlx=warn,rmcp=warn,hyper=warn",
        Command::Agent(_) | Command::Rebuild | Command::Log(_) | Command::Bench(_) => "warn,async_nats=error",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(usual));
    let registry = tracing_subscriber::registry().with(filter);
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
