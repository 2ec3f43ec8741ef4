//! `tempchat log verify`: proves the log by itself, by the rows, and by the heads that were signed.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use follower::Progress;
use nats::{Backbone, Hash, Shard, SignedHead, Verified};
use serde_json::json;

use crate::config::Config;
use crate::heads::file::HeadsFile;
use crate::installation::{self, Servers};

/// What the log is compared with, shard by shard.
struct Witnesses {
    checkpoints: Vec<Progress>,
    heads: BTreeMap<Shard, Vec<SignedHead>>,
    /// Where the heads are.
    file: HeadsFile,
}

/// Proves every shard and prints its head; an error where one is not whole.
pub(super) async fn run(config: &Config, backbone: &Backbone, rows: Option<&Servers>, as_json: bool) -> Result<()> {
    let witnesses = Witnesses::read(config, backbone, rows).await?;
    let mut is_whole = true;
    for shard in backbone.shards() {
        let proven = match backbone.verify(shard, &witnesses.sequences(shard)).await {
            Ok(verified) => witnesses.agree(&verified).map(|newest| (verified, newest)),
            Err(error) => Err(error.to_string()),
        };
        match proven {
            Ok((verified, newest)) => print_whole(&verified, newest, as_json),
            Err(fault) => {
                is_whole = false;
                print_fault(shard, &fault, as_json);
            }
        }
    }
    ensure!(is_whole, "the log is not whole");
    Ok(())
}

impl Witnesses {
    async fn read(config: &Config, backbone: &Backbone, rows: Option<&Servers>) -> Result<Self> {
        let file = HeadsFile::of(config);
        let mut heads: BTreeMap<Shard, Vec<SignedHead>> = BTreeMap::new();
        for head in file.verified(backbone.signer())? {
            heads.entry(head.head.shard).or_default().push(head);
        }
        let checkpoints = match rows {
            Some(servers) => {
                read_checkpoints(servers).await.context("how far the rows have come is not known; --log-only leaves them out")?
            }
            None => Vec::new(),
        };
        Ok(Self { checkpoints, heads, file })
    }

    fn heads(&self, shard: Shard) -> &[SignedHead] {
        self.heads.get(&shard).map_or(&[], Vec::as_slice)
    }

    fn checkpoints(&self, shard: Shard) -> impl Iterator<Item = &Progress> {
        self.checkpoints.iter().filter(move |checkpoint| checkpoint.shard == shard)
    }

    /// Returns the sequences at which something is known of the running hash.
    fn sequences(&self, shard: Shard) -> Vec<u64> {
        let signed = self.heads(shard).iter().map(|signed| signed.head.sequence);
        self.checkpoints(shard).map(|checkpoint| checkpoint.sequence).chain(signed).collect()
    }

    /// Compares a shard with all that is known of it; returns its newest signed head, or says what differs and what to do.
    fn agree(&self, verified: &Verified) -> Result<&SignedHead, String> {
        let newest = self.agrees_with_heads(verified)?;
        match self.checkpoints(verified.shard).find(|checkpoint| !checkpoint.agrees_with(verified)) {
            None => Ok(newest),
            Some(checkpoint) => Err(format!(
                "the log, which ends at {}, is not the one that {} were made of, up to {}: commits were changed or lost, or the rows \
                 belong to another log. Restore the log, or run `tempchat rebuild` if this one is right",
                verified.sequence, checkpoint.projection, checkpoint.sequence
            )),
        }
    }

    /// All heads are compared, not the newest alone: whoever put another log in place may have had its head signed since.
    fn agrees_with_heads(&self, verified: &Verified) -> Result<&SignedHead, String> {
        let (heads, file) = (self.heads(verified.shard), self.file.path().display());
        let Some(newest) = heads.last() else {
            return Err(format!(
                "no head of it is in {file}: nothing outside the log says how far it went. If it has none yet, sign it now with \
                 `tempchat log heads`; else restore that file"
            ));
        };
        let mut agreed = None;
        for signed in heads {
            let (head, at) = (&signed.head, signed.signed_at());
            if head.epoch != verified.epoch {
                return Err(format!(
                    "it is another log (epoch {}) than the one whose head was signed at {at} (epoch {}). Restore that log, or move \
                     {file} away if this one is right",
                    verified.epoch, head.epoch
                ));
            }
            if head.sequence > verified.sequence {
                return Err(format!(
                    "it ends at {}, and its head was signed at {at} with sequence {}: its last {} commits are gone. Restore the log \
                     from a backup; `tempchat rebuild` would only hide it",
                    verified.sequence,
                    head.sequence,
                    head.sequence - verified.sequence
                ));
            }
            let running = running_at(verified, head.sequence);
            if running != Some(head.running) {
                let since = agreed.map_or_else(String::new, |agreed| format!(" after {agreed}, where it still agrees, and"));
                return Err(format!(
                    "its running hash at {} is {}, and the head that was signed at {at} says {}: commits{since} at or before {} were \
                     changed, moved or replaced. Restore the log from a backup",
                    head.sequence,
                    running.unwrap_or_default(),
                    head.running,
                    head.sequence
                ));
            }
            agreed = Some(head.sequence);
        }
        Ok(newest)
    }
}

fn running_at(verified: &Verified, sequence: u64) -> Option<Hash> {
    if sequence == 0 { Some(Hash::default()) } else { verified.running_at.get(&sequence).copied() }
}

async fn read_checkpoints(servers: &Servers) -> Result<Vec<Progress>> {
    Ok(follower::checkpoints(&installation::read_rows(servers).await?).await?)
}

fn print_whole(verified: &Verified, newest: &SignedHead, as_json: bool) {
    let Verified { shard, epoch, sequence, running, commits, events, aggregates, pruning_records, pruned, .. } = verified;
    let (signed, at) = (newest.head.sequence, newest.signed_at());
    if as_json {
        crate::output::line(json!({
            "shard": shard.0, "whole": true, "epoch": epoch.to_string(), "sequence": sequence, "running_hash": running.to_string(),
            "commits": commits, "events": events, "aggregates": aggregates, "pruned": pruned, "pruning_records": pruning_records,
            "signed_head": {"sequence": signed, "at": at},
        }));
    } else {
        crate::output::line(format_args!(
            "shard {shard}: whole. {commits} commits, {events} events of {aggregates} aggregates; {pruned} pruned commits, named by \
             {pruning_records} records; head: epoch {epoch}, sequence {sequence}, running hash {running}; newest signed head: sequence \
             {signed}, at {at}"
        ));
    }
}

/// Says what is wrong with a shard.
pub(super) fn print_fault(shard: Shard, fault: &str, as_json: bool) {
    if as_json {
        crate::output::line(json!({"shard": shard.0, "whole": false, "fault": fault}));
    } else {
        crate::output::line(format_args!("shard {shard}: not whole. {fault}"));
    }
}
