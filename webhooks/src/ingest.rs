//! From the log to deliveries: one shard, batch by batch, the checkpoint in the transaction of the rows.

use domain::{LinkId, Target, agent, link};
use nats::{Actor, AnyEvent, Backbone, Feed, FeedError, Hash, Recorded, Shard, Unknown};
use sqlx::{PgConnection, PgPool};

use crate::Error;
use crate::clock;
use crate::table::checkpoint::{self, Checkpoint};
use crate::table::delivery::{self, New};
use crate::table::endpoint::{self, Owner};
use crate::table::{Id, begin, signed};
use crate::told::Teller;

/// Commits in one transaction.
const BATCH: usize = 500;

/// A shard, its log, and the rows of its webhooks.
#[derive(Debug, Clone)]
pub(crate) struct ShardFollower {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    pub(crate) teller: Teller,
    pub(crate) shard: Shard,
}

impl ShardFollower {
    /// Hands over what happens until something breaks; `noted` is told after every batch where reading stands.
    /// Cancel safe: what is not committed is done again. Others may follow the same shard.
    pub(crate) async fn follow(&self, mut noted: impl FnMut(&Checkpoint)) -> Result<(), Error> {
        loop {
            let mut checkpoint = self.open().await?;
            noted(&checkpoint);
            // Its own commit is read again: that its running hash comes out again proves that nothing before it has changed.
            let mut feed = self.backbone.feed(self.shard, checkpoint.sequence.saturating_sub(1), checkpoint.previous);
            loop {
                let after = feed.last();
                let read = Self::read(&mut feed).await.map_err(|error| Error::of_feed(self.shard, checkpoint.sequence, error))?;
                match self.take_in(after, &read).await? {
                    Some(moved) => checkpoint = moved,
                    // The rows were begun anew.
                    None => break,
                }
                noted(&checkpoint);
            }
        }
    }

