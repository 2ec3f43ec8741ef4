//! `tempchat rebuild`: the read models made anew from the log.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nats::Shard;
use serde_json::json;

use crate::config::Config;
use crate::installation::{self, Servers};

/// Rebuilds the rows of all shards; safe beside a running installation, and after a rebuild that was cut off.
pub(crate) async fn run(config: Config, as_json: bool) -> Result<()> {
    let servers = Servers::running(&config)?;
    let backbone = installation::log(&config, &servers, installation::read_secrets(&config.data)?).await?;
    let pool = installation::rows(&servers).await?;
    let bars = Bars::new(backbone.shards());
    projector::rebuild(&backbone, &pool, |rebuilt| bars.show(rebuilt)).await?;
    bars.clear();
    for shard in backbone.shards() {
        let sequence = backbone.end(shard).await?;
        if as_json {
            println!("{}", json!({"shard": shard.0, "log_end": sequence}));
        } else {
            println!("shard {shard}: rows made anew, the log ends at {sequence}");
        }
    }
    Ok(())
}

/// A progress bar for each shard; on a terminal only.
struct Bars {
    all: MultiProgress,
    bars: HashMap<Shard, ProgressBar>,
}

impl Bars {
    fn new(shards: impl Iterator<Item = Shard>) -> Self {
        let all = MultiProgress::new();
        let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} {eta}").unwrap_or_else(|_| ProgressStyle::default_bar());
        let bars = shards
            .map(|shard| {
                let bar = all.add(ProgressBar::new(0)).with_style(style.clone()).with_prefix(format!("shard {shard}"));
                bar.enable_steady_tick(Duration::from_millis(200));
                (shard, bar)
            })
            .collect();
        Self { all, bars }
    }

    fn show(&self, rebuilt: projector::Rebuilt) {
        if let Some(bar) = self.bars.get(&rebuilt.shard) {
            bar.set_length(rebuilt.until);
            bar.set_position(rebuilt.sequence);
        }
    }

    fn clear(&self) {
        if let Err(error) = self.all.clear() {
            tracing::debug!(%error, "the progress bars stay");
        }
    }
}
