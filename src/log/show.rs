//! `tempchat log show`: the events, with their words where an operator asks for them, which the audit is told first.

use anyhow::Result;
use domain::{AgentId, Sealed, Target, link, session};
use nats::{AnyEvent, Backbone, Fact, Field, Opener, Text};
use serde_json::json;

use super::audit::tell_of_reading;

/// Commits read at once.
const BATCH: usize = 500;

/// Prints events, oldest first within each shard.
pub(super) async fn run(backbone: &Backbone, agent: Option<AgentId>, with_text: bool, as_json: bool) -> Result<()> {
    if with_text {
        tell_of_reading(backbone, "log show --with-text", agent).await?;
    }
    let shards: Vec<_> = match agent {
        Some(agent) => vec![backbone.shard_of(agent)],
        None => backbone.shards().collect(),
    };
    let opener = backbone.opener();
    for shard in shards {
        let end = backbone.end(shard).await?;
        let mut feed = backbone.tail(shard, 0);
        let mut at = 0;
        while at < end {
            for message in feed.next(BATCH).await? {
                at = message.sequence();
                let Some(recorded) = message.commit() else { continue };
                if agent.is_some_and(|agent| agent != recorded.address.agent) {
                    continue;
                }
                for fact in recorded.facts() {
                    print(&fact, with_text.then_some(&opener), as_json).await?;
                }
            }
        }
    }
    Ok(())
}

async fn print(fact: &Fact, opener: Option<&Opener>, as_json: bool) -> Result<()> {
    let words = match (opener, sealed(&fact.event)) {
        (Some(opener), Some((field, text))) => Some(match opener.vault(fact.address).await?.open(field, 0, &text.bytes)? {
            Text::Open(words) => words,
            Text::Erased => "(erased)".to_owned(),
        }),
        _ => None,
    };
    let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(fact.at.0) * 1_000_000)?
        .format(&time::format_description::well_known::Rfc3339)?;
    let target = match fact.address.target {
        Target::Agent => fact.address.agent.to_string(),
        Target::Link(link) => link.to_string(),
        Target::Session(session) => session.to_string(),
    };
    let name = fact.event.wire_name();
    if as_json {
        crate::output::line(json!({
            "shard": fact.position.shard.0, "sequence": fact.position.sequence, "index": fact.position.index, "at": at, "type": name,
            "id": fact.id().to_string(), "agent_id": fact.address.agent, "target": target, "link_id": fact.link, "text": words,
        }));
    } else {
        // What a chatter typed may hold terminal codes: shown escaped.
        let words = words.map(|words| format!(" {words:?}")).unwrap_or_default();
        crate::output::line(format_args!(
            "{}:{}.{} {at} {target} {name}{words}",
            fact.position.shard, fact.position.sequence, fact.position.index
        ));
    }
    Ok(())
}

/// Finds the one text of an event that a person or an agent wrote.
fn sealed(event: &AnyEvent) -> Option<(Field, &Sealed)> {
    match event {
        AnyEvent::Link(link::Event::Opened { settings } | link::Event::Updated { settings }) => {
            Some((Field::Setting(link::TextSetting::Title), &settings.title))
        }
        AnyEvent::Link(link::Event::Revoked { farewell, .. }) => farewell.as_ref().map(|text| (Field::Farewell, text)),
        AnyEvent::Session(session::Event::Started { display_name, .. }) => {
            display_name.as_ref().map(|text| (Field::DisplayName, text))
        }
        AnyEvent::Session(session::Event::MessagePosted { text, .. }) => Some((Field::Message, text)),
        AnyEvent::Session(session::Event::QuestionAsked { form, terms, .. }) => {
            Some((if terms.decision.is_some() { Field::Decision } else { Field::Form }, form))
        }
        AnyEvent::Session(session::Event::QuestionAnswered { values, .. }) => Some((Field::Values, values)),
        AnyEvent::Session(session::Event::DecisionMade { document, .. }) => Some((Field::Outcome, document)),
        AnyEvent::Session(session::Event::QuestionClosed { values: Some(values), .. }) => Some((Field::IfSilent, values)),
        AnyEvent::Session(session::Event::QuestionClosed { reason, .. }) => reason.as_ref().map(|text| (Field::Withdrawal, text)),
        AnyEvent::Session(session::Event::EndPlanned { farewell, .. }) => farewell.as_ref().map(|text| (Field::Message, text)),
        AnyEvent::Session(session::Event::Reported { reason }) => Some((Field::Report, reason)),
        AnyEvent::Session(session::Event::Rated { feedback, .. }) => feedback.as_ref().map(|text| (Field::Feedback, text)),
        AnyEvent::Agent(_)
        | AnyEvent::Link(
            link::Event::Paused
            | link::Event::Resumed
            | link::Event::TokenRotated { .. }
            | link::Event::Expiring { .. }
            | link::Event::Expired
            | link::Event::Admitted { .. }
            | link::Event::BudgetDrawn { .. }
            | link::Event::BudgetReached { .. }
            | link::Event::Blocked { .. }
            | link::Event::AbuseNoticed { .. }
            | link::Event::Released { .. }
            | link::Event::Erased
            | link::Event::WebhookSet { .. },
        )
        | AnyEvent::Session(
            session::Event::MarkedRead { .. }
            | session::Event::WentIdle
            | session::Event::Resumed
            | session::Event::Rescheduled { .. }
            | session::Event::HandoffOffered { .. }
            | session::Event::HandoffMissed
            | session::Event::DeviceAdded { .. }
            | session::Event::DeviceForgotten { .. }
            | session::Event::BudgetReached { .. }
            | session::Event::BudgetSet { .. }
            | session::Event::EndCalledOff { .. }
            | session::Event::Flooded { .. }
            | session::Event::AbuseNoticed { .. }
            | session::Event::Ended { .. }
            | session::Event::Erased,
        ) => None,
    }
}
