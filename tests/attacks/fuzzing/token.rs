//! Tokens, keys and credentials: none but those that we made is taken, each in one spelling only, and it names what it was made for.

use std::sync::LazyLock;

use domain::{AgentId, DeviceId, KeyId, LinkId, SessionId};
use nats::{ApiKeys, Carrier, Epoch, HandoffCode, LinkTokens, Secrets, SessionCredentials, Shard, TaskNames};

struct Makers {
    links: LinkTokens,
    sessions: SessionCredentials,
    keys: ApiKeys,
    tasks: TaskNames,
}

/// Keys of their own for each run: what passes by chance in one does not in the next.
static MAKERS: LazyLock<Makers> = LazyLock::new(|| {
    let secrets = Secrets::generate();
    Makers {
        links: LinkTokens::new(&secrets),
        sessions: SessionCredentials::new(&secrets),
        keys: ApiKeys::new(&secrets),
        tasks: TaskNames::new(&secrets, [(Shard(0), Epoch([7; 16]))]),
    }
});

pub(crate) fn run(bytes: &[u8]) {
    let Makers { links, sessions, keys, tasks } = &*MAKERS;
    if let Ok(text) = str::from_utf8(bytes) {
        assert!(links.check(text).is_none(), "{text:?} was made up");
        assert!(sessions.check(Carrier::Bearer, text).is_none() && sessions.check(Carrier::Cookie, text).is_none());
        assert!(tasks.open(text).is_none(), "{text:?} was made up");
        // Keys of the first form carry no tag: those are for the log to refuse.
        assert!(keys.parse(text).is_none() || text.starts_with("tc_1_"), "{text:?} was made up");
        if let Some(code) = HandoffCode::parse(text) {
            assert_eq!(HandoffCode::parse(code.as_str()).unwrap().as_str(), code.as_str());
        }
    }
    let Some((id, change)) = bytes.split_first_chunk::<16>() else { return };
    let (agent, link, session) = (AgentId::new(*id), LinkId::new(*id), SessionId::new(*id));
    let token = links.issue(agent, link, 1);
    assert_eq!(links.check(&token).map(|known| (known.agent, known.link)), Some((agent, link)));
    let credential = sessions.issue(Carrier::Bearer, agent, session, DeviceId::new(*id));
    assert!(sessions.check(Carrier::Bearer, &credential).is_some_and(|known| known.session == session));
    assert!(sessions.check(Carrier::Cookie, &credential).is_none(), "what a page may read is no cookie");
    let key = keys.issue(agent, KeyId::new(*id), &[7; 32]);
    assert!(keys.parse(&key).is_some());
    for text in [&token, &credential, &key] {
        let Some(changed) = changed(text, change) else { continue };
        assert!(links.check(&changed).is_none(), "{changed:?} is not {text:?}");
        assert!(sessions.check(Carrier::Bearer, &changed).is_none(), "{changed:?} is not {text:?}");
        assert!(keys.parse(&changed).is_none() || changed.starts_with("tc_1_"), "{changed:?} is not {text:?}");
    }
}

/// Changes a text at a place, as the bytes say; `None` where nothing has changed.
pub(crate) fn changed(text: &str, change: &[u8]) -> Option<String> {
    let (&[place, cut], put) = change.split_first_chunk::<2>()?;
    let place = usize::from(place) % (text.len() + 1);
    let end = (place + usize::from(cut % 4)).min(text.len());
    let changed = format!("{}{}{}", &text[..place], str::from_utf8(put).ok()?, &text[end..]);
    (changed != text).then_some(changed)
}
