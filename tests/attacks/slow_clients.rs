//! Clients that are slow, silent or deaf: each is let go of in bounded time, and everybody else is served meanwhile.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{Agent, Chatter, Folder, Installation, Process, RawConnection, Visitor, until};

/// How long a slow client may hold a connection: the service gives 20 s, and a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(40);
/// How long a written piece may stay unread: the service gives a minute.
const UNREAD: Duration = Duration::from_secs(150);

/// Sends bytes one at a time until the other end has had enough; then it is closed.
async fn drip(url: &str, first: String, then: &'static str) -> Duration {
    let mut connection = RawConnection::connect(url).await;
    connection.write(&first).await;
    let began = Instant::now();
    let dripping = async {
        loop {
            if !connection.write(then).await || connection.has_ended().await {
                return;
            }
        }
    };
    timeout(PATIENCE, dripping).await.unwrap_or_else(|_| panic!("{first:?} holds a connection for more than {PATIENCE:?}"));
    began.elapsed()
}

/// What each door is sent slowly.
fn slow_bodies(url: &str, agent: &Agent, chatter: &Chatter) -> Vec<String> {
    let host = url.strip_prefix("http://").unwrap();
    let post = |path: &str, proof: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\n{proof}Content-Length: 100000\r\n\r\n{{"
        )
    };
    let (cookie, key) = (format!("Cookie: tc={}\r\n", chatter.secret()), format!("Authorization: Bearer {}\r\n", agent.key()));
    let of_session = ["messages", "answers", "typing", "read", "end"];
    let mut bodies: Vec<_> =
        of_session.iter().map(|door| post(&format!("/api/v1/sessions/{}/{door}", chatter.session), &cookie)).collect();
    bodies.extend([post("/api/v1/links/inspect", ""), post("/api/v1/sessions", ""), post("/mcp", &key), post("/mcp", "")]);
    bodies
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drips_or_says_nothing_is_let_go_of_and_honest_people_are_served() {
    let installation = Installation::shared();
    let url = installation.url();
    let agent = installation.agent().await;
    let chatter = installation.visitor().enter(&agent.link(json!({})).await).await;
    let honest = installation.visitor().enter(&agent.link(json!({})).await).await;
    let mut attacks = Vec::new();
    for n in 0..40_u32 {
        let head = if n.is_multiple_of(2) { "GET /healthz HTTP/1.1\r\nHost: a\r\nX: ".to_owned() } else { "\r\n".to_owned() };
        attacks.push(drip(url, head, "x"));
    }
    let bodies = slow_bodies(url, &agent, &chatter);
    let doors = bodies.len();
    attacks.extend(bodies.into_iter().map(|body| drip(url, body, " ")));
    let silent = async {
        let mut silent = Vec::new();
        for _ in 0..40 {
            silent.push(RawConnection::connect(url).await);
        }
        let began = Instant::now();
        timeout(PATIENCE, join_all(silent.iter_mut().map(RawConnection::is_closed))).await.expect("silent sockets are closed");
        began.elapsed()
    };
    let attack = async { tokio::join!(join_all(attacks), silent) };
    let served = async {
        let mut slowest = Duration::ZERO;
        for n in 0..4 {
            let began = Instant::now();
            honest.say(&format!("Number {n}")).await;
            slowest = slowest.max(began.elapsed());
            sleep(Duration::from_millis(6_100)).await;
        }
        slowest
    };
    let ((dripped, silent), slowest) = tokio::join!(attack, served);
    println!(
        "closed after at most {:?} (heads, and bodies at {doors} doors) and {silent:?} (silence); an honest message took {slowest:?}",
        dripped.into_iter().max().unwrap()
    );
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it waits for minutes that the service gives to readers"]
async fn long_readers_that_never_read_are_let_go_of() {
    let folder = Folder::new();
    let metrics = format!("127.0.0.1:{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
    let listen = [("TEMPCHAT_METRICS_LISTEN", metrics.as_str())];
    let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &listen);
    let url = process.url().unwrap();
    let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
    let agent = Agent::connect(url, key.trim()).await;
    let chatter = Visitor::new(url).enter(&agent.link(json!({})).await).await;
    // More than sockets hold, and fewer than an agent may say within a minute: letters of four bytes each.
    for n in 0..110 {
        agent.say(&chatter.session, &format!("{n} {}", "😀".repeat(7_900))).await;
    }
    let operator = Visitor::new(&format!("http://{metrics}"));
    let connections = async || {
        let metrics = operator.get("/metrics").await;
        let open = metrics.text().lines().find_map(|line| line.strip_prefix("tempchat_http_connections ")).unwrap().to_owned();
        open.trim().parse::<f64>().unwrap()
    };
    let before = connections().await;
    let host = url.strip_prefix("http://").unwrap();
    let mut deaf = Vec::new();
    for path in ["/events", "/transcript?format=html", "/transcript?format=json"] {
        let mut connection = RawConnection::connect(url).await;
        let get = format!(
            "GET /api/v1/sessions/{}{path} HTTP/1.1\r\nHost: {host}\r\nCookie: tc={}\r\n\r\n",
            chatter.session,
            chatter.secret()
        );
        connection.write(&get).await;
        deaf.push(connection);
    }
    until("the deaf are there", async || (connections().await >= before + 3.0).then_some(())).await;
    let began = Instant::now();
    let gone = until("the deaf are let go of", async || (connections().await <= before).then_some(()));
    timeout(UNREAD, gone).await.expect("readers that never read are let go of");
    println!("readers that never read were let go of after {:?}", began.elapsed());
    drop(deaf);
    assert_eq!(process.interrupt().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a flood of two thousand connections"]
async fn long_memory_is_given_back_after_a_flood() {
    let folder = Folder::new();
    let process = Process::start(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"]);
    let url = process.url().unwrap();
    let host = url.strip_prefix("http://").unwrap();
    let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
    let flood = async |count: usize| {
        let body = format!("{{\"token\":\"{}\"}}", "x".repeat(100_000));
        let post = format!(
            "POST /api/v1/links/inspect HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "temp_chat_create_link", "arguments": {"title": "x".repeat(100_000)}}})
        .to_string();
        let mcp = format!(
            "POST /mcp HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n\r\n{call}",
            key.trim(),
            call.len()
        );
        let one = async |n: usize| {
            let mut connection = RawConnection::connect(url).await;
            for _ in 0..3 {
                connection.write(if n.is_multiple_of(2) { &post } else { &mcp }).await;
                connection.read(Duration::from_millis(200)).await;
            }
            connection
        };
        join_all((0..count).map(one)).await
    };
    // What an ordinary day brings is there before: caches, pools, threads.
    drop(flood(50).await);
    Visitor::new(url).get("/healthz").await;
    sleep(Duration::from_secs(15)).await;
    let before = process.memory();
    let connections = flood(2_000).await;
    let during = process.memory();
    drop(connections);
    let mut least = during;
    let began = Instant::now();
    let mib = |bytes: u64| bytes / 1_048_576;
    while began.elapsed() < Duration::from_mins(2) && least > before + before / 10 {
        sleep(Duration::from_secs(2)).await;
        least = least.min(process.memory());
    }
    println!("{} MiB before, {} MiB during, {} MiB {:?} after", mib(before), mib(during), mib(least), began.elapsed());
    assert!(least <= before + before / 10, "{} MiB before, {} MiB during, {} MiB after", mib(before), mib(during), mib(least));
    assert_eq!(process.interrupt().await.code(), Some(0));
}
