//! An authorization server on this machine: its metadata, its keys, and whatever it signs.

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
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What stands before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410).
const PKCS8: [u8; 16] = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A private key, with the name under which it signs.
#[derive(Clone)]
pub(crate) struct Signer {
    kid: &'static str,
    key: EncodingKey,
}

impl Signer {
    /// Makes a key out of one byte.
    pub(crate) fn new(kid: &'static str, seed: u8) -> Self {
        Self { kid, key: EncodingKey::from_ed_der(&[&PKCS8[..], &[seed; 32]].concat()) }
    }

    /// Returns the public half as it is published.
    pub(crate) fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA).unwrap();
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    /// Signs claims under its own name.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        self.sign_with(Header::new(Algorithm::EdDSA), claims)
    }

    /// Signs claims with another header.
    pub(crate) fn sign_with(&self, header: Header, claims: &Value) -> String {
        encode(&Header { kid: Some(self.kid.to_owned()), ..header }, claims, &self.key).unwrap()
    }
}

/// A running authorization server.
#[derive(Clone)]
pub(crate) struct Authority {
    pub(crate) issuer: String,
    keys: Arc<Mutex<Vec<Value>>>,
    asked: Arc<AtomicUsize>,
}

impl Authority {
    /// Starts one that publishes the keys of `signers`.
    pub(crate) async fn start(signers: &[&Signer]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}/tenant", listener.local_addr().unwrap());
        let keys = Arc::new(Mutex::new(signers.iter().map(|signer| signer.public()).collect()));
        let authority = Self { issuer, keys, asked: Arc::default() };
        let serving = authority.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let authority = serving.clone();
                tokio::spawn(async move {
                    let answer = service_fn(move |request| {
                        let answer = authority.answer(&request);
                        async move { Ok::<_, hyper::Error>(answer) }
                    });
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await
                });
            }
        });
        authority
    }

    /// Counts how often its keys were asked for.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Returns the claims of a token that is good for a minute.
    pub(crate) fn claims(&self, agent: &str, audience: &str, scope: &str) -> Value {
        json!({
            "iss": self.issuer, "aud": audience, "sub": "somebody", "exp": now() + 60, "scope": scope, "tempchat_agent": agent,
        })
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let origin = self.issuer.strip_suffix("/tenant").unwrap();
        let said = match request.uri().path() {
            "/.well-known/oauth-authorization-server/tenant" => {
                json!({"issuer": self.issuer, "jwks_uri": format!("{origin}/keys")})
            }
            "/keys" => {
                self.asked.fetch_add(1, Ordering::Relaxed);
                json!({"keys": *self.keys.lock()})
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
