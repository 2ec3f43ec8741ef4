//! What agents do with links.

use std::time::Duration;

use domain::link::{
    Changes, Command, Convert, Link, MoreRecipients, Questions, Recipients, Rejection, Representation, Settings, Status, Stored,
    TextSetting,
};
use domain::{Address, AgentId, CommandId, Fingerprint, LinkId, Millis, Root, Sealed, Timestamp};
use forms::Form;
use nats::{Actor, DataKey, Field};
use serde::Serialize;

use crate::executor::{Outcome, Request};
use crate::seal::Seal;
use crate::{Commands, Receipt, Refusal, clock, random};

/// How long a link's state may be old where nothing is decided by it.
pub(crate) const LINKS_SEEN_WITHIN: Duration = Duration::from_secs(1);

/// Settings as an agent gives them: every text is plain.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "settings hold a passcode and words, which nothing is to print")]
pub enum Plain {}

impl Representation for Plain {
    type Text = String;
    type End = End;
    type Questions = Form;
    /// The labels by which the agent knows them; each has a token of one's own.
    type Recipients = Vec<String>;
    /// Those that are there already stay as they are, so that a repeat adds nobody.
    type MoreRecipients = Vec<String>;
}

/// A link to be opened.
pub type NewLink = Settings<Plain>;
/// Settings to change; `None` leaves one as it is, `Some(None)` and an empty text remove it.
pub type LinkChanges = Changes<Plain>;

/// A link that is about to be opened.
struct Opening {
    address: Address,
    actor: Actor,
    /// What was asked for, as its fingerprint takes it in.
    asked: String,
    /// Its settings, with the verifier of the passcode in its place.
    new: NewLink,
}

/// When a link is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum End {
    /// At this moment.
    At(Timestamp),
    /// So long after the decision.
    In(Millis),
}

impl Commands {
    /// Opens a link; the same `idempotency_key` again gives the same link.
    pub async fn create_link(
        &self,
        agent: AgentId,
        actor: Actor,
        new: NewLink,
        idempotency_key: Option<&str>,
    ) -> Result<(LinkId, Receipt), Refusal> {
        let link = match idempotency_key {
            Some(key) => self.inner.derived.link(agent, key),
            None => LinkId::new(random::bytes()),
        };
        let address = Address::link(agent, link);
        let status = match idempotency_key {
            Some(_) => self.inner.links.look(address, Duration::ZERO, |root| root.state.status).await?,
            None => Status::Unknown,
        };
        let asked = asked(&new);
        match status {
            Status::Unknown => {}
            Status::Erased => return Err(Refusal::Link(Rejection::Erased)),
            // A repeat gets its first answer, and its passcode is not hashed for it.
            Status::Active | Status::Paused | Status::Expired | Status::Revoked => {
                return Ok((link, self.opened_before(agent, address, &asked).await?));
            }
        }
        let passcode = self.verifier(new.passcode.clone()).await?;
        let opening = Opening { address, actor, asked, new: NewLink { passcode, ..new } };
        // What the rules refuse leaves no key behind: they are asked with one that is thrown away.
        let settings = self.sealed(&opening, &DataKey::throwaway())?;
        let decided = Root::<Link>::default().decide(&Command::Open(Box::new(settings)), clock::now(), self.policy());
        decided.map_err(Refusal::Link)?;
        let key = self.new_key(address).await?;
        let refusal = match self.open_link(opening, &key).await {
            Ok(receipt) => {
                self.keep_key(address, &key).await?;
                return Ok((link, receipt));
            }
            Err(refusal) => refusal,
        };
        let is_rejected = matches!(refusal, Refusal::Link(_) | Refusal::IdReused);
        let is_unused = if idempotency_key.is_none() {
            // A random id is this call's alone; unless the outcome is unknown, the link was not opened.
            is_rejected || matches!(refusal, Refusal::LogFull | Refusal::Busy)
        } else {
            // Another attempt with the same idempotency key may be opening it, so only an erased link is known to be unused.
            is_rejected && self.inner.links.look(address, Duration::ZERO, |root| root.state.status == Status::Erased).await?
        };
        if is_unused {
            self.inner.backbone.keys().destroy(address).await?;
        }
        Err(refusal)
    }

    /// Answers to the repeated opening of a link; one that asks for anything else is refused.
    async fn opened_before(&self, agent: AgentId, address: Address, asked: &str) -> Result<Receipt, Refusal> {
        let key = self.link_key(address).await?;
        let (id, fingerprint) = self.opening(address, &key, asked);
        let answer = self.inner.links.look(address, Duration::ZERO, |root| root.replay(&id, &fingerprint)).await?;
        match answer {
            Ok(Some(answer)) => Ok(self.receipt(agent, &Outcome { command: id, answer, replayed: true })),
            Ok(None) | Err(_) => Err(Refusal::IdReused),
        }
    }

    /// Returns the command that opens a link, and the fingerprint of what is asked for.
    fn opening(&self, address: Address, key: &DataKey, asked: &str) -> (CommandId, Fingerprint) {
        (self.inner.derived.command(&address, "open"), key.fingerprint(&[b"open", asked.as_bytes()]))
    }

