//! Every table, seen by every role: rows by policy, columns by grant, and nothing at all without a context.

use std::fmt::Write as _;

use domain::session::Author;
use domain::{QuestionId, Timestamp};
use query_service::{EventsError, Filter, KeyUse, Queries, Range, Scope, SessionFilter, Viewer};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, PgPool};

use crate::world::{ANY, Talk, World, agent, key, link, session, talk, uuid};

/// Two agents; the first has two sessions, the other one.
async fn two_agents() -> World {
    let world = World::start().await;
    world.agent(agent(1), "Ada").await;
    world.agent(agent(9), "Bob").await;
    world.link(agent(1), link(1)).await;
    world.link(agent(9), link(9)).await;
    let bobs = Talk { agent: agent(9), link: link(9), session: session(9) };
    for talk in [talk(1, 1), talk(1, 2), bobs] {
        world.session(talk.agent, talk.link, talk.session).await;
        world.say(talk, Author::Chatter, &["hello"]).await;
        world.ask(talk, QuestionId::new([1; 16])).await;
        world.read(talk, None, 1).await;
        let (id, agent, link, shard) =
            (uuid(talk.session.bytes()), uuid(talk.agent.bytes()), uuid(talk.link.bytes()), world.backbone.shard_of(talk.agent));
        world
            .sql(format!(
                "INSERT INTO scheduled (target_kind, target, purpose, agent, link, shard, due_at, version)
                 VALUES ('session', '{id}', 'expire', '{agent}', '{link}', {shard}, now(), 1)"
            ))
            .await;
        world
            .sql(format!(
                "INSERT INTO admission
                 VALUES ('{id}', '{agent}', '{link}', {shard}, false, 1)"
            ))
            .await;
        world.sql(format!("INSERT INTO key_use VALUES ('{id}', '{agent}', now())")).await;
        let sequence = world.sequence();
        world
            .sql(format!(
                "INSERT INTO dead_letter (shard, sequence, agent, target_kind, target, types)
                 VALUES ({shard}, {sequence}, '{agent}', 'session', '{id}', 'session.sang')"
            ))
            .await;
    }
    world.reach(agent(1), 1).await;
    world
}

/// What a role sees of a table: the number of rows, or `-` where it may not even ask.
async fn seen(world: &World, role: &str, context: &str, table: &str) -> String {
    let mut transaction = world.pool.begin().await.unwrap();
    let (agent, session) = (uuid(agent(1).bytes()), uuid(session(1).bytes()));
    let settings = match context {
        "" => String::new(),
        "agent" => format!("SET LOCAL app.agent = '{agent}';"),
        "link" => format!("SET LOCAL app.agent = '{agent}'; SET LOCAL app.link = '{}';", uuid(link(7).bytes())),
        "session" => format!("SET LOCAL app.agent = '{agent}'; SET LOCAL app.session = '{session}';"),
        other => panic!("no such context: {other}"),
    };
    sqlx::raw_sql(AssertSqlSafe(format!("{settings} SET LOCAL ROLE {role}"))).execute(&mut *transaction).await.unwrap();
    match sqlx::query_scalar::<_, i64>(AssertSqlSafe(format!("SELECT count(*) FROM {table}"))).fetch_one(&mut *transaction).await
    {
        Ok(rows) => rows.to_string(),
        Err(error) => {
            assert_eq!(
                error.as_database_error().and_then(|error| error.code().map(Into::into)),
                Some("42501".to_owned()),
                "{error}"
            );
            "-".to_owned()
        }
    }
}

