//! Every door of an agent's with every kind of key: what it gets of the link it may be limited to, and of another.

use http::Method;
use rmcp::model::{GetPromptRequestParams, ReadResourceRequestParams};
use rmcp::service::ServiceError;
use serde_json::{Value, json};

use crate::support::{Agent, Answer, Chatter, Installation, Stream, arguments_of, soon, text_of, token_of};

/// The kinds of keys: the columns' names, and with what each is issued. `MINE` stands for the one link.
const KEYS: [(&str, &[&str]); 8] = [
    ("all", &[]),
    ("read", &["--scope", "read"]),
    ("write", &["--scope", "messages:write"]),
    ("links", &["--scope", "links:write"]),
    ("end", &["--scope", "sessions:end"]),
    ("mine", &["--link", "MINE"]),
    ("mine:read", &["--link", "MINE", "--scope", "read"]),
    ("mine:rest", &["--link", "MINE", "--scope", "messages:write,links:write,sessions:end"]),
];

/// What each key gets, of `mine` and of `theirs`; a single sign where nothing was asked about.
///
/// `+` what there is · `-` an answer with nothing of it · `?` word for word what a made-up id gets · `s` `scope_missing` · `l` `key_limited`.
/// What ends something stands last.
const TABLE: &str = "
    door                                    all read write links end mine mine:read mine:rest
    tools/list                              +   +    +     +     +   +    +         +
    prompts/list                            +   +    +     +     +   +    +         +
    prompts/get                             +   +    +     +     +   +    +         +
    resources/templates/list                +   +    +     +     +   +    +         +
    resources/list                          ++  ++   ss    ss    ss  +-   +-        ss
    resources/read:link_id                  ++  ++   ss    ss    ss  +?   +?        ss
    resources/read:session_id               ++  ++   ss    ss    ss  +?   +?        ss
    completion/complete:link_id             ++  ++   ss    ss    ss  +-   +-        ss
    completion/complete:session_id          ++  ++   ss    ss    ss  +-   +-        ss
    GET/agent/events                        ++  ++   ss    ss    ss  +-   +-        ss
    GET/agent/events:link_id                ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_list_links                    ++  ++   ss    ss    ss  +-   +-        ss
    temp_chat_get_link                      ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_list_sessions                 ++  ++   ss    ss    ss  +-   +-        ss
    temp_chat_list_sessions:link_id         ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_read_messages                 ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_wait_for_messages             ++  ++   ss    ss    ss  +-   +-        ss
    temp_chat_wait_for_messages:link_id     ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_wait_for_messages:session_id  ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_get_analytics                 ++  ++   ss    ss    ss  +-   +-        ss
    temp_chat_get_analytics:link_id         ++  ++   ss    ss    ss  +?   +?        ss
    temp_chat_create_link                   +   s    s     +     s   l    s         l
    temp_chat_update_link                   ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_send_message                  ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_ask                           ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_request_decision              ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_withdraw_question             ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_end_session                   ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_revoke_link                   ++  ss   ss    ss    ss  +?   ss        ss
    temp_chat_erase_session                 ++  ss   ss    ss    ++  +?   ss        +?
";

/// A link, and somebody who chats on it.
struct Place {
    name: &'static str,
    link: Value,
    chatter: Chatter,
    /// A question that is asked there.
    question: Value,
}

/// Ids that are asked about.
#[derive(Clone)]
struct Ids {
    link: Value,
    session: Value,
    question: Value,
}

/// What a door says.
enum Told {
    Answer(String),
    /// `code: words`
    Refusal(String),
}

impl Place {
    /// Opens a link whose every word says whose it is.
    async fn of(agent: &Agent, name: &'static str) -> Self {
        let link = agent.link(json!({"title": format!("Title of {name}"), "purpose": format!("Purpose of {name}"),
            "recipients": [format!("Recipient of {name}")], "max_sessions_at_once": 5}));
        let link = link.await;
        let visitor = Installation::shared().visitor();
        let joined = visitor.join(token_of(&link), json!({"display_name": format!("Person of {name}")})).await;
        let chatter = Chatter::of(visitor.clone(), &joined);
        chatter.say(&format!("Words of {name}")).await;
        let fields = json!([{"key": "ok", "label": "OK?", "type": "yes_no"}]);
        let ask = json!({"session_id": chatter.session, "fields": fields, "even_if_unread": true});
        let asked = agent.ask("temp_chat_ask", ask).await;
        Self { name, link, chatter, question: asked["sent"]["question_id"].clone() }
    }

    fn ids(&self) -> Ids {
        Ids { link: self.link["link_id"].clone(), session: json!(self.chatter.session), question: self.question.clone() }
    }

