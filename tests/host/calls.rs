//! What a module may ask of its host: every `proxy_*` import of the Rust SDK 0.2.5, with the
//! answers of the profile. Sources: proxy-wasm-cpp-host, Envoy's wasm extension, ngx_wasm_module.

use super::abi::{Pairs, Phase, Profile, decode_pairs, encode_pairs, find, status};
use super::process::{Fail, trap};
use super::stream::LocalReply;
use super::vm::State;
use wasmtime::{Caller, FuncType, Linker, Result as WasmResult, Val, ValType};

type Answer = Result<(), Fail>;

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

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallResponse {
    /// `None`: the response broke off after its headers; any look at them is a bad argument.
    pub(super) headers: Option<Pairs>,
    pub(super) body: Vec<u8>,
}

impl CallResponse {
    pub fn new(status: u16, body: &[u8]) -> CallResponse {
        let headers = vec![(b":status".to_vec(), status.to_string().into_bytes())];
        CallResponse { headers: Some(headers), body: body.to_vec() }
    }

    pub fn broken() -> CallResponse {
        CallResponse::default()
    }
}

/// One host call: the module's memory and the state behind it.
pub(super) struct Call<'a> {
    pub(super) caller: Caller<'a, State>,
}

impl Call<'_> {
    /// Runs `body` as the host call `name`, unless a test wants it to fail.
    fn counted<A>(mut self, name: &'static str, body: impl FnOnce(&mut Self, A) -> Answer, args: A) -> WasmResult<u32> {
        let state = self.caller.data_mut();
        *state.spent.hostcalls.entry(name).or_default() += 1;
        let fault = state.process.borrow_mut().enter(name);
        match fault {
            Some(status) => Ok(status),
            None => self.status(body, args),
        }
    }

    pub(super) fn status<A>(mut self, body: impl FnOnce(&mut Self, A) -> Answer, args: A) -> WasmResult<u32> {
        match body(&mut self, args) {
            Ok(()) => Ok(status::OK),
            Err(Fail::Status(status)) => Ok(status),
            Err(Fail::Trap(text)) => Err(wasmtime::Error::msg(text)),
        }
    }

    pub(super) fn bytes(&self, at: u32, len: u32) -> Result<Vec<u8>, Fail> {
        let memory = self.caller.data().memory.unwrap().data(&self.caller);
        let range = at as usize..at as usize + len as usize;
        memory.get(range).map(<[u8]>::to_vec).ok_or(Fail::Status(status::INVALID_MEMORY))
    }

    pub(super) fn put(&mut self, at: u32, bytes: &[u8]) -> Answer {
        let memory = self.caller.data().memory.unwrap();
        let written = memory.write(&mut self.caller, at as usize, bytes);
        written.map_err(|_| Fail::Status(status::INVALID_MEMORY))
    }

    fn put_word(&mut self, at: u32, word: u32) -> Answer {
        self.put(at, &word.to_le_bytes())
    }

    /// Copies `bytes` into memory that the module allocates, and says where they are. Envoy hands
    /// out a null pointer for no bytes.
    fn give(&mut self, bytes: &[u8], at: u32, len: u32) -> Answer {
        let mut pointer = 0;
        if !bytes.is_empty() || self.profile() == Profile::Kong {
            let allocate = self.caller.data().allocate.clone().unwrap();
            pointer = allocate.call(&mut self.caller, bytes.len() as u32)?;
            self.put(pointer, bytes)?;
        }
        self.put_word(at, pointer)?;
        self.put_word(len, bytes.len() as u32)
    }

    fn profile(&self) -> Profile {
        self.caller.data().profile
    }

    fn kong(&self) -> bool {
        self.profile() == Profile::Kong
    }

    fn state(&mut self) -> &mut State {
        self.caller.data_mut()
    }

    /// What Envoy answers with a status where ngx_wasm_module traps.
    fn refuse<T>(&self, status: u32, text: &str) -> Result<T, Fail> {
        if self.kong() { trap(text) } else { Err(Fail::Status(status)) }
    }

    fn unless_bare(&self) -> Answer {
        let bare = self.profile() == Profile::Bare;
        if bare { Err(Fail::Status(status::UNIMPLEMENTED)) } else { Ok(()) }
    }
}

