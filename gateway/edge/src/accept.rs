//! The accept loop: own, because a slow head, a flood of connections and a stop must each have an end.

use std::net::SocketAddr;
use std::time::Duration;

use app::{App, Client};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tower::Service as _;

use crate::concurrency::Concurrency;
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
    let router = router(&app);
    let permits = Concurrency::new(app.config().connections);
    let graceful = GracefulShutdown::new();
    let mut connection = http1::Builder::new();
    connection
        .timer(TokioTimer::new())
        // Counted from a connection's beginning, and from the end of each answer: idle connections end by it too.
        .header_read_timeout(app.config().head_patience)
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
        let address = (app.config().proxies == 0).then(|| Client::of_peer(peer.ip()).0);
        let Ok(permit) = permits.permit_for(permit, address) else { continue };
        let serving = graceful.watch(connection.serve_connection(io(stream, UNREAD), service_fn(handler(router.clone(), peer))));
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
    app.limits().tidy();
    let listeners = u32::try_from(app.hub().listeners()).unwrap_or(u32::MAX);
    metrics::gauge!("tempchat_listeners").set(f64::from(listeners));
}

/// Prepares a connection; what is written and not taken by the other end for `unread` ends it.
fn io(stream: TcpStream, unread: Duration) -> TokioIo<TcpStream> {
    // Small frames must leave at once; a socket that is gone says so later.
    let _ = stream.set_nodelay(true);
    // RFC 5482; it also counts while the other end keeps its window shut.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(unread));
    #[cfg(not(target_os = "linux"))]
    let _ = unread;
    TokioIo::new(stream)
}

/// Hands a connection's requests to the router, with the address they come from.
fn handler(
    router: Router,
    peer: SocketAddr,
) -> impl Fn(hyper::Request<Incoming>) -> <Router as tower::Service<hyper::Request<Body>>>::Future + Send + 'static {
    move |request| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        router.clone().call(request)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn who_reads_nothing_gives_the_connection_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let deaf = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = io(listener.accept().await.unwrap().0, Duration::from_secs(1)).into_inner();
        let written = async {
            loop {
                if let Err(error) = stream.write_all(&[0; 4_096]).await {
                    break error.kind();
                }
            }
        };
        assert_eq!(timeout(Duration::from_secs(30), written).await, Ok(ErrorKind::TimedOut));
        drop(deaf);
    }
}
