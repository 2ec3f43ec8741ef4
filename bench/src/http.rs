//! A lean HTTP client: one connection, one request at a time, so that the server is what is measured.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpSocket;

/// A connection to the gateway.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    host: String,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        Self::open_from(None, address).await
    }

    /// Connects from one of this machine's own addresses.
    pub(crate) async fn open_from(from: Option<IpAddr>, address: SocketAddr) -> Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = from {
            socket.bind((from, 0).into())?;
        }
        let stream = socket.connect(address).await?;
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
    pub(crate) async fn post(&mut self, path: &str, credential: &str, body: String) -> Result<()> {
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

    /// Posts a call of an agent's (MCP, 2025-11-25), and returns as soon as its answer begins.
    pub(crate) async fn call(&mut self, path: &str, key: &str, body: String) -> Result<Response<Incoming>> {
        let request = self
            .request(Method::POST, path, key)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25")
            .body(body.into())?;
        self.sender.ready().await?;
        let response = self.sender.send_request(request).await?;
        if response.status() != hyper::StatusCode::OK {
            bail!("{path} answered {}", response.status());
        }
        Ok(response)
    }

    /// Opens a session's event stream.
    pub(crate) async fn stream(&mut self, path: &str, credential: &str) -> Result<Response<Incoming>> {
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