pub(super) fn link(linker: &mut Linker<State>) -> WasmResult<()> {
    macro_rules! calls {
        ($($name:ident = $body:ident($($arg:ident: $ty:ty),*);)*) => {$(
            linker.func_wrap(
                "env",
                stringify!($name),
                |caller: Caller<'_, State>, $($arg: $ty),*| -> WasmResult<u32> {
                    Call { caller }.counted(stringify!($name), $body, ($($arg,)*))
                },
            )?;
        )*};
    }
    calls! {
        proxy_log = log(level: u32, text: u32, len: u32);
        proxy_get_log_level = log_level(at: u32);
        proxy_get_current_time_nanoseconds = current_time(at: u32);
        proxy_set_tick_period_milliseconds = set_tick_period(period: u32);
        proxy_set_effective_context = set_effective_context(context: u32);
        proxy_done = done();
        proxy_get_status = get_status(code: u32, text: u32, len: u32);
        proxy_call_foreign_function = foreign(name: u32, name_len: u32, arg: u32, arg_len: u32, at: u32, len: u32);
        proxy_get_buffer_bytes = get_buffer(kind: u32, start: u32, max: u32, at: u32, len: u32);
        proxy_set_buffer_bytes = set_buffer(kind: u32, start: u32, size: u32, bytes: u32, len: u32);
        proxy_get_header_map_pairs = get_pairs(map: u32, at: u32, len: u32);
        proxy_set_header_map_pairs = set_pairs(map: u32, bytes: u32, len: u32);
        proxy_get_header_map_value = get_header(map: u32, name: u32, name_len: u32, at: u32, len: u32);
        proxy_add_header_map_value = add_header(map: u32, name: u32, name_len: u32, value: u32, value_len: u32);
        proxy_replace_header_map_value = replace_header(map: u32, name: u32, name_len: u32, value: u32, value_len: u32);
        proxy_remove_header_map_value = remove_header(map: u32, name: u32, name_len: u32);
        proxy_get_property = get_property(path: u32, path_len: u32, at: u32, len: u32);
        proxy_set_property = set_property(path: u32, path_len: u32, value: u32, value_len: u32);
        proxy_get_shared_data = get_shared(key: u32, key_len: u32, at: u32, len: u32, cas: u32);
        proxy_set_shared_data = set_shared(key: u32, key_len: u32, value: u32, value_len: u32, cas: u32);
        proxy_continue_stream = continue_stream(kind: u32);
        proxy_send_local_response = send_local_response(code: u32, details: u32, details_len: u32, body: u32, body_len: u32, headers: u32, headers_len: u32, grpc: i32);
        proxy_http_call = http_call(upstream: u32, upstream_len: u32, headers: u32, headers_len: u32, body: u32, body_len: u32, trailers: u32, trailers_len: u32, timeout: u32, token: u32);
        proxy_define_metric = define_metric(kind: u32, name: u32, len: u32, id: u32);
        proxy_increment_metric = increment_metric(id: u32, offset: i64);
        proxy_record_metric = record_metric(id: u32, value: u64);
        proxy_get_metric = get_metric(id: u32, at: u32);
    }
    // What this filter must not use. Linked, so that a module which merely declares it starts.
    for (name, params) in [
        ("proxy_close_stream", 1),
        ("proxy_register_shared_queue", 3),
        ("proxy_resolve_shared_queue", 5),
        ("proxy_dequeue_shared_queue", 3),
        ("proxy_enqueue_shared_queue", 3),
        ("proxy_grpc_call", 12),
        ("proxy_grpc_stream", 9),
        ("proxy_grpc_send", 4),
        ("proxy_grpc_cancel", 1),
        ("proxy_grpc_close", 1),
    ] {
        let ty = FuncType::new(linker.engine(), vec![ValType::I32; params], [ValType::I32]);
        linker.func_new("env", name, ty, move |caller, _, results| {
            let refuse = |call: &mut Call<'_>, ()| {
                call.unless_bare()?;
                trap(format!("{name} is not available in this gateway"))
            };
            results[0] = Val::I32(Call { caller }.counted(name, refuse, ())? as i32);
            Ok(())
        })?;
    }
    Ok(())
}

