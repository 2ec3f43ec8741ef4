//! The files that pages load: made ready by the build (`build.rs`), addressed by their hash, kept by browsers for good.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use problem::{Code, Problem};

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What the build joins modules with, so that its laws are held here.
#[cfg(test)]
#[path = "../build/join.rs"]
mod join;

const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// A file inside the binary, as it is and compressed.
#[derive(Debug)]
pub(crate) struct Embedded {
    name: &'static str,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// The page's files.
pub(crate) static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

/// All files, and their common address.
#[derive(Debug)]
pub(crate) struct Assets {
    /// Of all names and contents: scripts load each other by relative addresses, so all change theirs together.
    hash: String,
    files: BTreeMap<&'static str, &'static Embedded>,
}

impl Assets {
    fn new() -> Self {
        let mut hasher = blake3::Hasher::new();
        for Embedded { name, plain, .. } in FILES {
            for part in [name.as_bytes(), plain] {
                hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
            }
        }
        let hash = hasher.finalize().to_hex().chars().take(16).collect();
        Self { hash, files: FILES.iter().map(|file| (file.name, file)).collect() }
    }

    /// Returns a file that is served under a name of its own, too.
    pub(crate) fn file(&self, name: &str) -> &'static Embedded {
        self.files.get(name).copied().expect("it is a file of the page")
    }

    /// Returns where a file is found.
    pub(crate) fn address(&self, name: &str) -> String {
        debug_assert!(self.files.contains_key(name), "{name} is no file of the page");
        format!("/assets/{}/{name}", self.hash)
    }
}

/// Serves a file, in the smallest form that the browser reads.
pub(crate) async fn asset(Path((hash, name)): Path<(String, String)>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = ASSETS.files.get(name.as_str()).filter(|_| hash == ASSETS.hash).ok_or(Code::NotFound)?;
    Ok(([(CACHE_CONTROL, FOREVER)], file.smallest(&headers)).into_response())
}

impl Embedded {
    /// Writes the file in the smallest form that a browser reads.
    pub(crate) fn smallest(&self, headers: &HeaderMap) -> Response {
        let headers_of_all = [(CONTENT_TYPE, media_type(self.name)), (VARY, HeaderValue::from_static("accept-encoding"))];
        let compressed = |encoding, bytes| ([(CONTENT_ENCODING, HeaderValue::from_static(encoding))], bytes);
        let body = if reads(headers, "br") {
            compressed("br", self.brotli).into_response()
        } else if reads(headers, "gzip") {
            compressed("gzip", self.gzip).into_response()
        } else {
            self.plain.into_response()
        };
        (headers_of_all, body).into_response()
    }

    /// Names the content, in whatever form it comes (RFC 9110, section 8.8.3).
    pub(crate) fn tag(&self) -> HeaderValue {
        let hash = blake3::hash(self.plain).to_hex();
        HeaderValue::try_from(format!("W/\"{}\"", &hash.as_str()[..16])).expect("a hash is visible ASCII")
    }
}

/// Tells whether a browser reads an encoding (RFC 9110, section 12.5.3); what it names without a weight of zero, it reads.
fn reads(headers: &HeaderMap, encoding: &str) -> bool {
    let named =
        headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    named.map(|choice| choice.split_once(';').unwrap_or((choice, ""))).any(|(name, weight)| {
        let refused = weight.trim().strip_prefix("q=").is_some_and(|weight| weight.parse() == Ok(0.0));
        name.trim().eq_ignore_ascii_case(encoding) && !refused
    })
}

fn media_type(name: &str) -> HeaderValue {
    HeaderValue::from_static(match name.rsplit_once('.') {
        Some((_, "js")) => "text/javascript; charset=utf-8",
        Some((_, "css")) => "text/css; charset=utf-8",
        Some((_, "svg")) => "image/svg+xml",
        _ => "application/octet-stream",
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_file_has_its_type() {
        assert!(FILES.iter().all(|file| media_type(file.name) != "application/octet-stream"));
    }

    #[test]
    fn a_browser_gets_only_what_it_reads() {
        let header = |value: &'static str| HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(value))]);
        assert!(reads(&header("gzip, deflate, BR"), "br"));
        assert!(reads(&header("gzip;q=0.5, br;q=1"), "gzip"));
        assert!(!reads(&header("br;q=0, gzip"), "br"));
        assert!(!reads(&header("brotli"), "br"));
        assert!(!reads(&HeaderMap::new(), "gzip"));
    }

    #[test]
    fn one_file_has_what_every_visitor_needs() {
        let is_script = |name: &&str| media_type(name).to_str().unwrap().contains("script") && !name.starts_with("words-");
        // Seven others are fetched when they are wanted, and one by other sites.
        let scripts: Vec<_> = FILES.iter().map(|file| file.name).filter(is_script).collect();
        assert_eq!(
            scripts,
            [
                "decision.js",
                "devices.js",
                "embed.js",
                "ending.js",
                "frame.js",
                "main.js",
                "menu-items.js",
                "proof.js",
                "question.js",
                "report.js"
            ]
        );
    }

    /// Reads a catalogue: each word, and the names of what is filled in; forms of the plural share theirs.
    fn catalogue(file: &Embedded) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut words: Vec<(&str, BTreeSet<&str>)> = Vec::new();
        // Our catalogues have no apostrophe but those around a text: every second piece is one.
        let pieces: Vec<_> = std::str::from_utf8(file.plain).unwrap().split('\'').collect();
        for pair in pieces[1..].chunks_exact(2) {
            let [text, behind] = pair else { unreachable!("chunks of two") };
            if behind.starts_with(':') {
                words.push((text, BTreeSet::new()));
            } else {
                let names = text.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0));
                words.last_mut().unwrap().1.extend(names);
            }
        }
        words.into_iter().collect()
    }

    #[test]
    fn every_language_has_the_same_words_with_the_same_names_in_them() {
        let english = catalogue(FILES.iter().find(|file| file.name == "words-en.js").unwrap());
        assert!(english.len() > 100 && english["chat.intro"] == BTreeSet::from(["agent", "moment"]));
        let others: Vec<_> = FILES.iter().filter(|file| file.name.starts_with("words-")).collect();
        assert_eq!(others.len(), 8);
        for file in others {
            let words = catalogue(file);
            for (word, names) in &english {
                assert_eq!(words.get(word), Some(names), "{word} in {}", file.name);
            }
            assert_eq!(words.len(), english.len(), "{}", file.name);
        }
    }
}
