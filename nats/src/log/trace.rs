//! The trace that a commit belongs to (W3C Trace Context), carried in a task local: for operators only, no decision reads it.

use std::sync::Arc;

tokio::task_local! {
    static PARENT: Arc<str>;
}

/// Runs `work` so that every commit in it carries `traceparent` as a header.
pub async fn with_parent<F: Future>(traceparent: impl Into<Arc<str>>, work: F) -> F::Output {
    PARENT.scope(traceparent.into(), work).await
}

/// Returns the `traceparent` of the work under way.
pub(crate) fn parent() -> Option<Arc<str>> {
    PARENT.try_with(Arc::clone).ok()
}