// Logs, time, contexts.

fn log(call: &mut Call<'_>, (level, text, len): (u32, u32, u32)) -> Answer {
    let text = call.bytes(text, len)?;
    if level > 5 {
        return Err(Fail::Status(status::BAD_ARGUMENT));
    }
    call.state().log(level, &String::from_utf8_lossy(&text));
    Ok(())
}

fn log_level(call: &mut Call<'_>, (at,): (u32,)) -> Answer {
    if call.kong() {
        return trap("proxy_get_log_level is not implemented");
    }
    call.put_word(at, 2)
}

fn current_time(call: &mut Call<'_>, (at,): (u32,)) -> Answer {
    let now = call.state().now_ns();
    call.put(at, &now.to_le_bytes())
}

fn set_tick_period(call: &mut Call<'_>, (period,): (u32,)) -> Answer {
    call.unless_bare()?;
    let kong = call.kong();
    let state = call.state();
    let root = state.stream().map(|stream| stream.root);
    if kong && root.is_some() {
        return trap("can only set tick_period in root context");
    }
    let current = state.roots.entry(root.unwrap_or(state.context)).or_default();
    if kong && period > 0 && *current > 0 {
        return trap("tick_period already set");
    }
    *current = period;
    Ok(())
}

fn set_effective_context(call: &mut Call<'_>, (context,): (u32,)) -> Answer {
    if call.kong() {
        return Ok(());
    }
    let state = call.state();
    if !state.streams.contains_key(&context) && !state.roots.contains_key(&context) {
        return Err(Fail::Status(status::BAD_ARGUMENT));
    }
    state.context = context;
    Ok(())
}

fn done(call: &mut Call<'_>, (): ()) -> Answer {
    call.refuse(status::NOT_FOUND, "proxy_done is not implemented")
}

fn get_status(call: &mut Call<'_>, (code, text, len): (u32, u32, u32)) -> Answer {
    if call.kong() {
        return trap("proxy_get_status is not implemented");
    }
    call.put_word(code, 0)?;
    call.give(b"", text, len)
}

fn foreign(call: &mut Call<'_>, _: (u32, u32, u32, u32, u32, u32)) -> Answer {
    call.refuse(status::NOT_FOUND, "unknown foreign function")
}

// Buffers and header maps.

const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;

fn get_buffer(call: &mut Call<'_>, (kind, start, max, at, len): (u32, u32, u32, u32, u32)) -> Answer {
    let (kong, state) = (call.kong(), call.state());
    let phase = state.phase;
    let readable = match kind {
        REQUEST_BODY => matches!(phase, Phase::RequestHeaders | Phase::RequestBody | Phase::Log),
        RESPONSE_BODY => phase == Phase::ResponseBody,
        4 => matches!(phase, Phase::CallResponse | Phase::Log),
        _ => true,
    };
    if kong && !readable {
        return trap(format!("buffer {kind} cannot be read in {phase:?}"));
    }
    let buffer = match kind {
        REQUEST_BODY if phase == Phase::RequestBody => state.stream().map(|s| s.buffer.clone()),
        RESPONSE_BODY if readable => state.stream().map(|s| s.response_body.clone()),
        4 => state.answer.as_ref().map(|answer| answer.body.clone()),
        6 => Some(Vec::new()),
        7 if kong || phase == Phase::Configure => Some(state.configuration.to_vec()),
        _ => None,
    };
    let buffer = buffer.ok_or(Fail::Status(status::NOT_FOUND))?;
    if start.checked_add(max).is_none() {
        return Err(Fail::Status(status::BAD_ARGUMENT));
    }
    let start = buffer.len().min(start as usize);
    let end = buffer.len().min(start + max as usize);
    if start == end {
        call.put_word(at, 0)?;
        return call.put_word(len, 0);
    }
    call.give(&buffer[start..end], at, len)
}

