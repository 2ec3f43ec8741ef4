//! Reading one resource.

use agent_events::Renderer;
use domain::{LinkId, SessionId};
use events::{Moment, NEWS, transcript};
use problem::{Code, Problem};
use query_service::{Filter, Range, SessionStatus};
use rmcp::ErrorData;
use rmcp::model::{ReadResourceResult, ResourceContents};
use text::clean;

use super::{Address, JSON, MARKDOWN, failed, unknown};
use crate::call::Call;
use crate::protocol_version::{self, PRIVATE};
use crate::tools::whole_link;

/// The most entries of a transcript: a host attaches it whole.
const ENTRIES: u16 = 500;
/// The most characters of a transcript's entries.
const CHARACTERS: usize = 100_000;

/// Reads what a URI names.
pub(crate) async fn read(call: &Call, uri: &str) -> Result<ReadResourceResult, ErrorData> {
    let address = Address::parse(uri).ok_or_else(|| unknown(uri, "There is no such resource.".to_owned()))?;
    let (text, mime_type) = match address {
        Address::Link(link) => (of_link(call, link).await, JSON),
        Address::Transcript(session) => (of_session(call, session).await, MARKDOWN),
    };
    let text = text.map_err(|problem| match problem.code {
        Code::LinkUnknown | Code::LinkErased | Code::SessionUnknown | Code::SessionErased => unknown(uri, problem.tool_text()),
        _ => failed(&problem),
    })?;
    let mut read = ReadResourceResult::new(vec![ResourceContents::text(text, uri).with_mime_type(mime_type)]);
    (read.ttl_ms, read.cache_scope) = protocol_version::hints(&call.request, PRIVATE);
    Ok(read)
}

async fn of_link(call: &Call, link: LinkId) -> Result<String, Problem> {
    Ok(whole_link(call, link).await?.into_text())
}

/// Writes the newest entries of a chat, and says so where there are older ones.
async fn of_session(call: &Call, session: SessionId) -> Result<String, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    let fresh = app.freshness(agent);
    let answer = app.queries().session(call.viewer(), session, fresh).await?;
    let is_stale = answer.stale;
    let view = match answer.value {
        Some(view) => view,
        None if is_stale => return Err(Code::Unavailable.into()),
        None => return Err(call.absent_session(session).await),
    };
    let is_erased = match view.status {
        SessionStatus::Erased => true,
        // Rows that are behind may not know it yet.
        SessionStatus::Active | SessionStatus::Idle | SessionStatus::Ended => {
            is_stale && call.logged_session(session).await?.is_erased
        }
    };
    if is_erased {
        return Err(crate::call::erased_session(session));
    }
    let filter = Filter { types: Some(NEWS), not_by: None };
    let page = app.queries().events(call.viewer(), session, Range::Newest, filter, ENTRIES, fresh).await?.value;
    let mut renderer = Renderer::with(call.app(), &call.principal, page.vaults);
    renderer.prepare(&page.facts).await?;
    let mut events = Vec::with_capacity(page.facts.len());
    for fact in &page.facts {
        events.extend(renderer.render(fact).await?);
    }
    let entries = transcript::entries(&events);
    let mut room = CHARACTERS;
    let fits = |entry: &&transcript::Entry| {
        let length = entry.text.chars().count();
        let fits = length <= room;
        room = room.saturating_sub(length);
        fits
    };
    let count = entries.iter().rev().take_while(fits).count();
    let shown = entries.get(entries.len() - count..).unwrap_or_default();
    let title = view.title.map_or_else(|| "Chat".to_owned(), |title| clean(&title));
    let text = transcript::markdown(&title, Moment(command_service::clock::now()), shown);
    Ok(if page.has_more || count < entries.len() {
        format!("{text}\nEntries before these are left out: temp_chat_read_messages reads them.\n")
    } else {
        text
    })
}
