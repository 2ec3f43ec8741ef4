//! Waits as tasks: the log is their store, so that they live through every gateway, and cost nothing but to look at them.

use domain::Millis;
use nats::{Backbone, Opening, Options, Secrets, TaskName};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities, ClientConfig, GetTaskParams, Implementation,
    ProtocolVersion, TaskPayload, TaskStatus,
};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use serde_json::{Value, json};
use servers::Running;
use tokio::process::Command;
use tokio::time::Instant;

use crate::support::{Chatter, Installation, Modern, Process, Run, node_tasks, python_tasks, soon, until};

const WAIT: &str = "temp_chat_wait_for_messages";

/// Three days, as a task's name counts them.
const THREE_DAYS: Millis = Millis::minutes(3 * 24 * 60);

fn client(installation: &Installation) -> Modern {
    Modern::with_tasks(installation.url(), installation.key())
}

/// Waits until a task is over, and returns all that is told of it.
async fn ended(client: &Modern, task: &Value) -> Value {
    until("the end of a task", async || Some(client.looks(task).await).filter(|task| task["status"] != "working")).await
}

/// Makes a link, lets somebody come, and acknowledges that they came.
async fn chat(client: &Modern) -> (Value, Chatter, Value) {
    let link = client.call("temp_chat_create_link", json!({"title": "A check-in"})).await["structuredContent"].clone();
    let chatter = Installation::shared().visitor().enter(&link).await;
    let plain = client.without_tasks();
    let came = plain.call(WAIT, json!({"link_id": link["link_id"], "timeout_seconds": 40})).await;
    (link, chatter, came["structuredContent"]["next_cursor"].clone())
}

/// Returns the cursor of a link up to now.
async fn cursor(client: &Modern, link: &Value) -> Value {
    let now = client.call(WAIT, json!({"link_id": link["link_id"], "timeout_seconds": 0})).await;
    now["structuredContent"]["next_cursor"].clone()
}

/// The log itself, with the secrets of the installation.
async fn log(installation: &Installation) -> Backbone {
    let secrets = std::fs::read_to_string(installation.data().join("secrets.json")).unwrap();
    let url = Running::on(&installation.data()).unwrap().nats_url.unwrap();
    let options = Options::new(url, Secrets::parse(&secrets).unwrap());
    Backbone::connect(Options { opening: Opening::Read, ..options }).await.unwrap()
}

/// Turns a task into one that has waited for longer, as a name made then would read.
async fn older(installation: &Installation, task: &Value, by: Millis) -> Value {
    let log = log(installation).await;
    let name = log.task_names().open(task["taskId"].as_str().unwrap()).unwrap();
    let (created_at, deadline, expires_at) = (name.created_at - by, name.deadline - by, name.expires_at - by);
    json!({"taskId": log.task_names().seal(&TaskName { created_at, deadline, expires_at, ..name })})
}