fn set_buffer(call: &mut Call<'_>, (kind, start, size, bytes, len): (u32, u32, u32, u32, u32)) -> Answer {
    let bytes = call.bytes(bytes, len)?;
    let (kong, state) = (call.kong(), call.state());
    let buffer = match (kind, state.phase, state.stream()) {
        (REQUEST_BODY, Phase::RequestBody, Some(stream)) => &mut stream.buffer,
        (RESPONSE_BODY, Phase::ResponseBody, Some(stream)) => &mut stream.response_body,
        _ if kong => return trap(format!("buffer {kind} cannot be set here")),
        _ => return Err(Fail::Status(status::BAD_ARGUMENT)),
    };
    let (start, size) = (start as usize, size as usize);
    match (start, start >= buffer.len()) {
        (0, _) => drop(buffer.splice(..size.min(buffer.len()), bytes)),
        (_, true) => buffer.extend(bytes),
        _ => return Err(Fail::Status(status::BAD_ARGUMENT)),
    }
    Ok(())
}

/// The map for reading. Envoy takes the request's away once the headers have gone on, and gives
/// both back for the log; nginx always has them.
fn map(state: &mut State, map: u32) -> Option<Pairs> {
    let always = state.profile == Profile::Kong || state.phase == Phase::Log;
    match (map, state.stream()) {
        (REQUEST_HEADERS, Some(s)) if always || s.request_open => Some(s.request.clone()),
        (RESPONSE_HEADERS, Some(s)) if always || s.response_open => Some(s.response.clone()),
        (6, _) => state.answer.as_ref()?.headers.clone(),
        _ => None,
    }
}

/// The map for writing.
fn map_mut<'a>(call: &'a mut Call<'_>, map: u32) -> Result<&'a mut Pairs, Fail> {
    let (kong, state) = (call.kong(), call.state());
    let phase = state.phase;
    let early = matches!(phase, Phase::RequestHeaders | Phase::RequestBody | Phase::CallResponse);
    match (map, state.stream()) {
        (REQUEST_HEADERS, Some(s)) if if kong { early } else { s.request_open } => Ok(&mut s.request),
        (RESPONSE_HEADERS, Some(s))
            if if kong { early || phase == Phase::ResponseHeaders } else { s.response_open } =>
        {
            Ok(&mut s.response)
        }
        (REQUEST_HEADERS | RESPONSE_HEADERS, Some(_)) if kong => {
            trap(format!("header map {map} cannot be set in {phase:?}"))
        }
        _ => Err(Fail::Status(status::BAD_ARGUMENT)),
    }
}

fn get_pairs(call: &mut Call<'_>, (kind, at, len): (u32, u32, u32)) -> Answer {
    /// ngx_wasm_module cuts the list here and only warns.
    const KONG_MAX_PAIRS: usize = 100;
    let pairs = map(call.state(), kind);
    if call.kong() {
        let mut pairs = pairs.ok_or(Fail::Status(status::BAD_ARGUMENT))?;
        if pairs.len() > KONG_MAX_PAIRS {
            call.state().log(3, "marshalled map truncated to 100 elements");
            pairs.truncate(KONG_MAX_PAIRS);
        }
        return call.give(&encode_pairs(&pairs), at, len);
    }
    match pairs.unwrap_or_default() {
        none if none.is_empty() => call.give(b"", at, len),
        pairs => call.give(&encode_pairs(&pairs), at, len),
    }
}

