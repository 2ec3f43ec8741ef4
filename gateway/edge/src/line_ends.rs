//! Line ends in the heads of requests: CR LF and nothing else (RFC 9112, section 2.2, allows to be strict). The reader of heads takes a
//! bare LF too, and a proxy in front may not: what is one request to the one is two to the other.

/// What cannot stand in a head: the reader of heads refuses it with 400.
const NOTHING: u8 = 0;

/// Looks through a head as it comes, in any pieces.
#[derive(Debug, Default)]
pub(crate) struct LineEnds {
    previous: u8,
    /// Whether the line under way has anything in it, and whether one before it had: a head may follow empty lines.
    has_content: bool,
    has_begun: bool,
    /// Whether the head is over: what follows is a body, and may hold what it likes.
    is_over: bool,
}

impl LineEnds {
    /// Takes bytes that have come; a bare LF among those of the head is made what no head may hold.
    pub(crate) fn take(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.is_over {
                return;
            }
            match *byte {
                b'\n' if self.previous == b'\r' => {
                    self.is_over = self.has_begun && !self.has_content;
                    self.has_begun |= self.has_content;
                    self.has_content = false;
                }
                b'\n' => *byte = NOTHING,
                b'\r' => {}
                _ => self.has_content = true,
            }
            self.previous = *byte;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pieces: &[&str]) -> String {
        let mut ends = LineEnds::default();
        let pieces = pieces.iter().map(|piece| {
            let mut bytes = piece.as_bytes().to_vec();
            ends.take(&mut bytes);
            String::from_utf8(bytes).unwrap()
        });
        pieces.collect()
    }

    #[test]
    fn ordinary_heads_and_any_bodies_stay_as_they_are() {
        let whole = "\r\nPOST / HTTP/1.1\r\nHost: a\r\n\r\na\nb\n\nGET / HTTP/1.1\n";
        assert_eq!(taken(&[whole]), whole);
        let single: Vec<String> = whole.chars().map(String::from).collect();
        assert_eq!(taken(&single.iter().map(String::as_str).collect::<Vec<_>>()), whole);
    }

    #[test]
    fn a_bare_line_feed_in_a_head_is_no_line_end() {
        assert_eq!(taken(&["GET / HTTP/1.1\nHost: a\r\n\r\n"]), "GET / HTTP/1.1\0Host: a\r\n\r\n");
        assert_eq!(taken(&["GET / HTTP/1.1\r\nHost: a\n", "\n"]), "GET / HTTP/1.1\r\nHost: a\0\0");
        assert_eq!(taken(&["\nGET / HTTP/1.1\r\n"]), "\0GET / HTTP/1.1\r\n");
    }
}
