//! Hostile chatters: who floods or repeats is slowed, pays, and is closed out, and the agent is told why; ordinary people meet none of it.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Browser, Chatter, Installation, Visitor, price, prove, token_of, until, uuid};

const SPAM: &str = "Buy my wonderful cheap watches now, they are the very best";

async fn try_to_say(chatter: &Chatter, text: &str) -> Answer {
    chatter.post("/messages", &json!({"client_message_id": uuid(), "text": text})).await
}

/// Says something at whatever price; tells how often it was asked for one.
async fn say_paying(chatter: &Chatter, text: &str) -> (Answer, usize) {
    let id = uuid();
    let mut proof = None;
    for asked in 0..5 {
        let body = json!({"client_message_id": id, "text": text, "proof": proof});
        let answer = chatter.post("/messages", &body).await;
        if answer.status != 403 {
            return (answer, asked);
        }
        assert!(answer.header("retry-after").is_some(), "when it is free again");
        proof = Some(prove(answer).await);
    }
    panic!("the price has no end");
}

/// Reads what the agent was told of abuse on a link, from the link's beginning.
async fn abuse_on(agent: &Agent, link: &Value) -> Vec<Value> {
    let (mut after, mut all) = (link["next_cursor"].clone(), vec![]);
    loop {
        let asked = json!({"link_id": link["link_id"], "after": after, "limit": 100, "timeout_seconds": 0});
        let heard = agent.ask("temp_chat_wait_for_messages", asked).await;
        let events = heard["events"].as_array().unwrap();
        for event in events.iter().filter(|event| event["type"] == "abuse") {
            // Level and reasons, and not a word of what was sent: nothing in it is anybody's text.
            let data = event["data"].as_object().unwrap();
            assert!(data.keys().all(|key| ["level", "reasons"].contains(&key.as_str())), "{event}");
            all.push(event["data"].clone());
        }
        if heard["has_more"] != true {
            return all;
        }
        after = heard["next_cursor"].clone();
    }
}

/// Waits until the agent is told that abuse has come so far; returns the event's data.
async fn told(agent: &Agent, link: &Value, level: &str) -> Value {
    until(level, async || {
        let abuse = abuse_on(agent, link).await;
        abuse.iter().find(|data| data["level"] == level).cloned()
    })
    .await
}

/// Finds a session as its agent lists it, once it is as it should be.
async fn listed(agent: &Agent, chatter: &Chatter, is_so: impl Fn(&Value) -> bool) -> Value {
    until("the session as listed", async || {
        let sessions = agent.ask("temp_chat_list_sessions", json!({"link_id": chatter.joined["session"]["link_id"]})).await;
        sessions["items"]
            .as_array()
            .unwrap()
            .iter()
            .find(|session| session["session_id"] == *chatter.session && is_so(session))
            .cloned()
    })
    .await
}

#[tokio::test]
async fn a_flooder_is_slowed_and_closed_out_and_the_agent_is_told_why() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let flooder = installation.visitor().enter(&link).await;
    let mut ended = None;
    for n in 0..1_000 {
        let answer = try_to_say(&flooder, &format!("{n}")).await;
        match answer.status.as_u16() {
            201 => assert!(n < 10, "the tenth was the last of the minute"),
            429 => {
                // One session's requests have a limit of their own, far above that of words.
                if answer.text().contains("session_requests") {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            }
            _ => {
                ended = Some((n, answer));
                break;
            }
        }
    }
    let (after, answer) = ended.expect("a flooder is closed out");
    println!("closed out after {after} messages");
    answer.refused(409, "session_ended");
    for level in ["noticed", "slowed", "priced", "closed"] {
        assert_eq!(told(&agent, &link, level).await["reasons"], json!(["flood"]), "{level}");
    }
    let session = listed(&agent, &flooder, |session| session["status"] == "ended").await;
    assert_eq!((&session["ends_reason"], &session["abuse"]["reasons"]), (&json!("blocked"), &json!(["flood"])), "{session}");
    assert_eq!(session["abuse"]["level"], "closed");
    // Shut out: the device stays out, and newcomers from its network pay.
    flooder.visitor.join(token_of(&link), json!({"start_new": true})).await.refused(403, "blocked");
    price(flooder.visitor.forgetful().join(token_of(&link), json!({})).await);
    // The person is told nothing of the suspicion itself.
    let page = flooder.get("/messages?limit=100").await.expect(200).to_string();
    assert!(!page.contains("abuse") && !page.contains("flood"), "{page}");
}

