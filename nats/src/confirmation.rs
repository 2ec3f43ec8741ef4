//! Tells from what a reader of a shard has passed whether a state is still the newest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::Address;

use crate::log::position::Shard;
use crate::watch::{Mark, Reading, ShardWatch};
use crate::{Backbone, Error};

impl Backbone {
    /// Begins a reading of all commits of a shard after `after`; it takes the place of an earlier one.
    pub fn begin_reading(&self, shard: Shard, after: u64) -> Reading {
        self.watch_of(shard).begin(after)
    }

    /// Returns up to where a state that is read from now on is complete at least.
    pub fn mark(&self, address: Address) -> Mark {
        self.watch_of(self.shard_of(address.agent)).mark()
    }

    /// Tells whether the reader has passed a commit of an aggregate after the one at `head`.
    pub fn has_newer(&self, address: Address, head: u64) -> bool {
        self.watch_of(self.shard_of(address.agent)).has_newer(address, head)
    }

    /// Returns when a state that is complete up to `mark`, with `head` as its last commit, was known to have nothing newer, no longer
    /// than `age` ago; `None` where only the aggregate's own last commit tells.
    pub async fn confirm(&self, address: Address, head: u64, mark: Mark, age: Duration) -> Option<(Instant, Mark)> {
        let shard = self.shard_of(address.agent);
        let before = self.watch_of(shard).confirm(address, head, mark)?;
        // The caller that needs the leader meets the same error.
        let (at, end) = self.end_within(shard, age).await.ok()?;
        let now = self.watch_of(shard).confirm(address, head, mark)?;
        (now.is_of(before) && now.has_passed(end)).then_some((at, now))
    }

    /// Returns the end of a shard as its leader had it no longer than `age` ago, and when it was asked.
    async fn end_within(&self, shard: Shard, age: Duration) -> Result<(Instant, u64), Error> {
        let mut known = self.watch_of(shard).end.lock().await;
        if let Some((at, end)) = *known
            && at.elapsed() <= age
        {
            return Ok((at, end));
        }
        let (asked, read) = (Instant::now(), self.watch_of(shard).mark());
        let end = self.end(shard).await?;
        if read.is_beyond(end) {
            // The log has lost its tail: nothing that was read of it counts.
            return Err(Error::unavailable(format_args!("shard {shard} ends before what was read of it")));
        }
        *known = Some((asked, end));
        Ok((asked, end))
    }

    fn watch_of(&self, shard: Shard) -> &Arc<ShardWatch> {
        self.watch.of(shard, *self.connection.reconnects.borrow())
    }
}
