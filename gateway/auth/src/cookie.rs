//! The cookie that holds a session's credential: sent to that session's addresses and nowhere else, out of any script's reach.

use app::Config;
use axum_extra::extract::cookie::{Cookie, SameSite};
use domain::{LinkId, SessionId, Timestamp};
use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

/// The cookie's name over TLS; browsers take it only with `Secure` (RFC 6265bis, section 4.1.3).
const SECURE_NAME: &str = "__Secure-tc";
/// The cookie's name over plain HTTP.
const PLAIN_NAME: &str = "tc";

/// Builds the `Set-Cookie` value that gives a client its session until `until`.
pub fn set(session: SessionId, credential: &str, config: &Config, now: Timestamp, until: Timestamp) -> HeaderValue {
    let seconds = ((until - now).0 / 1_000).max(0);
    let secure = config.is_secure();
    let cookie = Cookie::build((if secure { SECURE_NAME } else { PLAIN_NAME }, credential))
        // As browsers see it: what a proxy takes off the path is on it there.
        .path(format!("{}/api/v1/sessions/{session}", config.prefix()))
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Strict)
        .max_age(time::Duration::seconds(seconds));
    HeaderValue::try_from(cookie.to_string()).expect("a credential is letters and digits")
}

/// Builds the `Set-Cookie` value by which a browser finds its session again from the link alone: browsers keep a server's cookies when they
/// have thrown away what a page's script had kept. `recipient` is whose address it was, of a link with several.
pub fn set_for_link(
    link: LinkId,
    recipient: Option<u8>,
    credential: &str,
    config: &Config,
    now: Timestamp,
    until: Timestamp,
) -> HeaderValue {
    let seconds = ((until - now).0 / 1_000).max(0);
    let secure = config.is_secure();
    let cookie = Cookie::build((name_for_link(link, recipient, secure), credential))
        .path(format!("{}/api/v1/links/inspect", config.prefix()))
        .http_only(true)
        .secure(secure)
        .same_site(SameSite::Strict)
        .max_age(time::Duration::seconds(seconds));
    HeaderValue::try_from(cookie.to_string()).expect("a credential is letters and digits")
}

/// Returns the credential that [`set_for_link`] gave, if a request carries it.
pub fn value_for_link(headers: &HeaderMap, link: LinkId, recipient: Option<u8>, secure: bool) -> Option<&str> {
    let name = name_for_link(link, recipient, secure);
    pairs(headers).find_map(|(known, value)| (known == name).then_some(value))
}

fn name_for_link(link: LinkId, recipient: Option<u8>, secure: bool) -> String {
    let name = if secure { SECURE_NAME } else { PLAIN_NAME };
    recipient.map_or_else(|| format!("{name}-{link}"), |recipient| format!("{name}-{link}-{recipient}"))
}

/// Walks the values of our cookies in a request; browsers send the ones of the request's path.
pub fn values(headers: &HeaderMap, secure: bool) -> impl Iterator<Item = &str> {
    let name = if secure { SECURE_NAME } else { PLAIN_NAME };
    pairs(headers).filter_map(move |(known, value)| (known == name).then_some(value))
}

fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let headers = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SESSION: SessionId = SessionId::new([0; 16]);

    fn at(url: &str) -> Config {
        Config::new(url.parse().unwrap())
    }

    #[test]
    fn on_a_shared_host_it_goes_to_our_part_of_it_only() {
        let cookie = set(SESSION, "abc", &at("https://x.example/chat/"), Timestamp(0), Timestamp(0));
        assert!(cookie.to_str().unwrap().contains("; Path=/chat/api/v1/sessions/ses_"), "{cookie:?}");
    }

    #[test]
    fn over_tls_the_cookie_is_bound_to_its_session() {
        let cookie = set(SESSION, "abc", &at("https://chat.example"), Timestamp(1_000), Timestamp(61_999));
        assert_eq!(
            cookie,
            "__Secure-tc=abc; HttpOnly; SameSite=Strict; Secure; Path=/api/v1/sessions/ses_aaaaaaaaaaaaaaaaaaaaaaaaaa; Max-Age=60"
        );
    }

    #[test]
    fn over_plain_http_it_has_neither_prefix_nor_secure() {
        let cookie = set(SESSION, "abc", &at("http://chat.example"), Timestamp(5_000), Timestamp(0));
        assert_eq!(cookie, "tc=abc; HttpOnly; SameSite=Strict; Path=/api/v1/sessions/ses_aaaaaaaaaaaaaaaaaaaaaaaaaa; Max-Age=0");
    }

    #[test]
    fn a_links_cookie_is_sent_where_the_link_is_looked_at_and_found_by_it() {
        let (link, other) = (LinkId::new([1; 16]), LinkId::new([2; 16]));
        let cookie = set_for_link(link, None, "abc", &at("http://x.example/chat"), Timestamp(1_000), Timestamp(61_000));
        assert!(
            cookie.to_str().unwrap().ends_with("=abc; HttpOnly; SameSite=Strict; Path=/chat/api/v1/links/inspect; Max-Age=60")
        );
        let sent = cookie.to_str().unwrap().split(';').next().unwrap();
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(format!("a=b; {sent}")).unwrap())]);
        assert_eq!(value_for_link(&headers, link, None, false), Some("abc"));
        assert_eq!(value_for_link(&headers, link, Some(0), false), None);
        assert_eq!(value_for_link(&headers, other, None, false), None);
        assert_eq!(values(&headers, false).count(), 0, "it opens no session by itself");
    }

    #[test]
    fn our_cookies_are_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; __Secure-tc=one;x"));
        headers.append(COOKIE, HeaderValue::from_static("tc=plain; __Secure-tc=two"));
        assert_eq!(values(&headers, true).collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!(values(&headers, false).collect::<Vec<_>>(), ["plain"]);
    }
}
