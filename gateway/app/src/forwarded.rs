//! Whom proxies name as the client: `X-Forwarded-For`, and `Forwarded` (RFC 7239). Only what our own proxies appended counts.

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, HeaderName};
use serde::{Deserialize, Serialize};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");

/// The field that our proxies write; a client can send the other one itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyHeader {
    /// `X-Forwarded-For`, as most proxies do.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// The proxies of ours that stand in front.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proxies {
    /// How many: that many of the last addresses that they name are trusted. 0 believes none.
    pub count: usize,
    /// By which field they name the client; by default by either, and where both are there they must agree.
    pub header: Option<ProxyHeader>,
}

/// The client, as the entry says that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    /// By its address.
    Address(IpAddr),
    /// By nothing that can be read: a hidden name, `unknown`, nonsense, or two fields that contradict each other.
    Unreadable,
    /// There is no entry: the request came past the proxies, from the operator's own side.
    Nobody,
}

/// Finds whom `proxies` proxies of ours name: each has appended the address it was called from. Without a `header` both fields are read, and must agree
/// where both are there: one may come from the client.
pub(crate) fn client(headers: &HeaderMap, proxies: usize, header: Option<ProxyHeader>) -> Named {
    let from_last = |entries: Vec<Option<IpAddr>>| {
        // Fewer entries than proxies: it was called past the outer ones, and the first entry is of the outermost that was called.
        let counts = entries.len().saturating_sub(proxies);
        entries.get(counts).map(|entry| entry.map_or(Named::Unreadable, Named::Address))
    };
    let wanted = |field: ProxyHeader| proxies > 0 && header.is_none_or(|header| header == field);
    let listed = || from_last(lines(headers, &FORWARDED_FOR, |line| line.split(',').map(node).collect()));
    let forwarded = || from_last(lines(headers, &FORWARDED, elements));
    let listed = wanted(ProxyHeader::XForwardedFor).then(listed).flatten();
    let forwarded = wanted(ProxyHeader::Forwarded).then(forwarded).flatten();
    match (listed, forwarded) {
        (Some(one), Some(other)) if one != other => Named::Unreadable,
        (Some(named), _) | (None, Some(named)) => named,
        (None, None) => Named::Nobody,
    }
}

/// Reads the entries of all lines of a field; a line that is no text is one entry that cannot be read.
fn lines(headers: &HeaderMap, name: &HeaderName, read: impl Fn(&str) -> Vec<Option<IpAddr>>) -> Vec<Option<IpAddr>> {
    headers.get_all(name).iter().flat_map(|line| line.to_str().map_or_else(|_| vec![None], &read)).collect()
}

/// Reads the elements of a line of `Forwarded`. Where a quotation has no end, it may have been opened by the client to hide what our proxy
/// appended: then nothing of the line is believed.
fn elements(line: &str) -> Vec<Option<IpAddr>> {
    let Some(elements) = split(line, ',') else { return vec![None] };
    elements.into_iter().map(named_for).collect()
}

/// Reads whom an element names (`for=`, in any case), where it does so once.
fn named_for(element: &str) -> Option<IpAddr> {
    let pairs = split(element, ';')?.into_iter().filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).map(|(_, value)| value);
    let value = named.next().filter(|_| named.next().is_none())?;
    node(value)
}

