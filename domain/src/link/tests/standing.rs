//! How a link stands for whoever looks at it.

use super::*;
use crate::link::{Admission, Entry, Standing, Status};
use crate::spec::just_before;

fn entry(change: impl FnOnce(&mut Link), recipient: Option<u8>, now: Timestamp) -> Entry {
    let mut link = given([opened_with(|settings| settings.max_sessions_at_once = 1)]).state;
    change(&mut link);
    link.entry(recipient, now)
}

#[test]
fn a_link_lets_in_until_its_time_is_up() {
    assert_eq!(entry(|_| {}, None, just_before(minutes(60))), Entry::Open);
    assert_eq!(entry(|_| {}, None, minutes(60)), Entry::Expired);
}

#[test]
fn a_link_lets_in_as_many_as_there_are_places() {
    let taken = |link: &mut Link| {
        link.admissions.insert(session(1), Admission { start_before: minutes(1), returning: false });
    };
    assert_eq!(entry(taken, None, minutes(1)), Entry::Full);
}

#[test]
fn a_link_is_used_up_after_its_last_session() {
    let used = |link: &mut Link| {
        link.admitted = 2;
        link.settings = link.settings.take().map(|settings| Settings { max_sessions_total: Some(2), ..settings });
    };
    assert_eq!(entry(used, None, minutes(1)), Entry::UsedUp);
}

#[test]
fn a_recipient_comes_once() {
    let came = |link: &mut Link| link.came = [(3, session(1))].into_iter().collect();
    assert_eq!(entry(came, Some(3), minutes(1)), Entry::UsedUp);
    assert_eq!(entry(came, Some(2), minutes(1)), Entry::Open);
}

#[test]
fn a_link_that_was_closed_lets_in_nobody() {
    assert_eq!(entry(|link| link.status = Status::Paused, None, minutes(1)), Entry::Paused);
    assert_eq!(entry(|link| link.status = Status::Revoked, None, minutes(1)), Entry::Revoked);
    assert_eq!(Link { status: Status::Erased, ..Link::default() }.entry(None, minutes(1)), Entry::Expired);
}

#[test]
fn an_erased_link_stands_as_it_was_closed() {
    let standing = |closed_at| Standing::of(Status::Erased, minutes(60), closed_at, minutes(90));
    assert_eq!(standing(Some(minutes(60))), Standing::Expired);
    assert_eq!(standing(Some(minutes(59))), Standing::Revoked);
}

#[test]
fn every_status_is_found_by_its_name() {
    for status in [Status::Unknown, Status::Active, Status::Paused, Status::Expired, Status::Revoked, Status::Erased] {
        assert_eq!(Status::parse(status.name()), Some(status));
    }
    assert_eq!(Status::parse("gone"), None);
}
