//! The pages: one static shell for every chat, the files that it loads, and a word for whoever has no link.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use rust_embed::RustEmbed;
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::problem::{Code, Problem};

/// Only our own files, and no markup from strings but what `tempchat` lets through (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; require-trusted-types-for 'script'; trusted-types tempchat; frame-ancestors ";
const FOREVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

#[derive(RustEmbed)]
#[folder = "web/assets"]
struct Files;

/// The page's files, read once; their common hash is part of their addresses.
static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::load);
static SHELL: LazyLock<Bytes> = LazyLock::new(|| page(&Shell { assets: &ASSETS }));
static HOME: LazyLock<Bytes> = LazyLock::new(|| page(&Home { assets: &ASSETS }));

/// The files that pages load.
#[derive(Debug)]
struct Assets {
    /// Of all names and contents: scripts load each other by relative addresses, so all change theirs together.
    hash: String,
    files: BTreeMap<String, (HeaderValue, Bytes)>,
}

impl Assets {
    fn load() -> Self {
        let files: BTreeMap<_, _> = Files::iter()
            .filter_map(|name| {
                let file = Files::get(&name)?;
                let media_type = HeaderValue::try_from(media_type(file.metadata.mimetype())).ok()?;
                let bytes = match file.data {
                    Cow::Borrowed(data) => Bytes::from_static(data),
                    Cow::Owned(data) => Bytes::from(data),
                };
                Some((name.into_owned(), (media_type, bytes)))
            })
            .collect();
        let mut hasher = blake3::Hasher::new();
        for (name, (_, bytes)) in &files {
            for part in [name.as_bytes(), bytes] {
                hasher.update(&(part.len() as u64).to_be_bytes()).update(part);
            }
        }
        let hash = hasher.finalize().to_hex().chars().take(16).collect();
        Self { hash, files }
    }

    fn address(&self, name: &str) -> String {
        debug_assert!(self.files.contains_key(name), "{name} is no file of the page");
        format!("/assets/{}/{name}", self.hash)
    }
}

/// Says the encoding of text.
fn media_type(guessed: &str) -> String {
    if guessed.starts_with("text/") { format!("{guessed}; charset=utf-8") } else { guessed.to_owned() }
}

#[derive(Template)]
#[template(path = "shell.html")]
struct Shell<'a> {
    assets: &'a Assets,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    assets: &'a Assets,
}

impl Shell<'_> {
    fn asset(&self, name: &str) -> String {
        self.assets.address(name)
    }
}

impl Home<'_> {
    fn asset(&self, name: &str) -> String {
        self.assets.address(name)
    }
}

fn page(template: &impl Template) -> Bytes {
    template.render().expect("the page's template has no way to fail").into()
}

/// Routes to the pages; no look-up stands behind any of them.
pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { html(&HOME) }))
        .route("/temp-chat/{token}", get(shell))
        .route("/chat", get(shell))
        .route("/chat/{session_id}", get(shell))
        .route("/assets/{hash}/{file}", get(asset))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }))
        .layer(CompressionLayer::new())
}

/// The same bytes for every link and session.
async fn shell() -> Response {
    html(&SHELL)
}

/// The same bytes once more, which pages of these origins may show in a frame.
pub(crate) fn framed_shell(origins: &[String]) -> Response {
    let mut response = html(&SHELL);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy(origins));
    response
}

/// Writes the policy of a page that only `origins` may frame; without any, nobody.
fn policy(origins: &[String]) -> HeaderValue {
    // A host may hold a `;` or a `,`: neither may end the directive.
    let is_plain = |origin: &&String| origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:/[]-_".contains(&byte));
    let ancestors: Vec<_> = origins.iter().filter(is_plain).map(String::as_str).collect();
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    HeaderValue::try_from(format!("{POLICY}{ancestors}")).expect("an origin is visible ASCII")
}

fn html(page: &Bytes) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy(&[])),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, page.clone()).into_response()
}

async fn asset(Path((hash, file)): Path<(String, String)>) -> Result<Response, Problem> {
    let known = ASSETS.files.get(&file).filter(|_| hash == ASSETS.hash);
    let (media_type, bytes) = known.ok_or(Code::NotFound)?;
    Ok(([(CONTENT_TYPE, media_type.clone()), (CACHE_CONTROL, FOREVER)], bytes.clone()).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_names_only_files_that_there_are() {
        let shell = std::str::from_utf8(&SHELL).unwrap();
        let prefix = format!("/assets/{}/", ASSETS.hash);
        let named: Vec<_> = shell.split(&prefix).skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.contains(&"main.js") && named.contains(&"chat.css"), "{named:?}");
        assert!(named.iter().all(|name| ASSETS.files.contains_key(*name)), "{named:?}");
    }

    #[test]
    fn the_shell_has_nothing_inline_that_its_policy_forbids() {
        let shell = std::str::from_utf8(&SHELL).unwrap();
        assert!(!shell.contains("<style") && !shell.contains("style=") && !shell.contains("onclick"));
        assert!(shell.matches("<script").count() == shell.matches("<script type=\"module\" src=").count());
    }

    #[test]
    fn a_page_is_framed_by_the_origins_that_are_named_and_by_nothing_they_smuggle_in() {
        let framed_by = |origins: &[&str]| {
            let policy = policy(&origins.iter().map(|origin| (*origin).to_owned()).collect::<Vec<_>>());
            policy.to_str().unwrap().rsplit_once("frame-ancestors ").unwrap().1.to_owned()
        };
        assert_eq!(framed_by(&[]), "'none'");
        assert_eq!(framed_by(&["https://a.example", "http://[::1]:8080"]), "https://a.example http://[::1]:8080");
        assert_eq!(framed_by(&["https://a;sandbox", "https://a,b", "https://a'b"]), "'none'");
    }

    #[test]
    fn every_file_has_its_type() {
        let of = |name: &str| ASSETS.files.get(name).map(|(media_type, _)| media_type.to_str().unwrap().to_owned());
        assert_eq!(of("main.js").as_deref(), Some("text/javascript; charset=utf-8"));
        assert_eq!(of("chat.css").as_deref(), Some("text/css; charset=utf-8"));
        assert_eq!(of("icon.svg").as_deref(), Some("image/svg+xml"));
    }
}
