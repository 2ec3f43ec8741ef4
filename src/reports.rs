//! `tempchat reports`: the chats that people have reported as abuse, and noting that they were seen.

use anyhow::Result;
use clap::Args;
use comfy_table::{Table, presets};
use domain::{Address, AgentId};
use gateway::Moment;
use nats::{Backbone, Field, Opening, Text};
use query_service::{Queries, ReportedChat};
use serde_json::json;

use crate::config::Config;
use crate::installation::{self, Servers};
use crate::log::tell_of_reading;
use crate::output::print;

/// Options of `tempchat reports`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// One agent's chats only (agt_…)
    #[arg(long, value_name = "AGENT")]
    agent: Option<AgentId>,
    /// Show what people say, as long as it is not erased; the audit is told
    #[arg(long)]
    with_text: bool,
    /// Note that all reports up to now were seen: `/readyz` warns of later ones only
    #[arg(long, conflicts_with = "agent")]
    seen: bool,
    /// How many chats, at most
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// Lists reported chats, the one that was reported last first.
pub(crate) async fn run(config: Config, options: Options, as_json: bool) -> Result<()> {
    let Options { agent, with_text, seen, limit } = options;
    let servers = Servers::running(&config)?;
    let backbone = installation::open_log(&config, &servers, installation::read_secrets(&config.data)?, Opening::Read).await?;
    if with_text {
        tell_of_reading(&backbone, "reports --with-text", agent).await?;
    }
    let queries = Queries::new(installation::read_rows(&servers).await?, backbone.clone());
    let chats = queries.reported_chats(agent, with_text, limit).await?;
    let mut words = Vec::with_capacity(chats.len());
    for chat in &chats {
        words.push(read(&backbone, chat).await?);
    }
    if let (true, Some(last)) = (seen, chats.first()) {
        // What came after the list was made was not seen.
        queries.note_reports_seen(last.last_at).await?;
    }
    let unseen = |chat: &ReportedChat| if seen { 0 } else { chat.unseen };
    let value = chats.iter().zip(&words).map(|(chat, words)| {
        json!({
            "agent_id": chat.agent, "link_id": chat.link, "session_id": chat.session, "reports": chat.reports, "unseen": unseen(chat),
            "first_at": Moment(chat.first_at), "last_at": Moment(chat.last_at), "texts": with_text.then_some(words),
        })
    });
    let value = json!({"limit": limit, "chats": value.collect::<Vec<_>>()});
    print(as_json, &value, &table(&chats, &words, unseen));
    Ok(())
}

/// Opens what was said of a chat.
async fn read(backbone: &Backbone, chat: &ReportedChat) -> Result<Vec<String>> {
    if chat.reasons.is_empty() {
        return Ok(vec![]);
    }
    let vault = backbone.opener().vault(Address::session(chat.agent, chat.session)).await?;
    let open = |reason: &domain::Sealed| {
        Ok(match vault.open(Field::Report, 0, &reason.bytes)? {
            Text::Open(words) => words,
            Text::Erased => "(erased)".to_owned(),
        })
    };
    chat.reasons.iter().map(open).collect()
}

fn table(chats: &[ReportedChat], words: &[Vec<String>], unseen: impl Fn(&ReportedChat) -> u32) -> String {
    if chats.is_empty() {
        return "nobody has reported a chat".to_owned();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["last reported", "reports", "not seen", "session", "link", "agent"]);
    for chat in chats {
        table.add_row([
            Moment(chat.last_at).to_string(),
            chat.reports.to_string(),
            unseen(chat).to_string(),
            chat.session.to_string(),
            chat.link.map(|link| link.to_string()).unwrap_or_default(),
            chat.agent.to_string(),
        ]);
    }
    // What a person typed may hold terminal codes: shown escaped.
    let said =
        chats.iter().zip(words).flat_map(|(chat, words)| words.iter().map(|words| format!("\n{}: {words:?}", chat.session)));
    let next = "\n\n`--with-text` shows what they say, `--seen` ends the warning, `tempchat agent key revoke` stops an agent.";
    format!("{}{}{next}", table.trim_fmt(), said.collect::<String>())
}
