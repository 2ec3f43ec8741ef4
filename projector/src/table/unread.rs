//! Table `unread`: the sessions that hold something new to a key, for as long as they do.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::PgConnection;
use sqlx::types::Uuid;

/// The session events that agents are not told of: `domain::session::Event::changes_the_chat` says so of all others.
pub(crate) const NO_NEWS: [&str; 7] = [
    "session.marked_read",
    "session.handoff_offered",
    "session.handoff_missed",
    "session.device_added",
    "session.device_forgotten",
    "session.budget_set",
    "session.reported",
];

/// What a batch changes of it.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// The first news in each session by each key, or by others than keys.
    news: BTreeMap<(Uuid, Option<Uuid>), i64>,
    /// The sessions that keys have read on in.
    read: BTreeSet<(Uuid, Uuid)>,
    /// Keys that were issued: to them everything is new.
    issued: BTreeSet<Uuid>,
    revoked: BTreeSet<Uuid>,
    /// Sessions that were erased.
    erased: BTreeSet<Uuid>,
}

impl Changes {
    /// Adds news in a session; commits come in order, so the first is kept.
    pub(crate) fn add_news(&mut self, session: Uuid, by: Option<Uuid>, sequence: i64) {
        self.news.entry((session, by)).or_insert(sequence);
    }

    /// Adds that a key has read on.
    pub(crate) fn add_read(&mut self, session: Uuid, key: Uuid) {
        self.read.insert((session, key));
    }

    /// Adds a key that was issued.
    pub(crate) fn add_issued(&mut self, key: Uuid) {
        self.issued.insert(key);
    }

    /// Adds a key that was revoked.
    pub(crate) fn add_revoked(&mut self, key: Uuid) {
        self.revoked.insert(key);
    }

    /// Adds a session that was erased.
    pub(crate) fn add_erased(&mut self, session: Uuid) {
        self.erased.insert(session);
    }
}

/// Writes the changes, once the batch's keys, sessions, events and read marks are written.
pub(crate) async fn save(connection: &mut PgConnection, changes: &Changes) -> sqlx::Result<()> {
    if !changes.issued.is_empty() {
        insert_for_keys(connection, &list(&changes.issued)).await?;
    }
    if !changes.news.is_empty() {
        insert_news(connection, &changes.news).await?;
    }
    if !changes.read.is_empty() {
        let (sessions, keys): (Vec<_>, Vec<_>) = changes.read.iter().copied().unzip();
        let new = insert_token_keys(connection, &sessions, &keys).await?;
        if !new.is_empty() {
            insert_for_keys(connection, &new).await?;
        }
        look_again(connection, &sessions, &keys).await?;
    }
    if !changes.revoked.is_empty() {
        let keys = list(&changes.revoked);
        sqlx::query!("DELETE FROM unread WHERE key = ANY($1)", &keys).execute(&mut *connection).await?;
    }
    if !changes.erased.is_empty() {
        let sessions = list(&changes.erased);
        sqlx::query!("DELETE FROM unread WHERE session = ANY($1)", &sessions).execute(&mut *connection).await?;
    }
    Ok(())
}

fn list(ids: &BTreeSet<Uuid>) -> Vec<Uuid> {
    ids.iter().copied().collect()
}

/// Notes keys that were not issued, by their first read mark; returns those that were not known yet.
async fn insert_token_keys(connection: &mut PgConnection, sessions: &[Uuid], keys: &[Uuid]) -> sqlx::Result<Vec<Uuid>> {
    sqlx::query_scalar!(
        "INSERT INTO token_key (key, agent, shard)
        SELECT DISTINCT marked.key, session.agent, session.shard
        FROM UNNEST($1::UUID[], $2::UUID[]) AS marked (session, key)
        CROSS JOIN LATERAL (SELECT * FROM session WHERE session.id = marked.session OFFSET 0) AS session
        WHERE NOT EXISTS (
            SELECT
            FROM agent_key
            WHERE agent_key.id = marked.key
        )
        ON CONFLICT (key) DO NOTHING
        RETURNING key",
        sessions,
        keys,
    )
    .fetch_all(connection)
    .await
}

