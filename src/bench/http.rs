//! A lean HTTP client: one connection, one request at a time, so that the server is what is measured.

use std::net::SocketAddr;

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// A connection to the gateway.
pub(super) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
        });
        Ok(Self { sender, host: address.to_string() })
    }

    /// Posts JSON with a session's bearer credential, and reads the answer.
    pub(super) async fn post(&mut self, path: &str, credential: &str, body: String) -> Result<()> {
        let request =
            self.request(Method::POST, path, credential).header("content-type", "application/json").body(body.into())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            bail!("{path} answered {status}: {}", String::from_utf8_lossy(&body));
        }
        Ok(())
    }

    /// Opens a session's event stream.
    pub(super) async fn stream(&mut self, path: &str, credential: &str) -> Result<Response<Incoming>> {
        let request = self.request(Method::GET, path, credential).header("accept", "text/event-stream").body(Full::default())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if response.status() != hyper::StatusCode::OK {
            bail!("{path} answered {}", response.status());
        }
        Ok(response)
    }

    fn request(&self, method: Method, path: &str, credential: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.host)
            .header("authorization", format!("Bearer {credential}"))
    }
}
