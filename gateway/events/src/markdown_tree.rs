//! What an agent's markdown is made into before it is written as HTML: only what the sanitizer lets through, and what was meant.

use std::borrow::Cow;

use comrak::arena_tree::NodeEdge;
use comrak::html::escape;
use comrak::nodes::{ListDelimType, ListType, NodeLink, NodeList, NodeValue};
use comrak::{Arena, Node};

use crate::links;

/// How deep quotations, lists and emphasis go into each other; the sanitizer's time grows with the square of that.
pub(crate) const DEEPEST: usize = 24;
const BOLD: &str = "**";

/// Changes the tree of a text.
pub(crate) fn mend<'a>(arena: &'a Arena<'a>, root: Node<'a>) {
    let mut notes = Vec::new();
    for node in shallow(root) {
        let value = node.data().value.clone();
        match value {
            NodeValue::Text(_) => embolden(arena, node),
            // Markup in the source is shown, not obeyed; but for the one way to break a line within a table's cell.
            NodeValue::HtmlInline(source) if is_break(&source) => set(node, NodeValue::Raw("<br />".to_owned())),
            NodeValue::HtmlInline(source) => set(node, shown(&source)),
            NodeValue::HtmlBlock(block) => show(arena, node, block.literal.trim_end()),
            // What a page loads tells others who reads it: an image is a link to it.
            NodeValue::Image(_) if is_in_link(node) => unwrap(node),
            NodeValue::Image(image) => {
                if node.first_child().is_none() {
                    node.append(arena.alloc(text(image.url.clone()).into()));
                }
                set(node, NodeValue::Link(image));
            }
            NodeValue::TaskItem(task) => {
                let place = node.first_child().filter(|first| matches!(first.data().value, NodeValue::Paragraph)).unwrap_or(node);
                place.prepend(arena.alloc(text(if task.symbol.is_some() { "☑ " } else { "☐ " }).into()));
                set(node, NodeValue::Item(list(ListType::Bullet)));
            }
            NodeValue::FootnoteReference(reference) => {
                node.append(arena.alloc(text(reference.ix.to_string()).into()));
                set(node, NodeValue::Superscript);
            }
            NodeValue::FootnoteDefinition(_) => {
                node.detach();
                set(node, NodeValue::Item(list(ListType::Ordered)));
                notes.push(node);
            }
            _ => {}
        }
    }
    if !notes.is_empty() {
        let list: Node<'a> = arena.alloc(NodeValue::List(list(ListType::Ordered)).into());
        list.extend(notes);
        root.append(list);
    }
    let texts: Vec<Node<'a>> = root.descendants().filter(|node| matches!(node.data().value, NodeValue::Text(_))).collect();
    for node in texts {
        link(arena, node);
    }
}

/// Takes out the elements that are too deep, keeps what stands in them, and lists what is left, each after what holds it.
fn shallow(root: Node<'_>) -> Vec<Node<'_>> {
    let (mut depth, mut left, mut deep) = (0_usize, Vec::new(), Vec::new());
    for edge in root.traverse() {
        match edge {
            NodeEdge::Start(node) => {
                depth += 1;
                let value = &node.data().value;
                let holds_others =
                    !matches!(value, NodeValue::Paragraph | NodeValue::Table(_) | NodeValue::TableRow(_) | NodeValue::TableCell);
                // A list goes with its items.
                let deepest = if matches!(value, NodeValue::List(_)) { DEEPEST - 1 } else { DEEPEST };
                if depth > deepest && holds_others && node.first_child().is_some() { deep.push(node) } else { left.push(node) }
            }
            NodeEdge::End(_) => depth -= 1,
        }
    }
    deep.into_iter().for_each(unwrap);
    left
}

fn set(node: Node<'_>, value: NodeValue) {
    node.data_mut().value = value;
}

fn text(text: impl Into<Cow<'static, str>>) -> NodeValue {
    NodeValue::Text(text.into())
}

/// Markup as it was written; nothing in it is looked for.
fn shown(source: &str) -> NodeValue {
    let mut escaped = String::with_capacity(source.len() + 16);
    escape(&mut escaped, source).expect("a string takes everything");
    NodeValue::Raw(escaped)
}

fn list(list_type: ListType) -> NodeList {
    NodeList { list_type, start: 1, tight: true, delimiter: ListDelimType::Period, ..NodeList::default() }
}

/// Puts what a node holds in its place.
fn unwrap(node: Node<'_>) {
    while let Some(child) = node.first_child() {
        node.insert_before(child);
    }
    node.detach();
}

fn is_in_link(node: Node<'_>) -> bool {
    node.ancestors().skip(1).any(|above| matches!(above.data().value, NodeValue::Link(_)))
}

fn is_break(source: &str) -> bool {
    let name = source.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).map(|name| name.trim_end_matches('/').trim_end());
    name.is_some_and(|name| name.eq_ignore_ascii_case("br"))
}

