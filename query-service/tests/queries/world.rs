//! Real servers, the schema, and rows as the projector writes them.

use std::sync::atomic::{AtomicU64, Ordering};

use domain::link::{Settings, TextSetting};
use domain::session::{Author, Event};
use domain::{Address, AgentId, CommandId, KeyId, LinkId, Policy, QuestionId, SessionId, Timestamp};
use nats::{AnyEvent, Backbone, DataKey, Field, Options, Position, Secrets, settings_from_bytes, settings_to_bytes};
use query_service::{Freshness, Queries};
use servers::{DataDir, NatsOptions, NatsServer, Postgres, PostgresOptions};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, PgPool};

/// The rows as they are.
pub(crate) const ANY: Freshness = Freshness::at_least(0);

pub(crate) struct World {
    pub(crate) backbone: Backbone,
    pub(crate) pool: PgPool,
    pub(crate) queries: Queries,
    /// The stream sequence of the next row; all rows here are of one shard.
    next: AtomicU64,
    _nats: NatsServer,
    _postgres: Postgres,
}

impl World {
    pub(crate) async fn start() -> Self {
        let data = DataDir::temporary().unwrap();
        let nats = NatsServer::start(&data, NatsOptions { sync_always: false, ..NatsOptions::default() }).await.unwrap();
        let postgres = Postgres::start(&data, PostgresOptions { durable: false, ..PostgresOptions::default() }).await.unwrap();
        let options = Options { shards: 2, shard_bytes: 64 << 20, ..Options::new(nats.url(), Secrets::generate()) };
        let backbone = Backbone::connect(options).await.unwrap();
        let pool = PgPool::connect(postgres.url()).await.unwrap();
        migrations::run(&pool).await.unwrap();
        let queries = Queries::new(pool.clone(), backbone.clone());
        Self { backbone, pool, queries, next: AtomicU64::new(1), _nats: nats, _postgres: postgres }
    }

    /// Runs one statement as the owner of everything.
    pub(crate) async fn sql(&self, statement: impl Into<String>) {
        sqlx::query(AssertSqlSafe(statement.into())).execute(&self.pool).await.unwrap();
    }

    /// Says that the rows of an agent's shard have taken in `sequence`.
    pub(crate) async fn reach(&self, agent: AgentId, sequence: u64) {
        self.sql(self.checkpoint(agent, sequence)).await;
    }

    pub(crate) fn checkpoint(&self, agent: AgentId, sequence: u64) -> String {
        let shard = self.backbone.shard_of(agent);
        let (epoch, nothing) = (self.backbone.epoch(shard), "00".repeat(32));
        format!(
            "INSERT INTO checkpoint (projection, shard, epoch, sequence, running_hash, previous_hash, held_until, hash_format)
             VALUES ('rows', {shard}, '\\x{epoch}', {sequence}, '\\x{nothing}', '\\x{nothing}', 0, 2)
             ON CONFLICT (projection, shard) DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence"
        )
    }

    /// Takes the next sequence of the log.
    pub(crate) fn sequence(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn position(&self, agent: AgentId, sequence: u64, index: u16) -> Position {
        Position { shard: self.backbone.shard_of(agent), sequence, index }
    }

    /// Writes an agent with one key and a webhook.
    pub(crate) async fn agent(&self, agent: AgentId, name: &str) {
        let (id, shard, sequence) = (uuid(agent.bytes()), self.backbone.shard_of(agent), self.sequence());
        self.sql(format!(
            "INSERT INTO agent (id, shard, name, registered_at, webhook_url, webhook_with_text, webhook_rotation, sequence)
             VALUES ('{id}', {shard}, '{name}', now(), 'https://hook.example', false, 2, {sequence})"
        ))
        .await;
        let key = uuid(key(agent).bytes());
        self.sql(format!(
            "INSERT INTO agent_key (id, agent, shard, name, issued_at, sequence)
             VALUES ('{key}', '{id}', {shard}, 'laptop', now(), {sequence})"
        ))
        .await;
    }

    /// Writes an open link whose every text is its own name; ends in an hour.
    pub(crate) async fn link(&self, agent: AgentId, link: LinkId) -> u64 {
        let (address, sequence) = (Address::link(agent, link), self.sequence());
        let key = self.backbone.keys().create(address).await.unwrap();
        let seal = |text: TextSetting| key.seal(&address, command(0), Field::Setting(text), 0, text.name());
        let end: i64 = sqlx::query_scalar("SELECT (extract(epoch FROM now() + INTERVAL '1 hour') * 1000)::BIGINT")
            .fetch_one(&self.pool)
            .await
            .unwrap();
        let settings: Settings = Settings {
            purpose: Some(seal(TextSetting::Purpose)),
            description: Some(seal(TextSetting::Description)),
            welcome_message: Some(seal(TextSetting::WelcomeMessage)),
            agent_name: Some(seal(TextSetting::AgentName)),
            passcode: Some(seal(TextSetting::Passcode)),
            max_sessions_at_once: 3,
            language: Some("de".to_owned()),
            allowed_origins: vec!["https://shop.example".to_owned()],
            ..Settings::usual(seal(TextSetting::Title), Timestamp(end), &Policy::default())
        };
        sqlx::query(
            "INSERT INTO link (
                id, agent, shard, status, title, agent_name, settings, expires_at, rotation, admitted, places_taken, opened_at,
                opened_sequence, ends_sessions, sequence
             ) VALUES ($1, $2, $3, 'active', $4, $5, $6, to_timestamp($7 / 1000.0), 1, 2, 1, now(), $8, false, $8)",
        )
        .bind(uuid(link.bytes()))
        .bind(uuid(agent.bytes()))
        .bind(i32::from(self.backbone.shard_of(agent).0))
        .bind(settings.title.bytes.to_vec())
        .bind(settings.agent_name.as_ref().map(|name| name.bytes.to_vec()))
        .bind(settings_to_bytes(&settings))
        .bind(end)
        .bind(i64::try_from(sequence).unwrap())
        .execute(&self.pool)
        .await
        .unwrap();
        sequence
    }

