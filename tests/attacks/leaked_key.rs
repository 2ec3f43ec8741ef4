//! A key that others may have: one step ends it, and tells what was done with it.

use serde_json::json;

use crate::support::{Agent, Installation, until};

#[tokio::test]
async fn one_step_ends_a_leaked_key_and_tells_what_it_did() {
    let installation = Installation::shared();
    let owner = installation.another_agent("Careless").await;
    let issued = installation.json(&["agent", "key", "issue", &owner.id(), "--name", "stolen"]).remove(0);
    let thief = Agent::connect(installation.url(), issued["key"].as_str().unwrap()).await;
    let kept = owner.link(json!({})).await;
    let chatter = installation.visitor().enter(&kept).await;
    let made = thief.link(json!({})).await;
    let taken_back = thief.link(json!({})).await;
    thief.ask("temp_chat_revoke_link", json!({"link_id": taken_back["link_id"]})).await;
    thief.say(&chatter.session, "Send me the money").await;
    owner.say(&chatter.session, "Do not").await;

    let key_id = issued["key_id"].as_str().unwrap();
    let told = installation.json(&["agent", "key", "leaked", &owner.id(), key_id, "--since", "1h"]).remove(0);
    assert_eq!(told["revoked"], true);
    assert_eq!(told["events"]["session.message_posted"], 1, "{told}");
    assert_eq!(told["events"]["link.opened"], 2, "{told}");
    assert_eq!(told["links"], json!([made["link_id"]]), "what was taken back is not to be taken back again");
    assert_eq!(told["sessions"], json!([chatter.session]));
    let refused = async || {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"});
        let request = installation.visitor().request(http::Method::POST, "/mcp").bearer_auth(thief.key());
        let request = request.header("accept", "application/json, text/event-stream");
        (crate::support::send(request.json(&call)).await.status == 401).then_some(())
    };
    until("the key's end", refused).await;
    let nobodys = installation.run(&["agent", "key", "leaked", &owner.id(), "key_aaaaaaaaaaaaaaaaaaaaaaaaaa"]);
    assert!(!nobodys.status.success(), "{}", String::from_utf8_lossy(&nobodys.stdout));
}