/// Shows a block of markup as its source, line by line.
fn show<'a>(arena: &'a Arena<'a>, node: Node<'a>, source: &str) {
    set(node, NodeValue::Paragraph);
    for (index, line) in source.lines().enumerate() {
        if index > 0 {
            node.append(arena.alloc(NodeValue::LineBreak.into()));
        }
        if !is_break(line.trim()) {
            node.append(arena.alloc(shown(line).into()));
        }
    }
}

/// Makes bold what was meant so, where `CommonMark` sees no end of a word because the language writes no blanks between words, and a sign
/// stands within the asterisks.
fn embolden<'a>(arena: &'a Arena<'a>, mut node: Node<'a>) {
    let foreign = |letter: Option<char>| letter.is_some_and(|letter| !letter.is_ascii() && letter.is_alphanumeric());
    let NodeValue::Text(mut all) = node.data().value.clone() else { return };
    let mut from = 0;
    while let Some(start) = all[from..].find(BOLD).map(|at| from + at) {
        let inner = start + BOLD.len();
        let Some(end) = all[inner..].find(BOLD).map(|at| inner + at) else { return };
        let (within, behind) = (&all[inner..end], &all[end + BOLD.len()..]);
        let is_tight = !within.is_empty() && within.trim() == within && !within.starts_with('*');
        if !is_tight || !(foreign(all[..start].chars().next_back()) || foreign(behind.chars().next())) {
            from = inner;
            continue;
        }
        let strong: Node<'a> = arena.alloc(NodeValue::Strong.into());
        strong.append(arena.alloc(text(within.to_owned()).into()));
        let rest: Node<'a> = arena.alloc(text(behind.to_owned()).into());
        node.insert_after(rest);
        node.insert_after(strong);
        set(node, text(all[..start].to_owned()));
        (all, node, from) = (Cow::Owned(behind.to_owned()), rest, 0);
    }
}

/// Makes links of the addresses in a text. What was made a link already because it looks like an address is looked at again: the sentence
/// may go on right behind it.
fn link<'a>(arena: &'a Arena<'a>, node: Node<'a>) {
    let NodeValue::Text(all) = node.data().value.clone() else { return };
    let mut place = node;
    if let Some(parent) = node.parent()
        && let NodeValue::Link(link) = &parent.data().value
    {
        let is_bare = link.title.is_empty() && node.next_sibling().is_none() && node.previous_sibling().is_none();
        if !is_bare || !link.url.ends_with(&*all) || link.url.len() > all.len() + "https://".len() {
            return;
        }
        place = parent;
    } else if is_in_link(node) {
        return;
    }
    let found = links::find(&all);
    if found.is_empty() {
        return;
    }
    let mut at = 0;
    for links::Found { at: range, href } in found {
        place.insert_before(arena.alloc(text(all[at..range.start].to_owned()).into()));
        let link: Node<'a> = arena.alloc(NodeValue::Link(Box::new(NodeLink { url: href, title: String::new() })).into());
        link.append(arena.alloc(text(all[range.clone()].to_owned()).into()));
        place.insert_before(link);
        at = range.end;
    }
    place.insert_before(arena.alloc(text(all[at..].to_owned()).into()));
    place.detach();
}
