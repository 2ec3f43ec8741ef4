//! What an operator's supervisor, balancer and poolers do: a process that is told to stop, servers that come later, a pooler between.

use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use servers::Running;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::{Instant, sleep};
use url::Url;

use crate::support::{Agent, Installation, PgBouncer, Process, free_port, until};

/// What a balancer sees of a gateway.
async fn looked_at(url: &str, path: &str) -> Option<(u16, Value)> {
    // A new connection each time, as health checks make.
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let answer = client.get(format!("{url}{path}")).send().await.ok()?;
    Some((answer.status().as_u16(), answer.json().await.unwrap_or_default()))
}

/// Tells which part is missing.
fn missing(readiness: &Value) -> &str {
    let parts = readiness["parts"].as_array().map(Vec::as_slice).unwrap_or_default();
    parts.iter().find(|part| part["ready"] == false).map_or("", |part| part["name"].as_str().unwrap())
}

#[tokio::test]
async fn a_gateway_that_is_to_stop_says_so_while_it_still_serves() {
    let installation = Installation::shared();
    let arguments = ["serve", "gateway", "--listen", "127.0.0.1:0"];
    let gateway = Process::start_with(installation.folder(), &arguments, &[("TEMPCHAT_DRAIN_SECONDS", "4")]);
    let url = gateway.url().unwrap().to_owned();
    let link = installation.agent().await.link(json!({})).await;
    let chatter = installation.visitor().enter(&link).await.at(&url);
    let mut stream = chatter.follow(None).await;
    stream.begins().await;
    assert_eq!(looked_at(&url, "/readyz").await.unwrap().0, 200);

    let began = Instant::now();
    let balancer = async {
        let mut noticed = None;
        let mut served_until = began;
        while let Some((status, readiness)) = looked_at(&url, "/readyz").await {
            if status == 503 {
                assert_eq!(missing(&readiness), "service", "{readiness}");
                noticed.get_or_insert_with(Instant::now);
                // Whoever comes all the same is served.
                if let Some((status, _)) = looked_at(&url, "/").await {
                    assert_eq!(status, 200);
                    served_until = Instant::now();
                }
            }
            sleep(Duration::from_millis(100)).await;
        }
        (noticed.expect("it is told"), served_until)
    };
    let page = async {
        stream.rest().await;
        Instant::now()
    };
    let (code, (noticed, served_until), page_left) = tokio::join!(gateway.terminate(), balancer, page);
    assert_eq!(code.code(), Some(0));
    assert!(served_until - noticed >= Duration::from_secs(2), "{:?}", served_until - noticed);
    // Streams are sent away when balancers know, and before the door is shut.
    assert!(page_left - noticed >= Duration::from_secs(1) && page_left < served_until + Duration::from_millis(500));
}

#[tokio::test]
async fn who_waits_at_a_terminal_does_not_wait_for_balancers() {
    let installation = Installation::shared();
    let arguments = ["serve", "gateway", "--listen", "127.0.0.1:0"];
    let gateway = Process::start_with(installation.folder(), &arguments, &[("TEMPCHAT_DRAIN_SECONDS", "600")]);
    assert_eq!(gateway.interrupt().await.code(), Some(0));
}

