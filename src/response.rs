//! From a decision to what the client or the upstream is told, in the caller's own protocol.
//! Which decision it is was settled before; nothing here looks at a score to change it.

use crate::{
    engine::Assessment,
    facts::{Access, SessionKey},
    metrics::Unscored,
    policy::Action,
    score::Contributions,
};

/// How a step-up challenge is worded (RFC 9470 section 3).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StepUp {
    /// `acr_values`, space separated, in order of preference.
    pub acr_values: Option<String>,
    /// `max_age` in seconds.
    pub max_age_seconds: u32,
    /// The routes at which it is answered.
    pub routes: Vec<u16>,
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

/// What a call needs to be answered in its own protocol.
#[derive(Clone, Copy, Debug)]
pub enum Protocol<'a> {
    /// Plain HTTP: problem details (RFC 9457).
    Http,
    /// MCP: a JSON-RPC error with the request's id as raw JSON text.
    Mcp(Option<&'a str>),
}

/// Every request header that is ours to set.
pub const HEADERS: [&str; 6] = [
    "x-session-risk-score",
    "x-session-risk-level",
    "x-session-risk-action",
    "x-session-risk-reasons",
    "x-session-risk-would",
    "x-session-risk-unscored",
];

/// The headers that a forwarded request carries, in order.
pub fn request_headers(assessment: &Assessment) -> Vec<(&'static str, String)> {
    let decision = &assessment.decision;
    let mut headers = vec![
        ("x-session-risk-score", assessment.score.points().to_string()),
        ("x-session-risk-level", assessment.level.name().to_owned()),
        ("x-session-risk-action", decision.effective().name().to_owned()),
    ];
    let reasons = reasons(&assessment.contributions);
    if !reasons.is_empty() {
        headers.push(("x-session-risk-reasons", reasons));
    }
    if !decision.enforced {
        headers.push(("x-session-risk-would", decision.action.name().to_owned()));
    }
    headers
}

/// The header of a request that is forwarded without a score although it has a session.
pub fn unscored_header(cause: Unscored) -> (&'static str, &'static str) {
    match cause {
        Unscored::NoSession => ("x-session-risk-unscored", "no_session"),
        Unscored::HostError => ("x-session-risk-unscored", "host_error"),
    }
}

/// The decision as filter state, for the access log.
pub fn filter_state(assessment: &Assessment, key: SessionKey) -> Vec<(&'static str, String)> {
    let decision = &assessment.decision;
    let mut state = vec![
        ("session_risk.score", assessment.score.points().to_string()),
        ("session_risk.level", assessment.level.name().to_owned()),
        ("session_risk.action", decision.effective().name().to_owned()),
        ("session_risk.session", key.to_string()),
    ];
    let reasons = reasons(&assessment.contributions);
    if !reasons.is_empty() {
        state.push(("session_risk.reasons", reasons));
    }
    if !decision.enforced {
        state.push(("session_risk.would", decision.action.name().to_owned()));
    }
    state
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
    protocol: Protocol<'_>,
    step_up: &StepUp,
) -> Option<LocalReply> {
    let decision = &assessment.decision;
    let action = decision.effective();
    if action.forwards(access) {
        return None;
    }
    let seconds = decision.duration.millis().div_ceil(1000).max(1);
    Some(reply(action, seconds, protocol, step_up))
}

/// The reply when nothing could be decided and the failure mode says to refuse.
pub fn failure_reply(protocol: Protocol<'_>) -> LocalReply {
    let words = Words {
        status: 503,
        code: 50_301,
        details: "session_risk_unavailable",
        name: "unavailable",
        title: "Session cannot be assessed",
        detail: "The gateway could not assess this session. Try again shortly.".to_owned(),
    };
    worded(&words, vec![("retry-after", "1".to_owned())], None, protocol)
}

