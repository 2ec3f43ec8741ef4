//! Read marks: forward only, and never more than there is to read.

use super::*;
use crate::spec::{just_before, seconds};

#[test]
fn a_reader_marks_how_far_it_has_read() {
    for by in [Reader::Chatter, Reader::Agent(key(1))] {
        given([started(), welcomed()]).when(mark(by, 7)).then([marked(by, 7)]);
    }
}

#[test]
fn a_mark_does_not_move_back() {
    given([started(), marked(Reader::Chatter, 7)]).when(mark(Reader::Chatter, 7).at(seconds(10))).does_nothing();
    given([started(), marked(Reader::Chatter, 7)]).when(mark(Reader::Chatter, 6).at(seconds(10))).does_nothing();
}

#[test]
fn a_mark_before_the_first_event_is_no_mark() {
    for by in [Reader::Chatter, Reader::Agent(key(1))] {
        given([started(), welcomed()]).when(mark(by, 0)).does_nothing();
        given([started(), marked(by, 7)]).when(mark(by, 0)).does_nothing();
    }
}

#[test]
fn a_mark_moves_once_a_second_at_most() {
    let at_once = || given([started(), marked(Reader::Chatter, 7)]);
    at_once().when(mark(Reader::Chatter, 8)).rejects(Rejection::ReadTooSoon { retry_at: seconds(1) });
    at_once().when(mark(Reader::Chatter, 8).at(just_before(seconds(1)))).rejects(Rejection::ReadTooSoon { retry_at: seconds(1) });
    at_once().when(mark(Reader::Chatter, 8).at(seconds(1))).then([marked(Reader::Chatter, 8)]);
}

#[test]
fn every_reader_has_a_mark_of_its_own() {
    let other = Reader::Agent(key(2));
    given([started(), marked(Reader::Agent(key(1)), 7)]).when(mark(other, 3)).then([marked(other, 3)]);
}

#[test]
fn marks_do_not_outnumber_what_there_is_to_read() {
    let nothing_said = [started(), marked(Reader::Chatter, 1), marked(Reader::Chatter, 2)];
    given(nothing_said.clone()).when(mark(Reader::Chatter, 3).at(seconds(10))).does_nothing();
    for entry in [said(), replied()] {
        given(nothing_said.clone().into_iter().chain([entry]))
            .when(mark(Reader::Chatter, 3).at(seconds(10)))
            .then([marked(Reader::Chatter, 3)]);
    }
}

#[test]
fn answers_are_read_too() {
    let read_twice = [marked(Reader::Agent(key(1)), 1), marked(Reader::Agent(key(1)), 2), marked(Reader::Agent(key(1)), 3)];
    let asked_only = || [started(), asked(1, 1, 1)].into_iter().chain(read_twice.clone());
    given(asked_only()).when(mark(Reader::Agent(key(1)), 4).at(seconds(10))).does_nothing();
    given(asked_only().chain([answered(1, 1)]))
        .when(mark(Reader::Agent(key(1)), 4).at(seconds(10)))
        .then([marked(Reader::Agent(key(1)), 4)]);
}

#[test]
fn reading_goes_on_after_the_end() {
    given([started(), ended(EndReason::AgentEnded)]).when(mark(Reader::Chatter, 7)).then([marked(Reader::Chatter, 7)]);
}

#[test]
fn there_is_nothing_to_read_once_the_words_are_gone() {
    given([started(), ended(EndReason::Erased), erased()]).when(mark(Reader::Chatter, 7)).rejects(Rejection::Erased);
}

#[test]
fn reading_is_not_speaking() {
    let session = given([started(), said(), marked(Reader::Agent(key(1)), 7).at(minutes(5))]).state;
    assert_eq!((session.last_word_at, session.owed_since), (minutes(0), Some(minutes(0))));
}
