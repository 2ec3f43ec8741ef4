//! Waiting for what must come: as short as it takes, and with an end.

use std::time::Duration;

use tokio::time::{interval, timeout};

/// How long anything may take that takes a moment on an idle machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// How often a condition is looked at that nothing announces.
const LOOK: Duration = Duration::from_millis(25);

/// Waits for what announces itself.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Looks until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let seen = async {
        let mut clock = interval(LOOK);
        loop {
            clock.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    soon(what, seen).await
}
