//! The labels of a link's recipients.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use app::App;
use command_service::Principal;
use domain::LinkId;
use problem::Problem;
use query_service::Freshness;
use text::clean;

/// The labels of recipients, read once for each link.
pub struct Recipients<'a> {
    app: &'a App,
    principal: &'a Principal,
    by_link: HashMap<LinkId, Vec<String>>,
}

impl<'a> Recipients<'a> {
    /// Reads those of links that the bearer of a key may see.
    pub fn new(app: &'a App, principal: &'a Principal) -> Self {
        Self { app, principal, by_link: HashMap::new() }
    }

    /// Reads the labels of these links from the rows, as far as those are fresh.
    pub async fn read(&mut self, links: impl IntoIterator<Item = LinkId>, fresh: Freshness) -> Result<(), Problem> {
        let links: BTreeSet<_> = links.into_iter().filter(|link| !self.by_link.contains_key(link)).collect();
        if links.is_empty() {
            return Ok(());
        }
        let links: Vec<_> = links.into_iter().collect();
        let answer = self.app.queries().recipients(App::viewer(self.principal), &links, fresh).await?;
        if answer.stale {
            return Ok(());
        }
        for (link, document) in answer.value {
            let labels = document.map_or(Ok(vec![]), |document| serde_json::from_str::<Vec<String>>(&document));
            match labels {
                Ok(labels) => drop(self.by_link.insert(link, labels.iter().map(|label| clean(label)).collect())),
                Err(error) => tracing::error!(%link, %error, "a link's labels cannot be read"),
            }
        }
        Ok(())
    }

    /// Finds the label of a link's recipient; none where there is no such recipient, or where the label is erased. Of a link that no
    /// fresh row told of, the log does.
    pub async fn label(&mut self, link: LinkId, recipient: Option<u8>) -> Result<Option<String>, Problem> {
        let Some(recipient) = recipient else { return Ok(None) };
        if !self.by_link.contains_key(&link) {
            let labels = self.app.commands().recipients(self.principal.agent, link).await?;
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
