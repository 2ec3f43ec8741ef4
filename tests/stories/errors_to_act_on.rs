//! Every wrong call of every tool is told the actual value, and a next call that is right.

use rmcp::ServiceError;
use rmcp::model::{CallToolRequestParams, ErrorCode};
use serde_json::{Value, json};

use crate::support::{Agent, Installation, arguments_of, text_of, uuid};

const NO_LINK: &str = "lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa";
const NO_SESSION: &str = "ses_aaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Splits a refusal into its code and its words, which end with a next step.
fn parts(told: &str) -> (&str, &str) {
    let (code, words) = told.split_once(": ").unwrap_or_else(|| panic!("no code: {told}"));
    assert!(words.ends_with('.') && words.contains(". "), "what happened, and the next call: {told}");
    (code, words)
}

async fn agent(name: &str) -> Agent {
    Installation::shared().another_agent(name).await
}

#[tokio::test]
async fn a_wrong_argument_name_is_answered_with_the_right_ones() {
    let agent = agent("Misspelt").await;
    for tool in agent.tools().await {
        let mut arguments = arguments_of(&tool, &json!(NO_LINK), &json!(NO_SESSION));
        arguments["sesion_id"] = json!("x");
        let told = text_of(&agent.call_named(&tool.name, arguments).await);
        let (code, words) = parts(&told);
        assert_eq!(code, "invalid_request", "{}", tool.name);
        assert!(words.starts_with("There is no argument sesion_id."), "{told}");
        let has_one = tool.input_schema["properties"].get("session_id").is_some();
        assert_eq!(words.contains(" Did you mean session_id? "), has_one, "{told}");
        for known in tool.input_schema["properties"].as_object().unwrap().keys() {
            assert!(words.contains(known.as_str()), "{known} in {told}");
        }
    }
}

#[tokio::test]
async fn a_missing_argument_is_named() {
    let agent = agent("Forgetful").await;
    for tool in agent.tools().await {
        let Some(required) = tool.input_schema.get("required").and_then(Value::as_array) else { continue };
        for name in required.iter().filter_map(Value::as_str) {
            let mut arguments = arguments_of(&tool, &json!(NO_LINK), &json!(NO_SESSION));
            arguments.as_object_mut().unwrap().remove(name);
            let told = text_of(&agent.call_named(&tool.name, arguments).await);
            assert_eq!(told, format!("invalid_request: {name} is missing. Call {} again with {name}.", tool.name));
        }
    }
}

#[tokio::test]
async fn a_number_out_of_its_range_is_told_with_the_range() {
    let agent = agent("Excessive").await;
    for tool in agent.tools().await {
        for (name, property) in tool.input_schema["properties"].as_object().unwrap() {
            let Some(most) = property.get("maximum").and_then(Value::as_f64) else { continue };
            let mut arguments = arguments_of(&tool, &json!(NO_LINK), &json!(NO_SESSION));
            arguments[name] = json!(most + 1.0);
            let told = text_of(&agent.call_named(&tool.name, arguments).await);
            let (code, words) = parts(&told);
            assert_eq!(code, "setting_out_of_range", "{} {name}: {told}", tool.name);
            assert!(words.starts_with(&format!("{name} must be ")) && words.contains(&format!("to {most}, not ")), "{told}");
            assert!(words.contains(&format!("Call {} again", tool.name)), "{told}");
        }
    }
}

#[tokio::test]
async fn another_agents_ids_are_told_as_unknown_ones_by_every_tool() {
    let (owner, stranger) = (agent("Owner").await, agent("Stranger").await);
    let link = owner.link(json!({})).await;
    let chatter = Installation::shared().visitor().enter(&link).await;
    let cursor = owner.ask("temp_chat_wait_for_messages", json!({"timeout_seconds": 0})).await["next_cursor"].clone();
    for tool in stranger.tools().await {
        let properties = tool.input_schema["properties"].as_object().unwrap();
        let foreign = [("link_id", link["link_id"].as_str().unwrap(), NO_LINK), ("session_id", &chatter.session, NO_SESSION)];
        for (name, foreign, unknown) in foreign.into_iter().filter(|(name, ..)| properties.contains_key(*name)) {
            for after in [None, Some(&cursor)].into_iter().filter(|after| after.is_none() || properties.contains_key("after")) {
                let of = async |id: &str| {
                    let mut arguments = arguments_of(&tool, &json!(NO_LINK), &json!(NO_SESSION));
                    arguments
                        .as_object_mut()
                        .unwrap()
                        .retain(|known, _| known == name || !["link_id", "session_id"].contains(&known.as_str()));
                    arguments[name] = json!(id);
                    if let Some(after) = after {
                        arguments["after"] = after.clone();
                    }
                    text_of(&stranger.call_named(&tool.name, arguments).await).replace(id, "ID")
                };
                let told = of(foreign).await;
                assert_eq!(told, of(unknown).await, "{} {name}", tool.name);
                assert!(["link_unknown", "session_unknown"].contains(&parts(&told).0) && told.contains("Call temp_chat_list_"));
            }
        }
    }
}

