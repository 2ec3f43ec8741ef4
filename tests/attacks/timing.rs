//! What is refused must not tell by its time what there is: made-up credentials of what exists and of what does not.

use std::time::{Duration, Instant};

use data_encoding::BASE32_NOPAD;
use http::Method;
use rand::RngExt;
use serde_json::json;

use crate::support::{Installation, Visitor, send, token_of, uuid};

/// Pairs of one of what exists and one of what does not.
const PAIRS: usize = 5_000;
/// Pairs of hand-off codes, of each of which a person has few tries.
const HANDOFF_PAIRS: usize = 400;
/// From where on a guesser learns something: 0.5 is a coin.
const MOST: f64 = 0.55;

fn base32(bytes: &[u8]) -> String {
    BASE32_NOPAD.encode(bytes).to_lowercase()
}

fn random(length: usize) -> String {
    let mut bytes = vec![0; length];
    rand::rng().fill(bytes.as_mut_slice());
    base32(&bytes)
}

/// How well the times tell the two kinds apart: the chance that one of the first kind took longer than one of the second.
#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn auc(first: &[Duration], second: &[Duration]) -> f64 {
    let mut all: Vec<_> = first.iter().map(|took| (*took, true)).chain(second.iter().map(|took| (*took, false))).collect();
    all.sort_unstable();
    let (mut smaller, mut pairs) = (0_u64, 0_u64);
    for (_, is_first) in all {
        if is_first {
            pairs += smaller;
        } else {
            smaller += 1;
        }
    }
    let auc = pairs as f64 / (first.len() as f64 * second.len() as f64);
    auc.max(1.0 - auc)
}

/// Asks for both kinds in turns, and each first as often as the other.
async fn compare(what: &str, pairs: usize, mut ask: impl AsyncFnMut(usize, bool) -> Duration) {
    let (mut there, mut not) = (Vec::with_capacity(pairs), Vec::with_capacity(pairs));
    for n in 0..pairs {
        for exists in [n % 2 == 0, n % 2 == 1] {
            let took = ask(n, exists).await;
            if exists { there.push(took) } else { not.push(took) }
        }
    }
    let auc = auc(&there, &not);
    there.sort_unstable();
    not.sort_unstable();
    println!("{what}: AUC {auc:.3} over {pairs} pairs; medians {:?} and {:?}", there[pairs / 2], not[pairs / 2]);
    assert!(auc <= MOST, "{what}: {auc:.3}");
}

async fn timed(request: reqwest::RequestBuilder, status: u16) -> Duration {
    let began = Instant::now();
    let answer = send(request).await;
    let took = began.elapsed();
    assert_eq!(answer.status, status, "{}", answer.text());
    took
}

fn knock(visitor: &Visitor, key: &str) -> reqwest::RequestBuilder {
    let request = visitor.request(Method::GET, "/api/v1/agent/events").bearer_auth(key);
    request.header("accept", "text/event-stream")
}

#[tokio::test]
async fn a_refusal_takes_its_time_whether_or_not_there_is_something() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let visitor = installation.visitor();
    let known = agent.id().strip_prefix("agt_").unwrap().to_owned();
    for agent in [known, random(16)] {
        let took = timed(knock(&visitor, &format!("tc_1_{agent}_{}_{}", random(16), random(32))), 401).await;
        assert!(took >= Duration::from_millis(30), "{took:?}");
    }
    let phone = installation.visitor().enter(&agent.link(json!({})).await).await;
    let code = phone.post("/handoff", &json!({})).await.expect(200)["code"].as_str().unwrap().to_owned();
    let near = format!("{}{}", &code[..7], if code.ends_with('0') { '1' } else { '0' });
    for guess in [near.as_str(), "00000000"] {
        let body = json!({"client_id": uuid(), "handoff_code": guess});
        let took = timed(visitor.request(Method::POST, "/api/v1/sessions").json(&body), 404).await;
        assert!(took >= Duration::from_millis(100), "{took:?}");
    }
}

#[tokio::test]
#[ignore = "thousands of pairs take minutes"]
async fn long_no_credential_tells_by_its_time_what_there_is() {
    const MANY: &str = "{burst=1000000,per_minute=1000000}";
    let installation = Installation::set_up(&[
        ("TEMPCHAT_LIMITS_FAILED_KEYS", MANY),
        ("TEMPCHAT_LIMITS_UNTAGGED_KEYS", MANY),
        ("TEMPCHAT_LIMITS_MADE_UP_TOKENS", MANY),
        ("TEMPCHAT_LIMITS_MADE_UP_CREDENTIALS", MANY),
        ("TEMPCHAT_LIMITS_FREE_HANDOFF_CODES", "1000000"),
        ("TEMPCHAT_LIMITS_FREE_HANDOFF_CODES_OF_NETWORK", "1000000"),
    ]);
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 50})).await;
    let chatter = installation.visitor().enter(&link).await;
    let known = agent.id().strip_prefix("agt_").unwrap().to_owned();
    let mut visitor = installation.visitor();

    for (version, secret) in [(1, 32), (2, 48)] {
        compare(&format!("API keys of form {version}"), PAIRS, async |n, exists| {
            // Each address may try so many keys.
            if n % 200 == 0 {
                visitor = installation.visitor();
                visitor.get("/healthz").await;
            }
            let agent = if exists { known.clone() } else { random(16) };
            timed(knock(&visitor, &format!("tc_{version}_{agent}_{}_{}", random(16), random(secret))), 401).await
        })
        .await;
    }
    let token = token_of(&link).to_owned();
    compare("link tokens", PAIRS, async |n, exists| {
        // Each address may look at so many links.
        if n % 40 == 0 {
            visitor = installation.visitor();
            visitor.get("/healthz").await;
        }
        let made_up = if exists { format!("{}{}", &token[..token.len() - 26], random(16)) } else { random(49) };
        timed(visitor.request(Method::POST, "/api/v1/links/inspect").json(&json!({"token": made_up})), 404).await
    })
    .await;
    compare("session credentials", PAIRS, async |_, exists| {
        let session = if exists { chatter.session.clone() } else { format!("ses_{}", random(16)) };
        let request = visitor.request(Method::GET, &format!("/api/v1/sessions/{session}"));
        timed(request.header("cookie", format!("tc={}", random(65))), 401).await
    })
    .await;
    let mut code = String::new();
    compare("hand-off codes", HANDOFF_PAIRS, async |n, exists| {
        // Each address has five tries, and so has each code.
        if n % 2 == 0 {
            visitor = installation.visitor();
            visitor.get("/healthz").await;
            code = chatter.post("/handoff", &json!({})).await.expect(200)["code"].as_str().unwrap().to_owned();
        }
        let letters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ".as_bytes();
        let half = || (0..4).map(|_| char::from(letters[rand::rng().random_range(0..32)])).collect::<String>();
        let guess = if exists { format!("{}{}", &code[..4], half()) } else { format!("{}{}", half(), half()) };
        let body = json!({"client_id": uuid(), "handoff_code": guess});
        timed(visitor.request(Method::POST, "/api/v1/sessions").json(&body), 404).await
    })
    .await;
}
