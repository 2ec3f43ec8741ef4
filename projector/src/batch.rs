//! One batch, one transaction: rows, scheduled commands and checkpoint together, or nothing.

use domain::Target;
use nats::{Hash, Recorded, Shard, Unknown};
use sqlx::types::Uuid;
use sqlx::{PgConnection, PgPool, PgTransaction};

use crate::Error;
use crate::column::{Id, moment, sequence};
use crate::fold::{Needs, Rows};
use crate::table::checkpoint::Checkpoint;
use crate::table::dead_letter::DeadLetterRow;
use crate::table::{admission, agent, checkpoint, dead_letter, event, link, question, read_mark, scheduled, session};

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The rows have taken it in, now or before; here they stand.
    TakenIn(Checkpoint),
    /// The rows were begun anew: reading has to start again from their checkpoint.
    BegunAnew,
}

/// Begins a transaction that may write every row.
///
/// It does not wait for the disk: a power cut takes back the last transactions whole, checkpoint and all, and the log tells them again.
pub(crate) async fn begin(pool: &PgPool) -> sqlx::Result<PgTransaction<'static>> {
    let mut transaction = pool.begin().await?;
    sqlx::query!(
        "SELECT set_config('role', 'tempchat_writer', true) AS role, set_config('synchronous_commit', 'off', true) AS waits_for_disk"
    )
    .fetch_one(&mut *transaction)
    .await?;
    Ok(transaction)
}

/// Takes in a batch that was read from after `after`. Others may project the same shard: what they took in is left out.
pub(crate) async fn take_in(pool: &PgPool, shard: Shard, after: u64, batch: &[Recorded]) -> Result<Outcome, Error> {
    let mut transaction = begin(pool).await?;
    let Some(mut checkpoint) = lock(&mut transaction, shard, after).await? else { return Ok(Outcome::BegunAnew) };
    let known = batch.partition_point(|recorded| recorded.sequence <= checkpoint.sequence);
    let (before, new) = batch.split_at(known);
    if let Some(last) = before.last() {
        agree(&checkpoint, last.sequence, last.running)?;
    }
    if let Some(last) = new.last() {
        write(&mut transaction, new).await?;
        checkpoint.previous = new.iter().rev().nth(1).map_or(checkpoint.running, |recorded| recorded.running);
        checkpoint.running = last.running;
        checkpoint.sequence = last.sequence;
        checkpoint.at = Some(moment(last.commit.at));
        checkpoint::save(&mut transaction, &checkpoint).await?;
        transaction.commit().await?;
    }
    Ok(Outcome::TakenIn(checkpoint))
}

/// Moves past a commit, the one after `after`, that nobody here can read, and leaves a note of it.
pub(crate) async fn pass_over(pool: &PgPool, after: u64, unknown: &Unknown) -> Result<Outcome, Error> {
    let shard = unknown.shard;
    let mut transaction = begin(pool).await?;
    let Some(mut checkpoint) = lock(&mut transaction, shard, after).await? else { return Ok(Outcome::BegunAnew) };
    agree(&checkpoint, unknown.sequence, unknown.running)?;
    if checkpoint.sequence < unknown.sequence {
        tracing::warn!(%shard, sequence = unknown.sequence, types = unknown.types, "a commit of a newer version is passed over");
        metrics::counter!("projector_dead_letters", "shard" => shard.to_string()).increment(1);
        let (target_kind, target) = match unknown.address.target {
            Target::Agent => ("agent", unknown.address.agent.column()),
            Target::Link(link) => ("link", link.column()),
            Target::Session(session) => ("session", session.column()),
        };
        let letter = DeadLetterRow {
            shard: i32::from(shard.0),
            sequence: sequence(unknown.sequence),
            agent: unknown.address.agent.column(),
            target_kind,
            target,
            types: unknown.types.clone(),
        };
        dead_letter::save(&mut transaction, &letter).await?;
        checkpoint.previous = checkpoint.running;
        checkpoint.running = unknown.running;
        checkpoint.sequence = unknown.sequence;
        checkpoint::save(&mut transaction, &checkpoint).await?;
        transaction.commit().await?;
    }
    Ok(Outcome::TakenIn(checkpoint))
}

/// Locks the checkpoint; none where the rows were begun anew since something was read from after `after`.
async fn lock(connection: &mut PgConnection, shard: Shard, after: u64) -> sqlx::Result<Option<Checkpoint>> {
    Ok(checkpoint::lock(connection, shard).await?.filter(|checkpoint| checkpoint.sequence >= after))
}

/// Holds where the log still says what it said when the rows took in their last commit, if that is the one at `sequence`.
fn agree(checkpoint: &Checkpoint, sequence: u64, running: Hash) -> Result<(), Error> {
    if checkpoint.sequence == sequence && checkpoint.running != running {
        return Err(Error::OtherHistory { shard: checkpoint.shard, sequence });
    }
    Ok(())
}

async fn write(connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
    let mut rows = load(connection, &Needs::of(batch)).await?;
    for recorded in batch {
        rows.take_in(recorded);
    }
    save(connection, &rows).await
}

async fn load(connection: &mut PgConnection, needs: &Needs) -> sqlx::Result<Rows> {
    let list = |ids: &std::collections::BTreeSet<Uuid>| ids.iter().copied().collect::<Vec<_>>();
    let mut rows = Rows::default();
    if !needs.agents.is_empty() {
        let agents = list(&needs.agents);
        rows.agents.load(agent::load(connection, &agents).await?.into_iter().map(|row| (row.id, row)));
        rows.keys.load(agent::load_keys(connection, &agents).await?.into_iter().map(|row| (row.id, row)));
    }
    if !needs.links.is_empty() {
        rows.links.load(link::load(connection, &list(&needs.links)).await?.into_iter().map(|row| (row.id, row)));
    }
    let mut sessions = list(&needs.sessions);
    if !needs.links_with_sessions.is_empty() {
        sessions.extend(session::open_of_links(connection, &list(&needs.links_with_sessions)).await?);
    }
    if !sessions.is_empty() {
        rows.sessions.load(session::load(connection, &sessions).await?.into_iter().map(|row| (row.id, row)));
    }
    if !needs.admitted.is_empty() {
        let admissions = admission::load(connection, &list(&needs.admitted)).await?;
        rows.admissions.load(admissions.into_iter().map(|row| (row.session, row)));
    }
    if !needs.questioned.is_empty() {
        let questions = question::load(connection, &list(&needs.questioned)).await?;
        rows.questions.load(questions.into_iter().map(|row| ((row.session, row.id), row)));
    }
    Ok(rows)
}

async fn save(connection: &mut PgConnection, rows: &Rows) -> sqlx::Result<()> {
    /// Writes a table's rows, where any have changed.
    macro_rules! save {
        ($kept:expr, $save:path) => {
            let changed = $kept.changed();
            if !changed.is_empty() {
                $save(connection, &changed).await?;
            }
        };
    }
    save!(rows.agents, agent::save);
    save!(rows.keys, agent::save_keys);
    save!(rows.links, link::save);
    save!(rows.sessions, session::save);
    let given_back = rows.admissions.removed();
    if !given_back.is_empty() {
        admission::delete(connection, &given_back).await?;
    }
    save!(rows.admissions, admission::save);
    save!(rows.questions, question::save);
    save!(rows.read_marks, read_mark::save);
    event::save(connection, &rows.events).await?;
    scheduled::save(connection, &rows.schedule).await
}
