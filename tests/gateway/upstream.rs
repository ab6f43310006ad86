//! The protected application, as tests need it: it answers everything, says which headers it saw, and remembers them.

use super::{
    client::Message,
    server::{Answer, Server},
};
use serde_json::{Map, Value, json};
use std::sync::{Arc, Mutex};

/// One request as the upstream saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Seen {
    /// The first header of this name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

pub struct Upstream {
    server: Server,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Upstream {
    /// Starts on a free loopback port. A request's `x-upstream-status`, `x-upstream-bytes` and
    /// `x-upstream-report` say how to answer it, `x-upstream-mcp` that a call is answered as an MCP server does.
    pub fn start() -> Result<Self, String> {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        let server = Server::start(move |message| answer(message, &notes));
        server.map(|server| Self { server, seen }).map_err(|error| format!("cannot start the upstream: {error}"))
    }

    pub fn port(&self) -> u16 {
        self.server.port()
    }

    /// Everything seen so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no thread panicked").clone()
    }

    /// Whether the request with this `x-request-id` arrived.
    pub fn saw(&self, request_id: &str) -> bool {
        let seen = self.seen.lock().expect("no thread panicked");
        seen.iter().any(|seen| seen.header("x-request-id") == Some(request_id))
    }
}

fn answer(message: Message, notes: &Mutex<Vec<Seen>>) -> Answer {
    let Message { start, headers, body } = message;
    let mut words = start.split(' ').map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let seen = Seen { method, path, headers, body };
    let number = |name| seen.header(name).and_then(|value| value.parse().ok());
    let status = number("x-upstream-status").and_then(|status| u16::try_from(status).ok()).unwrap_or(200);
    let report = seen.header("x-upstream-report").map(str::to_owned);
    let padding = "x".repeat(number("x-upstream-bytes").unwrap_or(0));
    let map: Map<String, Value> =
        seen.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    if let Some(body) = seen.header("x-upstream-mcp").and_then(|_| mcp(&seen.body)) {
        let status = if body.is_empty() { 202 } else { 200 };
        return Answer { status, content_type: "application/json", report, body };
    }
    let echo = json!({"method": seen.method, "path": seen.path, "headers": map, "padding": padding});
    notes.lock().expect("no thread panicked").push(seen);
    Answer { status, content_type: "application/json", report, body: format!("{echo:#}\n") }
}

/// What the smallest MCP server answers to a call: every tool says its name. Empty for what is not answered.
fn mcp(body: &[u8]) -> Option<String> {
    let call: Value = serde_json::from_slice(body).ok()?;
    let params = call.get("params").cloned().unwrap_or_default();
    let result = match call.get("method")?.as_str()? {
        "initialize" => json!({
            "protocolVersion": params.get("protocolVersion"),
            "capabilities": { "tools": {} },
            "serverInfo": { "name": "upstream", "version": "1" },
        }),
        "tools/list" => json!({ "tools": [] }),
        "tools/call" => {
            let text = format!("answered {}", params.get("name").and_then(Value::as_str).unwrap_or_default());
            json!({ "content": [{ "type": "text", "text": text }] })
        }
        _ => return Some(String::new()),
    };
    Some(json!({ "jsonrpc": "2.0", "id": call.get("id"), "result": result }).to_string())
}
