//! What a reader of a shard has passed, so that not every state has to be compared with the leader's newest commit.
//!
//! A state that holds all commits of its aggregate up to some sequence holds all up to the end that the leader names if the reader
//! has passed that end and no commit of the aggregate on its way. So one question to the leader does for all states of a shard.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use domain::Address;
use parking_lot::Mutex;

use crate::log::position::Shard;

/// Commits of a shard that are remembered behind the reader: some 2 MB. States from before them are compared with the leader's.
const REMEMBERED: usize = 16_384;

/// Up to where a state holds all commits of its aggregate, in terms of one reading; no reading can confirm the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mark {
    era: u64,
    sequence: u64,
}

impl Mark {
    /// Tells whether all of a log that ends at `end` was passed.
    pub(crate) fn has_passed(self, end: u64) -> bool {
        end <= self.sequence
    }

    /// Tells whether it is beyond a log that ends at `end`.
    pub(crate) fn is_beyond(self, end: u64) -> bool {
        end < self.sequence
    }

    /// Tells whether it is of the same reading.
    pub(crate) fn is_of(self, other: Self) -> bool {
        self.era == other.era
    }

    /// Returns the mark of the same reading at a commit that is known to follow the state's last.
    #[must_use]
    pub fn at(self, sequence: u64) -> Self {
        Self { sequence: sequence.max(self.sequence), ..self }
    }
}

/// The readings of all shards.
#[derive(Debug)]
pub(crate) struct Watch {
    shards: Vec<Arc<ShardWatch>>,
}

#[derive(Default)]
pub(crate) struct ShardWatch {
    passed: Mutex<Passed>,
    /// The last sequence that the leader named, and when it was asked; the lock makes that single-flight.
    pub(crate) end: tokio::sync::Mutex<Option<(Instant, u64)>>,
}

/// What the reading under way has passed.
#[derive(Debug, Default)]
struct Passed {
    /// Counts the readings, and the connections during one: a server may have lost its tail before it came back.
    era: u64,
    /// The reading under way.
    reading: Option<u64>,
    readings: u64,
    /// The connection on which it is known to go on.
    connection: u64,
    /// The newest commits of aggregates are known from the one after this sequence on.
    floor: u64,
    /// The last commit that was passed.
    horizon: u64,
    newest: HashMap<Address, u64>,
    order: VecDeque<(u64, Address)>,
}

/// A reading of a shard from which states are confirmed; it is over when this is dropped.
pub struct Reading {
    watch: Arc<ShardWatch>,
    id: u64,
}

impl Watch {
    pub(crate) fn new(shards: usize) -> Self {
        Self { shards: (0..shards).map(|_| Arc::default()).collect() }
    }

    /// Finds what was passed of a shard; `connection` counts the connections made.
    pub(crate) fn of(&self, Shard(number): Shard, connection: u64) -> &Arc<ShardWatch> {
        let watch = self.shards.get(usize::from(number)).expect("every shard is watched");
        watch.passed.lock().meet(connection);
        watch
    }
}

impl ShardWatch {
    /// Begins a reading after a sequence; it takes the place of an earlier one.
    pub(crate) fn begin(self: &Arc<Self>, after: u64) -> Reading {
        let id = self.passed.lock().begin(after);
        Reading { watch: Arc::clone(self), id }
    }

    /// Returns up to where a state that is read from now on is complete at least.
    pub(crate) fn mark(&self) -> Mark {
        let passed = self.passed.lock();
        Mark { era: passed.reading.map_or(0, |_| passed.era), sequence: passed.horizon }
    }

    /// Tells whether a commit of an aggregate after the one at `head` was passed.
    pub(crate) fn has_newer(&self, address: Address, head: u64) -> bool {
        self.passed.lock().newest.get(&address).is_some_and(|newest| *newest > head)
    }

    /// Returns up to where a state is complete that is so up to `mark`, with `head` as its last commit, if what was passed tells.
    pub(crate) fn confirm(&self, address: Address, head: u64, mark: Mark) -> Option<Mark> {
        self.passed.lock().confirm(address, head, mark)
    }
}

impl Reading {
    /// Notes that the next commit was passed, and of which aggregate it is.
    pub fn pass(&self, address: Address, sequence: u64) {
        self.watch.passed.lock().pass(self.id, address, sequence);
    }