#[tokio::test]
async fn a_task_outlives_the_gateway_that_made_it_and_every_gateway_gives_the_same_bytes() {
    let installation = Installation::shared();
    let second = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let here = client(installation);
    let (link, chatter, after) = chat(&here).await;
    let there = here.at(second.url().unwrap());
    let task = there.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
    assert!(
        task["pollIntervalMs"].as_u64().unwrap() >= 1_000 && task["ttlMs"].as_u64() == Some(30 * 24 * 3_600 * 1_000),
        "{task}"
    );
    assert_eq!(task["createdAt"], task["lastUpdatedAt"]);
    second.kill();

    // Three days later nothing has come.
    let task = older(installation, &task, THREE_DAYS).await;
    let waiting = here.looks(&task).await;
    assert_eq!((&waiting["status"], &waiting["resultType"]), (&json!("working"), &json!("complete")), "{waiting}");
    assert!(waiting["result"].is_null() && waiting["pollIntervalMs"].as_u64().unwrap() > 30_000, "{waiting}");

    chatter.say("After three days").await;
    let told = ended(&here, &task).await;
    assert_eq!(told["status"], "completed", "{told}");
    let content = &told["result"]["structuredContent"];
    assert_eq!(content["events"][0]["data"]["text"], "After three days", "{told}");
    assert_eq!(content["events"][0]["data"]["untrusted"], true);
    let keys: Vec<_> = content.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["events", "has_more", "next_cursor", "timed_out"], "neither when nor where it is asked for shows");
    assert_eq!(told["result"]["content"][0]["text"].as_str().map(serde_json::from_str::<Value>).unwrap().unwrap(), *content);

    // More comes, and is acknowledged; another gateway still tells the very same.
    let third = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    chatter.say("And more").await;
    let next = json!({"link_id": link["link_id"], "after": content["next_cursor"], "timeout_seconds": 40});
    let next = here.call(WAIT, next).await;
    assert!(next["structuredContent"]["events"].to_string().contains("And more"), "{next}");
    let again = here.at(third.url().unwrap());
    let asked = json!({"taskId": task["taskId"]});
    let (one, other) = (here.post("tasks/get", asked.clone()).await, again.post("tasks/get", asked).await);
    assert_eq!(one.body, other.body);
    assert_eq!(serde_json::from_slice::<Value>(&one.body).unwrap()["result"], told);
    assert_eq!(third.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn many_tasks_of_one_key_take_no_place_and_no_memory() {
    let installation = Installation::shared();
    let gateway = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let here = client(installation).at(gateway.url().unwrap());
    let (link, chatter, after) = chat(&here).await;
    let begin = async || here.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
    // What a first call brings along is no task's.
    for _ in 0..100 {
        begin().await;
    }
    let before = gateway.memory();
    let mut tasks = Vec::new();
    for _ in 0..400 {
        tasks.push(begin().await);
    }
    let grown = gateway.memory().saturating_sub(before);
    println!("400 waiting tasks: {grown} bytes more");
    // A connection that waits costs more than 10 kB, so these would be 4 MB; a key may have 50 of them.
    assert!(grown < 2 << 20, "{grown} bytes");
    let start = Instant::now();
    for task in &tasks {
        assert_eq!(here.looks(task).await["status"], "working");
    }
    println!("a look at one: {:?}", start.elapsed() / 400);
    chatter.say("One word for all").await;
    for task in [&tasks[0], &tasks[399]] {
        assert!(ended(&here, task).await["result"].to_string().contains("One word for all"));
    }
    gateway.kill();
}

#[tokio::test]
async fn what_is_there_is_told_at_once_and_who_speaks_no_tasks_waits_as_ever() {
    let here = client(Installation::shared());
    let (link, chatter, after) = chat(&here).await;
    let wait = |seconds: f64| json!({"link_id": link["link_id"], "after": after, "timeout_seconds": seconds});
    // A look is no wait, and neither is one by a client that does not say that it knows tasks.
    for (client, seconds) in [(here.clone(), 0.0), (here.without_tasks(), 0.2)] {
        let looked = client.call(WAIT, wait(seconds)).await;
        assert_eq!(
            (&looked["resultType"], &looked["structuredContent"]["timed_out"]),
            (&json!("complete"), &json!(true)),
            "{looked}"
        );
    }
    chatter.say("I am here already").await;
    let told = here.call(WAIT, wait(50.0)).await;
    assert!(told["structuredContent"]["events"].to_string().contains("I am here already"), "{told}");
    assert!(told["structuredContent"]["now"].is_string() && told["resultType"] == "complete");
    // So is what is refused, and a wait for what is over.
    let refused = here.call(WAIT, json!({"link_id": "lnk_none"})).await;
    assert!(refused["isError"] == true && refused["resultType"] == "complete", "{refused}");
    here.call("temp_chat_revoke_link", json!({"link_id": link["link_id"]})).await;
    let all = here.call(WAIT, json!({"link_id": link["link_id"], "timeout_seconds": 0})).await;
    let after = &all["structuredContent"]["next_cursor"];
    let over = until("the link is over", async || {
        let over = here.call(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
        Some(over).filter(|over| over["structuredContent"]["suggested_next"] == "stop_and_report")
    });
    assert_eq!(over.await["resultType"], "complete");
}

#[tokio::test]
async fn a_wait_of_a_said_length_ends_on_time_and_a_burst_is_the_same_in_every_scope() {
    let installation = Installation::shared();
    // Nobody else chats with this one.
    let here = Modern::with_tasks(installation.url(), installation.another_agent("Alone").await.key());
    let (link, chatter, after) = chat(&here).await;
    let all = here.call(WAIT, json!({"timeout_seconds": 0})).await["structuredContent"]["next_cursor"].clone();
    let short = json!({"session_id": chatter.session, "after": after, "timeout_seconds": 0.5});
    let short = here.begins(WAIT, short).await;
    let open = [
        here.begins(WAIT, json!({"session_id": chatter.session, "after": after, "timeout_seconds": 50})).await,
        here.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await,
        here.begins(WAIT, json!({"after": all})).await,
    ];
    let over = ended(&here, &short).await;
    let content = &over["result"]["structuredContent"];
    assert_eq!((&over["status"], &content["timed_out"], &content["events"]), (&json!("completed"), &json!(true), &json!([])));
    assert_ne!(over["result"]["isError"], true);

    for word in ["One", "two", "three"] {
        chatter.say(word).await;
    }
    let mut told = Vec::new();
    for task in &open {
        let events = ended(&here, task).await["result"]["structuredContent"]["events"].clone();
        let words = |event: &Value| event["data"]["text"].as_str().unwrap().to_owned();
        told.push(events.as_array().unwrap().iter().map(words).collect::<Vec<_>>());
    }
    // On a busy machine they may come too slowly to be one burst.
    assert!(!told[0].is_empty() && ["One", "two", "three"].starts_with(&told[0].iter().map(String::as_str).collect::<Vec<_>>()));
    assert!(told.iter().all(|words| *words == told[0]), "{told:?}");
    // What came too late changes nothing.
    assert_eq!(here.looks(&short).await, over);
    // The end of its link ends what waits for it.
    let last = here.begins(WAIT, json!({"link_id": link["link_id"], "after": cursor(&here, &link).await})).await;
    chatter.post("/end", &json!({})).await.expect(200);
    assert!(ended(&here, &last).await["result"].to_string().contains("session_ended"));
}

#[tokio::test]
async fn a_question_with_a_wait_becomes_a_task_that_ends_with_its_answer() {
    let here = client(Installation::shared());
    let (_, chatter, after) = chat(&here).await;
    let fields = json!([{"key": "go", "label": "Shall I?", "type": "yes_no"}]);
    let ask = json!({"session_id": chatter.session, "fields": fields, "after": after, "wait_for_reply_seconds": 50});
    let task = here.begins("temp_chat_ask", ask).await;
    assert!(task["statusMessage"].as_str().unwrap().contains("evt_"), "{task}");
    // The agent's own words end no wait of its own.
    here.call("temp_chat_send_message", json!({"session_id": chatter.session, "text": "Take your time."})).await;
    assert_eq!(here.looks(&task).await["status"], "working");
    let question = until("the question", async || {
        let page = chatter.get("/messages?limit=100").await.expect(200);
        page["events"].as_array().unwrap().iter().find(|event| event["type"] == "question").cloned()
    });
    let question = question.await["data"]["question_id"].clone();
    let sent = json!({"client_message_id": crate::support::uuid(), "text": "Yes, please"});
    chatter.post("/messages", &sent).await.expect(201);
    let told = ended(&here, &task).await;
    let content = &told["result"]["structuredContent"];
    assert_eq!(content["sent"]["question_id"], question, "{told}");
    assert_eq!(content["events"][0]["data"]["text"], "Yes, please");
    // It was given with the task's result, and is marked so where it is given again.
    let without = here.call(WAIT, json!({"session_id": chatter.session, "timeout_seconds": 0})).await;
    let events = without["structuredContent"]["events"].as_array().unwrap();
    let words = events.iter().find(|event| event["data"]["text"] == "Yes, please").unwrap_or_else(|| panic!("{without}"));
    assert_eq!(words["redelivered"], true, "{without}");
}

#[tokio::test]
async fn a_task_that_is_called_off_is_so_at_every_gateway_and_for_good() {
    let installation = Installation::shared();
    let second = Process::start(installation.folder(), &["serve", "gateway", "--listen", "127.0.0.1:0"]);
    let here = client(installation);
    let there = here.at(second.url().unwrap());
    let (link, chatter, after) = chat(&here).await;
    let begin = async || here.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
    let (task, other) = (begin().await, begin().await);
    assert_ne!(task["taskId"], other["taskId"]);
    let cancel = |task: &Value| json!({"taskId": task["taskId"]});
    let acknowledged = here.result("tasks/cancel", cancel(&task)).await;
    assert_eq!(acknowledged, json!({"resultType": "complete"}));
    let off = there.looks(&task).await;
    assert_eq!(off["status"], "cancelled");
    assert!(off["result"].is_null());
    // Words that come later, and calling it off again, change nothing.
    chatter.say("Too late").await;
    assert!(ended(&there, &other).await["result"].to_string().contains("Too late"));
    assert_eq!(there.result("tasks/cancel", cancel(&task)).await, acknowledged);
    assert_eq!(here.looks(&task).await, off);
    // What is over cannot be called off.
    assert_eq!(there.result("tasks/cancel", cancel(&other)).await, acknowledged);
    assert_eq!(here.looks(&other).await["status"], "completed");
    assert_eq!(second.interrupt().await.code(), Some(0));
}

#[tokio::test]
async fn another_s_task_is_as_unknown_as_one_that_was_made_up_or_is_too_old() {
    let installation = Installation::shared();
    let here = client(installation);
    let (link, _chatter, after) = chat(&here).await;
    let task = here.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
    let stranger = Modern::with_tasks(installation.url(), installation.another_agent("A stranger").await.key());
    let agent = installation.agent().await;
    let colleague = installation.json(&["agent", "key", "issue", &agent.id(), "--name", "A colleague"]);
    let colleague = Modern::with_tasks(installation.url(), colleague[0]["key"].as_str().unwrap());
    let too_old = older(installation, &task, Millis::minutes(31 * 24 * 60)).await;
    let mut made_up = task["taskId"].as_str().unwrap().to_owned();
    made_up.replace_range(9..10, if &made_up[9..10] == "A" { "B" } else { "A" });
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let asks = async |client: &Modern, id: &Value| client.error(method, json!({"taskId": id, "inputResponses": {}})).await;
        let told = asks(&here, &json!(made_up)).await;
        assert_eq!((&told["code"], &told["data"]["code"]), (&json!(-32_602), &json!("task_unknown")), "{method}: {told}");
        assert!(told["message"].as_str().unwrap().starts_with("task_unknown: "), "{told}");
        assert_eq!(asks(&here, &json!("none")).await, told);
        assert_eq!(asks(&here, &too_old["taskId"]).await, told);
        assert_eq!(asks(&stranger, &task["taskId"]).await, told, "{method}");
        assert_eq!(asks(&colleague, &task["taskId"]).await, told, "{method}");
    }
    assert_eq!(here.looks(&task).await["status"], "working", "nobody else has called it off");
}

#[tokio::test]
async fn a_revoked_key_is_refused_its_tasks() {
    let installation = Installation::shared();
    let agent = installation.agent().await;
    let issued = installation.json(&["agent", "key", "issue", &agent.id(), "--name", "Soon gone"]);
    let here = Modern::with_tasks(installation.url(), issued[0]["key"].as_str().unwrap());
    let (link, chatter, after) = chat(&here).await;
    let task = here.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
    installation.json(&["agent", "key", "revoke", &agent.id(), issued[0]["key_id"].as_str().unwrap()]);
    chatter.say("Not for you any more").await;
    let refused = until("the refusal", async || {
        Some(here.post("tasks/get", json!({"taskId": task["taskId"]})).await).filter(|answer| answer.status == 401)
    });
    assert!(!refused.await.text().contains("Not for you"));
}

#[tokio::test]
async fn only_requests_that_speak_tasks_may_use_them() {
    let installation = Installation::shared();
    let here = client(installation);
    let (link, _chatter, after) = chat(&here).await;
    let task = here.begins(WAIT, json!({"link_id": link["link_id"], "after": after})).await;
    let discovered = here.result("server/discover", json!({})).await;
    assert_eq!(discovered["capabilities"]["extensions"]["io.modelcontextprotocol/tasks"], json!({}), "{discovered}");
    let params = json!({"taskId": task["taskId"], "inputResponses": {"never_asked": {}}});
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        let told = here.without_tasks().error(method, params.clone()).await;
        assert_eq!(told["code"], -32_021, "{method}: {told}");
        assert_eq!(told["data"]["requiredCapabilities"]["extensions"]["io.modelcontextprotocol/tasks"], json!({}), "{told}");
    }
    // Nothing was asked, so whatever is answered is passed over; a list there is no more.
    assert_eq!(here.result("tasks/update", params).await, json!({"resultType": "complete"}));
    assert_eq!(here.error("tasks/list", json!({})).await["code"], -32_601);
    assert_eq!(here.looks(&task).await["status"], "working");
    // A client of the version before is offered none, whatever it declares.
    let agent = installation.agent().await;
    let offered = agent.client().peer_info().unwrap().capabilities.extensions.clone();
    assert!(offered.is_none(), "{offered:?}");
}

