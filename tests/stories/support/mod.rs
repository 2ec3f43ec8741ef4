//! What stories are told with: an installation, agents, chatters, a browser, and patience instead of sleep.

mod agent;
mod answer;
mod authority;
mod broken;
mod browser;
mod chance;
mod chatter;
mod clients;
mod disk;
mod folder;
mod hook;
mod installation;
mod patience;
mod process;
mod proxy;
mod stream;
mod tls;
mod visitor;

pub(crate) use agent::{Agent, arguments_of, text_of};
pub(crate) use answer::Answer;
pub(crate) use authority::{Authority, Mood, Signer, now};
pub(crate) use broken::{Cut, Line};
pub(crate) use browser::Browser;
pub(crate) use chance::{seed, uuid};
pub(crate) use chatter::{Chatter, words_of};
pub(crate) use clients::{Run, inspector, node_client, npm_tool, python_client};
pub(crate) use disk::{behind, files_with};
pub(crate) use folder::Folder;
pub(crate) use hook::Hook;
pub(crate) use installation::Installation;
pub(crate) use patience::{soon, until};
pub(crate) use process::{Process, processes_on};
pub(crate) use proxy::Proxy;
pub(crate) use stream::Stream;
pub(crate) use tls::Root;
pub(crate) use visitor::{Visitor, send, token_of};
