//! One request on its way through the module: which callback comes next, what holds it back, and
//! what became of it.

use super::abi::{Pairs, Phase, Profile, find};
use super::vm::{Spent, State, Vm};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Without the pseudo-headers.
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

/// What the upstream answers.
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
    /// Paused, and nothing can resume it.
    Hung,
}

/// A finished request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    pub outcome: Outcome,
    /// What the client sees, with `:status`; empty if it sees nothing of the module's making.
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

    pub fn state(&self, name: &str) -> Option<String> {
        text(self.filter_state.get(&format!("wasm.{name}")).map(Vec::as_slice))
    }

    pub fn is_forwarded(&self) -> bool {
        matches!(self.outcome, Outcome::Forwarded { .. })
    }

    /// The module's answer; a panic that says what happened instead, if there is none.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// In the request callbacks, not held.
    Reading,
    /// Held with the body still to come.
    HeldAtHeaders,
    /// Held, the body seen.
    HeldAtBody,
    /// With the upstream.
    Upstream,
    HeldAtResponse,
    Answered,
    Unavailable,
}

pub(super) struct Stream {
    pub(super) root: u32,
    pub(super) request: Pairs,
    /// Envoy: whether the module still may look at the request headers.
    pub(super) request_open: bool,
    /// What a body callback sees, and may change.
    pub(super) buffer: Vec<u8>,
    pub(super) response: Pairs,
    pub(super) response_open: bool,
    pub(super) response_body: Vec<u8>,
    pub(super) properties: BTreeMap<String, Vec<u8>>,
    pub(super) filter_state: BTreeMap<String, Vec<u8>>,
    pub(super) reply: Option<LocalReply>,
    pub(super) resume_request: bool,
    pub(super) resume_response: bool,
    pub(super) trapped: Option<String>,
    pub(super) spent: Spent,
    body: Vec<u8>,
    /// What has gone on to the upstream.
    sent: (Pairs, Vec<u8>),
    step: Step,
}

impl Stream {
    fn new(root: u32, profile: Profile, request: Request) -> Stream {
        let own = |name: &str, value: &str| (name.into(), value.into());
        let mut headers = vec![
            own(":method", &request.method),
            own(":path", &request.path),
            own(":scheme", "https"),
            own(":authority", "api.example"),
        ];
        for pair in request.headers {
            admit(&mut headers, pair, profile);
        }
        Stream {
            root,
            request: headers,
            request_open: false,
            buffer: Vec::new(),
            response: Pairs::new(),
            response_open: false,
            response_body: Vec::new(),
            properties: request.properties,
            filter_state: BTreeMap::new(),
            reply: None,
            resume_request: false,
            resume_response: false,
            trapped: None,
            spent: Spent::default(),
            body: request.body,
            sent: (Pairs::new(), Vec::new()),
            step: Step::Reading,
        }
    }
}

/// Envoy lower-cases names and joins copies of what it keeps inline; nginx does neither. A
/// pseudo-header of the client's takes the place of ours.
fn admit(headers: &mut Pairs, (name, value): (Vec<u8>, Vec<u8>), profile: Profile) {
    const INLINE: &[&[u8]] = &[b"authorization", b"user-agent", b"x-forwarded-for"];
    let lower = name.to_ascii_lowercase();
    let known = headers.iter_mut().find(|(other, _)| *other == lower);
    match known {
        Some((_, own)) if lower.starts_with(b":") => *own = value,
        Some((_, first)) if profile != Profile::Kong && INLINE.contains(&lower.as_slice()) => {
            first.extend(b",".iter().chain(&value));
        }
        _ if profile == Profile::Kong => headers.push((name, value)),
        _ => headers.push((lower, value)),
    }
}

impl Vm {
    fn state(&self) -> &State {
        self.store.data()
    }

    fn stream(&mut self, id: u32) -> &mut Stream {
        self.store.data_mut().streams.get_mut(&id).expect("a stream that is open")
    }

    fn kong(&self) -> bool {
        self.state().profile == Profile::Kong
    }

