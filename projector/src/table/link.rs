//! Table `link`: the settings as one document, beside what is found and counted by.

use domain::Sealed;
use domain::link::{Settings, Status};
use follower::{column, moment, sealed};
use nats::{settings_from_bytes, settings_to_bytes};
use sqlx::PgConnection;
use sqlx::types::Uuid;
use time::OffsetDateTime;

/// A row of `link`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LinkRow {
    pub(crate) id: Uuid,
    pub(crate) agent: Uuid,
    pub(crate) shard: i32,
    pub(crate) status: Status,
    pub(crate) settings: Box<Settings>,
    pub(crate) rotation: i64,
    pub(crate) admitted: i64,
    pub(crate) places_taken: i64,
    pub(crate) opened_at: OffsetDateTime,
    pub(crate) opened_sequence: i64,
    pub(crate) closed_at: Option<OffsetDateTime>,
    pub(crate) ends_sessions: bool,
    pub(crate) erased_at: Option<OffsetDateTime>,
    pub(crate) sequence: i64,
}

impl LinkRow {
    /// Returns the column of a text that sessions show under their own role.
    fn shown(&self, text: Option<&Sealed>) -> Option<Vec<u8>> {
        text.filter(|_| self.status != Status::Erased).map(sealed)
    }
}

pub(crate) async fn load(connection: &mut PgConnection, ids: &[Uuid]) -> sqlx::Result<Vec<LinkRow>> {
    let rows = sqlx::query!(
        "SELECT
            id, agent, shard, status, settings, rotation, admitted, places_taken, opened_at, opened_sequence, closed_at, ends_sessions,
            erased_at, sequence
        FROM link
        WHERE id = ANY($1)",
        ids,
    )
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|row| {
        Ok(LinkRow {
            id: row.id,
            agent: row.agent,
            shard: row.shard,
            status: Status::parse(&row.status).ok_or_else(|| unreadable("status", row.status.into()))?,
            settings: Box::new(settings_from_bytes(&row.settings).map_err(|error| unreadable("settings", error.into()))?),
            rotation: row.rotation,
            admitted: row.admitted,
            places_taken: row.places_taken,
            opened_at: row.opened_at,
            opened_sequence: row.opened_sequence,
            closed_at: row.closed_at,
            ends_sessions: row.ends_sessions,
            erased_at: row.erased_at,
            sequence: row.sequence,
        })
    });
    rows.collect()
}

fn unreadable(column: &str, source: Box<dyn std::error::Error + Send + Sync>) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source }
}

pub(crate) async fn save(connection: &mut PgConnection, rows: &[&LinkRow]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO link (
            id, agent, shard, status, title, agent_name, settings, expires_at, rotation, admitted, places_taken, opened_at, opened_sequence,
            closed_at, ends_sessions, erased_at, sequence
        )
        SELECT *
        FROM UNNEST(
            $1::UUID[], $2::UUID[], $3::INTEGER[], $4::TEXT[], $5::BYTEA[], $6::BYTEA[], $7::BYTEA[], $8::TIMESTAMPTZ[], $9::BIGINT[],
            $10::BIGINT[], $11::BIGINT[], $12::TIMESTAMPTZ[], $13::BIGINT[], $14::TIMESTAMPTZ[], $15::BOOLEAN[], $16::TIMESTAMPTZ[],
            $17::BIGINT[]
        )
        ON CONFLICT (id) DO UPDATE
        SET status = excluded.status,
            title = excluded.title,
            agent_name = excluded.agent_name,
            settings = excluded.settings,
            expires_at = excluded.expires_at,
            rotation = excluded.rotation,
            admitted = excluded.admitted,
            places_taken = excluded.places_taken,
            closed_at = excluded.closed_at,
            ends_sessions = excluded.ends_sessions,
            erased_at = excluded.erased_at,
            sequence = excluded.sequence",
        &column(rows, |row| row.id),
        &column(rows, |row| row.agent),
        &column(rows, |row| row.shard),
        &column(rows, |row| row.status.name()) as &[&str],
        &column(rows, |row| row.shown(Some(&row.settings.title))) as &[Option<Vec<u8>>],
        &column(rows, |row| row.shown(row.settings.agent_name.as_ref())) as &[Option<Vec<u8>>],
        &column(rows, |row| settings_to_bytes(&row.settings)),
        &column(rows, |row| moment(row.settings.expires_at)),
        &column(rows, |row| row.rotation),
        &column(rows, |row| row.admitted),
        &column(rows, |row| row.places_taken),
        &column(rows, |row| row.opened_at),
        &column(rows, |row| row.opened_sequence),
        &column(rows, |row| row.closed_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.ends_sessions),
        &column(rows, |row| row.erased_at) as &[Option<OffsetDateTime>],
        &column(rows, |row| row.sequence),
    )
    .execute(connection)
    .await?;
    Ok(())
}