    /// Reads what is next, or passes over what a newer program wrote.
    async fn read(feed: &mut Feed) -> Result<Read, FeedError> {
        match feed.next(BATCH).await {
            Ok(batch) => Ok(Read::Commits(batch)),
            Err(error @ FeedError::Broken(nats::Error::Corrupt { .. })) => match feed.pass_over().await? {
                Some(unknown) => Ok(Read::Unknown(unknown)),
                None => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Reads or makes the checkpoint, and compares it with what is known of the log without reading it.
    async fn open(&self) -> Result<Checkpoint, Error> {
        let (shard, epoch, end) = (self.shard, self.backbone.epoch(self.shard), self.end().await?);
        let fresh = Checkpoint::before_all(shard, epoch, end);
        let mut transaction = begin(&self.pool).await?;
        checkpoint::make(&mut transaction, &fresh).await?;
        let checkpoint = checkpoint::lock(&mut transaction, shard).await?.unwrap_or(fresh);
        transaction.commit().await?;
        if checkpoint.epoch != epoch {
            return Err(Error::OtherEpoch { shard });
        }
        if checkpoint.sequence > end {
            return Err(Error::LogCut { shard, sequence: checkpoint.sequence, end });
        }
        Ok(checkpoint)
    }

    async fn end(&self) -> Result<u64, Error> {
        self.backbone.end(self.shard).await.map_err(|source| Error::of_log(self.shard, source))
    }

    /// Begins anew where the rows are of another log; returns whether they were.
    pub(crate) async fn mend(&self) -> Result<bool, Error> {
        let checked = match self.open().await {
            Ok(checkpoint) if checkpoint.sequence == 0 => return Ok(false),
            Ok(checkpoint) => {
                let mut feed = self.backbone.feed(self.shard, checkpoint.sequence - 1, checkpoint.previous);
                let read = Self::read(&mut feed).await.map_err(|error| Error::of_feed(self.shard, checkpoint.sequence, error));
                read.and_then(|read| read.agrees_with(&checkpoint))
            }
            Err(error) => Err(error),
        };
        match checked {
            Ok(()) => Ok(false),
            Err(error) if error.is_another_log() => self.begin_anew().await.map(|()| true),
            Err(error) => Err(error),
        }
    }

    /// Forgets all that was made of the shard, and wakes nobody for what has happened up to now.
    async fn begin_anew(&self) -> Result<(), Error> {
        let fresh = Checkpoint::before_all(self.shard, self.backbone.epoch(self.shard), self.end().await?);
        let mut transaction = begin(&self.pool).await?;
        checkpoint::lock(&mut transaction, self.shard).await?;
        checkpoint::delete_rows(&mut transaction, self.shard).await?;
        checkpoint::save(&mut transaction, &fresh).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Takes in what was read from after `after`; none where the rows were begun anew since then.
    async fn take_in(&self, after: u64, read: &Read) -> Result<Option<Checkpoint>, Error> {
        let mut transaction = begin(&self.pool).await?;
        let Some(mut checkpoint) = checkpoint::lock(&mut transaction, self.shard).await? else { return Ok(None) };
        if checkpoint.sequence < after {
            return Ok(None);
        }
        read.agrees_with(&checkpoint)?;
        let known = |sequence: u64| sequence <= checkpoint.sequence;
        match read {
            Read::Commits(batch) => {
                let new = batch.iter().skip_while(|recorded| known(recorded.sequence)).collect::<Vec<_>>();
                let Some((last, before)) = new.split_last() else { return Ok(Some(checkpoint)) };
                self.hand_over(&mut transaction, &new, checkpoint.held_until).await?;
                checkpoint.previous = before.last().map_or(checkpoint.running, |recorded| recorded.running);
                checkpoint.running = last.running;
                checkpoint.sequence = last.sequence;
            }
            Read::Unknown(unknown) if known(unknown.sequence) => return Ok(Some(checkpoint)),
            Read::Unknown(unknown) => {
                checkpoint.previous = checkpoint.running;
                checkpoint.running = unknown.running;
                checkpoint.sequence = unknown.sequence;
            }
        }
        checkpoint::save(&mut transaction, &checkpoint).await?;
        transaction.commit().await?;
        Ok(Some(checkpoint))
    }

    /// Sets webhooks, and hands events to those that are set, in the log's order.
    async fn hand_over(&self, connection: &mut PgConnection, batch: &[&Recorded], held_until: u64) -> sqlx::Result<()> {
        let mut new = New::default();
        for recorded in batch {
            for change in changes(recorded) {
                // What came before a change goes where it pointed then.
                self.add(connection, &mut new).await?;
                let owner = Owner { agent: recorded.address.agent, link: change.link() };
                match change {
                    Change::Set(_, webhook) => endpoint::set(connection, self.shard, owner, webhook, recorded.commit.at).await?,
                    Change::Removed(_) => endpoint::remove(connection, owner).await?,
                    Change::Over(link) => endpoint::retire(connection, link).await?,
                }
            }
            // What an agent did itself is no news to it.
            if recorded.sequence > held_until && !matches!(recorded.commit.actor, Actor::Agent(_)) {
                self.note(recorded, &mut new);
            }
        }
        self.add(connection, &mut new).await
    }

    fn note(&self, recorded: &Recorded, new: &mut New) {
        for fact in recorded.facts() {
            let (session, link) = match fact.address.target {
                Target::Agent => continue,
                Target::Link(link) => (None, Some(link)),
                Target::Session(session) => (Some(session), fact.link),
            };
            let (Some(link), Some(told)) = (link, self.teller.thin(&fact)) else { continue };
            new.shard.push(i32::from(fact.position.shard.0));
            new.sequence.push(signed(fact.position.sequence));
            new.index.push(i32::from(fact.position.index));
            new.agent.push(fact.address.agent.column());
            new.link.push(link.column());
            new.session.push(session.map(|session| session.column()));
            new.event.push(told.id);
            new.kind.push(told.kind.to_owned());
            new.thin.push(serde_json::Value::Object(told.event).to_string());
        }
    }

    async fn add(&self, connection: &mut PgConnection, new: &mut New) -> sqlx::Result<()> {
        if new.sequence.is_empty() {
            return Ok(());
        }
        let dropped = delivery::add(connection, &std::mem::take(new), clock::now()).await?;
        if let Ok(dropped @ 1..) = u64::try_from(dropped) {
            tracing::warn!(shard = %self.shard, dropped, "events found the queue of their webhook full");
            metrics::counter!("tempchat_webhook_events_dropped_total").increment(dropped);
        }
        Ok(())
    }
}

/// What was read.
enum Read {
    Commits(Vec<Recorded>),
    Unknown(Unknown),
}

impl Read {
    /// Holds where the log still says what it said when the checkpoint was made.
    fn agrees_with(&self, checkpoint: &Checkpoint) -> Result<(), Error> {
        let running: Option<Hash> = match self {
            Self::Commits(batch) => {
                batch.iter().find(|recorded| recorded.sequence == checkpoint.sequence).map(|recorded| recorded.running)
            }
            Self::Unknown(unknown) => (unknown.sequence == checkpoint.sequence).then_some(unknown.running),
        };
        match running {
            Some(running) if running != checkpoint.running => {
                Err(Error::OtherHistory { shard: checkpoint.shard, sequence: checkpoint.sequence })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// What a commit changes about webhooks.
enum Change<'a> {
    Set(Option<LinkId>, &'a agent::Webhook),
    Removed(Option<LinkId>),
    /// The link is no more.
    Over(LinkId),
}

impl Change<'_> {
    fn link(&self) -> Option<LinkId> {
        match self {
            Self::Set(link, _) | Self::Removed(link) => *link,
            Self::Over(link) => Some(*link),
        }
    }
}

fn changes(recorded: &Recorded) -> impl Iterator<Item = Change<'_>> {
    recorded.commit.events.iter().filter_map(|event| match (recorded.address.target, event) {
        (Target::Agent, AnyEvent::Agent(agent::Event::WebhookSet { webhook })) => {
            Some(webhook.as_ref().map_or(Change::Removed(None), |webhook| Change::Set(None, webhook)))
        }
        (Target::Link(link), AnyEvent::Link(link::Event::WebhookSet { webhook })) => {
            Some(webhook.as_ref().map_or(Change::Removed(Some(link)), |webhook| Change::Set(Some(link), webhook)))
        }
        (Target::Link(link), AnyEvent::Link(link::Event::Erased)) => Some(Change::Over(link)),
        (Target::Agent | Target::Link(_) | Target::Session(_), AnyEvent::Agent(_) | AnyEvent::Link(_) | AnyEvent::Session(_)) => {
            None
        }
    })
}
