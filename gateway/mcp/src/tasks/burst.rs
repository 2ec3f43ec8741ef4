//! Which events are one burst, so that a model is woken once for all of it: told from the times of the events alone, never from the clock
//! of whoever reads them, so that every gateway tells the same.

use domain::{Millis, Timestamp};

/// How long it is quiet between two bursts. Longer than in a wait, which sees whether somebody types.
const QUIET: Millis = Millis(1_000);
/// How long one burst lasts at most.
const LONGEST: Millis = Millis::seconds(5);
/// How much later than its time an event may be appended, and clocks may differ: what is told once is told for good.
pub(super) const SETTLES: Millis = Millis(2_000);

/// The first burst among events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Burst {
    /// How many events it has, as far as the limit lets.
    pub(super) length: usize,
    /// Whether it goes on beyond the limit.
    pub(super) is_cut: bool,
    /// From when on no event can be part of it any more; none where that is certain already.
    pub(super) open_until: Option<Timestamp>,
}

/// Finds the first burst among events in the order of the log; none where there is no event.
pub(super) fn first_burst(times: impl IntoIterator<Item = Timestamp>, limit: usize) -> Option<Burst> {
    let mut times = times.into_iter();
    let first = times.next()?;
    let (mut last, mut length) = (first, 1);
    for at in times {
        if at > last + QUIET || at > first + LONGEST {
            return Some(Burst { length, is_cut: false, open_until: None });
        }
        if length >= limit {
            return Some(Burst { length, is_cut: true, open_until: None });
        }
        (last, length) = (at.max(last), length + 1);
    }
    Some(Burst { length, is_cut: false, open_until: Some((last + QUIET).min(first + LONGEST) + SETTLES) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn burst(times: &[i64], limit: usize) -> Option<Burst> {
        first_burst(times.iter().map(|at| Timestamp(*at)), limit)
    }

    #[test]
    fn nothing_is_no_burst() {
        assert_eq!(burst(&[], 20), None);
    }

    #[test]
    fn what_comes_quickly_is_one_burst_and_the_next_is_not_part_of_it() {
        assert_eq!(burst(&[0, 900, 1_900, 2_901], 20), Some(Burst { length: 3, is_cut: false, open_until: None }));
        assert_eq!(burst(&[0, 900], 20), Some(Burst { length: 2, is_cut: false, open_until: Some(Timestamp(3_900)) }));
    }

    #[test]
    fn whoever_never_pauses_is_not_waited_for() {
        let times: Vec<i64> = (0..20).map(|n| n * 500).collect();
        assert_eq!(burst(&times, 20), Some(Burst { length: 11, is_cut: false, open_until: None }));
        assert_eq!(burst(&times[..11], 20).unwrap().open_until, Some(Timestamp(7_000)));
    }

    #[test]
    fn more_than_the_limit_is_said_to_be_more() {
        assert_eq!(burst(&[0, 1, 2], 2), Some(Burst { length: 2, is_cut: true, open_until: None }));
        assert_eq!(burst(&[0, 1, 9_000], 2), Some(Burst { length: 2, is_cut: false, open_until: None }));
        assert_eq!(burst(&[0, 1], 2), Some(Burst { length: 2, is_cut: false, open_until: Some(Timestamp(3_001)) }));
    }

    #[test]
    fn a_clock_that_is_behind_elsewhere_ends_no_burst() {
        assert_eq!(burst(&[5_000, 4_000, 5_900], 20).unwrap().length, 3);
    }

    #[test]
    fn what_is_appended_later_changes_no_burst_that_was_over() {
        let times = [0, 700, 1_500, 4_000, 4_100];
        let told = burst(&times[..4], 20).unwrap();
        for end in 4..=times.len() {
            assert_eq!(burst(&times[..end], 20), Some(told));
        }
    }
}
