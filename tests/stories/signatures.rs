//! Tokens by every kind of signature, and the keys that hold them against: rotated, withdrawn, far too many, slow to come, or not at all.

use data_encoding::BASE64URL_NOPAD;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Authority, Folder, Mood, Process, Signer, Stream, Visitor, now, send, soon, until};

/// A service that trusts an authorization server, and an agent of it.
struct Scene {
    authority: Authority,
    _folder: Folder,
    process: Process,
    agent: Agent,
}

impl Scene {
    async fn start(signers: &[&Signer]) -> Self {
        let authority = Authority::start(signers).await;
        let folder = Folder::new();
        let _already = rustls::crypto::ring::default_provider().install_default();
        let trusted = [("TEMPCHAT_AUTHORIZATION_SERVER", authority.issuer.as_str())];
        let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &trusted);
        let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
        let agent = Agent::connect(process.url().unwrap(), key.trim()).await;
        Self { authority, _folder: folder, process, agent }
    }

    fn url(&self) -> &str {
        self.process.url().unwrap()
    }

    fn claims(&self) -> Value {
        self.authority.claims(&self.agent.id(), &format!("{}/mcp", self.url()), "read")
    }

    /// Presents a token at the agents' door.
    async fn knock(&self, token: &str) -> Answer {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = Visitor::new(self.url()).request(Method::POST, "/mcp");
        send(request.header("accept", "application/json, text/event-stream").bearer_auth(token).json(&call)).await
    }

    /// Presents a token to listen.
    async fn listen(&self, token: &str) -> reqwest::Response {
        let request = Visitor::new(self.url()).request(Method::GET, "/api/v1/agent/events?from=now");
        soon("a stream", request.bearer_auth(token).send()).await.unwrap()
    }

    /// What a client is told that is to come back with another token.
    fn challenge(&self, error: &str, why: &str) -> String {
        format!(
            "Bearer realm=\"tempchat\", error=\"{error}\", error_description=\"{why}\", \
             resource_metadata=\"{}/.well-known/oauth-protected-resource/mcp\"",
            self.url()
        )
    }

    /// Expects that a token is refused at both doors alike, and why.
    async fn refuses(&self, what: &str, token: &str, why: &str) {
        let listening = Answer::read(self.listen(token).await).await;
        for answer in [self.knock(token).await, listening] {
            assert_eq!(answer.header("www-authenticate"), Some(self.challenge("invalid_token", why).as_str()), "{what}");
            answer.refused(401, "key_invalid");
        }
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn every_usual_signature_is_good_and_none_passes_for_another() {
    let (ed, rsa, ec) = (Signer::new("ed", 1), Signer::rsa("rsa"), Signer::ec("ec"));
    let scene = Scene::start(&[&ed, &rsa, &ec]).await;
    let good = scene.claims();
    for signer in [&ed, &rsa, &ec] {
        let (algorithm, sign) = (signer.algorithm(), |claims: Value| signer.sign(&claims));
        assert_eq!(scene.knock(&sign(good.clone())).await.status, 200, "{algorithm:?}");
        for (name, value, why) in [
            ("exp", json!(now() - 60), "The token has expired."),
            ("nbf", json!(now() + 120), "The token is not good yet."),
            ("aud", json!("https://elsewhere.example/mcp"), "The token is for another service."),
            ("iss", json!("https://elsewhere.example"), "The token is of another issuer."),
            ("sub", Value::Null, "The token cannot be read."),
        ] {
            scene.refuses(&format!("{algorithm:?} {name}"), &sign(with(good.clone(), name, value)), why).await;
        }
        let named = |kid: &str| Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
        let unknown = "The token is signed with a key that its issuer does not have.";
        scene.refuses("no such key", &signer.sign_as(&named("unknown"), &good), unknown).await;
        // Another key's name: of another kind, or of none that signs so.
        for other in [&ed, &rsa, &ec].into_iter().filter(|other| other.algorithm() != algorithm) {
            let token = signer.sign_as(&named(other.kid()), &good);
            scene.refuses("another's name", &token, "The token is signed in a way that its key is not for.").await;
        }
        // The public key, in all its forms, as a secret that both would share.
        let public = signer.public();
        for part in ["n", "x", "y"].iter().filter_map(|part| public[part].as_str()) {
            for secret in [part.as_bytes().to_vec(), BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()] {
                for shared in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                    let header = Header { kid: Some(signer.kid().to_owned()), ..Header::new(shared) };
                    let token = encode(&header, &good, &EncodingKey::from_secret(&secret)).unwrap();
                    scene.refuses("a shared secret", &token, "The token is not signed with a public key.").await;
                }
            }
        }
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let unsigned = format!("{}.{}.", part(&json!({"alg": "none", "kid": signer.kid()})), part(&good));
        scene.refuses("no signature", &unsigned, "This is neither an API key nor a token.").await;
        let (body, signature) = sign(good.clone()).rsplit_once('.').map(|(body, tag)| (body.to_owned(), tag.to_owned())).unwrap();
        for tag in
            [String::new(), signature.replace(|letter: char| letter.is_ascii_alphanumeric(), "A"), signature[1..].to_owned()]
        {
            assert_eq!(scene.knock(&format!("{body}.{tag}")).await.status, 401, "{algorithm:?} {tag}");
        }
    }
    // An RSA key that is published for RS256 signs nothing else.
    let other = rsa.sign_as(&Header { kid: Some("rsa".to_owned()), ..Header::new(Algorithm::PS256) }, &good);
    scene.refuses("PS256", &other, "The token is signed in a way that its key is not for.").await;

    let long = with(good.clone(), "padding", json!("x".repeat(5_000)));
    assert_eq!(scene.knock(&ed.sign(&long)).await.status, 200, "some servers tell much in a token");
    let endless = with(good.clone(), "padding", json!("x".repeat(40_000)));
    assert_eq!(scene.knock(&ed.sign(&endless)).await.status, 431);
    let answer = Answer::read(scene.listen(&ed.sign(&with(good, "scope", json!("links:write")))).await).await;
    let challenge = scene.challenge("insufficient_scope", "This stream needs a key with read.");
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
    answer.refused(403, "scope_missing");
}

