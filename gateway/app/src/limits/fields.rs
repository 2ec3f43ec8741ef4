//! What an answer tells of limits: the fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).

use std::cell::Cell;
use std::future::Future;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::counters::Standing;
use super::rate::Unit;
use super::table::Limit;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

tokio::task_local! {
    /// The tightest limit that has counted the request under way.
    static TIGHTEST: Cell<Option<Tightest>>;
}

#[derive(Debug, Clone, Copy)]
struct Tightest {
    limit: Limit,
    standing: Standing,
}

/// Notes how a limit stands after it has counted the request under way; a request that nothing is told of notes nothing.
pub(super) fn note(limit: Limit, standing: Standing) {
    let _untold = TIGHTEST.try_with(|tightest| {
        // Compared by the share that is left, for requests and bytes are not of one size.
        let share = |standing: &Standing| f64::from(standing.remaining) / f64::from(standing.quota);
        if tightest.get().is_none_or(|noted| share(&standing) < share(&noted.standing)) {
            tightest.set(Some(Tightest { limit, standing }));
        }
    });
}

/// Answers a request, and returns the fields that tell of the tightest limit that counted it.
pub async fn with_fields<T>(answering: impl Future<Output = T>) -> (T, HeaderMap) {
    let both = async {
        let answer = answering.await;
        (answer, TIGHTEST.with(Cell::get))
    };
    let (answer, tightest) = TIGHTEST.scope(Cell::default(), both).await;
    (answer, tightest.map(fields).unwrap_or_default())
}

fn fields(Tightest { limit, standing }: Tightest) -> HeaderMap {
    let Standing { quota, window, remaining, until } = standing;
    let whole = |time: std::time::Duration| time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let unit = match limit.unit() {
        Unit::Requests => "",
        Unit::Bytes => ";qu=\"content-bytes\"",
    };
    let name = limit.name();
    let told = format!("\"{name}\";r={remaining};t={}", whole(until));
    let policy = format!("\"{name}\";q={quota};w={}{unit}", whole(window).max(1));
    let value = |text: String| HeaderValue::try_from(text).expect("names and numbers are ASCII");
    [(RATE_LIMIT, value(told)), (RATE_LIMIT_POLICY, value(policy))].into_iter().collect()
}
