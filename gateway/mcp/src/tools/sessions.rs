//! Listing, ending and erasing sessions.

use std::borrow::Cow;

use agent_events::{CursorScope, Recipients};
use command_service::Receipt;
use domain::agent::Scope;
use domain::session::{EndReason, Status};
use domain::{Policy, SessionId};
use events::Moment;
use problem::{Code, Problem};
use query_service::{SessionFilter, SessionStatus};
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::lengths::{millis, minutes};
use super::turn::{Speech, Turn};
use super::{Definition, Effect, tool};
use crate::agents::Agents;
use crate::args::Bound;
use crate::call::{Call, about_session};
use crate::results::answer::{Answer, MOST, fitting, value};
use crate::results::answers::answers_of;
use crate::results::received::Conversation;
use crate::results::views::SessionDetails;

/// What a list may include.
const ANSWERS: &str = "answers";
/// How many characters of a list's text are not items.
const AROUND: usize = 300;

const LIST: Definition = Definition {
    name: "temp_chat_list_sessions",
    title: "List chats",
    description: "Lists chats, oldest first: who, how they stand, how they ended. For new words use temp_chat_wait_for_messages.",
    effect: Effect::ReadsPeople,
    scopes: &[Scope::Read],
};

const END: Definition = Definition {
    name: "temp_chat_end_session",
    title: "End a chat",
    description: "Ends one chat for good; its words stay readable until keep_minutes_after_end is over. Say the last words as farewell, not before. Held as temp_chat_send_message is, but with block. \
        To close the link for everyone use temp_chat_revoke_link.",
    effect: Effect::Ends,
    scopes: &[Scope::Read, Scope::EndSessions],
};

const ERASE: Definition = Definition {
    name: "temp_chat_erase_session",
    title: "Erase a chat",
    description: "Ends one chat if need be and destroys its words at once, for everyone, beyond recovery. Not needed in general: words are erased by themselves.",
    effect: Effect::Ends,
    scopes: &[Scope::EndSessions],
};

/// Arguments of [`LIST`].
#[derive(Debug, Deserialize, JsonSchema)]
struct List {
    #[serde(default)]
    #[schemars(with = "String")]
    link_id: Option<String>,
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["active", "idle", "ended", "erased"]))]
    status: Option<SessionStatus>,
    /// Answers adds what each chat answered, typed.
    #[serde(default)]
    #[schemars(schema_with = "inclusions")]
    include: Option<Vec<String>>,
    /// A `next_cursor` of this list.
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    #[schemars(with = "i64")]
    limit: Option<u16>,
}

/// Arguments of [`END`].
#[derive(Debug, Deserialize, JsonSchema)]
struct End {
    session_id: String,
    /// Last words.
    #[serde(default)]
    #[schemars(with = "String")]
    farewell: Option<String>,
    /// Shuts the person's device out of the link too.
    #[serde(default)]
    block: bool,
    /// Later: the page says when, a word of the person's calls it off.
    #[serde(default)]
    #[schemars(with = "f64")]
    in_minutes: Option<f64>,
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    even_if_unread: bool,
}

/// Arguments of [`ERASE`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Erase {
    session_id: String,
}

/// A part of the list.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    now: Moment,
    #[schemars(with = "Vec<SessionDetails>")]
    items: Vec<Value>,
    next_cursor: String,
    has_more: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

/// A session, whole.
#[derive(Debug, Serialize, JsonSchema)]
struct Whole {
    now: Moment,
    #[serde(flatten)]
    session: SessionDetails,
    /// When it is going to end, if nothing is written before.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_planned_at: Option<Moment>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

/// What became of an end, or of a plan to end.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Ending {
    Ended(Box<Whole>),
    Held(Box<Conversation>),
}

impl JsonSchema for Ending {
    fn schema_name() -> Cow<'static, str> {
        "Ending".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let text = json!({"type": "string"});
        json_schema!({"type": "object", "properties": {
            "status": text,
            "held": {"type": "object"},
            "next_cursor": text,
        }})
    }
}

/// What is left of an erased session.
#[derive(Debug, Serialize, JsonSchema)]
struct Gone {
    now: Moment,
    #[schemars(with = "String")]
    session_id: SessionId,
    #[schemars(with = "String")]
    status: SessionStatus,
    erased_at: Moment,
}

pub(super) fn routes(policy: &Policy) -> Vec<ToolRoute<Agents>> {
    vec![
        tool(LIST, &[Bound::new("limit", 1, 100).usually(20)], list),
        tool(END, &end_bounds(policy), end),
        tool(ERASE, &[], erase),
    ]
}

fn end_bounds(policy: &Policy) -> [Bound; 2] {
    let farewell = Bound::new("farewell", 0, policy.text_characters);
    [farewell, Bound::new("in_minutes", 0, minutes(policy.latest_planned_end)).usually(0)]
}

fn inclusions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "array", "items": {"type": "string", "enum": [ANSWERS]}})
}

