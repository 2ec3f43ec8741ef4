//! `tempchat agent webhook`: sets, tests and lists webhooks, and delivers again.

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use command_service::{Commands, NewWebhook};
use domain::agent::Webhook as Known;
use nats::{AuditEntry, Backbone};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use webhooks::{EndpointView, Target, Tester};

use crate::config::Config;
use crate::installation::{self, Servers};
use crate::output::print;

/// What to do with webhooks.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set, change or remove the webhook of an agent, or of one link, and show the secret that signs its calls
    ///
    /// A link's own webhook stands in for its agent's. What waits for an earlier address goes to the new one. Without URL the address
    /// stays; with URL and without --with-text no words are sent.
    Set(SetOptions),
    /// Send a signed test event now, and show what came back and how long it took
    Test(Owner),
    /// List webhooks: how many deliveries wait, since when one fails, and its newest dead letters
    List {
        /// One agent's only (agt_…)
        agent: Option<domain::AgentId>,
    },
    /// Deliver dead letters again, for another 24 hours
    Redeliver {
        #[command(flatten)]
        owner: Owner,
        /// One event only (evt_…)
        #[arg(long, value_name = "EVENT")]
        event: Option<String>,
    },
}

/// The owner of a webhook: an agent, or one of its links.
#[derive(Debug, Args)]
pub(crate) struct Owner {
    /// The agent's id (agt_…)
    agent: domain::AgentId,
    /// One link's own (lnk_…)
    #[arg(long)]
    link: Option<domain::LinkId>,
}

/// Options of `tempchat agent webhook set`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
pub(crate) struct SetOptions {
    #[command(flatten)]
    owner: Owner,
    /// The address to call
    #[arg(required_unless_present_any = ["off", "show_secret", "rotate", "with_text"])]
    url: Option<String>,
    /// Send words too: by default a call has ids and types only, and the agent asks for the words with its key
    #[arg(long)]
    with_text: bool,
    /// Sign with a new secret from now on, and for 24 hours with the one before too
    #[arg(long)]
    rotate: bool,
    /// Remove the webhook, and all that waits for it
    #[arg(long, conflicts_with_all = ["url", "with_text", "rotate", "show_secret"])]
    off: bool,
    /// Show the secret of the webhook as it is
    #[arg(long, conflicts_with_all = ["url", "with_text", "rotate"])]
    show_secret: bool,
}

impl SetOptions {
    /// Tells whether nothing is set after all.
    pub(super) const fn only_shows(&self) -> bool {
        self.show_secret
    }
}

/// Carries out a command about webhooks.
pub(crate) async fn run(
    config: &Config,
    command: Command,
    commands: &Commands,
    backbone: &Backbone,
    servers: &Servers,
    as_json: bool,
) -> Result<()> {
    match command {
        Command::Set(options) => set(options, commands, backbone, &Tester::new(backbone, &config.webhooks())?, as_json).await,
        Command::Test(owner) => test(&owner, commands, &Tester::new(backbone, &config.webhooks())?, as_json).await,
        Command::List { agent } => {
            list(&webhooks::list(&installation::read_rows(servers).await?, agent).await?, as_json);
            Ok(())
        }
        Command::Redeliver { owner: Owner { agent, link }, event } => {
            let count = webhooks::redeliver(&installation::open_rows(servers).await?, agent, link, event.as_deref()).await?;
            let plain =
                format!("{count} dead {} again", if count == 1 { "letter is delivered" } else { "letters are delivered" });
            print(as_json, &json!({"agent_id": agent, "link_id": link, "redelivered": count}), &plain);
            Ok(())
        }
    }
}

async fn set(options: SetOptions, commands: &Commands, backbone: &Backbone, tester: &Tester, as_json: bool) -> Result<()> {
    let Owner { agent, link } = options.owner;
    if options.off {
        commands.set_webhook(agent, link, None).await?;
        print(as_json, &json!({"agent_id": agent, "link_id": link, "url": null}), "there is no webhook any more");
        return Ok(());
    }
    let known = commands.webhook(agent, link).await?;
    let webhook = if options.show_secret {
        known.with_context(nothing_set)?
    } else {
        change(&options, known, commands, backbone, tester).await?
    };
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
async fn change(
    options: &SetOptions,
    known: Option<Known>,
    commands: &Commands,
    backbone: &Backbone,
    tester: &Tester,
) -> Result<Known> {
    let Owner { agent, link } = options.owner;
    let url = match (&options.url, &known) {
        (Some(url), _) => {
            let target = Target::parse(url)?;
            tester.judge(&target).await.context("nothing was set")?;
            target.url().to_string()
        }
        (None, Some(known)) => known.url.clone(),
        (None, None) => bail!(nothing_set()),
    };
    let stays = options.url.is_none() && known.is_some_and(|known| known.with_text);
    let with_text = options.with_text || stays;
    if options.with_text {
        // Whoever lets words out is seen: where the audit cannot be written, it stays as it is.
        let entry = AuditEntry::looked("words_sent", "agent webhook set --with-text", Some(agent), link);
        backbone
            .audit()
            .write(&entry)
            .await
            .context("nothing was set, because the audit could not be written; is nats-server up?")?;
    }
    let wanted = NewWebhook { url, with_text, rotate: options.rotate };
    let (webhook, _) = commands.set_webhook(agent, link, Some(wanted)).await?;
    webhook.context("the webhook that was set is there")
}

async fn test(owner: &Owner, commands: &Commands, tester: &Tester, as_json: bool) -> Result<()> {
    let webhook = commands.webhook(owner.agent, owner.link).await?.with_context(nothing_set)?;
    let answered = tester.test(owner.agent, owner.link, &webhook).await?;
    let (said, millis) = (answered.describe(), answered.took.as_millis());
    let value = json!({
        "agent_id": owner.agent, "link_id": owner.link, "delivered": answered.is_delivered(), "status": answered.outcome.as_ref().ok(),
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
            endpoint.failing_since.map(rfc3339).unwrap_or_default(),
        ]);
        for letter in &endpoint.dead_letters {
            let error = letter.error.as_deref().unwrap_or("never tried");
            let (at, attempts) = (rfc3339(letter.dead_at), letter.attempts);
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
            "event_id": letter.event, "type": letter.kind, "dead_at": rfc3339(letter.dead_at), "attempts": letter.attempts,
            "error": letter.error,
        })
    });
    json!({
        "agent_id": endpoint.agent, "link_id": endpoint.link, "url": endpoint.url, "with_text": endpoint.with_text,
        "pending": endpoint.pending, "dead": endpoint.dead, "dropped": endpoint.dropped,
        "failing_since": endpoint.failing_since.map(rfc3339), "wait_until": endpoint.wait_until.map(rfc3339),
        "dead_letters": letters.collect::<Vec<_>>(),
    })
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).unwrap_or_default()
}
