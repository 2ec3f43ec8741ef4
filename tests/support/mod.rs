//! What stories are told with: an installation, agents, chatters, a browser, and patience instead of sleep.

mod agent;
mod answer;
mod authority;
mod bomb;
mod broken;
mod browser;
mod chance;
mod chatter;
mod disk;
mod folder;
mod hook;
mod in_front;
mod installation;
mod modern;
mod network;
mod patience;
mod process;
mod proof;
mod proxy;
mod raw_connection;
mod screen;
mod shard;
mod site;
mod stream;
mod tools;
mod visitor;

pub(crate) use agent::{Agent, arguments_of, text_of};
pub(crate) use answer::Answer;
pub(crate) use authority::{Authority, Mood, Signer, now};
pub(crate) use bomb::{bomb, nested};
pub(crate) use broken::{Cut, Line};
pub(crate) use browser::{Browser, chromium};
pub(crate) use chance::{seed, uuid};
pub(crate) use chatter::{Chatter, words_of};
pub(crate) use disk::{files_with, message_on};
pub(crate) use folder::Folder;
pub(crate) use hook::Hook;
pub(crate) use in_front::{Nginx, PgBouncer, free_port};
pub(crate) use installation::Installation;
pub(crate) use modern::Modern;
pub(crate) use network::{Network, ToStreams};
pub(crate) use patience::{soon, until};
pub(crate) use process::{Process, processes_on};
pub(crate) use proof::{price, prove};
pub(crate) use proxy::Proxy;
pub(crate) use raw_connection::RawConnection;
pub(crate) use screen::Screen;
pub(crate) use shard::{Intruder, Stored};
pub(crate) use site::Site;
pub(crate) use stream::Stream;
pub(crate) use testbed::tls::Root;
pub(crate) use tools::{
    Run, axe, inspector, lighthouse, node_client, node_tasks, npm_tool, page_tests, python_client, python_tasks, verify_receipt,
};
pub(crate) use visitor::{Visitor, send, token_of};
