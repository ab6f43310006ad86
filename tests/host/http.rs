//! Host calls about a request: header maps, bodies, properties, local replies, calls to others.
//! Sources: Envoy's wasm extension, proxy-wasm-cpp-host, ngx_wasm_module.

use super::abi::{Pairs, Phase, decode_pairs, encode_pairs, find, status};
use super::call::{Answer, Call, HostCall};
use super::process::{Fail, trap};
use super::stream::Stream;
use super::traffic::{HttpCall, LocalReply};
use super::vm::State;

pub(super) const CALLS: &[HostCall] = &[
    ("proxy_get_header_map_pairs", "iii", get_pairs),
    ("proxy_set_header_map_pairs", "iii", set_pairs),
    ("proxy_get_header_map_value", "iiiii", get_header),
    ("proxy_add_header_map_value", "iiiii", add_header),
    ("proxy_replace_header_map_value", "iiiii", replace_header),
    ("proxy_remove_header_map_value", "iii", remove_header),
    ("proxy_get_buffer_bytes", "iiiii", get_buffer),
    ("proxy_set_buffer_bytes", "iiiii", set_buffer),
    ("proxy_get_property", "iiii", get_property),
    ("proxy_set_property", "iiii", set_property),
    ("proxy_send_local_response", "iiiiiiii", send_local_response),
    ("proxy_continue_stream", "i", continue_stream),
    ("proxy_set_effective_context", "i", set_effective_context),
    ("proxy_http_call", "iiiiiiiiii", http_call),
];

const NOT_FOUND: Fail = Fail::Status(status::NOT_FOUND);
const BAD_ARGUMENT: Fail = Fail::Status(status::BAD_ARGUMENT);
const INTERNAL_FAILURE: Fail = Fail::Status(status::INTERNAL_FAILURE);

// Header maps, by number.
const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const CALL_RESPONSE: u32 = 6;

/// The map for reading. Envoy takes the request's away once the headers have gone on, and gives
/// both back for the log; nginx always has them.
fn map(state: &mut State, map: u32, kong: bool) -> Option<Pairs> {
    let always = kong || state.phase == Phase::Log;
    match (map, state.stream()) {
        (REQUEST, Some(s)) if always || s.request_open => Some(s.request.clone()),
        (RESPONSE, Some(s)) if always || s.response_open => Some(s.response.clone()),
        (CALL_RESPONSE, _) => state.answer.as_ref()?.headers.clone(),
        _ => None,
    }
}

/// The map for writing: Envoy's for as long as it is there, nginx's until the response's turn.
fn map_mut<'a>(call: &'a mut Call<'_>, map: u32) -> Result<&'a mut Pairs, Fail> {
    let (kong, state) = (call.kong(), call.state());
    let phase = state.phase;
    let early = matches!(phase, Phase::RequestHeaders | Phase::RequestBody | Phase::CallResponse);
    match (map, state.stream()) {
        (REQUEST, Some(s)) if if kong { early } else { s.request_open } => Ok(&mut s.request),
        (RESPONSE, Some(s)) if if kong { early } else { s.response_open } => Ok(&mut s.response),
        (RESPONSE, Some(s)) if phase == Phase::ResponseHeaders => Ok(&mut s.response),
        (REQUEST | RESPONSE, Some(_)) if kong => trap(format!("too late to set headers: {phase:?}")),
        _ => Err(BAD_ARGUMENT),
    }
}

fn get_pairs(call: &mut Call<'_>) -> Answer {
    /// ngx_wasm_module cuts the list here and only warns.
    const KONG_MAX_PAIRS: usize = 100;
    let (kong, kind) = (call.kong(), call.word(0));
    let mut pairs = match map(call.state(), kind, kong) {
        None if kong => return Err(BAD_ARGUMENT),
        pairs => pairs.unwrap_or_default(),
    };
    if kong && pairs.len() > KONG_MAX_PAIRS {
        call.state().log(3, "marshalled map truncated to 100 elements");
        pairs.truncate(KONG_MAX_PAIRS);
    }
    let none = pairs.is_empty() && !kong;
    let bytes = if none { Vec::new() } else { encode_pairs(&pairs) };
    call.give(1, &bytes)
}

fn set_pairs(call: &mut Call<'_>) -> Answer {
    let pairs = decode_pairs(&call.bytes(1)?).unwrap_or_default();
    *map_mut(call, call.word(0))? = pairs;
    Ok(())
}

fn get_header(call: &mut Call<'_>) -> Answer {
    let (kong, kind, name) = (call.kong(), call.word(0), call.bytes(1)?);
    let pairs = map(call.state(), kind, kong);
    let pairs = pairs.ok_or(if kong { NOT_FOUND } else { BAD_ARGUMENT })?;
    call.give(3, find(&pairs, &name).ok_or(NOT_FOUND)?)
}

fn add_header(call: &mut Call<'_>) -> Answer {
    let pair = (call.bytes(1)?.to_ascii_lowercase(), call.bytes(3)?);
    map_mut(call, call.word(0))?.push(pair);
    Ok(())
}

