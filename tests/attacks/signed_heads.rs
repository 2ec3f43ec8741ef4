//! Heads that are signed outside the log: whatever is done to the log, it is found, also after a rebuild has taken it in.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::Method;
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::support::{Agent, Chatter, Installation, Intruder, Stored, send, until};

/// An installation in which somebody has talked, the shard where that stands, and its heads, just signed.
struct Past {
    installation: Installation,
    shard: u64,
    chatter: Chatter,
}

impl Past {
    async fn new() -> Self {
        let installation = Installation::start();
        let (chatter, shard) = talk(&installation, &installation.agent().await).await;
        Self { installation, shard, chatter }
    }

    /// As [`Self::new`], with nobody who writes any more: read marks come later than the words.
    async fn at_rest() -> Self {
        let past = Self::new().await;
        past.installation.hold(true);
        past.installation.json(&["log", "heads"]);
        past
    }

    /// Verifies the log, which must be whole.
    fn is_whole(&self) {
        let shards = self.installation.json(&["log", "verify"]);
        assert!(shards.iter().all(|shard| shard["whole"] == true), "{shards:?}");
    }

    /// Verifies the log, which must not be whole; returns what is said of the shard.
    fn fault(&self, options: &[&str]) -> String {
        fault(&self.installation, self.shard, options)
    }
}

fn fault(installation: &Installation, shard: u64, options: &[&str]) -> String {
    let output = installation.run(&[&["--json", "log", "verify"], options].concat());
    assert_eq!(output.status.code(), Some(1), "{options:?}: {}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8(output.stdout).unwrap();
    let told = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).find(|told| told["shard"] == shard);
    let told = told.unwrap_or_else(|| panic!("nothing is said of shard {shard}: {text}"));
    assert_eq!(told["whole"], false, "{text}");
    told["fault"].as_str().unwrap().to_owned()
}

/// Two people talk with an agent on two links; returns one of them, and the shard.
async fn talk(installation: &Installation, agent: &Agent) -> (Chatter, u64) {
    let (one, other) = (agent.link(json!({})).await, agent.link(json!({})).await);
    let (first, second) = (installation.visitor().enter(&one).await, installation.visitor().enter(&other).await);
    for n in 0..4 {
        first.say(&format!("One {n}")).await;
        second.say(&format!("Two {n}")).await;
        agent.say(&first.session, &format!("Answer {n}")).await;
    }
    let heads = installation.json(&["log", "heads"]);
    let longest = heads.iter().max_by_key(|head| head["sequence"].as_u64()).unwrap();
    assert!(longest["sequence"].as_u64().unwrap() > 12, "{heads:?}");
    (first, longest["shard"].as_u64().unwrap())
}

/// Does something to the messages of a shard by the server's API, and verifies with and without PostgreSQL; then puts everything back.
async fn attacked(attack: impl FnOnce(&Chatter, &mut Vec<Option<Stored>>)) -> [String; 2] {
    let past = Past::at_rest().await;
    let intruder = Intruder::into(&past.installation).await;
    let before: Vec<_> = intruder.read(past.shard).await.into_iter().map(Some).collect();
    let mut after = before.clone();
    attack(&past.chatter, &mut after);
    assert_ne!(before, after);
    intruder.put_in_place(past.shard, &after).await;
    let faults = [past.fault(&["--log-only"]), past.fault(&[])];
    intruder.put_in_place(past.shard, &before).await;
    past.is_whole();
    faults
}

fn all_say(faults: &[String], words: &str) {
    assert!(faults.iter().all(|fault| fault.contains(words) && fault.contains("estore")), "{words}: {faults:?}");
}

#[tokio::test]
async fn a_deleted_message_is_found() {
    all_say(&attacked(|_, messages| messages[6] = None).await, "1 of the commits from 7 to 7");
}

