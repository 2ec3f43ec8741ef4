//! The labels of a link's recipients.

use std::collections::HashMap;
use std::fmt;

use app::App;
use domain::{AgentId, LinkId};
use events::sanitize::clean;
use problem::Problem;

/// The labels of recipients, looked up once for each link.
pub struct Recipients<'a> {
    app: &'a App,
    agent: AgentId,
    by_link: HashMap<LinkId, Vec<String>>,
}

impl<'a> Recipients<'a> {
    /// Looks up those of an agent's links.
    pub fn new(app: &'a App, agent: AgentId) -> Self {
        Self { app, agent, by_link: HashMap::new() }
    }

    /// Finds the label of a link's recipient; none where there is no such recipient, or where the label is erased.
    pub async fn label(&mut self, link: LinkId, recipient: Option<u8>) -> Result<Option<String>, Problem> {
        let Some(recipient) = recipient else { return Ok(None) };
        if !self.by_link.contains_key(&link) {
            let labels = self.app.commands().recipients(self.agent, link).await?;
            self.by_link.insert(link, labels.iter().map(|label| clean(label)).collect());
        }
        Ok(self.by_link.get(&link).and_then(|labels| labels.get(usize::from(recipient))).cloned())
    }
}

impl fmt::Debug for Recipients<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipients").finish_non_exhaustive()
    }
}
