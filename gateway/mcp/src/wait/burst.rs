//! When a burst of messages is over, so that a model is woken once for all of it.

use domain::{Millis, Timestamp};

/// How long it must be quiet: what was said in one go comes together.
const QUIET: Millis = Millis(30);
/// How long a call holds, at most, while the chatter goes on typing.
const HOLDS: Millis = Millis::seconds(5);

/// Returns how much longer to hold received events: none once it has been quiet for a moment and nobody types.
///
/// `last` is when the last thing happened, `held_since` when the call first had something to give. Whoever stops typing is to be asked for
/// again.
pub(crate) fn hold(now: Timestamp, last: Timestamp, held_since: Timestamp, chatter_types: bool) -> Option<Millis> {
    let last = last.min(now);
    let end = (last + HOLDS).min(held_since + HOLDS);
    let until = if chatter_types { end } else { end.min(last + QUIET) };
    (until > now).then(|| until - now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_words_are_given_at_once() {
        assert_eq!(hold(Timestamp(60_000), Timestamp(0), Timestamp(60_000), false), None);
        assert_eq!(hold(Timestamp(60_000), Timestamp(0), Timestamp(60_000), true), None);
    }

    #[test]
    fn a_burst_is_held_until_it_is_quiet() {
        assert_eq!(hold(Timestamp(1_000), Timestamp(1_000), Timestamp(1_000), false), Some(Millis(30)));
        assert_eq!(hold(Timestamp(1_025), Timestamp(1_000), Timestamp(1_000), false), Some(Millis(5)));
        assert_eq!(hold(Timestamp(1_030), Timestamp(1_000), Timestamp(1_000), false), None);
    }

    #[test]
    fn a_typing_chatter_is_waited_for_but_not_forever() {
        assert_eq!(hold(Timestamp(1_000), Timestamp(1_000), Timestamp(1_000), true), Some(Millis(5_000)));
        assert_eq!(hold(Timestamp(5_900), Timestamp(1_000), Timestamp(1_000), true), Some(Millis(100)));
        assert_eq!(hold(Timestamp(6_000), Timestamp(1_000), Timestamp(1_000), true), None);
        // Whoever stops is held for no longer.
        assert_eq!(hold(Timestamp(4_000), Timestamp(1_000), Timestamp(1_000), false), None);
        // Whoever writes without a pause is not waited for longer either.
        assert_eq!(hold(Timestamp(6_000), Timestamp(5_990), Timestamp(1_000), true), None);
    }

    #[test]
    fn a_clock_that_is_ahead_elsewhere_delays_nothing() {
        assert_eq!(hold(Timestamp(1_000), Timestamp(9_000), Timestamp(1_000), false), Some(Millis(30)));
    }
}
