//! Cursors as agents carry them: a sealed position, and a tag of the scope for which it was given.
//!
//! Passing a cursor acknowledges everything of the call's scope up to the position. One of a narrower scope says nothing about
//! other events, so it is refused in a wider one. The tag is keyed: it reveals nothing.

use blake3::Hasher;
use data_encoding::BASE64URL_NOPAD;
use domain::{AgentId, LinkId, SessionId};
use nats::{Cursors, Position, Secrets, context};
use problem::{Code, Problem};

/// A tag's length: enough against mistakes, for a cursor grants nothing.
const TAG: usize = 6;
/// The same in letters, without padding.
const TAG_LETTERS: usize = 8;

/// In what a cursor names a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CursorScope {
    /// Everything of the agent's.
    Agent,
    /// A link with its sessions.
    Link(LinkId),
    /// One session.
    Session(SessionId),
    /// The list of links: no history at all.
    Links,
    /// The list of sessions.
    Sessions,
}

impl CursorScope {
    /// Names the list whose cursor it is.
    fn list(self) -> Option<&'static str> {
        match self {
            Self::Links => Some("temp_chat_list_links"),
            Self::Sessions => Some("temp_chat_list_sessions"),
            Self::Agent | Self::Link(_) | Self::Session(_) => None,
        }
    }
}

/// Seals and opens agents' cursors.
pub struct AgentCursors {
    cursors: Cursors,
    /// Keyed, and fed with nothing yet.
    tags: Hasher,
}

impl AgentCursors {
    /// Derives the key of the tags.
    pub fn new(cursors: Cursors, secrets: &Secrets) -> Self {
        Self { cursors, tags: Hasher::new_keyed(&secrets.derive(context::MCP_CURSOR)) }
    }

    /// Seals a position in `scope`.
    pub fn seal(&self, agent: AgentId, scope: CursorScope, position: Position) -> String {
        let sealed = self.cursors.seal(position);
        format!("{}{sealed}", self.tag(agent, scope, &sealed))
    }

    /// Opens a cursor that was given for one of `scopes`: that of the call, or wider ones.
    pub fn open(&self, agent: AgentId, scopes: &[CursorScope], text: &str) -> Result<Position, Problem> {
        let (tag, sealed) = text.split_at_checked(TAG_LETTERS).ok_or(Code::CursorInvalid)?;
        let position = self.cursors.open(sealed)?;
        if scopes.iter().any(|scope| self.tag(agent, *scope, sealed) == tag) {
            return Ok(position);
        }
        let is_of = |list: &CursorScope| self.tag(agent, *list, sealed) == tag;
        let given = [CursorScope::Links, CursorScope::Sessions].into_iter().find(is_of).and_then(CursorScope::list);
        Err(misplaced(given, scopes.first().and_then(|scope| scope.list())))
    }

    fn tag(&self, agent: AgentId, scope: CursorScope, sealed: &str) -> String {
        let (kind, id): (u8, &[u8]) = match &scope {
            CursorScope::Agent => (0, &[]),
            CursorScope::Link(link) => (1, link.bytes()),
            CursorScope::Session(session) => (2, session.bytes()),
            CursorScope::Links => (3, &[]),
            CursorScope::Sessions => (4, &[]),
        };
        let mut tag = [0; TAG];
        let mut hasher = self.tags.clone();
        hasher.update(agent.bytes()).update(&[kind]).update(id).update(sealed.as_bytes()).finalize_xof().fill(&mut tag);
        BASE64URL_NOPAD.encode(&tag)
    }
}

/// Says that a cursor is of another kind than the call: of `given` list, where it is wanted for the list `wanted`.
fn misplaced(given: Option<&str>, wanted: Option<&str>) -> Problem {
    let problem = match (given, wanted) {
        (Some(list), _) => Problem::with_detail(Code::CursorScope, format!("The cursor comes from {list}.")),
        (None, Some(_)) => Problem::with_detail(Code::CursorScope, "The cursor does not come from this list."),
        (None, None) => Problem::new(Code::CursorScope),
    };
    match wanted {
        Some(list) => problem.next(format!("Call {list} with its own next_cursor, or leave after out.")),
        None => problem,
    }
}

