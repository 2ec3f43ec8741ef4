//! A log, its rows, and links that come and go.

#![cfg(test)]

use command_service::{Commands, End, Join, Joined, NewLink, worker};
use domain::session::EndReason;
use domain::{Address, AgentId, LinkId, Millis, Policy, SessionId};
use follower::Follower;
use nats::{Actor, Backbone, Options, Secrets, Shard};
use projector::Projector;
use pruning::{Pruned, Pruner, Settings};
use servers::{DataDir, NatsOptions, NatsServer};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

/// A log with everything that ends, erases and prunes.
struct World {
    backbone: Backbone,
    commands: Commands,
    pool: PgPool,
    rows: Follower,
    stop: CancellationToken,
    _nats: NatsServer,
}

impl World {
    async fn start(shard_bytes: i64) -> Self {
        let data = DataDir::temporary().unwrap();
        let nats = NatsServer::start(&data, NatsOptions { sync_always: false, ..NatsOptions::default() }).await.unwrap();
        let options = Options { shards: 1, shard_bytes, ..Options::new(nats.url(), Secrets::generate()) };
        let (backbone, pool) = (Backbone::connect(options).await.unwrap(), testbed::database().await);
        let policy = Policy {
            shortest_lifetime: Millis(0),
            starts_per_minute: 10_000,
            messages_per_minute: 10_000,
            agent_messages_per_minute: 10_000,
            ..Policy::default()
        };
        let (commands, stop) = (Commands::new(backbone.clone(), policy), CancellationToken::new());
        let rows = Projector::start(&backbone, &pool, &stop);
        tokio::spawn(worker::run(commands.clone(), pool.clone(), stop.clone()));
        Self { backbone, commands, pool, rows, stop, _nats: nats }
    }

    fn pruner(&self) -> Pruner {
        Pruner::new(&self.backbone, &self.pool, Settings { after: Millis(0), archive: None })
    }

    async fn agent(&self) -> AgentId {
        self.commands.register_agent("Ada").await.unwrap().0
    }

    /// Opens a link and starts a chat on it.
    async fn chat(&self, agent: AgentId, idempotency_key: Option<&str>) -> (LinkId, SessionId) {
        let new = NewLink {
            max_sessions_at_once: 50,
            messages_per_minute: 10_000,
            keep_after_end: Millis(0),
            ..NewLink::usual("The weather".to_owned(), End::In(Millis::minutes(60)), &Policy::default())
        };
        let (link, _) = self.commands.create_link(agent, Actor::Operator, new, idempotency_key).await.unwrap();
        let join = Join {
            agent,
            link,
            rotation: 0,
            network: None,
            recipient: None,
            client_id: "someone".to_owned(),
            display_name: None,
            passcode: None,
            language: None,
            start_new: false,
            holds: None,
        };
        match self.commands.join(&join).await.unwrap() {
            Joined::Started(session, _) | Joined::Existing(session) => (link, session),
        }
    }

    async fn say(&self, agent: AgentId, session: SessionId, id: &str, text: &str) {
        self.commands.post(Address::session(agent, session), Actor::Chatter, id, text).await.unwrap();
    }

    /// Ends a chat and its link, and waits for their erasure.
    async fn erase(&self, agent: AgentId, link: LinkId, session: SessionId) {
        self.commands.end(Address::session(agent, session), Actor::Operator, EndReason::AgentEnded, None).await.unwrap();
        self.commands.revoke_link(agent, Actor::Operator, link, true, None).await.unwrap();
        let erased = format!("SELECT count(*) FROM link WHERE id = '{}' AND erased_at IS NOT NULL", uuid(link));
        self.until(&erased, 1).await;
    }

