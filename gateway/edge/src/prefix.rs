//! The path that all public addresses begin with where the host is shared: some proxies take it off before they ask us, others leave it on.

use std::sync::Arc;

use app::Config;
use http::Uri;
use http::uri::PathAndQuery;

/// What our own paths begin with, files like `/embed.js` aside. Where a path goes on with one of these behind the prefix, a proxy has left that
/// on; anywhere else it is a path of ours that looks like it: `/chat/ses_…` below `/chat`.
const OURS: [&str; 9] = ["temp-chat", "chat", "embed", "assets", "api", "mcp", "healthz", "readyz", ".well-known"];

/// A prefix; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Prefix(Arc<str>);

impl Prefix {
    /// Takes the one of the public address.
    pub(crate) fn of(config: &Config) -> Self {
        Self(config.prefix().into())
    }

    /// Takes the prefix off an address that has it.
    pub(crate) fn take_off(&self, uri: &mut Uri) {
        let path = self.without(uri.path());
        if path == uri.path() {
            return;
        }
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let Ok(rest) = PathAndQuery::try_from(format!("{path}{query}")) else { return };
        let mut parts = std::mem::take(uri).into_parts();
        parts.path_and_query = Some(rest);
        *uri = Uri::from_parts(parts).expect("it differs from an address in its path only");
    }

    /// Returns a path as it is without the prefix.
    fn without<'a>(&self, path: &'a str) -> &'a str {
        // A proxy that puts `/` in the place of `/chat`, and not of `/chat/`, leaves two slashes.
        let slashes = path.len() - path.trim_start_matches('/').len();
        let path = path.get(slashes.saturating_sub(1)..).unwrap_or(path);
        let Some(rest) = path.strip_prefix(&*self.0).filter(|_| !self.0.is_empty()) else { return path };
        match first(rest) {
            Some(name) if is_ours(name) || is_file(rest) => rest,
            // The home page, unless that is an address of ours: `/chat` below `/chat`.
            None if rest.is_empty() && !is_page_of_ours(&self.0) => "/",
            Some("") if rest == "/" && &*self.0 != "/mcp" => "/",
            _ => path,
        }
    }
}

/// Returns the first part of a path.
pub(crate) fn first(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split('/').next()
}

/// Tells whether paths of ours begin with this.
pub(crate) fn is_ours(name: &str) -> bool {
    OURS.contains(&name)
}

/// Tells whether a path is that of a file at the top; no token and no id has a dot.
pub(crate) fn is_file(path: &str) -> bool {
    let kind = path.strip_prefix('/').filter(|name| !name.contains('/')).and_then(|name| name.rsplit_once('.'));
    kind.is_some_and(|(name, kind)| !name.is_empty() && !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Tells whether a path is a name of ours with nothing behind it.
fn is_page_of_ours(path: &str) -> bool {
    path.strip_prefix('/').is_some_and(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(public: &str, uri: &str) -> String {
        let mut uri: Uri = uri.parse().unwrap();
        Prefix::of(&Config::new(format!("https://x.example{public}").parse().unwrap())).take_off(&mut uri);
        uri.to_string()
    }

    #[test]
    fn with_the_prefix_and_without_it_an_address_is_the_same() {
        for prefix in ["", "/", "/talk", "/a/b/", "/chat", "/temp-chat", "/embed", "/mcp", "/api", "/api/v1", "/assets", "/v1.2"]
        {
            for path in [
                "/temp-chat/abc",
                "/chat/ses_a?x=/chat/",
                "/chat",
                "/embed/abc",
                "/embed.js?v=1",
                "/assets/0123/main.js",
                "/api/v1/sessions/ses_a/messages?wait=25&after=a%2Fb",
                "/api/v1/links/inspect",
                "/mcp",
                "/readyz",
                "/openapi.json",
                "/robots.txt",
                "/.well-known/tempchat-keys",
            ] {
                let on = format!("{}{path}", prefix.trim_end_matches('/'));
                assert_eq!(asked(prefix, path), path, "taken off {prefix}");
                assert_eq!(asked(prefix, &on), path, "left on {prefix}");
                assert_eq!(asked(prefix, &format!("/{path}")), path, "taken off {prefix}, but for a slash");
            }
        }
    }

    #[test]
    fn the_home_page_is_at_the_prefix() {
        for (prefix, asked_for) in [("/talk", "/talk"), ("/talk", "/talk/"), ("/talk", "/"), ("", "/"), ("/chat", "/chat/")] {
            assert_eq!(asked(prefix, asked_for), "/", "{prefix} {asked_for}");
        }
        // What it is where the proxy takes the prefix off: the page that goes on with a code, and an address that ends with a slash.
        assert_eq!(asked("/chat", "/chat"), "/chat");
        assert_eq!(asked("/mcp", "/mcp/"), "/mcp/");
    }

    #[test]
    fn what_only_looks_like_the_prefix_stays() {
        for other in ["/talker/mcp", "/x/talk/mcp", "/talk/other", "/TALK/mcp", "/talkmcp", "/talk/mcpx", "/talk/token."] {
            assert_eq!(asked("/talk", other), other);
        }
        assert_eq!(asked("/talk", "http://x.example/talk/mcp?a"), "http://x.example/mcp?a");
    }
}
