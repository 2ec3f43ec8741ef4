//! A connection whose bytes an attacker writes himself: no client library would send them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::soon;

/// One connection.
#[derive(Debug)]
pub(crate) struct RawConnection {
    stream: TcpStream,
}

impl RawConnection {
    /// Connects from an address that nobody else has.
    pub(crate) async fn connect(url: &str) -> Self {
        static BEFORE: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BEFORE.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        Self::connect_from(url, Ipv4Addr::new(127, 9, high, low).into()).await
    }

    /// Connects from an address.
    pub(crate) async fn connect_from(url: &str, from: IpAddr) -> Self {
        let service: SocketAddr = url.strip_prefix("http://").expect("it listens without TLS").parse().unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        // Small, so that whoever does not read holds the other end up at once.
        socket.set_recv_buffer_size(4_096).unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(SocketAddr::new(from, 0)).unwrap();
        Self { stream: soon("a connection", socket.connect(service)).await.unwrap() }
    }

    /// Writes some bytes; whether the other end still takes them.
    pub(crate) async fn write(&mut self, bytes: &str) -> bool {
        self.stream.write_all(bytes.as_bytes()).await.is_ok()
    }

    /// Reads to the end of the connection, or until nothing has come for a while.
    pub(crate) async fn read(&mut self, pause: Duration) -> String {
        let mut read = Vec::new();
        let mut piece = [0; 16_384];
        while let Ok(Ok(count)) = timeout(pause, self.stream.read(&mut piece)).await {
            if count == 0 {
                break;
            }
            read.extend_from_slice(piece.get(..count).unwrap());
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// Waits for the end of the connection, and throws away what comes before it.
    pub(crate) async fn is_closed(&mut self) {
        let mut piece = [0; 16_384];
        let closed = async { while matches!(self.stream.read(&mut piece).await, Ok(1..)) {} };
        soon("the end of a connection", closed).await;
    }

    /// Tells whether the other end has closed it, or does so within a moment; an answer that came before is thrown away.
    pub(crate) async fn has_ended(&mut self) -> bool {
        let mut piece = [0; 16_384];
        loop {
            match timeout(Duration::from_millis(500), self.stream.read(&mut piece)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) => return true,
                Err(_) => return false,
            }
        }
    }

    /// Asks once on a connection of its own, and returns the status and all that came.
    pub(crate) async fn ask(url: &str, request: &str) -> (u16, String) {
        let mut connection = Self::connect(url).await;
        connection.write(request).await;
        let answer = soon("an answer", async {
            let mut answer = String::new();
            while answer.is_empty() {
                answer = connection.read(Duration::from_millis(300)).await;
            }
            answer
        });
        let answer = answer.await;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        (status, answer)
    }
}
