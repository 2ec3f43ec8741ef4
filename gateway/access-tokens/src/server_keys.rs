//! The public keys of an authorization server (RFC 7517), found by its metadata (RFC 8414, or `OpenID` Connect Discovery): kept for an
//! hour, and asked for again when a token names one that is not among them, though not more than once in ten seconds.
//!
//! A server that is slow or unreachable delays no token whose key is cached: a response counts for a day, or until the next one.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use body::{JsonError, read_json};
use futures_util::StreamExt;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use parking_lot::RwLock;
use problem::{Code, Problem};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use url::Url;

/// How long keys are good without another look.
const FRESH_FOR: Duration = Duration::from_hours(1);
/// How long they are, where the server does not answer.
const GOOD_FOR: Duration = Duration::from_hours(24);
/// How often the server is asked, at most: a key that it has only just begun to use is known as soon.
const ASKS_EVERY: Duration = Duration::from_secs(10);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a token whose key was valid lately waits for the refresh.
const COURTESY: Duration = Duration::from_secs(1);
/// The longest answer, in bytes.
const LONGEST: usize = 256 * 1_024;
/// How many keys of a server are looked at.
const MOST: usize = 100;
/// The shortest RSA modulus, in bytes (RFC 7518, section 3.3).
const SHORTEST_RSA: usize = 256;

/// A key of the server's.
#[derive(Debug)]
pub(super) struct ServerKey {
    jwk: Jwk,
    pub(super) decoding: DecodingKey,
}

/// The keys of one server.
#[derive(Debug)]
pub(super) struct ServerKeys {
    issuer: String,
    kept: RwLock<Option<Fetched>>,
    /// When the server was last asked; whoever holds it asks.
    asked: Arc<Mutex<Option<Instant>>>,
}

/// What the server last said.
#[derive(Debug)]
struct Fetched {
    keys: HashMap<String, Arc<ServerKey>>,
    fresh_until: Instant,
    good_until: Instant,
}

/// What the server says of itself, as far as it matters here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct Listed {
    keys: Vec<Value>,
}

