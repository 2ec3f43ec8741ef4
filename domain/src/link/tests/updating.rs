//! Changing an open link: settings, pause, token.

use super::*;
use crate::budget::{Budget, Limits};
use crate::spec::just_before;

fn title(characters: u32) -> Changes {
    Changes { title: Some(text(characters)), ..Changes::default() }
}

fn until(expires_at: Timestamp) -> Changes {
    Changes { expires_at: Some(expires_at), ..Changes::default() }
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    given([opened()]).when(update(title(20))).then([updated_with(|settings| settings.title = text(20))]);
}

#[test]
fn an_update_may_name_every_setting() {
    let budget = Budget { day: Limits { turns: Some(14), ..Limits::default() }, ..Budget::default() };
    let wanted = Settings {
        title: text(1),
        purpose: Some(text(2)),
        description: Some(text(3)),
        welcome_message: Some(text(4)),
        agent_name: Some(text(5)),
        passcode: Some(text(6)),
        expires_at: minutes(7),
        max_sessions_at_once: 8,
        max_sessions_total: Some(9),
        max_messages_per_session: 10,
        messages_per_minute: 11,
        idle_timeout: Millis::minutes(12),
        keep_after_end: Millis::minutes(13),
        language: Some("de".to_owned()),
        allowed_origins: vec!["https://a.example".to_owned()],
        budget,
        questions: Some(questions(2)),
        recipients: Some(Recipients { labels: text(30), count: 3 }),
    };
    let Settings { title, purpose, description, welcome_message, agent_name, passcode, .. } = wanted.clone();
    let changes = Changes {
        title: Some(title),
        purpose: Some(purpose),
        description: Some(description),
        welcome_message: Some(welcome_message),
        agent_name: Some(agent_name),
        passcode: Some(passcode),
        expires_at: Some(minutes(7)),
        max_sessions_at_once: Some(8),
        max_sessions_total: Some(Some(9)),
        max_messages_per_session: Some(10),
        messages_per_minute: Some(11),
        idle_timeout: Some(Millis::minutes(12)),
        keep_after_end: Some(Millis::minutes(13)),
        language: Some(Some("de".to_owned())),
        allowed_origins: Some(vec!["https://a.example".to_owned()]),
        budget: Some(budget),
        questions: Some(Some(questions(2))),
        more_recipients: Some(MoreRecipients { before: 0, added: 3, labels: text(30) }),
    };
    given([opened()]).when(update(changes)).then([Event::Updated { settings: Box::new(wanted) }.into()]);
}

#[test]
fn an_update_may_remove_what_is_optional() {
    given([opened_with(|settings| {
        settings.purpose = Some(text(2));
        settings.passcode = Some(text(4));
        settings.max_sessions_total = Some(1);
    })])
    .when(update(Changes { purpose: Some(None), passcode: Some(None), max_sessions_total: Some(None), ..Changes::default() }))
    .then([updated_with(|_| {})]);
}

#[test]
fn an_update_to_what_is_in_force_is_already_so() {
    given([opened()]).when(update(title(10))).does_nothing();
    given([opened()]).when(update(until(minutes(60))).at(minutes(59))).does_nothing();
    given([opened()]).when(update(Changes::default())).does_nothing();
}

#[test]
fn an_update_holds_to_the_ranges() {
    given([opened()]).when(update(title(201))).rejects(out_of_range("title", 201, 1, 200));
    given([opened()]).when(update(Changes { keep_after_end: Some(Millis(-1)), ..Changes::default() })).rejects(out_of_range(
        "keep_minutes_after_end",
        -1,
        0,
        43_200,
    ));
}

#[test]
fn a_new_end_counts_from_now() {
    given([opened()]).when(update(until(minutes(60 + 43_200))).at(just_before(minutes(60)))).rejects(out_of_range(
        "expires_in_minutes",
        43_201,
        5,
        43_200,
    ));
    let last = minutes(50 + 43_200);
    given([opened()]).when(update(until(last)).at(minutes(50))).then([updated_with(|settings| settings.expires_at = last)]);
    given([opened()]).when(update(until(minutes(24))).at(minutes(20))).rejects(out_of_range("expires_in_minutes", 4, 5, 43_200));
    given([opened()])
        .when(update(until(minutes(25))).at(minutes(20)))
        .then([updated_with(|settings| settings.expires_at = minutes(25))]);
}

#[test]
fn other_settings_may_change_until_the_last_moment() {
    given([opened()])
        .when(update(title(20)).at(just_before(minutes(60))))
        .then([updated_with(|settings| settings.title = text(20))]);
}

#[test]
fn a_link_whose_time_is_up_is_not_extended_though_no_timer_has_said_so() {
    given([opened()]).when(update(until(minutes(120))).at(minutes(60))).rejects(Rejection::Expired);
}

#[test]
fn an_ended_link_is_not_changed() {
    for (end, rejection) in [
        (expired(), Rejection::Expired),
        (revoked(), Rejection::Revoked),
        (closed(), Rejection::Revoked),
        (erased(), Rejection::Erased),
    ] {
        for command in [update(title(20)), Command::Pause.into(), Command::Resume.into(), Command::RotateToken.into()] {
            given([opened(), end.clone()]).when(command).rejects(rejection.clone());
        }
    }
}

#[test]
fn a_link_whose_time_is_up_is_neither_paused_nor_resumed_nor_given_a_token() {
    for command in [Command::Pause, Command::Resume, Command::RotateToken] {
        given([opened()]).when(At::from(command).at(minutes(60))).rejects(Rejection::Expired);
    }
}

#[test]
fn a_paused_link_keeps_its_settings_changeable() {
    given([opened(), paused()]).when(update(title(20))).then([updated_with(|settings| settings.title = text(20))]);
}

#[test]
fn a_link_is_paused_and_resumed() {
    given([opened()]).when(Command::Pause).then([paused()]);
    given([opened(), paused()]).when(Command::Resume).then([resumed()]);
}

#[test]
fn a_pause_within_a_pause_is_already_so() {
    given([opened(), paused()]).when(Command::Pause).does_nothing();
    given([opened()]).when(Command::Resume).does_nothing();
    given([opened(), paused(), resumed()]).when(Command::Resume).does_nothing();
}

#[test]
fn tokens_are_counted() {
    given([opened()]).when(Command::RotateToken).then([rotated(1)]);
    given([opened(), rotated(1)]).when(Command::RotateToken).then([rotated(2)]);
    given([opened(), rotated(u32::MAX)]).when(Command::RotateToken).then([rotated(u32::MAX)]);
}
