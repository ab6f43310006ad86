//! From a decision to what the client or the upstream is told, in the caller's own protocol.
//! Which decision it is was settled before; nothing here looks at a score to change it.

mod approval;
mod unscored;

pub use approval::Approval;
pub use unscored::{failure_reply, unscored_header, unscored_reply};

use crate::{
    engine::Assessment,
    facts::{Access, Facts, SessionKey},
    policy::Action,
    score::Contributions,
};

/// How a step-up challenge is worded, and what else a refused client is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// `acr_values` (RFC 9470), space separated, in order of preference.
    pub acr_values: Option<String>,
    /// `max_age` in seconds.
    pub max_age_seconds: u32,
    /// The routes at which it is answered.
    pub routes: Vec<u16>,
    /// How clients of Entra that understand claims challenges are asked.
    pub entra: Option<Entra>,
    /// How MCP clients are asked.
    pub mcp: Option<McpScope>,
    /// Where browsers are sent; `{path}` in it is where they were.
    pub redirect: Option<String>,
    /// What agents may still call under `restrict`: a JSON list of patterns.
    pub readable_tools: String,
}

/// A claims challenge of Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entra {
    /// Where tokens are asked for.
    pub authorization_uri: String,
    /// The claims request in base64, as it is sent.
    pub claims: String,
    /// The authentication context that it asks for: what a token's `acrs` holds that answers it.
    pub acrs: String,
}

/// An `insufficient_scope` challenge of MCP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct McpScope {
    /// Every scope that a client needs, space separated.
    pub scope: String,
    /// Where the protected resource metadata is (RFC 9728).
    pub resource_metadata: String,
}

/// What the gateway answers instead of forwarding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    /// HTTP status.
    pub status: u16,
    /// `%RESPONSE_CODE_DETAILS%` of the access log.
    pub details: &'static str,
    /// Headers, without `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// Body.
    pub body: String,
}

/// Whom a reply is for: what it is worded by.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// What it speaks.
    pub protocol: Protocol<'a>,
    /// Its token says that it understands Entra's claims challenges (`cp1` in `xms_cc`).
    pub takes_claims: bool,
    /// Where it is approved, when that is what the rule asks for and says.
    pub approval: Option<Approval<'a>>,
}

