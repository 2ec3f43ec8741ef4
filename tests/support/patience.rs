//! Waiting for what must come: as short as it takes, and with an end.

use std::time::Duration;

use tokio::time::{sleep, timeout};

/// How long anything may take. It only bounds what never comes: most takes a moment, the longest wait for a place that is reserved for
/// half a minute, and on a machine that is busy with something else everything takes several times as long.
pub(crate) const PATIENCE: Duration = Duration::from_mins(3);
/// How soon a condition is looked at again that nothing announces: at first, and after a while.
const LOOKS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(300));

/// Waits for what announces itself.
pub(crate) async fn soon<T>(what: &str, happens: impl Future<Output = T>) -> T {
    timeout(PATIENCE, happens).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// Looks until there is something to see.
pub(crate) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let (mut pause, longest) = LOOKS;
    let seen = async {
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            sleep(pause).await;
            pause = (pause * 5 / 4).min(longest);
        }
    };
    soon(what, seen).await
}
