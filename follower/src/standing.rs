//! How far a shard's rows have come, and whether they go on.

use nats::Shard;
use tokio::sync::watch;

use crate::{Error, Labels};

/// How the rows of a shard stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The shard.
    pub shard: Shard,
    /// The last commit applied, as far as this process knows; none before it has looked.
    pub sequence: Option<u64>,
    /// Why it has stopped, where someone has to look.
    pub stopped: Option<String>,
}

impl Standing {
    /// Makes the standing of a shard that nobody has looked at.
    pub(crate) fn unknown(shard: Shard) -> Self {
        Self { shard, sequence: None, stopped: None }
    }
}

/// Notes that a shard's rows have come to `sequence`.
pub(crate) fn advance(standing: &watch::Sender<Standing>, sequence: u64) {
    standing.send_modify(|standing| {
        standing.sequence = Some(sequence);
        standing.stopped = None;
    });
}

/// Notes and logs what is wrong; a reason to stop is logged once, however often it is tried again.
pub(crate) fn note(standing: &watch::Sender<Standing>, labels: &Labels, error: &Error) {
    let reason = match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    if error.is_passing() {
        tracing::warn!(shard = %standing.borrow().shard, reason, "{}", labels.tries_again);
    } else if standing.borrow().stopped.as_ref() != Some(&reason) {
        tracing::error!(shard = %standing.borrow().shard, reason, "{}", labels.has_stopped);
        standing.send_modify(|standing| standing.stopped = Some(reason));
    }
}
