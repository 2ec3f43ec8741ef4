//! The methods of the extension: `tasks/get`, `tasks/cancel`, `tasks/update`. There is no `tasks/list`: SEP-2663 removed it.

use nats::TaskName;
use problem::{Code, Problem};
use rmcp::ErrorData;
use rmcp::model::{DetailedTask, ErrorCode, GetTaskResult, TaskPayload, TaskStatus};
use serde_json::json;

use super::making::{task, working};
use super::outcome::{Outcome, last_at, outcome};
use super::result::{received, refusal, timed_out};
use crate::call::Call;
use crate::protocol_version;

/// Tells what has become of a task.
pub(crate) async fn get(call: &Call, id: &str) -> Result<GetTaskResult, ErrorData> {
    let name = open(call, id)?;
    let found = outcome(call, &name).await.map_err(|problem| broken(&problem))?;
    // The key may have been revoked meanwhile: then nothing is given.
    call.is_still_allowed().await.map_err(|problem| broken(&problem))?;
    let (updated_at, payload) = match found {
        Outcome::Working => {
            call.is_active(true).await;
            let now = command_service::clock::now();
            return Ok(GetTaskResult::new(DetailedTask::new(working(call, &name, now), TaskPayload::Working)));
        }
        Outcome::Cancelled(at) => (at, TaskPayload::Cancelled),
        Outcome::TimedOut => (name.deadline, TaskPayload::Completed { result: timed_out(call, &name) }),
        Outcome::Refused(problem) => (name.created_at, TaskPayload::Completed { result: refusal(&problem) }),
        Outcome::Received(burst) => {
            let at = last_at(&burst.page.facts).unwrap_or(name.created_at);
            (at, TaskPayload::Completed { result: received(call, &name, burst).await.map_err(|problem| broken(&problem))? })
        }
    };
    Ok(GetTaskResult::new(DetailedTask::new(task(call, &name, TaskStatus::Completed, updated_at), payload)))
}

/// Calls a task off; one that is over stays as it is.
pub(crate) async fn cancel(call: &Call, id: &str) -> Result<(), ErrorData> {
    let name = open(call, id)?;
    if matches!(outcome(call, &name).await.map_err(|problem| broken(&problem))?, Outcome::Working) {
        let now = command_service::clock::now();
        call.app().backbone().cancel_task(&name, now).await.map_err(|error| broken(&error.into()))?;
    }
    Ok(())
}

/// Takes answers to what a task asked its client. No task asks anything, so whatever is answered was never asked, and is passed over, as
/// the specification says.
pub(crate) fn update(call: &Call, id: &str) -> Result<(), ErrorData> {
    open(call, id).map(drop)
}

/// Opens the id of one of the caller's own tasks, in a client that speaks tasks; another's is as unknown as one that was made up, or one
/// whose time is over.
fn open(call: &Call, id: &str) -> Result<TaskName, ErrorData> {
    if !protocol_version::speaks_tasks(&call.request) {
        let told = "Tasks are an extension of the protocol's version 2026-07-28, which this request does not speak.";
        return Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, told, None));
    }
    let name = call.app().backbone().task_names().open(id);
    let is_own = |name: &TaskName| name.scope.agent == call.principal.agent && name.key == call.principal.key;
    let is_over = |name: &TaskName| command_service::clock::now() >= name.expires_at;
    name.filter(|name| is_own(name) && !is_over(name)).ok_or_else(|| {
        let problem = Problem::new(Code::TaskUnknown);
        ErrorData::invalid_params(problem.tool_text(), Some(json!({"code": problem.code.as_str()})))
    })
}

fn broken(problem: &Problem) -> ErrorData {
    ErrorData::internal_error(problem.tool_text(), Some(json!({"code": problem.code.as_str()})))
}