/// Lets a port lead to a server from here on.
async fn opens<S>(port: u16, server: impl AsyncFn() -> std::io::Result<S> + Send + 'static)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + 'static,
{
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    tokio::task::spawn_local(async move {
        let server = std::rc::Rc::new(server);
        while let Ok((mut client, _)) = listener.accept().await {
            let server = server.clone();
            tokio::task::spawn_local(async move {
                let mut server = server().await.unwrap();
                let _ended = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
}

#[tokio::test]
async fn servers_that_come_later_are_waited_for() {
    let installation = Installation::shared();
    let running = Running::on(&installation.data()).unwrap();
    let (mut nats, mut postgres): (Url, Url) =
        (running.nats_url.unwrap().parse().unwrap(), running.database_url.unwrap().parse().unwrap());
    let log = (nats.host_str().unwrap().to_owned(), nats.port().unwrap());
    let socket = postgres.query_pairs().find(|(name, _)| name == "host").unwrap().1.into_owned();
    let socket = format!("{socket}/.s.PGSQL.{}", postgres.port().unwrap());
    let (log_port, rows_port, listen) = (free_port(), free_port(), free_port());
    nats.set_host(Some("127.0.0.1")).unwrap();
    nats.set_port(Some(log_port)).unwrap();
    postgres.set_query(None);
    postgres.set_host(Some("127.0.0.1")).unwrap();
    postgres.set_port(Some(rows_port)).unwrap();

    let start = |nats: &str| {
        let arguments = ["serve", "gateway", "--listen", &format!("127.0.0.1:{listen}")];
        let mut command = Process::command(installation.folder(), &arguments);
        command.env("NATS_URL", nats).env("DATABASE_URL", postgres.as_str()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap();
        installation.folder().keep(child.id());
        child
    };
    let url = format!("http://127.0.0.1:{listen}");
    let waits_for = async |part: &str, detail: &str| {
        until(&format!("it waits for {part}"), async || {
            let (status, readiness) = looked_at(&url, "/readyz").await?;
            (status == 503 && missing(&readiness) == part && readiness.to_string().contains(detail)).then_some(())
        })
        .await;
    };
    let stops = async |mut child: std::process::Child| {
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).unwrap();
        until("its end", async || child.try_wait().unwrap()).await.code()
    };

    // A name that nobody knows yet.
    let child = start("nats://log.invalid:4222");
    waits_for("log", "DNS").await;
    assert_eq!(stops(child).await, Some(0), "it may be stopped while it waits");

    let local = tokio::task::LocalSet::new();
    local
        .run_until(async {
            let child = start(nats.as_str());
            waits_for("log", "refused").await;
            assert_eq!(looked_at(&url, "/healthz").await.unwrap().0, 200);
            let (status, problem) = looked_at(&url, "/api/v1/sessions/ses_a").await.unwrap();
            assert_eq!((status, problem["code"].as_str()), (503, Some("unavailable")));
            opens(log_port, async move || TcpStream::connect((log.0.as_str(), log.1)).await).await;
            waits_for("postgres", "refused").await;
            opens(rows_port, async move || UnixStream::connect(&socket).await).await;
            until("all is there", async || (looked_at(&url, "/readyz").await?.0 == 200).then_some(())).await;
            let elsewhere = Agent::connect(&url, installation.key()).await;
            elsewhere.link(json!({})).await;
            assert_eq!(stops(child).await, Some(0));
        })
        .await;
}

#[tokio::test]
async fn a_pooler_of_transactions_is_refused_by_name_and_one_of_sessions_works() {
    let installation = Installation::shared();
    let database = Running::on(&installation.data()).unwrap().database_url.unwrap();
    for pool_mode in ["transaction", "statement"] {
        let pooler = PgBouncer::before(&database, pool_mode).await;
        let started =
            Process::command(installation.folder(), &["serve", "worker"]).env("DATABASE_URL", pooler.url()).output().unwrap();
        let said = String::from_utf8(started.stderr).unwrap();
        assert!(!started.status.success() && said.contains("pool_mode = session"), "{pool_mode}: {said}");
    }
    let pooler = PgBouncer::before(&database, "session").await;
    let arguments = ["serve", "gateway", "--listen", "127.0.0.1:0"];
    let gateway = Process::start_with(installation.folder(), &arguments, &[("DATABASE_URL", pooler.url())]);
    let agent = Agent::connect(gateway.url().unwrap(), installation.key()).await;
    let link = agent.link(json!({})).await;
    let chatter = installation.visitor().at(gateway.url().unwrap()).enter(&link).await;
    chatter.say("Through a pooler").await;
    agent.hears(&link, "Through a pooler").await;
    assert_eq!(gateway.interrupt().await.code(), Some(0));
}