    /// Changes the settings of every link, in their document alone.
    pub(crate) async fn change_settings(&self, change: impl Fn(&mut Settings)) {
        let rows: Vec<(Uuid, Vec<u8>)> = sqlx::query_as("SELECT id, settings FROM link").fetch_all(&self.pool).await.unwrap();
        for (id, document) in rows {
            let mut settings = settings_from_bytes(&document).unwrap();
            change(&mut settings);
            let changed = sqlx::query("UPDATE link SET settings = $2 WHERE id = $1").bind(id).bind(settings_to_bytes(&settings));
            changed.execute(&self.pool).await.unwrap();
        }
    }

    /// Writes an active session with the words `display_name` and `feedback`; ends in an hour.
    pub(crate) async fn session(&self, agent: AgentId, link: LinkId, session: SessionId) -> u64 {
        let (address, sequence) = (Address::session(agent, session), self.sequence());
        let key = self.backbone.keys().create(address).await.unwrap();
        sqlx::query(
            "INSERT INTO session (
                id, agent, link, shard, status, display_name, feedback, language, started_at, started_sequence, expires_at,
                max_messages, messages_per_minute, idle_timeout_ms, keep_after_end_ms, chatter_messages, agent_messages,
                last_word_at, sequence
             ) VALUES (
                $1, $2, $3, $4, 'active', $5, $6, 'fr', now(), $7, now() + INTERVAL '1 hour', 5, 10, 1800000, 86400000, 2, 1,
                now(), $7
             )",
        )
        .bind(uuid(session.bytes()))
        .bind(uuid(agent.bytes()))
        .bind(uuid(link.bytes()))
        .bind(i32::from(self.backbone.shard_of(agent).0))
        .bind(sealed(&key, address, Field::DisplayName, "display_name"))
        .bind(sealed(&key, address, Field::Feedback, "feedback"))
        .bind(i64::try_from(sequence).unwrap())
        .execute(&self.pool)
        .await
        .unwrap();
        sequence
    }

    /// Writes a commit of as many messages as there are `texts`, by the chatter or by the agent's key.
    pub(crate) async fn say(&self, at: Talk, from: Author, texts: &[&str]) -> u64 {
        let (address, sequence) = (Address::session(at.agent, at.session), self.sequence());
        let key = self.backbone.keys().create(address).await.unwrap();
        for (text, index) in texts.iter().zip(0_u16..) {
            let text = key.seal(&address, command(sequence), Field::Message, 0, text);
            self.event(
                at,
                sequence,
                index,
                from,
                Event::MessagePosted { from, text, kind: None, client_message_id: None, signs: None },
            )
            .await;
        }
        sequence
    }

    /// Writes one event of a session.
    pub(crate) async fn event(&self, at: Talk, sequence: u64, index: u16, by: Author, event: Event) {
        let event = AnyEvent::Session(event);
        let (actor, key) = match by {
            Author::Chatter => ("chatter", None),
            Author::Agent(key) => ("agent", Some(uuid(key.bytes()))),
            Author::System => ("timer", None),
        };
        sqlx::query(
            "INSERT INTO event (shard, sequence, index, agent, link, session, at, type, actor, key, command, body)
             VALUES ($1, $2, $3, $4, $5, $6, now(), $7, $8, $9, $10, $11)",
        )
        .bind(i32::from(self.backbone.shard_of(at.agent).0))
        .bind(i64::try_from(sequence).unwrap())
        .bind(i32::from(index))
        .bind(uuid(at.agent.bytes()))
        .bind(uuid(at.link.bytes()))
        .bind(uuid(at.session.bytes()))
        .bind(event.wire_name())
        .bind(actor)
        .bind(key)
        .bind(uuid(command(sequence).bytes()))
        .bind(event.to_bytes())
        .execute(&self.pool)
        .await
        .unwrap();
        let session = uuid(at.session.bytes());
        self.sql(format!("UPDATE session SET sequence = {sequence} WHERE id = '{session}'")).await;
        if by != Author::Agent(self::key(at.agent)) {
            let (id, agent, link) = (uuid(self::key(at.agent).bytes()), uuid(at.agent.bytes()), uuid(at.link.bytes()));
            let shard = self.backbone.shard_of(at.agent);
            self.sql(format!(
                "INSERT INTO unread (session, key, agent, link, shard, since)
                 VALUES ('{session}', '{id}', '{agent}', '{link}', {shard}, {sequence})
                 ON CONFLICT DO NOTHING"
            ))
            .await;
        }
    }

    /// Writes that the chatter, or a key, has read up to `upto`.
    pub(crate) async fn read(&self, at: Talk, key: Option<KeyId>, upto: u64) {
        sqlx::query(
            "INSERT INTO read_mark (session, key, agent, link, shard, upto, at, sequence)
             VALUES ($1, $2, $3, $4, $5, $6, now(), $6)",
        )
        .bind(uuid(at.session.bytes()))
        .bind(key.map(|key| uuid(key.bytes())))
        .bind(uuid(at.agent.bytes()))
        .bind(uuid(at.link.bytes()))
        .bind(i32::from(self.backbone.shard_of(at.agent).0))
        .bind(i64::try_from(upto).unwrap())
        .execute(&self.pool)
        .await
        .unwrap();
        let Some(key) = key.map(|key| uuid(key.bytes())) else { return };
        let session = uuid(at.session.bytes());
        let next = format!(
            "SELECT min(sequence) FROM event WHERE session = '{session}' AND sequence > {upto} AND key IS DISTINCT FROM '{key}'"
        );
        self.sql(format!("DELETE FROM unread WHERE session = '{session}' AND key = '{key}' AND ({next}) IS NULL")).await;
        self.sql(format!("UPDATE unread SET since = ({next}) WHERE session = '{session}' AND key = '{key}'")).await;
    }

    /// Writes a question of three fields, of which the first is answered.
    pub(crate) async fn ask(&self, at: Talk, question: QuestionId) {
        let (id, session) = (uuid(question.bytes()), uuid(at.session.bytes()));
        let (agent, link, shard) = (uuid(at.agent.bytes()), uuid(at.link.bytes()), self.backbone.shard_of(at.agent));
        self.sql(format!(
            "INSERT INTO question (id, session, agent, link, shard, asked_at, fields, required, answered, answers, closed, sequence)
             VALUES ('{id}', '{session}', '{agent}', '{link}', {shard}, now(), 3, 7, 1, 1, false, 1)"
        ))
        .await;
    }
}