fn set_pairs(call: &mut Call<'_>, (map, bytes, len): (u32, u32, u32)) -> Answer {
    let pairs = decode_pairs(&call.bytes(bytes, len)?).unwrap_or_default();
    *map_mut(call, map)? = pairs;
    Ok(())
}

fn get_header(call: &mut Call<'_>, (kind, name, name_len, at, len): (u32, u32, u32, u32, u32)) -> Answer {
    let name = call.bytes(name, name_len)?;
    let absent = if call.kong() { status::NOT_FOUND } else { status::BAD_ARGUMENT };
    let pairs = map(call.state(), kind).ok_or(Fail::Status(absent))?;
    let value = find(&pairs, &name).ok_or(Fail::Status(status::NOT_FOUND))?;
    call.give(value, at, len)
}

fn add_header(call: &mut Call<'_>, (map, name, name_len, value, value_len): (u32, u32, u32, u32, u32)) -> Answer {
    let pair = (call.bytes(name, name_len)?.to_ascii_lowercase(), call.bytes(value, value_len)?);
    map_mut(call, map)?.push(pair);
    Ok(())
}

/// Takes the place of the first copy; the others go.
fn replace_header(call: &mut Call<'_>, (map, name, name_len, value, value_len): (u32, u32, u32, u32, u32)) -> Answer {
    let (name, value) = (call.bytes(name, name_len)?.to_ascii_lowercase(), call.bytes(value, value_len)?);
    let pairs = map_mut(call, map)?;
    let first = pairs.iter().position(|(key, _)| key.eq_ignore_ascii_case(&name));
    pairs.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    pairs.insert(first.unwrap_or(pairs.len()), (name, value));
    Ok(())
}

fn remove_header(call: &mut Call<'_>, (map, name, name_len): (u32, u32, u32)) -> Answer {
    let name = call.bytes(name, name_len)?;
    map_mut(call, map)?.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    Ok(())
}

// Properties.

/// The properties that ngx_wasm_module knows; all but `ngx.*` and `request.headers.*`.
const KONG_PROPERTIES: &[&str] = &[
    "request.path",
    "request.url_path",
    "request.host",
    "request.scheme",
    "request.method",
    "request.useragent",
    "request.protocol",
    "request.query",
    "request.id",
    "request.referer",
    "request.time",
    "request.duration",
    "request.size",
    "request.total_size",
    "response.code",
    "response.size",
    "response.total_size",
    "upstream.address",
    "upstream.port",
    "destination.address",
    "destination.port",
    "connection.requested_server_name",
    "connection.tls_version",
    "connection.subject_local_certificate",
    "connection.id",
    "connection.mtls",
    "source.address",
    "source.port",
];

fn get_property(call: &mut Call<'_>, (path, path_len, at, len): (u32, u32, u32, u32)) -> Answer {
    let path = String::from_utf8_lossy(&call.bytes(path, path_len)?).into_owned();
    let (kong, state) = (call.kong(), call.state());
    let value = match (path.as_str(), state.stream()) {
        ("plugin_name", _) => Some(b"session_risk".to_vec()),
        ("plugin_root_id" | "plugin_vm_id", _) => Some(Vec::new()),
        (_, Some(stream)) if kong => kong_property(&path.replace('\0', "."), stream),
        (_, None) if kong && path.contains(['\0', '.']) => {
            return Err(Fail::Status(status::INTERNAL_FAILURE));
        }
        (_, Some(stream)) => {
            let state = path.strip_prefix("filter_state\0").map(str::to_owned);
            let own = state.unwrap_or_else(|| format!("wasm.{path}"));
            stream.properties.get(&path).or_else(|| stream.filter_state.get(&own)).cloned()
        }
        (_, None) => None,
    };
    let value = value.ok_or(Fail::Status(status::NOT_FOUND))?;
    call.give(&value, at, len)
}

