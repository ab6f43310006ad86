//! The filter as a proxy-wasm module: the SDK's callbacks on one side, [`Host`] on the other. No decisions here.

mod abi;

use crate::{
    bounds::CONFIG_BYTES,
    facts::Outcome,
    filter::{self, Flow, Stream},
    host::{Effect, Host, LogLevel},
    metrics::{self, Counter},
    response::LocalReply,
    root::Root,
    session::table::{Cas, Store, StoreError, Written},
    time::Timestamp,
};
use abi::{Buffer, Map, Metric, Status};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::{Action, ContextType},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

/// How often waiting updates are run again and overdue bodies are looked for, in milliseconds.
const TICK: u32 = 500;

/// What the root context and its streams share.
#[derive(Default)]
struct Shared {
    root: RefCell<Option<Root>>,
    /// Metric ids by [`Counter::index`]; the histogram's comes last. Empty until configured.
    metrics: RefCell<Vec<u32>>,
    /// Streams that wait for their body, by context id.
    waiting: RefCell<Vec<(u32, Rc<RefCell<Stream>>)>>,
    /// The host has delivered a body at least once, so it can.
    bodies: Cell<bool>,
    ticking: Cell<bool>,
}

impl Shared {
    /// Runs `with` on the configured root, or gives `None`: what cannot be filtered is let through unscored.
    fn with<T>(&self, with: impl FnOnce(&mut Root, &mut Gateway<'_>) -> T) -> Option<T> {
        let mut root = self.root.try_borrow_mut().ok()?;
        let metrics = self.metrics.try_borrow().ok()?;
        root.as_mut().map(|root| with(root, &mut Gateway { metrics: &metrics }))
    }
}

/// The root context of one filter instance in one worker.
#[derive(Default)]
struct Plugin {
    shared: Rc<Shared>,
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _size: usize) -> bool {
        let text = abi::buffer(Buffer::PluginConfiguration, CONFIG_BYTES).ok().flatten().unwrap_or_default();
        self.define_metrics();
        let Ok(metrics) = self.shared.metrics.try_borrow() else { return false };
        let mut gateway = Gateway { metrics: &metrics };
        match Root::configure(&mut gateway, &text) {
            Ok(mut root) => {
                let Ok(mut slot) = self.shared.root.try_borrow_mut() else { return false };
                if let Some(old) = slot.as_mut() {
                    root.succeed(old);
                }
                *slot = Some(root);
                // Some hosts trap when the period is set twice.
                if !self.shared.ticking.replace(true) && abi::set_tick_period(TICK).is_err() {
                    abi::log(3, "session_risk: this host has no ticks; updates that lose every try are not retried");
                }
                true
            }
            Err(error) => {
                gateway.apply(Effect::Count(Counter::ConfigError, 1));
                abi::log(4, &format!("session_risk: {error}"));
                false
            }
        }
    }