    /// Tells whether a text holds anything by which this place can be told.
    fn is_in(&self, text: &str) -> bool {
        let Ids { link, session, .. } = self.ids();
        let names = [link.as_str().unwrap(), session.as_str().unwrap(), token_of(&self.link)];
        names.iter().any(|name| text.contains(name)) || text.contains(&format!(" of {}", self.name))
    }
}

impl Ids {
    /// Ids of the right form that are nobody's.
    fn made_up() -> Self {
        let (link, session) = (json!("lnk_aaaaaaaaaaaaaaaaaaaaaaaaaa"), json!("ses_aaaaaaaaaaaaaaaaaaaaaaaaaa"));
        Self { link, session, question: json!("qst_aaaaaaaaaaaaaaaaaaaaaaaaaa") }
    }

    /// Takes them out of what was told.
    fn blank(&self, text: &str) -> String {
        text.replace(self.link.as_str().unwrap(), "ID").replace(self.session.as_str().unwrap(), "ID")
    }

    fn uri(&self, of: &str) -> String {
        match of {
            "link_id" => format!("tempchat://links/{}", self.link.as_str().unwrap()),
            _ => format!("tempchat://sessions/{}/transcript", self.session.as_str().unwrap()),
        }
    }
}

/// Issues a narrowed key, and connects with it.
async fn holder(agent: &Agent, mine: &Place, options: &[&str]) -> Agent {
    let installation = Installation::shared();
    let options = options.iter().map(|option| if *option == "MINE" { mine.link["link_id"].as_str().unwrap() } else { option });
    let id = agent.id();
    let issued: Vec<_> = ["agent", "key", "issue", &id, "--name", "narrow"].into_iter().chain(options).collect();
    let key = installation.json(&issued).remove(0)["key"].as_str().unwrap().to_owned();
    Agent::connect_modern(installation.url(), &key).await
}

/// Knocks at a door.
async fn ask(door: &str, by: &Agent, about: &Ids) -> Told {
    let (surface, named) = door.split_once(':').map_or((door, None), |(surface, named)| (surface, Some(named)));
    let client = by.client();
    let told = |told: Result<Value, ServiceError>| match told {
        Ok(value) => Told::Answer(value.to_string()),
        Err(ServiceError::McpError(error)) => Told::Refusal(error.message.into_owned()),
        Err(error) => panic!("{door}: {error}"),
    };
    let plain = |value: Result<Value, serde_json::Error>| value.unwrap();
    match surface {
        "tools/list" => told(client.list_all_tools().await.map(|list| plain(serde_json::to_value(list)))),
        "prompts/list" => told(client.list_all_prompts().await.map(|list| plain(serde_json::to_value(list)))),
        "prompts/get" => {
            let mut wanted = GetPromptRequestParams::new("check_in");
            wanted.arguments = json!({"about": "the move"}).as_object().cloned();
            told(client.get_prompt(wanted).await.map(|prompt| plain(serde_json::to_value(prompt))))
        }
        "resources/templates/list" => {
            told(client.list_all_resource_templates().await.map(|list| plain(serde_json::to_value(list))))
        }
        "resources/list" => told(client.list_all_resources().await.map(|list| plain(serde_json::to_value(list)))),
        "resources/read" => {
            let wanted = ReadResourceRequestParams::new(about.uri(named.unwrap()));
            told(client.read_resource(wanted).await.map(|read| plain(serde_json::to_value(read))))
        }
        "completion/complete" => {
            let template = match named.unwrap() {
                "link_id" => "tempchat://links/{link_id}",
                _ => "tempchat://sessions/{session_id}/transcript",
            };
            let completed = client.complete_resource_simple(template, named.unwrap(), "itle of").await;
            told(completed.map(|ids| json!(ids)))
        }
        "GET/agent/events" => hear(by, named.map(|_| &about.link)).await,
        tool => {
            let tool = by.tools().await.into_iter().find(|known| known.name == tool).unwrap();
            let mut arguments = arguments_of(&tool, &about.link, &about.session);
            if arguments.get("question_id").is_some() {
                arguments["question_id"] = about.question.clone();
            }
            let required = tool.input_schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
            let is_wanted = |name: &str| named == Some(name) || required.contains(&json!(name));
            arguments.as_object_mut().unwrap().retain(|name, _| !["link_id", "session_id"].contains(&&**name) || is_wanted(name));
            let result = by.call_named(&tool.name, arguments).await;
            let text = text_of(&result);
            if result.is_error == Some(true) { Told::Refusal(text) } else { Told::Answer(text) }
        }
    }
}

