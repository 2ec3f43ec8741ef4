//! `tempchat rebuild`: the read models made anew from the log.

use std::time::Duration;

use anyhow::Result;
use follower::Rebuilt;
use futures_util::future::try_join_all;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nats::Shard;
use serde_json::json;

use crate::cli::ReadModel;
use crate::config::Config;
use crate::installation::{self, Servers};

/// Rebuilds one read model, or all; safe beside a running installation, and after a rebuild that was cut off.
pub(crate) async fn run(config: Config, name: Option<ReadModel>, as_json: bool) -> Result<()> {
    match name {
        None | Some(ReadModel::Rows) => rows(config, as_json).await,
    }
}

/// Rebuilds the rows of all shards.
async fn rows(config: Config, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::log(&config, &servers, installation::read_secrets(&config.data)?).await?;
    let pool = installation::rows(&servers).await?;
    let bars = MultiProgress::new();
    let rebuilt = try_join_all(backbone.shards().map(|shard| {
        let bar = bars.add(bar(shard));
        let (backbone, pool) = (&backbone, &pool);
        async move {
            let progress = |rebuilt: Rebuilt| {
                bar.set_length(rebuilt.until);
                bar.set_position(rebuilt.sequence);
            };
            let commits = projector::rebuild(backbone, pool, shard, progress).await?;
            bar.finish_and_clear();
            anyhow::Ok((shard, commits))
        }
    }))
    .await?;
    // Nobody is called again: the webhooks have a place of their own in the log, kept as long as it is the same log.
    webhooks::mend(&backbone, &pool).await?;
    for (shard, commits) in rebuilt {
        if as_json {
            println!("{}", json!({"shard": shard.0, "commits": commits}));
        } else {
            println!("shard {shard}: the rows of {commits} commits were made anew");
        }
    }
    Ok(())
}

/// A progress bar; on a terminal only.
fn bar(shard: Shard) -> ProgressBar {
    let style =
        ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(0).with_style(style).with_prefix(format!("shard {shard}"));
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