/// To a new key every session is new from its start.
async fn insert_for_keys(connection: &mut PgConnection, keys: &[Uuid]) -> sqlx::Result<()> {
    sqlx::query!(
        "INSERT INTO unread (session, key, agent, link, shard, since)
        SELECT session.id, reading_key.key, session.agent, session.link, session.shard, session.started_sequence
        FROM reading_key
        JOIN session ON session.agent = reading_key.agent
        WHERE reading_key.key = ANY($1)
            AND (reading_key.link IS NULL OR reading_key.link = session.link)
            AND session.status <> 'erased'
        ON CONFLICT (session, key) DO NOTHING",
        keys,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// News is new to every key of the agent but the one that made it.
async fn insert_news(connection: &mut PgConnection, news: &BTreeMap<(Uuid, Option<Uuid>), i64>) -> sqlx::Result<()> {
    let sessions: Vec<Uuid> = news.keys().map(|(session, _)| *session).collect();
    let by: Vec<Option<Uuid>> = news.keys().map(|(_, by)| *by).collect();
    let sequences: Vec<i64> = news.values().copied().collect();
    sqlx::query!(
        "INSERT INTO unread (session, key, agent, link, shard, since)
        SELECT session.id, reading_key.key, session.agent, session.link, session.shard, min(new.sequence)
        FROM UNNEST($1::UUID[], $2::UUID[], $3::BIGINT[]) AS new (session, by, sequence)
        -- OFFSET 0 keeps the order: from a session to its agent's keys, never from the keys to all sessions of the agent.
        CROSS JOIN LATERAL (SELECT * FROM session WHERE session.id = new.session OFFSET 0) AS session
        CROSS JOIN LATERAL (SELECT * FROM reading_key WHERE reading_key.agent = session.agent OFFSET 0) AS reading_key
        WHERE reading_key.key IS DISTINCT FROM new.by
            AND (reading_key.link IS NULL OR reading_key.link = session.link)
            AND session.status <> 'erased'
        GROUP BY session.id, reading_key.key, session.agent, session.link, session.shard
        ON CONFLICT (session, key) DO NOTHING",
        &sessions,
        &by as &[Option<Uuid>],
        &sequences,
    )
    .execute(connection)
    .await?;
    Ok(())
}

/// What a key has read on in starts at the first news after its mark, or is not new any more.
async fn look_again(connection: &mut PgConnection, sessions: &[Uuid], keys: &[Uuid]) -> sqlx::Result<()> {
    let no_news = NO_NEWS.map(str::to_owned);
    sqlx::query!(
        "WITH read AS MATERIALIZED (
            SELECT read_mark.session, read_mark.key, (
                SELECT event.sequence
                FROM event
                WHERE event.session = read_mark.session
                    AND event.sequence > read_mark.upto
                    AND event.key IS DISTINCT FROM read_mark.key
                    AND event.type <> ALL($3)
                ORDER BY event.sequence, event.index
                LIMIT 1
            ) AS since
            FROM UNNEST($1::UUID[], $2::UUID[]) AS marked (session, key)
            CROSS JOIN LATERAL (
                SELECT *
                FROM read_mark
                WHERE read_mark.session = marked.session
                    AND read_mark.key = marked.key
                OFFSET 0
            ) AS read_mark
        ),
        gone AS (
            DELETE FROM unread
            USING read
            WHERE unread.session = read.session
                AND unread.key = read.key
                AND read.since IS NULL
        )
        UPDATE unread
        SET since = read.since
        FROM read
        WHERE unread.session = read.session
            AND unread.key = read.key
            AND read.since <> unread.since",
        sessions,
        keys,
        &no_news,
    )
    .execute(connection)
    .await?;
    Ok(())
}