#[tokio::test]
async fn the_same_text_again_and_again_costs_proof_of_work_and_in_the_end_the_chat() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100})).await;
    let spammer = installation.visitor().enter(&link).await;
    // The same words with a counter behind them, and a dozen addresses in each.
    let addresses = (0..12).map(|n| format!(" https://{n}.shop.example")).collect::<Vec<_>>().concat();
    let mut counter = 0;
    let mut spam = || {
        counter += 1;
        format!("{SPAM}{addresses} {counter}!")
    };
    let mut said = 0;
    while try_to_say(&spammer, &spam()).await.status == 201 {
        said += 1;
    }
    assert!((12..=14).contains(&said), "{said} were free");
    assert!(told(&agent, &link, "priced").await["reasons"].to_string().contains("repeated_text"));
    let session = listed(&agent, &spammer, |session| session["abuse"]["level"] == "priced").await;
    assert_eq!(session["status"], "active");

    // Each message costs, a repeat of one that was said does not, and a proof is good once.
    let first = price(try_to_say(&spammer, "I have something to say").await);
    let (answer, asked) = say_paying(&spammer, "I have something to say").await;
    let said = answer.expect(201);
    assert_eq!(asked, 1);
    let again = json!({"client_message_id": said["event"]["data"]["client_message_id"], "text": "I have something to say"});
    spammer.post("/messages", &again).await.expect(200);
    let proof = prove(try_to_say(&spammer, "Something else").await).await;
    let with = |text: &str| json!({"client_message_id": uuid(), "text": text, "proof": proof});
    spammer.post("/messages", &with("Something else")).await.expect(201);
    price(spammer.post("/messages", &with("More")).await);
    assert_eq!(first, 64);

    // Whoever pays for more of the same is closed out.
    let mut paid = 0;
    let refused = loop {
        let (answer, _) = say_paying(&spammer, &spam()).await;
        if answer.status != 201 {
            break answer;
        }
        paid += 1;
    };
    assert!((3..=8).contains(&paid), "{paid} were paid for");
    refused.refused(409, "session_ended");
    assert_eq!(told(&agent, &link, "closed").await["reasons"], json!(["repeated_text", "many_addresses"]));
    assert_eq!(listed(&agent, &spammer, |session| session["status"] == "ended").await["ends_reason"], "blocked");
}

#[tokio::test]
async fn ordinary_people_meet_nothing_of_it() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100, "max_sessions_at_once": 5})).await;
    let person = installation.visitor().enter(&link).await;
    for short in ["ok", "yes", "?", "👍", "好的，我知道了，谢谢你", "hello? are you there?"] {
        for _ in 0..8 {
            try_to_say(&person, short).await.expect(201);
        }
    }
    let other = installation.visitor().enter(&link).await;
    // A list of addresses, pasted in three parts, as long as a message may be; the same question four times.
    for part in 0..3 {
        let list = (0..150).map(|n| format!("https://{part}-{n}.example\n")).collect::<Vec<_>>().concat();
        try_to_say(&other, list.trim()).await.expect(201);
    }
    for _ in 0..4 {
        try_to_say(&other, "Could you please tell me when the parcel comes?").await.expect(201);
    }
    // A bad network: one message, sent again and again, is one message.
    let resent = json!({"client_message_id": uuid(), "text": SPAM});
    other.post("/messages", &resent).await.expect(201);
    for _ in 0..20 {
        other.post("/messages", &resent).await.expect(200);
    }
    // Somebody in a hurry, on a link of few messages: what waits is tried again, the next only after it.
    let slow = agent.link(json!({"messages_per_minute": 3})).await;
    let hasty = installation.visitor().enter(&slow).await;
    for n in 0..3 {
        try_to_say(&hasty, &format!("quick {n}")).await.expect(201);
    }
    let waiting = json!({"client_message_id": uuid(), "text": "and this"});
    for _ in 0..40 {
        hasty.post("/messages", &waiting).await.refused(429, "rate_limited");
    }
    for chatter in [&person, &other, &hasty] {
        let session = listed(&agent, chatter, |session| session["chatter_messages"].as_u64() >= Some(3)).await;
        assert_eq!((&session["status"], &session["abuse"]), (&json!("active"), &Value::Null), "{session}");
    }
}

