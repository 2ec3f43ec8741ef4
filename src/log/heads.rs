//! `tempchat log heads`: signs the head of each shard now.

use anyhow::{Result, ensure};
use nats::Backbone;

use super::verify::print_fault;
use crate::config::Config;
use crate::heads::HeadKeeper;
use crate::output::print;

pub(super) async fn run(config: &Config, backbone: &Backbone, as_json: bool) -> Result<()> {
    let mut is_whole = true;
    for (shard, outcome) in HeadKeeper::new(config, backbone).sign().await? {
        match outcome {
            Ok(signed) => {
                let head = signed.head;
                let plain = format!(
                    "shard {shard}: epoch {}, sequence {}, running hash {}, signed at {}",
                    head.epoch,
                    head.sequence,
                    head.running,
                    signed.signed_at()
                );
                print(as_json, &serde_json::to_value(signed.document())?, &plain);
            }
            Err(error) => {
                is_whole = false;
                print_fault(shard, &error.to_string(), as_json);
            }
        }
    }
    ensure!(is_whole, "not every head was signed");
    Ok(())
}
