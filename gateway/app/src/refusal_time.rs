//! Refusals after a time that is rounded up: the response time of a refusal must not show which stores were asked, and so what exists.

use std::time::Duration;

use problem::Problem;
use tokio::time::{Instant, sleep_until};

/// Waits for an answer. A refusal is returned at the next whole multiple of `step` since the call began; a success is returned at once.
pub async fn quantize_refusal<T>(step: Duration, answer: impl Future<Output = Result<T, Problem>>) -> Result<T, Problem> {
    let began = Instant::now();
    let refusal = match answer.await {
        Ok(answer) => return Ok(answer),
        Err(refusal) => refusal,
    };
    let steps = began.elapsed().as_nanos() / step.as_nanos().max(1) + 1;
    sleep_until(began + step.saturating_mul(u32::try_from(steps).unwrap_or(u32::MAX))).await;
    Err(refusal)
}

#[cfg(test)]
mod tests {
    use problem::Code;
    use tokio::time::sleep;

    use super::*;

    const STEP: Duration = Duration::from_millis(30);

    async fn refused_after(work: Duration) -> Duration {
        let began = Instant::now();
        let refusal = quantize_refusal(STEP, async {
            sleep(work).await;
            Err::<(), _>(Code::KeyInvalid.into())
        });
        assert_eq!(refusal.await.unwrap_err().code, Code::KeyInvalid);
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_takes_as_long_whatever_was_done_for_it() {
        let took = refused_after(Duration::ZERO).await;
        assert_eq!(took, refused_after(Duration::from_millis(1)).await);
        assert_eq!(took, refused_after(Duration::from_millis(29)).await);
        assert_eq!(took * 2, refused_after(Duration::from_millis(31)).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_right_is_answered_at_once() {
        let began = Instant::now();
        quantize_refusal(STEP, async { Ok(()) }).await.unwrap();
        assert_eq!(began.elapsed(), Duration::ZERO);
    }
}