/// Why the keys could not be had.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0} is neither https nor on this machine")]
    Insecure(Url),
    #[error("the issuer is no address")]
    NoAddress(#[from] url::ParseError),
    #[error("it does not answer")]
    Http(#[from] reqwest::Error),
    #[error("it answers with more than {LONGEST} bytes")]
    TooLong,
    #[error("it answers with something else than was asked for")]
    Form(#[from] JsonError),
    #[error("it answers for the issuer {0}")]
    OtherIssuer(String),
}

impl ServerKey {
    /// Takes a key that only signs; none that is shared, short or for something else.
    fn of(value: Value) -> Option<(String, Self)> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let signs = jwk.common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
        let is_public = match &jwk.algorithm {
            AlgorithmParameters::RSA(rsa) => {
                data_encoding::BASE64URL_NOPAD.decode(rsa.n.as_bytes()).is_ok_and(|modulus| modulus.len() >= SHORTEST_RSA)
            }
            AlgorithmParameters::EllipticCurve(_) | AlgorithmParameters::OctetKeyPair(_) => true,
            // Another crate's list.
            _ => false,
        };
        let decoding = DecodingKey::from_jwk(&jwk).ok().filter(|_| signs && is_public)?;
        Some((jwk.common.key_id.clone()?, Self { jwk, decoding }))
    }

    /// Tells whether the key is for this kind of signature.
    pub(super) fn signs(&self, algorithm: Algorithm) -> bool {
        self.decoding.family() == algorithm.family() && self.jwk.common.key_algorithm.is_none_or(|only| only == algorithm.into())
    }
}

impl Fetched {
    fn now(keys: HashMap<String, Arc<ServerKey>>) -> Self {
        let now = Instant::now();
        Self { keys, fresh_until: now + FRESH_FOR, good_until: now + GOOD_FOR }
    }
}

impl ServerKeys {
    pub(super) fn new(issuer: String) -> Self {
        Self { issuer, kept: RwLock::default(), asked: Arc::default() }
    }

    /// Finds a key by its name; none where the server has no such key.
    pub(super) async fn find(self: &Arc<Self>, kid: &str) -> Result<Option<Arc<ServerKey>>, Problem> {
        if let Some(key) = self.fresh(kid) {
            return Ok(Some(key));
        }
        if !matches!(self.good(kid), Ok(Some(_))) {
            self.ask(kid).await;
        } else if timeout(COURTESY, self.ask(kid)).await.is_err() {
            tracing::debug!("the authorization server is slow; what it said before counts");
        }
        self.good(kid)
    }

    /// Fetches the server's keys, unless they were just fetched. One caller fetches, the others wait for its result; a caller that is
    /// cancelled cancels no other.
    async fn ask(self: &Arc<Self>, kid: &str) {
        let mut asked = Arc::clone(&self.asked).lock_owned().await;
        let is_due = asked.is_none_or(|at| at.elapsed() >= ASKS_EVERY);
        if !is_due || self.fresh(kid).is_some() {
            return;
        }
        *asked = Some(Instant::now());
        let keys = Arc::clone(self);
        let asking = tokio::spawn(async move {
            let _asked = asked;
            match keys.fetch().await {
                Ok(fetched) => *keys.kept.write() = Some(Fetched::now(fetched)),
                Err(error) => tracing::warn!(%error, "the authorization server's keys cannot be had"),
            }
        });
        if let Err(error) = asking.await {
            tracing::error!(%error, "nobody asks the authorization server any more");
        }
    }

    /// Returns a key that needs no other look.
    fn fresh(&self, kid: &str) -> Option<Arc<ServerKey>> {
        let kept = self.kept.read();
        let kept = kept.as_ref().filter(|kept| Instant::now() < kept.fresh_until)?;
        kept.keys.get(kid).cloned()
    }

    /// Returns a key, or that there is no such key, by what the server said last; fails where that was too long ago.
    fn good(&self, kid: &str) -> Result<Option<Arc<ServerKey>>, Problem> {
        let kept = self.kept.read();
        match kept.as_ref().filter(|kept| Instant::now() < kept.good_until) {
            Some(kept) => Ok(kept.keys.get(kid).cloned()),
            None => Err(Problem::with_detail(Code::Unavailable, "The authorization server's keys cannot be had.")),
        }
    }

    async fn fetch(&self) -> Result<HashMap<String, Arc<ServerKey>>, FetchError> {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(Policy::none()).build()?;
        let [oauth, openid] = well_known(&Url::parse(&self.issuer)?);
        let metadata: Metadata = match get(&http, oauth).await {
            Err(FetchError::Http(_) | FetchError::Form(_)) => get(&http, openid).await?,
            answered => answered?,
        };
        // RFC 8414, section 3.3: a server speaks for itself only.
        if metadata.issuer != self.issuer {
            return Err(FetchError::OtherIssuer(metadata.issuer));
        }
        let listed: Listed = get(&http, metadata.jwks_uri).await?;
        let keys = listed.keys.into_iter().take(MOST).filter_map(ServerKey::of);
        Ok(keys.map(|(kid, key)| (kid, Arc::new(key))).collect())
    }
}

/// Where an issuer's metadata may be: RFC 8414, section 3.1, and `OpenID` Connect Discovery 1.0, section 4.
fn well_known(issuer: &Url) -> [Url; 2] {
    let path = issuer.path().trim_end_matches('/').to_owned();
    let at = |path: String| {
        let mut url = issuer.clone();
        url.set_path(&path);
        url
    };
    [at(format!("/.well-known/oauth-authorization-server{path}")), at(format!("{path}/.well-known/openid-configuration"))]
}

async fn get<T: DeserializeOwned>(http: &reqwest::Client, url: Url) -> Result<T, FetchError> {
    if !is_secure(&url) {
        return Err(FetchError::Insecure(url));
    }
    let mut chunks = http.get(url).send().await?.error_for_status()?.bytes_stream();
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend_from_slice(&chunk?);
        if body.len() > LONGEST {
            return Err(FetchError::TooLong);
        }
    }
    Ok(read_json(&body)?)
}

