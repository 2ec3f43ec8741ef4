//! `tempchat rebuild`: the read models made anew from the log.

use anyhow::Result;
use nats::Shard;
use serde_json::json;

use crate::cli::Rebuild;
use crate::config::Config;
use crate::installation::{self, Servers};

/// Rebuilds the rows of one shard or all; safe beside a running installation, and after a rebuild that was cut off.
pub(crate) async fn run(config: Config, options: Rebuild, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::log(&config, &servers, installation::read_secrets(&config.data)?).await?;
    let pool = installation::rows(&servers).await?;
    let shards: Vec<Shard> = match options.shard {
        Some(number) if backbone.shards().any(|shard| shard.0 == number) => vec![Shard(number)],
        Some(number) => anyhow::bail!("there is no shard {number}: this log has {} (0 is the first)", backbone.shards().count()),
        None => backbone.shards().collect(),
    };
    for shard in shards {
        let commits = projector::rebuild(&backbone, &pool, shard).await?;
        if as_json {
            println!("{}", json!({"shard": shard.0, "commits": commits}));
        } else {
            println!("shard {}: {commits} commits", shard.0);
        }
    }
    Ok(())
}
