//! Refusals that wait to be written: counted, so that a flood costs a few entries a minute and this process some kilobytes.

use std::collections::HashMap;

use domain::Timestamp;

use crate::audit::entry::{AuditEntry, AuditedRefusal};

/// How long equal refusals are counted into one entry.
const COUNTED_FOR_MS: i64 = 60_000;
/// Different refusals within that time; those beyond are counted by their code alone.
const DETAILED: usize = 64;

/// A refusal, from where it came, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counted {
    what: What,
    pub(crate) first: Timestamp,
    count: u64,
}

type What = (AuditedRefusal, Option<[u8; 8]>);

/// What waits, and what was written within the last minute.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    waiting: HashMap<What, (Timestamp, u64)>,
    written: HashMap<What, Timestamp>,
}

impl Counted {
    /// Makes the entry.
    pub(crate) fn entry(&self) -> AuditEntry {
        let (refused, network) = &self.what;
        AuditEntry::refused(refused, *network, self.count)
    }
}

impl Pending {
    /// Counts a refusal.
    pub(crate) fn note(&mut self, refused: AuditedRefusal, network: Option<[u8; 8]>, now: Timestamp) {
        self.add((refused, network), now, 1);
    }

    /// Takes what is due: what was not written within the last minute, or all.
    pub(crate) fn take(&mut self, now: Timestamp, all: bool) -> Vec<Counted> {
        self.written.retain(|_, at| now.0 - at.0 < COUNTED_FOR_MS);
        let written = &self.written;
        let due: Vec<Counted> = self
            .waiting
            .extract_if(|what, _| all || !written.contains_key(what))
            .map(|(what, (first, count))| Counted { what, first, count })
            .collect();
        self.written.extend(due.iter().map(|counted| (counted.what.clone(), now)));
        due
    }

    /// Takes back what could not be written.
    pub(crate) fn put_back(&mut self, counted: Counted) {
        self.written.remove(&counted.what);
        self.add(counted.what, counted.first, counted.count);
    }

    fn add(&mut self, what: What, first: Timestamp, count: u64) {
        let is_known = self.waiting.contains_key(&what) || self.written.contains_key(&what);
        let what = if is_known || self.waiting.len() + self.written.len() < DETAILED {
            what
        } else {
            metrics::counter!("tempchat_audit_without_details_total").increment(count);
            // As many of these as there are codes.
            (AuditedRefusal { door: "many".to_owned(), agent: None, key: None, link: None, session: None, ..what.0 }, None)
        };
        let (earliest, sum) = self.waiting.entry(what).or_insert((first, 0));
        *earliest = (*earliest).min(first);
        *sum = sum.saturating_add(count);
    }
}

#[cfg(test)]
mod tests {
    use domain::AgentId;

    use super::*;

    fn refusal(n: u8) -> AuditedRefusal {
        let agent = Some(AgentId::new([n; 16]));
        AuditedRefusal { code: "key_invalid", door: "POST /mcp".to_owned(), agent, key: None, link: None, session: None }
    }

    fn counts(taken: &[Counted]) -> Vec<u64> {
        taken.iter().map(|counted| counted.count).collect()
    }

    #[test]
    fn the_first_is_written_at_once_and_the_rest_of_its_minute_as_one() {
        let mut pending = Pending::default();
        pending.note(refusal(1), None, Timestamp(0));
        assert_eq!(counts(&pending.take(Timestamp(1_000), false)), [1]);
        for at in 2_000..2_500 {
            pending.note(refusal(1), None, Timestamp(at));
        }
        assert_eq!(pending.take(Timestamp(60_999), false), []);
        let rest = pending.take(Timestamp(61_000), false);
        assert_eq!((counts(&rest), rest[0].first), (vec![500], Timestamp(2_000)));
        assert_eq!(pending.take(Timestamp(200_000), false), []);
    }

    #[test]
    fn a_flood_of_different_ones_is_bounded_and_counted() {
        let mut pending = Pending::default();
        for n in 0..10_000_u32 {
            pending.note(refusal(1), Some(u64::from(n).to_be_bytes()), Timestamp(0));
        }
        let taken = pending.take(Timestamp(0), false);
        assert_eq!(taken.len(), DETAILED + 1);
        assert_eq!(counts(&taken).iter().sum::<u64>(), 10_000);
        for n in 0..10_000_u32 {
            pending.note(refusal(2), Some(u64::from(n).to_be_bytes()), Timestamp(1));
        }
        assert_eq!(pending.take(Timestamp(2), false), [], "the next minute has them, in one");
        assert_eq!(counts(&pending.take(Timestamp(60_000), false)), [10_000]);
    }

    #[test]
    fn what_could_not_be_written_waits_on() {
        let mut pending = Pending::default();
        pending.note(refusal(1), None, Timestamp(5));
        let taken = pending.take(Timestamp(10), false);
        pending.note(refusal(1), None, Timestamp(11));
        for counted in taken {
            pending.put_back(counted);
        }
        let again = pending.take(Timestamp(12), false);
        assert_eq!((counts(&again), again[0].first), (vec![2], Timestamp(5)));
        pending.note(refusal(1), None, Timestamp(13));
        assert_eq!(counts(&pending.take(Timestamp(14), true)), [1], "at the end all is written");
    }
}