/// Tells whether an address can be trusted: https, or on this machine. Of names only `localhost` itself: a resolver may ask others for
/// the names below it.
pub(crate) fn is_secure(url: &Url) -> bool {
    let is_local = hosts::is_loopback(url) && url.domain().is_none_or(|name| name == "localhost");
    url.scheme() == "https" || (url.scheme() == "http" && is_local)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metadata_is_looked_for_where_the_standards_put_it() {
        let of = |issuer: &str| well_known(&Url::parse(issuer).unwrap()).map(String::from);
        assert_eq!(
            of("https://as.example/tenant/"),
            [
                "https://as.example/.well-known/oauth-authorization-server/tenant",
                "https://as.example/tenant/.well-known/openid-configuration"
            ]
        );
        assert_eq!(of("https://as.example")[0], "https://as.example/.well-known/oauth-authorization-server");
    }

    /// What `issuer` said an hour ago: one key.
    fn stale(issuer: String) -> Arc<ServerKeys> {
        let (kid, key) = ServerKey::of(json!({"kty": "OKP", "crv": "Ed25519", "x": "A".repeat(43), "kid": "one"})).unwrap();
        let kept = Fetched { fresh_until: Instant::now(), ..Fetched::now([(kid, Arc::new(key))].into()) };
        Arc::new(ServerKeys { kept: RwLock::new(Some(kept)), ..ServerKeys::new(issuer) })
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_is_slow_or_away_holds_up_nobody_whose_key_is_known() {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let keys = stale(format!("http://{}", silent.local_addr().unwrap()));
        let began = Instant::now();
        assert!(keys.find("one").await.unwrap().is_some());
        assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
        // It is being asked, or was a moment ago: nobody asks again.
        assert!(keys.find("one").await.unwrap().is_some());

        // Nobody else can listen there meanwhile.
        let taken = tokio::net::TcpSocket::new_v4().unwrap();
        taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let gone = taken.local_addr().unwrap();
        let keys = stale(format!("http://{gone}"));
        assert!(keys.find("one").await.unwrap().is_some());
        assert!(keys.find("two").await.unwrap().is_none(), "what it said before counts for that, too");
        let forgotten = Arc::new(ServerKeys::new(format!("http://{gone}")));
        assert_eq!(forgotten.find("one").await.unwrap_err().code, Code::Unavailable);
    }

    #[test]
    fn keys_come_over_tls_or_from_this_machine() {
        let secure = |url: &str| is_secure(&Url::parse(url).unwrap());
        assert!(secure("https://as.example") && secure("http://127.0.0.1:9000/keys") && secure("http://[::1]/"));
        assert!(!secure("http://as.example") && !secure("http://192.168.0.1") && !secure("file:///etc/passwd"));
    }

    #[test]
    fn shared_keys_short_ones_and_those_for_something_else_are_left_out() {
        let point = "A".repeat(43);
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": point, "kid": "one"});
        assert!(ServerKey::of(ed.clone()).is_some_and(|(_, key)| key.signs(Algorithm::EdDSA) && !key.signs(Algorithm::ES256)));
        let with = |name: &str, value: Value| {
            let mut key = ed.clone();
            key[name] = value;
            ServerKey::of(key)
        };
        assert!(with("use", json!("sig")).is_some() && with("use", json!("enc")).is_none());
        assert!(with("alg", json!("ES256")).is_none_or(|(_, key)| !key.signs(Algorithm::EdDSA)));
        assert!(with("kid", Value::Null).is_none());
        assert!(ServerKey::of(json!({"kty": "oct", "k": point, "kid": "one"})).is_none());
        assert!(ServerKey::of(json!({"kty": "RSA", "n": "A".repeat(200), "e": "AQAB", "kid": "one"})).is_none());
    }
}
