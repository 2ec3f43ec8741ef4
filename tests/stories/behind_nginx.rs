//! A service that shares its host, below a path, behind a real nginx: TLS, HTTP/2, buffering as usual, and 30 s of patience.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{Agent, Browser, Folder, Nginx, Process, Site, free_port, token_of};

/// A path that is also the beginning of addresses of ours.
const PREFIX: &str = "/chat";

/// The service, and nginx three times: it takes the prefix off; it leaves it on; it holds streams back.
struct Place {
    process: Process,
    _folder: Folder,
    nginx: Nginx,
    ports: [u16; 3],
    agent: Agent,
    key: String,
}

impl Place {
    async fn begin() -> Self {
        let (service, ports) = (free_port(), [free_port(), free_port(), free_port()]);
        let (listen, public) = (format!("127.0.0.1:{service}"), format!("https://localhost:{}{PREFIX}/", ports[0]));
        let folder = Folder::new();
        let arguments = ["up", "--no-demo", "--listen", &listen, "--public-url", &public];
        let process = Process::start_with(&folder, &arguments, &[("TEMPCHAT_PROXIES", "1")]);
        assert_eq!(process.url(), Some(public.trim_end_matches('/')));
        let key = std::fs::read_to_string(folder.data().join("agent.key")).unwrap().trim().to_owned();
        let agent = Agent::connect(&format!("http://{listen}"), &key).await;
        let taken_off = format!("location {PREFIX}/ {{ proxy_pass http://tempchat/; }}");
        let left_on = format!("location {PREFIX}/ {{ proxy_pass http://tempchat; }}");
        let held_back = format!("{left_on} proxy_ignore_headers X-Accel-Buffering;");
        let servers = [(ports[0], taken_off.as_str()), (ports[1], left_on.as_str()), (ports[2], held_back.as_str())];
        let nginx = Nginx::before(&listen, &servers).await;
        Self { process, _folder: folder, nginx, ports, agent, key }
    }

    fn base(&self, server: usize) -> String {
        format!("https://localhost:{}{PREFIX}", self.ports[server])
    }

    /// Calls a tool by way of nginx, and returns the structured result, with how long it took.
    async fn call(&self, tool: &str, arguments: Value) -> (Value, Duration) {
        let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
        let began = Instant::now();
        let request = self.nginx.client().post(format!("{}/mcp", self.base(0))).bearer_auth(&self.key);
        let answer = request.header("MCP-Protocol-Version", "2025-11-25").json(&call).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: Value = answer.json().await.unwrap();
        (answer["result"]["structuredContent"].clone(), began.elapsed())
    }

    /// Talks in a browser by way of one of the servers: both ways, over a reload, with a copy to take along.
    async fn talk(&self, server: usize) {
        let base = self.base(server);
        let link = self.agent.link(json!({})).await;
        let browser = Browser::open().await;
        browser.visit(&format!("{base}/temp-chat/{}", token_of(&link))).await;
        assert_eq!(browser.run("return performance.getEntriesByType('navigation')[0].nextHopProtocol").await, "h2");
        browser.click("form button[type=submit]").await;
        browser.type_into("#message", "Hello\u{e007}").await;
        let heard = self.agent.wait(&link, None).await;
        let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
        self.agent.say(&session, "Welcome").await;
        browser.shows(".message.theirs", "Welcome").await;
        assert_eq!(browser.address().await, format!("{base}/chat/{session}"));
        assert_eq!(browser.texts(".strip").await.concat(), "", "there is a connection");

        // The cookie is for this part of the host, and finds the chat again.
        browser.reload().await;
        browser.shows(".message.theirs", "Welcome").await;
        browser.type_into("#message", "Still here\u{e007}").await;
        self.agent.hears(&link, "Still here").await;
        self.agent.say(&session, "Good").await;
        browser.shows(".message.theirs", "Good").await;
        browser.open_menu().await;
        let copy =
            "const tell = arguments[0]; fetch(document.querySelector('.menu a').href).then((copy) => copy.text()).then(tell)";
        let copy = browser.run_until_it_tells(copy).await;
        assert!(copy.as_str().unwrap().contains("Welcome"), "{copy}");
        browser.close().await;
    }
}

