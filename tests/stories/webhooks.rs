//! An agent that is not running is woken: its webhook, as an operator sets it.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Agent, Folder, Hook, Installation, Process, Root, until};

/// An installation whose operator lets webhooks lead to this machine.
fn open_to_loopback() -> Installation {
    Installation::set_up(&[("TEMPCHAT_WEBHOOK_NETWORKS", "[\"127.0.0.0/8\"]")])
}

fn webhook(installation: &Installation, arguments: &[&str]) -> Value {
    installation.json(&[&["agent", "webhook"], arguments].concat()).remove(0)
}

// A command that is waited for holds up a thread, and the agent's server needs one.
#[tokio::test(flavor = "multi_thread")]
async fn a_word_wakes_an_agent_that_is_not_running() {
    let installation = open_to_loopback();
    let mut hook = Hook::start().await;
    let agent = installation.agent().await;
    let id = agent.id();
    let set = webhook(&installation, &["set", &id, hook.url()]);
    assert!(set["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!((&set["with_text"], &set["rotation"]), (&json!(false), &json!(0)));
    assert_eq!(webhook(&installation, &["set", &id, "--show-secret"])["secret"], set["secret"]);

    let tested = webhook(&installation, &["test", &id]);
    assert_eq!((&tested["delivered"], &tested["status"]), (&json!(true), &json!(204)));
    assert!(tested["milliseconds"].is_u64());
    let call = hook.find("test").await;
    for header in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert!(call.headers.contains_key(header), "{header}");
    }

    let link = agent.link(json!({"messages_per_minute": 100})).await;
    let key = agent.key().to_owned();
    drop(agent);
    let chatter = installation.visitor().enter(&link).await;
    let said = chatter.say("Is anybody there?").await;
    let woken = hook.find("message").await.json();
    assert_eq!(woken["data"]["id"], said["id"]);
    assert_eq!(woken["data"]["session_id"], chatter.session);
    assert!(!woken.to_string().contains("anybody"));

    // It wakes, and asks for what it has missed.
    let agent = Agent::connect(installation.url(), &key).await;
    let missed = agent.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await;
    assert_eq!(missed["events"].as_array().unwrap().last().unwrap()["data"]["text"], "Is anybody there?");
    agent.say(&chatter.session, "I am.").await;

    // Read models made anew call nobody again, and an agent's own words never did.
    installation.json(&["rebuild"]);
    chatter.say("Good.").await;
    hook.find("message").await;
    assert_eq!(hook.rest(), [Value::Null; 0]);

    let listed = until("nothing waits", async || {
        let listed = webhook(&installation, &["list", &id])[0].clone();
        (listed["pending"] == 0).then_some(listed)
    })
    .await;
    assert_eq!((&listed["url"], &listed["dead"], &listed["failing_since"]), (&json!(hook.url()), &json!(0), &Value::Null));

    let rotated = webhook(&installation, &["set", &id, "--rotate", "--with-text"]);
    assert_ne!(rotated["secret"], set["secret"]);
    assert_eq!((&rotated["url"], &rotated["with_text"]), (&set["url"], &json!(true)));
    until("words", async || {
        chatter.say("Now with words").await;
        let told = hook.find("message").await.json();
        (told["data"]["data"]["text"] == "Now with words").then_some(())
    })
    .await;

    webhook(&installation, &["set", &id, "--off"]);
    until("no webhook", async || (webhook(&installation, &["list", &id]) == json!([])).then_some(())).await;
    assert!(!installation.run(&["agent", "webhook", "test", &id]).status.success());
    assert!(!installation.logged().contains("secret-path"), "an address is nobody's business but who calls it");
}

#[tokio::test]
async fn a_link_may_have_an_address_of_its_own() {
    let installation = open_to_loopback();
    let (mut general, mut own) = (Hook::start().await, Hook::start().await);
    let agent = installation.agent().await;
    let (link, other) = (agent.link(json!({})).await, agent.link(json!({})).await);
    let of_link = webhook(&installation, &["set", &agent.id(), own.url(), "--link", link["link_id"].as_str().unwrap()]);
    let of_agent = webhook(&installation, &["set", &agent.id(), general.url()]);
    assert_ne!(of_link["secret"], of_agent["secret"]);
    installation.visitor().enter(&link).await;
    installation.visitor().enter(&other).await;
    assert_eq!(own.find("session_started").await.json()["data"]["link_id"], link["link_id"]);
    assert_eq!(general.find("session_started").await.json()["data"]["link_id"], other["link_id"]);
}

/// What an operator has set who trusts the authorities in a file, and nobody else.
fn trusting(roots: &Path) -> Installation {
    let roots: &'static str = roots.to_str().unwrap().to_owned().leak();
    let networks = ("TEMPCHAT_WEBHOOK_NETWORKS", "[\"127.0.0.0/8\", \"::1/128\"]");
    Installation::set_up(Vec::leak(vec![networks, ("SSL_CERT_FILE", roots), ("SSL_CERT_DIR", "")]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_own_authority_is_trusted_for_the_names_that_it_vouches_for() {
    let folder = Folder::new();
    let (root, other) = (Root::new("Operator"), Root::new("Somebody"));
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, root.pem()).unwrap();
    let installation = trusting(&roots);
    let agent = installation.agent().await;
    let id = agent.id();
    let mut hook = Hook::over_tls(&root, "localhost").await;
    webhook(&installation, &["set", &id, hook.url()]);
    assert_eq!(webhook(&installation, &["test", &id])["status"], 204);
    installation.visitor().enter(&agent.link(json!({})).await).await;
    hook.find("session_started").await;

    let (wrong_name, unknown) = (Hook::over_tls(&root, "elsewhere.example").await, Hook::over_tls(&other, "localhost").await);
    for (hook, why) in [(wrong_name, "not valid for name"), (unknown, "invalid peer certificate: UnknownIssuer")] {
        webhook(&installation, &["set", &id, hook.url()]);
        let output = installation.run(&["agent", "webhook", "test", &id]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains("no connection: ") && told.contains(why), "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_authority_is_known_everything_else_works() {
    let installation = trusting(Path::new("/dev/null"));
    let (hook, agent) = (Hook::start().await, installation.agent().await);
    let id = agent.id();
    webhook(&installation, &["set", &id, hook.url()]);
    assert_eq!(webhook(&installation, &["test", &id])["status"], 204);
    let secure = Hook::over_tls(&Root::new("Somebody"), "localhost").await;
    webhook(&installation, &["set", &id, secure.url()]);
    let output = installation.run(&["agent", "webhook", "test", &id]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("UnknownIssuer"), "{told}");
    assert!(installation.logged().contains("SSL_CERT_FILE"), "the operator is told where that would be mended");
    // The demo agent asks for none, either.
    let without = [("SSL_CERT_FILE", "/dev/null"), ("SSL_CERT_DIR", "")];
    let process = Process::start_with(&Folder::new(), &["up", "--listen", "127.0.0.1:0"], &without);
    assert!(process.said().contains("/temp-chat/"), "{}", process.said());
}

#[tokio::test]
async fn an_operator_is_told_why_an_address_is_refused() {
    let installation = Installation::shared();
    let hook = Hook::start().await;
    let id = installation.json(&["agent", "add", "Sleeper"]).remove(0)["agent_id"].as_str().unwrap().to_owned();
    for (arguments, why) in [
        (vec!["set", &id], "required"),
        (vec!["set", &id, "ftp://hook.example"], "https://"),
        (vec!["set", &id, "https://user:word@hook.example"], "signed"),
        (vec!["test", &id], "agent webhook set"),
        (vec!["set", &id, "--rotate"], "agent webhook set"),
        (vec!["set", &id, "https://hook.example", "--link", "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa"], "no such link"),
    ] {
        let output = installation.run(&[&["agent", "webhook"], &arguments[..]].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && told.contains(why), "{arguments:?}: {told}");
    }
    // What would never be called is not taken until the operator allows it.
    let output = installation.run(&["agent", "webhook", "set", &id, hook.url()]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("webhook_networks"), "{told}");
}