#[tokio::test]
async fn every_role_sees_its_own_rows_of_every_table() {
    let world = two_agents().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_sqlx_migrations' ORDER BY tablename",
    )
    .fetch_all(&world.pool)
    .await
    .unwrap();

    let mut matrix = format!("{:<28}", "");
    for table in &tables {
        write!(matrix, " {table}").unwrap();
    }
    let cases = [
        ("tempchat_writer", ""),
        ("tempchat_agent_reader", ""),
        ("tempchat_agent_reader", "agent"),
        ("tempchat_agent_reader", "link"),
        ("tempchat_agent_reader", "session"),
        ("tempchat_session_reader", ""),
        ("tempchat_session_reader", "agent"),
        ("tempchat_session_reader", "session"),
        ("tempchat_analyst", ""),
        ("tempchat_analyst", "session"),
    ];
    for (role, context) in cases {
        write!(matrix, "\n{:<20} {context:<7}", role.trim_start_matches("tempchat_")).unwrap();
        for table in &tables {
            write!(matrix, " {:>width$}", seen(&world, role, context, table).await, width = table.len()).unwrap();
        }
    }
    insta::assert_snapshot!(matrix, @r"
                                 admission agent agent_key checkpoint dead_letter event key_use link link_sum question read_mark receipt reports_seen scheduled session session_duration session_sum token_key unread webhook_delivery webhook_endpoint
    writer                               3     2         2          1           3     3       3    2        0        3         3       0            0         3       3                0           0         0      3                0                0
    agent_reader                         -     0         0          1           -     0       -    0        0        0         0       0            -         -       0                0           0         0      0                -                -
    agent_reader         agent           -     1         1          1           -     2       -    1        0        2         2       0            -         -       2                0           0         0      2                -                -
    agent_reader         link            -     1         0          1           -     0       -    0        0        0         0       0            -         -       0                0           0         0      0                -                -
    agent_reader         session         -     1         1          1           -     2       -    1        0        2         2       0            -         -       2                0           0         0      2                -                -
    session_reader                       -     0         -          1           -     0       -    0        -        0         0       -            -         -       0                -           -         -      -                -                -
    session_reader       agent           -     0         -          1           -     0       -    0        -        0         0       -            -         -       0                -           -         -      -                -                -
    session_reader       session         -     1         -          1           -     1       -    1        -        1         1       -            -         -       1                -           -         -      -                -                -
    analyst                              -     -         -          1           3     3       -    -        -        -         -       -            -         -       -                -           -         -      -                -                -
    analyst              session         -     -         -          1           3     3       -    -        -        -         -       -            -         -       -                -           -         -      -                -                -
    ");
}

#[tokio::test]
async fn some_columns_are_for_nobody_but_the_agent() {
    let world = two_agents().await;
    let hidden = [("link", "settings"), ("agent", "webhook_url"), ("agent", "webhook_rotation")];
    for (table, column) in hidden {
        let seen = seen(&world, "tempchat_session_reader", "session", &format!("(SELECT {column} FROM {table}) AS t")).await;
        assert_eq!(seen, "-", "{table}.{column}");
    }
    for column in ["body", "actor, body"] {
        let seen = seen(&world, "tempchat_analyst", "", &format!("(SELECT {column} FROM event) AS t")).await;
        assert_eq!(seen, "-", "{column}");
    }
}

#[tokio::test]
async fn an_agent_sees_nothing_of_another_agents() {
    let world = two_agents().await;
    let (queries, stranger) = (&world.queries, agent(9));
    assert_eq!(queries.link(stranger, link(1), ANY).await.unwrap().value, None);
    assert_eq!(queries.session(Viewer::Agent(stranger), session(1), ANY).await.unwrap().value, None);
    let links = queries.links(stranger, None, None, 100, ANY).await.unwrap().value;
    assert_eq!(links.items.iter().map(|link| link.id).collect::<Vec<_>>(), [link(9)]);
    let foreign = SessionFilter { link: Some(link(1)), status: None };
    assert_eq!(queries.sessions(stranger, foreign, None, 100, ANY).await.unwrap().value.items, []);
    for scope in [Scope::Link(link(1)), Scope::Session(session(1))] {
        assert_eq!(queries.open_sessions(stranger, scope, key(stranger), 10, ANY).await.unwrap().value.total, 0);
        let page =
            queries.unacknowledged(stranger, scope, key(agent(1)), &["session.message_posted"], 100, ANY).await.unwrap().value;
        assert!(page.facts.is_empty());
    }
    assert_eq!(queries.agent(stranger, ANY).await.unwrap().value.unwrap().name, "Bob");
}

