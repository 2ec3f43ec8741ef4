//! Tokens of an authorization server: what it signed for us is let in, and nothing else.

use data_encoding::BASE64URL_NOPAD;
use http::Method;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Authority, Folder, Process, Signer, Visitor, now, send};

/// A service that trusts an authorization server, and an agent of it.
struct Scene {
    authority: Authority,
    signer: Signer,
    folder: Folder,
    process: Process,
    agent: Agent,
}

impl Scene {
    async fn start() -> Self {
        let signer = Signer::new("one", 1);
        let authority = Authority::start(&[&signer]).await;
        let folder = Folder::new();
        let _already = rustls::crypto::ring::default_provider().install_default();
        let trusted = [("TEMPCHAT_AUTHORIZATION_SERVER", authority.issuer.as_str())];
        let process = Process::start_with(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"], &trusted);
        let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap();
        let agent = Agent::connect(process.url().unwrap(), key.trim()).await;
        Self { authority, signer, folder, process, agent }
    }

    fn url(&self) -> &str {
        self.process.url().unwrap()
    }

    fn claims(&self, scope: &str) -> Value {
        self.authority.claims(&self.agent.id(), &format!("{}/mcp", self.url()), scope)
    }

    async fn knock(&self, token: &str) -> Answer {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = Visitor::new(self.url()).request(Method::POST, "/mcp");
        send(request.header("accept", "application/json, text/event-stream").bearer_auth(token).json(&call)).await
    }
}

fn with(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

#[tokio::test]
async fn a_token_acts_for_the_agent_it_names_within_its_scopes() {
    let scene = Scene::start().await;
    let link = scene.agent.link(json!({})).await;
    let chatter = Visitor::new(scene.url()).enter(&link).await;
    chatter.say("Hello").await;
    let holder = Agent::connect(scene.url(), &scene.signer.sign(&scene.claims("openid read"))).await;
    let heard = holder.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await;
    assert_eq!(heard["events"][1]["data"]["text"], "Hello");
    let acknowledged = json!({"after": heard["next_cursor"], "timeout_seconds": 0});
    holder.ask("temp_chat_wait_for_messages", acknowledged).await;
    let told = holder.is_refused("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Hi"})).await;
    assert!(told.starts_with("scope_missing: ") && told.contains("this key has read."), "{told}");

    // Renewed, it goes on where it was; another subject begins anew.
    let renewed = with(scene.claims("read messages:write"), "exp", json!(now() + 7_200));
    let renewed = Agent::connect(scene.url(), &scene.signer.sign(&renewed)).await;
    let look = || json!({"timeout_seconds": 0});
    assert_eq!(renewed.ask("temp_chat_wait_for_messages", look()).await["events"], json!([]));
    let other = with(scene.claims("read"), "sub", json!("somebody else"));
    let other = Agent::connect(scene.url(), &scene.signer.sign(&other)).await;
    assert_eq!(other.ask("temp_chat_wait_for_messages", look()).await["events"].as_array().unwrap().len(), 2);
    renewed.say(&chatter.session, "Hi").await;
    assert_eq!(scene.authority.asked(), 1, "the server's keys are kept");
    assert!(scene.knock(scene.agent.key()).await.status.is_success(), "API keys stay good");
}

