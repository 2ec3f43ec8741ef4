//! Table `scheduled`: what is to be commanded when its time comes.

use std::collections::BTreeMap;

use follower::column;
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// What a scheduled command is for; the migration says which command it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Purpose {
    LinkWarn,
    LinkExpire,
    LinkErase,
    ReleaseUnused,
    Release,
    Idle,
    Expire,
    Reschedule,
    EndWithLink,
    TimeOutQuestions,
    EndAsPlanned,
    Erase,
}

impl Purpose {
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::LinkWarn => ("link", "warn"),
            Self::LinkExpire => ("link", "expire"),
            Self::LinkErase => ("link", "erase"),
            Self::ReleaseUnused => ("session", "release_unused"),
            Self::Release => ("session", "release"),
            Self::Idle => ("session", "idle"),
            Self::Expire => ("session", "expire"),
            Self::Reschedule => ("session", "reschedule"),
            Self::EndWithLink => ("session", "end_with_link"),
            Self::TimeOutQuestions => ("session", "time_out_questions"),
            Self::EndAsPlanned => ("session", "end_as_planned"),
            Self::Erase => ("session", "erase"),
        }
    }
}

/// Whose a scheduled command is, and the commit that brought it about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cause {
    pub(crate) agent: Uuid,
    pub(crate) link: Uuid,
    pub(crate) shard: i32,
    /// The commit's sequence: the version of what it brings about.
    pub(crate) version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Change {
    cause: Cause,
    /// None takes the command back.
    due_at: Option<OffsetDateTime>,
}

/// The last word of a batch on every target and purpose.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    changes: BTreeMap<(Uuid, Purpose), Change>,
}

impl Schedule {
    /// Sets when `purpose` is due for `target`.
    pub(crate) fn set(&mut self, cause: Cause, target: Uuid, purpose: Purpose, due_at: OffsetDateTime) {
        self.changes.insert((target, purpose), Change { cause, due_at: Some(due_at) });
    }

    /// Takes back what was scheduled of `purposes` for `target`.
    pub(crate) fn drop(&mut self, cause: Cause, target: Uuid, purposes: &[Purpose]) {
        for purpose in purposes {
            self.changes.insert((target, *purpose), Change { cause, due_at: None });
        }
    }
}

/// Writes the changes; what stands there of a later commit stays.
pub(crate) async fn save(connection: &mut PgConnection, schedule: &Schedule) -> sqlx::Result<()> {
    let (set, dropped): (Vec<_>, Vec<_>) = schedule.changes.iter().partition(|(_, change)| change.due_at.is_some());
    if !dropped.is_empty() {
        delete(connection, &dropped).await?;
    }
    if !set.is_empty() {
        upsert(connection, &set).await?;
    }
    Ok(())
}

async fn delete(connection: &mut PgConnection, changes: &[(&(Uuid, Purpose), &Change)]) -> sqlx::Result<()> {
    sqlx::query!(
        "DELETE FROM scheduled
        USING UNNEST($1::UUID[], $2::TEXT[], $3::BIGINT[]) AS old (target, purpose, version)
        WHERE scheduled.target = old.target
            AND scheduled.purpose = old.purpose
            AND scheduled.version <= old.version",
        &column(changes, |((target, _), _)| *target),
        &column(changes, |((_, purpose), _)| purpose.names().1) as &[&str],
        &column(changes, |(_, change)| change.cause.version),
    )
    .execute(connection)
    .await?;
    Ok(())
}

async fn upsert(connection: &mut PgConnection, changes: &[(&(Uuid, Purpose), &Change)]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version)
        SELECT *
        FROM UNNEST($1::TEXT[], $2::UUID[], $3::TEXT[], $4::UUID[], $5::UUID[], $6::INTEGER[], $7::TIMESTAMPTZ[], $8::BIGINT[])
        ON CONFLICT (target, purpose) DO UPDATE
        SET due_at = excluded.due_at,
            version = excluded.version,
            lease_until = NULL,
            attempts = 0,
            last_error = NULL,
            dead_at = NULL
        WHERE scheduled.version < excluded.version",
        &column(changes, |((_, purpose), _)| purpose.names().0) as &[&str],
        &column(changes, |((target, _), _)| *target),
        &column(changes, |((_, purpose), _)| purpose.names().1) as &[&str],
        &column(changes, |(_, change)| change.cause.agent),
        &column(changes, |(_, change)| change.cause.link),
        &column(changes, |(_, change)| change.cause.shard),
        &column(changes, |(_, change)| change.due_at) as &[Option<OffsetDateTime>],
        &column(changes, |(_, change)| change.cause.version),
    )
    .execute(connection)
    .await?;
    Ok(())
}