    /// Seals the settings of a link and sends its opening.
    async fn open_link(&self, opening: Opening, key: &DataKey) -> Result<Receipt, Refusal> {
        let settings = self.sealed(&opening, key)?;
        let Opening { address, actor, asked, .. } = opening;
        let (id, fingerprint) = self.opening(address, key, &asked);
        self.send_link(address, Request { id, fingerprint, actor, command: Command::Open(Box::new(settings)) }).await
    }

    fn sealed(&self, opening: &Opening, key: &DataKey) -> Result<Settings<Stored>, Refusal> {
        let Opening { address, new, .. } = opening;
        let seal = Seal { key, address: *address, id: self.inner.derived.command(address, "open") };
        new.clone().convert(&mut Sealing { commands: self, seal: &seal })
    }

    /// Makes the verifier of a passcode; of an empty one, none.
    async fn verifier(&self, passcode: Option<String>) -> Result<Option<String>, Refusal> {
        match passcode.filter(|passcode| !passcode.is_empty()) {
            None => Ok(None),
            Some(passcode) => Ok(Some(self.inner.passcodes.verifier(&passcode).await?)),
        }
    }

    /// Changes a link's settings.
    pub async fn update_link(
        &self,
        agent: AgentId,
        actor: Actor,
        link: LinkId,
        changes: LinkChanges,
    ) -> Result<Receipt, Refusal> {
        let passcode = match &changes.passcode {
            None => None,
            Some(passcode) => {
                // Hashed once for all tries, and for none where the link is not there to be changed.
                self.link_key(Address::link(agent, link)).await?;
                Some(self.verifier(passcode.clone()).await?)
            }
        };
        let changes = LinkChanges { passcode, ..changes };
        // Whoever loses has been overtaken by one recipient more, of whom a link has only so many.
        for _ in 0..=self.policy().recipients {
            match self.try_to_update_link(agent, actor, link, changes.clone()).await {
                // Somebody else came first: the labels are put together with theirs.
                Err(Refusal::Link(Rejection::RecipientsChanged { .. })) => {}
                done => return done,
            }
        }
        Err(Refusal::Busy)
    }

    /// Tries to change a link once; instead of a passcode the changes hold its verifier.
    async fn try_to_update_link(
        &self,
        agent: AgentId,
        actor: Actor,
        link: LinkId,
        changes: LinkChanges,
    ) -> Result<Receipt, Refusal> {
        let address = Address::link(agent, link);
        let key = self.link_key(address).await?;
        let id = CommandId::new(random::bytes());
        let seal = Seal { key: &key, address, id };
        let more_recipients = self.more_recipients(&seal, changes.more_recipients.as_deref().unwrap_or_default()).await?;
        let changes = changes.convert(&mut Sealing { commands: self, seal: &seal }, more_recipients)?;
        self.ask_link(address, actor, id, Command::Update(Box::new(changes))).await
    }

    /// Stops or lets in newcomers.
    pub async fn pause_link(&self, agent: AgentId, actor: Actor, link: LinkId, paused: bool) -> Result<Receipt, Refusal> {
        let command = if paused { Command::Pause } else { Command::Resume };
        self.ask_link(Address::link(agent, link), actor, CommandId::new(random::bytes()), command).await
    }

    /// Makes a new token: the old one opens nothing any more.
    pub async fn rotate_token(&self, agent: AgentId, actor: Actor, link: LinkId) -> Result<Receipt, Refusal> {
        self.ask_link(Address::link(agent, link), actor, CommandId::new(random::bytes()), Command::RotateToken).await
    }

    /// Closes a link to newcomers for good; its open sessions end too if `end_sessions`, each by a decision of its own.
    pub async fn revoke_link(
        &self,
        agent: AgentId,
        actor: Actor,
        link: LinkId,
        end_sessions: bool,
        farewell: Option<&str>,
    ) -> Result<Receipt, Refusal> {
        let address = Address::link(agent, link);
        let key = self.link_key(address).await?;
        let id = CommandId::new(random::bytes());
        let farewell = Seal { key: &key, address, id }.optional(Field::Farewell, farewell);
        self.ask_link(address, actor, id, Command::Revoke { end_sessions, farewell }).await
    }

    /// Reads the labels of a link's recipients; none where there are none, or none any more.
    pub async fn recipients(&self, agent: AgentId, link: LinkId) -> Result<Vec<String>, Refusal> {
        let recipients = self.link(agent, link).await?.settings.and_then(|settings| settings.recipients);
        self.labels(Address::link(agent, link), recipients.as_ref()).await
    }

    async fn labels(&self, link: Address, recipients: Option<&Recipients>) -> Result<Vec<String>, Refusal> {
        let document = self.open_text(link, Field::Recipients, recipients.map(|recipients| &recipients.labels)).await?;
        let labels = document.map_or(Ok(vec![]), |document| serde_json::from_str(&document));
        labels.map_err(|error| Refusal::Form(error.to_string()))
    }

