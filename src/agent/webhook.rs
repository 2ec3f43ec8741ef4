//! `tempchat agent webhook`: where agents are told of events.

use anyhow::{Context, Result, bail};
use comfy_table::{Table, presets};
use command_service::{Commands, NewWebhook};
use domain::agent::Webhook as Known;
use nats::Backbone;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use webhooks::{EndpointView, Target, Tester};

use crate::agents::print;
use crate::cli::{OfWebhook, SetWebhook, Webhook};
use crate::config::Config;
use crate::installation::{self, Servers};

/// Carries out a command about webhooks.
pub(crate) async fn run(
    config: &Config,
    command: Webhook,
    commands: &Commands,
    backbone: &Backbone,
    servers: &Servers,
    as_json: bool,
) -> Result<()> {
    match command {
        Webhook::Set(options) => set(options, commands, &Tester::new(backbone, &config.webhooks())?, as_json).await,
        Webhook::Test(of) => test(&of, commands, &Tester::new(backbone, &config.webhooks())?, as_json).await,
        Webhook::List { agent } => {
            list(&webhooks::list(&installation::rows(servers).await?, agent).await?, as_json);
            Ok(())
        }
        Webhook::Redeliver { of: OfWebhook { agent, link }, event } => {
            let count = webhooks::redeliver(&installation::rows(servers).await?, agent, link, event.as_deref()).await?;
            let plain =
                format!("{count} dead {} again", if count == 1 { "letter is delivered" } else { "letters are delivered" });
            print(as_json, &json!({"agent_id": agent, "link_id": link, "redelivered": count}), &plain);
            Ok(())
        }
    }
}

async fn set(options: SetWebhook, commands: &Commands, tester: &Tester, as_json: bool) -> Result<()> {
    let OfWebhook { agent, link } = options.of;
    if options.off {
        commands.set_webhook(agent, link, None).await?;
        print(as_json, &json!({"agent_id": agent, "link_id": link, "url": null}), "there is no webhook any more");
        return Ok(());
    }
    let known = commands.webhook(agent, link).await?;
    let webhook = if options.show_secret { known.with_context(nothing_set)? } else { change(&options, known, commands).await? };
    let secret = tester.secret(agent, link, &webhook);
    let plain = format!(
        "url      {}\nsends    {}\nsecret   {}",
        webhook.url,
        if webhook.with_text { "ids, types and words" } else { "ids and types" },
        *secret,
    );
    let value = json!({
        "agent_id": agent, "link_id": link, "url": webhook.url, "with_text": webhook.with_text, "rotation": webhook.rotation,
        "secret": *secret,
    });
    print(as_json, &value, &plain);
    Ok(())
}

/// Sets what the options name; the rest stays as it is.
async fn change(options: &SetWebhook, known: Option<Known>, commands: &Commands) -> Result<Known> {
    let OfWebhook { agent, link } = options.of;
    let url = match (&options.url, &known) {
        (Some(url), _) => Target::parse(url)?.url().to_string(),
        (None, Some(known)) => known.url.clone(),
        (None, None) => bail!(nothing_set()),
    };
    let stays = options.url.is_none() && known.is_some_and(|known| known.with_text);
    let with_text = options.with_text || stays;
    let wanted = NewWebhook { url, with_text, rotate: options.rotate };
    let (webhook, _) = commands.set_webhook(agent, link, Some(wanted)).await?;
    webhook.context("the webhook that was set is there")
}

async fn test(of: &OfWebhook, commands: &Commands, tester: &Tester, as_json: bool) -> Result<()> {
    let webhook = commands.webhook(of.agent, of.link).await?.with_context(nothing_set)?;
    let answered = tester.test(of.agent, of.link, &webhook).await?;
    let (said, millis) = (answered.describe(), answered.took.as_millis());
    let value = json!({
        "agent_id": of.agent, "link_id": of.link, "delivered": answered.is_delivered(), "status": answered.outcome.as_ref().ok(),
        "error": answered.outcome.as_ref().err().map(ToString::to_string), "milliseconds": u64::try_from(millis).unwrap_or(u64::MAX),
    });
    let verdict = if answered.is_delivered() { "delivered" } else { "not delivered" };
    print(as_json, &value, &format!("{verdict}: {said}, after {millis} ms"));
    if answered.is_delivered() { Ok(()) } else { bail!("the test event was not delivered: {said}") }
}

fn nothing_set() -> &'static str {
    "there is no webhook; `tempchat agent webhook set AGENT URL` sets one"
}

fn list(endpoints: &[EndpointView], as_json: bool) {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["agent", "link", "url", "pending", "dead", "dropped", "fails since"]);
    let mut values = Vec::new();
    let mut letters = Vec::new();
    for endpoint in endpoints {
        let link = endpoint.link.map(|link| link.to_string()).unwrap_or_default();
        table.add_row([
            endpoint.agent.to_string(),
            link,
            endpoint.url.clone(),
            endpoint.pending.to_string(),
            endpoint.dead.to_string(),
            endpoint.dropped.to_string(),
            endpoint.failing_since.map(moment).unwrap_or_default(),
        ]);
        for letter in &endpoint.dead_letters {
            let error = letter.error.as_deref().unwrap_or("never tried");
            let (at, attempts) = (moment(letter.dead_at), letter.attempts);
            letters.push(format!("  {at} {} {}: {error}, {attempts} tries", letter.event, letter.kind));
        }
        values.push(value(endpoint));
    }
    let mut plain = table.trim_fmt();
    if !letters.is_empty() {
        plain = format!("{plain}\n\ndead letters:\n{}", letters.join("\n"));
    }
    print(as_json, &Value::Array(values), &plain);
}

fn value(endpoint: &EndpointView) -> Value {
    let letters = endpoint.dead_letters.iter().map(|letter| {
        json!({
            "event_id": letter.event, "type": letter.kind, "dead_at": moment(letter.dead_at), "attempts": letter.attempts,
            "error": letter.error,
        })
    });
    json!({
        "agent_id": endpoint.agent, "link_id": endpoint.link, "url": endpoint.url, "with_text": endpoint.with_text,
        "pending": endpoint.pending, "dead": endpoint.dead, "dropped": endpoint.dropped,
        "failing_since": endpoint.failing_since.map(moment), "wait_until": endpoint.wait_until.map(moment),
        "dead_letters": letters.collect::<Vec<_>>(),
    })
}

fn moment(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