    /// Runs the request callbacks as far as they go; the stream's context id.
    pub(super) fn open(&mut self, request: Request) -> u32 {
        let (id, root, profile) = (self.new_context(), self.root, self.state().profile);
        let stream = Stream::new(root, profile, request);
        self.store.data_mut().streams.insert(id, stream);
        if self.dead.is_some() {
            self.stream(id).step = Step::Unavailable;
            return id;
        }
        match self.enter::<_, ()>("proxy_on_context_create", id, Phase::Start, (id, root)) {
            Ok(_) => self.request_headers(id),
            Err(why) => self.stream(id).trapped = Some(why),
        }
        self.settle();
        id
    }

    /// `Some(true)`: go on; `Some(false)`: pause; `None`: nothing more to do for this stream.
    fn callback(&mut self, id: u32, export: &str, phase: Phase, size: usize, eos: bool) -> Option<bool> {
        if self.dead.is_some() {
            self.stream(id).step = Step::Unavailable;
            return None;
        }
        match self.enter::<_, u32>(export, id, phase, (id, size as u32, u32::from(eos))) {
            Ok(action) => Some(action.unwrap_or(0) == 0),
            Err(why) => {
                self.stream(id).trapped = Some(why);
                None
            }
        }
    }

    fn request_headers(&mut self, id: u32) {
        let kong = self.kong();
        let hold_body = kong || !self.state().options.headers_stop_iteration;
        let stream = self.stream(id);
        stream.request_open = true;
        let (count, no_body) = (stream.request.len(), stream.body.is_empty());
        let (export, phase) = ("proxy_on_request_headers", Phase::RequestHeaders);
        let Some(go_on) = self.callback(id, export, phase, count, no_body && !kong) else {
            return;
        };
        if self.stream(id).reply.is_some() {
            self.reply(id);
        } else if go_on {
            self.stream(id).request_open = false;
            self.request_body(id, false);
        } else if no_body || hold_body {
            self.stream(id).step = Step::HeldAtHeaders;
        } else {
            self.request_body(id, true);
        }
    }

    /// Envoy shows each chunk, or all so far while the module holds it, and repeats the last
    /// amount with end_of_stream; nginx shows the whole body once.
    fn request_body(&mut self, id: u32, mut held: bool) {
        let kong = self.kong();
        let options = std::rc::Rc::clone(&self.state().options);
        let body = std::mem::take(&mut self.stream(id).body);
        let chunk = if kong { body.len() } else { options.body_chunk };
        let mut chunks: Vec<&[u8]> = body.chunks(chunk.max(1)).collect();
        if !kong && !body.is_empty() {
            chunks.push(&[]);
        }
        for (index, chunk) in chunks.iter().enumerate() {
            let stream = self.stream(id);
            if !held {
                let passed = std::mem::take(&mut stream.buffer);
                stream.sent.1.extend(passed);
            }
            stream.buffer.extend(*chunk);
            let size = stream.buffer.len();
            if held && !kong && size > options.buffer_limit {
                let details = "request_payload_too_large".to_owned();
                let (headers, body) = (Pairs::new(), b"Payload Too Large".to_vec());
                stream.reply = Some(LocalReply { status: 413, details, headers, body });
                return self.reply(id);
            }
            let eos = index + 1 == chunks.len();
            let (export, phase) = ("proxy_on_request_body", Phase::RequestBody);
            let Some(go_on) = self.callback(id, export, phase, size, eos) else {
                return;
            };
            if self.stream(id).reply.is_some() {
                return self.reply(id);
            }
            held = !go_on;
        }
        if held {
            self.stream(id).step = Step::HeldAtBody;
        } else {
            self.forward(id);
        }
    }

    fn forward(&mut self, id: u32) {
        let stream = self.stream(id);
        let rest = std::mem::take(&mut stream.buffer);
        stream.sent.0 = stream.request.clone();
        stream.sent.1.extend(rest);
        stream.step = Step::Upstream;
    }

    /// The upstream's answer to a forwarded request; nothing happens to any other.
    pub(super) fn respond(&mut self, id: u32, response: Response) {
        let profile = self.state().profile;
        let stream = self.stream(id);
        if stream.step != Step::Upstream || stream.trapped.is_some() {
            return;
        }
        stream.response.push((b":status".to_vec(), response.status.to_string().into_bytes()));
        for pair in response.headers {
            admit(&mut stream.response, pair, profile);
        }
        stream.response_body = response.body;
        self.response(id);
        self.settle();
    }

