//! Every wrong call of every tool is told the actual value, and a next call that is right.

use serde_json::{Value, json};

use crate::support::{Agent, Installation, arguments_of, text_of};

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
        assert!(words.starts_with(&format!("There is no argument sesion_id. Call {} with these only: ", tool.name)), "{told}");
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
                    arguments.as_object_mut().unwrap().retain(|known, _| known == name || !known.ends_with("_id"));
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
