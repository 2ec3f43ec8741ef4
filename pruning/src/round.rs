//! One record's worth of a shard: gathered, archived, recorded, purged.

use domain::{Address, SessionId};
use futures_util::{StreamExt, TryStreamExt, stream};
use nats::{
    AppendError, Backbone, PrunableMessage, PrunedCommits, PrunedLink, PrunedSession, Pruning, SessionFigures, Shard, WholeLink,
};

use crate::candidate::Candidate;
use crate::session_counts::day;
use crate::{Error, Settings, archive, clock};

/// Commits in one record: some 35 bytes each in a message of at most a megabyte, and as many rows deleted in one transaction.
const COMMITS: usize = 4000;
/// The most commits of one aggregate that a record has room for.
const MOST_COMMITS: usize = 25_000;
/// Aggregates read and purged at once.
const AT_ONCE: usize = 8;

/// What is gathered for the next record of a shard.
#[derive(Debug)]
pub(crate) struct Round<'a> {
    backbone: &'a Backbone,
    settings: &'a Settings,
    shard: Shard,
    /// The shard's last record, as far as this process knows: the next is refused if it is not.
    recorded: u64,
    links: Vec<PrunedLink>,
    messages: Vec<PrunableMessage>,
    commits: usize,
}

/// What was pruned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Links of which nothing is left.
    pub links: u64,
    /// Their sessions.
    pub sessions: u64,
    /// The commits of both.
    pub commits: u64,
}

impl std::ops::AddAssign for Pruned {
    fn add_assign(&mut self, more: Self) {
        self.links += more.links;
        self.sessions += more.sessions;
        self.commits += more.commits;
    }
}

impl<'a> Round<'a> {
    pub(crate) fn new(backbone: &'a Backbone, settings: &'a Settings, shard: Shard, recorded: u64) -> Self {
        Self { backbone, settings, shard, recorded, links: Vec::new(), messages: Vec::new(), commits: 0 }
    }

