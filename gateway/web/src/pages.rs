//! The pages: one static shell for every chat, the files that it loads, and a home page for visitors without a link.

use std::sync::LazyLock;

use app::{App, Config};
use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use data_encoding::BASE64;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use sha2::{Digest, Sha256};
use tower_http::compression::CompressionLayer;

use crate::assets::{ASSETS, asset};

/// Says something in place of a script that does not come, or that the browser cannot read: for that it stands in the page itself.
const LATE: &str = include_str!("../templates/late.js");
/// Its hash, by which the policy lets it run (CSP 3, section 2.3.1).
static LATE_HASH: LazyLock<String> = LazyLock::new(|| BASE64.encode(&Sha256::digest(LATE)));

/// Only our own files, and no markup from strings but what `tempchat` lets through (Trusted Types).
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; require-trusted-types-for 'script'; trusted-types tempchat; frame-ancestors ";

const EMBEDDER_POLICY: HeaderName = HeaderName::from_static("cross-origin-embedder-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The pages, as they are at the service's public address; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    shell: Bytes,
    home: Bytes,
}

#[derive(Template)]
#[template(path = "shell.html")]
struct Shell<'a> {
    /// What the paths of all public addresses begin with.
    prefix: &'a str,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    prefix: &'a str,
}

impl Shell<'_> {
    const LATE: &'static str = LATE;

    fn asset(&self, name: &str) -> String {
        format!("{}{}", self.prefix, ASSETS.address(name))
    }
}

impl Home<'_> {
    fn asset(&self, name: &str) -> String {
        format!("{}{}", self.prefix, ASSETS.address(name))
    }
}

impl Pages {
    /// Writes the pages of a service.
    pub(crate) fn of(config: &Config) -> Self {
        let prefix = config.prefix();
        Self { shell: page(&Shell { prefix }), home: page(&Home { prefix }) }
    }

    /// Returns the shell, which pages of these origins may show in a frame.
    pub(crate) fn framed_shell(&self, origins: &[String]) -> Response {
        let mut response = html(&self.shell);
        let headers = response.headers_mut();
        headers.insert(CONTENT_SECURITY_POLICY, policy(origins));
        // Pages that isolate themselves show only frames that do so too, and say that others may show them (HTML, section 7.1.4).
        if !origins.is_empty() {
            headers.insert(EMBEDDER_POLICY, HeaderValue::from_static("require-corp"));
            headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        }
        response
    }
}

fn page(template: &impl Template) -> Bytes {
    template.render().expect("the page's template has no way to fail").into()
}

/// Routes to the pages; no look-up stands behind any of them.
pub(crate) fn routes(Pages { shell, home }: &Pages) -> Router<App> {
    let show = |page: &Bytes| {
        let page = page.clone();
        get(move || async move { html(&page) })
    };
    Router::new()
        .route("/", show(home))
        // The same bytes for every link and session. What sticks to an address on its way, or was lost of it, is for the page to see.
        .route("/temp-chat", show(shell))
        .route("/temp-chat/", show(shell))
        .route("/temp-chat/{token}", show(shell))
        .route("/temp-chat/{token}/{*rest}", show(shell))
        .route("/temp-chat/{token}/", show(shell))
        .route("/chat", show(shell))
        .route("/chat/", show(shell))
        .route("/chat/{session_id}", show(shell))
        .route("/chat/{session_id}/", show(shell))
        .route("/assets/{hash}/{file}", get(asset))
        .route("/robots.txt", get(|| async { "User-agent: *\nDisallow: /\n" }))
        .layer(CompressionLayer::new())
}

/// Writes the policy of a page that only `origins` may frame; without any, no page may.
fn policy(origins: &[String]) -> HeaderValue {
    // A host may hold a `;` or a `,`: neither may end the directive.
    let is_plain = |origin: &&String| origin.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:/[]-_".contains(&byte));
    let ancestors: Vec<_> = origins.iter().filter(is_plain).map(String::as_str).collect();
    let ancestors = if ancestors.is_empty() { "'none'".to_owned() } else { ancestors.join(" ") };
    HeaderValue::try_from(format!("script-src 'self' 'sha256-{}'; {POLICY}{ancestors}", *LATE_HASH))
        .expect("an origin is visible ASCII")
}

fn html(page: &Bytes) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, policy(&[])),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, page.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell_at(public: &str) -> String {
        let Pages { shell, .. } = Pages::of(&Config::new(public.parse().unwrap()));
        String::from_utf8(shell.into()).unwrap()
    }

    #[test]
    fn the_shell_names_the_files_it_loads() {
        for prefix in ["", "/a/chat"] {
            let shell = shell_at(&format!("https://x.example{prefix}"));
            for name in ["main.js", "chat.css", "icon.svg"] {
                assert!(shell.contains(&format!("\"{prefix}{}\"", ASSETS.address(name))), "{name}");
            }
        }
    }

    #[test]
    fn the_shell_has_nothing_inline_that_its_policy_forbids() {
        let shell = shell_at("https://x.example");
        assert!(!shell.contains("<style") && !shell.contains("style=") && !shell.contains("onclick"));
        assert_eq!(shell.matches("<script").count(), 2);
        assert_eq!(shell.matches("<script type=\"module\" src=").count(), 1);
        let inline = shell.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
        let hash = BASE64.encode(&Sha256::digest(inline));
        assert!(policy(&[]).to_str().unwrap().contains(&format!("'sha256-{hash}'")), "{inline}");
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
}