    /// Sends the module's own reply through the response callbacks.
    fn reply(&mut self, id: u32) {
        let stream = self.stream(id);
        let Some(reply) = stream.reply.clone() else {
            return;
        };
        let early = stream.response_open;
        stream.response.retain(|(name, _)| name != b":status");
        stream.response.insert(0, (b":status".to_vec(), reply.status.to_string().into_bytes()));
        stream.response.extend(reply.headers);
        let typed = find(&stream.response, b"content-type").is_some();
        if !reply.body.is_empty() && !typed {
            stream.response.push((b"content-type".to_vec(), b"text/plain".to_vec()));
        }
        stream.response_body = reply.body;
        if early {
            stream.step = Step::Answered;
        } else {
            self.response(id);
        }
    }

    fn response(&mut self, id: u32) {
        let kong = self.kong();
        let stream = self.stream(id);
        let local = stream.reply.is_some();
        (stream.response_open, stream.step) = (true, Step::Answered);
        let (count, no_body) = (stream.response.len(), stream.response_body.is_empty());
        let (export, phase) = ("proxy_on_response_headers", Phase::ResponseHeaders);
        let Some(go_on) = self.callback(id, export, phase, count, no_body && !kong) else {
            return;
        };
        let stream = self.stream(id);
        if !local && stream.reply.is_some() {
            stream.response.clear();
            return self.reply(id);
        }
        // nginx only warns of a pause here.
        if go_on || kong {
            self.response_body(id);
        } else {
            stream.step = Step::HeldAtResponse;
        }
    }

    fn response_body(&mut self, id: u32) {
        let stream = self.stream(id);
        (stream.response_open, stream.step) = (false, Step::Answered);
        let size = stream.response_body.len();
        if size > 0 {
            self.callback(id, "proxy_on_response_body", Phase::ResponseBody, size, true);
        }
    }

    /// Does what callbacks of other contexts have asked for: local replies, and resuming.
    pub(super) fn settle(&mut self) {
        let ids: Vec<u32> = self.state().streams.keys().copied().collect();
        for id in ids {
            let stream = self.stream(id);
            let held = matches!(stream.step, Step::HeldAtHeaders | Step::HeldAtBody);
            if held && stream.reply.is_some() {
                self.reply(id);
            } else if held && std::mem::take(&mut stream.resume_request) {
                stream.request_open = false;
                match stream.step {
                    Step::HeldAtHeaders => self.request_body(id, false),
                    _ => self.forward(id),
                }
            } else if stream.step == Step::HeldAtResponse && stream.resume_response {
                self.response_body(id);
            }
        }
    }

    /// Log, done, delete, in the profile's order. Calls that are still pending get no answer.
    pub(super) fn close(&mut self, id: u32) -> Exchange {
        let order = match self.kong() {
            true => ["proxy_on_done", "proxy_on_log", "proxy_on_delete"],
            false => ["proxy_on_log", "proxy_on_done", "proxy_on_delete"],
        };
        for export in order {
            if self.dead.is_some() {
                break;
            }
            let result = match export {
                "proxy_on_done" => self.enter::<_, u32>(export, id, Phase::Done, id).map(drop),
                "proxy_on_log" => self.enter::<_, ()>(export, id, Phase::Log, id).map(drop),
                _ => self.enter::<_, ()>(export, id, Phase::Done, id).map(drop),
            };
            if let Err(why) = result {
                self.stream(id).trapped = Some(why);
            }
        }
        let state = self.store.data_mut();
        state.http_calls.retain(|_, call| call.context != id);
        let stream = state.streams.remove(&id).expect("a stream that is open");
        let (headers, body) = stream.sent;
        let outcome = match (stream.trapped, stream.step, stream.reply) {
            (Some(why), _, _) => Outcome::Trapped(why),
            (_, Step::Unavailable, _) => Outcome::Unavailable,
            (_, Step::HeldAtHeaders | Step::HeldAtBody | Step::HeldAtResponse, _) => Outcome::Hung,
            (_, _, Some(reply)) => Outcome::LocalReply(reply),
            (_, Step::Reading | Step::Upstream | Step::Answered, None) => Outcome::Forwarded { headers, body },
        };
        Exchange {
            outcome,
            response_headers: stream.response,
            response_body: stream.response_body,
            filter_state: stream.filter_state,
            hostcalls: stream.spent.hostcalls,
            fuel: stream.spent.fuel,
        }
    }
}
