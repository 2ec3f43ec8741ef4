//! Markdown: whatever an agent writes, the page gets a short list of elements, and links that lead out.

/// The elements and attributes that may be.
const ELEMENTS: &[&str] = &[
    "a",
    "blockquote",
    "br",
    "code",
    "del",
    "em",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "strong",
    "sup",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];
const ATTRIBUTES: &[&str] = &["align", "href", "rel", "start", "target"];
const SCHEMES: &[&str] = &["http://", "https://", "mailto:", "tel:"];

pub(crate) fn run(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let html = events::markdown::render(text);
    for tag in html.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("{tag:?} is open in {html}"));
        let mut parts = tag.trim_start_matches('/').splitn(2, ' ');
        let name = parts.next().unwrap_or_default();
        assert!(ELEMENTS.contains(&name), "<{tag}> in {html}");
        attributes(parts.next().unwrap_or_default(), &html);
    }
}

/// Reads `name="value"` after `name="value"`.
fn attributes(mut rest: &str, html: &str) {
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("{rest:?} in {html}"));
        let (value, behind) = behind.split_once('"').unwrap_or_else(|| panic!("{rest:?} in {html}"));
        assert!(ATTRIBUTES.contains(&name), "{name} in {html}");
        if name == "href" {
            assert!(SCHEMES.iter().any(|scheme| value.to_ascii_lowercase().starts_with(scheme)), "{value} in {html}");
        }
        rest = behind.trim_start();
    }
}
