//! An MCP call, from whoever tells of it: the body, the MCP headers, the metadata of a filter in front. What a call means
//! is decided with the other facts, not here.

use super::Property;
use crate::{
    config::Config,
    facts::{
        agent::{self, AgentError, Call},
        headers::Headers,
    },
};

/// An MCP call as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct McpCall {
    /// JSON-RPC method.
    pub method: Option<String>,
    /// Tool, prompt or resource.
    pub name: Option<String>,
    /// The request's id as JSON text, to be echoed.
    pub id: Option<String>,
    /// The arguments as JSON text, as they were written.
    pub arguments: Option<String>,
    /// The body could not be understood as one JSON-RPC call.
    pub malformed: bool,
}

impl McpCall {
    /// The tool that is called, if it is a call of one.
    pub fn tool(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.method.as_deref() == Some("tools/call"))
    }
}

/// What the MCP headers say of a call.
pub fn call_of_headers(config: &Config, headers: &Headers<'_>) -> McpCall {
    let names = &config.session.headers;
    let mut scratch = Vec::new();
    let mut header = |id| {
        let value = headers.value(id)?;
        agent::decode_name(value, &mut scratch).ok().map(str::to_owned)
    };
    McpCall { method: header(names.mcp_method), name: header(names.mcp_name), ..McpCall::default() }
}

/// What Envoy's mcp filter in front has read from the body.
pub fn call_of_metadata(property: Property<'_>) -> McpCall {
    let mut metadata = |keys: &[&str]| {
        let mut path = vec!["metadata", "filter_metadata", "envoy.filters.http.mcp"];
        path.extend(keys);
        property(&path).and_then(|value| String::from_utf8(value).ok())
    };
    let method = metadata(&["method"]);
    let name = method.as_deref().and_then(|method| match method {
        "tools/call" | "prompts/get" => metadata(&["params", "name"]),
        "resources/read" => metadata(&["params", "uri"]),
        _ => None,
    });
    McpCall { method, name, ..McpCall::default() }
}

/// What the body says of an MCP call.
pub fn call_of_body(body: &[u8]) -> McpCall {
    match Call::parse(body) {
        Ok(call) => McpCall {
            method: Some(call.method.into_owned()),
            name: call.name.map(std::borrow::Cow::into_owned),
            id: call.id.map(|id| id.json().to_owned()),
            arguments: call.arguments.map(str::to_owned),
            malformed: false,
        },
        Err(error) => {
            McpCall { malformed: !matches!(error, AgentError::Batch | AgentError::Response), ..McpCall::default() }
        }
    }
}

/// Whether MCP headers contradict what was read from the body. Absent headers contradict nothing: older clients send
/// none.
pub fn contradicts(of_headers: &McpCall, of_body: &McpCall) -> bool {
    let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && a != b;
    of_body.method.is_some() && (differ(&of_headers.method, &of_body.method) || differ(&of_headers.name, &of_body.name))
}
