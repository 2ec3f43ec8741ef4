//! One batch, one transaction: a projection's rows and its checkpoint together, or nothing.

use crate::checkpoint::{self, Checkpoint};
use crate::column::moment;
use crate::reader::{Content, Read};
use crate::shard::ShardFollower;
use crate::{Batch, Error, Projection, begin};

impl<P: Projection> ShardFollower<P> {
    /// Applies what was read. Others may follow the same shard: what they applied is left out. None where the rows were begun anew since.
    pub(crate) async fn apply(&self, read: &Read) -> Result<Option<Checkpoint>, Error> {
        let mut transaction = begin(&self.pool).await?;
        let locked = checkpoint::lock(&mut transaction, P::NAME, self.shard()).await?;
        let Some(mut checkpoint) = locked.filter(|checkpoint| checkpoint.sequence >= read.after) else { return Ok(None) };
        self.agree(&checkpoint, &read.content)?;
        let written = match &read.content {
            Content::Commits(commits) => {
                let known = commits.partition_point(|recorded| recorded.sequence <= checkpoint.sequence);
                let new = commits.get(known..).unwrap_or_default();
                let Some((last, before)) = new.split_last() else { return Ok(Some(checkpoint)) };
                let batch = Batch { shard: self.shard(), commits: new, held_until: checkpoint.held_until };
                let written = self.projection.apply(&mut transaction, batch).await?;
                checkpoint.previous = before.last().map_or(checkpoint.running, |recorded| recorded.running);
                checkpoint.running = last.running;
                checkpoint.sequence = last.sequence;
                checkpoint.at = Some(moment(last.commit.at));
                Some(written)
            }
            Content::Pruning(record) if record.sequence <= checkpoint.sequence => return Ok(Some(checkpoint)),
            Content::Pruning(record) => {
                self.projection.pruned(&mut transaction, record).await?;
                checkpoint.advance(record.sequence, record.running);
                None
            }
            Content::Unknown(unknown) if unknown.sequence <= checkpoint.sequence => return Ok(Some(checkpoint)),
            Content::Unknown(unknown) => {
                self.projection.unknown(&mut transaction, unknown).await?;
                checkpoint.advance(unknown.sequence, unknown.running);
                None
            }
        };
        checkpoint::save(&mut transaction, P::NAME, &checkpoint).await?;
        transaction.commit().await?;
        if let Some(written) = written {
            self.projection.committed(written);
        }
        Ok(Some(checkpoint))
    }

    /// Fails where the log says something else than it said when the rows applied their last commit, if that was read again.
    pub(crate) fn agree(&self, checkpoint: &Checkpoint, content: &Content) -> Result<(), Error> {
        match content.running_at(checkpoint.sequence) {
            Some(running) if running != checkpoint.running => Err(self.other_history(checkpoint.sequence)),
            Some(_) | None => Ok(()),
        }
    }
}
