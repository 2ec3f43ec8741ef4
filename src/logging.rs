//! Logs: to standard error for people, or a JSON object a line. No address, token, key, passcode or text is ever logged.

use std::io::IsTerminal;

use anyhow::Result;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::config::LogFormat;

/// Our own crates, which log no payload. Others do below `INFO`, texts and credentials included: not even `RUST_LOG` enables that.
const DISCREET: [&str; 23] = [
    "access_tokens",
    "agent_events",
    "api",
    "app",
    "auth",
    "body",
    "command_service",
    "domain",
    "events",
    "follower",
    "gateway",
    "hub",
    "mcp",
    "migrations",
    "nats",
    "problem",
    "projector",
    "pruning",
    "query_service",
    "servers",
    "tempchat",
    "web",
    "webhooks",
];

/// Applied over whatever is asked for: at finer levels these print what goes over the wire, texts and keys included, and rmcp reports
/// every client that hangs up as an error.
const CAPPED: [&str; 7] =
    ["rmcp=off", "async_nats=info", "hyper=info", "hyper_util=info", "reqwest=info", "sqlx=info", "h2=info"];

/// What is logged by default while a service runs, and by commands that end by themselves.
const OF_SERVICES: &str = "info,async_nats=warn,sqlx=warn,rmcp=off,hyper=warn";
const OF_COMMANDS: &str = "warn,async_nats=error";

/// Starts logging; `RUST_LOG` overrides what is logged.
pub(crate) fn start(format: LogFormat, is_service: bool) -> Result<()> {
    let usual = if is_service { OF_SERVICES } else { OF_COMMANDS };
    let filter = match EnvFilter::try_from_default_env() {
        Ok(asked) => CAPPED.iter().try_fold(asked, |filter, capped| anyhow::Ok(filter.add_directive(capped.parse()?)))?,
        Err(_) => EnvFilter::new(usual),
    };
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(is_discreet));
    let stderr = std::io::stderr;
    match format {
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
