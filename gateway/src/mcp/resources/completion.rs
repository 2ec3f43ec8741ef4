//! Ids that a person may mean by what was typed so far: the beginning of an id, or a part of a title.

use query_service::{LinkView, SessionFilter, SessionView, Words};

use crate::mcp::call::Call;
use crate::problem::Problem;

/// How many completions are given, the newest first.
const GIVEN: usize = 20;
/// How many links or sessions are read at once.
const PAGE: u16 = 100;
/// How many such pages are looked through for the newest.
const PAGES: usize = 5;

/// Completes a link's id.
pub(in crate::mcp) async fn links(call: &Call, typed: &str) -> Result<Vec<String>, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = app.queries().links(call.viewer(), None, after, PAGE, app.freshness(agent)).await?.value;
        after = page.items.last().map(|last| last.place);
        let fits = |link: &LinkView| is_meant(typed, &link.id.to_string(), link.title.as_ref());
        found.extend(page.items.iter().filter(|link| fits(link)).map(|link| link.id.to_string()));
        if !page.has_more {
            break;
        }
    }
    Ok(newest(found))
}

/// Completes a session's id.
pub(in crate::mcp) async fn sessions(call: &Call, typed: &str) -> Result<Vec<String>, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page =
            app.queries().sessions(call.viewer(), SessionFilter::default(), after, PAGE, app.freshness(agent)).await?.value;
        after = page.items.last().map(|last| last.place);
        let fits = |session: &SessionView| is_meant(typed, &session.id.to_string(), session.title.as_ref());
        found.extend(page.items.iter().filter(|session| fits(session)).map(|session| session.id.to_string()));
        if !page.has_more {
            break;
        }
    }
    Ok(newest(found))
}

fn is_meant(typed: &str, id: &str, title: Option<&Words>) -> bool {
    id.starts_with(typed) || title.is_some_and(|title| title.to_lowercase().contains(&typed.to_lowercase()))
}

fn newest(found: Vec<String>) -> Vec<String> {
    found.into_iter().rev().take(GIVEN).collect()
}
