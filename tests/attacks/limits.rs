//! Floods: what is made up costs nobody else anything, fifty people behind one address are never refused, and no name gets out of a limit.

use std::net::Ipv4Addr;

use futures_util::{StreamExt as _, stream};
use http::Method;
use serde_json::json;

use crate::support::{Answer, Chatter, Folder, Installation, Process, Visitor, send, token_of};

/// Somebody at an address that others are at too.
fn at(installation: &Installation, last: u8) -> Visitor {
    Visitor::from(installation.url(), Ipv4Addr::new(127, 77, 0, last))
}

/// Asks until something is refused for its number, and tells how many were not.
async fn flood(most: usize, refused_as: &str, mut ask: impl AsyncFnMut() -> Answer) -> usize {
    for count in 0..most {
        let answer = ask().await;
        if answer.status == 429 {
            assert!(answer.header("retry-after").is_some_and(|wait| wait.parse::<u64>().is_ok_and(|wait| wait >= 1)));
            answer.refused(429, refused_as);
            return count;
        }
    }
    panic!("{most} were let through");
}

/// Knocks at `/mcp` with a key.
async fn knock(visitor: &Visitor, key: &str) -> Answer {
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let request = visitor.request(Method::POST, "/mcp").header("accept", "application/json, text/event-stream");
    send(request.bearer_auth(key).json(&call)).await
}

#[tokio::test]
async fn a_stranger_who_makes_things_up_shuts_out_nobody_at_the_same_address() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 9})).await;
    let (stranger, neighbour) = (at(&installation, 1), at(&installation, 1));
    let chatter = neighbour.enter(&link).await;
    let made_up = format!("{}a", &token_of(&link)[..token_of(&link).len() - 1]);
    let made_up = if made_up == token_of(&link) { format!("{}b", &made_up[..made_up.len() - 1]) } else { made_up };
    let refused = flood(200, "too_many_attempts", async || stranger.inspect(&made_up).await).await;
    assert!(refused >= 60, "{refused}");
    flood(9, "too_many_attempts", async || stranger.join(&made_up, json!({})).await).await;
    flood(9, "too_many_attempts", async || stranger.get(&format!("/embed/{made_up}")).await).await;
    let key = "tc_2_aaaaaaaaaaaaaaaaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa_aaaa";
    flood(200, "too_many_attempts", async || knock(&stranger, key).await).await;
    let session = format!("/api/v1/sessions/{}", chatter.session);
    let foreign = async || send(stranger.request(Method::GET, &session).bearer_auth("made up")).await;
    flood(1_000, "too_many_attempts", foreign).await;
    let untagged =
        "tc_1_aaaaaaaaaaaaaaaaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    flood(200, "too_many_attempts", async || knock(&stranger, untagged).await).await;

    // All that is genuine goes on, from the same address.
    neighbour.inspect(token_of(&link)).await.expect(200);
    assert_eq!(neighbour.get(&format!("/embed/{}", token_of(&link))).await.status, 200);
    at(&installation, 1).enter(&link).await;
    chatter.say("Still here").await;
    assert!(knock(&neighbour, installation.key()).await.status.is_success());
    let revoked = installation.json(&["agent", "key", "issue", &agent.id()]);
    let revoked = revoked[0]["key"].as_str().unwrap();
    assert!(knock(&neighbour, revoked).await.status.is_success(), "a key that was never seen at this address");
    // Whoever has no credential at all is told so, however many are made up here.
    neighbour.forgetful().get(&session).await.refused(401, "session_unknown");
}

#[tokio::test]
async fn whoever_floods_one_link_leaves_the_others_of_the_office_alone() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let (flooded, other) = (agent.link(json!({})).await, agent.link(json!({})).await);
    let visitor = at(&installation, 2);
    flood(2_000, "rate_limited", async || visitor.inspect(token_of(&flooded)).await).await;
    at(&installation, 2).enter(&other).await;
    at(&installation, 3).inspect(token_of(&flooded)).await.expect(200);
}

