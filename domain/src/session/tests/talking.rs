//! Messages: who may say what, how much, and how fast.

use super::*;
use crate::spec::{just_before, seconds};

#[test]
fn chatter_agent_and_system_may_speak() {
    for from in [Author::Chatter, agent(), Author::System] {
        given([started()]).when(post_as(from, text(5))).then([said_by(from)]);
    }
}

#[test]
fn a_message_says_something() {
    for from in [Author::Chatter, agent(), Author::System] {
        given([started()]).when(post_as(from, text(0))).rejects(Rejection::TextEmpty);
    }
}

#[test]
fn a_chatters_message_has_at_most_4000_characters() {
    let longest =
        Event::MessagePosted { from: Author::Chatter, text: text(4_000), kind: None, client_message_id: None, signs: None };
    given([started()]).when(post_as(Author::Chatter, text(4_000))).then([longest.into()]);
    given([started()])
        .when(post_as(Author::Chatter, text(4_001)))
        .rejects(Rejection::TextTooLong { characters: 4_001, limit: 4_000 });
}

#[test]
fn an_agents_message_has_at_most_8000_characters() {
    let longest = Event::MessagePosted { from: agent(), text: text(8_000), kind: None, client_message_id: None, signs: None };
    given([started()]).when(post_as(agent(), text(8_000))).then([longest.into()]);
    given([started()]).when(post_as(agent(), text(8_001))).rejects(Rejection::TextTooLong { characters: 8_001, limit: 8_000 });
}

#[test]
fn a_chatter_has_only_so_many_messages() {
    let two = || started_with(|settings| settings.max_messages = 2);
    given([two(), said()]).when(say()).then([said()]);
    given([two(), said(), said()]).when(say()).rejects(Rejection::MessageLimit { limit: 2 });
}

#[test]
fn the_chatters_limit_is_not_the_agents() {
    let one = || started_with(|settings| settings.max_messages = 1);
    given([one(), welcomed(), replied(), replied()]).when(say()).then([said()]);
    given([one(), said()]).when(reply()).then([replied()]);
}

#[test]
fn the_messages_left_are_counted_down_to_nothing() {
    let two = || started_with(|settings| settings.max_messages = 2);
    assert_eq!(given([]).state.messages_left(), 0);
    assert_eq!(given([two(), welcomed(), replied()]).state.messages_left(), 2);
    assert_eq!(given([two(), said(), said()]).state.messages_left(), 0);
}

#[test]
fn an_agent_has_only_so_many_messages_and_questions() {
    given([started(), replied()]).under(|policy| policy.agent_messages = 2).when(reply()).then([replied()]);
    for command in [reply(), ask(2, 1, 1)] {
        given([started(), replied(), asked(1, 1, 1)])
            .under(|policy| policy.agent_messages = 2)
            .when(command)
            .rejects(Rejection::MessageLimit { limit: 2 });
    }
}

#[test]
fn a_chatter_may_say_only_so_much_within_a_minute() {
    let quick =
        || given([started_with(|settings| settings.messages_per_minute = 2), said().at(seconds(1)), said().at(seconds(2))]);
    quick().when(say()).rejects(Rejection::RateLimited { retry_at: seconds(61) });
    quick().when(say().at(just_before(seconds(61)))).rejects(Rejection::RateLimited { retry_at: seconds(61) });
    quick().when(say().at(seconds(61))).then([said()]);
}

#[test]
fn an_agent_may_say_only_so_much_within_a_minute() {
    let quick = || {
        given([started(), replied().at(seconds(1)), asked(1, 1, 1).at(seconds(2))])
            .under(|policy| policy.agent_messages_per_minute = 2)
    };
    quick().when(reply()).rejects(Rejection::RateLimited { retry_at: seconds(61) });
    quick().when(ask(2, 1, 1)).rejects(Rejection::RateLimited { retry_at: seconds(61) });
    quick().when(reply().at(seconds(61))).then([replied()]);
}

#[test]
fn a_narrowed_rate_tells_when_there_is_room_under_it() {
    given([started(), replied().at(seconds(1)), replied().at(seconds(2)), replied().at(seconds(3))])
        .under(|policy| policy.agent_messages_per_minute = 1)
        .when(reply())
        .rejects(Rejection::RateLimited { retry_at: seconds(63) });
}

#[test]
fn who_may_say_nothing_at_all_is_told_to_wait_a_minute() {
    given([started()])
        .under(|policy| policy.agent_messages_per_minute = 0)
        .when(reply())
        .rejects(Rejection::RateLimited { retry_at: seconds(60) });
}

#[test]
fn the_rates_of_chatter_and_agent_are_their_own() {
    given([started_with(|settings| settings.messages_per_minute = 1), said()])
        .under(|policy| policy.agent_messages_per_minute = 1)
        .when(reply())
        .then([replied()]);
}

#[test]
fn messages_older_than_a_minute_are_forgotten_by_the_rate() {
    let session = given([started(), said(), said().at(seconds(60)), replied(), replied().at(seconds(121))]).state;
    assert_eq!(session.recent_chatter.iter().copied().collect::<Vec<_>>(), [seconds(60)]);
    assert_eq!(session.recent_agent.iter().copied().collect::<Vec<_>>(), [seconds(121)]);
}

#[test]
fn nothing_is_said_once_the_time_is_up_though_no_timer_has_said_so() {
    given([started()]).when(say().at(just_before(minutes(60)))).then([said()]);
    for command in all_words() {
        given([started(), asked(1, 1, 1)]).when(command.at(minutes(60))).rejects(time_is_up());
    }
}

#[test]
fn an_ended_session_takes_no_words() {
    for reason in [EndReason::ChatterLeft, EndReason::AgentEnded, EndReason::Blocked, EndReason::LinkRevoked] {
        for command in all_words() {
            given([started(), asked(1, 1, 1), ended(reason)]).when(command).rejects(Rejection::Ended { reason });
        }
    }
}

#[test]
fn an_erased_session_takes_no_words() {
    for command in all_words() {
        given([started(), asked(1, 1, 1), ended(EndReason::Erased), erased()]).when(command).rejects(Rejection::Erased);
    }
}

#[test]
fn that_it_is_over_is_told_before_what_is_wrong_with_the_words() {
    given([started(), ended(EndReason::ChatterLeft)])
        .when(post_as(Author::Chatter, text(4_001)))
        .rejects(Rejection::Ended { reason: EndReason::ChatterLeft });
}
