//! A network that loses the server's acknowledgements, and connections with them.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, copy};
use tokio::net::{TcpListener, TcpStream};

/// What happens to the acknowledgements.
#[derive(Debug, Default)]
pub(crate) struct Weather {
    /// Every so many are lost; 0 for none.
    pub(crate) drop_every: AtomicU64,
    /// Every so many tear the connection down instead of arriving; 0 for none.
    pub(crate) cut_every: AtomicU64,
    seen: AtomicU64,
    /// How many did not arrive.
    pub(crate) lost: AtomicU64,
}

enum Fate {
    Arrives,
    Drops,
    Cuts,
}

impl Weather {
    fn fate(&self, body: &[u8]) -> Fate {
        if !body.windows(17).any(|window| window == br#""stream":"EVENTS-"#) {
            return Fate::Arrives;
        }
        let nth = self.seen.fetch_add(1, Ordering::Relaxed) + 1;
        let due = |every: &AtomicU64| nth.checked_rem(every.load(Ordering::Relaxed)) == Some(0);
        let fate = if due(&self.cut_every) {
            Fate::Cuts
        } else if due(&self.drop_every) {
            Fate::Drops
        } else {
            return Fate::Arrives;
        };
        self.lost.fetch_add(1, Ordering::Relaxed);
        fate
    }
}

/// Starts a proxy before the server on `port`; returns its own port.
pub(crate) async fn start(port: u16, weather: Arc<Weather>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let own = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
            let weather = Arc::clone(&weather);
            tokio::spawn(async move {
                let (mut from_client, to_client) = client.into_split();
                let (from_server, mut to_server) = server.into_split();
                tokio::select! {
                    _ = copy(&mut from_client, &mut to_server) => {}
                    _ = answers(from_server, to_client, &weather) => {}
                }
            });
        }
    });
    own
}

/// Hands the server's lines to the client, with the bodies that follow `MSG` and `HMSG`, as far as the weather lets it.
async fn answers(
    server: impl AsyncRead + Unpin,
    mut client: impl AsyncWriteExt + Unpin,
    weather: &Weather,
) -> std::io::Result<()> {
    let mut server = BufReader::new(server);
    loop {
        let mut frame = Vec::new();
        if server.read_until(b'\n', &mut frame).await? == 0 {
            return Ok(());
        }
        let line = String::from_utf8_lossy(&frame);
        if line.starts_with("MSG ") || line.starts_with("HMSG ") {
            let size: usize =
                line.split_whitespace().next_back().and_then(|text| text.parse().ok()).expect("a length ends the line");
            let start = frame.len();
            frame.resize(start + size + 2, 0);
            server.read_exact(&mut frame[start..]).await?;
        }
        match weather.fate(&frame) {
            Fate::Arrives => client.write_all(&frame).await?,
            Fate::Drops => {}
            Fate::Cuts => return Ok(()),
        }
    }
}