/// One of fifty: looks, joins, listens, types, writes ten messages, polls, and loads the page again.
async fn an_honest_visit(visitor: Visitor, token: String) {
    let page = visitor.get(&format!("/temp-chat/{token}")).await;
    assert_eq!(page.status, 200);
    visitor.inspect(&token).await.expect(200);
    let joined = visitor.join(&token, json!({"display_name": "Kim"})).await;
    assert_eq!(joined.status, 201, "{}", joined.text());
    let chatter = Chatter::of(visitor.clone(), &joined);
    let mut stream = chatter.follow(None).await;
    stream.begins().await;
    for word in 0..10 {
        assert_eq!(chatter.post("/typing", &json!({"typing": true})).await.status, 204);
        chatter.say(&format!("Word {word}")).await;
    }
    let page = chatter.get("/messages?limit=100").await.expect(200);
    let read = chatter.post("/read", &json!({"upto": page["next_cursor"]})).await;
    assert_eq!(read.status, 204, "{}", read.text());
    // Again, as after a reload.
    visitor.inspect(&token).await.expect(200);
    chatter.get("").await.expect(200);
    let mut again = chatter.follow(None).await;
    again.begins().await;
}

/// Lets so many in at a time as a small machine answers within its time; the limits see them within seconds.
async fn come(visits: impl Iterator<Item = impl Future<Output = ()>>) {
    let come = stream::iter(visits).buffer_unordered(16).count().await;
    assert_eq!(come, 50);
}

#[tokio::test]
async fn fifty_honest_people_behind_one_address_are_never_refused() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    // Half of them were sent one link, the others another.
    let settings = json!({"max_sessions_at_once": 50, "messages_per_minute": 10});
    let links = [agent.link(settings.clone()).await, agent.link(settings).await];
    let visits = (0..50_usize).map(|who| an_honest_visit(at(&installation, 4), token_of(&links[who % 2]).to_owned()));
    come(visits).await;
}

#[tokio::test]
async fn fifty_people_with_one_link_in_one_room_are_never_refused() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 50})).await;
    come((0..50).map(|_| an_honest_visit(at(&installation, 5), token_of(&link).to_owned()))).await;
}

#[tokio::test]
async fn every_answer_tells_how_the_limits_stand() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({})).await;
    let visitor = installation.visitor();
    let told = |answer: &Answer| {
        let (limit, policy) =
            (answer.header("ratelimit").unwrap().to_owned(), answer.header("ratelimit-policy").unwrap().to_owned());
        let (name, rest) = limit.split_once(";r=").unwrap();
        let (left, until) = rest.split_once(";t=").unwrap();
        let (same, rest) = policy.split_once(";q=").unwrap();
        let (quota, window) = rest.split_once(";w=").unwrap();
        assert_eq!(name, same);
        let whole = |text: &str| text.split(';').next().unwrap().parse::<u64>().unwrap();
        assert!(whole(left) <= whole(quota) && whole(until) <= whole(window).max(1), "{limit} | {policy}");
        (name.trim_matches('"').to_owned(), whole(left))
    };
    let looks = [visitor.inspect(token_of(&link)).await, visitor.inspect(token_of(&link)).await];
    let [(name, left), (_, less)] = [told(&looks[0]), told(&looks[1])];
    assert_eq!(name, "link_visits_from_address");
    assert!(less < left, "{less} {left}");
    assert_eq!(told(&visitor.inspect("made up").await).0, "made_up_tokens");
    let chatter = visitor.enter(&link).await;
    assert_eq!(told(&chatter.get("").await).0, "session_requests");
    assert_eq!(told(&chatter.post("/typing", &json!({"typing": true})).await).0, "session_typing");
    assert_eq!(told(&knock(&visitor, installation.key()).await).0, "key_requests");
    for path in ["/api/v1/nothing", "/api/v1/agent/events", "/api/v1/sessions/ses_x"] {
        told(&visitor.get(path).await);
    }
    told(&visitor.post("/mcp", &json!({})).await);
    let refused = flood(100, "rate_limited", async || {
        let answer = chatter.post("/typing", &json!({"typing": true})).await;
        if answer.status == 429 {
            assert_eq!(told(&answer), ("session_typing".to_owned(), 0));
        }
        answer
    });
    refused.await;
}

/// Looks with a made-up token through a proxy that names the client in its own way.
async fn look(process: &Process, header: &str, value: &str) -> u16 {
    let visitor = Visitor::new(process.url().unwrap());
    let request = visitor.request(Method::POST, "/api/v1/links/inspect").header(header, value);
    send(request.json(&json!({"token": "made up"}))).await.status.as_u16()
}

