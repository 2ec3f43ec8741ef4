//! `tempchat bench`: what the software costs, as ratios against the raw servers in the same run.
//!
//! Machines differ and are shared: only figures of one run may be compared. Everything runs on servers and folders of its own.

mod bare;
mod calls;
mod chats;
mod commands;
mod feed;
mod http;
mod load;
mod memory;
mod own;
mod turns;
mod waits;
mod webhooks;

use std::net::SocketAddr;

use anyhow::Result;
use command_service::Commands;
use nats::Backbone;
use query_service::Queries;
use sqlx::PgPool;

use crate::cli::Bench;

/// Runs a measurement.
pub(crate) async fn run(bench: Bench, as_json: bool) -> Result<()> {
    match bench {
        Bench::Commands(options) => commands::run(options, as_json).await,
        Bench::Feed(options) => feed::run(options, as_json).await,
        Bench::Memory(options) => memory::run(options, as_json).await,
        Bench::Webhooks(options) => webhooks::run(options, as_json).await,
        Bench::Waits(options) => waits::run(options, as_json).await,
        Bench::Turns => turns::run(as_json).await,
    }
}

/// Makes an edge for `address` whose limits are not what is measured.
fn gateway(commands: &Commands, backbone: &Backbone, pool: PgPool, address: SocketAddr) -> Result<gateway::App> {
    let mut config = gateway::Config::new(format!("http://{address}").parse()?);
    let unlimited = gateway::Rate { burst: u32::MAX, per_minute: u32::MAX };
    config.rates = gateway::Rates {
        visit: unlimited,
        passcode: unlimited,
        passcode_of_link: unlimited,
        handoff: unlimited,
        typing: unlimited,
        session: unlimited,
        key: unlimited,
    };
    let queries = Queries::new(pool, backbone.clone());
    Ok(gateway::App::new(commands.clone(), queries, backbone.clone(), config, gateway::Probes::default()))
}
