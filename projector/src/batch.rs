//! One batch in memory: the rows it touches are looked up, folded, and written back whole.

use nats::Recorded;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::fold::{Needs, Rows};
use crate::table::sums::{self, Sign, Sums};
use crate::table::{admission, agent, event, link, question, read_mark, receipt, scheduled, session, unread};

/// Writes what commits make of the rows.
pub(crate) async fn write(connection: &mut PgConnection, batch: &[Recorded]) -> sqlx::Result<()> {
    let mut rows = load(connection, &Needs::of(batch)).await?;
    let mut sums = Sums::default();
    count(&mut sums, Sign::Subtract, &rows);
    for recorded in batch {
        rows.take_in(recorded);
    }
    count(&mut sums, Sign::Add, &rows);
    save(connection, &rows).await?;
    sums::save(connection, &sums).await
}

fn count(sums: &mut Sums, sign: Sign, rows: &Rows) {
    sums.count(sign, rows.sessions.iter().map(|(_, row)| row), rows.links.iter().map(|(_, row)| row));
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
    receipt::save(connection, &rows.receipts).await?;
    event::save(connection, &rows.events).await?;
    unread::save(connection, &rows.unread).await?;
    scheduled::save(connection, &rows.schedule).await
}
