//! Readiness of the parts behind the edge: the process that starts a part adds a function that asks it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::time::timeout;

type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<Option<String>, String>> + Send + Sync>;

/// One probe for each part behind the edge.
#[derive(Clone, Default)]
pub struct Probes {
    probes: Vec<(&'static str, Probe)>,
}

impl Probes {
    /// Adds a part: its probe gives a word on it where there is one to say, or else what is wrong.
    #[must_use]
    pub fn with<F>(mut self, name: &'static str, probe: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Option<String>, String>> + Send + 'static,
    {
        self.probes.push((name, Arc::new(move || Box::pin(probe()))));
        self
    }
}

impl Probes {
    /// Asks every part at once; one that has not answered within `patience` is not ready.
    pub async fn ask(&self, patience: Duration) -> Vec<(&'static str, Result<Option<String>, String>)> {
        let asked = self.probes.iter().map(|(name, probe)| async move {
            let found = timeout(patience, probe()).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
            (*name, found)
        });
        join_all(asked).await
    }
}

impl fmt::Debug for Probes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.probes.iter().map(|(name, _)| name)).finish()
    }
}