    async fn until(&self, count: &str, wanted: i64) {
        while self.count(count).await != wanted {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn count(&self, count: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(count.to_owned())).fetch_one(&self.pool).await.unwrap()
    }

    /// Waits until the rows have come to the log's end.
    async fn rows_are_there(&self) {
        for shard in self.backbone.shards() {
            let end = self.backbone.end(shard).await.unwrap();
            assert_eq!(self.rows.reached(shard, end).await.stopped, None);
        }
    }

    /// Lists every row of the read models, without what a rebuild numbers anew.
    async fn dump(&self) -> String {
        self.rows_are_there().await;
        self.dump_of(&["agent", "agent_key", "link", "session", "admission", "question", "read_mark", "receipt", "event"]).await
            + &self.sums().await
    }

    /// Lists the sums that figures are made of.
    async fn sums(&self) -> String {
        self.rows_are_there().await;
        self.dump_of(&["session_sum", "session_duration", "link_sum"]).await
    }

    async fn dump_of(&self, tables: &[&str]) -> String {
        let mut dump = String::new();
        for table in tables {
            let rows = format!("SELECT coalesce(string_agg(row::TEXT, E'\\n' ORDER BY row::TEXT), '') FROM {table} AS row");
            let rows: String = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&self.pool).await.unwrap();
            dump.extend([*table, "\n", &rows, "\n"]);
        }
        dump
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn uuid(link: LinkId) -> String {
    sqlx::types::Uuid::from_bytes(*link.bytes()).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_pruned_log_are_the_same_made_again() {
    let world = World::start(64 << 20).await;
    let agent = world.agent().await;
    let (stays, staying) = world.chat(agent, None).await;
    world.say(agent, staying, "1", "Still here").await;
    for n in 0..5 {
        let (link, session) = world.chat(agent, None).await;
        world.say(agent, session, "1", "Forget me").await;
        world.say(agent, staying, &format!("2{n}"), "In between").await;
        world.erase(agent, link, session).await;
    }
    let sums = world.sums().await;
    let pruned = world.pruner().prune(|_| {}).await.unwrap();
    assert_eq!((pruned.links, pruned.sessions), (5, 5));
    let before = world.dump().await;
    assert_eq!(world.sums().await, sums);
    assert_eq!(world.count("SELECT count(*) FROM link").await, 1);
    assert_eq!(world.count("SELECT sum(sessions)::BIGINT FROM session_sum").await, 5);
    projector::rebuild(&world.backbone, &world.pool, Shard(0), |_| {}).await.unwrap();
    assert_eq!(world.dump().await, before);
    let verified = world.backbone.verify(Shard(0), &[]).await.unwrap();
    assert_eq!(verified.pruned, pruned.commits);
    assert_eq!(world.pruner().prune(|_| {}).await.unwrap(), Pruned::default());
    assert!(world.commands.link(agent, stays).await.unwrap().settings.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_a_crash_cut_off_is_finished_by_the_next_process() {
    let world = World::start(64 << 20).await;
    let agent = world.agent().await;
    let mut pruner = world.pruner();
    assert_eq!(pruner.prune(|_| {}).await.unwrap(), Pruned::default());
    let (link, session) = world.chat(agent, None).await;
    world.erase(agent, link, session).await;
    let commits = world.backbone.prunable(Address::link(agent, link)).await.unwrap().expect("it is erased");
    // The record is there, and the process is gone.
    let whole = nats::WholeLink { commits: commits.iter().map(|commit| (commit.sequence, commit.leaf)).collect(), day: 0 };
    let links = vec![nats::PrunedLink { agent, link, whole: Some(whole), sessions: vec![] }];
    let record = nats::Pruning::Links { at: command_service::clock::now(), links };
    world.backbone.record_pruning(Shard(0), 0, &record).await.unwrap();
    world.rows_are_there().await;
    assert_eq!(world.backbone.verify(Shard(0), &[]).await.unwrap().pruned, 0);
    pruner.prune(|_| {}).await.unwrap();
    assert_eq!(world.backbone.verify(Shard(0), &[]).await.unwrap().pruned, commits.len() as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_some_reader_of_the_log_has_not_read_stays_and_it_is_told_which() {
    let world = World::start(64 << 20).await;
    let agent = world.agent().await;
    let (link, session) = world.chat(agent, None).await;
    world.erase(agent, link, session).await;
    world.rows_are_there().await;
    let stale =
        "INSERT INTO checkpoint (projection, shard, epoch, sequence, running_hash, previous_hash, held_until, hash_format)
        SELECT 'webhooks', shard, epoch, 1, running_hash, previous_hash, 0, 2 FROM checkpoint";
    sqlx::query(stale).execute(&world.pool).await.unwrap();
    let error = world.pruner().prune(|_| {}).await.unwrap_err();
    assert!(error.to_string().starts_with("shard 0: webhooks have read the log to 1 only"), "{error}");
    assert_eq!(world.backbone.verify(Shard(0), &[]).await.unwrap().pruned, 0);
    sqlx::query("DELETE FROM checkpoint WHERE projection = 'webhooks'").execute(&world.pool).await.unwrap();
    assert_eq!(world.pruner().prune(|_| {}).await.unwrap().links, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_whose_last_commit_was_pruned_goes_on_from_its_leaf() {
    let world = World::start(64 << 20).await;
    let agent = world.agent().await;
    let (link, session) = world.chat(agent, None).await;
    world.erase(agent, link, session).await;
    world.rows_are_there().await;
    world.stop.cancel();
    world.rows.finished().await;
    let commits = world.backbone.prunable(Address::link(agent, link)).await.unwrap().expect("it is erased");
    assert_eq!(commits.last().unwrap().sequence, world.backbone.end(Shard(0)).await.unwrap(), "the rows stand at what goes");
    let whole = nats::WholeLink { commits: commits.iter().map(|commit| (commit.sequence, commit.leaf)).collect(), day: 0 };
    let links = vec![nats::PrunedLink { agent, link, whole: Some(whole), sessions: vec![] }];
    let record = nats::Pruning::Links { at: command_service::clock::now(), links };
    let recorded = world.backbone.record_pruning(Shard(0), 0, &record).await.unwrap();
    world.backbone.purge(Address::link(agent, link)).await.unwrap();

    let stop = CancellationToken::new();
    let rows = Projector::start(&world.backbone, &world.pool, &stop);
    assert_eq!(rows.reached(Shard(0), recorded).await.stopped, None);
    assert_eq!(world.count("SELECT count(*) FROM link").await, 0);
    stop.cancel();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_lives_through_three_times_its_limit_without_a_refused_word() {
    const LIMIT: u64 = 400_000;
    let world = World::start(LIMIT.try_into().unwrap()).await;
    let agent = world.agent().await;
    let (_, staying) = world.chat(agent, None).await;
    let text = "word ".repeat(500);
    let (mut said, mut n) = (0, 0_u32);
    while said < 3 * LIMIT {
        let (link, session) = world.chat(agent, None).await;
        for message in ["1", "2", "3", "4", "5", "6", "7", "8"] {
            world.say(agent, session, message, &text).await;
            said += text.len() as u64;
        }
        world.say(agent, staying, &n.to_string(), "Still here").await;
        world.erase(agent, link, session).await;
        world.pruner().prune(|_| {}).await.unwrap();
        n += 1;
        assert!(world.backbone.fullness().await.unwrap() < 0.9);
    }
    let verified = world.backbone.verify(Shard(0), &[]).await.unwrap();
    assert!(verified.pruned > u64::from(n) * 10, "{verified:?}");
    assert_eq!(world.count("SELECT sum(sessions)::BIGINT FROM session_sum").await, i64::from(n));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_derived_again_is_refused_by_a_process_that_never_knew_it() {
    let world = World::start(64 << 20).await;
    let agent = world.agent().await;
    // This one has looked before there was such a link, and knows that there is none.
    let early = Commands::new(world.backbone.clone(), Policy::default());
    let derived = nats::Derived::new(world.backbone.secrets()).link(agent, "once");
    assert_eq!(early.link(agent, derived).await.unwrap().status, domain::link::Status::Unknown);
    let (link, session) = world.chat(agent, Some("once")).await;
    assert_eq!(link, derived);
    world.erase(agent, link, session).await;
    world.pruner().prune(|_| {}).await.unwrap();
    let fresh = Commands::new(world.backbone.clone(), Policy::default());
    let new = NewLink::usual("The weather".to_owned(), End::In(Millis::minutes(60)), &Policy::default());
    for commands in [&world.commands, &fresh, &early] {
        let refused = commands.create_link(agent, Actor::Operator, new.clone(), Some("once")).await.unwrap_err();
        assert!(matches!(refused, command_service::Refusal::Link(domain::link::Rejection::Erased)), "{refused}");
        assert!(world.backbone.keys().get(Address::link(agent, link)).await.unwrap().is_none(), "no key is left for it");
        let refused = commands.post(Address::session(agent, session), Actor::Chatter, "9", "Hello?").await.unwrap_err();
        assert!(matches!(refused, command_service::Refusal::Session(domain::session::Rejection::Erased)), "{refused}");
    }
    // A backup of the keys from before the erasure is put back.
    world.backbone.keys().create(Address::link(agent, link)).await.unwrap();
    assert_eq!(command_service::finish_erasures(&fresh).await.unwrap(), 1);
    assert!(world.backbone.keys().get(Address::link(agent, link)).await.unwrap().is_none());
}
