//! Recipients: each has a token, and one session.

use super::*;

fn for_two() -> At<Event> {
    Event::Opened { settings: settings_with(|settings| settings.recipients = Some(Recipients { labels: text(20), count: 2 })) }
        .into()
}

fn admit_recipient(n: u8, recipient: u8) -> At<Command> {
    let (session, start_before) = (session(n), seconds(60));
    Command::Admit {
        session,
        returning: false,
        start_before,
        passcode: Passcode::Missing,
        recipient: Some(recipient),
        client: None,
    }
    .into()
}

fn came(n: u8, recipient: u8) -> At<Event> {
    Event::Admitted {
        session: session(n),
        returning: false,
        start_before: seconds(60),
        recipient: Some(recipient),
        bytes: FIRST_BYTES,
    }
    .into()
}

#[test]
fn a_recipient_comes_once() {
    given([for_two()]).when(admit_recipient(1, 0)).then([came(1, 0)]);
    given([for_two(), came(1, 0)]).when(admit_recipient(2, 0)).rejects(Rejection::RecipientCame);
    given([for_two(), came(1, 0)]).when(admit_recipient(2, 1)).then([came(2, 1)]);
    given([for_two(), came(1, 0)]).when(admit(2)).then([admitted(2)]);
}

#[test]
fn who_has_left_does_not_make_room_for_another() {
    given([for_two(), came(1, 0), released(1)]).when(admit_recipient(2, 0)).rejects(Rejection::RecipientCame);
}

#[test]
fn a_recipient_s_own_session_may_begin_again() {
    given([for_two(), came(1, 0), released(1)]).when(admit_recipient(1, 0)).then([came(1, 0)]);
}

#[test]
fn who_never_started_has_not_come() {
    given([for_two(), came(1, 0), given_back_unused(1)]).when(admit_recipient(2, 0)).then([came(2, 0)]);
}

#[test]
fn a_recipient_comes_back_from_idling() {
    given([for_two(), came(1, 0), released(1)]).when(readmit(1)).then([readmitted(1)]);
}

#[test]
fn nobody_is_a_recipient_of_a_link_without_any() {
    given([opened()]).when(admit_recipient(1, 0)).rejects(Rejection::Unknown);
    given([for_two()]).when(admit_recipient(1, 2)).rejects(Rejection::Unknown);
}

#[test]
fn a_link_is_for_at_most_50_recipients() {
    let link_for = |count| open_with(|settings| settings.recipients = Some(Recipients { labels: text(20), count }));
    given([]).when(link_for(0)).rejects(Rejection::OutOfRange { setting: "recipients", given: 0, least: 1, most: 50 });
    given([]).when(link_for(51)).rejects(Rejection::OutOfRange { setting: "recipients", given: 51, least: 1, most: 50 });
}

fn add(before: u8, added: u8) -> At<Command> {
    update(Changes { more_recipients: Some(MoreRecipients { before, added, labels: text(40) }), ..Changes::default() })
}

fn for_more(count: u8, places: u32) -> At<Event> {
    updated_with(|settings| {
        settings.recipients = Some(Recipients { labels: text(40), count });
        settings.max_sessions_at_once = places;
    })
}

#[test]
fn recipients_are_added_with_a_place_for_each() {
    given([for_two()]).when(add(2, 1)).then([for_more(3, 3)]);
    given([opened()]).when(add(0, 3)).then([for_more(3, 3)]);
    // Who came stays who they are, and the new one is another.
    given([for_two(), came(1, 0), for_more(3, 3)]).when(admit_recipient(2, 0)).rejects(Rejection::RecipientCame);
    given([for_two(), came(1, 0), for_more(3, 3)]).when(admit_recipient(2, 2)).then([came(2, 2)]);
}

#[test]
fn places_stay_as_the_agent_set_them() {
    let narrow = |settings: &mut Settings| {
        settings.recipients = Some(Recipients { labels: text(20), count: 2 });
        settings.max_sessions_at_once = 1;
    };
    given([opened_with(narrow)]).when(add(2, 1)).then([for_more(3, 1)]);
    let more_recipients = Some(MoreRecipients { before: 2, added: 1, labels: text(40) });
    let named = Changes { more_recipients, max_sessions_at_once: Some(2), ..Changes::default() };
    given([for_two()]).when(update(named)).then([for_more(3, 2)]);
    given([for_two()]).under(|policy| policy.sessions_at_once = 2).when(add(2, 1)).then([for_more(3, 2)]);
}

#[test]
fn recipients_are_added_to_those_there_are() {
    given([for_two()]).when(add(1, 1)).rejects(Rejection::RecipientsChanged { count: 2, expected: 1 });
    given([for_two(), for_more(3, 3)]).when(add(2, 1)).rejects(Rejection::RecipientsChanged { count: 3, expected: 2 });
    given([for_two()]).when(add(2, 49)).rejects(out_of_range("recipients", 51, 1, 50));
    given([for_two()]).when(add(2, 255)).rejects(out_of_range("recipients", 255, 1, 50));
}

#[test]
fn a_link_asks_1_to_8_fields() {
    let link_with = |fields| open_with(|settings| settings.questions = Some(questions(fields)));
    given([]).when(link_with(0)).rejects(Rejection::OutOfRange { setting: "questions", given: 0, least: 1, most: 8 });
    given([]).when(link_with(9)).rejects(Rejection::OutOfRange { setting: "questions", given: 9, least: 1, most: 8 });
}