    fn on_tick(&mut self) {
        self.shared.with(|root, gateway| root.tick(gateway));
        self.resume_overdue();
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request { id, shared: Rc::clone(&self.shared), stream: Rc::default() }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

impl Plugin {
    fn define_metrics(&self) {
        let Ok(mut metrics) = self.shared.metrics.try_borrow_mut() else { return };
        if metrics.is_empty() {
            let define = |kind, name: &str| abi::define_metric(kind, name).unwrap_or(u32::MAX);
            metrics.extend(Counter::all().iter().map(|counter| define(Metric::Counter, &counter.name())));
            metrics.push(define(Metric::Histogram, metrics::SCORE));
        }
    }

    /// Resumes requests whose body the host never delivered: a wrong setting must not hang anybody's request.
    fn resume_overdue(&self) {
        let shared = &self.shared;
        let Some(now) = abi::time().ok().map(|nanos| Timestamp::from_millis(nanos / 1_000_000)) else { return };
        let overdue = |stream: &Rc<RefCell<Stream>>| {
            shared.with(|root, _| stream.try_borrow().is_ok_and(|stream| stream.overdue(root, now))) == Some(true)
        };
        let Ok(mut waiting) = shared.waiting.try_borrow_mut() else { return };
        waiting.retain(|(_, stream)| Rc::strong_count(stream) > 1);
        let (late, rest) = std::mem::take(&mut *waiting).into_iter().partition(|(_, stream)| overdue(stream));
        *waiting = rest;
        drop(waiting);
        let late: Vec<(u32, Rc<RefCell<Stream>>)> = late;
        for (id, stream) in late {
            if !shared.bodies.get() {
                abi::log(
                    4,
                    "session_risk: no request body was delivered in time. `mcp.read_body` needs Envoy's \
                     `allow_on_headers_stop_iteration: true` beside `vm_config`; without it, set `mcp.read_body` to false",
                );
            }
            if abi::set_effective_context(id).is_err() {
                continue;
            }
            let flow = shared.with(|root, gateway| {
                let Ok(mut slot) = stream.try_borrow_mut() else { return Flow::Continue };
                let (next, flow) = std::mem::take(&mut *slot).body_timed_out(root, gateway);
                *slot = next;
                flow
            });
            if flow != Some(Flow::Replied) {
                let _ = abi::continue_request();
            }
        }
    }
}

/// One request.
struct Request {
    id: u32,
    shared: Rc<Shared>,
    stream: Rc<RefCell<Stream>>,
}

impl Context for Request {}

impl Request {
    /// Steps the stream. What cannot be stepped goes on unscored.
    fn step(&self, step: impl FnOnce(Stream, &mut Root, &mut Gateway<'_>) -> (Stream, Flow)) -> Action {
        let flow = self.shared.with(|root, gateway| {
            let Ok(mut slot) = self.stream.try_borrow_mut() else { return Flow::Continue };
            let (next, flow) = step(std::mem::take(&mut *slot), root, gateway);
            *slot = next;
            flow
        });
        match flow {
            None | Some(Flow::Continue) => Action::Continue,
            Some(Flow::Pause | Flow::Replied) => Action::Pause,
        }
    }
}

impl Request {
    /// Puts the wanted headers in front when the host may have left some out: many useless headers must not hide the
    /// ones that a gateway appends. Asked for by name, they are always there.
    fn complete(&self, blob: &mut Vec<u8>) {
        if filter::count(blob) < filter::HEADERS_SHOWN {
            return;
        }
        self.shared.with(|root, _| {
            let shown: Vec<(Vec<u8>, Vec<u8>)> =
                filter::pairs(blob).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            let hidden = root
                .config()
                .names
                .iter()
                .filter(|name| !shown.iter().any(|(shown, _)| shown.eq_ignore_ascii_case(name.as_bytes())));
            let mut all: Vec<(Vec<u8>, Vec<u8>)> = hidden
                .filter_map(|name| Some((name.as_bytes().to_vec(), abi::header(Map::Request, name).ok().flatten()?)))
                .collect();
            all.extend(shown);
            *blob = serialised(&all);
        });
    }
}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        let Ok(mut blob) = abi::header_pairs(Map::Request) else {
            return self.step(|_, root, gateway| Stream::headers_unavailable(root, gateway));
        };
        self.complete(&mut blob);
        let action = self.step(|_, root, gateway| Stream::request_headers(root, gateway, blob, end_of_stream));
        let waits = self.stream.try_borrow().is_ok_and(|stream| stream.waiting_since().is_some());
        if waits && let Ok(mut waiting) = self.shared.waiting.try_borrow_mut() {
            waiting.push((self.id, Rc::clone(&self.stream)));
        }
        action
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if size > 0 {
            self.shared.bodies.set(true);
        }
        self.step(|stream, root, gateway| {
            let mut read = |size| abi::buffer(Buffer::RequestBody, size).ok().flatten();
            stream.request_body(root, gateway, size, end_of_stream, &mut read)
        })
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let wanted = self.shared.with(|root, _| {
            let stream = self.stream.try_borrow().ok()?;
            Some(stream.wants_response(root))
        });
        let Some(wanted) = wanted.flatten() else { return Action::Continue };
        let header = |name| abi::header(Map::Response, name).ok().flatten();
        let report = if wanted.report { header(filter::REPORT) } else { None };
        let report = report.and_then(|words| {
            let stream = self.stream.try_borrow().ok()?;
            self.shared.with(|root, gateway| stream.report(root, gateway, &words))
        });
        if wanted.status {
            let number = |name| -> Option<u64> { std::str::from_utf8(&header(name)?).ok()?.parse().ok() };
            let status = number(":status").and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
            let bytes = if wanted.length { number("content-length").unwrap_or(0) } else { 0 };
            let outcome = Outcome { status, bytes, reported: report.unwrap_or(0) };
            let _ =
                self.step(|stream, root, gateway| (stream.response_headers(root, gateway, outcome), Flow::Continue));
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        // Lets go of a stream that was reset while it waited.
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            *stream = Stream::default();
        }
    }
}

/// The host behind the ABI. Failed effects are dropped: the request must go on, and the host has logged them.
struct Gateway<'a> {
    metrics: &'a [u32],
}

