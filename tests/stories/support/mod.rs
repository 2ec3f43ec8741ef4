//! What stories are told with: an installation, agents, chatters, a browser, and patience instead of sleep.

mod agent;
mod answer;
mod browser;
mod chance;
mod chatter;
mod disk;
mod folder;
mod installation;
mod patience;
mod process;
mod site;
mod stream;
mod visitor;

pub(crate) use agent::Agent;
pub(crate) use answer::Answer;
pub(crate) use browser::Browser;
pub(crate) use chance::uuid;
pub(crate) use chatter::{Chatter, words_of};
pub(crate) use disk::{behind, files_with};
pub(crate) use folder::Folder;
pub(crate) use installation::Installation;
pub(crate) use patience::{soon, until};
pub(crate) use process::{Process, processes_on};
pub(crate) use site::Site;
pub(crate) use stream::Stream;
pub(crate) use visitor::{Visitor, send, token_of};
