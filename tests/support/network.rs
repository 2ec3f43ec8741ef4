//! A network between a browser and the service: it can fail, and it can do to streams and polls what proxies and filters do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What the network does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// Nothing comes through, and what was open is broken.
    Cut,
    /// Something in between does this to event streams.
    Streams(ToStreams),
    /// Streams are refused, and polls that take longer than this, too.
    PollsWithin(Duration),
}

/// What this network has seen.
#[derive(Debug, Default)]
struct Counts {
    streams: AtomicUsize,
    asked: AtomicUsize,
    given_up: AtomicUsize,
}

/// What happens to an event stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ToStreams {
    /// The service is not asked: this comes back, whole as it is.
    AnsweredWith(&'static str),
    /// What comes within this time gets through, and nothing more: with none, not even the head.
    HeldBackAfter(Duration),
    /// The head gets through, and nothing more.
    HeldBackBehindHead,
    /// It is broken after this time.
    CutAfter(Duration),
}

/// How a proxy that gave up waiting says so.
const TIMED_OUT: &str = "HTTP/1.1 504 Gateway Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// A way to a service; dropping it closes it.
#[derive(Debug)]
pub(crate) struct Network {
    url: String,
    weather: watch::Sender<Weather>,
    counts: Arc<Counts>,
    accepting: JoinHandle<()>,
}

impl Network {
    /// Opens a way to the service at `url`.
    pub(crate) async fn to(url: &str) -> Self {
        let service: SocketAddr = url.trim_start_matches("http://").parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        let (weather, _) = watch::channel(Weather::Fair);
        let counts = Arc::<Counts>::default();
        let (seen, counted) = (weather.clone(), counts.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(carry(browser, service, seen.subscribe(), counted.clone()));
            }
        });
        Self { url: here, weather, counts, accepting }
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
        self.treat_streams(ToStreams::HeldBackAfter(Duration::ZERO));
    }

    /// Does this to streams from here on.
    pub(crate) fn treat_streams(&self, how: ToStreams) {
        self.weather.send_replace(Weather::Streams(how));
    }

    /// Refuses streams from here on, and polls that take longer than this.
    pub(crate) fn only_polls_within(&self, time: Duration) {
        self.weather.send_replace(Weather::PollsWithin(time));
    }

    /// Counts the requests that it has answered itself, or broken, so far.
    pub(crate) fn given_up(&self) -> usize {
        self.counts.given_up.load(Ordering::SeqCst)
    }

    /// Counts the event streams that were asked for so far.
    pub(crate) fn streams_asked_for(&self) -> usize {
        self.counts.asked.load(Ordering::SeqCst)
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
        self.counts.streams.load(Ordering::SeqCst)
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
struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.asked.fetch_add(1, Ordering::SeqCst);
        counts.streams.fetch_add(1, Ordering::SeqCst);
        Self(counts.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Carries one connection, until either side closes it or the network is cut.
async fn carry(browser: TcpStream, service: SocketAddr, mut weather: watch::Receiver<Weather>, counts: Arc<Counts>) {
    if *weather.borrow_and_update() == Weather::Cut {
        return;
    }
    let Ok(service) = TcpStream::connect(service).await else { return };
    let (mut from_browser, mut to_browser) = browser.into_split();
    let (mut from_service, mut to_service) = service.into_split();
    let mut stream: Option<(Counted, Instant)> = None;
    let mut ends_at: Option<(Instant, &str)> = None;
    let (mut asked, mut answered) = ([0; 16_384], [0; 16_384]);
    loop {
        tokio::select! {
            changed = weather.changed() => {
                // Who changes nothing for what is open, breaks it: a network does not turn into another one quietly.
                if changed.is_err() || *weather.borrow_and_update() != Weather::Fair {
                    return;
                }
            }
            () = until(ends_at) => {
                counts.given_up.fetch_add(1, Ordering::SeqCst);
                let last_words = ends_at.map_or("", |(_, words)| words);
                let _gone = to_browser.write_all(last_words.as_bytes()).await;
                return;
            }
            read = from_browser.read(&mut asked) => {
                let Some(bytes) = some(read, &asked) else { return };
                let now = Instant::now();
                let weather = *weather.borrow();
                ends_at = None;
                if asks(bytes, "/events") {
                    stream = Some((Counted::new(&counts), now));
                    match weather {
                        Weather::Streams(ToStreams::AnsweredWith(answer)) => ends_at = Some((now, answer)),
                        Weather::Streams(ToStreams::CutAfter(time)) => ends_at = Some((now + time, "")),
                        Weather::PollsWithin(_) => ends_at = Some((now, REFUSED)),
                        Weather::Streams(_) | Weather::Fair | Weather::Cut => {}
                    }
                }
                if let Weather::PollsWithin(time) = weather && asks(bytes, "wait=") {
                    ends_at = Some((now + time, TIMED_OUT));
                }
                if !matches!(ends_at, Some((at, _)) if at == now) && to_service.write_all(bytes).await.is_err() {
                    return;
                }
            }
            read = from_service.read(&mut answered) => {
                let Some(bytes) = some(read, &answered) else { return };
                let bytes = match (&stream, *weather.borrow()) {
                    (Some((_, since)), Weather::Streams(ToStreams::HeldBackAfter(time))) if since.elapsed() >= time => &[],
                    (Some(_), Weather::Streams(ToStreams::HeldBackBehindHead)) => head(bytes),
                    (Some(_), _) => bytes,
                    (None, _) => {
                        ends_at = None;
                        bytes
                    }
                };
                if to_browser.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits for a time, if there is one.
async fn until(at: Option<(Instant, &str)>) {
    match at {
        Some((at, _)) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Returns what of a stream's answer is its head; of what follows, nothing.
fn head(bytes: &[u8]) -> &[u8] {
    let is_head = bytes.starts_with(b"HTTP/");
    let end = bytes.windows(4).position(|part| part == b"\r\n\r\n").filter(|_| is_head);
    &bytes[..end.map_or(0, |end| end + 4)]
}

fn some(read: std::io::Result<usize>, buffer: &[u8]) -> Option<&[u8]> {
    buffer.get(..read.ok().filter(|length| *length > 0)?)
}

/// Tells whether a request asks for an address with `part` in it; a browser sends a request's head in one piece.
fn asks(request: &[u8], part: &str) -> bool {
    let line = request.split(|byte| *byte == b'\r').next().unwrap_or_default();
    line.starts_with(b"GET ") && String::from_utf8_lossy(line).contains(part)
}
