//! An agent's markdown as HTML that can do no harm: rendered, then cut down to a short list of elements.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};
use url::Url;

/// How deep quotations, lists and emphasis go into each other; the sanitizer's time grows with the square of that.
const DEEPEST: usize = 24;

/// Text, lists, tables, code and links; no images, no style, no class, no id, no form, nothing that loads or runs.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from([
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
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .set_tag_attribute_values(HashMap::from([("a", HashMap::from([("target", "_blank")]))]))
        .link_rel(Some("noopener noreferrer nofollow"))
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel"]))
        // Nothing of ours is to be linked from an agent's words.
        .url_relative(UrlRelative::Deny)
        .attribute_filter(|_, name, value| (name != "href" || leads_out(value)).then(|| value.into()));
    builder
});

/// Tells whether an address means the same wherever it stands: `https:/path` and `https:path` are parts of the very site that shows them
/// (WHATWG URL, section 4.4), though they name a scheme.
fn leads_out(address: &str) -> bool {
    let Some((scheme, rest)) = address.split_once(':') else { return false };
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.starts_with("//") && Url::parse(address).is_ok_and(|url| url.has_host()),
        _ => !rest.is_empty(),
    }
}

/// Renders markdown (`CommonMark` with tables and strikethrough) to safe HTML; a line's end stays one, as chats have it.
pub fn render(markdown: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let events = shallow(Parser::new_ext(markdown, options)).map(|event| match event {
        // Markup in the source is shown, not obeyed.
        Event::Html(source) | Event::InlineHtml(source) => Event::Text(source),
        Event::SoftBreak => Event::HardBreak,
        // An image is told by its description: what a page loads tells others who reads it.
        Event::Start(Tag::Image { .. }) => Event::Text(CowStr::Borrowed("[")),
        Event::End(TagEnd::Image) => Event::Text(CowStr::Borrowed("]")),
        Event::Start(Tag::HtmlBlock) => Event::Start(Tag::Paragraph),
        Event::End(TagEnd::HtmlBlock) => Event::End(TagEnd::Paragraph),
        other => other,
    });
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    pulldown_cmark::html::push_html(&mut html, events);
    SANITIZER.clean(&html).to_string()
}

/// Leaves out the elements that are too deep, and keeps what stands in them.
fn shallow<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let mut depth = 0_usize;
    events.filter(move |event| match event {
        Event::Start(_) => {
            depth += 1;
            depth <= DEEPEST
        }
        Event::End(_) => {
            depth -= 1;
            depth < DEEPEST
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_markdown_keeps_its_form() {
        assert_eq!(render("**Hi**, _you_").trim(), "<p><strong>Hi</strong>, <em>you</em></p>");
        assert_eq!(render("a\nb").trim(), "<p>a<br>\nb</p>");
        assert!(render("| a | b |\n|---|---|\n| 1 | 2 |").contains("<td>1</td>"));
        assert!(render("```rust\nfn main() {}\n```").contains("<pre><code>fn main() {}"));
        assert!(render("3. three").contains("<ol start=\"3\">"));
    }

    #[test]
    fn a_link_leads_out_and_tells_nothing() {
        let html = render("[here](https://example.com/?a=1&b=2)");
        assert!(html.contains("href=\"https://example.com/?a=1&amp;b=2\""), "{html}");
        assert!(html.contains("rel=\"noopener noreferrer nofollow\""), "{html}");
        assert!(html.contains("target=\"_blank\""), "{html}");
        assert!(!render("[here](https://example.com \"not what it says\")").contains("title="));
    }

    #[test]
    fn only_harmless_addresses_are_links() {
        for source in [
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:a)",
            "[x](/api/v1/sessions/x)",
            "[x](//evil.example)",
            "<javascript:alert(1)>",
            "[x](https:/path)",
            "[x](https:path)",
            "[x](HTTP:/api/v1)",
            "[x](https:\\\\evil)",
            "[x](https://)",
            "<https:/path>",
            "[x](mailto:)",
            "[x](tel:)",
        ] {
            assert!(!render(source).contains("href="), "{source}: {}", render(source));
        }
    }

    #[test]
    fn what_leads_out_stays_a_link() {
        for source in ["[x](HTTPS://example.com/a)", "[x](mailto:a@b.example)", "[x](tel:+15550123)", "<a@b.example>"] {
            assert!(render(source).contains("href="), "{source}: {}", render(source));
        }
    }

    #[test]
    fn markup_is_shown_and_not_obeyed() {
        for source in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <svg onload=alert(1)> b",
            "<a href=\"https://x.example\" onclick=\"alert(1)\">x</a>",
            "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
            "<style>*{display:none}</style>",
            "<form action=//evil.example><input name=a>",
            "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
        ] {
            let html = render(source);
            for tag in ["<script", "<img", "<svg", "<iframe", "<style", "<form", "<input", "<math", "<a "] {
                assert!(!html.contains(tag), "{source}: {html}");
            }
            assert!(html.contains("&lt;"), "{source}: {html}");
        }
    }

    #[test]
    fn what_is_nested_too_deep_is_flat_and_loses_no_word() {
        for bomb in [">".repeat(8_000), "> ".repeat(4_000), "- ".repeat(4_000), "*a _b ".repeat(1_300), ">- ".repeat(2_600)] {
            let html = render(&format!("{bomb}words"));
            assert!(html.contains("words"), "{html}");
            assert!(html.matches("<blockquote>").count() + html.matches("<ul>").count() <= DEEPEST, "{html}");
        }
        let ordinary = "> - **a _b_**\n>   > ~~c~~";
        assert!(render(ordinary).contains("<strong>a <em>b</em></strong>") && render(ordinary).contains("<del>c</del>"));
    }

    #[test]
    fn an_image_is_told_by_its_description() {
        let html = render("![a cat](https://tracker.example/x.png)");
        assert!(html.contains("[a cat]"), "{html}");
        assert!(!html.contains("tracker"), "{html}");
    }
}
