//! An identity provider for tests: an RSA key made on the spot, its JWKS, and RS256 tokens with any claims (RFC 7515).

use super::server::{Answer, Server};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rsa::{Generate, PrivateKey, sha2::Sha256, traits::PublicKeyParts};
use serde_json::{Value, json};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// Issuer of the tokens.
pub const ISSUER: &str = "https://idp.test";
/// Audience of the tokens.
pub const AUDIENCE: &str = "api";

pub struct Identity {
    key: PrivateKey,
}

impl Identity {
    pub fn new() -> Self {
        Self { key: PrivateKey::generate() }
    }

    /// The key set that jwt_authn verifies with.
    pub fn jwks(&self) -> String {
        let public = self.key.to_public_key();
        let number = |bytes: Box<[u8]>| {
            let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(0);
            URL_SAFE_NO_PAD.encode(&bytes[first..])
        };
        json!({"keys": [{
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1",
            "n": number(public.n().to_be_bytes()), "e": number(public.e().to_be_bytes()),
        }]})
        .to_string()
    }

    /// A signed token: these claims, and issuer, audience and times unless they are among them.
    pub fn token(&self, claims: Value) -> String {
        let now = now();
        let mut payload = json!({"iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600});
        for (name, value) in claims.as_object().expect("claims are an object") {
            payload[name] = value.clone();
        }
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "1"});
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&payload));
        let signature = self.key.pkcs1v15_sign::<Sha256>(signed.as_bytes()).expect("a key of 2048 bits signs");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// Hands out tokens to whoever posts claims as JSON: what a person needs to try the gateway by hand.
    pub fn serve(self: &Arc<Self>) -> std::io::Result<Server> {
        let identity = Arc::clone(self);
        Server::start(move |request| {
            let (status, body) = match serde_json::from_slice::<Value>(&request.body) {
                Ok(claims) if claims.is_object() => (200, identity.token(claims)),
                _ => (400, "post claims as a JSON object: {\"sub\": \"me\", \"sid\": \"1\"}\n".to_owned()),
            };
            Answer { status, content_type: "text/plain", report: None, body }
        })
    }
}

/// Seconds since the epoch.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}