/// Where something is said.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Talk {
    pub(crate) agent: AgentId,
    pub(crate) link: LinkId,
    pub(crate) session: SessionId,
}

/// The `n`th session of the `link`th link of the first agent.
pub(crate) const fn talk(link: u8, n: u8) -> Talk {
    Talk { agent: agent(1), link: LinkId::new([link; 16]), session: SessionId::new([n; 16]) }
}

pub(crate) const fn agent(n: u8) -> AgentId {
    AgentId::new([n; 16])
}

pub(crate) const fn link(n: u8) -> LinkId {
    LinkId::new([n; 16])
}

pub(crate) const fn session(n: u8) -> SessionId {
    SessionId::new([n; 16])
}

/// The one key that an agent has.
pub(crate) const fn key(agent: AgentId) -> KeyId {
    KeyId::new(*agent.bytes())
}

pub(crate) fn uuid(bytes: &[u8; 16]) -> Uuid {
    Uuid::from_bytes(*bytes)
}

fn command(sequence: u64) -> CommandId {
    CommandId::new((u128::from(sequence) + 1_000).to_be_bytes())
}

fn sealed(key: &DataKey, owner: Address, field: Field, text: &str) -> Vec<u8> {
    key.seal(&owner, command(0), field, 0, text).bytes.to_vec()
}