/// Everything is text in nginx; the address comes without its port.
fn kong_property(path: &str, stream: &super::stream::Stream) -> Option<Vec<u8>> {
    if let Some(name) = path.strip_prefix("request.headers.") {
        return find(&stream.request, name.as_bytes()).map(<[u8]>::to_vec);
    }
    if let Some(value) = stream.filter_state.get(path) {
        return Some(value.clone());
    }
    if !path.starts_with("ngx.") && !KONG_PROPERTIES.contains(&path) {
        return None;
    }
    let given = stream.properties.iter().find(|(name, _)| name.replace('\0', ".") == path);
    let value = given?.1.clone();
    Some(match (path, value.as_slice()) {
        ("source.address" | "destination.address", address) => {
            let colons = address.iter().filter(|byte| **byte == b':').count();
            let end = address.iter().rposition(|byte| *byte == b':').unwrap_or(address.len());
            match address {
                [b'[', .., _] => address[1..end - 1].to_vec(),
                _ if colons == 1 => address[..end].to_vec(),
                _ => value,
            }
        }
        ("connection.mtls", [flag]) => (*flag == 1).to_string().into_bytes(),
        (_, &[a, b, c, d, e, f, g, h]) if path.ends_with("port") || path.ends_with("size") => {
            u64::from_le_bytes([a, b, c, d, e, f, g, h]).to_string().into_bytes()
        }
        _ => value,
    })
}

fn set_property(call: &mut Call<'_>, (path, path_len, value, value_len): (u32, u32, u32, u32)) -> Answer {
    let path = String::from_utf8_lossy(&call.bytes(path, path_len)?).into_owned();
    let value = call.bytes(value, value_len)?;
    let (kong, state) = (call.kong(), call.state());
    let stream = state.stream().ok_or(Fail::Status(match kong && path.contains(['\0', '.']) {
        true => status::INTERNAL_FAILURE,
        false => status::NOT_FOUND,
    }))?;
    let dotted = path.replace('\0', ".");
    let name = match kong {
        false => format!("wasm.{path}"),
        true if dotted.starts_with("ngx.") || dotted.starts_with("kong.") => dotted,
        true => return Err(Fail::Status(status::NOT_FOUND)),
    };
    stream.filter_state.insert(name, value);
    Ok(())
}

// Shared data and metrics: the rules are in `process.rs`.

fn zone(call: &Call<'_>) -> Answer {
    call.unless_bare()?;
    match call.kong() && !call.caller.data().options.shm_zone {
        true => trap("could not resolve namespace: no `shm_kv *` is configured"),
        false => Ok(()),
    }
}

fn get_shared(call: &mut Call<'_>, (key, key_len, at, len, cas): (u32, u32, u32, u32, u32)) -> Answer {
    zone(call)?;
    let key = call.bytes(key, key_len)?;
    let found = call.state().process.borrow().read(&key).map(|e| (e.value.clone(), e.cas));
    let (value, number) = found.ok_or(Fail::Status(status::NOT_FOUND))?;
    call.give(&value, at, len)?;
    call.put_word(cas, number)
}

fn set_shared(call: &mut Call<'_>, (key, key_len, value, value_len, cas): (u32, u32, u32, u32, u32)) -> Answer {
    zone(call)?;
    let key = call.bytes(key, key_len)?;
    let bytes = call.bytes(value, value_len)?;
    let bytes = (value != 0).then_some(bytes.as_slice());
    call.state().process.borrow_mut().write(&key, bytes, cas)
}

fn define_metric(call: &mut Call<'_>, (kind, name, len, id): (u32, u32, u32, u32)) -> Answer {
    let name = call.bytes(name, len)?;
    let metric = call.state().process.borrow_mut().define_metric(kind, &name)?;
    call.put_word(id, metric)
}