#[tokio::test]
async fn what_has_ended_says_so_and_what_can_still_be_done() {
    let agent = agent("Ended").await;
    let link = agent.link(json!({})).await;
    let chatter = Installation::shared().visitor().enter(&link).await;
    let session = json!({"session_id": chatter.session});
    agent.ask("temp_chat_end_session", session.clone()).await;
    let told = agent.is_refused("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Hello"})).await;
    assert_eq!(
        told,
        "session_ended: The session has ended: agent_ended. \
         Call temp_chat_read_messages for what was said; nothing can be added."
    );
    agent.ask("temp_chat_erase_session", session.clone()).await;
    let told = agent.is_refused("temp_chat_read_messages", session).await;
    assert!(parts(&told).0 == "session_erased" && told.contains("call temp_chat_list_sessions"), "{told}");
    agent.ask("temp_chat_revoke_link", json!({"link_id": link["link_id"]})).await;
    let told = agent.is_refused("temp_chat_update_link", json!({"link_id": link["link_id"], "title": "Again"})).await;
    assert!(parts(&told).0 == "link_revoked" && told.contains("Call temp_chat_create_link"), "{told}");
}

#[tokio::test]
async fn a_cursor_of_a_narrower_scope_is_refused_with_what_would_serve() {
    let agent = agent("Narrow").await;
    let link = agent.link(json!({})).await;
    let chatter = Installation::shared().visitor().enter(&link).await;
    let of_session = json!({"session_id": chatter.session, "timeout_seconds": 0});
    let cursor = agent.ask("temp_chat_wait_for_messages", of_session).await["next_cursor"].clone();
    for wider in [json!({}), json!({"link_id": link["link_id"]})] {
        let mut arguments = wider;
        arguments["after"] = cursor.clone();
        let told = agent.is_refused("temp_chat_wait_for_messages", arguments).await;
        assert!(parts(&told).0 == "cursor_scope" && told.contains("or leave after out"), "{told}");
    }
}

#[tokio::test]
async fn a_full_link_is_told_to_whoever_comes_and_seen_by_its_agent() {
    let agent = agent("Full").await;
    let link = agent.link(json!({"max_sessions_at_once": 1})).await;
    let _inside = Installation::shared().visitor().enter(&link).await;
    let visitor = Installation::shared().visitor();
    let refused = visitor.join(crate::support::token_of(&link), json!({})).await;
    refused.refused(409, "link_full");
    let seen = agent.ask("temp_chat_get_link", json!({"link_id": link["link_id"]})).await;
    assert_eq!(seen["counts"]["places_taken"], 1);
}

