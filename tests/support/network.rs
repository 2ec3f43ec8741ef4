//! A network between a browser and the service: it can fail, and it can hold streams back as some proxies do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the network does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Nothing comes through, and what was open is broken.
    Cut,
    /// Answers come through once they are complete, as far as this network can tell: event streams never are.
    HoldsBack,
}

/// A way to a service; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Network {
    url: String,
    weather: watch::Sender<Weather>,
    streams: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Network {
    /// Opens a way to the service at `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let service: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let (weather, _) = watch::channel(Weather::Fair);
        let streams = Arc::new(AtomicUsize::new(0));
        let (seen, counted) = (weather.clone(), streams.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(carry(browser, service, seen.subscribe(), counted.clone()));
            }
        });
        Self { url: here, weather, streams, accepting }
    }

    /// Returns a link's address by this way.
    pub(crate) fn address(&self, link: &serde_json::Value) -> String {
        format!("{}/temp-chat/{}", self.url, super::token_of(link))
    }

    /// Breaks all connections, and lets none through any more.
    pub(crate) fn cut(&self) {
        self.weather.send_replace(Weather::Cut);
    }

    /// Holds streams back from here on.
    pub(crate) fn hold_back(&self) {
        self.weather.send_replace(Weather::HoldsBack);
    }

    /// Lets everything through.
    pub(crate) fn mend(&self) {
        self.weather.send_replace(Weather::Fair);
    }

    /// Is away for a while, and stays away.
    pub(crate) async fn fail_for(&self, outage: Duration) {
        self.cut();
        tokio::time::sleep(outage).await;
    }

    /// Counts the event streams that are open.
    pub(crate) fn streams(&self) -> usize {
        self.streams.load(Ordering::SeqCst)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

/// Counts a stream for as long as it is open.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Carries one connection, until either side closes it or the network is cut.
async fn carry(browser: TcpStream, service: SocketAddr, mut weather: watch::Receiver<Weather>, streams: Arc<AtomicUsize>) {
    if *weather.borrow_and_update() == Weather::Cut {
        return;
    }
    let Ok(service) = TcpStream::connect(service).await else { return };
    let (mut from_browser, mut to_browser) = browser.into_split();
    let (mut from_service, mut to_service) = service.into_split();
    let mut stream = None;
    let (mut asked, mut answered) = ([0; 16_384], [0; 16_384]);
    loop {
        tokio::select! {
            changed = weather.changed() => {
                // Who changes nothing for what is open, breaks it: a network does not turn into another one quietly.
                if changed.is_err() || *weather.borrow_and_update() != Weather::Fair {
                    return;
                }
            }
            read = from_browser.read(&mut asked) => {
                let Some(bytes) = some(read, &asked) else { return };
                if is_stream(bytes) {
                    stream = Some(Counted::new(&streams));
                }
                if to_service.write_all(bytes).await.is_err() {
                    return;
                }
            }
            read = from_service.read(&mut answered) => {
                let Some(bytes) = some(read, &answered) else { return };
                let held = stream.is_some() && *weather.borrow() == Weather::HoldsBack;
                if !held && to_browser.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn some(read: std::io::Result<usize>, buffer: &[u8]) -> Option<&[u8]> {
    buffer.get(..read.ok().filter(|length| *length > 0)?)
}

/// Tells whether a request asks for an event stream; a browser sends a request's head in one piece.
fn is_stream(request: &[u8]) -> bool {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.starts_with(b"GET ") && line.windows(7).any(|part| part == b"/events")
}
