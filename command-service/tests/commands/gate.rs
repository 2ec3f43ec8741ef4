//! A network that holds the commits of sessions back until they are let through.

use std::net::Ipv4Addr;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Stands between a process and the server.
pub(crate) struct Gate {
    /// Where the process connects.
    pub(crate) port: u16,
    is_open: watch::Sender<bool>,
    is_held: watch::Receiver<bool>,
}

impl Gate {
    /// Starts one that is closed, before the server on `port`.
    pub(crate) async fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let (is_open, opened) = watch::channel(false);
        let (hold, is_held) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
                tokio::spawn(pass(client, server, opened.clone(), hold.clone()));
            }
        });
        Self { port: own, is_open, is_held }
    }

    /// Waits until a commit is held back.
    pub(crate) async fn holds(&self) {
        self.is_held.clone().wait_for(|is_held| *is_held).await.unwrap();
    }

    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }
}

/// Passes what both say; what the client sends waits behind a session's commit until the gate is open.
async fn pass(client: TcpStream, server: TcpStream, mut opened: watch::Receiver<bool>, hold: watch::Sender<bool>) {
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let sent = async {
        let (mut lines, mut line) = (BufReader::new(from_client), Vec::new());
        while lines.read_until(b'\n', &mut line).await? > 0 {
            if line.starts_with(b"HPUB event.") && line.windows(9).any(|part| part == b".session.") && !*opened.borrow() {
                hold.send_replace(true);
                let _the_test_is_over = opened.wait_for(|is_open| *is_open).await;
            }
            to_server.write_all(&line).await?;
            line.clear();
        }
        std::io::Result::Ok(())
    };
    tokio::select! {
        _ = sent => {}
        _ = copy(&mut from_server, &mut to_client) => {}
    }
}
