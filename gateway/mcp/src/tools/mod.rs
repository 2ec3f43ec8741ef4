//! The tools: one module for each group, each tool a definition, a shape of arguments and a function.

mod analytics;
mod asking;
mod budgets;
mod conversation;
mod deciding;
mod history;
mod lengths;
mod link_settings;
mod links;
mod sessions;
mod turn;

pub(super) use links::whole as whole_link;

use std::future::Future;
use std::time::Duration;

use app::{RequestId, carry};
use domain::Policy;
use domain::agent::Scope;
use futures_util::FutureExt;
use problem::Problem;
use rmcp::handler::server::router::tool::{ToolRoute, ToolRouter};
use rmcp::model::{CallToolResponse, CallToolResult, CreateTaskResult, Tool, ToolAnnotations};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::agents::Agents;
use super::args::{Arguments, Bound, Empty, Read};
use super::call::Call;
use super::output_schema;
use crate::results::answer::{Answer, refused};

/// What a model is told of a tool.
#[derive(Debug, Clone, Copy)]
struct Definition {
    name: &'static str,
    title: &'static str,
    /// When to use it, and when not.
    description: &'static str,
    effect: Effect,
    /// What a key must be allowed: everything that the tool changes, and `read` where it tells more than what it was given.
    scopes: &'static [Scope],
}

/// What a tool does to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// Nothing; it only looks.
    Reads,
    /// Nothing, but what it shows was written by people out there.
    ReadsPeople,
    /// It notes what was read; again changes nothing more.
    Acknowledges,
    /// It makes something new each time.
    Adds,
    /// It replaces what was.
    Changes,
    /// It ends something for good; again changes nothing more.
    Ends,
}

impl Effect {
    fn annotations(self, title: &str) -> ToolAnnotations {
        let (read_only, destructive, idempotent, open_world) = match self {
            Self::Reads => (true, false, true, false),
            Self::ReadsPeople => (true, false, true, true),
            Self::Acknowledges => (false, false, true, true),
            Self::Adds => (false, false, false, true),
            Self::Changes => (false, true, false, true),
            Self::Ends => (false, true, true, true),
        };
        ToolAnnotations::from_raw(Some(title.to_owned()), Some(read_only), Some(destructive), Some(idempotent), Some(open_world))
    }
}

impl Effect {
    /// Returns what an argument that is given empty says: only where something is replaced there is something to remove.
    const fn of_empty(self) -> Empty {
        match self {
            Self::Changes => Empty::Removes { by_zero: &["max_sessions_total"] },
            Self::Reads | Self::ReadsPeople | Self::Acknowledges | Self::Adds | Self::Ends => Empty::LeftOut,
        }
    }
}

/// Puts all tools together; their ranges are those of `policy`.
pub(super) fn router(policy: &Policy) -> ToolRouter<Agents> {
    let groups = [
        links::routes(policy),
        sessions::routes(policy),
        history::routes(),
        conversation::routes(),
        asking::routes(policy),
        deciding::routes(policy),
        analytics::routes(),
    ];
    let mut router = ToolRouter::new();
    groups.into_iter().flatten().for_each(|route| router.add_route(route));
    router
}

/// What a tool's function returns.
trait Reply {
    /// What the tool answers in the end.
    type Value: JsonSchema + Serialize;

    /// Writes it for the caller, with a warning of names that were ignored; a task is answered later, without.
    fn into_response(self, ignored: &[String]) -> CallToolResponse;
}

impl<T: JsonSchema + Serialize> Reply for Answer<T> {
    type Value = T;

    fn into_response(self, ignored: &[String]) -> CallToolResponse {
        CallToolResult::from(self.warning_of_ignored(ignored)).into()
    }
}

/// An answer, or a task that will have one.
#[derive(Debug)]
enum AnswerOrTask<T> {
    Answer(Answer<T>),
    Task(Box<CreateTaskResult>),
}

impl<T: JsonSchema + Serialize> Reply for AnswerOrTask<T> {
    type Value = T;

    fn into_response(self, ignored: &[String]) -> CallToolResponse {
        match self {
            Self::Answer(answer) => answer.into_response(ignored),
            Self::Task(task) => (*task).into(),
        }
    }
}