    /// Seals the labels of those there are with the new ones; none where nobody is new.
    async fn more_recipients(&self, seal: &Seal<'_>, added: &[String]) -> Result<Option<MoreRecipients>, Refusal> {
        if added.is_empty() {
            return Ok(None);
        }
        let recipients = |link: &Link| link.settings.as_ref().and_then(|settings| settings.recipients.clone());
        let known = self.inner.links.look(seal.address, Duration::ZERO, |root| recipients(&root.state)).await?;
        let mut labels = self.labels(seal.address, known.as_ref()).await?;
        let before = known.map_or(0, |recipients| recipients.count);
        if labels.len() != usize::from(before) {
            // Erased while we looked.
            return Err(Refusal::Link(Rejection::Erased));
        }
        for label in added {
            if !labels.contains(label) {
                labels.push(label.clone());
            }
        }
        let added = u8::try_from(labels.len() - usize::from(before)).unwrap_or(u8::MAX);
        Ok((added > 0).then(|| MoreRecipients { before, added, labels: seal.text(Field::Recipients, &document(&labels)) }))
    }

    /// Shows a link as the log has it, at most a second old.
    pub async fn link(&self, agent: AgentId, link: LinkId) -> Result<Link, Refusal> {
        Ok(self.inner.links.look(Address::link(agent, link), LINKS_SEEN_WITHIN, |root| root.state.clone()).await?)
    }

    /// Fetches the key of a link's words, or says why there is none.
    async fn link_key(&self, address: Address) -> Result<DataKey, Refusal> {
        if let Some(key) = self.key(address).await? {
            return Ok(key);
        }
        let status = self.inner.links.look(address, Duration::ZERO, |root| root.state.status).await?;
        Err(Refusal::Link(if status == Status::Unknown { Rejection::Unknown } else { Rejection::Erased }))
    }
}

/// Seals settings; a text that is empty is none.
struct Sealing<'a> {
    commands: &'a Commands,
    seal: &'a Seal<'a>,
}

impl Convert<Plain, Stored> for Sealing<'_> {
    type Error = Refusal;

    fn text(&mut self, which: TextSetting, text: String) -> Result<Sealed, Refusal> {
        Ok(self.seal.text(Field::Setting(which), &text))
    }

    fn optional_text(&mut self, which: TextSetting, text: String) -> Result<Option<Sealed>, Refusal> {
        Ok(self.seal.optional(Field::Setting(which), Some(&text)))
    }

    fn end(&mut self, end: End) -> Result<Timestamp, Refusal> {
        Ok(match end {
            End::At(at) => at,
            End::In(lifetime) => clock::now() + lifetime,
        })
    }

    fn questions(&mut self, form: Form) -> Result<Option<Questions>, Refusal> {
        Ok(Some(self.commands.questions(self.seal, &form)))
    }

    /// A token names each recipient by its place among the labels.
    fn recipients(&mut self, labels: Vec<String>) -> Result<Option<Recipients>, Refusal> {
        let count = u8::try_from(labels.len()).unwrap_or(u8::MAX);
        Ok((count > 0).then(|| Recipients { labels: self.seal.text(Field::Recipients, &document(&labels)), count }))
    }
}

/// Writes what an opening asks for, as its fingerprint takes it in. The bytes are kept as they were when settings had another form
/// here: a repeat may come after an upgrade.
fn asked(new: &NewLink) -> String {
    let rest = NewLink { questions: None, recipients: None, ..new.clone() };
    let rest = serde_json::to_string(&rest).expect("plain values are JSON");
    // Within a text a quotation mark is escaped: this is the name of the setting.
    let rest = rest.replacen(r#","expires_at":"#, r#","lifetime":"#, 1);
    let rest = rest.strip_suffix('}').unwrap_or(&rest);
    let questions = serde_json::to_string(&new.questions).expect("a form is JSON");
    let recipients = document(new.recipients.as_deref().unwrap_or_default());
    format!(r#"{rest},"questions":{questions},"recipients":{recipients}}}"#)
}

fn document(labels: &[String]) -> String {
    serde_json::to_string(labels).expect("a list of texts is JSON")
}

#[cfg(test)]
mod tests {
    use domain::Policy;

    use super::*;

    #[test]
    fn what_an_opening_asks_for_is_written_as_ever() {
        let named = NewLink {
            passcode: Some(r#"x","expires_at":1}"#.to_owned()),
            allowed_origins: vec!["https://a.example".to_owned()],
            recipients: Some(vec!["Ann".to_owned()]),
            ..NewLink::usual("Weather".to_owned(), End::In(Millis::minutes(60)), &Policy::default())
        };
        assert_eq!(
            asked(&named),
            r#"{"title":"Weather","purpose":null,"description":null,"welcome_message":null,"agent_name":null,"passcode":"x\",\"expires_at\":1}","lifetime":3600000,"max_sessions_at_once":1,"max_sessions_total":null,"max_messages_per_session":100,"messages_per_minute":10,"idle_timeout":1800000,"keep_after_end":86400000,"language":null,"allowed_origins":["https://a.example"],"questions":null,"recipients":["Ann"]}"#
        );
        assert!(asked(&NewLink { recipients: None, ..named }).ends_with(r#"],"questions":null,"recipients":[]}"#));
    }
}
