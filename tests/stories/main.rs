//! Stories through the public surface only: the real binary on real servers, HTTP, MCP, and a browser.
//!
//! Most of them share one installation and keep out of each other's way: each makes links of its own, and each chatter
//! comes from an address of its own.

#![cfg(test)]
#![expect(clippy::large_futures, reason = "a story is one long wait, and runs once")]

mod agent_events;
mod agent_tools;
mod any_browser;
mod any_language;
mod as_hosts_send;
mod bad_networks;
mod behind_nginx;
mod bridge;
mod closed_questions;
mod cold_reads;
mod command_line;
mod complete_results;
mod conformance;
mod decisions;
mod devices;
mod devices_in_a_browser;
mod doctor;
mod embedding;
mod erasure;
mod errors_to_act_on;
mod figures;
mod for_everyone;
mod healing;
mod held;
mod in_a_browser;
mod joining;
mod keys;
mod keys_that_end;
mod lighthouse;
mod link_states;
mod lost_connections;
mod many_gateways;
mod messages;
mod odd_browsers;
mod other_clients;
mod page_costs;
mod pruning;
mod question_cards;
mod reading_changes_nothing;
mod recipients;
mod recovery;
mod refusals;
mod request_ids;
mod resources;
mod rolling;
mod schedule;
mod screens;
mod screenshots;
mod settings;
mod signatures;
mod small_print;
mod soft_ends;
#[path = "../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the attacks use the rest")]
mod support;
mod talking;
mod tap_to_eye;
mod tasks;
mod the_story;
mod two_tabs;
mod typed_answers;
mod webhooks;