/// What a call needs to be answered in its own protocol.
#[derive(Clone, Copy, Debug)]
pub enum Protocol<'a> {
    /// Plain HTTP: problem details (RFC 9457).
    Http,
    /// MCP: a JSON-RPC error with the request's id as raw JSON text.
    Mcp(Option<&'a str>),
    /// gRPC: a status in the headers, and nothing behind them.
    Grpc,
    /// A person's browser asking for the page at this path: told like HTTP, or sent where it can be answered.
    Browser(&'a [u8]),
}

/// Every request header that is ours to set.
pub const HEADERS: [&str; 7] = [
    "x-session-risk-score",
    "x-session-risk-level",
    "x-session-risk-action",
    "x-session-risk-reasons",
    "x-session-risk-would",
    "x-session-risk-unscored",
    GRANT_EXPIRES,
];

const GRANT_EXPIRES: &str = "x-session-risk-grant-expires";

/// The header that says in how many seconds the window ends that a request needs and finds open.
pub fn grant_header(facts: &Facts) -> Option<(&'static str, String)> {
    let until = facts.grant.window_until?;
    Some((GRANT_EXPIRES, until.saturating_sub(facts.now.seconds()).to_string()))
}

/// What upstream, access log and client may be told of an assessment.
#[derive(Clone, Debug)]
pub struct Told {
    score: String,
    level: &'static str,
    action: &'static str,
    reasons: String,
    would: Option<&'static str>,
}

impl Told {
    /// In words.
    pub fn of(assessment: &Assessment) -> Self {
        let decision = &assessment.decision;
        Self {
            score: assessment.score.points().to_string(),
            level: assessment.level.name(),
            action: decision.effective().name(),
            reasons: reasons(&assessment.contributions),
            would: (!decision.enforced).then(|| decision.action.name()),
        }
    }

    /// The headers that a forwarded request carries, in order, to `set` with their values.
    pub fn request_headers(&self, set: &mut dyn FnMut(&'static str, &str)) {
        set("x-session-risk-score", &self.score);
        set("x-session-risk-level", self.level);
        set("x-session-risk-action", self.action);
        if !self.reasons.is_empty() {
            set("x-session-risk-reasons", &self.reasons);
        }
        if let Some(would) = self.would {
            set("x-session-risk-would", would);
        }
    }

    /// Filter state for the access log: names to `set` with their values. The decision is in the request's headers, where a
    /// log can read it too; only for `all` it is told here again, since each value is a host call.
    pub fn filter_state(&self, key: SessionKey, all: bool, set: &mut dyn FnMut(&'static str, &str)) {
        set("session_risk.session", &key.to_string());
        if !all {
            return;
        }
        set("session_risk.score", &self.score);
        set("session_risk.level", self.level);
        set("session_risk.action", self.action);
        if !self.reasons.is_empty() {
            set("session_risk.reasons", &self.reasons);
        }
        if let Some(would) = self.would {
            set("session_risk.would", would);
        }
    }
}

/// The names of what contributes, strongest first, separated by commas.
pub fn reasons(contributions: &Contributions) -> String {
    let mut names = String::new();
    for contribution in contributions.iter() {
        if !names.is_empty() {
            names.push(',');
        }
        names.push_str(contribution.kind.row().name);
    }
    names
}

/// The local reply of a decision, or `None` when the request is forwarded.
pub fn local_reply(
    assessment: &Assessment,
    access: Access,
    caller: Caller<'_>,
    step_up: &StepUp,
) -> Option<LocalReply> {
    let decision = &assessment.decision;
    let action = decision.effective();
    if action.forwards(access) {
        return None;
    }
    let seconds = decision.duration.millis().div_ceil(1000).max(1);
    if action == Action::Approval {
        return Some(approval::reply(caller, assessment));
    }
    Some(reply(action, seconds, caller, step_up))
}

/// The reply to an MCP call whose headers contradict its body (MCP 2026-07-28: 400, code -32020).
pub fn mismatch_reply(id: Option<&str>) -> LocalReply {
    worded(&MISMATCH, Vec::new(), "", Protocol::Mcp(id))
}

/// What is said, the same in every protocol. All of it is printable ASCII without `"`, `\` and `%`, so that neither
/// JSON nor `grpc-message` needs an escape.
#[derive(Clone, Copy)]
struct Words<'a> {
    status: u16,
    /// Status of gRPC: 7 is permission denied, 14 unavailable, 16 unauthenticated.
    grpc: &'static str,
    /// Code of JSON-RPC.
    code: i32,
    details: &'static str,
    name: &'static str,
    title: &'static str,
    detail: &'a str,
}

const MISMATCH: Words<'static> = Words {
    status: 400,
    grpc: "3",
    code: -32_020,
    details: "session_risk_header_mismatch",
    name: "header_mismatch",
    title: "Header mismatch",
    detail: "The Mcp-Method or Mcp-Name header does not agree with the request body.",
};
const STEP_UP: Words<'static> = Words {
    status: 401,
    grpc: "16",
    code: 40_101,
    details: "session_risk_step_up",
    name: "step_up",
    title: "Authentication required",
    detail: "This request needs a fresh or stronger authentication. Authenticate again, then repeat it.",
};
const REVOKE: Words<'static> = Words {
    status: 401,
    grpc: "16",
    code: 40_102,
    details: "session_risk_revoke",
    name: "revoke",
    title: "Session revoked",
    detail: "This session was revoked. Sign in again.",
};
const SUSPEND: Words<'static> = Words {
    status: 403,
    grpc: "7",
    code: 40_303,
    details: "session_risk_suspend",
    name: "suspend",
    title: "Session suspended",
    detail: "",
};
const RESTRICT: Words<'static> = Words {
    status: 403,
    grpc: "7",
    code: 40_301,
    details: "session_risk_restrict",
    name: "restrict",
    title: "Session is read-only",
    detail: "This session is limited to reading. Reads are still answered; writes, exports and administration are not.",
};
const DENY: Words<'static> = Words {
    status: 403,
    grpc: "7",
    code: 40_302,
    details: "session_risk_deny",
    name: "deny",
    title: "Request denied",
    detail: "This request is not allowed in this session.",
};

fn reply(action: Action, seconds: u64, caller: Caller<'_>, step_up: &StepUp) -> LocalReply {
    let protocol = caller.protocol;
    let challenged = |value| vec![("www-authenticate", value)];
    let reply = match action {
        Action::StepUp => {
            let mut reply = worded(&STEP_UP, challenged(challenge(caller, step_up)), "", protocol);
            // RFC 6750 section 3.1: a scope that is too small is forbidden, not unauthenticated.
            if matches!(protocol, Protocol::Mcp(_)) && step_up.mcp.is_some() {
                reply.status = 403;
            }
            reply
        }
        Action::Revoke => {
            let value = bearer(&[("error", "invalid_token"), ("error_description", "The session was revoked")]);
            worded(&REVOKE, challenged(value), "", protocol)
        }
        Action::Suspend => {
            let extra = format!(",\"retry_after_seconds\":{seconds}");
            let detail = format!("This session is suspended. Requests are refused for {seconds} more seconds.");
            let words = Words { detail: &detail, ..SUSPEND };
            worded(&words, vec![("retry-after", seconds.to_string())], &extra, protocol)
        }
        Action::Restrict => {
            let mut extra = ",\"allowed\":[\"read\"]".to_owned();
            if matches!(protocol, Protocol::Mcp(_)) {
                extra.push_str(",\"allowed_tools\":");
                extra.push_str(&step_up.readable_tools);
            }
            worded(&RESTRICT, Vec::new(), &extra, protocol)
        }
        Action::Allow | Action::Approval | Action::Deny => worded(&DENY, Vec::new(), "", protocol),
    };
    redirected(reply, protocol, step_up)
}