#[tokio::test]
async fn an_address_is_one_client_however_a_proxy_writes_it() {
    let folder = Folder::new();
    let _already = rustls::crypto::ring::default_provider().install_default();
    let settings = [("TEMPCHAT_PROXIES", "1"), ("TEMPCHAT_LIMITS_MADE_UP_TOKENS", "{burst=3,per_minute=1}")];
    let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &settings);
    let exhausted = async |header: &str, values: &[&str]| {
        for value in values.iter().cycle().take(3) {
            assert_eq!(look(&process, header, value).await, 404, "{header}: {value}");
        }
        for value in values {
            assert_eq!(look(&process, header, value).await, 429, "{header}: {value}");
        }
    };
    exhausted("x-forwarded-for", &["203.0.113.9:54321", "203.0.113.9", "6.6.6.6, 203.0.113.9:1", "\"203.0.113.9\""]).await;
    exhausted("forwarded", &["for=198.51.100.7;proto=http", "For=\"198.51.100.7:4711\"", "for=6.6.6.6, for=198.51.100.7"]).await;
    exhausted("x-forwarded-for", &["[2001:db8::1]:443", "2001:db8::2", "\"[2001:db8::3]:80\""]).await;
    assert_eq!(look(&process, "x-forwarded-for", "\"[2001:db8:1::1]\"").await, 404, "another site");
    // What names nobody counts together, and as nobody else.
    exhausted("x-forwarded-for", &["unknown", "_hidden", "203.0.113.9 or so"]).await;
    assert_eq!(look(&process, "forwarded", "for=_hidden").await, 429);
    assert_eq!(look(&process, "x-forwarded-for", "198.51.100.8:1").await, 404);
}

#[tokio::test]
async fn limits_are_the_operators_and_what_is_no_limit_is_named() {
    let start = |name: &str, value: &str| {
        let folder = Folder::new();
        let output =
            Process::command(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"]).env(name, value).output().unwrap();
        assert!(!output.status.success(), "{name}={value}");
        // The environment is written in capitals, and told so.
        String::from_utf8(output.stderr).unwrap().to_lowercase()
    };
    let told = start("TEMPCHAT_LIMITS_VISITORS", "{burst=1,per_minute=1}");
    assert!(told.contains("visitors") && told.contains("visits"), "{told}");
    let told = start("TEMPCHAT_LIMITS_VISITS", "{burst=0,per_minute=1}");
    assert!(told.contains("visits") && told.contains("burst"), "{told}");
    let told = start("TEMPCHAT_LIMITS_FREE_PASSCODES", "many");
    assert!(told.contains("free_passcodes"), "{told}");
}

#[tokio::test]
async fn operators_see_which_limit_has_refused_how_many() {
    let folder = Folder::new();
    let _already = rustls::crypto::ring::default_provider().install_default();
    let metrics = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let arguments = ["up", "--listen", "127.0.0.1:0", "--no-demo", "--metrics-listen", &metrics];
    let rare = [("TEMPCHAT_LIMITS_SESSION_TYPING", "{burst=1,per_minute=1}")];
    let process = Process::start_with(&folder, &arguments, &rare);
    let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
    let agent = crate::support::Agent::connect(process.url().unwrap(), key.trim()).await;
    let chatter = Visitor::new(process.url().unwrap()).enter(&agent.link(json!({})).await).await;
    let typing = json!({"typing": true});
    assert_eq!(chatter.post("/typing", &typing).await.status, 204);
    for _ in 0..3 {
        chatter.post("/typing", &typing).await.refused(429, "rate_limited");
    }
    let shows = async || {
        let shown = reqwest::get(format!("http://{metrics}/metrics")).await.unwrap().text().await.unwrap();
        let has = |line: &str| shown.lines().any(|shown| shown == line);
        let all = has("tempchat_limit_refusals_total{limit=\"session_typing\"} 3")
            && has("tempchat_limit_refusals_total{limit=\"visits\"} 0")
            && has("tempchat_limit_refusals_total{limit=\"free_passcodes\"} 0")
            && has("tempchat_limit_tracked{limit=\"session_typing\"} 1");
        all.then_some(())
    };
    crate::support::until("the metrics of the limits", shows).await;
}
