//! The pages: one static shell for every chat, the files that it loads, and a home page for visitors without a link.

use app::{App, Config};
use askama::Template;
use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use http::{HeaderName, HeaderValue};
use tower_http::compression::CompressionLayer;

use crate::assets::{ASSETS, asset};

/// Only our own files, and no markup from strings but what `tempchat` lets through (Trusted Types).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; require-trusted-types-for 'script'; trusted-types tempchat; frame-ancestors ";

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
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy(origins));
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
        // The same bytes for every link and session.
        .route("/temp-chat/{token}", show(shell))
        .route("/chat", show(shell))
        .route("/chat/{session_id}", show(shell))
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
}