/// Where a person must authenticate, the browser is sent there: only by a 401, and only where the page is asked for, not
/// what it loads.
fn redirected(mut reply: LocalReply, protocol: Protocol<'_>, step_up: &StepUp) -> LocalReply {
    if let (Protocol::Browser(path), Some(template), 401) = (protocol, &step_up.redirect, reply.status) {
        reply.status = 302;
        reply.headers = vec![("location", location(template, path)), ("cache-control", "no-store".to_owned())];
        reply.body = String::new();
    }
    reply
}

/// `WWW-Authenticate` of a step-up, in the dialect that the caller understands.
fn challenge(caller: Caller<'_>, step_up: &StepUp) -> String {
    if let (Protocol::Mcp(_), Some(mcp)) = (caller.protocol, &step_up.mcp) {
        return bearer(&[
            ("error", "insufficient_scope"),
            ("scope", &mcp.scope),
            ("resource_metadata", &mcp.resource_metadata),
        ]);
    }
    if let (true, Some(entra)) = (caller.takes_claims, &step_up.entra) {
        return bearer(&[
            ("realm", ""),
            ("authorization_uri", &entra.authorization_uri),
            ("error", "insufficient_claims"),
            ("claims", &entra.claims),
        ]);
    }
    // RFC 9470 section 3, with the description of its own example.
    let max_age = step_up.max_age_seconds.to_string();
    let mut parameters = vec![
        ("error", "insufficient_user_authentication"),
        ("error_description", "A different authentication level is required"),
    ];
    parameters.extend(step_up.acr_values.as_deref().map(|values| ("acr_values", values)));
    parameters.push(("max_age", &max_age));
    bearer(&parameters)
}

/// A challenge of the Bearer scheme. Nothing in the values needs an escape: the configuration refuses quotes there.
fn bearer(parameters: &[(&str, &str)]) -> String {
    let mut value = "Bearer".to_owned();
    for (index, (name, text)) in parameters.iter().enumerate() {
        for part in [if index > 0 { ", " } else { " " }, name, "=\"", text, "\""] {
            value.push_str(part);
        }
    }
    value
}

/// Longest path that is told to whom a browser is sent.
const RETURN_BYTES: usize = 1_024;

/// Where a browser is sent. The path begins with exactly one `/`, so that whoever returns there stays on this host.
fn location(template: &str, path: &[u8]) -> String {
    let start = path.iter().position(|byte| !matches!(byte, b'/' | b'\\')).unwrap_or(path.len());
    let rest = path.get(start..).filter(|rest| rest.len() <= RETURN_BYTES).unwrap_or_default();
    let mut encoded = "%2F".to_owned();
    encode(rest, &mut encoded);
    template.replace("{path}", &encoded)
}

/// Percent-encodes all but what RFC 3986 calls unreserved.
fn encode(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            into.push(char::from(*byte));
        } else {
            into.push('%');
            let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase();
            into.extend([digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// A reply in these words. `extra` is further JSON members, each with a comma in front.
fn worded(
    words: &Words<'_>,
    mut headers: Vec<(&'static str, String)>,
    extra: &str,
    protocol: Protocol<'_>,
) -> LocalReply {
    let Words { status, code, details, name, title, detail, grpc } = words;
    let mut status = *status;
    // Every text here is ours and needs no escaping; the id is JSON already.
    let (content_type, body) = match protocol {
        Protocol::Http | Protocol::Browser(_) => (
            "application/problem+json",
            format!(
                "{{\"type\":\"urn:session-risk:{name}\",\"title\":\"{title}\",\"status\":{status},\
                 \"detail\":\"{detail}\",\"action\":\"{name}\"{extra}}}"
            ),
        ),
        Protocol::Mcp(id) => (
            "application/json",
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{{\"code\":{code},\"message\":\"{title}: {detail}\",\
                 \"data\":{{\"action\":\"{name}\"{extra}}}}}}}",
                id.unwrap_or("null")
            ),
        ),
        Protocol::Grpc => {
            // The whole answer in the headers ("Trailers-Only" of the gRPC specification), which is 200 to HTTP.
            status = 200;
            headers.push(("grpc-status", (*grpc).to_owned()));
            headers.push(("grpc-message", format!("{title}: {detail}")));
            ("application/grpc", String::new())
        }
    };
    headers.push(("content-type", content_type.to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    LocalReply { status, details, headers, body }
}