/// Splits a line where a character stands outside of quotations (RFC 9110, section 5.6.4); `None` where one has no end.
fn split(line: &str, at: char) -> Option<Vec<&str>> {
    let (mut parts, mut begin, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (place, character) in line.char_indices() {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if character == at && !is_quoted => {
                parts.push(line.get(begin..place)?);
                begin = place + at.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(line.get(begin..)?);
    (!is_quoted).then_some(parts)
}

/// Reads an address as proxies write it: bare, with a port, in brackets, in quotes. Hidden names (`_so`) and `unknown` name no address.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let text = text.strip_prefix('"').map_or(Some(text), |rest| rest.strip_suffix('"'))?;
    if let Some(bracketed) = text.strip_prefix('[') {
        let (address, port) = bracketed.split_once(']')?;
        let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
        return is_port.then(|| address.parse::<Ipv6Addr>().ok()).flatten().map(IpAddr::V6);
    }
    text.parse().ok().or_else(|| {
        let (address, port) = text.rsplit_once(':')?;
        is_port(port).then(|| address.parse().ok().filter(IpAddr::is_ipv4)).flatten()
    })
}

/// Tells whether this is a port, or one that is hidden (RFC 7239, section 6).
fn is_port(text: &str) -> bool {
    let hidden = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    text.strip_prefix('_').map_or_else(|| text.parse::<u16>().is_ok(), hidden)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn by(lines: &[(HeaderName, &str)], proxies: usize, header: Option<ProxyHeader>) -> Named {
        let lines = lines.iter().map(|(name, line)| (name.clone(), HeaderValue::try_from(*line).unwrap()));
        client(&lines.collect(), proxies, header)
    }

    fn address(text: &str) -> Named {
        Named::Address(text.parse().unwrap())
    }

    #[test]
    fn an_address_is_read_in_every_form_that_proxies_write() {
        for (written, read) in [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9:54321", "203.0.113.9"),
            ("203.0.113.9:_p", "203.0.113.9"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:443", "2001:db8::1"),
            ("\"[2001:db8:1::1]\"", "2001:db8:1::1"),
            ("\"[2001:db8:1::1]:8080\"", "2001:db8:1::1"),
            (" \"203.0.113.9\" ", "203.0.113.9"),
        ] {
            assert_eq!(by(&[(FORWARDED_FOR, written)], 1, None), address(read), "{written}");
            let element = format!("by=203.0.113.43;For={written};proto=https");
            assert_eq!(by(&[(FORWARDED, element.as_str())], 1, None), address(read), "{element}");
        }
    }

    #[test]
    fn what_names_no_address_is_unreadable_and_never_the_proxy() {
        for written in [
            "unknown",
            "_hidden",
            "_hidden:80",
            "",
            "\"",
            "203.0.113.9:port",
            "203.0.113.9:99999",
            "203.0.113.9 198.51.100.1",
            "2001:db8::1]",
            "[203.0.113.9]",
            "[2001:db8::1",
            "[2001:db8::1]443",
            "fe80::1%eth0",
            "localhost",
            "300.0.0.1",
            "0x7f.1",
        ] {
            assert_eq!(by(&[(FORWARDED_FOR, written)], 1, None), Named::Unreadable, "{written}");
        }
        for line in [
            "for=unknown",
            "for=\"_gazonk\"",
            "proto=https",
            "for=1.2.3.4;for=5.6.7.8",
            "for",
            "for=6.6.6.6, x=\", for=203.0.113.9",
        ] {
            assert_eq!(by(&[(FORWARDED, line)], 1, None), Named::Unreadable, "{line}");
        }
    }

    #[test]
    fn what_the_client_wrote_itself_stands_before_what_our_proxies_wrote() {
        let one = |line, proxies| by(&[(FORWARDED_FOR, line)], proxies, None);
        assert_eq!(one("6.6.6.6, 203.0.113.9", 1), address("203.0.113.9"));
        assert_eq!(one("6.6.6.6, 203.0.113.9, 198.51.100.1", 2), address("203.0.113.9"));
        assert_eq!(one("203.0.113.9", 2), address("203.0.113.9"), "called past the outer proxy");
        let two = [(FORWARDED_FOR, "6.6.6.6"), (FORWARDED_FOR, "203.0.113.9, 198.51.100.1")];
        assert_eq!(by(&two, 2, None), address("203.0.113.9"));
        assert_eq!(by(&[(FORWARDED, "for=6.6.6.6, for=203.0.113.9;proto=http")], 1, None), address("203.0.113.9"));
        // A quotation that the client opened hides nothing of the line that our proxy began.
        assert_eq!(by(&[(FORWARDED, "for=\""), (FORWARDED, "for=203.0.113.9")], 1, None), address("203.0.113.9"));
    }

    #[test]
    fn nobody_is_believed_unless_a_proxy_is_ours() {
        assert_eq!(by(&[(FORWARDED_FOR, "203.0.113.9"), (FORWARDED, "for=203.0.113.9")], 0, None), Named::Nobody);
        assert_eq!(by(&[], 1, None), Named::Nobody);
    }

    #[test]
    fn of_two_fields_one_may_be_the_clients_own() {
        let both = [(FORWARDED_FOR, "203.0.113.9"), (FORWARDED, "for=6.6.6.6")];
        assert_eq!(by(&both, 1, None), Named::Unreadable);
        assert_eq!(by(&both, 1, Some(ProxyHeader::XForwardedFor)), address("203.0.113.9"));
        assert_eq!(by(&both, 1, Some(ProxyHeader::Forwarded)), address("6.6.6.6"));
        assert_eq!(by(&[(FORWARDED_FOR, "203.0.113.9:80"), (FORWARDED, "for=203.0.113.9")], 1, None), address("203.0.113.9"));
    }

    proptest! {
        #[test]
        fn whatever_a_client_writes_before_our_proxys_line_is_not_believed(own in "[ -~\u{e9}]{0,60}", last in any::<u32>()) {
            let ours = IpAddr::from(last.to_be_bytes());
            for (name, line) in [(FORWARDED_FOR, ours.to_string()), (FORWARDED, format!("for={ours}"))] {
                let mut headers = HeaderMap::new();
                headers.append(name.clone(), HeaderValue::from_bytes(own.as_bytes()).unwrap());
                headers.append(name, HeaderValue::try_from(line).unwrap());
                prop_assert_eq!(client(&headers, 1, None), Named::Address(ours));
            }
        }

        #[test]
        fn whatever_a_client_writes_before_our_proxys_entry_at_most_hides_the_client(own in "[ -~]{0,60}", last in any::<u32>()) {
            let ours = IpAddr::from(last.to_be_bytes());
            for (name, line) in [
                (FORWARDED_FOR, format!("{own}, {ours}")),
                (FORWARDED, format!("{own}, for={ours}")),
                (FORWARDED, format!("{own}, for=\"{ours}:80\";by=\"_us\"")),
            ] {
                let headers = HeaderMap::from_iter([(name, HeaderValue::try_from(line.trim()).unwrap())]);
                let named = client(&headers, 1, None);
                prop_assert!(named == Named::Address(ours) || named == Named::Unreadable, "{line}: {named:?}");
            }
        }

        #[test]
        fn every_address_is_read_as_it_was_written(address in any::<u128>(), port in any::<u16>()) {
            let address = Ipv6Addr::from_bits(address);
            for written in [format!("{address}"), format!("[{address}]:{port}"), format!("\"[{address}]:{port}\"")] {
                prop_assert_eq!(node(&written), Some(IpAddr::V6(address)));
            }
        }
    }
}
