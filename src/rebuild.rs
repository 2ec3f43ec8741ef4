//! `tempchat rebuild`: the read models made anew from the log.

use std::time::Duration;

use anyhow::Result;
use clap::{Args, ValueEnum};
use follower::Rebuilt;
use futures_util::future::try_join_all;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nats::{Opening, Shard};
use serde_json::json;

use crate::config::Config;
use crate::heads;
use crate::installation::{self, Servers};

/// Options of `tempchat rebuild`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Which; without it all of them
    #[arg(value_enum)]
    name: Option<ReadModel>,
}

/// What can be made anew by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ReadModel {
    /// Every table: they share a checkpoint and a transaction, so that all of them show the same moment
    Rows,
}

/// Rebuilds one read model, or all; safe beside a running installation, and after a rebuild that was cut off.
pub(crate) async fn run(config: Config, options: Options, as_json: bool) -> Result<()> {
    match options.name {
        None | Some(ReadModel::Rows) => rows(config, as_json).await,
    }
}

/// Rebuilds the rows of all shards.
async fn rows(config: Config, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::open_log(&config, &servers, installation::read_secrets(&config.data)?, Opening::Write).await?;
    let pool = installation::open_rows(&servers).await?;
    heads::warn_of_contradictions(&config, &backbone).await;
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
    // No webhook is called again: webhooks have a checkpoint of their own, which stays as long as it is the same log.
    webhooks::mend(&backbone, &pool).await?;
    for (shard, commits) in rebuilt {
        if as_json {
            crate::output::line(json!({"shard": shard.0, "commits": commits}));
        } else {
            crate::output::line(format_args!("shard {shard}: the rows of {commits} commits were made anew"));
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
