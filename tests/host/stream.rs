//! One request on its way through the module: which callback comes next, and what holds it.

use super::abi::{Pairs, Phase, Profile, find};
use super::traffic::{Exchange, LocalReply, Outcome, Request, Response};
use super::vm::{Spent, Vm};
use std::collections::BTreeMap;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// In the request callbacks, not held.
    #[default]
    Reading,
    /// Held with the body still to come.
    HeldAtHeaders,
    /// Held, the body seen.
    HeldAtBody,
    /// With the upstream.
    Upstream,
    HeldAtResponse,
    Answered,
    /// The VM died before this stream's next callback.
    Unavailable,
}

#[derive(Default)]
pub(super) struct Stream {
    pub(super) root: u32,
    pub(super) request: Pairs,
    /// Envoy: whether the module still may look at the request headers; the same for the response.
    pub(super) request_open: bool,
    pub(super) response: Pairs,
    pub(super) response_open: bool,
    /// What a request body callback sees, and may change.
    pub(super) buffer: Vec<u8>,
    pub(super) response_body: Vec<u8>,
    pub(super) properties: BTreeMap<String, Vec<u8>>,
    pub(super) filter_state: BTreeMap<String, Vec<u8>>,
    pub(super) reply: Option<LocalReply>,
    pub(super) resume_request: bool,
    pub(super) resume_response: bool,
    pub(super) trapped: Option<String>,
    pub(super) spent: Spent,
    /// The body that has not arrived yet.
    body: Vec<u8>,
    /// What has gone on to the upstream.
    sent: (Pairs, Vec<u8>),
    step: Step,
}

/// Envoy lower-cases names and joins copies of what it keeps inline; nginx does neither. A
/// pseudo-header of the test's takes the place of the usual one.
fn admit(headers: &mut Pairs, (name, value): (Vec<u8>, Vec<u8>), kong: bool) {
    const INLINE: &[&[u8]] = &[b"authorization", b"user-agent", b"x-forwarded-for"];
    let lower = name.to_ascii_lowercase();
    match headers.iter_mut().find(|(other, _)| *other == lower) {
        Some((_, usual)) if lower.starts_with(b":") => *usual = value,
        Some((_, first)) if !kong && INLINE.contains(&lower.as_slice()) => {
            first.extend(b",".iter().chain(&value));
        }
        _ => headers.push((if kong { name } else { lower }, value)),
    }
}

impl Vm {
    fn stream(&mut self, id: u32) -> &mut Stream {
        self.store.data_mut().streams.get_mut(&id).expect("a stream that is open")
    }

    fn kong(&self) -> bool {
        self.store.data().profile == Profile::Kong
    }

