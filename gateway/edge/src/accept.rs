//! The accept loop: own, because a slow head, a flood of connections and a stop must each have an end.

use std::time::Duration;

use app::{App, Client};
use axum::body::Body;
use axum::extract::ConnectInfo;
use futures_util::TryFutureExt as _;
use http::HeaderValue;
use http::header::CONNECTION;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::concurrency::Concurrency;
use crate::connection::{Answer, Connection, prepared};
use crate::prefix::Prefix;
use crate::router::router;
use crate::warnings::warnings;

/// The read buffer of a connection: also the longest head of a request. Most connections only wait, so small is good.
const BUFFER: usize = 8 * 1_024;
/// How long to wait where the system cannot accept: out of file descriptors, most likely.
const PAUSE: Duration = Duration::from_millis(100);
/// How long what was written may stay unacknowledged: then the connection is closed. Streams write every 15 s.
const UNREAD: Duration = Duration::from_mins(1);
/// How often rate limits forget old clients, and listeners and what is not done are counted.
const UPKEEP: Duration = Duration::from_secs(10);

/// Answers on `listener` until `shutdown`; then waits answer at once, streams close, and what is under way may finish.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken) -> std::io::Result<()> {
    let (router, prefix) = (router(&app), Prefix::of(app.config()));
    let permits = Concurrency::new(app.config().connections);
    let graceful = GracefulShutdown::new();
    let mut connection = http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        // Counted from the end of each answer. How long a head may take once it has begun is `Connection`'s to count.
        .header_read_timeout(app.config().keep_alive)
        .max_buf_size(BUFFER);
    let mut upkeep = interval(UPKEEP);
    loop {
        let permit = tokio::select! {
            permit = permits.permit() => permit,
            () = shutdown.cancelled() => break,
        };
        let accepted = loop {
            tokio::select! {
                accepted = listener.accept() => break Some(accepted),
                _ = upkeep.tick() => tidy(&app),
                () = shutdown.cancelled() => break None,
            }
        };
        let Some(accepted) = accepted else { break };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                sleep(PAUSE).await;
                continue;
            }
        };
        // Behind proxies of ours everybody comes from the same few addresses.
        let address = (app.config().proxies.count == 0).then(|| Client::of_peer(peer.ip()).0);
        let Ok(permit) = permits.permit_for(permit, address) else { continue };
        let stream = Connection::new(prepared(stream, UNREAD), app.config().head_patience);
        let (serving, router, prefix) = (stream.serving(), router.clone(), prefix.clone());
        let leaving = app.leaving().clone();
        let answer = service_fn(move |request: Request<Incoming>| {
            serving.begin();
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            prefix.take_off(request.uri_mut());
            let (serving, leaving) = (serving.clone(), leaving.clone());
            router.clone().call(request).map_ok(move |mut answer| {
                if leaving.is_cancelled() {
                    // The next request goes where somebody stays.
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                answer.map(|body| Answer::new(body, serving))
            })
        });
        let serving = graceful.watch(connection.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move {
            let open = metrics::gauge!("tempchat_http_connections");
            open.increment(1.0);
            // What breaks a connection is the client's or the network's matter.
            if let Err(error) = serving.await {
                tracing::trace!(%error, "a connection broke");
            }
            open.decrement(1.0);
            drop(permit);
        });
    }
    drop(listener);
    app.leaving().cancel();
    app.closing().cancel();
    app.hub().stop().await;
    app.key_uses().write(app.queries()).await;
    if timeout(app.config().farewell, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way when the time to stop was over");
    }
    Ok(())
}

fn tidy(app: &App) {
    let noting = app.clone();
    tokio::spawn(async move {
        noting.key_uses().write(noting.queries()).await;
        warnings(&noting).await;
    });
    app.tidy();
    let listeners = u32::try_from(app.hub().listeners()).unwrap_or(u32::MAX);
    metrics::gauge!("tempchat_listeners").set(f64::from(listeners));
}
