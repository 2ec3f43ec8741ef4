//! Making, showing, changing and taking back links.

use agent_events::CursorScope;
use command_service::Refusal;
use domain::agent::Scope;
use domain::link::{self, Link, Rejection, Status};
use domain::{LinkId, Policy};
use events::Moment;
use problem::{Code, Problem};
use rmcp::handler::server::router::tool::ToolRoute;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::link_settings::{Settings, bounds, bounds_of_changes, end};
use super::{Definition, Effect, tool};
use crate::agents::Agents;
use crate::args::Bound;
use crate::call::{Call, about_link};
use crate::results::answer::{Answer, MOST, fitting, value};
use crate::results::answer_summary::AnswerSummary;
use crate::results::views::LinkDetails;

/// How many characters of a list's text are not items.
const AROUND: usize = 300;
/// How many labels a warning names.
const NAMED: usize = 5;

const CREATE: Definition = Definition {
    name: "temp_chat_create_link",
    title: "Create a chat link",
    description: "Makes a temporary chat link. Give its url to a person, then call temp_chat_wait_for_messages with its link_id and next_cursor. \
        For people you already chat with use temp_chat_send_message. The same idempotency_key gives the same link again.",
    effect: Effect::Adds,
    scopes: &[Scope::WriteLinks],
};

const LIST: Definition = Definition {
    name: "temp_chat_list_links",
    title: "List chat links",
    description: "Lists your links, oldest first, with settings and counts. For what people wrote use temp_chat_wait_for_messages.",
    effect: Effect::Reads,
    scopes: &[Scope::Read],
};

const GET: Definition = Definition {
    name: "temp_chat_get_link",
    title: "Show a chat link",
    description: "Shows one link: url, settings in force, counts, warnings; how its questions were answered, field by field, and which recipients have not yet. \
        For who answered what use temp_chat_list_sessions with include answers.",
    effect: Effect::Reads,
    scopes: &[Scope::Read],
};

const UPDATE: Definition = Definition {
    name: "temp_chat_update_link",
    title: "Change a chat link",
    description: "Changes a link's settings (see temp_chat_create_link); what is left out stays. An empty text or 0 for max_sessions_total removes a setting. \
        status paused keeps newcomers out for now. To close it for good use temp_chat_revoke_link.",
    effect: Effect::Changes,
    scopes: &[Scope::Read, Scope::WriteLinks],
};

const REVOKE: Definition = Definition {
    name: "temp_chat_revoke_link",
    title: "Revoke a chat link",
    description: "Closes a link for good, and ends its open chats unless end_sessions is false. To end one chat use temp_chat_end_session.",
    effect: Effect::Ends,
    scopes: &[Scope::Read, Scope::WriteLinks],
};

/// Arguments of [`CREATE`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Create {
    /// What it is about; people see it.
    title: String,
    #[serde(flatten)]
    settings: Settings,
    /// Your labels for people: each gets a url of their own in urls, for one chat.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    recipients: Option<Vec<String>>,
    #[serde(default)]
    #[schemars(with = "String")]
    idempotency_key: Option<String>,
}

/// Arguments of [`LIST`].
#[derive(Debug, Deserialize, JsonSchema)]
struct List {
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["active", "paused", "expired", "revoked"]))]
    status: Option<link::Standing>,
    /// A `next_cursor` of this list.
    #[serde(default)]
    #[schemars(with = "String")]
    after: Option<String>,
    #[serde(default)]
    #[schemars(with = "i64")]
    limit: Option<u16>,
}

/// Arguments of [`GET`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Get {
    link_id: String,
}

/// Arguments of [`UPDATE`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Update {
    link_id: String,
    #[serde(default)]
    #[schemars(with = "String")]
    title: Option<String>,
    #[serde(flatten)]
    settings: Settings,
    /// RFC 3339; or `expires_in_minutes` from now.
    #[serde(default)]
    #[schemars(with = "String")]
    expires_at: Option<String>,
    #[serde(default)]
    #[schemars(with = "String", extend("enum" = ["active", "paused"]))]
    status: Option<Standing>,
    /// More labels; those that are there stay, with their urls.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    add_recipients: Option<Vec<String>>,
}

/// How an agent may let a link stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Active,
    Paused,
}

/// Arguments of [`REVOKE`].
#[derive(Debug, Deserialize, JsonSchema)]
struct Revoke {
    link_id: String,
    #[serde(default = "yes")]
    end_sessions: bool,
    /// Last words to those who chat.
    #[serde(default)]
    #[schemars(with = "String")]
    farewell: Option<String>,
}

/// A link, whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Whole {
    now: Moment,
    #[serde(flatten)]
    link: LinkDetails,
    #[serde(flatten)]
    summary: AnswerSummary,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

