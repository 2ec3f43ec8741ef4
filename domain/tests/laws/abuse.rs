//! Suspicion: ordinary people meet none, it fades, and it stays small.

use std::collections::BTreeSet;

use domain::abuse::{Level, Noticed, Reason, Signs, Suspicion, THRESHOLDS};
use domain::session::{Author, Command, Event, Session};
use domain::{Aggregate, Millis, Policy, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::log::Log;
use crate::subject::{histories, history};

fn text(likeness: u32) -> Signs {
    Signs { likeness: Some(likeness), addresses: 0 }
}

fn addresses(addresses: u8) -> Signs {
    Signs { likeness: None, addresses }
}

/// Takes messages in and tells what is new, the next so many milliseconds after the one before.
fn told(messages: impl IntoIterator<Item = (Signs, i64)>) -> (Suspicion, Timestamp) {
    let (mut suspicion, mut now) = (Suspicion::default(), Timestamp(1));
    for (signs, after) in messages {
        now = now + Millis(after);
        suspicion.add_message(signs, now);
        if let Some((level, _)) = suspicion.news(now) {
            suspicion.note_told(level, now);
        }
    }
    (suspicion, now)
}

proptest! {
    /// Any number of texts, each sent up to four times, as fast as one likes.
    #[test]
    fn different_texts_and_a_few_repeats_are_nothing(pauses in vec(0_i64..60_000, 100)) {
        let messages = pauses.into_iter().zip(0_u32..).map(|(pause, n)| (text(n / 4), pause));
        let (suspicion, now) = told(messages);
        prop_assert_eq!(suspicion.level(now), None);
    }

    /// One address a message, at the usual ten a minute, for as long as one likes; and long lists in between, one each ten minutes.
    #[test]
    fn sharing_addresses_is_nothing(lists in 0_u8..2, repeats in 1_usize..200) {
        let one_by_one = std::iter::repeat_n((addresses(1), 6_000), repeats);
        let list = std::iter::repeat_n((addresses(u8::MAX), 6_000), usize::from(lists));
        let (suspicion, now) = told(one_by_one.chain(list));
        prop_assert_eq!(suspicion.level(now), None);
    }

    #[test]
    fn a_suspicion_only_fades_by_itself(signs in vec((0_u32..3, any::<u8>(), 0_i64..100_000), 0..100), after in 0_i64..10_000_000, more in 0_i64..10_000_000) {
        let messages = signs.into_iter().map(|(likeness, addresses, pause)| (Signs { likeness: Some(likeness), addresses }, pause));
        let (suspicion, now) = told(messages);
        let (sooner, later) = (now + Millis(after), now + Millis(after) + Millis(more));
        prop_assert!(suspicion.level(later) <= suspicion.level(sooner));
        let left = suspicion.is_closed().then_some(Level::Closed);
        prop_assert_eq!(suspicion.level(now + Millis::minutes(24 * 60)), left);
        prop_assert!(suspicion.len() <= 16);
        if let Some(free_at) = suspicion.is_priced_until(sooner) {
            prop_assert!(free_at > sooner);
            prop_assert_eq!(suspicion.is_priced_until(free_at), None);
            prop_assert!(suspicion.is_priced_until(sooner + Millis((free_at - sooner).0 / 2)).is_some());
        }
    }

    #[test]
    fn what_is_slowed_still_speaks(most in 1_u32..100, messages in 0_u32..5_000) {
        let mut suspicion = Suspicion::default();
        suspicion.add_flood(messages, Timestamp(1));
        let left = suspicion.slow_down(most, Timestamp(1));
        prop_assert!((1..=most).contains(&left));
    }
}

#[test]
fn the_same_text_again_and_again_is_noticed_slowed_priced_and_closed() {
    let (mut suspicion, now) = (Suspicion::default(), Timestamp(1));
    let mut reached = vec![];
    for n in 1..=30 {
        suspicion.add_message(text(7), now);
        if let Some((level, reasons)) = suspicion.news(now) {
            assert_eq!(reasons, BTreeSet::from([Reason::RepeatedText]));
            suspicion.note_told(level, now);
            reached.push((n, level));
        }
    }
    assert_eq!(reached, [(7, Level::Noticed), (10, Level::Slowed), (14, Level::Priced), (24, Level::Closed)]);
    // A closed chat is not opened again by waiting.
    assert_eq!(suspicion.level(now + Millis::minutes(10_000)), Some(Level::Closed));
}

#[test]
fn lists_of_addresses_without_end_are_a_bomb() {
    let level = |lists| {
        let (suspicion, now) = told(std::iter::repeat_n((addresses(200), 6_000), lists));
        suspicion.level(now)
    };
    assert_eq!((level(3), level(6), level(11)), (None, Some(Level::Noticed), Some(Level::Priced)));
}

#[test]
fn a_flood_that_never_ends_is_closed_out_however_slow_it_is() {
    let mut suspicion = Suspicion::default();
    let times = (1..1_000).map(|n| Timestamp(0) + Millis::minutes(n * 60)).find(|now| {
        suspicion.add_flood(THRESHOLDS.flood_step, *now);
        suspicion.level(*now) == Some(Level::Closed)
    });
    assert_eq!(times, Some(Timestamp(0) + Millis::minutes(100 * 60)));
}

#[test]
fn what_was_announced_holds_for_some_minutes() {
    let (suspicion, now) = told(std::iter::repeat_n((text(7), 0), 14));
    assert_eq!(suspicion.level(now), Some(Level::Priced));
    let free_at = suspicion.is_priced_until(now);
    assert_eq!(free_at.map(|free_at| (free_at - now).0 / 60_000), Some(5));
    assert_eq!(suspicion.level(now + Millis::minutes(4)), Some(Level::Priced));
    assert_eq!(suspicion.level(now + Millis::minutes(6)), Some(Level::Slowed));
}

#[test]
fn a_level_is_told_once_and_again_after_it_has_faded() {
    let (mut suspicion, mut now) = (Suspicion::default(), Timestamp(1));
    let mut told = 0;
    for _ in 0..3 {
        for _ in 0..2 {
            suspicion.add_flood(THRESHOLDS.flood_step, now);
            if let Some((level, _)) = suspicion.news(now) {
                suspicion.note_told(level, now);
                told += 1;
            }
        }
        now = now + Millis::minutes(60);
    }
    assert_eq!(told, 3);
}

proptest! {
    #![proptest_config(histories())]

    /// Whatever happens: levels are told in rising order until they have faded, who is closed out says no more, and agents are never judged.
    #[test]
    fn nobody_speaks_past_a_closed_door(history in history::<Session>()) {
        let mut before = Session::default();
        Log::<Session>::new(history.policy).execute_all(&history.commands, |log, issued| {
            let session = &log.root.state;
            if before.suspicion.is_closed() {
                prop_assert!(session.suspicion.is_closed());
                prop_assert_eq!(session.chatter_messages, before.chatter_messages);
                if let Command::Answer { .. } = &issued.command {
                    prop_assert_eq!(&session.questions, &before.questions);
                }
            }
            if let Command::Post { from: Author::Agent(_) | Author::System, .. } = &issued.command {
                prop_assert_eq!(&session.suspicion, &before.suspicion);
            }
            before = session.clone();
            Ok(())
        })?;
    }

    /// A message without signs changes nothing, whatever was before: short words cannot count.
    #[test]
    fn a_message_without_signs_is_no_sign(history in history::<Session>()) {
        let mut state = Session::default();
        let mut now = Timestamp(0);
        for issued in &history.commands {
            now = now.max(issued.at);
            let Ok(events) = state.decide(&issued.command, now, &Policy::default()) else { continue };
            for event in events {
                let before = state.suspicion.clone();
                state.evolve(&event, now);
                if let Event::MessagePosted { signs: None, .. } = event {
                    prop_assert_eq!(&state.suspicion, &before);
                }
            }
        }
    }
}

#[test]
fn what_was_noticed_is_written_as_a_number_and_read_again() {
    for level in [Level::Noticed, Level::Slowed, Level::Priced, Level::Closed] {
        for reasons in [vec![], vec![Reason::Flood], vec![Reason::RepeatedText, Reason::ManyAddresses, Reason::Flood]] {
            let noticed = Noticed { level, reasons: reasons.into_iter().collect() };
            assert_eq!(Noticed::from_bits(noticed.to_bits()), Some(noticed));
        }
    }
    assert_eq!((Noticed::from_bits(0), Noticed::from_bits(7)), (None, None));
}