/// Listens to the agent's stream from the beginning up to the words that were said last.
async fn hear(by: &Agent, link: Option<&Value>) -> Told {
    let path = link.map_or_else(String::new, |link| format!("?link_id={}", link.as_str().unwrap()));
    let visitor = Installation::shared().visitor();
    let request = visitor.request(Method::GET, &format!("/api/v1/agent/events{path}")).bearer_auth(by.key());
    let response = soon("a stream", request.send()).await.unwrap();
    if response.status() != 200 {
        let problem: Value = response.json().await.unwrap();
        return Told::Refusal(format!("{}: {}", problem["code"].as_str().unwrap(), problem["detail"]));
    }
    let (mut stream, mut heard) = (Stream::new(response), Vec::new());
    loop {
        let event = stream.next().await.unwrap();
        let is_last = event["data"]["text"].as_str().is_some_and(|text| text.starts_with("Words of "));
        // Of both, mine were said last.
        let is_last = is_last && (link.is_some() || event["data"]["text"] == "Words of mine");
        heard.push(event);
        if is_last {
            return Told::Answer(json!(heard).to_string());
        }
    }
}

/// Judges what a key was told about a place.
async fn sign(door: &str, by: &Agent, place: &Place) -> char {
    match ask(door, by, &place.ids()).await {
        Told::Answer(text) if door.starts_with("temp_chat_get_analytics") => {
            let figures: Value = serde_json::from_str(&text).unwrap();
            let joined = figures["sessions"]["joined"].as_u64().unwrap();
            let expected = if door.ends_with(":link_id") || place.name == "mine" { 1 } else { 2 };
            assert_eq!((&figures["links_opened"], &figures["messages"]["from_chatters"]), (&json!(joined), &json!(joined)));
            if joined >= expected { '+' } else { '-' }
        }
        Told::Answer(text) if place.is_in(&text) => '+',
        Told::Answer(_) => '-',
        Told::Refusal(text) => match text.split(':').next().unwrap() {
            "scope_missing" => 's',
            "key_limited" => 'l',
            "link_unknown" | "session_unknown" => {
                let Told::Refusal(same) = ask(door, by, &Ids::made_up()).await else { panic!("{door}: there is such an id") };
                assert_eq!(place.ids().blank(&text), Ids::made_up().blank(&same), "{door}: a made-up id is refused otherwise");
                '?'
            }
            _ => panic!("{door}: {text}"),
        },
    }
}