#[tokio::test]
async fn people_and_agents_talk_below_a_path_of_a_shared_host() {
    let place = Place::begin().await;
    // Nobody says anything for longer than nginx has patience: the answer comes all the same.
    let quiet = place.agent.link(json!({})).await;
    let waits = json!({"link_id": quiet["link_id"], "timeout_seconds": 35});
    let silence = async {
        let (heard, took) = place.call("temp_chat_wait_for_messages", waits).await;
        assert_eq!(heard["timed_out"], true, "after {took:?}: {heard}");
        assert!(took >= Duration::from_secs(35), "{took:?}");
    };
    tokio::join!(silence, place.talk(0), place.talk(1), place.talk(2));
    assert_eq!(place.process.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn every_address_below_the_path_leads_where_it_says() {
    let place = Place::begin().await;
    let http = place.nginx.client();
    let get = async |address: &str| {
        let answer = http.get(address).send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert_eq!(status, 200, "{address}: {text}");
        text
    };
    let link = place.call("temp_chat_create_link", json!({"title": "A word"})).await.0;
    let url = link["url"].as_str().unwrap();
    assert!(url.starts_with(&format!("{}/temp-chat/", place.base(0))), "{url}");
    for server in [0, 1] {
        let base = place.base(server);
        let shell = get(&format!("{base}/temp-chat/{}", token_of(&link))).await;
        assert_eq!(get(&format!("{base}/chat/ses_aaaaaaaaaaaaaaaaaaaaaaaaaa")).await, shell);
        let assets: Vec<_> = shell.split('"').filter(|part| part.contains("/assets/")).collect();
        assert!(assets.len() >= 3 && assets.iter().all(|path| path.starts_with(&format!("{PREFIX}/assets/"))), "{assets:?}");
        for asset in assets {
            get(&format!("https://localhost:{}{asset}", place.ports[server])).await;
        }
        assert!(get(&format!("{base}/")).await.contains("Temporary chats"));
        get(&format!("{base}/readyz")).await;
        get(&format!("{base}/embed.js")).await;
        get(&format!("{base}/.well-known/tempchat-keys")).await;
        let description: Value = serde_json::from_str(&get(&format!("{base}/openapi.json")).await).unwrap();
        assert_eq!(description["servers"][0]["url"], place.base(0));
        let unknown = http.get(format!("{base}/api/v1/nothing")).send().await.unwrap();
        assert_eq!(unknown.status(), 404);
    }
    assert_eq!(place.process.terminate().await.code(), Some(0));
}

#[tokio::test]
async fn a_bubble_leads_below_the_path_too() {
    let place = Place::begin().await;
    let shop = Site::new().await;
    let origin = shop.origin();
    let link = place.agent.link(json!({"title": "A word with the shop", "allowed_origins": [origin]})).await;
    let script =
        format!("<script src=\"{}/embed.js\" data-link=\"{}\" data-label=\"Ask us\"></script>", place.base(0), token_of(&link));
    let _shop = shop.show(format!("<!doctype html><title>Shop</title><h1>Shop</h1>{script}"));
    let browser = Browser::open().await;
    browser.visit(&origin).await;
    let root = "[...document.body.children].at(-1).shadowRoot";
    browser.becomes(&format!("return {root}?.querySelector('button')?.getAttribute('aria-label') === 'Ask us'")).await;
    browser.run(&format!("return {root}.querySelector('button').click()")).await;
    browser.enter_frame(&format!("return {root}.querySelector('iframe')")).await;
    browser.click("form button[type=submit]").await;
    browser.type_into("#message", "Do you have plums?\u{e007}").await;
    let heard = place.agent.hears(&link, "Do you have plums?").await;
    let session = heard["open_sessions"][0]["session_id"].as_str().unwrap().to_owned();
    place.agent.say(&session, "A tree full.").await;
    browser.shows(".message.theirs", "A tree full.").await;
    browser.close().await;
}