/// Makes a tool of a definition, the shape `A` of its arguments, their ranges, and a function that replies with an `R`.
fn tool<A, R, Running>(definition: Definition, bounds: &[Bound], run: fn(Call, A) -> Running) -> ToolRoute<Agents>
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    R: Reply + Send + 'static,
    Running: Future<Output = Result<R, Problem>> + Send + 'static,
{
    let arguments = Arguments::of::<A>(definition.name, definition.effect.of_empty(), bounds);
    let described = Tool::new(definition.name, definition.description, arguments.schema())
        .with_title(definition.title)
        .with_raw_output_schema(output_schema::of::<R::Value>())
        .with_annotations(definition.effect.annotations(definition.title));
    ToolRoute::new_dyn(described, move |context| {
        // What the caller was given before it called, and not what it is given meanwhile.
        let named = context.arguments.as_ref().and_then(|arguments| arguments.get("session_id")?.as_str().map(str::to_owned));
        let call = Call::new(context.service, context.request_context).map(|call| call.having_named(named.as_deref()));
        let read = arguments.read::<A>(context.arguments);
        let id = call.as_ref().ok().and_then(Call::request_id);
        let caller = call.as_ref().ok().cloned();
        async move {
            let answer = async {
                let call = call?;
                call.has(definition.name, definition.scopes)?;
                let Read { arguments, ignored } = read?;
                call.has_done().await;
                run(call, arguments).await.map(|reply| reply.into_response(&ignored))
            };
            let id = id.unwrap_or_else(RequestId::draw);
            let answered = carry(id, definition.name, answer).await;
            if let (Err(problem), Some(caller)) = (&answered, &caller) {
                caller.was_refused(definition.name, problem);
            }
            Ok(answered.unwrap_or_else(|problem| refused(&problem).into()))
        }
        .boxed()
    })
}

/// Reads a length of time that was given in seconds.
fn seconds(given: f64) -> Duration {
    Duration::try_from_secs_f64(given).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rmcp::model::ListToolsResult;
    use serde_json::Value;
    use tiktoken_rs::o200k_base_singleton;

    use super::*;

    /// What a model may have to read before it knows its tools; that every object names its parts, as some hosts demand, costs 300 of them.
    const TOKENS: usize = 5_300;

    /// Counts the tokens of something as it is sent.
    fn tokens(sent: &impl serde::Serialize) -> usize {
        o200k_base_singleton().encode_with_special_tokens(&serde_json::to_string(sent).unwrap()).len()
    }

    #[test]
    fn the_list_of_tools_costs_a_model_little() {
        let tools = router(&Policy::default()).list_all();
        for tool in &tools {
            println!("{:>5} tokens: {} ({} of them the output's schema)", tokens(tool), tool.name, tokens(&tool.output_schema));
        }
        let all = tokens(&ListToolsResult::with_all_items(tools));
        println!("{all:>5} tokens of o200k_base in all");
        assert!(all < TOKENS, "{all} tokens");
    }

    /// What hosts' models publish about the schemas they take: an object names its properties, an array its items, and `anyOf` stands alone
    /// (Gemini's function declarations); every kind is named once, and nothing is referred to elsewhere.
    fn refused_by_hosts(place: &str, schema: &Value, refused: &mut Vec<String>) {
        let Some(parts) = schema.as_object() else { return refused.push(format!("{place} is {schema}")) };
        let has = |part: &str| parts.contains_key(part);
        let is_whole = match parts.get("type").and_then(Value::as_str) {
            Some("object") => parts.get("properties").and_then(Value::as_object).is_some_and(|known| !known.is_empty()),
            Some("array") => has("items"),
            Some(kind) => ["string", "number", "integer", "boolean"].contains(&kind),
            None => has("anyOf") && parts.len() == 1,
        };
        if !is_whole || ["$ref", "oneOf", "allOf", "not", "const", "$defs"].iter().any(|part| has(part)) {
            refused.push(format!("{place}: {schema}"));
        }
        for (name, property) in parts.get("properties").and_then(Value::as_object).into_iter().flatten() {
            refused_by_hosts(&format!("{place}.{name}"), property, refused);
        }
        let choices = parts.get("anyOf").and_then(Value::as_array).into_iter().flatten();
        for inner in parts.get("items").into_iter().chain(choices) {
            refused_by_hosts(&format!("{place}[]"), inner, refused);
        }
    }

    #[test]
    fn every_host_takes_the_schemas_of_the_arguments() {
        let mut refused = Vec::new();
        for tool in router(&Policy::default()).list_all() {
            refused_by_hosts(&tool.name, &Value::Object((*tool.input_schema).clone()), &mut refused);
        }
        assert_eq!(refused, [""; 0]);
    }
}
