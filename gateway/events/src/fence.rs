//! What an agent's markdown leaves open: in a transcript it would swallow all that follows.

/// Follows the lines of a text, and tells what would end its open block of code.
#[derive(Debug, Default)]
pub(crate) struct Fence {
    /// The letter and the length of the fence that is open.
    open: Option<(char, usize)>,
}

impl Fence {
    /// Takes the next line; tells whether markup in it would be read past the message (`CommonMark`, section 4.6, kinds 1 to 5).
    pub(crate) fn take(&mut self, line: &str) -> bool {
        let indented = line.len() - line.trim_start_matches(' ').len() > 3 || line.starts_with('\t');
        let text = line.trim_start_matches(' ');
        let mark = text.chars().next().filter(|mark| matches!(mark, '`' | '~'));
        let length = mark.map_or(0, |mark| text.chars().take_while(|letter| *letter == mark).count());
        match (self.open, mark) {
            (Some((letter, least)), Some(mark)) => {
                if !indented && letter == mark && length >= least && text[length..].trim().is_empty() {
                    self.open = None;
                }
                false
            }
            (Some(_), None) => false,
            (None, Some(mark)) if !indented && length >= 3 && !(mark == '`' && text[length..].contains('`')) => {
                self.open = Some((mark, length));
                false
            }
            (None, _) => !indented && opens_markup(text),
        }
    }

    /// Writes the line that ends what is open.
    pub(crate) fn end(self) -> Option<String> {
        self.open.map(|(letter, length)| letter.to_string().repeat(length))
    }
}

fn opens_markup(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('<') else { return false };
    let names = ["script", "pre", "style", "textarea", "!", "?"];
    names.iter().any(|name| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(text: &str) -> Option<String> {
        let mut fence = Fence::default();
        for line in text.lines() {
            fence.take(line);
        }
        fence.end()
    }

    #[test]
    fn an_open_fence_is_ended_by_its_own_kind() {
        for (text, end) in [
            ("```js\nlet a", Some("```")),
            ("~~~~\n~~~\n```", Some("~~~~")),
            ("````\n```\n```", Some("````")),
            ("  ```\ncode", Some("```")),
            ("```\na\n```\n\n```\nb", Some("```")),
            ("```\na\n```", None),
            ("```\na\n   `````  ", None),
            ("    ```\nno fence", None),
            ("``` a`b\nno fence", None),
            ("``inline``", None),
            ("plain", None),
        ] {
            assert_eq!(end_of(text).as_deref(), end, "{text:?}");
        }
    }

    #[test]
    fn markup_that_would_go_on_is_noticed_outside_of_code() {
        let mut fence = Fence::default();
        for (line, goes_on) in [
            ("<!-- x", true),
            ("<SCRIPT>", true),
            ("<https://a.example>", false),
            ("```", false),
            ("<!-- x", false),
            ("```", false),
        ] {
            assert_eq!(fence.take(line), goes_on, "{line}");
        }
    }
}
