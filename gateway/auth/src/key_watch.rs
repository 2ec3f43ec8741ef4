//! A caller that waits is held to its key: what was taken back, replaced or has reached its end ends the wait, within a second.

use std::time::Duration;

use app::App;
use command_service::{KEYS_SEEN_WITHIN, Principal, clock};
use problem::Problem;
use tokio::time::{Instant, sleep_until};

use super::key::look_again;

/// How soon a key is looked at again, at least: clocks differ by a little.
const SOONEST: Duration = Duration::from_millis(50);
/// How late a key is looked at again, at most: no clock counts further ahead.
const LATEST: Duration = Duration::from_hours(24);

/// The key of a caller that was let in and waits.
#[derive(Debug)]
pub struct KeyWatch {
    app: App,
    principal: Principal,
    presented: String,
    due: Instant,
}

impl KeyWatch {
    /// Watches a key from now on. It is looked at once more when a look is sure to be newer than the caller's first: until the hub
    /// listens, it may have been taken back unheard.
    pub fn new(app: App, principal: Principal, presented: String) -> Self {
        Self { app, principal, presented, due: Instant::now() + KEYS_SEEN_WITHIN }
    }

    /// Returns whose key it is.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Notes that the agent or one of its keys has changed: the key is looked at at once.
    pub fn agent_changed(&mut self) {
        self.due = Instant::now();
    }

    /// Waits until the key is to be looked at; cancel safe.
    pub async fn is_due(&self) {
        sleep_until(self.due).await;
    }

    /// Refuses a key that is no longer good, and notes when this one is to be looked at next.
    pub async fn check(&mut self) -> Result<(), Problem> {
        let good_until = match look_again(&self.app, &self.principal, &self.presented).await? {
            Some(now) => now.good_until,
            // Where nothing can be asked, the earlier check counts.
            None => self.principal.good_until,
        };
        let left = good_until.map(|end| Duration::from_millis(u64::try_from((end - clock::now()).0).unwrap_or_default()));
        self.due = Instant::now() + left.map_or(LATEST, |left| left.clamp(SOONEST, LATEST));
        Ok(())
    }
}