#[tokio::test]
async fn a_task_works_with_our_own_client() {
    let installation = Installation::shared();
    let config =
        StreamableHttpClientTransportConfig::with_uri(format!("{}/mcp", installation.url())).auth_header(installation.key());
    let told = ClientConfig::new(ClientCapabilities::builder().enable_tasks().build(), Implementation::new("story", "1"));
    let mode = ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] };
    let transport = StreamableHttpClientTransport::from_config(config);
    let agent = soon("a connection", told.serve_with_lifecycle(transport, mode)).await.unwrap();
    let (link, chatter, after) = chat(&client(installation)).await;
    let begin = async || {
        let mut wait = CallToolRequestParams::new(WAIT);
        wait.arguments = serde_json::from_value(json!({"link_id": link["link_id"], "after": after})).unwrap();
        match agent.call_tool_once(wait).await.unwrap() {
            CallToolResponse::Task(task) => task.task,
            other => panic!("{other:?}"),
        }
    };
    let (task, other) = (begin().await, begin().await);
    chatter.say("To rmcp").await;
    let done = until("the end", async || {
        let looked = agent.get_task(GetTaskParams::new(task.task_id.clone())).await.unwrap();
        Some(looked.task).filter(|task| task.status() != TaskStatus::Working)
    });
    let TaskPayload::Completed { result } = done.await.payload else { panic!("it is not completed") };
    assert!(serde_json::to_string(&result).unwrap().contains("To rmcp"));
    agent.cancel_task(CancelTaskParams::new(other.task_id)).await.unwrap();
    agent.cancel().await.unwrap();
}

/// Waits on another client until a task is over.
async fn waits(agent: fn(&str, &str, &str) -> Command) {
    let installation = Installation::shared();
    let (link, chatter, after) = chat(&client(installation)).await;
    let arguments = json!({"link_id": link["link_id"], "after": after}).to_string();
    let mut agent = Run::start(agent(&format!("{}/mcp", installation.url()), installation.key(), &arguments));
    assert_eq!(agent.line().await["kind"], "task");
    chatter.say("To the other client").await;
    let told = agent.line().await;
    assert!(told["structuredContent"]["events"].to_string().contains("To the other client"), "{told}");
    let ended = agent.end().await;
    assert!(ended.succeeded, "{}", ended.stderr);
}

#[tokio::test]
async fn a_task_works_with_the_typescript_and_the_python_client() {
    waits(node_tasks).await;
    waits(python_tasks).await;
}
