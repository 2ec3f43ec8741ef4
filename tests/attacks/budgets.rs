//! What is written is bounded: by the operator's defaults for everybody, and by what an agent lets its links spend.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Chatter, Installation, token_of, uuid};

/// Many people on one link who say one thing each, at the same moment.
const RACE: usize = 64;

async fn try_to_say(chatter: &Chatter, text: &str) -> Answer {
    chatter.post("/messages", &json!({"client_message_id": uuid(), "text": text})).await
}

/// Sorts what became of messages: how many were taken, and that the others were refused with `code`.
fn taken(answers: Vec<Answer>, code: &str) -> usize {
    let mut taken = 0;
    for answer in answers {
        if answer.status == 201 {
            taken += 1;
        } else {
            answer.refused(409, code);
        }
    }
    taken
}

/// Waits for the budget events of a scope, and returns what each says.
async fn budgets_told(agent: &Agent, scope: Value, count: usize) -> Vec<Value> {
    let mut told = Vec::new();
    let mut after = None::<Value>;
    while told.len() < count {
        let mut arguments = scope.clone();
        arguments["timeout_seconds"] = json!(5);
        if let Some(after) = &after {
            arguments["after"] = after.clone();
        }
        let heard = agent.ask("temp_chat_wait_for_messages", arguments).await;
        assert_eq!(heard["timed_out"], false, "{told:?}");
        let events = heard["events"].as_array().unwrap().clone();
        told.extend(events.into_iter().filter(|event| event["type"] == "budget").map(|event| event["data"].clone()));
        after = Some(heard["next_cursor"].clone());
    }
    told
}

#[tokio::test]
async fn a_race_overspends_no_sessions_budget() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"messages_per_minute": 100, "budget": {"session": {"messages": 5}}})).await;
    assert_eq!(link["budget"], json!({"session": {"messages": 5}}));
    let chatter = installation.visitor().enter(&link).await;
    let answers = join_all((0..RACE).map(|n| {
        let chatter = chatter.clone();
        async move { try_to_say(&chatter, &format!("Word {n}")).await }
    }))
    .await;
    assert_eq!(taken(answers, "link_budget_reached"), 5);
    let told = budgets_told(&agent, json!({"session_id": chatter.session}), 2).await;
    let expected = |used: u64, at: u64| json!({"what": "messages", "of": "session", "used": used, "limit": 5, "at_percent": at});
    assert_eq!(told, [expected(4, 80), expected(5, 100)]);
    // The person hears nothing of it but the refusal.
    let page = chatter.get("/messages?limit=100").await.expect(200);
    assert!(!page.to_string().contains("budget"), "{page}");

    // A larger one reaches the chat that is open.
    agent.update(&link, json!({"budget": {"session": {"messages": 6}}})).await;
    chatter.say("One more").await;
    let refusal = try_to_say(&chatter, "And another").await.refused(409, "link_budget_reached");
    assert!(refusal["detail"].as_str().unwrap().contains("6 messages a session"), "{refusal}");
}

#[tokio::test]
async fn a_race_of_many_sessions_overspends_no_links_budget() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let budget = json!({"link": {"messages": 10}, "day": {"messages": 40}});
    let link = agent.link(json!({"max_sessions_at_once": 16, "messages_per_minute": 100, "budget": budget})).await;
    let chatters = join_all((0..16).map(|_| {
        let link = link.clone();
        async move { installation.visitor().enter(&link).await }
    }))
    .await;
    let answers = join_all((0..RACE).map(|n| {
        let chatter = chatters[n % chatters.len()].clone();
        async move { try_to_say(&chatter, "Me first").await }
    }))
    .await;
    assert_eq!(taken(answers, "link_budget_reached"), 10);
    let told = budgets_told(&agent, json!({"link_id": link["link_id"], "after": link["next_cursor"]}), 2).await;
    let expected = |used: u64, at: u64| json!({"what": "messages", "of": "link", "used": used, "limit": 10, "at_percent": at});
    assert_eq!(told, [expected(8, 80), expected(10, 100)]);
    // The agent is free to answer.
    agent.say(&chatters[0].session, "That is enough, thank you.").await;
}

#[tokio::test]
async fn an_agents_turns_are_its_money() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let link = agent.link(json!({"budget": {"day": {"turns": 2}}})).await;
    let chatter = installation.visitor().enter(&link).await;
    agent.say(&chatter.session, "One").await;
    agent.say(&chatter.session, "Two").await;
    let said = json!({"session_id": chatter.session, "text": "Three"});
    let refusal = agent.is_refused("temp_chat_send_message", said.clone()).await;
    assert!(
        refusal.starts_with("link_budget_reached: The budget of 2 turns of the agent a day for the link is used up"),
        "{refusal}"
    );
    assert!(refusal.contains("temp_chat_update_link"), "{refusal}");
    let asked = json!({"session_id": chatter.session, "fields": [{"key": "ok", "label": "OK?", "type": "yes_no"}]});
    assert!(agent.is_refused("temp_chat_ask", asked).await.starts_with("link_budget_reached"));
    // The person is not kept from writing.
    chatter.say("Are you there?").await;
    agent.update(&link, json!({"budget": {}})).await;
    agent.say(&chatter.session, "Three").await;
}

#[tokio::test]
async fn a_link_writes_so_many_bytes_a_day_and_its_agent_so_many_on_all_links() {
    const SMALL: &[(&str, &str)] =
        &[("TEMPCHAT_SESSION_MIB_A_DAY", "1"), ("TEMPCHAT_LINK_MIB_A_DAY", "1"), ("TEMPCHAT_AGENT_MIB_A_DAY", "3")];
    let installation = Installation::set_up(SMALL);
    let agent = installation.agent().await;
    let settings = || json!({"max_sessions_at_once": 50, "max_messages_per_session": 1000, "messages_per_minute": 100});
    // The longest message there is: 4,000 characters of 4 bytes.
    let long = |n: u32| "\u{1F4A3}".repeat(3_999) + &char::from_u32(0x4e00 + n).unwrap().to_string();
    let mut codes = Vec::new();
    for _ in 0..3 {
        let link = agent.link(settings()).await;
        let mut written = 0;
        let code = 'link: loop {
            let joined = installation.visitor().join(token_of(&link), json!({})).await;
            if joined.status != 201 {
                break 'link joined;
            }
            let chatter = Chatter::of(installation.visitor(), &joined);
            for n in 0..40 {
                // Different ones: the same again and again would be abuse.
                let long = long(n);
                let answer = try_to_say(&chatter, &long).await;
                if answer.status == 409 {
                    break 'link answer;
                }
                answer.expect(201);
                written += long.len();
            }
        };
        assert!(written < 1_200_000, "{written} bytes");
        let body: Value = serde_json::from_slice(&code.body).unwrap();
        codes.push(body["code"].as_str().unwrap().to_owned());
    }
    assert_eq!(codes, ["link_budget_reached", "link_budget_reached", "agent_budget_reached"]);
    // Another agent's people are not touched.
    let other = installation.another_agent("other").await;
    installation.visitor().enter(&other.link(settings()).await).await.say("Hello").await;
}
