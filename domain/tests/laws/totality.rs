//! No input panics, and no decision changes anything.

use domain::agent::Agent;
use domain::link::Link;
use domain::session::Session;
use domain::{Millis, Policy, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::subject::{Subject, timestamp};

/// Limits of any size.
fn policy() -> impl Strategy<Value = Policy> {
    (any::<[u32; 19]>(), any::<[i64; 12]>(), any::<[u16; 8]>(), any::<u8>(), any::<[u64; 3]>()).prop_map(
        |(counts, lengths, sizes, question_fields, bytes)| Policy {
            retired_secrets: sizes[7].into(),
            longest_overlap: Millis(lengths[6]),
            agent_keys: sizes[0].into(),
            name_characters: sizes[1].into(),
            webhook_url_bytes: sizes[2].into(),
            shortest_lifetime: Millis(lengths[0]),
            longest_lifetime: Millis(lengths[1]),
            title_characters: counts[0],
            text_characters: counts[1],
            display_name_characters: counts[2],
            sessions_at_once: counts[3],
            allowed_origins: sizes[3].into(),
            origin_bytes: sizes[4].into(),
            starts_per_minute: sizes[5].into(),
            messages_per_session: counts[4],
            messages_per_minute: counts[5],
            shortest_idle: Millis(lengths[2]),
            longest_idle: Millis(lengths[3]),
            longest_keep: Millis(lengths[4]),
            chatter_characters: counts[6],
            agent_characters: counts[7],
            agent_messages: counts[8],
            agent_messages_per_minute: counts[9],
            open_questions: sizes[6].into(),
            question_fields,
            recipients: question_fields,
            answers_per_question: counts[10],
            shortest_answer_time: Millis(lengths[8]),
            longest_answer_time: Millis(lengths[9]),
            withdrawal_characters: counts[17],
            soonest_planned_end: Millis(lengths[10]),
            latest_planned_end: Millis(lengths[11]),
            planned_ends: counts[18],
            feedback_characters: counts[11],
            between_read_marks: Millis(lengths[5]),
            devices: counts[12],
            handoffs: counts[13],
            handoff_lifetime: Millis(lengths[7]),
            handoff_tries: counts[14],
            reports: counts[15],
            report_characters: counts[16],
            session_bytes_a_day: bytes[0],
            link_bytes_a_day: bytes[1],
            agent_bytes_a_day: bytes[2],
        },
    )
}

fn any_policy() -> impl Strategy<Value = Policy> {
    prop_oneof![Just(Policy::default()), policy()]
}

/// Takes in events that no decision need have led to, and decides everything on what they leave.
fn decides_anything<A: Subject>(
    events: &[(A::Event, Timestamp)],
    commands: &[(A::Command, Timestamp)],
    policy: &Policy,
) -> Result<(), TestCaseError> {
    let mut state = A::default();
    for (event, at) in events {
        state.evolve(event, *at);
        for (command, now) in commands {
            let before = state.clone();
            let decided = state.decide(command, *now, policy);
            prop_assert_eq!(&state, &before);
            prop_assert_eq!(&state.decide(command, *now, policy), &decided);
            match decided {
                Ok(events) => {
                    let mut next = state.clone();
                    for event in &events {
                        next.evolve(event, *now);
                    }
                }
                Err(rejection) => {
                    A::could_change(&rejection);
                    prop_assert!(!rejection.to_string().is_empty());
                }
            }
        }
    }
    Ok(())
}

fn events<A: Subject>() -> impl Strategy<Value = Vec<(A::Event, Timestamp)>> {
    vec((A::event(), timestamp()), 1..20)
}

fn commands<A: Subject>() -> impl Strategy<Value = Vec<(A::Command, Timestamp)>> {
    vec((A::command(), timestamp()), 1..10)
}

proptest! {
    #[test]
    fn an_agent_takes_anything(events in events::<Agent>(), commands in commands::<Agent>(), policy in any_policy()) {
        decides_anything::<Agent>(&events, &commands, &policy)?;
    }

    #[test]
    fn a_link_takes_anything(events in events::<Link>(), commands in commands::<Link>(), policy in any_policy()) {
        decides_anything::<Link>(&events, &commands, &policy)?;
    }

    #[test]
    fn a_session_takes_anything(events in events::<Session>(), commands in commands::<Session>(), policy in any_policy()) {
        decides_anything::<Session>(&events, &commands, &policy)?;
    }

    #[test]
    fn moments_and_lengths_stay_within_what_can_be_told(at in any::<i64>(), other in any::<i64>()) {
        let (moment, length) = (Timestamp(at), Millis(other));
        prop_assert_eq!((moment + length).0, at.saturating_add(other));
        prop_assert_eq!((moment - length).0, at.saturating_sub(other));
        prop_assert_eq!((moment - Timestamp(other)).0, at.saturating_sub(other));
        prop_assert_eq!(Millis::minutes(at).0, at.saturating_mul(60_000));
    }
}

proptest! {
    #[test]
    fn any_text_is_an_id_or_is_refused(text in "\\PC{0,40}", prefix in "(lnk_|ses_)?", body in "[a-z2-7]{26}") {
        for text in [text, format!("{prefix}{body}")] {
            if let Ok(id) = domain::LinkId::parse(&text) {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }
}