    /// Notes that a pruning record was passed. A reader that was far behind may never have met the commits that it names, so states from
    /// before it are compared with the leader's.
    pub fn pass_record(&self, sequence: u64) {
        let mut passed = self.watch.passed.lock();
        if passed.reading == Some(self.id) {
            passed.horizon = sequence;
            passed.era += 1;
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let mut passed = self.watch.passed.lock();
        if passed.reading == Some(self.id) {
            passed.reading = None;
        }
    }
}

impl Passed {
    fn begin(&mut self, after: u64) -> u64 {
        let (era, readings, connection) = (self.era + 1, self.readings + 1, self.connection);
        *self = Self { era, reading: Some(readings), readings, connection, floor: after, horizon: after, ..Self::default() };
        readings
    }

    /// Begins another era where the connection is another one.
    fn meet(&mut self, connection: u64) {
        if self.connection != connection {
            self.connection = connection;
            self.era += 1;
        }
    }

    fn pass(&mut self, reading: u64, address: Address, sequence: u64) {
        if self.reading != Some(reading) {
            return;
        }
        self.horizon = sequence;
        self.newest.insert(address, sequence);
        self.order.push_back((sequence, address));
        if self.order.len() > REMEMBERED
            && let Some((oldest, address)) = self.order.pop_front()
        {
            self.floor = oldest;
            if self.newest.get(&address) == Some(&oldest) {
                self.newest.remove(&address);
            }
        }
    }

    /// Returns up to where a state is known to be complete.
    fn confirm(&self, address: Address, head: u64, mark: Mark) -> Option<Mark> {
        let is_known = self.reading.is_some() && mark.era == self.era && mark.sequence >= self.floor;
        let is_newest = self.newest.get(&address).is_none_or(|newest| *newest <= head);
        (is_known && is_newest).then_some(Mark { era: self.era, sequence: self.horizon })
    }
}

impl fmt::Debug for ShardWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShardWatch").field("horizon", &self.passed.lock().horizon).finish_non_exhaustive()
    }
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use domain::{AgentId, SessionId};

    use super::*;

    const ONE: Address = Address::session(AgentId::new([1; 16]), SessionId::new([1; 16]));
    const OTHER: Address = Address::session(AgentId::new([1; 16]), SessionId::new([2; 16]));

    fn mark(passed: &Passed) -> Mark {
        Mark { era: passed.era, sequence: passed.horizon }
    }

    #[test]
    fn a_state_is_complete_until_the_reader_passes_a_commit_of_its_aggregate() {
        let mut passed = Passed::default();
        let reading = passed.begin(10);
        let known = mark(&passed);
        passed.pass(reading, OTHER, 11);
        assert_eq!(passed.confirm(ONE, 7, known), Some(Mark { era: 1, sequence: 11 }));
        passed.pass(reading, ONE, 12);
        assert_eq!(passed.confirm(ONE, 7, known), None);
        // What was appended here is passed too.
        assert_eq!(passed.confirm(ONE, 12, known.at(12)), Some(Mark { era: 1, sequence: 12 }));
    }

    #[test]
    fn what_lies_between_two_readings_or_two_connections_is_unknown() {
        let mut passed = Passed::default();
        assert_eq!(passed.confirm(ONE, 0, Mark::default()), None, "nobody reads");
        let former = passed.begin(10);
        let known = mark(&passed);
        let reading = passed.begin(20);
        assert_eq!(passed.confirm(ONE, 7, known), None);
        // The former one is still on its way out.
        passed.pass(former, ONE, 15);
        assert_eq!(passed.horizon, 20);
        let known = mark(&passed);
        passed.meet(1);
        passed.pass(reading, OTHER, 21);
        assert_eq!(passed.confirm(ONE, 7, known), None);
        assert!(passed.confirm(ONE, 7, mark(&passed)).is_some());
    }

    #[test]
    fn so_many_commits_are_remembered_and_no_more() {
        let mut passed = Passed::default();
        let reading = passed.begin(0);
        let known = mark(&passed);
        let last = u64::try_from(REMEMBERED).unwrap();
        for sequence in 1..=last {
            passed.pass(reading, OTHER, sequence);
        }
        assert!(passed.confirm(ONE, 0, known).is_some());
        passed.pass(reading, ONE, last + 1);
        assert_eq!(passed.confirm(ONE, last + 1, known), None, "the first may have been another one's");
        assert!(passed.confirm(ONE, last + 1, known.at(1)).is_some());
        assert_eq!((passed.newest.len(), passed.order.len()), (2, REMEMBERED));
    }
}
