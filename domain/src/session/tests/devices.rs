//! Devices: a code lets in one, for a while, and nobody guesses it; each is forgotten by itself.

use super::*;
use crate::spec::just_before;
use crate::{DeviceId, HandoffId};

fn code(n: u8) -> HandoffId {
    HandoffId::new(id(n))
}

fn device(n: u8) -> DeviceId {
    DeviceId::new(id(n))
}

fn offered(n: u8) -> At<Event> {
    Event::HandoffOffered { code: code(n), expires_at: minutes(5) }.into()
}

fn missed() -> At<Event> {
    Event::HandoffMissed.into()
}

fn added(n: u8) -> At<Event> {
    Event::DeviceAdded { device: device(n), client: None }.into()
}

fn forgotten(n: u8) -> At<Event> {
    Event::DeviceForgotten { device: device(n) }.into()
}

fn offer(n: u8) -> At<Command> {
    Command::OfferHandoff { code: code(n) }.into()
}

fn take(code_of: u8, by: u8) -> At<Command> {
    Command::TakeHandoff { code: code(code_of), device: device(by), client: None }.into()
}

fn forget(n: u8) -> At<Command> {
    Command::ForgetDevice { device: device(n) }.into()
}

#[test]
fn a_code_lets_in_one_device() {
    given([started()]).when(offer(1)).then([offered(1)]);
    given([started(), offered(1)]).when(offer(1)).does_nothing();
    given([started(), offered(1)]).when(take(1, 7)).then([added(7)]);
    given([started(), offered(1), added(7)]).when(take(1, 8)).rejects(Rejection::HandoffUnknown);
}

#[test]
fn a_code_is_good_for_five_minutes_and_no_longer_than_the_session() {
    given([started(), offered(1)]).when(take(1, 7).at(just_before(minutes(5)))).then([added(7)]);
    given([started(), offered(1)]).when(take(1, 7).at(minutes(5))).rejects(Rejection::HandoffUnknown);
    let at_the_end = Event::HandoffOffered { code: code(1), expires_at: minutes(60) };
    given([started()]).when(offer(1).at(minutes(58))).then([at_the_end.into()]);
}

#[test]
fn wrong_codes_are_counted_and_five_of_them_void_the_right_one() {
    given([started(), offered(1)]).when(take(2, 7)).then([missed()]);
    let tried = |times| given([started(), offered(1)].into_iter().chain(vec![missed(); times]));
    tried(4).when(take(1, 7)).then([added(7)]);
    tried(5).when(take(1, 7)).rejects(Rejection::HandoffUnknown);
    tried(5).when(take(2, 7)).rejects(Rejection::HandoffUnknown);
}

#[test]
fn a_new_code_takes_the_place_of_the_one_before() {
    let misses = vec![missed(); 5];
    given([started(), offered(1), offered(2)]).when(take(1, 7)).then([missed()]);
    given([started(), offered(1)].into_iter().chain(misses).chain([offered(2)])).when(take(2, 7)).then([added(7)]);
}

#[test]
fn a_session_without_a_code_refuses_all_alike() {
    given([started()]).when(take(1, 7)).rejects(Rejection::HandoffUnknown);
    for over in [ended(EndReason::AgentEnded), rescheduled(minutes(0))] {
        given([started(), offered(1), over]).when(take(1, 7)).rejects(Rejection::HandoffUnknown);
    }
}

#[test]
fn a_resting_session_goes_on_elsewhere_and_an_ended_one_does_not() {
    given([started(), went_idle()]).when(offer(1)).then([offered(1)]);
    given([started(), offered(1), went_idle()]).when(take(1, 7)).then([added(7)]);
    let over = Rejection::Ended { reason: EndReason::AgentEnded };
    given([started(), ended(EndReason::AgentEnded)]).when(offer(1)).rejects(over);
    given([started()]).when(offer(1).at(minutes(60))).rejects(time_is_up());
}

#[test]
fn codes_and_devices_have_an_end() {
    let with = |devices, codes| {
        given([started(), offered(1), added(7)]).under(|policy| (policy.devices, policy.handoffs) = (devices, codes))
    };
    with(2, 2).when(offer(2)).then([offered(2)]);
    with(1, 2).when(offer(2)).rejects(Rejection::TooManyDevices { limit: 1 });
    with(2, 1).when(offer(2)).rejects(Rejection::TooManyHandoffs { limit: 1 });
}

#[test]
fn a_device_is_forgotten_once_even_after_the_end() {
    given([started()]).when(forget(1)).then([forgotten(1)]);
    given([started(), forgotten(1)]).when(forget(1)).does_nothing();
    given([started(), ended(EndReason::ChatterLeft)]).when(forget(1)).then([forgotten(1)]);
    given([started(), ended(EndReason::Erased), erased()]).when(forget(1)).does_nothing();
}

#[test]
fn the_device_that_began_is_forgotten_under_all_its_names() {
    given([started(), forgotten(1)]).when(forget(2)).does_nothing();
    given([started(), offered(1), added(2), forgotten(1)]).when(forget(2)).then([forgotten(2)]);
    given([started(), offered(1), added(2), forgotten(2)]).when(forget(1)).then([forgotten(1)]);
}

#[test]
fn a_forgotten_device_does_not_come_back_by_a_code() {
    given([started(), forgotten(1), offered(1)]).when(take(1, 1)).rejects(Rejection::HandoffUnknown);
    given([started(), forgotten(1), offered(1)]).when(take(1, 2)).then([added(2)]);
}

#[test]
fn a_code_outlives_the_device_that_asked_for_it() {
    given([started(), offered(1), forgotten(1)]).when(take(1, 2)).then([added(2)]);
}
