//! Lines of bounded length.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// The longest line: what the server accepts as a body.
const LONGEST: usize = 256 * 1_024;

/// A line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Its bytes, without its end.
    Text(Vec<u8>),
    /// It was thrown away.
    TooLong,
}

/// Reads lines.
pub(super) struct Lines<R>(R);

impl<R: AsyncBufRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R) -> Self {
        Self(reader)
    }

    /// Reads the next line that is not empty; none at the end. Not cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Line>> {
        loop {
            let mut line = Vec::new();
            let most = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 1;
            if (&mut self.0).take(most).read_until(b'\n', &mut line).await? == 0 {
                return Ok(None);
            }
            let has_end = line.pop_if(|last| *last == b'\n').is_some();
            if line.len() > LONGEST {
                if !has_end {
                    self.skip().await?;
                }
                return Ok(Some(Line::TooLong));
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(Line::Text(line)));
            }
        }
    }

    /// Throws away what is left of a line.
    async fn skip(&mut self) -> io::Result<()> {
        loop {
            let buffer = self.0.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let read = end.map_or(buffer.len(), |end| end + 1);
            self.0.consume(read);
            if end.is_some() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_line_too_long_takes_no_other_with_it() {
        let long = vec![b'x'; LONGEST * 2];
        let given = [b"one\n\n", long.as_slice(), b"\r\ntwo\n", b"three"].concat();
        let mut lines = Lines::new(given.as_slice());
        let text = |text: &str| Some(Line::Text(text.as_bytes().to_vec()));
        assert_eq!(lines.next().await.unwrap(), text("one"));
        assert_eq!(lines.next().await.unwrap(), Some(Line::TooLong));
        assert_eq!(lines.next().await.unwrap(), text("two"));
        assert_eq!(lines.next().await.unwrap(), text("three"));
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_longest_line_is_taken() {
        let long = vec![b'x'; LONGEST];
        let given = [long.as_slice(), b"\ntwo\n"].concat();
        let mut lines = Lines::new(given.as_slice());
        assert_eq!(lines.next().await.unwrap(), Some(Line::Text(long)));
        assert_eq!(lines.next().await.unwrap(), Some(Line::Text(b"two".to_vec())));
    }
}
