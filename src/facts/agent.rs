//! What an agent asks for: the tool name in an MCP header, and the method, name and arguments in a JSON-RPC body. Not
//! for what the call means: access and tier of a tool are the configuration's.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Longest value of an MCP header in bytes, still encoded. Names have at most 128 characters, resource URIs a few hundred.
pub const MAX_NAME: usize = 4096;

static STANDARD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a header or a body could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentError {
    /// A header value is neither UTF-8 nor base64 of UTF-8, or is longer than [`MAX_NAME`].
    BadName,
    /// The body is not exactly one JSON value in UTF-8, or neither an object nor an array.
    NotJson,
    /// The body is an array: a batch, which MCP had in 2025-03-26 only. Nothing in it was read.
    Batch,
    /// The body answers a request of the server (it has `result` or `error` and no `method`): nobody calls anything.
    Response,
    /// The body is an object, but no JSON-RPC 2.0 request: `jsonrpc` is not `"2.0"`, `method` is no string, `id` is
    /// neither string nor number, or `params` is a scalar.
    NotJsonRpc,
    /// A member that decides is there twice, or in a spelling that a reader blind to case would take for it (`Method`):
    /// the upstream may see another call than we do.
    Duplicate,
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadName => "the MCP header is not text",
            Self::NotJson => "the body is not JSON",
            Self::Batch => "the body is a JSON-RPC batch",
            Self::Response => "the body is a JSON-RPC response",
            Self::NotJsonRpc => "the body is not a JSON-RPC request",
            Self::Duplicate => "the JSON-RPC request has a member twice",
        })
    }
}

/// Reads the value of `Mcp-Name`, `Mcp-Method` or `Mcp-Param-*` (MCP 2026-07-28, Streamable HTTP, value encoding).
///
/// Plain text is given as it is, trimmed; `=?base64?...?=` (markers in lower case, standard alphabet) is decoded into
/// `out`, whose old content is dropped. What begins with the marker and does not end with it is plain text.
pub fn decode_name<'a>(value: &'a [u8], out: &'a mut Vec<u8>) -> Result<&'a str, AgentError> {
    let value = value.trim_ascii();
    if value.len() > MAX_NAME {
        return Err(AgentError::BadName);
    }
    let encoded = value
        .strip_prefix(b"=?base64?")
        .and_then(|rest| rest.strip_suffix(b"?="));
    let bytes = match encoded {
        None => value,
        Some(encoded) => {
            out.clear();
            STANDARD
                .decode_vec(encoded, out)
                .map_err(|_| AgentError::BadName)?;
            out.as_slice()
        }
    };
    str::from_utf8(bytes).map_err(|_| AgentError::BadName)
}

/// A JSON-RPC 2.0 request or notification (section 4), borrowed from the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<'a> {
    /// `method`, for example `tools/call`.
    pub method: Cow<'a, str>,
    /// What the method acts on: `params.uri` for `resources/*`, `params.name` for all others (`tools/call`,
    /// `prompts/get`). `None` if it is absent or no string.
    pub name: Option<Cow<'a, str>>,
    /// `id`; `None` for a notification.
    pub id: Option<Id<'a>>,
    /// The JSON text of `params.arguments` as sent. Equal texts mean equal arguments; not so the reverse, since order
    /// of members and white space are not normalised.
    pub arguments: Option<&'a str>,
}

/// The `id` of a request: the JSON text of a string or number, to be echoed as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<'a>(&'a str);

impl<'a> Id<'a> {
    /// The JSON text.
    pub const fn json(self) -> &'a str {
        self.0
    }
}

