//! When a burst of messages is over, so that a model is woken once for all of it.

use domain::{Millis, Timestamp};

/// How long it must be quiet.
const QUIET: Millis = Millis(300);
/// How long a call holds, at most, while the chatter goes on typing.
const HOLDS: Millis = Millis::seconds(5);
/// How often it is looked again whether the chatter still types.
const LOOKS: Millis = Millis(200);

/// Returns how much longer to hold received events: none once it has been quiet for a moment and nobody types.
///
/// `last` is when the last thing happened, `held_since` when the call first had something to give.
pub(crate) fn hold(now: Timestamp, last: Timestamp, held_since: Timestamp, chatter_types: bool) -> Option<Millis> {
    let end = last.min(now) + HOLDS;
    let end = end.min(held_since + HOLDS);
    let quiet_at = last.min(now) + QUIET;
    let until = if chatter_types { quiet_at.max(now + LOOKS).min(end) } else { quiet_at.min(end) };
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
        assert_eq!(hold(Timestamp(1_000), Timestamp(1_000), Timestamp(1_000), false), Some(Millis(300)));
        assert_eq!(hold(Timestamp(1_250), Timestamp(1_000), Timestamp(1_000), false), Some(Millis(50)));
        assert_eq!(hold(Timestamp(1_300), Timestamp(1_000), Timestamp(1_000), false), None);
    }

    #[test]
    fn a_typing_chatter_is_waited_for_but_not_forever() {
        assert_eq!(hold(Timestamp(4_000), Timestamp(1_000), Timestamp(1_000), true), Some(Millis(200)));
        assert_eq!(hold(Timestamp(5_900), Timestamp(1_000), Timestamp(1_000), true), Some(Millis(100)));
        assert_eq!(hold(Timestamp(6_000), Timestamp(1_000), Timestamp(1_000), true), None);
        // Whoever writes without a pause is not waited for longer either.
        assert_eq!(hold(Timestamp(6_000), Timestamp(5_990), Timestamp(1_000), true), None);
    }

    #[test]
    fn a_clock_that_is_ahead_elsewhere_delays_nothing() {
        assert_eq!(hold(Timestamp(1_000), Timestamp(9_000), Timestamp(1_000), false), Some(Millis(300)));
    }
}
