//! Load: so many things under way at once, for so long; and what that gives.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use hdrhistogram::Histogram;
use tokio::time::Instant;

/// What a stretch of load gave.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// How many were done a second.
    pub(crate) per_second: f64,
    /// How long each took, in microseconds.
    pub(crate) micros: Histogram<u64>,
}

/// Keeps `in_flight` lanes busy for `length`; each lane calls `step` again and again with its own state.
pub(crate) async fn run<S, F, Fut>(lanes: Vec<S>, length: Duration, step: F) -> Result<(Load, Vec<S>)>
where
    S: Send + 'static,
    F: Fn(S) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<S>> + Send + 'static,
{
    let began = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for mut lane in lanes {
        let step = step.clone();
        tasks.spawn(async move {
            let mut micros = histogram();
            while began.elapsed() < length {
                let at = Instant::now();
                lane = step(lane).await?;
                micros.saturating_record(u64::try_from(at.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
            anyhow::Ok((lane, micros))
        });
    }
    let mut micros = histogram();
    let mut lanes = Vec::new();
    while let Some(done) = tasks.join_next().await {
        let (lane, part) = done??;
        lanes.push(lane);
        micros.add(part)?;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are small")]
    let per_second = micros.len() as f64 / began.elapsed().as_secs_f64();
    Ok((Load { per_second, micros }, lanes))
}

/// Makes an empty histogram of microseconds, to three digits.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 120_000_000, 3).expect("the bounds are in order")
}

#[expect(clippy::cast_precision_loss, reason = "latencies are small")]
pub(crate) fn millis(micros: &Histogram<u64>, quantile: f64) -> f64 {
    micros.value_at_quantile(quantile) as f64 / 1_000.0
}

/// Returns the middle one.
pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Shares `all` out among `parts`, as evenly as can be.
pub(crate) fn shared_out<T: Clone>(all: &[T], parts: usize) -> Vec<Vec<T>> {
    (0..parts).map(|part| all.iter().skip(part).step_by(parts).cloned().collect()).collect()
}