impl std::fmt::Debug for AgentCursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentCursors").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use nats::{Epoch, Shard};

    use super::*;

    const AGENT: AgentId = AgentId::new([1; 16]);
    const LINK: CursorScope = CursorScope::Link(LinkId::new([2; 16]));
    const SESSION: CursorScope = CursorScope::Session(SessionId::new([3; 16]));
    const PLACE: Position = Position { shard: Shard(0), sequence: 7, index: 1 };

    fn cursors() -> AgentCursors {
        let secrets = Secrets::generate();
        AgentCursors::new(Cursors::new(&secrets, [(Shard(0), Epoch([9; 16]))]), &secrets)
    }

    fn code(opened: Result<Position, Problem>) -> Code {
        opened.unwrap_err().code
    }

    #[test]
    fn a_cursor_serves_its_own_and_narrower_scopes() {
        let cursors = cursors();
        let of_agent = cursors.seal(AGENT, CursorScope::Agent, PLACE);
        assert_eq!(cursors.open(AGENT, &[CursorScope::Agent, LINK, SESSION], &of_agent), Ok(PLACE));
        let of_session = cursors.seal(AGENT, SESSION, PLACE);
        assert_eq!(cursors.open(AGENT, &[CursorScope::Agent, LINK, SESSION], &of_session), Ok(PLACE));
        assert_eq!(code(cursors.open(AGENT, &[CursorScope::Agent], &of_session)), Code::CursorScope);
        assert_eq!(code(cursors.open(AGENT, &[CursorScope::Agent, LINK], &of_session)), Code::CursorScope);
    }

    #[test]
    fn another_agent_another_link_and_a_list_are_other_scopes() {
        let cursors = cursors();
        let of_link = cursors.seal(AGENT, LINK, PLACE);
        assert_eq!(code(cursors.open(AgentId::new([4; 16]), &[CursorScope::Agent, LINK], &of_link)), Code::CursorScope);
        assert_eq!(
            code(cursors.open(AGENT, &[CursorScope::Agent, CursorScope::Link(LinkId::new([5; 16]))], &of_link)),
            Code::CursorScope
        );
        assert_eq!(
            code(cursors.open(AGENT, &[CursorScope::Agent, LINK], &cursors.seal(AGENT, CursorScope::Links, PLACE))),
            Code::CursorScope
        );
    }

    #[test]
    fn a_cursor_of_another_list_is_told_so() {
        let cursors = cursors();
        let told = |scopes: &[CursorScope], given| {
            cursors.open(AGENT, scopes, &cursors.seal(AGENT, given, PLACE)).unwrap_err().tool_text()
        };
        assert_eq!(
            told(&[CursorScope::Sessions], CursorScope::Links),
            "cursor_scope: The cursor comes from temp_chat_list_links. \
             Call temp_chat_list_sessions with its own next_cursor, or leave after out."
        );
        assert_eq!(
            told(&[CursorScope::Links], CursorScope::Agent),
            "cursor_scope: The cursor does not come from this list. \
             Call temp_chat_list_links with its own next_cursor, or leave after out."
        );
        assert!(
            told(&[CursorScope::Agent], CursorScope::Sessions)
                .starts_with("cursor_scope: The cursor comes from temp_chat_list_sessions. ")
        );
        assert!(told(&[CursorScope::Agent], LINK).starts_with("cursor_scope: The cursor comes from a narrower scope. "));
    }

    #[test]
    fn what_is_no_cursor_is_told_apart() {
        let cursors = cursors();
        let sealed = cursors.seal(AGENT, CursorScope::Agent, PLACE);
        for text in ["", "7", "ééééé", &sealed[1..], &format!("{sealed}A"), &"A".repeat(sealed.len())] {
            assert_eq!(code(cursors.open(AGENT, &[CursorScope::Agent], text)), Code::CursorInvalid, "{text}");
        }
    }

    #[test]
    fn cursors_of_one_scope_do_not_show_it() {
        let cursors = cursors();
        let next = Position { sequence: 8, ..PLACE };
        let (one, other) = (cursors.seal(AGENT, LINK, PLACE), cursors.seal(AGENT, LINK, next));
        assert_ne!(one[..TAG_LETTERS], other[..TAG_LETTERS]);
    }
}
