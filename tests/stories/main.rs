//! Stories through the public surface only: the real binary on real servers, HTTP, MCP, and a browser.
//!
//! Most of them share one installation and keep out of each other's way: each makes links of its own, and each chatter
//! comes from an address of its own.

#![cfg(test)]
#![expect(clippy::large_futures, reason = "a story is one long wait, and runs once")]

mod agent_tools;
mod command_line;
mod devices;
mod devices_in_a_browser;
mod embedding;
mod erasure;
mod in_a_browser;
mod joining;
mod link_states;
mod many_gateways;
mod messages;
mod quiet_logs;
mod recovery;
mod refusals;
mod small_print;
mod strangers;
mod support;
mod the_story;
