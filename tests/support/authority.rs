//! An authorization server on this machine: its metadata, its keys, and whatever it signs.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use parking_lot::Mutex;
use rcgen::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::bomb;

/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// An RSA key of 2048 bits (PKCS #1) that signs nothing but what is made up here: a fresh one would take a while.
const RSA: &[u8] = include_bytes!("rsa_2048.der");

/// A private key, with the name under which it signs.
#[derive(Clone)]
pub(crate) struct Signer {
    kid: &'static str,
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Signer {
    /// Makes an Ed25519 key out of one byte.
    pub(crate) fn new(kid: &'static str, seed: u8) -> Self {
        let key = EncodingKey::from_ed_der(&[&PKCS8[..], &[seed; 32]].concat());
        Self { kid, algorithm: Algorithm::EdDSA, key }
    }

    /// Takes the one RSA key there is here.
    pub(crate) fn rsa(kid: &'static str) -> Self {
        Self { kid, algorithm: Algorithm::RS256, key: EncodingKey::from_rsa_der(RSA) }
    }

    /// Makes a key on the curve P-256.
    pub(crate) fn ec(kid: &'static str) -> Self {
        let key = EncodingKey::from_ec_der(&KeyPair::generate().unwrap().serialize_der());
        Self { kid, algorithm: Algorithm::ES256, key }
    }

    /// Returns the name under which it signs.
    pub(crate) fn kid(&self) -> &str {
        self.kid
    }

    /// Returns the algorithm by which it signs.
    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the public half as it is published.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    /// Signs claims under its own name.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(Header::new(self.algorithm), claims)
    }

    /// Signs claims with another header.
    pub(crate) fn sign_with(&self, header: Header, claims: &Value) -> String {
        self.sign_as(&Header { kid: Some(self.kid.to_owned()), ..header }, claims)
    }

    /// Signs claims with another header and name.
    pub(crate) fn sign_as(&self, header: &Header, claims: &Value) -> String {
        encode(header, claims, &self.key).unwrap()
    }
}

/// A running authorization server.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) issuer: String,
    keys: Arc<Mutex<Vec<Value>>>,
    mood: Arc<Mutex<Mood>>,
    asked: Arc<AtomicUsize>,
}

/// How it takes questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    /// As it should.
    Answers,
    /// With a 503.
    Fails,
    /// Not at all, and for as long as one waits.
    Hangs,
    /// With more keys than anybody wants.
    Floods,
    /// With JSON that is deep to read.
    Bombs,
}

impl Authority {
    /// Starts one that publishes the keys of `signers`.
    pub(crate) async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/tenant", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(signers.iter().map(|signer| signer.public()).collect()));
        let authority = Self { issuer, keys, mood: Arc::new(Mutex::new(Mood::Answers)), asked: Arc::default() };
        let serving = authority.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let authority = serving.clone();
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let (answer, hangs) = (authority.answer(&request), *authority.mood.lock() == Mood::Hangs);
                        async move { if hangs { pending().await } else { Ok::<_, hyper::Error>(answer) } }
                    });
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
                });
            }
        });
        authority
    }

    /// Publishes other keys than before.
    pub(crate) fn publish(&self, signers: &[&Signer]) {
        *self.keys.lock() = signers.iter().map(|signer| signer.public()).collect();
    }

    /// Takes questions in another way from here on.
    pub(crate) fn takes_to(&self, mood: Mood) {
        *self.mood.lock() = mood;
    }

    /// Counts how often its keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns the claims of a token that is good for longer than any story takes.
    pub(crate) fn claims(&self, agent: &str, audience: &str, scope: &str) -> Value {
        json!({
            "iss": self.issuer, "aud": audience, "sub": "somebody", "exp": now() + 3_600, "scope": scope, "tempchat_agent": agent,
        })
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let origin = self.issuer.strip_suffix("/tenant").unwrap();
        if *self.mood.lock() == Mood::Fails {
            return Response::builder().status(503).body(Full::default()).unwrap();
        }
        if *self.mood.lock() == Mood::Bombs {
            return Response::new(Full::new(bomb("$serde_json::private::RawValue", 120, 60_000).into()));
        }
        let said = match request.uri().path() {
            "/.well-known/oauth-authorization-server/tenant" => {
                json!({"issuer": self.issuer, "jwks_uri": format!("{origin}/keys")})
            }
            "/keys" => {
                self.asked.fetch_add(1, Ordering::Relaxed);
                let keys = self.keys.lock().clone();
                let copies = if *self.mood.lock() == Mood::Floods { 5_000 } else { 1 };
                json!({"keys": vec![keys; copies].concat()})
            }
            _ => return Response::builder().status(404).body(Full::default()).unwrap(),
        };
        Response::new(Full::new(said.to_string().into()))
    }
}

/// The time in whole seconds, as tokens tell it.
pub(crate) fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a token is good for a time")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).unwrap().as_secs()
}