#[tokio::test]
async fn a_changed_byte_is_found_where_the_servers_own_checksum_fits() {
    let faults = attacked(|_, messages| {
        let last = messages.last_mut().unwrap().as_mut().unwrap();
        let mut payload = last.payload.to_vec();
        *payload.last_mut().unwrap() ^= 1;
        last.payload = Bytes::from(payload);
    });
    // The last byte is a text's or a number's: no chain goes on after it, so the head alone tells, or the commit cannot be read.
    let faults = faults.await;
    assert!(faults.iter().all(|fault| fault.contains("running hash") || fault.contains("cannot be read")), "{faults:?}");
}

#[tokio::test]
async fn another_order_is_found_though_every_chain_holds() {
    let faults = attacked(|_, messages| {
        let subject = |at: usize| messages[at].as_ref().unwrap().subject.clone();
        let pair = (4..messages.len() - 1).find(|at| subject(*at) != subject(at + 1)).unwrap();
        messages.swap(pair, pair + 1);
    });
    all_say(&faults.await, "running hash");
}

#[tokio::test]
async fn a_cut_tail_is_found() {
    all_say(&attacked(|_, messages| messages.truncate(messages.len() - 3)).await, "its last 3 commits are gone");
}

#[tokio::test]
async fn another_log_of_the_same_length_is_found() {
    let faults = attacked(|chatter, messages| {
        // Whole by itself: the last commits of one person's chat stand twice as late as they did, among those of the others.
        let is_theirs = |message: &Option<Stored>| message.as_ref().unwrap().subject.ends_with(&chatter.session);
        let tail = messages.split_off(messages.len() / 2);
        let (theirs, others): (Vec<_>, Vec<_>) = tail.into_iter().partition(is_theirs);
        messages.extend(others);
        messages.extend(theirs);
    });
    all_say(&faults.await, "running hash");
}

#[tokio::test]
async fn a_purge_of_a_whole_session_is_found() {
    let past = Past::at_rest().await;
    let intruder = Intruder::into(&past.installation).await;
    let stream = intruder.stream(&format!("EVENTS-{}", past.shard)).await.unwrap();
    let purged = stream.purge().filter(format!("event.{}.*.session.{}", past.shard, past.chatter.session)).await.unwrap();
    assert!(purged.purged > 4);
    all_say(&[past.fault(&["--log-only"]), past.fault(&[])], &format!("{} of the commits", purged.purged));
}

#[tokio::test]
async fn a_flipped_byte_in_a_file_of_the_server_is_found() {
    let Past { installation, shard, chatter } = Past::new().await;
    let (folder, _) = installation.interrupt().await;
    let blocks =
        Command::new("find").arg(folder.data().join("nats")).args(["-path", &format!("*EVENTS-{shard}/msgs/*.blk")]).output();
    let block = String::from_utf8(blocks.unwrap().stdout).unwrap().lines().next().unwrap().to_owned();
    let mut bytes = fs::read(&block).unwrap();
    let subject = chatter.session.as_bytes();
    let at = bytes.windows(subject.len()).position(|window| window == subject).unwrap();
    // Behind the subject stand headers and the body.
    bytes[at + subject.len() + 200] ^= 1;
    fs::write(&block, bytes).unwrap();
    let installation = Installation::on(folder);
    let told = fault(&installation, shard, &["--log-only"]);
    // The server drops what its checksum does not fit, from there on or alone.
    assert!(["are missing", "commits are gone", "cannot be read"].iter().any(|words| told.contains(words)), "{told}");
    println!("{told}");
}