#[tokio::test]
async fn a_crowd_out_of_one_network_pays_beyond_its_free_ones_and_the_agent_hears_of_it() {
    let installation = Installation::set_up(&[("TEMPCHAT_LIMITS_FREE_NEWCOMERS_OF_NETWORK", "3")]);
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 50})).await;
    let from = |network, last| Visitor::from(installation.url(), Ipv4Addr::new(127, 99, network, last));
    for last in 1..=3 {
        let visitor = from(7, last);
        visitor.enter(&link).await;
        // Who comes back is no newcomer.
        visitor.join(token_of(&link), json!({})).await.expect(200);
    }
    let fourth = from(7, 4);
    let asked = fourth.join(token_of(&link), json!({})).await;
    assert!(asked.text().contains("Many have come in from your network"), "{}", asked.text());
    let proof = prove(asked).await;
    fourth.join(token_of(&link), json!({"proof": proof})).await.expect(201);
    from(8, 1).enter(&link).await;
    from(7, 5).enter(&agent.link(json!({})).await).await;
    let told = until("the agent hears of the crowd", async || abuse_on(&agent, &link).await.first().cloned()).await;
    assert_eq!(told, json!({"reasons": ["many_from_one_network"]}));
}

#[tokio::test]
async fn an_agent_is_told_once_that_its_passcode_is_guessed() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"passcode": "blue teapot", "max_sessions_at_once": 9})).await;
    let guess = async |network| {
        let visitor = Visitor::from(installation.url(), Ipv4Addr::new(127, 99, network, 1));
        visitor.join(token_of(&link), json!({"passcode": "red kettle"})).await
    };
    for network in 0..29 {
        guess(network).await.refused(401, "passcode_wrong");
    }
    assert!(abuse_on(&agent, &link).await.is_empty());
    for network in 30..40 {
        guess(network).await;
    }
    let told =
        until("the agent hears of guesses", async || Some(abuse_on(&agent, &link).await).filter(|told| !told.is_empty())).await;
    assert_eq!(told, [json!({"reasons": ["passcode_guesses"]})]);
}

#[tokio::test]
async fn a_page_pays_for_its_words_and_loses_none() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("main.invitation button[type=submit]").await;
    browser.becomes("return Boolean(document.querySelector('#message'));").await;
    browser
        .run("window.seen = []; new MutationObserver(() => { const p = document.querySelector('.foot .proof'); if (p && p.textContent) window.seen.push(p.innerHTML); }).observe(document.body, { subtree: true, childList: true, characterData: true });")
        .await;
    for n in 1..=16 {
        browser.type_into("#message", &format!("{SPAM} {n}\u{e007}")).await;
    }
    browser.type_into("#message", "These words are paid for\u{e007}").await;
    agent.hears(&link, "These words are paid for").await;
    let seen = browser.run("return window.seen.join('');").await.to_string();
    assert!(seen.contains("looked like abuse, perhaps wrongly") && seen.contains("progress"), "{seen}");
    assert_eq!(told(&agent, &link, "priced").await["reasons"], json!(["repeated_text"]));

    // Called off, the words stay, with a way to send them after all.
    let stop = "window.stop = new MutationObserver(() => document.querySelector('.foot .proof button')?.click()); window.stop.observe(document.querySelector('.foot .proof'), { childList: true });";
    browser.run(stop).await;
    browser.type_into("#message", "These words wait\u{e007}").await;
    browser.shows(".mark.error", "not sent, because you cancelled").await;
    browser.run("window.stop.disconnect();").await;
    browser.click(".text-button").await;
    agent.hears(&link, "These words wait").await;
    browser.close().await;
}

#[tokio::test]
async fn a_neighbour_of_somebody_shut_out_comes_in_by_a_page_that_pays_by_itself() {
    let installation = Installation::start();
    let agent = installation.agent().await;
    let link = agent.link(json!({"max_sessions_at_once": 5})).await;
    let chatter = installation.visitor().enter(&link).await;
    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "block": true})).await;
    price(installation.visitor().join(token_of(&link), json!({})).await);
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("main.invitation button[type=submit]").await;
    browser.becomes("return Boolean(document.querySelector('#message'));").await;
    browser.type_into("#message", "I am somebody else\u{e007}").await;
    agent.hears(&link, "I am somebody else").await;
    browser.close().await;
}

#[tokio::test]
async fn a_page_says_that_a_message_waits_its_turn() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 3})).await;
    let browser = Browser::open().await;
    browser.visit(link["url"].as_str().unwrap()).await;
    browser.click("main.invitation button[type=submit]").await;
    browser.becomes("return Boolean(document.querySelector('#message'));").await;
    for n in 1..=4 {
        browser.type_into("#message", &format!("quick {n}\u{e007}")).await;
    }
    browser.shows(".message.mine .meta", "Many messages came in a short time. It is sent by itself").await;
    browser.close().await;
}