async fn list(call: Call, arguments: List) -> Result<Answer<Listed>, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    let cursors = &call.agents.cursors;
    let link = arguments.link_id.as_deref().map(|link| call.link_id(link)).transpose()?;
    if let Some(link) = link {
        call.link_scope(link).await?;
    }
    let after = arguments.after.as_deref().map(|after| cursors.open(agent, &[CursorScope::Sessions], after)).transpose()?;
    let filter = SessionFilter { link, status: arguments.status };
    let answer =
        app.queries().sessions(call.viewer(), filter, after, arguments.limit.unwrap_or(20), app.freshness(agent)).await?;
    let sessions = answer.value.items;
    let positions: Vec<_> = sessions.iter().map(|session| session.position).collect();
    let include = arguments.include.unwrap_or_default();
    let mut answers = match include.iter().find(|part| *part != ANSWERS) {
        Some(part) => {
            return Err(Problem::with_detail(Code::InvalidRequest, format!("There is no {part:?} to include."))
                .next("Call temp_chat_list_sessions again with include [\"answers\"] or without."));
        }
        None if include.is_empty() => None,
        None => Some(answers_of(&call, &sessions.iter().map(|session| session.id).collect::<Vec<_>>()).await?),
    };
    let mut recipients = Recipients::new(call.app(), &call.principal);
    let named = sessions.iter().filter(|session| session.recipient.is_some()).map(|session| session.link);
    recipients.read(named, app.freshness(agent)).await?;
    let mut shown = Vec::with_capacity(sessions.len());
    for session in sessions {
        let recipient = recipients.label(session.link, session.recipient).await?;
        let id = session.id;
        let session = SessionDetails::of(&call, session).with_recipient(recipient);
        shown.push(match &mut answers {
            Some(answers) => session.with_answers(answers.remove(&id).unwrap_or_default()),
            None => session,
        });
    }
    let page = fitting(shown.iter().map(value), MOST - AROUND);
    let last = page.items.len().checked_sub(1).and_then(|last| positions.get(last)).copied().or(after);
    Ok(Answer::of(Listed {
        now: Moment(command_service::clock::now()),
        next_cursor: cursors.seal(agent, CursorScope::Sessions, last.unwrap_or_else(|| call.beginning())),
        has_more: answer.value.has_more || page.cut,
        items: page.items,
        stale: answer.stale,
    }))
}

async fn end(call: Call, arguments: End) -> Result<Answer<Ending>, Problem> {
    let End { session_id, farewell, block, in_minutes, after, even_if_unread } = arguments;
    let within = in_minutes.filter(|minutes| *minutes > 0.0).map(millis);
    if within.is_some() && block {
        return Err(Problem::with_detail(Code::InvalidRequest, "Who is shut out goes at once.")
            .next("Call temp_chat_end_session again with block or in_minutes, not both."));
    }
    let turn = Turn::begin(&call, &session_id, Speech { after: after.as_deref(), wait: None, even_if_unread }).await?;
    let commands = call.app().commands();
    let farewell = farewell.as_deref().filter(|text| !text::is_blank(text));
    let session = turn.reading.session;
    let before = commands.session(turn.session()).await.map_err(about_session(session))?.status;
    let ended = if let Some(within) = within {
        commands.plan_end(turn.session(), turn.issuer(&call), within, farewell).await
    } else if block {
        commands.block(turn.session(), call.actor(), farewell).await
    } else {
        commands.end(turn.session(), turn.issuer(&call), EndReason::AgentEnded, farewell).await
    };
    match ended {
        Ok(receipt) => {
            turn.taken(&call);
            let was_over = matches!(before, Status::Ended | Status::Erased);
            let unsaid = (was_over && farewell.is_some())
                .then(|| "The chat had ended before this call: the farewell was not said.".to_owned());
            Ok(whole(&call, session, &receipt, unsaid.into_iter().collect()).await?.map(|whole| Ending::Ended(Box::new(whole))))
        }
        Err(refusal) => Ok(turn.refused(&call, refusal).await?.map(|held| Ending::Held(Box::new(held)))),
    }
}

/// Shows a session after its end.
async fn whole(call: &Call, session: SessionId, receipt: &Receipt, warnings: Vec<String>) -> Result<Answer<Whole>, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    app.wrote(agent, receipt);
    let answer = app.queries().session(call.viewer(), session, app.freshness(agent)).await?;
    match answer.value {
        Some(view) => {
            let recipient = Recipients::new(app, &call.principal).label(view.link, view.recipient).await?;
            let state = app.commands().session(call.session(session)).await.map_err(about_session(session))?;
            let end_planned_at = state.planned_end.map(|planned| planned.at.into());
            let session = SessionDetails::of(call, view).with_recipient(recipient);
            let now = Moment(command_service::clock::now());
            Ok(Answer::of(Whole { now, session, end_planned_at, warnings, stale: answer.stale }))
        }
        None if answer.stale => {
            Err(Problem::with_detail(Code::Unavailable, format!("{session} was ended, but cannot be shown now."))
                .next("Call temp_chat_list_sessions in a moment."))
        }
        None => Err(call.absent_session(session).await),
    }
}

async fn erase(call: Call, arguments: Erase) -> Result<Answer<Gone>, Problem> {
    let session = call.session_id(&arguments.session_id).await?;
    let receipt = call.app().commands().erase(call.session(session), call.actor()).await.map_err(about_session(session))?;
    call.app().wrote(call.principal.agent, &receipt);
    Ok(Answer::of(Gone {
        now: Moment(command_service::clock::now()),
        session_id: session,
        status: SessionStatus::Erased,
        erased_at: receipt.at.into(),
    }))
}