/// The reply to an MCP call whose headers contradict its body (MCP 2026-07-28: 400, code -32020).
pub fn mismatch_reply(id: Option<&str>) -> LocalReply {
    let words = Words {
        status: 400,
        code: -32_020,
        details: "session_risk_header_mismatch",
        name: "header_mismatch",
        title: "Header mismatch",
        detail: "The Mcp-Method or Mcp-Name header does not agree with the request body.".to_owned(),
    };
    worded(&words, Vec::new(), None, Protocol::Mcp(id))
}

struct Words {
    status: u16,
    code: i32,
    details: &'static str,
    name: &'static str,
    title: &'static str,
    detail: String,
}

fn reply(action: Action, seconds: u64, protocol: Protocol<'_>, step_up: &StepUp) -> LocalReply {
    let words = |status, code, details, title, detail: &str| Words {
        status,
        code,
        details,
        name: action.name(),
        title,
        detail: detail.to_owned(),
    };
    match action {
        Action::StepUp => worded(
            &words(
                401,
                40_101,
                "session_risk_step_up",
                "Authentication required",
                "This request needs a fresh or stronger authentication. Authenticate again, then repeat it.",
            ),
            vec![("www-authenticate", challenge(step_up))],
            None,
            protocol,
        ),
        Action::Revoke => worded(
            &words(401, 40_102, "session_risk_revoke", "Session revoked", "This session was revoked. Sign in again."),
            vec![(
                "www-authenticate",
                "Bearer error=\"invalid_token\", error_description=\"The session was revoked\"".to_owned(),
            )],
            None,
            protocol,
        ),
        Action::Suspend => {
            let mut words = words(403, 40_303, "session_risk_suspend", "Session suspended", "");
            words.detail = format!("This session is suspended. Requests are refused for {seconds} more seconds.");
            worded(&words, vec![("retry-after", seconds.to_string())], Some(seconds), protocol)
        }
        Action::Restrict => worded(
            &words(
                403,
                40_301,
                "session_risk_restrict",
                "Session is read-only",
                "This session is limited to reading. Reads are still answered; writes, exports and administration are not.",
            ),
            Vec::new(),
            None,
            protocol,
        ),
        Action::Allow | Action::Deny => worded(
            &words(403, 40_302, "session_risk_deny", "Request denied", "This request is not allowed in this session."),
            Vec::new(),
            None,
            protocol,
        ),
    }
}

/// `WWW-Authenticate` of RFC 9470 section 3, with the description of its own example.
fn challenge(step_up: &StepUp) -> String {
    let mut value = "Bearer error=\"insufficient_user_authentication\", \
                     error_description=\"A different authentication level is required\""
        .to_owned();
    if let Some(acr_values) = &step_up.acr_values {
        value.push_str(&format!(", acr_values=\"{acr_values}\""));
    }
    value.push_str(&format!(", max_age=\"{}\"", step_up.max_age_seconds));
    value
}

fn worded(
    words: &Words,
    mut headers: Vec<(&'static str, String)>,
    retry_after: Option<u64>,
    protocol: Protocol<'_>,
) -> LocalReply {
    let Words { status, code, details, name, title, detail } = words;
    let retry = retry_after.map_or(String::new(), |seconds| format!(",\"retry_after_seconds\":{seconds}"));
    // Every text here is ours and needs no escaping; the id is JSON already.
    let (content_type, body) = match protocol {
        Protocol::Http => (
            "application/problem+json",
            format!(
                "{{\"type\":\"urn:session-risk:{name}\",\"title\":\"{title}\",\"status\":{status},\
                 \"detail\":\"{detail}\",\"action\":\"{name}\"{retry}}}"
            ),
        ),
        Protocol::Mcp(id) => (
            "application/json",
            format!(
                "{{\"jsonrpc\":\"2.0\",\"id\":{},\"error\":{{\"code\":{code},\"message\":\"{title}: {detail}\",\
                 \"data\":{{\"action\":\"{name}\"{retry}}}}}}}",
                id.unwrap_or("null")
            ),
        ),
    };
    headers.push(("content-type", content_type.to_owned()));
    headers.push(("cache-control", "no-store".to_owned()));
    LocalReply { status: *status, details, headers, body }
}
