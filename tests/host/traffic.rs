//! What goes in and comes out: requests, responses, calls, and what became of an exchange.

use super::abi::{Pairs, find};
use std::collections::BTreeMap;

/// A request of a client's. Bodies come without `content-length`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Besides the pseudo-headers.
    pub headers: Pairs,
    pub body: Vec<u8>,
    /// By path, its segments joined with NUL, as Envoy encodes the values; Kong's are derived.
    pub properties: BTreeMap<String, Vec<u8>>,
}

impl Request {
    pub fn new(method: &str, path: &str) -> Request {
        Request { method: method.to_owned(), path: path.to_owned(), ..Request::default() }
    }

    pub fn get(path: &str) -> Request {
        Request::new("GET", path)
    }

    pub fn post(path: &str, body: impl AsRef<[u8]>) -> Request {
        Request { body: body.as_ref().to_vec(), ..Request::new("POST", path) }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Request {
        self.headers.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// For example `property(&["source", "address"], "192.0.2.1:5000")`.
    pub fn property(mut self, path: &[&str], value: impl AsRef<[u8]>) -> Request {
        self.properties.insert(path.join("\0"), value.as_ref().to_vec());
        self
    }
}

/// What an upstream answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub headers: Pairs,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16) -> Response {
        Response { status, headers: Pairs::new(), body: b"{}".to_vec() }
    }

    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Response {
        self.headers.push((name.as_bytes().to_vec(), value.as_ref().to_vec()));
        self
    }
}

/// A call that the module has sent and that nobody has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpCall {
    pub token: u32,
    pub upstream: String,
    pub headers: Pairs,
    pub body: Vec<u8>,
    pub timeout_ms: u32,
    /// Who sent it, and whose root context that is.
    pub(super) context: u32,
    pub(super) root: u32,
}

/// What the module gets for a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallResponse {
    /// `None`: cut off after the headers; to look at them is a bad argument then.
    pub headers: Option<Pairs>,
    pub body: Vec<u8>,
}

impl CallResponse {
    pub fn new(status: u16, body: impl AsRef<[u8]>) -> CallResponse {
        let headers = vec![(b":status".to_vec(), status.to_string().into_bytes())];
        CallResponse { headers: Some(headers), body: body.as_ref().to_vec() }
    }

    pub fn broken() -> CallResponse {
        CallResponse::default()
    }
}

/// What the module told the gateway to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    pub status: u16,
    /// Envoy's `%RESPONSE_CODE_DETAILS%`.
    pub details: String,
    /// The module's own; what the client sees is [`Exchange::response_headers`].
    pub headers: Pairs,
    pub body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With the headers and the body that the upstream saw.
    Forwarded {
        headers: Pairs,
        body: Vec<u8>,
    },
    LocalReply(LocalReply),
    /// A callback of this request trapped: 503 in Envoy, 500 in Kong. The VM is dead.
    Trapped(String),
    /// The VM had died before: 503 in Envoy. (Kong makes a new one for the next request.)
    Unavailable,
    /// Paused, and nothing has resumed it.
    Hung,
}

/// A finished request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub outcome: Outcome,
    /// What the client sees, with `:status`; empty if there was no response.
    pub response_headers: Pairs,
    pub response_body: Vec<u8>,
    /// Envoy's filter state, under `wasm.<name>`; in Kong the `ngx.*` and `kong.*` properties set.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// How often this request called which host function.
    pub hostcalls: BTreeMap<&'static str, u64>,
    pub fuel: u64,
}

impl Exchange {
    /// A header that the upstream saw; none if nothing was forwarded.
    pub fn upstream_header(&self, name: &str) -> Option<String> {
        match &self.outcome {
            Outcome::Forwarded { headers, .. } => text(find(headers, name.as_bytes())),
            _ => None,
        }
    }

    /// A header that the client sees.
    pub fn response_header(&self, name: &str) -> Option<String> {
        text(find(&self.response_headers, name.as_bytes()))
    }

    /// Envoy's filter state under the name that the module gave it.
    pub fn state(&self, name: &str) -> Option<String> {
        text(self.filter_state.get(&format!("wasm.{name}")).map(Vec::as_slice))
    }

    pub fn is_forwarded(&self) -> bool {
        matches!(self.outcome, Outcome::Forwarded { .. })
    }

    /// The module's answer; if there is none, a panic says what happened instead.
    pub fn local_reply(&self) -> &LocalReply {
        match &self.outcome {
            Outcome::LocalReply(reply) => reply,
            other => panic!("expected a local reply, got {other:?}"),
        }
    }
}

fn text(bytes: Option<&[u8]>) -> Option<String> {
    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}