impl<'a> Call<'a> {
    /// Reads a body. The caller bounds its length; the work is linear in it, and nesting is skipped without recursion.
    /// Allocates only for a method or name with escapes, and a byte for each level of nesting.
    ///
    /// `params` in an array (by position) is allowed and has neither name nor arguments. A `null` counts as absent.
    pub fn parse(body: &'a [u8]) -> Result<Self, AgentError> {
        let json = str::from_utf8(body).map_err(|_| AgentError::NotJson)?;
        if json.trim_ascii_start().starts_with('[') {
            return Err(AgentError::Batch);
        }
        let mut message = [None; 6];
        members(json, &MESSAGE, &mut message)?;
        let [version, method, id, params, result, error] = message;
        let Some(method) = method else {
            return Err(if result.or(error).is_some() {
                AgentError::Response
            } else {
                AgentError::NotJsonRpc
            });
        };
        let method = string(method)?.ok_or(AgentError::NotJsonRpc)?;
        if string(version.unwrap_or_default())?.as_deref() != Some("2.0") {
            return Err(AgentError::NotJsonRpc);
        }
        if id.is_some_and(|id| !id.starts_with(|c: char| matches!(c, '"' | '-' | '0'..='9'))) {
            return Err(AgentError::NotJsonRpc);
        }
        let mut param = [None; 3];
        match params {
            Some(json) if json.starts_with('{') => members(json, &PARAMS, &mut param)?,
            Some(json) if !json.starts_with('[') => return Err(AgentError::NotJsonRpc),
            _ => {}
        }
        let [name, uri, arguments] = param;
        let name = if method.starts_with("resources/") {
            uri
        } else {
            name
        };
        Ok(Self {
            method,
            name: string(name.unwrap_or_default())?,
            id: id.map(Id),
            arguments,
        })
    }
}

const MESSAGE: [&str; 6] = ["jsonrpc", "method", "id", "params", "result", "error"];
const PARAMS: [&str; 3] = ["name", "uri", "arguments"];

/// Puts the JSON text of each member in `names` into `found`, at the same place. `null` counts as absent.
fn members<'a>(
    json: &'a str,
    names: &[&str],
    found: &mut [Option<&'a str>],
) -> Result<(), AgentError> {
    let mut duplicate = false;
    let mut reader = serde_json::Deserializer::from_str(json);
    let read = reader
        .deserialize_map(Members {
            names,
            found,
            duplicate: &mut duplicate,
        })
        .and_then(|()| reader.end());
    match read {
        Ok(()) => Ok(()),
        Err(_) if duplicate => Err(AgentError::Duplicate),
        Err(_) => Err(AgentError::NotJson),
    }
}

/// The string in a JSON text; `None` if that is something else.
fn string(json: &str) -> Result<Option<Cow<'_, str>>, AgentError> {
    let inner = json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'));
    match inner {
        None => Ok(None),
        Some(inner) if !inner.contains('\\') => Ok(Some(Cow::Borrowed(inner))),
        Some(_) => match serde_json::from_str(json) {
            Ok(text) => Ok(Some(Cow::Owned(text))),
            Err(_) => Err(AgentError::NotJson),
        },
    }
}

struct Members<'m, 'de> {
    names: &'m [&'m str],
    found: &'m mut [Option<&'de str>],
    duplicate: &'m mut bool,
}

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut seen: u8 = 0;
        while let Some(member) = object.next_key_seed(Name(self.names))? {
            let Member::At { index, exact } = member else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            let bit = 1 << index;
            if !exact || seen & bit != 0 {
                *self.duplicate = true;
                return Err(Error::custom("duplicate"));
            }
            seen |= bit;
            let json = object.next_value::<&'de RawValue>()?.get();
            if let Some(slot) = self.found.get_mut(index) {
                *slot = (json != "null").then_some(json);
            }
        }
        Ok(())
    }
}

enum Member {
    /// One of the names, or, if not exact, what a reader blind to case takes for it.
    At {
        index: usize,
        exact: bool,
    },
    Other,
}

struct Name<'n>(&'n [&'n str]);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Member, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        for (index, name) in self.0.iter().enumerate() {
            if text.chars().map(folded).eq(name.chars()) {
                let exact = text == *name;
                return Ok(Member::At { index, exact });
            }
        }
        Ok(Member::Other)
    }
}

/// The lower-case ASCII letter that a character folds to. Two letters outside ASCII do so as well (Unicode simple case
/// folding), and Go's JSON reader follows them.
fn folded(character: char) -> char {
    match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests;