#[tokio::test]
async fn keys_are_rotated_and_withdrawn_within_seconds() {
    let (old, new) = (Signer::rsa("2025"), Signer::ec("2026"));
    let scene = Scene::start(&[&old]).await;
    let claims = scene.claims();
    assert_eq!(scene.knock(&old.sign(&claims)).await.status, 200);
    scene.authority.publish(&[&new]);
    let renewed = until("a new key", async || {
        let token = new.sign(&scene.claims());
        (scene.knock(&token).await.status == 200).then_some(token)
    });
    let renewed = renewed.await;
    let unknown = "The token is signed with a key that its issuer does not have.";
    scene.refuses("a withdrawn key", &old.sign(&scene.claims()), unknown).await;

    // What is known stays good, whatever becomes of the server.
    for mood in [Mood::Fails, Mood::Hangs, Mood::Floods] {
        scene.authority.takes_to(mood);
        assert_eq!(scene.knock(&renewed).await.status, 200, "{mood:?}");
    }
}

#[tokio::test]
async fn without_the_servers_keys_nobody_is_let_in_and_nobody_is_sent_away_for_good() {
    let signer = Signer::ec("one");
    let scene = Scene::start(&[&signer]).await;
    for mood in [Mood::Hangs, Mood::Floods, Mood::Fails] {
        scene.authority.takes_to(mood);
        let answer = scene.knock(&signer.sign(&scene.claims())).await;
        assert_eq!(answer.header("www-authenticate"), None, "another token would help nobody");
        // A server that hangs is waited for, but not as long as a request may take: that would be told as `timed_out`.
        answer.refused(503, "unavailable");
    }
    assert_eq!(scene.knock(scene.agent.key()).await.status, 200, "API keys ask nobody");
    scene.authority.takes_to(Mood::Answers);
    until("the server's keys", async || (scene.knock(&signer.sign(&scene.claims())).await.status == 200).then_some(())).await;
    scene.authority.takes_to(Mood::Floods);
    assert_eq!(scene.knock(&signer.sign(&scene.claims())).await.status, 200);
}

#[tokio::test]
async fn a_stream_lasts_as_long_as_its_token() {
    let signer = Signer::rsa("one");
    let scene = Scene::start(&[&signer]).await;
    let link = scene.agent.link(json!({})).await;
    let chatter = Visitor::new(scene.url()).enter(&link).await;
    // What was heard by now is no news any more.
    chatter.follow(None).await.find("session_started").await;
    let lasting = with(scene.claims(), "exp", json!(now() + 600));
    let mut lasting = Stream::new(scene.listen(&signer.sign(&lasting)).await);
    lasting.begins().await;
    // Clocks may differ by half a minute, which leaves five seconds to begin in.
    let ending = until("a stream whose token is about to end", async || {
        let token = signer.sign(&with(scene.claims(), "exp", json!(now() - 25)));
        Some(scene.listen(&token).await).filter(|response| response.status() == 200)
    });
    let mut ending = Stream::new(ending.await);
    ending.begins().await;
    assert_eq!(ending.next().await, None, "it ends though nothing happens");
    chatter.say("Still there?").await;
    assert_eq!(lasting.next().await.unwrap()["data"]["text"], "Still there?");
}
