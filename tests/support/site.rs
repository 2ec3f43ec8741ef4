//! Another site: one page of somebody else's, on a port and of an origin of its own.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A site that is about to show its page.
#[derive(Debug)]
pub(crate) struct Site {
    listener: TcpListener,
}

/// A site that shows its page to all who come, until it is dropped.
#[derive(Debug)]
pub(crate) struct Shown {
    serving: JoinHandle<()>,
}

impl Site {
    /// Takes a free port.
    pub(crate) async fn new() -> Self {
        Self { listener: TcpListener::bind("127.0.0.1:0").await.unwrap() }
    }

    /// Returns its origin: another site than the service's, whose address is a number.
    pub(crate) fn origin(&self) -> String {
        format!("http://localhost:{}", self.listener.local_addr().unwrap().port())
    }

    /// Shows a page.
    pub(crate) fn show(self, page: String) -> Shown {
        let serving = tokio::spawn(async move {
            while let Ok((connection, _)) = self.listener.accept().await {
                tokio::spawn(answer(connection, page.clone()));
            }
        });
        Shown { serving }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Answers whatever is asked with the page.
async fn answer(mut connection: TcpStream, page: String) {
    let mut asked = [0; 8_192];
    // A browser sends the head of so small a request at once.
    if connection.read(&mut asked).await.is_ok_and(|bytes| bytes > 0) {
        let head =
            format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", page.len());
        // Who went away meanwhile needs no page.
        let _gone = connection.write_all(format!("{head}{page}").as_bytes()).await;
    }
}
