//! Where the agent is told of what happens on a link.

use super::*;
use crate::agent::Webhook;

fn webhook(url: &str) -> Webhook {
    Webhook { url: url.to_owned(), with_text: false, rotation: 1 }
}

fn set(webhook: Option<Webhook>) -> Command {
    Command::SetWebhook { webhook }
}

fn was_set(webhook: Option<Webhook>) -> At<Event> {
    Event::WebhookSet { webhook }.into()
}

#[test]
fn a_link_may_have_a_webhook_of_its_own() {
    let (one, two) = (Some(webhook("https://one.example")), Some(webhook("https://two.example")));
    given([opened()]).when(set(one.clone())).then([was_set(one.clone())]);
    given([opened(), was_set(one.clone())]).when(set(two.clone())).then([was_set(two)]);
    given([opened(), was_set(one)]).when(set(None)).then([was_set(None)]);
}

#[test]
fn setting_it_again_is_already_so() {
    let one = Some(webhook("https://one.example"));
    given([opened(), was_set(one.clone())]).when(set(one)).does_nothing();
    given([opened()]).when(set(None)).does_nothing();
}

#[test]
fn who_is_still_in_a_closed_link_is_still_told_of() {
    let one = Some(webhook("https://one.example"));
    given([opened(), closed()]).when(set(one.clone())).then([was_set(one)]);
}

#[test]
fn its_address_has_a_length() {
    let url = |length| Some(webhook(&"u".repeat(length)));
    given([opened()]).when(set(url(2_000))).then([was_set(url(2_000))]);
    given([opened()]).when(set(url(2_001))).rejects(out_of_range("webhook_url", 2_001, 1, 2_000));
    given([opened()]).when(set(url(0))).rejects(out_of_range("webhook_url", 0, 1, 2_000));
}

#[test]
fn a_secret_that_was_replaced_never_comes_back() {
    let mut link = Link::default();
    for webhook in [Some(webhook("https://one.example")), None] {
        link.evolve(&Event::WebhookSet { webhook }, Timestamp(0));
    }
    assert_eq!((link.webhook, link.webhook_rotation), (None, 1));
}