#[tokio::test]
async fn an_older_copy_of_the_log_is_found_even_after_a_rebuild_has_taken_it_in() {
    let Past { installation, shard, .. } = Past::new().await;
    let (folder, _) = installation.interrupt().await;
    let (nats, copy) = (folder.data().join("nats"), folder.path().join("copy"));
    assert!(Command::new("cp").arg("-a").args([&nats, &copy]).status().unwrap().success());
    let installation = Installation::on(folder);
    talk(&installation, &installation.agent().await).await;
    let (folder, _) = installation.interrupt().await;
    fs::remove_dir_all(&nats).unwrap();
    assert!(Command::new("cp").arg("-a").args([&copy, &nats]).status().unwrap().success());

    let installation = Installation::on(folder);
    let faults = [fault(&installation, shard, &["--log-only"]), fault(&installation, shard, &[])];
    all_say(&faults, "commits are gone");
    let warning = until("a warning", async || {
        let warned: Value = serde_json::from_str(installation.visitor().get("/readyz").await.text()).unwrap();
        warned["warnings"].as_array().unwrap().iter().find(|warning| warning["code"] == "log_contradicts_head").cloned()
    })
    .await;
    assert!(warning["detail"].as_str().unwrap().contains("Restore"), "{warning}");
    assert!(installation.logged().contains("the log contradicts its signed head"));
    let refused = installation.run(&["log", "heads"]);
    assert_eq!(refused.status.code(), Some(1), "a shorter log is not signed: {refused:?}");

    let rebuilt = installation.run(&["rebuild"]);
    assert!(rebuilt.status.success());
    let told = String::from_utf8(rebuilt.stderr).unwrap();
    assert!(told.contains("warning: shard") && told.contains("commits are gone"), "{told}");
    all_say(&[fault(&installation, shard, &[])], "commits are gone");
}

#[tokio::test]
async fn heads_that_were_changed_or_taken_away_prove_nothing() {
    let past = Past::at_rest().await;
    past.is_whole();
    let file = past.installation.data().join("heads.jsonl");
    let lines = fs::read_to_string(&file).unwrap();
    // Who cuts the log would like its head to say less.
    let sequence = past.installation.json(&["log", "verify"])[usize::try_from(past.shard).unwrap()]["sequence"].clone();
    fs::write(&file, lines.replace(&format!("\"sequence\":{sequence}"), "\"sequence\":3")).unwrap();
    for command in ["verify", "heads"] {
        let output = past.installation.run(&["log", command]);
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && told.contains("is no signed head") && told.contains("heads.jsonl"), "{told}");
    }
    fs::remove_file(&file).unwrap();
    assert!(past.fault(&[]).contains("tempchat log heads"));
    fs::write(&file, lines).unwrap();
    past.is_whole();
}

#[tokio::test]
async fn whoever_has_a_key_can_keep_the_heads_and_verify_them_without_us() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let visitor = installation.visitor();
    let request = visitor.request(Method::GET, "/api/v1/agent/heads");
    let answer = send(request.bearer_auth(agent.key())).await.expect(200);
    let heads = answer["heads"].as_array().unwrap();
    assert_eq!(heads.len(), 4, "one of each shard: {answer}");
    let keys = visitor.get("/.well-known/tempchat-keys").await.expect(200);
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"]), (&json!("OKP"), &json!("Ed25519")));
    let public = UnparsedPublicKey::new(&ED25519, BASE64URL_NOPAD.decode(key["x"].as_str().unwrap().as_bytes()).unwrap());
    for head in heads {
        assert_eq!((&head["kid"], &head["type"]), (&key["kid"], &json!("head")));
        // RFC 8785: members in order, no spaces.
        let mut members: Vec<_> = head.as_object().unwrap().iter().filter(|(name, _)| *name != "signature").collect();
        members.sort_by_key(|(name, _)| (*name).clone());
        let members: Vec<_> = members.into_iter().map(|(name, value)| format!("{}:{value}", json!(name))).collect();
        let signed = format!("{{{}}}", members.join(","));
        let signature = BASE64URL_NOPAD.decode(head["signature"].as_str().unwrap().as_bytes()).unwrap();
        public.verify(signed.as_bytes(), &signature).expect("the signature fits");
        assert!(public.verify(signed.replace("head", "tail").as_bytes(), &signature).is_err());
    }
    visitor.get("/api/v1/agent/heads").await.refused(401, "key_invalid");
    until("the file has them too", async || {
        let file = fs::read_to_string(installation.data().join("heads.jsonl")).unwrap();
        heads.iter().all(|head| file.contains(head["signature"].as_str().unwrap())).then_some(())
    })
    .await;
}
