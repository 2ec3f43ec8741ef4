//! What the limits count, forget and tell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use domain::LinkId;

use super::counters::TRACKED;
use super::{Limit, Limits, Rates, with_fields};
use crate::client::Client;

fn address(last: u8) -> Client {
    Client::of_peer(IpAddr::from([192, 0, 2, last]))
}

fn network(site: u16, subnet: u16) -> Client {
    Client::of_peer(Ipv6Addr::new(0x2001, 0xdb8, site, subnet, 0, 0, 0, 1).into())
}

/// Counts how many are let through, up to a number.
fn taken(limits: &Limits, most: usize, limit: impl Fn() -> Limit) -> usize {
    (0..most).take_while(|_| limits.check(limit()).is_ok()).count()
}

#[test]
fn who_comes_too_often_is_stopped_and_told_when_to_come_back() {
    let limits = Limits::new(&Rates::default());
    assert!((60..=61).contains(&taken(&limits, 100, || Limit::MadeUpTokens(address(1)))));
    let refused = limits.check(Limit::MadeUpTokens(address(1))).unwrap_err();
    assert_eq!(refused.retry_after_seconds(), Some(1), "{refused:?}");
    assert!(refused.detail.contains("(made_up_tokens)"), "{refused:?}");
    limits.check(Limit::MadeUpTokens(address(2))).unwrap();
    limits.check(Limit::Visits(address(1))).unwrap();
}

#[test]
fn a_site_of_ipv6_has_more_than_one_of_its_networks_and_not_as_much_as_all() {
    let limits = Limits::new(&Rates::default());
    assert!(taken(&limits, 100, || Limit::FailedKeys(network(1, 1))) <= 61);
    let of_others: usize = (2..=99).map(|subnet| taken(&limits, 100, || Limit::FailedKeys(network(1, subnet)))).sum();
    assert!((400..=440).contains(&of_others), "{of_others}");
    limits.check(Limit::FailedKeys(network(2, 1))).unwrap();
}

#[test]
fn bytes_are_weighed_and_what_is_larger_than_all_takes_all() {
    let limits = Limits::new(&Rates::default());
    let link = Limit::LinkBytes(LinkId::new([1; 16]));
    limits.check_bytes(link, 0).unwrap();
    limits.check_bytes(link, 16 << 20).unwrap();
    let refused = limits.check_bytes(link, 8 << 20).unwrap_err();
    assert!((55..=60).contains(&refused.retry_after_seconds().unwrap()), "{refused:?}");
    limits.check_bytes(Limit::LinkBytes(LinkId::new([2; 16])), usize::MAX).unwrap();
}

#[test]
fn a_flood_of_addresses_takes_bounded_memory_and_forgives_nobody_who_comes_often() {
    let limits = Limits::new(&Rates::default());
    let hot = || Limit::MadeUpTokens(address(1));
    assert!(taken(&limits, 100, hot) <= 61);
    for made_up in 0..200_000_u32 {
        let from = Client::of_peer(Ipv4Addr::from_bits(0x0a00_0000 + made_up).into());
        limits.check(Limit::MadeUpTokens(from)).unwrap();
        if made_up % 1_000 == 0 {
            // It regains one a second, and no more.
            let _counted = limits.check(hot());
        }
    }
    assert!(limits.tracked(hot()) <= TRACKED, "{}", limits.tracked(hot()));
    assert!(taken(&limits, 100, hot) < 50, "it was forgotten");
}

#[tokio::test]
async fn an_answer_tells_of_the_tightest_limit_that_counted_it() {
    let limits = Limits::new(&Rates::default());
    let ((), fields) = with_fields(async {
        limits.check(Limit::AllRequests(())).unwrap();
        limits.check(Limit::MadeUpTokens(address(1))).unwrap();
        limits.check_bytes(Limit::AllBytes(()), 100).unwrap();
    })
    .await;
    assert_eq!(fields["ratelimit"], "\"made_up_tokens\";r=59;t=1");
    assert_eq!(fields["ratelimit-policy"], "\"made_up_tokens\";q=60;w=60");
    let ((), fields) = with_fields(async { limits.check_bytes(Limit::AllBytes(()), 1 << 29).unwrap_or_default() }).await;
    assert!(fields["ratelimit"].to_str().unwrap().starts_with("\"all_bytes\";r=0;t="), "{fields:?}");
    assert_eq!(fields["ratelimit-policy"], "\"all_bytes\";q=536870912;w=60;qu=\"content-bytes\"");
    let ((), untold) = with_fields(async {}).await;
    assert!(untold.is_empty());
}