impl Store for Gateway<'_> {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        match abi::shared_data(key).map_err(store_error)? {
            Some((value, cas)) => {
                *into = value;
                // Every host known numbers from one; a zero would never be accepted back, so it is a lost try.
                Ok(Some(Cas::new(cas).unwrap_or(Cas::MAX)))
            }
            None => {
                into.clear();
                Ok(None)
            }
        }
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        match abi::set_shared_data(key, value, cas.map_or(0, Cas::get)) {
            Ok(()) => Ok(Written::Stored),
            Err(Status::CAS_MISMATCH) => Ok(Written::Mismatch),
            Err(status) => Err(store_error(status)),
        }
    }
}

fn store_error(status: Status) -> StoreError {
    if status == Status::UNIMPLEMENTED { StoreError::Unsupported } else { StoreError::Failed(status.number()) }
}

impl Host for Gateway<'_> {
    fn now(&mut self) -> Timestamp {
        Timestamp::from_millis(abi::time().unwrap_or(0) / 1_000_000)
    }

    fn property(&mut self, path: &[&str]) -> Option<Vec<u8>> {
        abi::property(path).ok().flatten()
    }

    fn apply(&mut self, effect: Effect<'_>) {
        let metric = |index: usize| self.metrics.get(index).copied().filter(|id| *id != u32::MAX);
        let _ = match effect {
            Effect::SetRequestHeader(name, value) => abi::set_request_header(name, value),
            Effect::RemoveRequestHeader(name) => abi::remove_request_header(name),
            Effect::RemoveResponseHeader(name) => abi::remove_response_header(name),
            Effect::Reply(LocalReply { status, details, headers, body }) => {
                abi::send_local_response(*status, details, body, &serialised(headers))
            }
            Effect::FilterState(name, value) => abi::set_property(name, value),
            Effect::Count(counter, by) => metric(counter.index()).map_or(Ok(()), |id| abi::increment_metric(id, by)),
            Effect::Score(points) => metric(self.metrics.len().saturating_sub(1))
                .map_or(Ok(()), |id| abi::record_metric(id, u64::from(points))),
            Effect::Log(level, text) => {
                abi::log(
                    match level {
                        LogLevel::Info => 2,
                        LogLevel::Warn => 3,
                        LogLevel::Error => 4,
                    },
                    text,
                );
                Ok(())
            }
        };
    }
}

/// A header map as the ABI wants it: a count, two lengths a pair, then the bytes, each with a NUL behind it.
fn serialised<N: AsRef<[u8]>, V: AsRef<[u8]>>(headers: &[(N, V)]) -> Vec<u8> {
    let length = |length: usize| u32::try_from(length).unwrap_or(0).to_le_bytes();
    let mut blob = length(headers.len()).to_vec();
    for (name, value) in headers {
        blob.extend(length(name.as_ref().len()));
        blob.extend(length(value.as_ref().len()));
    }
    for (name, value) in headers {
        for part in [name.as_ref(), value.as_ref()] {
            blob.extend(part);
            blob.push(0);
        }
    }
    blob
}
