//! A client's connection: how long it may take over a request's head, and what a reader who never reads costs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
#[cfg(target_os = "linux")]
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::line_ends::LineEnds;

/// A stream of bytes whose heads of requests must come in time. What an idle connection may take is hyper's to count: its clock runs
/// while nothing is under way, this one from a head's first byte.
#[derive(Debug)]
pub(crate) struct Connection<T> {
    stream: T,
    serving: Serving,
    /// What `serving` said when it was last asked.
    turn: usize,
    patience: Duration,
    /// When the head that is under way must be there; that of a new connection is always under way.
    due: Option<Instant>,
    /// Made only for heads that do not come in one piece.
    alarm: Option<Pin<Box<Sleep>>>,
    /// What the head under way ends its lines with. A head that comes in one piece with the request before it is not looked at: where
    /// that one ends is hyper's to know.
    line_ends: LineEnds,
}

/// Tells a [`Connection`] whether a request of its is being answered: then what is read is no head. It counts beginnings and ends of
/// answers, so that an answer that takes no time is noticed too.
#[derive(Debug, Clone, Default)]
pub(crate) struct Serving(Arc<AtomicUsize>);

impl Serving {
    /// Begins an answer.
    pub(crate) fn begin(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn turn(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl<T> Connection<T> {
    /// Prepares a connection that may take `patience` for each head.
    pub(crate) fn new(stream: T, patience: Duration) -> Self {
        Self {
            stream,
            serving: Serving::default(),
            turn: 0,
            patience,
            due: Some(Instant::now() + patience),
            alarm: None,
            line_ends: LineEnds::default(),
        }
    }

    /// Returns what is to be told of answers.
    pub(crate) fn serving(&self) -> Serving {
        self.serving.clone()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Connection<T> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let turn = this.serving.turn();
        if turn != this.turn {
            (this.turn, this.due, this.alarm, this.line_ends) = (turn, None, None, LineEnds::default());
        }
        let is_head = turn.is_multiple_of(2);
        let before = buffer.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.stream).poll_read(context, buffer) {
            if is_head && buffer.filled().len() > before {
                this.line_ends.take(buffer.filled_mut().get_mut(before..).unwrap_or_default());
                this.due.get_or_insert_with(|| Instant::now() + this.patience);
            }
            return Poll::Ready(read);
        }
        let Some(due) = this.due else { return Poll::Pending };
        ready!(this.alarm.get_or_insert_with(|| Box::pin(sleep_until(due))).as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "a request's head took too long")))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Connection<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }
}

/// The body of an answer: once it is gone, the next head may begin.
#[derive(Debug)]
pub(crate) struct Answer {
    body: Body,
    serving: Serving,
}

impl Answer {
    pub(crate) fn new(body: Body, serving: Serving) -> Self {
        Self { body, serving }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.serving.end();
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Prepares a socket; what is written and not taken by the other end for `unread` ends it.
pub(crate) fn prepared(stream: TcpStream, unread: Duration) -> TcpStream {
    // Small frames must leave at once; a socket that is gone says so later.
    let _ = stream.set_nodelay(true);
    // RFC 5482; it also counts while the other end keeps its window shut.
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(unread));
    #[cfg(not(target_os = "linux"))]
    let _ = unread;
    stream
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use hyper::Response;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioIo, TokioTimer};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
    use tokio::time::{sleep, timeout};

    use super::*;

    const HEAD: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    /// A connection on which every request is answered with "ok": 20 s for a head, 620 s without one.
    fn connection() -> DuplexStream {
        let (client, server) = duplex(1_024);
        let connection = Connection::new(server, Duration::from_secs(20));
        let serving = connection.serving();
        let answer = service_fn(move |_| {
            serving.begin();
            let answer = Answer::new(Body::from("ok"), serving.clone());
            async { Ok::<_, Infallible>(Response::new(answer)) }
        });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(620));
        tokio::spawn(http.serve_connection(TokioIo::new(connection), answer));
        client
    }

    async fn answered(client: &mut DuplexStream) {
        client.write_all(HEAD).await.unwrap();
        let mut answer = String::new();
        while !answer.ends_with("\r\n\r\nok") {
            answer.push(char::from(client.read_u8().await.unwrap()));
        }
        assert!(answer.starts_with("HTTP/1.1 200 OK"));
    }

    /// Returns after how many seconds the connection is closed, where a byte of a head is sent every `pause`.
    async fn closed_after(client: &mut DuplexStream, pause: Duration) -> u64 {
        let began = Instant::now();
        for byte in HEAD.iter().cycle() {
            if client.write_all(&[*byte]).await.is_err() {
                break;
            }
            match timeout(pause, client.read(&mut [0; 64])).await {
                Ok(Ok(0) | Err(_)) => break,
                Ok(read) => panic!("{read:?} for half a head"),
                Err(_) => {}
            }
        }
        began.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_kept_longer_than_any_balancer_keeps_it() {
        let mut client = connection();
        for pause in [0, 21, 65, 600] {
            sleep(Duration::from_secs(pause)).await;
            answered(&mut client).await;
        }
        sleep(Duration::from_secs(621)).await;
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_comes_byte_by_byte_has_an_end() {
        assert_eq!(closed_after(&mut connection(), Duration::from_secs(3)).await, 20);
        let mut client = connection();
        answered(&mut client).await;
        sleep(Duration::from_mins(1)).await;
        assert_eq!(closed_after(&mut client, Duration::from_secs(3)).await, 20);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_at_all_is_not_waited_for() {
        let mut client = connection();
        let began = Instant::now();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        assert_eq!(began.elapsed().as_secs(), 20);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn who_reads_nothing_gives_the_connection_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let deaf = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut stream = prepared(listener.accept().await.unwrap().0, Duration::from_secs(1));
        let written = async {
            loop {
                if let Err(error) = stream.write_all(&[0; 4_096]).await {
                    break error.kind();
                }
            }
        };
        assert_eq!(timeout(Duration::from_secs(30), written).await, Ok(io::ErrorKind::TimedOut));
        drop(deaf);
    }
}
