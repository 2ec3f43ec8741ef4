//! How long a call may take, and when a failed one is made again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use time::OffsetDateTime;

use crate::random;

/// After so many doublings every pause is the longest.
const DOUBLINGS: usize = 30;

/// Timeouts and pauses; tests have shorter ones.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// For a connection, its TLS included.
    pub connect: Duration,
    /// For the whole of a call.
    pub call: Duration,
    /// After a first failure.
    pub first_pause: Duration,
    /// Between two tries, at most.
    pub longest_pause: Duration,
    /// From the first try to the last.
    pub gives_up_after: Duration,
    /// How long calls are signed with the secret before the newest too.
    pub both_secrets: Duration,
}

impl Default for RetryPolicy {
    /// 5 s, doubled up to 2 h, over 24 h: some 20 tries.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            call: Duration::from_secs(15),
            first_pause: Duration::from_secs(5),
            longest_pause: Duration::from_hours(2),
            gives_up_after: Duration::from_hours(24),
            both_secrets: Duration::from_hours(24),
        }
    }
}

impl RetryPolicy {
    /// Returns the pause after so many failures: doubled by each, up to half of it taken off by chance, so that what failed together does
    /// not come back together.
    pub(crate) fn pause(&self, failures: i32) -> Duration {
        let pauses =
            ExponentialBuilder::new().with_min_delay(self.first_pause).with_max_delay(self.longest_pause).without_max_times();
        let earlier = usize::try_from(failures.saturating_sub(1)).unwrap_or(0).min(DOUBLINGS);
        let doubled = pauses.build().nth(earlier).unwrap_or(self.longest_pause);
        doubled / 2 + doubled / 2 * u32::from(random::byte()) / u32::from(u8::MAX)
    }

    /// Tells whether what is tried since `since` is given up.
    pub(crate) fn is_over(&self, since: OffsetDateTime, now: OffsetDateTime) -> bool {
        now - since >= self.gives_up_after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_until_it_is_two_hours() {
        let retry = RetryPolicy::default();
        for (failures, longest) in [(1, 5), (2, 10), (5, 80), (11, 5_120), (12, 7_200), (i32::MAX, 7_200)] {
            let pauses = std::array::from_fn::<_, 64, _>(|_| retry.pause(failures));
            let within = Duration::from_secs(longest) / 2..=Duration::from_secs(longest);
            assert!(pauses.iter().all(|pause| within.contains(pause)), "failure {failures}: {pauses:?}");
        }
    }
}
