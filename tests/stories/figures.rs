//! What an agent learns of its chats as a whole, and that it is still true when the words are gone.

use serde_json::json;

use crate::support::Installation;

#[tokio::test]
async fn figures_outlive_the_words() {
    let installation = Installation::shared();
    let agent = installation.another_agent("Statistician").await;
    let link = agent.link(json!({"max_sessions_at_once": 3})).await;
    let [answered, waiting, silent] = [
        installation.visitor().enter(&link).await,
        installation.visitor().enter(&link).await,
        installation.visitor().enter(&link).await,
    ];
    answered.say("One").await;
    answered.say("Two").await;
    agent.say(&answered.session, "Three").await;
    answered.post("/end", &json!({"rating": 4, "feedback": "Quick"})).await.expect(200);
    waiting.say("Anyone?").await;
    agent.ask("temp_chat_end_session", json!({"session_id": silent.session})).await;

    let figures = async || agent.ask("temp_chat_get_analytics", json!({"link_id": link["link_id"], "days_back": 1})).await;
    let before = figures().await;
    assert_eq!(
        before["sessions"],
        json!({
            "joined": 3, "chatter_wrote": 2, "agent_replied": 1, "unanswered": 1, "open": 1,
            "ended": {"chatter_left": 1, "agent_ended": 1},
        })
    );
    assert_eq!(before["messages"], json!({"from_chatters": 3, "from_agent": 1}));
    assert_eq!(before["ratings"], json!({"count": 1, "average": 4}));
    assert_eq!(before["links_opened"], 1);
    assert!(before["first_reply"]["median_seconds"].as_f64().unwrap() < 60.0, "{before}");
    assert!(before["length"]["p90_seconds"].is_number(), "{before}");
    let days = before["by_day"].as_array().unwrap();
    let joined: u64 = days.iter().filter_map(|day| day["joined"].as_u64()).sum();
    assert!((1..=2).contains(&days.len()) && joined == 3, "{before}");

    agent.ask("temp_chat_erase_session", json!({"session_id": answered.session})).await;
    let after = figures().await;
    for figure in ["sessions", "messages", "ratings", "first_reply", "length", "by_day"] {
        assert_eq!(after[figure], before[figure], "{figure}");
    }
    let other = installation.agent().await;
    let unknown = other.is_refused("temp_chat_get_analytics", json!({"link_id": link["link_id"]})).await;
    assert!(unknown.starts_with("link_unknown: "), "{unknown}");
    let out_of_range = agent.is_refused("temp_chat_get_analytics", json!({"days_back": 366})).await;
    assert!(out_of_range.starts_with("setting_out_of_range: days_back must be 1 to 365, not 366."), "{out_of_range}");
}
