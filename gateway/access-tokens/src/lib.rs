//! Access tokens of an authorization server that the operator trusts (RFC 9068, as far as servers follow it): its bearer acts as
//! the agent that the server names in a claim, with the scopes that it grants.
//!
//! Only the operator may choose that claim's value at the server. A bearer acts under a key id derived from (agent, issuer, subject),
//! so that what it has read stays read when the token is renewed.

mod authorization_server;
mod server_keys;

use std::collections::BTreeSet;
use std::sync::Arc;

use body::check_json;
use command_service::{Commands, Principal, Refusal};
use data_encoding::BASE64URL_NOPAD;
use domain::agent::{Grant, Rejection, Scope};
use domain::{AgentId, KeyId, Timestamp};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use problem::{Code, Problem};
use serde::Deserialize;
use serde_json::{Map, Value};

use server_keys::ServerKeys;

pub use authorization_server::{AuthorizationServer, resource};

/// Signatures by which the server alone can have signed: none without a key, none with a shared one (RFC 8725, section 3.1).
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];
/// The longest token that is looked at, in bytes.
const LONGEST: usize = 8_192;
/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;
/// How much of a subject is shown, in characters.
const SHOWN: usize = 100;

/// Checks tokens of one authorization server.
#[derive(Debug)]
pub struct Tokens {
    server: AuthorizationServer,
    keys: Arc<ServerKeys>,
}

/// What a token says, as far as it matters here.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    scope: String,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Tokens {
    /// Makes a checker; the server is first asked for its keys when a token comes.
    pub fn new(server: AuthorizationServer) -> Self {
        Self { keys: Arc::new(ServerKeys::new(server.issuer.clone())), server }
    }

    /// Finds out who presents a token.
    pub async fn authenticate(&self, commands: &Commands, token: &str) -> Result<Principal, Problem> {
        let claims = self.verify(token).await?;
        let named = match self.server.agent_claim.as_str() {
            "sub" => Some(claims.sub.as_str()),
            other => claims.others.get(other).and_then(Value::as_str),
        };
        let agent = named.and_then(|named| AgentId::parse(named).ok()).ok_or_else(|| refused("The token names no agent."))?;
        let agent_name = match commands.agent_name(agent).await {
            Err(Refusal::Agent(Rejection::Unknown)) => return Err(refused("The token names no agent that there is.")),
            known => known?,
        };
        let key: KeyId = commands.key_of_subject(agent, &claims.iss, &claims.sub);
        let scopes: BTreeSet<Scope> = claims.scope.split(' ').filter_map(|scope| scope.parse().ok()).collect();
        let seconds = |seconds: i64| Some(Timestamp(seconds.saturating_mul(1_000)));
        let grant = Grant { scopes: Some(scopes), link: None, expires_at: seconds(claims.exp) };
        // Whole seconds are compared: it is refused from the next one on.
        let good_until = seconds(claims.exp.saturating_add_unsigned(LEEWAY + 1));
        Ok(Principal { agent, agent_name, key, key_name: claims.sub.chars().take(SHOWN).collect(), grant, good_until })
    }

    /// Reads a token that the server signed for us, and that is good now.
    async fn verify(&self, token: &str) -> Result<Claims, Problem> {
        if token.len() > LONGEST {
            return Err(refused("The token is too long."));
        }
        check_parts(token)?;
        let header = decode_header(token).map_err(|_| refused("This is neither an API key nor a token."))?;
        let kid = checked(&header)?;
        let key =
            self.keys.find(kid).await?.ok_or_else(|| refused("The token is signed with a key that its issuer does not have."))?;
        if !key.signs(header.alg) {
            return Err(refused("The token is signed in a way that its key is not for."));
        }
        let mut validation = Validation::new(header.alg);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY;
        validation.set_issuer(&[&self.server.issuer]);
        validation.set_audience(&[&self.server.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let claims = decode::<Claims>(token, &key.decoding, &validation).map_err(|error| refused(told(error.kind())))?.claims;
        // A list of issuers would have passed.
        if claims.iss == self.server.issuer { Ok(claims) } else { Err(refused("The token is of another issuer.")) }
    }
}

/// Checks that a token's header and claims are JSON within our bounds, before the library reads them.
fn check_parts(token: &str) -> Result<(), Problem> {
    let is_bounded = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).is_ok_and(|json| check_json(&json).is_ok());
    let (parts, _signature) = token.rsplit_once('.').unwrap_or_default();
    match parts.split_once('.') {
        Some((header, claims)) if is_bounded(header) && is_bounded(claims) => Ok(()),
        Some(_) | None => Err(refused("This is neither an API key nor a token.")),
    }
}

/// Checks what a token says of itself, and returns the name of the key that signed it. Keys and addresses in it are not looked at.
fn checked(header: &Header) -> Result<&str, Problem> {
    if !ALGORITHMS.contains(&header.alg) {
        return Err(refused("The token is not signed with a public key."));
    }
    // RFC 7515, section 4.1.11: what must be understood, and is not.
    if header.crit.is_some() {
        return Err(refused("The token asks for an extension that is not understood here."));
    }
    // RFC 8725, section 3.11: a token for something else is none for us.
    let is_access_token = |typ: &str| ["jwt", "at+jwt", "application/at+jwt"].contains(&typ.to_ascii_lowercase().as_str());
    if !header.typ.as_deref().is_none_or(is_access_token) {
        return Err(refused("This is a token, but no access token."));
    }
    header.kid.as_deref().ok_or_else(|| refused("The token does not name its key."))
}

/// Says why a token is not good, without quotes: it becomes a part of a header.
fn told(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::ExpiredSignature => "The token has expired.",
        ErrorKind::ImmatureSignature => "The token is not good yet.",
        ErrorKind::InvalidIssuer => "The token is of another issuer.",
        ErrorKind::InvalidAudience => "The token is for another service.",
        ErrorKind::InvalidSignature => "The token's signature is wrong.",
        ErrorKind::MissingRequiredClaim(_) => "The token lacks one of exp, iss, aud and sub.",
        // The crate's own list, which grows.
        _ => "The token cannot be read.",
    }
}

fn refused(why: &'static str) -> Problem {
    Problem::with_detail(Code::KeyInvalid, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(algorithm: Algorithm) -> Header {
        Header { kid: Some("one".to_owned()), ..Header::new(algorithm) }
    }

    #[test]
    fn only_signatures_with_a_private_key_count() {
        for algorithm in ALGORITHMS {
            assert_eq!(checked(&header(algorithm)), Ok("one"));
        }
        for shared in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(checked(&header(shared)).is_err());
        }
    }

    #[test]
    fn a_token_for_something_else_is_none() {
        let of_type = |typ: &str| Header { typ: Some(typ.to_owned()), ..header(Algorithm::ES256) };
        for good in ["JWT", "at+jwt", "application/at+jwt"] {
            assert!(checked(&of_type(good)).is_ok(), "{good}");
        }
        for bad in ["logout+jwt", "dpop+jwt", ""] {
            assert!(checked(&of_type(bad)).is_err(), "{bad}");
        }
        assert!(checked(&Header { crit: Some(vec!["b64".to_owned()]), ..header(Algorithm::ES256) }).is_err());
        assert!(checked(&Header { kid: None, ..header(Algorithm::ES256) }).is_err());
    }
}