impl Whole {
    /// Says of labels that were to be added that they are no news.
    fn warned_of_known(mut self, labels: &[String]) -> Self {
        if !labels.is_empty() {
            let named: Vec<_> = labels.iter().take(NAMED).map(|label| format!("{label:?}")).collect();
            let others = match labels.len().saturating_sub(NAMED) {
                0 => String::new(),
                count => format!(" and {count} more"),
            };
            let named = named.join(", ");
            self.link
                .warn(format!("Recipients before, with the same url as before: {named}{others}. Nobody was added for these."));
        }
        self
    }

    /// Adds what is to be said of the arguments.
    fn warned_of(mut self, warning: Option<String>) -> Self {
        if let Some(warning) = warning {
            self.link.warn(warning);
        }
        self
    }

    /// Answers with as much of it as hosts show; what is left out is named.
    fn answer(self) -> Answer<Self> {
        Answer::fitted(self, |whole| {
            let left_out = whole.link.leave_out().or_else(|| whole.summary.leave_out());
            if let Some(name) = left_out {
                whole.link.warn(format!("{name} is left out here: with it, this would be too long to be shown whole."));
            }
            left_out.is_some()
        })
    }
}

/// A part of the list.
#[derive(Debug, Serialize, JsonSchema)]
struct Listed {
    now: Moment,
    #[schemars(with = "Vec<LinkDetails>")]
    items: Vec<Value>,
    next_cursor: String,
    has_more: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    stale: bool,
}

pub(super) fn routes(policy: &Policy) -> Vec<ToolRoute<Agents>> {
    let farewell = Bound::new("farewell", 0, policy.text_characters);
    vec![
        tool(CREATE, &bounds(policy), create),
        tool(LIST, &[Bound::new("limit", 1, 100).usually(20)], list),
        tool(GET, &[], get),
        tool(UPDATE, &bounds_of_changes(policy), update),
        tool(REVOKE, &[farewell], revoke),
    ]
}

async fn create(call: Call, arguments: Create) -> Result<Answer<Whole>, Problem> {
    call.is_everywhere()?;
    let Create { title, settings, recipients, idempotency_key } = arguments;
    let (app, agent) = (call.app(), call.principal.agent);
    let warning = settings.warning_of_passcode();
    let new = settings.into_new(title, recipients, app.commands().policy()).map_err(again(CREATE))?;
    let created = app.commands().create_link(agent, call.actor(), new, idempotency_key.as_deref()).await;
    let (link, receipt) = created.map_err(about_idempotency_key)?;
    app.wrote(agent, &receipt);
    let shown = shown(&call, link).await.map(|whole| whole.warned_of(warning).answer());
    shown.map_err(|problem| {
        // It exists, whatever hinders its showing: made again it would be there twice.
        let url = app.config().address_of(&format!("/temp-chat/{}", app.link_tokens().issue(agent, link, 0)));
        Problem::with_detail(problem.code, format!("{link} was created at {url}, but cannot be shown now."))
            .next(format!("Call temp_chat_get_link with link_id {link} in a moment."))
    })
}

async fn list(call: Call, arguments: List) -> Result<Answer<Listed>, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    let cursors = &call.agents.cursors;
    let after = arguments.after.as_deref().map(|after| cursors.open(agent, &[CursorScope::Links], after)).transpose()?;
    let limit = arguments.limit.unwrap_or(20);
    let answer = app.queries().links(call.viewer(), arguments.status, after, limit, app.freshness(agent)).await?;
    let links = answer.value.items;
    let positions: Vec<_> = links.iter().map(|link| link.position).collect();
    let page = fitting(links.into_iter().map(|link| value(&LinkDetails::of(&call, link))), MOST - AROUND);
    let last = page.items.len().checked_sub(1).and_then(|last| positions.get(last)).copied().or(after);
    Ok(Answer::of(Listed {
        now: Moment(command_service::clock::now()),
        next_cursor: cursors.seal(agent, CursorScope::Links, last.unwrap_or_else(|| call.beginning())),
        has_more: answer.value.has_more || page.cut,
        items: page.items,
        stale: answer.stale,
    }))
}

async fn get(call: Call, arguments: Get) -> Result<Answer<Whole>, Problem> {
    let link = call.link_id(&arguments.link_id)?;
    whole(&call, link).await
}

