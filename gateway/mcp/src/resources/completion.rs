//! Ids that a person may mean by what was typed so far: the beginning of an id, or a part of a title. The newest come first.

use domain::{LinkId, SessionId};
use problem::Problem;
use query_service::{LinkView, Page, PlainText, SessionView};
use rmcp::model::CompletionInfo;

use crate::call::Call;

/// How many completions are given.
const GIVEN: usize = 20;
/// How many links or sessions are read at once.
const PAGE: u16 = 100;
/// How many such pages are looked through.
const PAGES: usize = 5;

/// Completes a link's id.
pub(crate) async fn links(call: &Call, typed: &str) -> Result<CompletionInfo, Problem> {
    let (queries, fresh) = (call.app().queries(), call.app().freshness(call.principal.agent));
    if let Ok(link) = LinkId::parse(typed) {
        return Ok(one(queries.link(call.viewer(), link, fresh).await?.value.map(|link| link.id.to_string())));
    }
    let (mut found, mut before) = (Found::default(), None);
    for _ in 0..PAGES {
        let page = queries.newest_links(call.viewer(), before, PAGE, fresh).await?.value;
        before = page.items.last().map(|last| last.position);
        found.look_through(&page, |link: &LinkView| meant(typed, link.id.to_string(), link.settings.title.as_ref()));
        if found.is_enough() {
            break;
        }
    }
    Ok(found.told())
}

/// Completes a session's id.
pub(crate) async fn sessions(call: &Call, typed: &str) -> Result<CompletionInfo, Problem> {
    let (queries, fresh) = (call.app().queries(), call.app().freshness(call.principal.agent));
    if let Ok(session) = SessionId::parse(typed) {
        return Ok(one(queries.session(call.viewer(), session, fresh).await?.value.map(|session| session.id.to_string())));
    }
    let (mut found, mut before) = (Found::default(), None);
    for _ in 0..PAGES {
        let page = queries.newest_sessions(call.viewer(), before, PAGE, fresh).await?.value;
        before = page.items.last().map(|last| last.position);
        found.look_through(&page, |SessionView { id, title, .. }| meant(typed, id.to_string(), title.as_ref()));
        if found.is_enough() {
            break;
        }
    }
    Ok(found.told())
}

/// What was found so far.
#[derive(Default)]
struct Found {
    ids: Vec<String>,
    /// Whether there is more to look through.
    has_more: bool,
}

impl Found {
    fn look_through<T>(&mut self, page: &Page<T>, meant: impl Fn(&T) -> Option<String>) {
        self.ids.extend(page.items.iter().filter_map(meant));
        self.has_more = page.has_more;
    }

    /// Tells whether nothing is left, or one more was found than is given.
    fn is_enough(&self) -> bool {
        !self.has_more || self.ids.len() > GIVEN
    }

    fn told(mut self) -> CompletionInfo {
        let has_more = self.has_more || self.ids.len() > GIVEN;
        let total = u32::try_from(self.ids.len()).ok().filter(|_| !self.has_more);
        self.ids.truncate(GIVEN);
        CompletionInfo::with_pagination(self.ids, total, has_more).expect("20 are fewer than the 100 allowed")
    }
}

/// Tells of an id that was typed to its end.
fn one(id: Option<String>) -> CompletionInfo {
    CompletionInfo::with_all_values(id.into_iter().collect()).expect("one is fewer than the 100 allowed")
}

fn meant(typed: &str, id: String, title: Option<&PlainText>) -> Option<String> {
    let is_meant = id.starts_with(typed) || title.is_some_and(|title| title.to_lowercase().contains(&typed.to_lowercase()));
    is_meant.then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(count: usize, has_more: bool) -> CompletionInfo {
        let mut found = Found::default();
        found.look_through(&Page { items: (0..count).collect(), has_more }, |number| Some(number.to_string()));
        found.told()
    }

    #[test]
    fn what_is_not_told_is_said_to_be_there() {
        let told = |info: CompletionInfo| (info.values.len(), info.total, info.has_more);
        assert_eq!(told(found(2, false)), (2, Some(2), Some(false)));
        assert_eq!(told(found(21, false)), (20, Some(21), Some(true)));
        assert_eq!(told(found(2, true)), (2, None, Some(true)));
    }

    #[test]
    fn an_id_is_meant_by_its_beginning_and_by_a_part_of_its_title() {
        let title = PlainText::from("Onboarding in May".to_owned());
        for typed in ["", "lnk_a", "onbo", "MAY", "in may"] {
            assert!(meant(typed, "lnk_abc".to_owned(), Some(&title)).is_some(), "{typed}");
        }
        for typed in ["lnk_b", "abc", "june"] {
            assert!(meant(typed, "lnk_abc".to_owned(), Some(&title)).is_none(), "{typed}");
        }
    }
}
