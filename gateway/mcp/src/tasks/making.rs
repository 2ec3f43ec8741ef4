//! A task in place of a wait in which nothing is there yet.

use std::time::Duration;

use domain::{Address, Millis, Timestamp};
use events::Moment;
use nats::{TaskName, TaskSent};
use problem::Problem;
use query_service::Scope;
use rmcp::model::{CreateTaskResult, Task, TaskStatus};

use crate::call::Call;
use crate::protocol_version;
use crate::wait::scope::WaitScope;
use crate::wait::{WaitRequest, receive};

/// The wait that goes on as a task for as long as a task may: the longest that a call may ask for.
pub(crate) const OPEN_ENDED: Duration = Duration::from_secs(50);
/// How long an open-ended task waits.
const LONGEST: Millis = Millis::minutes(29 * 24 * 60);
/// How long the result of a wait that is over may be asked for.
const KEPT: Millis = Millis::minutes(24 * 60);

/// How often to ask for what became of a task: often while somebody may answer any moment, and at last nearly once a minute.
const PACES: [(Millis, u64); 2] = [(Millis::minutes(2), 5_000), (Millis::minutes(60), 15_000)];
const SLOWEST: u64 = 45_000;

/// Makes a task of a wait; none where the client knows no tasks, the call does not wait, or what it waits for is there already.
pub(crate) async fn instead(
    call: &Call,
    scope: &WaitScope,
    request: WaitRequest,
    sent: Option<TaskSent>,
) -> Result<Option<CreateTaskResult>, Problem> {
    if request.patience.is_zero() || !protocol_version::speaks_tasks(&call.request) {
        return Ok(None);
    }
    let found = receive(call, scope, WaitRequest { patience: Duration::ZERO, ..request }, None).await?;
    if found.has_more || found.facts.iter().any(|received| received.wakes) {
        return Ok(None);
    }
    let after = match request.after {
        _ if found.facts.is_empty() => found.at,
        // What is there and wakes nobody comes along later, with what does.
        Some(after) => after,
        None => return Ok(None),
    };
    // Its host looks again and again.
    call.is_active(true).await;
    let now = command_service::clock::now();
    let asked = Millis(i64::try_from(request.patience.as_millis()).unwrap_or(i64::MAX));
    let length = if request.patience >= OPEN_ENDED { LONGEST } else { asked };
    let agent = call.principal.agent;
    let name = TaskName {
        scope: match scope.rows {
            Scope::Agent => Address::agent(agent),
            Scope::Link(link) => Address::link(agent, link),
            Scope::Session(session) => Address::session(agent, session),
        },
        key: call.principal.key,
        after,
        limit: request.limit,
        named_link: scope.named.link,
        named_session: scope.named.session,
        created_at: now,
        deadline: now + length,
        expires_at: now + length + KEPT,
        sent,
        number: TaskName::draw(),
    };
    Ok(Some(CreateTaskResult::new(working(call, &name, now))))
}

/// Describes a task that waits.
pub(super) fn working(call: &Call, name: &TaskName, now: Timestamp) -> Task {
    let deadline = Moment(name.deadline);
    let told = match name.sent {
        Some(sent) => format!("Sent as {}. Waiting for an answer until {deadline}.", sent.event),
        None => format!("Waiting for people to write until {deadline}."),
    };
    task(call, name, TaskStatus::Working, name.created_at)
        .with_status_message(told)
        .with_poll_interval_ms(pace(now - name.created_at))
}

/// Describes a task.
pub(super) fn task(call: &Call, name: &TaskName, status: TaskStatus, updated_at: Timestamp) -> Task {
    let id = call.app().backbone().task_names().seal(name);
    let ttl = u64::try_from((name.expires_at - name.created_at).0).unwrap_or_default();
    Task::new(id, status, Moment(name.created_at).to_string(), Moment(updated_at).to_string()).with_ttl_ms(ttl)
}

fn pace(age: Millis) -> u64 {
    PACES.iter().find(|(upto, _)| age < *upto).map_or(SLOWEST, |(_, pace)| *pace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_looked_at_less_often_the_longer_it_waits() {
        assert_eq!(
            [0, 1, 3, 59, 60, 72 * 60].map(|age| pace(Millis::minutes(age))),
            [5_000, 5_000, 15_000, 15_000, 45_000, 45_000]
        );
    }

    #[test]
    fn nobody_is_told_of_a_task_after_thirty_days() {
        assert_eq!(Millis(LONGEST.0 + KEPT.0), Millis::minutes(30 * 24 * 60));
    }
}
