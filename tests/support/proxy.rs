//! A proxy that brings the key along, for clients that cannot: what a client sends goes on unchanged, its `Host` included.

use std::net::SocketAddr;

use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use url::Url;

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    running: JoinHandle<()>,
}

impl Proxy {
    /// Starts one in front of a server.
    pub(crate) async fn before(server: &str, key: &str) -> Self {
        let server = Url::parse(server).unwrap();
        let server = server.socket_addrs(|| None).unwrap()[0];
        let bearer = HeaderValue::try_from(format!("Bearer {key}")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let running = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let bearer = bearer.clone();
                let service = service_fn(move |request| forward(request, server, bearer.clone()));
                tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(client), service));
            }
        });
        Self { address, running }
    }

    /// Returns the address at which it takes the server's place.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.running.abort();
    }
}

async fn forward(
    mut request: Request<Incoming>,
    server: SocketAddr,
    bearer: HeaderValue,
) -> Result<Response<Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    request.headers_mut().insert(AUTHORIZATION, bearer);
    let stream = TokioIo::new(TcpStream::connect(server).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}