#[tokio::test]
async fn every_key_gets_its_own_at_every_door_and_nothing_else() {
    let agent = Installation::shared().another_agent("Doors").await;
    let theirs = Place::of(&agent, "theirs").await;
    let mine = Place::of(&agent, "mine").await;
    let mut holders = Vec::new();
    for (_, options) in KEYS {
        holders.push(holder(&agent, &mine, options).await);
    }
    let mut rows = TABLE.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| !row.is_empty());
    assert_eq!(rows.next().unwrap()[1..], KEYS.map(|(name, _)| name));
    let (mut told, mut doors) = (Vec::new(), Vec::new());
    for row in rows {
        let (door, cells) = row.split_first().unwrap();
        doors.push(door.split(':').next().unwrap().to_owned());
        for (((name, _), by), cell) in KEYS.iter().zip(&holders).zip(cells) {
            let places = if cell.len() == 1 { &[&mine][..] } else { &[&mine, &theirs] };
            let mut got = String::new();
            for place in places {
                got.push(match ask_alone(door, by, cell).await {
                    Some(sign) => sign,
                    None => sign(door, by, place).await,
                });
            }
            if got != *cell {
                told.push(format!("{door} with {name}: {got}, not {cell}"));
            }
            if name.starts_with("mine") {
                leaks_nothing(door, by, &mine, &theirs).await;
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
    for tool in agent.tools().await {
        assert!(doors.contains(&tool.name.to_string()), "{} is in no row", tool.name);
    }
}

/// Judges a door where nothing is asked about.
async fn ask_alone(door: &str, by: &Agent, cell: &str) -> Option<char> {
    if cell.len() > 1 {
        return None;
    }
    Some(match ask(door, by, &Ids::made_up()).await {
        Told::Answer(_) => '+',
        Told::Refusal(text) if text.starts_with("scope_missing: ") => 's',
        Told::Refusal(text) if text.starts_with("key_limited: ") => 'l',
        Told::Refusal(text) => panic!("{door}: {text}"),
    })
}

/// Whatever a limited key is told, by an answer or a refusal, nothing in it is of the other link.
async fn leaks_nothing(door: &str, by: &Agent, mine: &Place, theirs: &Place) {
    for place in [mine, theirs] {
        let (Told::Answer(text) | Told::Refusal(text)) = ask(door, by, &place.ids()).await;
        let text = place.ids().blank(&text);
        assert!(!theirs.is_in(&text), "{door} about {}: {text}", place.name);
    }
}

/// Which cursor serves in which call: `+` it does, `x` it is of another scope. The key `mine` is limited to that link.
const CURSORS: &str = "
    cursor_of              all all:mine all:session mine mine:session events events:mine list
    all                    +   +        +           +    +            +      +           x
    all:mine               x   +        +           +    +            x      +           x
    all:session            x   x        +           x    +            x      x           x
    mine                   x   +        +           +    +            x      +           x
    all:theirs             x   x        x           x    x            x      x           x
    all:session_of_theirs  x   x        x           x    x            x      x           x
    list                   x   x        x           x    x            x      x           +
";

/// Calls that take cursors of history, as the table names them.
async fn wait(call: &str, all: &Agent, limited: &Agent, (mine, theirs): (&Place, &Place), after: Option<&Value>) -> Told {
    let mut arguments = json!({"timeout_seconds": 0});
    match call {
        "all:mine" => arguments["link_id"] = mine.link["link_id"].clone(),
        "all:theirs" => arguments["link_id"] = theirs.link["link_id"].clone(),
        "all:session" | "mine:session" => arguments["session_id"] = json!(mine.chatter.session),
        "all:session_of_theirs" => arguments["session_id"] = json!(theirs.chatter.session),
        _ => {}
    }
    if let Some(after) = after {
        arguments["after"] = after.clone();
    }
    let by = if call.starts_with("mine") { limited } else { all };
    let tool = if call == "list" { "temp_chat_list_sessions" } else { "temp_chat_wait_for_messages" };
    if call == "list" {
        arguments.as_object_mut().unwrap().remove("timeout_seconds");
    }
    let result = by.call(tool, arguments).await;
    let text = text_of(&result);
    if result.is_error == Some(true) { Told::Refusal(text) } else { Told::Answer(text) }
}

#[tokio::test]
async fn a_cursor_serves_its_own_scope_and_narrower_ones_whoever_passes_it() {
    let agent = Installation::shared().another_agent("Cursors").await;
    let theirs = Place::of(&agent, "theirs").await;
    let mine = Place::of(&agent, "mine").await;
    let limited = holder(&agent, &mine, &["--link", "MINE"]).await;
    let mut rows = CURSORS.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).filter(|row| !row.is_empty());
    let calls = rows.next().unwrap().split_off(1);
    for row in rows {
        let Told::Answer(given) = wait(row[0], &agent, &limited, (&mine, &theirs), None).await else { panic!("{}", row[0]) };
        let cursor = serde_json::from_str::<Value>(&given).unwrap()["next_cursor"].clone();
        for (call, expected) in calls.iter().zip(&row[1..]) {
            let got = if call.starts_with("events") {
                let by = if *call == "events" { &agent } else { &limited };
                let path = format!("/api/v1/agent/events?after={}", cursor.as_str().unwrap());
                let request = Installation::shared().visitor().request(Method::GET, &path).bearer_auth(by.key());
                let response = soon("a stream", request.send()).await.unwrap();
                if response.status() == 200 {
                    "+"
                } else {
                    Answer::read(response).await.refused(422, "cursor_scope");
                    "x"
                }
            } else {
                match wait(call, &agent, &limited, (&mine, &theirs), Some(&cursor)).await {
                    Told::Answer(text) => {
                        assert!(!call.starts_with("mine") || !theirs.is_in(&text), "{call} after one of {}: {text}", row[0]);
                        "+"
                    }
                    Told::Refusal(text) if text.starts_with("cursor_scope: ") && !theirs.is_in(&text) => "x",
                    Told::Refusal(text) => panic!("{call} after one of {}: {text}", row[0]),
                }
            };
            assert_eq!(got, *expected, "{call} after one of {}", row[0]);
        }
    }
}

#[tokio::test]
async fn an_idempotency_key_of_another_link_means_nothing_to_a_limited_key() {
    let agent = Installation::shared().another_agent("Same again").await;
    let (theirs, mine) = (Place::of(&agent, "theirs").await, Place::of(&agent, "mine").await);
    let limited = holder(&agent, &mine, &["--link", "MINE"]).await;
    let said = |place: &Place| json!({"session_id": place.chatter.session, "text": "Hello", "idempotency_key": "1", "even_if_unread": true});
    let first = agent.ask("temp_chat_send_message", said(&theirs)).await;
    let second = limited.ask("temp_chat_send_message", said(&mine)).await;
    assert_eq!((&first["sent"]["replayed"], &second["sent"]["replayed"]), (&json!(false), &json!(false)));
    assert_ne!(first["sent"]["event_id"], second["sent"]["event_id"]);
    let made = json!({"title": "One more", "idempotency_key": "2"});
    let link = agent.ask("temp_chat_create_link", made.clone()).await;
    let told = limited.is_refused("temp_chat_create_link", made).await;
    assert!(told.starts_with("key_limited: ") && !told.contains(link["link_id"].as_str().unwrap()), "{told}");
}