    /// Runs the request callbacks as far as they go; the stream's context id.
    pub(super) fn open(&mut self, request: Request) -> u32 {
        let (id, root, kong) = (self.new_context(), self.root, self.kong());
        let pseudo = [
            (":method", request.method.as_str()),
            (":path", &request.path),
            (":scheme", "https"),
            (":authority", "api.example"),
        ];
        let mut headers: Pairs = pseudo.map(|(name, value)| (name.into(), value.into())).into();
        request.headers.into_iter().for_each(|pair| admit(&mut headers, pair, kong));
        let (request, body, properties) = (headers, request.body, request.properties);
        let stream = Stream { root, request, body, properties, ..Stream::default() };
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
    fn callback(&mut self, id: u32, phase: Phase, size: usize, eos: bool) -> Option<bool> {
        let export = match phase {
            Phase::RequestHeaders => "proxy_on_request_headers",
            Phase::RequestBody => "proxy_on_request_body",
            Phase::ResponseHeaders => "proxy_on_response_headers",
            _ => "proxy_on_response_body",
        };
        if self.dead.is_some() {
            self.stream(id).step = Step::Unavailable;
            return None;
        }
        self.stream(id).resume_request = false;
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
        let hold_body = kong || !self.store.data().options.headers_stop_iteration;
        let stream = self.stream(id);
        stream.request_open = true;
        let (count, no_body) = (stream.request.len(), stream.body.is_empty());
        let eos = no_body && !kong;
        let Some(go_on) = self.callback(id, Phase::RequestHeaders, count, eos) else {
            return;
        };
        let stream = self.stream(id);
        if stream.reply.is_some() {
            self.reply(id);
        } else if go_on {
            stream.request_open = false;
            self.request_body(id, false);
        } else if no_body || hold_body {
            stream.step = Step::HeldAtHeaders;
        } else {
            self.request_body(id, true);
        }
    }

    /// Envoy shows each chunk, or all so far while the module holds it, and repeats the last
    /// amount with end_of_stream; nginx shows the whole body once.
    fn request_body(&mut self, id: u32, mut held: bool) {
        let (kong, options) = (self.kong(), self.store.data().options.clone());
        let body = std::mem::take(&mut self.stream(id).body);
        let chunk = if kong { body.len() } else { options.body_chunk };
        let mut chunks: Vec<&[u8]> = body.chunks(chunk.max(1)).collect();
        if !kong && !body.is_empty() {
            chunks.push(&[]);
        }
        for (index, chunk) in chunks.iter().enumerate() {
            let stream = self.stream(id);
            if !held {
                stream.sent.1.append(&mut stream.buffer);
            }
            stream.buffer.extend(*chunk);
            let (size, eos) = (stream.buffer.len(), index + 1 == chunks.len());
            if held && !kong && size > options.buffer_limit {
                stream.reply = Some(LocalReply {
                    status: 413,
                    details: "request_payload_too_large".to_owned(),
                    headers: Pairs::new(),
                    body: b"Payload Too Large".to_vec(),
                });
                return self.reply(id);
            }
            let Some(go_on) = self.callback(id, Phase::RequestBody, size, eos) else {
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
        stream.sent.0 = stream.request.clone();
        stream.sent.1.append(&mut stream.buffer);
        stream.step = Step::Upstream;
    }

    /// The upstream's answer to a forwarded request; nothing happens to any other.
    pub(super) fn respond(&mut self, id: u32, response: Response) {
        let kong = self.kong();
        let stream = self.stream(id);
        if stream.step != Step::Upstream {
            return;
        }
        stream.response.push((b":status".to_vec(), response.status.to_string().into_bytes()));
        response.headers.into_iter().for_each(|pair| admit(&mut stream.response, pair, kong));
        stream.response_body = response.body;
        self.response(id);
        self.settle();
    }

    /// The module's own reply takes the place of a response, or goes through the callbacks as one.
    fn reply(&mut self, id: u32) {
        let stream = self.stream(id);
        let Some(reply) = stream.reply.clone() else {
            return;
        };
        stream.response.insert(0, (b":status".to_vec(), reply.status.to_string().into_bytes()));
        stream.response.extend(reply.headers);
        if !reply.body.is_empty() && find(&stream.response, b"content-type").is_none() {
            stream.response.push((b"content-type".to_vec(), b"text/plain".to_vec()));
        }
        stream.response_body = reply.body;
        if stream.step != Step::Answered {
            self.response(id);
        }
    }

    fn response(&mut self, id: u32) {
        let kong = self.kong();
        let stream = self.stream(id);
        let local = stream.reply.is_some();
        (stream.response_open, stream.step) = (true, Step::Answered);
        let count = stream.response.len();
        let eos = stream.response_body.is_empty() && !kong;
        let Some(go_on) = self.callback(id, Phase::ResponseHeaders, count, eos) else {
            return;
        };
        let stream = self.stream(id);
        if !local && stream.reply.is_some() {
            stream.response.clear();
            self.reply(id);
        } else if go_on || kong {
            // nginx only warns of a pause here.
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
            self.callback(id, Phase::ResponseBody, size, true);
        }
    }

    /// Does what callbacks of other contexts have asked for: local replies, and resuming.
    pub(super) fn settle(&mut self) {
        let ids: Vec<u32> = self.store.data().streams.keys().copied().collect();
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

    fn finish(&mut self, id: u32) -> Result<(), String> {
        let log = |vm: &mut Vm| vm.enter::<_, ()>("proxy_on_log", id, Phase::Log, id).map(drop);
        let done = |vm: &mut Vm| vm.enter::<_, u32>("proxy_on_done", id, Phase::Done, id).map(drop);
        if self.kong() {
            done(self).and_then(|()| log(self))?;
        } else {
            log(self).and_then(|()| done(self))?;
        }
        self.enter::<_, ()>("proxy_on_delete", id, Phase::Done, id).map(drop)
    }

    /// The end of the stream. Its calls that are still pending get no answer.
    pub(super) fn close(&mut self, id: u32) -> Exchange {
        // The streams of a dead VM end without a word.
        let result = if self.dead.is_none() { self.finish(id) } else { Ok(()) };
        let state = self.store.data_mut();
        state.http_calls.retain(|_, call| call.context != id);
        let stream = state.streams.remove(&id).expect("a stream that is open");
        let (headers, body) = stream.sent;
        let outcome = match (stream.trapped, stream.step, stream.reply, result) {
            (Some(why), ..) => Outcome::Trapped(why),
            (_, Step::Unavailable, ..) => Outcome::Unavailable,
            (_, Step::HeldAtHeaders | Step::HeldAtBody | Step::HeldAtResponse, ..) => Outcome::Hung,
            (.., Err(why)) => Outcome::Trapped(why),
            (.., Some(reply), Ok(())) => Outcome::LocalReply(reply),
            (.., None, Ok(())) => Outcome::Forwarded { headers, body },
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