/// Takes the place of the first copy; the others go.
fn replace_header(call: &mut Call<'_>) -> Answer {
    let (name, value) = (call.bytes(1)?.to_ascii_lowercase(), call.bytes(3)?);
    let pairs = map_mut(call, call.word(0))?;
    let first = pairs.iter().position(|(key, _)| key.eq_ignore_ascii_case(&name));
    pairs.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    pairs.insert(first.unwrap_or(pairs.len()), (name, value));
    Ok(())
}

fn remove_header(call: &mut Call<'_>) -> Answer {
    let name = call.bytes(1)?;
    map_mut(call, call.word(0))?.retain(|(key, _)| !key.eq_ignore_ascii_case(&name));
    Ok(())
}

// Buffers, by number: 0 request body, 1 response body, 4 call response, 6 and 7 configurations.

fn get_buffer(call: &mut Call<'_>) -> Answer {
    let (kong, kind, start, max) = (call.kong(), call.word(0), call.word(1), call.word(2));
    let state = call.state();
    let phase = state.phase;
    let in_time = match kind {
        0 => matches!(phase, Phase::RequestHeaders | Phase::RequestBody | Phase::Log),
        1 => phase == Phase::ResponseBody,
        4 => matches!(phase, Phase::CallResponse | Phase::Log),
        _ => true,
    };
    if kong && !in_time {
        return trap(format!("buffer {kind} cannot be read in {phase:?}"));
    }
    let buffer = match (kind, phase) {
        (0, Phase::RequestBody) => state.stream().map(|s| s.buffer.clone()),
        (1, Phase::ResponseBody) => state.stream().map(|s| s.response_body.clone()),
        (4, _) => state.answer.as_ref().map(|answer| answer.body.clone()),
        (6, _) => Some(Vec::new()),
        (7, Phase::Configure) => Some(state.configuration.to_vec()),
        _ => None,
    };
    let buffer = buffer.ok_or(NOT_FOUND)?;
    let start = buffer.len().min(start as usize);
    let end = buffer.len().min(start.saturating_add(max as usize));
    match &buffer[start..end] {
        [] => call.put_word(3, 0).and_then(|()| call.put_word(4, 0)),
        bytes => call.give(3, bytes),
    }
}

/// Prepends, replaces from the start, or appends.
fn set_buffer(call: &mut Call<'_>) -> Answer {
    let (start, size, bytes) = (call.word(1) as usize, call.word(2) as usize, call.bytes(3)?);
    let (kong, kind, state) = (call.kong(), call.word(0), call.state());
    let buffer = match (kind, state.phase, state.stream()) {
        (0, Phase::RequestBody, Some(stream)) => &mut stream.buffer,
        (1, Phase::ResponseBody, Some(stream)) => &mut stream.response_body,
        _ if kong => return trap(format!("buffer {kind} cannot be set here")),
        _ => return Err(BAD_ARGUMENT),
    };
    match start {
        0 => drop(buffer.splice(..size.min(buffer.len()), bytes)),
        _ if start >= buffer.len() => buffer.extend(bytes),
        _ => return Err(BAD_ARGUMENT),
    }
    Ok(())
}

// Properties.

fn get_property(call: &mut Call<'_>) -> Answer {
    let path = call.text(0)?;
    let (kong, state) = (call.kong(), call.state());
    let value = match (path.as_str(), state.stream()) {
        ("plugin_name", _) => Some(b"session_risk".to_vec()),
        ("plugin_root_id" | "plugin_vm_id", _) => Some(Vec::new()),
        (_, Some(stream)) if kong => kong_property(&path.replace('\0', "."), stream),
        (_, Some(stream)) => {
            let own = path.strip_prefix("filter_state\0wasm.").unwrap_or(&path);
            let own = stream.filter_state.get(&format!("wasm.{own}"));
            stream.properties.get(&path).or(own).cloned()
        }
        (_, None) if kong && path.contains(['\0', '.']) => return Err(INTERNAL_FAILURE),
        (_, None) => None,
    };
    call.give(2, &value.ok_or(NOT_FOUND)?)
}

/// What ngx_wasm_module knows besides `ngx.*` and `request.headers.*`: no metadata, no peer
/// certificates.
const KONG_PROPERTIES: &str = "request.path request.url_path request.host request.scheme \
    request.method request.useragent request.protocol request.query request.id request.referer \
    request.time request.duration request.size request.total_size response.code response.size \
    response.total_size upstream.address upstream.port destination.address destination.port \
    connection.requested_server_name connection.tls_version connection.id connection.mtls \
    connection.subject_local_certificate source.address source.port";