#[tokio::test]
async fn a_tool_that_is_not_there_is_answered_with_those_that_are() {
    let agent = agent("Inventive").await;
    let mut request = CallToolRequestParams::new("temp_chat_reply");
    request.arguments = json!({}).as_object().cloned();
    match agent.client().call_tool(request).await {
        Err(ServiceError::McpError(error)) => {
            assert_eq!(error.code, ErrorCode::INVALID_PARAMS);
            assert!(error.message.starts_with("There is no tool temp_chat_reply. There are: temp_chat_"), "{}", error.message);
            assert!(agent.tools().await.iter().all(|tool| error.message.contains(&*tool.name)), "{}", error.message);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_cursor_of_another_list_is_not_taken_for_one_of_this() {
    let agent = agent("Mixed up").await;
    let link = agent.link(json!({})).await;
    Installation::shared().visitor().enter(&link).await;
    let of = async |tool: &'static str| agent.ask(tool, json!({})).await["next_cursor"].clone();
    let (links, sessions) = (of("temp_chat_list_links").await, of("temp_chat_list_sessions").await);
    // Taken all the same, it would leave out sessions in silence.
    let told = agent.is_refused("temp_chat_list_sessions", json!({"after": links})).await;
    assert_eq!(
        told,
        "cursor_scope: The cursor comes from temp_chat_list_links. \
         Call temp_chat_list_sessions with its own next_cursor, or leave after out."
    );
    let told = agent.is_refused("temp_chat_list_links", json!({"after": sessions})).await;
    assert!(
        told.starts_with("cursor_scope: The cursor comes from temp_chat_list_sessions. Call temp_chat_list_links "),
        "{told}"
    );
    let told = agent.is_refused("temp_chat_wait_for_messages", json!({"after": sessions, "timeout_seconds": 0})).await;
    assert!(told.starts_with("cursor_scope: The cursor comes from temp_chat_list_sessions. "), "{told}");
    let told = agent.is_refused("temp_chat_list_sessions", json!({"after": link["next_cursor"]})).await;
    assert!(told.starts_with("cursor_scope: The cursor does not come from this list. Call temp_chat_list_sessions "), "{told}");
    assert_eq!(agent.ask("temp_chat_list_sessions", json!({"after": sessions})).await["items"], json!([]));
}

#[tokio::test]
async fn what_is_no_id_at_all_is_told_what_an_id_looks_like() {
    let agent = agent("Literal").await;
    let link = agent.link(json!({})).await;
    let told = agent.is_refused("temp_chat_get_link", json!({"link_id": link["url"]})).await;
    assert!(parts(&told).0 == "link_unknown" && told.contains("A link_id begins with lnk_ and is no url"), "{told}");
    let told = agent.is_refused("temp_chat_read_messages", json!({"session_id": link["link_id"]})).await;
    assert!(parts(&told).0 == "session_unknown" && told.contains("A session_id begins with ses_"), "{told}");
    let past = json!({"link_id": link["link_id"], "expires_at": "2020-01-01T00:00:00Z"});
    let told = agent.is_refused("temp_chat_update_link", past).await;
    assert!(
        told.ends_with("Call temp_chat_update_link again with a moment in that range, or with expires_in_minutes."),
        "{told}"
    );
}

#[tokio::test]
async fn who_may_ask_nothing_more_may_still_speak() {
    let agent = agent("Curious").await;
    let link = agent.link(json!({})).await;
    let chatter = Installation::shared().visitor().enter(&link).await;
    let ask = json!({"session_id": chatter.session, "fields": [{"key": "ok", "label": "OK?", "type": "yes_no"}]});
    for _ in 0..8 {
        agent.ask("temp_chat_ask", ask.clone()).await;
    }
    let told = agent.is_refused("temp_chat_ask", ask).await;
    assert_eq!(
        told,
        "question_limit_reached: 8 questions are open; wait for answers first. \
         Call temp_chat_wait_for_messages for answers first, or ask in words with temp_chat_send_message."
    );
    agent.say(&chatter.session, "Is that all right?").await;
}

#[tokio::test]
async fn an_answer_after_the_end_is_told_that_it_ended() {
    let agent = agent("Hasty").await;
    let link = agent.link(json!({})).await;
    let chatter = Installation::shared().visitor().enter(&link).await;
    let ask = json!({"session_id": chatter.session, "fields": [{"key": "ok", "label": "OK?", "type": "yes_no"}], "final": false});
    let question = agent.ask("temp_chat_ask", ask).await["sent"]["question_id"].clone();
    let answer = |ok: bool| json!({"client_message_id": uuid(), "question_id": question, "values": {"ok": ok}});
    chatter.post("/answers", &answer(true)).await.expect(201);
    agent.say(&chatter.session, "Thanks.").await;
    chatter.post("/answers", &answer(false)).await.refused(409, "question_closed");
    agent.ask("temp_chat_end_session", json!({"session_id": chatter.session, "even_if_unread": true})).await;
    chatter.post("/answers", &answer(false)).await.refused(409, "session_ended");
}