#[tokio::test]
async fn nothing_but_what_the_server_signed_for_us_is_let_in() {
    let scene = Scene::start().await;
    let good = scene.claims("read");
    assert_eq!(scene.knock(&scene.signer.sign(&good)).await.status, 200);
    let public = scene.signer.public();
    let shared = EncodingKey::from_secret(&BASE64URL_NOPAD.decode(public["x"].as_str().unwrap().as_bytes()).unwrap());
    let header = |algorithm| Header { kid: Some("one".to_owned()), ..Header::new(algorithm) };
    let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let none = |algorithm: &str| format!("{}.{}.", part(&json!({"alg": algorithm, "kid": "one"})), part(&good));
    let signed = scene.signer.sign(&good);
    let (body, signature) = signed.rsplit_once('.').unwrap();
    let (head, _) = body.split_once('.').unwrap();
    let swapped = format!("{head}.{}.{signature}", part(&with(good.clone(), "scope", json!("read links:write"))));
    let header_of = |typ: &str| Header { typ: Some(typ.to_owned()), ..header(Algorithm::EdDSA) };
    let own_key = Header { jwk: serde_json::from_value(Signer::new("one", 2).public()).unwrap(), ..header(Algorithm::EdDSA) };
    let sign = |claims: Value| scene.signer.sign(&claims);
    for (attack, token) in [
        ("no signature", none("none")),
        ("no signature, in other letters", none("None")),
        ("no signature for a real algorithm", none("EdDSA")),
        ("the public key as a shared secret", encode(&header(Algorithm::HS256), &good, &shared).unwrap()),
        ("another's key under the same name", Signer::new("one", 2).sign(&good)),
        ("a key that it brings along", Signer::new("one", 2).sign_with(own_key, &good)),
        ("a key that nobody knows", Signer::new("two", 2).sign(&good)),
        ("other claims under a good signature", swapped),
        ("expired", sign(with(good.clone(), "exp", json!(now() - 60)))),
        ("without an end", sign(with(good.clone(), "exp", Value::Null))),
        ("not good yet", sign(with(good.clone(), "nbf", json!(now() + 120)))),
        ("for another service", sign(with(good.clone(), "aud", json!("https://elsewhere.example/mcp")))),
        ("for nobody", sign(with(good.clone(), "aud", Value::Null))),
        ("of another issuer", sign(with(good.clone(), "iss", json!("https://elsewhere.example")))),
        ("of several issuers", sign(with(good.clone(), "iss", json!([scene.authority.issuer, "https://elsewhere.example"])))),
        ("without a subject", sign(with(good.clone(), "sub", Value::Null))),
        ("without an agent", sign(with(good.clone(), "tempchat_agent", Value::Null))),
        ("for an agent that is none", sign(with(good.clone(), "tempchat_agent", json!("agt_aaaaaaaaaaaaaaaaaaaaaaaaaa")))),
        ("a token for something else", scene.signer.sign_with(header_of("logout+jwt"), &good)),
        ("nothing of the kind", "eyJ.eyJ.x".to_owned()),
    ] {
        let answer = scene.knock(&token).await;
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        assert!(challenge.starts_with("Bearer realm=\"tempchat\", error=\"invalid_token\", "), "{attack}: {challenge}");
        assert_eq!(answer.status, 401, "{attack}");
        answer.refused(401, "key_invalid");
    }
    assert!(scene.authority.asked() <= 2, "an unknown key's name is asked for at most once a minute");
    let without_scope = Agent::connect(scene.url(), &sign(with(good, "scope", json!("")))).await;
    assert!(without_scope.is_refused("temp_chat_list_links", json!({})).await.contains("this key has none."));
}

#[tokio::test]
async fn a_service_that_trusts_a_server_says_which() {
    let scene = Scene::start().await;
    let visitor = Visitor::new(scene.url());
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
    let refused = visitor.post("/mcp", &call).await;
    let metadata = format!("{}/.well-known/oauth-protected-resource/mcp", scene.url());
    let challenge = format!("Bearer realm=\"tempchat\", resource_metadata=\"{metadata}\"");
    assert_eq!(refused.header("www-authenticate"), Some(challenge.as_str()));
    for path in ["/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource"] {
        let said = visitor.get(path).await.expect(200);
        assert_eq!(said["resource"], format!("{}/mcp", scene.url()));
        assert_eq!(said["authorization_servers"], json!([scene.authority.issuer]));
        assert_eq!(said["scopes_supported"], json!(["read", "messages:write", "links:write", "sessions:end"]));
    }
    // Without one there is nothing to say.
    let plain = crate::support::Installation::shared().visitor();
    plain.get("/.well-known/oauth-protected-resource/mcp").await.refused(404, "not_found");
    assert!(scene.folder.data().exists());
}

#[tokio::test]
async fn an_issuer_that_anybody_could_pretend_to_be_is_not_taken() {
    let folder = Folder::new();
    let output = Process::command(&folder, &["up", "--listen", "127.0.0.1:0", "--no-demo"])
        .env("TEMPCHAT_AUTHORIZATION_SERVER", "http://as.example")
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(
        !output.status.success()
            && told.contains("`authorization_server` cannot be \"http://as.example\"")
            && told.contains("it must be an https address"),
        "{told}"
    );
}
