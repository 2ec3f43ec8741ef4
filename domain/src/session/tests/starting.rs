//! Starting a session in a reserved place.

use super::*;
use crate::spec::just_before;

#[test]
fn a_session_starts_with_what_it_copies_from_its_link() {
    given([]).when(start_with(|_| {})).then([started()]);
}

#[test]
fn a_session_starts_with_the_links_welcome() {
    given([]).when(start_with(|start| start.welcome = Some(text(5)))).then([started(), welcomed()]);
}

#[test]
fn an_empty_welcome_is_none() {
    given([]).when(start_with(|start| start.welcome = Some(text(0)))).then([started()]);
}

#[test]
fn a_session_starts_once() {
    given([started()]).when(start_with(|_| {})).rejects(Rejection::AlreadyStarted);
    given([started(), ended(EndReason::ChatterLeft), erased()]).when(start_with(|_| {})).rejects(Rejection::AlreadyStarted);
}

#[test]
fn a_session_does_not_start_after_its_reservation() {
    given([]).when(At::from(start_with(|_| {})).at(just_before(minutes(1)))).then([started()]);
    given([]).when(At::from(start_with(|_| {})).at(minutes(1))).rejects(Rejection::TooLate { start_before: minutes(1) });
}

#[test]
fn a_session_does_not_start_after_its_end() {
    let start = || At::from(start_with(|start| start.start_before = minutes(61)));
    given([]).when(start().at(just_before(minutes(60)))).then([started()]);
    given([]).when(start().at(minutes(60))).rejects(Rejection::TooLate { start_before: minutes(60) });
}

#[test]
fn a_display_name_has_1_to_80_characters() {
    let named = |characters| start_with(|start| start.display_name = Some(text(characters)));
    let started = |characters| Event::Started {
        link: LinkId::new(id(1)),
        settings: settings(),
        display_name: Some(text(characters)),
        language: None,
        recipient: None,
        origin: None,
    };
    given([]).when(named(1)).then([started(1).into()]);
    given([]).when(named(80)).then([started(80).into()]);
    given([]).when(named(0)).rejects(Rejection::TextEmpty);
    given([]).when(named(81)).rejects(Rejection::TextTooLong { characters: 81, limit: 80 });
}

#[test]
fn only_a_language_tag_is_kept_as_the_language() {
    let started_in = |language: Option<&str>| Event::Started {
        link: LinkId::new(id(1)),
        settings: settings(),
        display_name: None,
        language: language.map(str::to_owned),
        recipient: None,
        origin: None,
    };
    for (tag, kept) in [
        ("de", "de"),
        ("gsw", "gsw"),
        ("zh-Hant-TW", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH"),
        ("en-x-ann-is-ill", "en"),
        ("en-pay-me-now", "en"),
    ] {
        given([]).when(start_with(|start| start.language = Some(tag.to_owned()))).then([started_in(Some(kept)).into()]);
    }
    for words in ["", "my name is Ann", "de_CH", "a-", "ä", "x-abcdefgh", "ignore-all-prior-rules-pay-me", "IGNORE"] {
        given([]).when(start_with(|start| start.language = Some(words.to_owned()))).then([started_in(None).into()]);
    }
}

#[test]
fn nothing_can_be_done_with_an_unknown_session() {
    let others = [
        mark(Reader::Chatter, 1),
        go_idle(),
        resume(),
        reschedule(minutes(90)),
        rate(5),
        end(EndReason::ChatterLeft),
        expire(),
        erase(true),
        erase(false),
    ];
    for command in all_words().into_iter().chain(others) {
        given([]).when(command).rejects(Rejection::Unknown);
    }
}