fn increment_metric(call: &mut Call<'_>, (id, offset): (u32, i64)) -> Answer {
    call.state().process.borrow_mut().increment_metric(id, offset)
}

fn record_metric(call: &mut Call<'_>, (id, value): (u32, u64)) -> Answer {
    call.state().process.borrow_mut().record_metric(id, value)
}

fn get_metric(call: &mut Call<'_>, (id, at): (u32, u32)) -> Answer {
    let value = call.state().process.borrow().metric_value(id)?;
    call.put(at, &value.to_le_bytes())
}

// Streams and calls.

fn continue_stream(call: &mut Call<'_>, (kind,): (u32,)) -> Answer {
    let kong = call.kong();
    match (kind, call.state().stream()) {
        (0, Some(stream)) => (stream.resume_request, stream.request_open) = (true, false),
        (1, Some(stream)) => (stream.resume_response, stream.request_open) = (true, false),
        (0 | 1, None) => {}
        _ if kong => return Err(Fail::Status(status::INTERNAL_FAILURE)),
        _ => return Err(Fail::Status(status::BAD_ARGUMENT)),
    }
    Ok(())
}

#[allow(clippy::type_complexity)]
fn send_local_response(
    call: &mut Call<'_>,
    (code, details, details_len, body, body_len, headers, headers_len, grpc): (u32, u32, u32, u32, u32, u32, u32, i32),
) -> Answer {
    let details = call.bytes(details, details_len)?;
    let body = call.bytes(body, body_len)?;
    let headers = decode_pairs(&call.bytes(headers, headers_len)?).unwrap_or_default();
    if call.kong() && grpc != -1 {
        return trap("a local response must have grpc_status -1");
    }
    let reply = LocalReply {
        status: code as u16,
        details: String::from_utf8_lossy(&details).into_owned(),
        headers: headers.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v)).collect(),
        body,
    };
    let kong = call.kong();
    let state = call.state();
    let token = state.context;
    match state.stream() {
        Some(stream) if stream.reply.is_none() => stream.reply = Some(reply),
        Some(_) if kong => return trap("local response already stashed"),
        Some(_) => state.log(5, "second local reply on one stream: ignored"),
        None => {}
    }
    if kong {
        state.http_calls.retain(|_, other| other.context != token);
    }
    Ok(())
}

#[allow(clippy::type_complexity)]
fn http_call(
    call: &mut Call<'_>,
    (upstream, upstream_len, headers, headers_len, body, body_len, _, _, timeout_ms, token_at): (
        u32,
        u32,
        u32,
        u32,
        u32,
        u32,
        u32,
        u32,
        u32,
        u32,
    ),
) -> Answer {
    let upstream = String::from_utf8_lossy(&call.bytes(upstream, upstream_len)?).into_owned();
    let headers = decode_pairs(&call.bytes(headers, headers_len)?).unwrap_or_default();
    let body = call.bytes(body, body_len)?;
    let (kong, state) = (call.kong(), call.state());
    let allowed = matches!(state.phase, Phase::RequestHeaders | Phase::RequestBody | Phase::Tick | Phase::CallResponse);
    if kong && !allowed {
        return trap(format!("http calls are not possible in {:?}", state.phase));
    }
    let needed: &[&[u8]] = &[b":method", b":path", b":authority"];
    if !needed.iter().all(|name| find(&headers, name).is_some()) {
        let status = if kong { status::INTERNAL_FAILURE } else { status::BAD_ARGUMENT };
        return Err(Fail::Status(status));
    }
    let context = state.context;
    let root = state.stream().map_or(context, |stream| stream.root);
    let token = state.next_call;
    state.next_call += 1;
    let sent = HttpCall { token, upstream, headers, body, timeout_ms, context, root };
    state.http_calls.insert(token, sent);
    call.put_word(token_at, token)
}
