//! Prometheus metrics for operators, on a listener of their own.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use app::Config;
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::called_name::{Names, known};

/// The upper bounds of the request times' buckets, in seconds.
const BUCKETS: [f64; 12] = [0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
/// How often what was recorded is taken in, whether or not anyone asks.
const UPKEEP: Duration = Duration::from_secs(5);

/// Returns the handle that renders the metrics of this process; the first call begins to record them.
pub fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)
            .expect("there are buckets")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder has the figures of this process");
        }
        describe();
        handle
    })
}

fn describe() {
    describe_counter!("tempchat_http_requests_total", "Requests answered, by method, route, status and code.");
    describe_histogram!("tempchat_http_request_seconds", Unit::Seconds, "Time from a request's head to its answer's.");
    describe_counter!("tempchat_limit_refusals_total", "Requests refused or priced, by limit; docs/limits.md has them all.");
    describe_gauge!("tempchat_limit_tracked", "Addresses, links, sessions and keys that a limit counts now.");
    describe_gauge!("tempchat_http_connections", "Connections open now.");
    describe_gauge!("tempchat_unfinished", "What `/readyz` warns of, by code; each counted to 1,000 at most.");
    describe_counter!(
        "tempchat_audit_failures_total",
        "Entries of the audit that could not be written at once; they are tried again."
    );
    describe_counter!(
        "tempchat_audit_without_details_total",
        "Refusals beyond 64 different ones a minute, which the audit counts by code alone."
    );
    describe_gauge!("tempchat_listeners", "Streams, long polls and agents' waits under way.");
}

/// Answers `GET /metrics` until told to stop; the listener belongs on a private address.
pub async fn serve_metrics(listener: TcpListener, config: &Config, shutdown: CancellationToken) -> std::io::Result<()> {
    let handle = recorder();
    let upkeep = async {
        let mut tick = tokio::time::interval(UPKEEP);
        loop {
            tick.tick().await;
            handle.run_upkeep();
        }
    };
    let router =
        Router::new().route("/metrics", get(|| async { handle.render() })).layer(from_fn_with_state(Names::of(config), known));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, service).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    tokio::select! {
        served = serving.into_future() => served,
        () = upkeep => Ok(()),
    }
}