/// The property as text, which is all that nginx has; an address comes without its port.
fn kong_property(path: &str, stream: &Stream) -> Option<Vec<u8>> {
    if let Some(name) = path.strip_prefix("request.headers.") {
        return find(&stream.request, name.as_bytes()).map(<[u8]>::to_vec);
    }
    if let Some(own) = stream.filter_state.get(path) {
        return Some(own.clone());
    }
    if !path.starts_with("ngx.") && !KONG_PROPERTIES.split(' ').any(|known| known == path) {
        return None;
    }
    let named = |(name, _): &(&String, &Vec<u8>)| name.replace('\0', ".") == path;
    let (_, value) = stream.properties.iter().find(named)?;
    let text = match value.as_slice() {
        [flag] if path == "connection.mtls" => (*flag == 1).to_string(),
        number if path.ends_with("port") && number.len() == 8 => {
            u64::from_le_bytes(number.try_into().ok()?).to_string()
        }
        address if path.ends_with(".address") => {
            let address = String::from_utf8_lossy(address);
            let parsed = address.parse::<std::net::SocketAddr>();
            parsed.map_or_else(|_| address.into_owned(), |socket| socket.ip().to_string())
        }
        _ => return Some(value.clone()),
    };
    Some(text.into_bytes())
}

/// Envoy keeps any property as filter state; nginx knows only its own namespaces.
fn set_property(call: &mut Call<'_>) -> Answer {
    let (path, value) = (call.text(0)?, call.bytes(2)?);
    let (kong, state) = (call.kong(), call.state());
    let dotted = path.replace('\0', ".");
    let name = match state.stream() {
        Some(_) if !kong => format!("wasm.{path}"),
        Some(_) if dotted.starts_with("ngx.") || dotted.starts_with("kong.") => dotted,
        None if kong && dotted.contains('.') => return Err(INTERNAL_FAILURE),
        _ => return Err(NOT_FOUND),
    };
    state.stream().map(|stream| stream.filter_state.insert(name, value));
    Ok(())
}

// The stream, and other upstreams.

fn send_local_response(call: &mut Call<'_>) -> Answer {
    let lower = |(name, value): (Vec<u8>, Vec<u8>)| (name.to_ascii_lowercase(), value);
    let headers = decode_pairs(&call.bytes(5)?).unwrap_or_default();
    let reply = LocalReply {
        status: call.word(0) as u16,
        details: call.text(1)?,
        headers: headers.into_iter().map(lower).collect(),
        body: call.bytes(3)?,
    };
    if call.kong() && call.word(7) != u32::MAX {
        return trap("a local response must have grpc_status -1");
    }
    let (kong, state) = (call.kong(), call.state());
    let late = matches!(state.phase, Phase::ResponseBody | Phase::Log | Phase::Done);
    let context = state.context;
    match state.stream() {
        Some(stream) if stream.reply.is_none() && !late => stream.reply = Some(reply),
        Some(_) if kong => return trap("response already sent or stashed"),
        Some(_) => state.log(5, "a second or late local reply: ignored"),
        None => {}
    }
    if kong {
        state.http_calls.retain(|_, pending| pending.context != context);
    }
    Ok(())
}

fn continue_stream(call: &mut Call<'_>) -> Answer {
    let (kong, kind) = (call.kong(), call.word(0));
    match (kind, call.state().stream()) {
        (0, Some(stream)) => (stream.resume_request, stream.request_open) = (true, false),
        (1, Some(stream)) => (stream.resume_response, stream.request_open) = (true, false),
        (0 | 1, None) => {}
        _ => return Err(if kong { INTERNAL_FAILURE } else { BAD_ARGUMENT }),
    }
    Ok(())
}

fn set_effective_context(call: &mut Call<'_>) -> Answer {
    let (kong, context, state) = (call.kong(), call.word(0), call.state());
    let known = state.streams.contains_key(&context) || state.roots.contains_key(&context);
    match (kong, known) {
        (true, _) => {}
        (false, true) => state.context = context,
        (false, false) => return Err(BAD_ARGUMENT),
    }
    Ok(())
}

fn http_call(call: &mut Call<'_>) -> Answer {
    let (upstream, body) = (call.text(0)?, call.bytes(4)?);
    let headers = decode_pairs(&call.bytes(2)?).unwrap_or_default();
    let (kong, timeout_ms, state) = (call.kong(), call.word(8), call.state());
    let from = [Phase::RequestHeaders, Phase::RequestBody, Phase::Tick, Phase::CallResponse];
    if kong && !from.contains(&state.phase) {
        return trap(format!("can only send HTTP dispatch from {from:?}"));
    }
    let needed: [&[u8]; 3] = [b":method", b":path", b":authority"];
    if !needed.iter().all(|name| find(&headers, name).is_some()) {
        return Err(if kong { INTERNAL_FAILURE } else { BAD_ARGUMENT });
    }
    let (context, token) = (state.context, state.next_call);
    let root = state.stream().map_or(context, |stream| stream.root);
    let sent = HttpCall { token, upstream, headers, body, timeout_ms, context, root };
    state.next_call += 1;
    state.http_calls.insert(token, sent);
    call.put_word(9, token)
}