#[tokio::test]
async fn a_chatter_sees_one_session_and_the_face_of_its_link() -> Result<(), EventsError> {
    let world = two_agents().await;
    let viewer = Viewer::Session(agent(1), session(1));
    let own = world.queries.session(viewer, session(1), ANY).await?.value.unwrap();
    assert_eq!((own.id, own.link), (session(1), link(1)));
    assert_eq!(own.title.as_deref(), Some("title"));
    assert_eq!(own.agent_name.as_deref(), Some("agent_name"));
    assert_eq!(own.open_fields, 2);
    let history = world.queries.events(viewer, session(1), Range::Newest, Filter::default(), 50, ANY).await?.value;
    assert_eq!(history.facts.len(), 1);

    assert_eq!(world.queries.session(viewer, session(2), ANY).await?.value, None);
    assert!(world.queries.events(viewer, session(2), Range::Newest, Filter::default(), 50, ANY).await?.value.facts.is_empty());
    // A session's id under another agent is nobody's.
    let mixed = Viewer::Session(agent(9), session(1));
    assert_eq!(world.queries.session(mixed, session(1), ANY).await?.value, None);
    Ok(())
}

#[tokio::test]
async fn a_login_that_may_do_nothing_by_itself_is_enough() {
    let world = two_agents().await;
    world.sql("CREATE ROLE edge LOGIN NOINHERIT PASSWORD 'edge'").await;
    world.sql("GRANT tempchat_agent_reader, tempchat_session_reader TO edge").await;
    let options = PgConnectOptions::clone(&world.pool.connect_options()).username("edge").password("edge");
    let pool = PgPool::connect_with(options).await.unwrap();
    sqlx::query("SELECT FROM link").execute(&pool).await.unwrap_err();

    let queries = Queries::new(pool, world.backbone.clone());
    assert!(queries.link(agent(1), link(1), ANY).await.unwrap().value.is_some());
    let viewer = Viewer::Session(agent(1), session(1));
    assert!(queries.session(viewer, session(1), ANY).await.unwrap().value.is_some());
    queries.agents().await.unwrap_err();
}

#[tokio::test]
async fn a_key_of_one_link_sees_nothing_of_the_agents_others() {
    let world = two_agents().await;
    let queries = &world.queries;
    world.link(agent(1), link(2)).await;
    let other = talk(2, 3);
    world.session(other.agent, other.link, other.session).await;
    world.say(other, Author::Chatter, &["hello"]).await;
    let viewer = Viewer::OnLink(agent(1), link(2));
    assert_eq!(queries.link(viewer, link(1), ANY).await.unwrap().value, None);
    assert_eq!(queries.session(viewer, session(1), ANY).await.unwrap().value, None);
    let links = queries.links(viewer, None, None, 100, ANY).await.unwrap().value;
    assert_eq!(links.items.iter().map(|link| link.id).collect::<Vec<_>>(), [link(2)]);
    let sessions = queries.sessions(viewer, SessionFilter::default(), None, 100, ANY).await.unwrap().value;
    assert_eq!(sessions.items.iter().map(|session| session.id).collect::<Vec<_>>(), [session(3)]);
    let open = queries.open_sessions(viewer, Scope::Agent, key(agent(1)), 10, ANY).await.unwrap().value;
    assert_eq!(open.total, 1);
    for scope in [Scope::Link(link(1)), Scope::Session(session(1))] {
        assert_eq!(queries.open_sessions(viewer, scope, key(agent(1)), 10, ANY).await.unwrap().value.total, 0);
        assert!(
            queries
                .unacknowledged(viewer, scope, key(agent(1)), &["session.message_posted"], 100, ANY)
                .await
                .unwrap()
                .value
                .facts
                .is_empty()
        );
    }
    let unread =
        queries.unacknowledged(viewer, Scope::Agent, key(agent(1)), &["session.message_posted"], 100, ANY).await.unwrap().value;
    assert!(
        !unread.facts.is_empty()
            && unread.facts.iter().all(|fact| fact.address == domain::Address::session(other.agent, other.session))
    );
}

#[tokio::test]
async fn the_latest_use_of_a_key_is_kept() {
    let world = two_agents().await;
    let used = |at| KeyUse { agent: agent(1), key: key(agent(1)), at: Timestamp(at) };
    // Later than what is there.
    let latest = 4_102_444_800_000;
    for at in [latest, latest - 3_600_000] {
        world.queries.note_key_uses(&[used(at)]).await.unwrap();
    }
    let agents = world.queries.agents().await.unwrap();
    assert_eq!(agents[0].keys[0].used_at, Some(Timestamp(latest)));
}