    /// Returns the sequence of the shard's last record.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded
    }

    /// Takes in a link with its sessions; what fills a record is pruned at once.
    pub(crate) async fn add(
        &mut self,
        candidate: &Candidate,
        sessions: Vec<(SessionId, SessionFigures)>,
    ) -> Result<Pruned, Error> {
        let Candidate { agent, link, opened_at } = *candidate;
        let mut pruned = Pruned::default();
        self.links.push(PrunedLink { agent, link, whole: None, sessions: Vec::new() });
        let backbone = self.backbone;
        let read = sessions.into_iter().map(|(session, figures)| async move {
            let messages = backbone.prunable(Address::session(agent, session)).await?;
            Ok::<_, Error>((session, figures, messages))
        });
        let mut read = stream::iter(read).buffered(AT_ONCE);
        while let Some((session, figures, messages)) = read.try_next().await? {
            // The log has let it go already, or does not know it as erased.
            let Some(messages) = messages else { continue };
            let messages = self.shorten(messages).await?;
            pruned += self.make_room(messages.len(), agent, link).await?;
            let commits = self.take(messages);
            if let Some(last) = self.links.last_mut() {
                last.sessions.push(PrunedSession { session, commits, figures });
            }
        }
        let Some(messages) = self.backbone.prunable(Address::link(agent, link)).await? else { return Ok(pruned) };
        let messages = self.shorten(messages).await?;
        pruned += self.make_room(messages.len(), agent, link).await?;
        let whole = WholeLink { commits: self.take(messages), day: day(opened_at) };
        if let Some(last) = self.links.last_mut() {
            last.whole = Some(whole);
        }
        Ok(pruned)
    }

    /// Records the first of more commits than a record has room for, and returns the rest.
    async fn shorten(&mut self, mut messages: Vec<PrunableMessage>) -> Result<Vec<PrunableMessage>, Error> {
        while messages.len() > MOST_COMMITS {
            let rest = messages.split_off(MOST_COMMITS);
            let commits = messages.iter().map(|message| (message.sequence, message.leaf)).collect();
            self.archive(messages).await?;
            self.record(&Pruning::Part { at: clock::now(), commits }).await?;
            messages = rest;
        }
        Ok(messages)
    }

    /// Prunes what was gathered if `more` commits would not fit beside it; the link goes on in the next record.
    async fn make_room(&mut self, more: usize, agent: domain::AgentId, link: domain::LinkId) -> Result<Pruned, Error> {
        if self.commits == 0 || self.commits + more <= COMMITS {
            return Ok(Pruned::default());
        }
        let pruned = self.finish().await?;
        self.links.push(PrunedLink { agent, link, whole: None, sessions: Vec::new() });
        Ok(pruned)
    }

    fn take(&mut self, messages: Vec<PrunableMessage>) -> PrunedCommits {
        self.commits += messages.len();
        let commits = messages.iter().map(|message| (message.sequence, message.leaf)).collect();
        if self.settings.archive.is_some() {
            self.messages.extend(messages);
        }
        commits
    }

    /// Archives, records and purges what was gathered.
    pub(crate) async fn finish(&mut self) -> Result<Pruned, Error> {
        let mut links = std::mem::take(&mut self.links);
        links.retain(|link| link.whole.is_some() || !link.sessions.is_empty());
        let messages = std::mem::take(&mut self.messages);
        let commits = std::mem::take(&mut self.commits);
        if links.is_empty() {
            return Ok(Pruned::default());
        }
        self.archive(messages).await?;
        let pruned = Pruned {
            links: links.iter().filter(|link| link.whole.is_some()).count() as u64,
            sessions: links.iter().map(|link| link.sessions.len() as u64).sum(),
            commits: commits as u64,
        };
        let pruning = Pruning::Links { at: clock::now(), links };
        self.record(&pruning).await?;
        purge(self.backbone, &pruning).await?;
        Ok(pruned)
    }

    async fn archive(&self, messages: Vec<PrunableMessage>) -> Result<(), Error> {
        match &self.settings.archive {
            Some(folder) => archive::write(folder, self.backbone.epoch(self.shard), self.shard, messages).await,
            None => Ok(()),
        }
    }

    async fn record(&mut self, pruning: &Pruning) -> Result<(), Error> {
        match self.backbone.record_pruning(self.shard, self.recorded, pruning).await {
            Ok(sequence) => {
                self.recorded = sequence;
                Ok(())
            }
            Err(AppendError::Full) => Err(Error::Full),
            Err(AppendError::Broken(error)) => Err(error.into()),
            // The lock keeps other pruners out, unless its connection was lost.
            Err(AppendError::Conflict) => Err(nats::Error::Unavailable("another pruner came first".to_owned()).into()),
        }
    }
}

/// Purges all that a record names.
async fn purge(backbone: &Backbone, pruning: &Pruning) -> Result<(), Error> {
    purge_all(backbone, addresses(pruning)).await
}

/// Purges what is left of all that a record names: after a purge that was cut off, and mostly nothing.
pub(crate) async fn purge_rest(backbone: &Backbone, pruning: &Pruning) -> Result<(), Error> {
    let left = backbone.store().last_of(&addresses(pruning)).await?;
    purge_all(backbone, left.into_iter().map(|(address, _)| address).collect()).await
}

async fn purge_all(backbone: &Backbone, addresses: Vec<Address>) -> Result<(), Error> {
    let purged = addresses.into_iter().map(|address| backbone.purge(address));
    stream::iter(purged).buffer_unordered(AT_ONCE).try_for_each(async |_| Ok(())).await?;
    Ok(())
}

/// Lists the aggregates of which a record says that nothing is left.
fn addresses(pruning: &Pruning) -> Vec<Address> {
    let mut addresses = Vec::new();
    for link in pruning.links() {
        addresses.extend(link.sessions.iter().map(|session| Address::session(link.agent, session.session)));
        addresses.extend(link.whole.iter().map(|_| Address::link(link.agent, link.link)));
    }
    addresses
}
