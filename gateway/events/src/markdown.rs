//! An agent's markdown as HTML that can do no harm: rendered, then cut down to a short list of elements.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use comrak::{Arena, Options, format_html, parse_document};
use url::Url;

use crate::markdown_tree;

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
            "sup",
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
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("ol", HashSet::from(["start"])),
            ("td", HashSet::from(["align"])),
            ("th", HashSet::from(["align"])),
        ]))
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

/// Renders markdown (`CommonMark` with GitHub's tables, lists of tasks and footnotes) to safe HTML; a line's end stays one, as chats have
/// it, and addresses are links.
pub fn render(markdown: &str) -> String {
    let (arena, options) = (Arena::new(), options());
    let root = parse_document(&arena, markdown, &options);
    markdown_tree::mend(&arena, root);
    let mut html = String::with_capacity(markdown.len() * 3 / 2);
    format_html(root, &options, &mut html).expect("a string takes everything");
    SANITIZER.clean(&html).to_string()
}

fn options() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    extension.table = true;
    extension.strikethrough = true;
    extension.tasklist = true;
    extension.footnotes = true;
    // An underscore in an address is no emphasis.
    extension.autolink = true;
    // Chinese, Japanese and Korean write no blank where emphasis ends.
    extension.cjk_friendly_emphasis = true;
    // What is escaped stays apart from what is not.
    options.parse.escaped_char_spans = true;
    options.render.hardbreaks = true;
    options.render.escape = true;
    options
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::markdown_tree::DEEPEST;

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
    fn an_image_is_a_link_and_loads_nothing() {
        let html = render("![a cat](https://pictures.example/x.png)");
        assert!(html.contains("href=\"https://pictures.example/x.png\"") && html.contains(">a cat</a>"), "{html}");
        assert!(!html.contains("<img"), "{html}");
        assert!(render("![](https://a.example/x)").contains(">https://a.example/x</a>"));
        assert!(!render("![x](javascript:alert(1))").contains("href="));
        let both = render("[![a cat](https://a.example/x.png)](https://b.example)");
        assert_eq!((both.matches("<a ").count(), both.contains("https://b.example")), (1, true), "{both}");
    }

    #[test]
    fn emphasis_ends_where_a_language_writes_no_blanks() {
        for (source, bold) in [
            ("**注意：**请确认", "注意："),
            ("请**（必须）**确认", "（必须）"),
            ("これは**「重点」**です", "「重点」"),
            ("**중요(필수)**입니다", "중요(필수)"),
            ("นี่คือ**\"สำคัญ\"**มาก", "\"สำคัญ\""),
            ("ນີ້**(ສຳຄັນ)**ຫຼາຍ", "(ສຳຄັນ)"),
            ("នេះ**«សំខាន់»**ណាស់", "«សំខាន់»"),
            ("ဒါက**(အရေးကြီး)**ပါ", "(အရေးကြီး)"),
            ("**\u{201c}重要\u{201d}**的", "\u{201c}重要\u{201d}"),
        ] {
            let html = render(source);
            assert!(html.contains(&format!("<strong>{bold}</strong>")) && !html.contains('*'), "{source}: {html}");
        }
        assert!(render("*「あ」*の").contains("<em>「あ」</em>"));
        for literal in ["f(**kwargs) and g(**kwargs)", "2 ** 3 ** 4", "\\*\\*x\\*\\*"] {
            assert!(!render(literal).contains("<strong>"), "{literal}: {}", render(literal));
        }
    }

    #[test]
    fn a_cell_has_lines_and_columns_have_sides() {
        let html = render("| a | b |\n|:-:|--:|\n| x<br>y | z<br/>w<BR />v |\n| <b>no</b> | <br onclick=x> |");
        assert!(html.contains("x<br>y") && html.contains("z<br>w<br>v"), "{html}");
        assert!(html.contains("<th align=\"center\">a</th>") && html.contains("<td align=\"right\">z"), "{html}");
        assert!(html.contains("&lt;b&gt;no&lt;/b&gt;") && html.contains("&lt;br onclick=x&gt;"), "{html}");
    }

    #[test]
    fn tasks_and_footnotes_are_seen() {
        assert!(render("- [ ] pack\n- [x] call").contains("<li>☐ pack</li>\n<li>☑ call</li>"));
        let html = render("On Monday[^1].\n\n[^1]: A **holiday**.");
        assert!(html.contains("Monday<sup>1</sup>.") && html.contains("<li>A <strong>holiday</strong>.</li>"), "{html}");
    }

    #[test]
    fn addresses_are_links_but_in_code() {
        let html = render(
            "See https://example.com/a_b_c?b=1, *www.example.com* or ann@example.com. `https://no.example` **+49 30 1234567**",
        );
        for address in ["https://example.com/a_b_c?b=1", "https://www.example.com", "mailto:ann@example.com", "tel:+49301234567"]
        {
            assert!(html.contains(&format!("href=\"{address}\"")), "{address}: {html}");
        }
        assert!(html.contains("<code>https://no.example</code>") && html.matches("<a ").count() == 4, "{html}");
        assert!(render("[https://a.example](https://b.example)").contains("href=\"https://b.example\""));
        assert!(render("看https://a.example/x。好").contains(">https://a.example/x</a>。好"));
    }
}