async fn update(call: Call, arguments: Update) -> Result<Answer<Whole>, Problem> {
    let Update { link_id: link, title, settings, expires_at, status, add_recipients } = arguments;
    let link = call.link_id(&link)?;
    let (commands, agent) = (call.app().commands(), call.principal.agent);
    if expires_at.is_some() && settings.expires_in_minutes.is_some() {
        return Err(Problem::with_detail(Code::InvalidRequest, "Both expires_at and expires_in_minutes were given.")
            .next("Call temp_chat_update_link again with one of them."));
    }
    let expires_at = expires_at.as_deref().map(|at| end(at, commands.policy())).transpose().map_err(again(UPDATE))?;
    let warning = settings.warning_of_passcode();
    let changes = settings.into_changes(title, expires_at, add_recipients, commands.policy()).map_err(again(UPDATE))?;
    let known = match &changes.more_recipients {
        Some(added) => {
            let known = commands.recipients(agent, link).await?;
            known.into_iter().filter(|label| added.contains(label)).collect()
        }
        None => vec![],
    };
    let receipt = commands.update_link(agent, call.actor(), link, changes).await.map_err(about_recipients(link))?;
    call.app().wrote(agent, &receipt);
    if let Some(status) = status {
        let receipt =
            commands.pause_link(agent, call.actor(), link, status == Standing::Paused).await.map_err(about_link(link))?;
        call.app().wrote(agent, &receipt);
    }
    Ok(shown(&call, link).await?.warned_of_known(&known).warned_of(warning).answer())
}

/// Tells a refusal about a link, and what is left where it would have too many recipients.
fn about_recipients(link: LinkId) -> impl Fn(Refusal) -> Problem {
    move |refusal| match refusal {
        Refusal::Link(Rejection::OutOfRange { setting: "recipients", given, most, .. }) => {
            let told = format!("A link has at most {most} recipients; with add_recipients, {link} would have {given}.");
            Problem::with_detail(Code::SettingOutOfRange, told)
                .next("Call temp_chat_update_link with fewer of them, and temp_chat_create_link with the others as recipients.")
        }
        refusal => about_link(link)(refusal),
    }
}

async fn revoke(call: Call, arguments: Revoke) -> Result<Answer<Whole>, Problem> {
    let Revoke { link_id: link, end_sessions, farewell } = arguments;
    let link = call.link_id(&link)?;
    let agent = call.principal.agent;
    let farewell = farewell.as_deref().filter(|text| !text::is_blank(text));
    let commands = call.app().commands();
    let before = commands.link(agent, link).await?;
    let revoked = commands.revoke_link(agent, call.actor(), link, end_sessions, farewell).await;
    call.app().wrote(agent, &revoked.map_err(about_link(link))?);
    let mut shown = shown(&call, link).await?;
    if farewell.is_some() && is_closed(&before, end_sessions) {
        shown.link.warn("The link was closed before this call: the farewell was not said.".to_owned());
    }
    Ok(shown.answer())
}

/// Tells whether nothing is left that revoking would change.
fn is_closed(link: &Link, end_sessions: bool) -> bool {
    let has_ended_sessions = link.revocation.as_ref().is_some_and(|revocation| revocation.end_sessions);
    match link.status {
        Status::Unknown | Status::Active | Status::Paused => false,
        Status::Revoked => has_ended_sessions || !end_sessions,
        Status::Expired | Status::Erased => true,
    }
}

/// Says that it is the link of the same `idempotency_key` that was erased.
fn about_idempotency_key(refusal: Refusal) -> Problem {
    let problem = Problem::from(refusal);
    if problem.code != Code::LinkErased {
        return problem;
    }
    Problem::with_detail(Code::LinkErased, "The link that was made with this idempotency_key was erased.")
        .next("Call temp_chat_create_link again with another idempotency_key.")
}

/// Names the next call where a setting has the wrong form.
fn again(tool: Definition) -> impl Fn(Problem) -> Problem {
    move |problem| match problem.next {
        Some(_) => problem,
        None => problem.next(format!("Call {} again with a value of that form.", tool.name)),
    }
}

/// Shows a link.
pub(crate) async fn whole(call: &Call, link: LinkId) -> Result<Answer<Whole>, Problem> {
    shown(call, link).await.map(Whole::answer)
}

async fn shown(call: &Call, link: LinkId) -> Result<Whole, Problem> {
    let (app, agent) = (call.app(), call.principal.agent);
    let answer = app.queries().link(call.viewer(), link, app.freshness(agent)).await?;
    match answer.value {
        Some(view) => {
            let (summary, is_behind) = AnswerSummary::of(call, &view).await?;
            let stale = answer.stale || is_behind;
            Ok(Whole { now: Moment(command_service::clock::now()), link: LinkDetails::of(call, view), summary, stale })
        }
        // The rows are behind: whether there is such a link is unknown.
        None if answer.stale => Err(Code::Unavailable.into()),
        None => Err(call.absent_link(link).await),
    }
}

fn yes() -> bool {
    true
}
