//! The soft end.

use super::*;

fn plan(within: i64) -> At<Command> {
    Command::PlanEnd { within: Millis::minutes(within), farewell: None }.into()
}

fn planned(at: i64) -> At<Event> {
    Event::EndPlanned { at: minutes(at), farewell: None }.into()
}

fn called_off() -> At<Event> {
    Event::EndCalledOff { by: Author::Chatter }.into()
}

fn end_as_planned(at: i64) -> At<Command> {
    At::from(Command::EndAsPlanned).at(minutes(at))
}

#[test]
fn an_agent_says_when_it_ends() {
    given([started()]).when(plan(5).at(minutes(1))).then([planned(6)]);
    given([started(), planned(6)]).when(plan(10).at(minutes(2))).then([planned(12)]);
    given([started(), went_idle().at(minutes(30))]).when(plan(5).at(minutes(31))).then([planned(36)]);
    for within in [0, 61] {
        let (given_minutes, least, most) = (Millis::minutes(within), Millis::seconds(1), Millis::minutes(60));
        given([started()]).when(plan(within)).rejects(Rejection::TimeOutOfRange { given: given_minutes, least, most });
    }
    given([started(), planned(6)])
        .under(|policy| policy.planned_ends = 1)
        .when(plan(5))
        .rejects(Rejection::TooManyPlannedEnds { limit: 1 });
    given([started(), ended(EndReason::ChatterLeft)]).when(plan(5)).rejects(Rejection::Ended { reason: EndReason::ChatterLeft });
    given([started()]).when(plan(5).at(minutes(60))).rejects(time_is_up());
}

#[test]
fn it_ends_then_with_the_last_words() {
    given([started(), planned(6)]).when(end_as_planned(6)).then([ended(EndReason::AgentEnded)]);
    given([started(), planned(6)]).when(end_as_planned(5)).rejects(not_due(minutes(6)));
    given([started()]).when(end_as_planned(6)).then([]);
    given([started(), planned(6), ended(EndReason::ChatterLeft)]).when(end_as_planned(6)).then([]);
    let with_words = Event::EndPlanned { at: minutes(6), farewell: Some(text(5)) };
    let farewell = Event::MessagePosted {
        from: Author::System,
        text: text(5),
        kind: Some(MessageKind::Farewell),
        client_message_id: None,
        signs: None,
    };
    given([started(), with_words.into(), asked(1, 1, 1)]).when(end_as_planned(6)).then([
        farewell.into(),
        closed(1, Closing::SessionEnded),
        ended(EndReason::AgentEnded),
    ]);
}

#[test]
fn any_word_of_the_persons_calls_it_off() {
    given([started(), planned(6)]).when(say()).then([called_off(), said()]);
    given([started(), asked(1, 1, 1), planned(6)]).when(answer(1, 1)).then([called_off(), answered(1, 1)]);
    // Late, and still before it has ended.
    given([started(), planned(6)]).when(say().at(minutes(7))).then([called_off(), said()]);
    given([started(), planned(6), called_off(), said()]).when(end_as_planned(6)).then([]);
    given([started(), planned(6), called_off(), said()]).when(say()).then([said()]);
}

#[test]
fn the_agents_own_words_do_not() {
    given([started(), planned(6)]).when(reply()).then([replied()]);
    given([started(), planned(6), replied()]).when(end_as_planned(6)).then([ended(EndReason::AgentEnded)]);
}
