//! Idempotence: an aggregate remembers the commands it has carried out, so that a repeat gets the first answer.

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use crate::{CommandId, Fingerprint, Timestamp};

/// The record of a command that was carried out: enough to give its first answer again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    /// The log sequence of the commit.
    pub sequence: u64,
    /// How many events the commit holds up to the one that the command asked for.
    pub events: u16,
    /// The time of the commit.
    pub at: Timestamp,
    /// The command's fingerprint.
    pub fingerprint: Fingerprint,
}

/// The commands an aggregate remembers; the command that created it is never forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    known: OrdMap<CommandId, Remembered>,
    order: Vector<CommandId>,
}

impl Memory {
    /// Finds the first answer to `command`.
    pub fn get(&self, command: &CommandId) -> Option<&Remembered> {
        self.known.get(command)
    }

    /// Remembers a command with its first answer; beyond `limit` (at least one) forgets the oldest but for the creating one.
    pub fn remember(&mut self, command: CommandId, answer: Remembered, limit: Option<usize>) {
        if self.known.contains_key(&command) {
            return;
        }
        self.known.insert(command, answer);
        self.order.push_back(command);
        if limit.is_some_and(|limit| self.order.len() > limit.max(1)) {
            let forgotten = self.order.remove(1);
            self.known.remove(&forgotten);
        }
    }

    /// Returns how many commands are remembered.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Tells whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sequence: u64) -> Remembered {
        Remembered { sequence, events: 1, at: Timestamp(0), fingerprint: Fingerprint::new([0; 16]) }
    }

    #[test]
    fn the_creating_command_outlives_the_limit() {
        let mut memory = Memory::default();
        for n in 0..10 {
            memory.remember(CommandId::new([n; 16]), answer(u64::from(n)), Some(4));
        }
        assert_eq!(memory.len(), 4);
        assert!(memory.get(&CommandId::new([0; 16])).is_some());
        assert!(memory.get(&CommandId::new([6; 16])).is_none());
        assert!(memory.get(&CommandId::new([7; 16])).is_some());
    }

    #[test]
    fn the_first_answer_stands() {
        let mut memory = Memory::default();
        let command = CommandId::new([1; 16]);
        memory.remember(command, answer(1), Some(4));
        memory.remember(command, answer(2), Some(4));
        assert_eq!(memory.get(&command), Some(&answer(1)));
        assert_eq!(memory.len(), 1);
    }

    #[test]
    fn a_limit_of_none_still_keeps_the_creating_command() {
        let mut memory = Memory::default();
        for n in 0..3 {
            memory.remember(CommandId::new([n; 16]), answer(u64::from(n)), Some(0));
        }
        assert_eq!(memory.len(), 1);
        assert!(memory.get(&CommandId::new([0; 16])).is_some());
    }

    #[test]
    fn without_a_limit_nothing_is_forgotten() {
        let mut memory = Memory::default();
        assert!(memory.is_empty());
        for n in 0..=u8::MAX {
            memory.remember(CommandId::new([n; 16]), answer(u64::from(n)), None);
        }
        assert_eq!(memory.len(), 256);
    }
}
