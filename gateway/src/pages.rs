//! The pages: one static shell for every chat, the files that it loads, and a word for whoever has no link.

use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tower_http::compression::CompressionLayer;

use crate::app::App;
use crate::assets::{ASSETS, Assets, asset};

/// Only our own files, no markup from strings but what `tempchat` lets through (Trusted Types), in nobody's frame.
const SHELL_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types tempchat",
);

static SHELL: LazyLock<Bytes> = LazyLock::new(|| page(&Shell { assets: &ASSETS }));
static HOME: LazyLock<Bytes> = LazyLock::new(|| page(&Home { assets: &ASSETS }));

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
        .route("/chat/{session_id}", get(shell))
        .route("/assets/{hash}/{file}", get(asset))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }))
        .layer(CompressionLayer::new())
}

/// The same bytes for every link and session.
async fn shell() -> Response {
    html(&SHELL)
}

fn html(page: &Bytes) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, SHELL_POLICY),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, page.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shell_names_the_files_it_loads() {
        let shell = std::str::from_utf8(&SHELL).unwrap();
        for name in ["main.js", "chat.css", "icon.svg"] {
            assert!(shell.contains(&format!("\"{}\"", ASSETS.address(name))), "{name}");
        }
    }

    #[test]
    fn the_shell_has_nothing_inline_that_its_policy_forbids() {
        let shell = std::str::from_utf8(&SHELL).unwrap();
        assert!(!shell.contains("<style") && !shell.contains("style=") && !shell.contains("onclick"));
        assert!(shell.matches("<script").count() == shell.matches("<script type=\"module\" src=").count());
    }
}
