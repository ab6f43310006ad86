//! What is told of a request without a score: to the upstream where it is forwarded, to the client where it is refused.
//! Which of the two, is configured by cause.

use super::{LocalReply, Protocol, StepUp, Words, bearer, redirected, worded};
use crate::metrics::Unscored;

const UNAVAILABLE: Words<'static> = Words {
    status: 503,
    grpc: "14",
    code: 50_301,
    details: "session_risk_unavailable",
    name: "unavailable",
    title: "Session cannot be assessed",
    detail: "The gateway could not assess this session. Try again shortly.",
};
const NO_SESSION: Words<'static> = Words {
    status: 401,
    grpc: "16",
    code: 40_103,
    details: "session_risk_no_session",
    name: "no_session",
    title: "Authentication required",
    detail: "This request carries no credential. Authenticate, then repeat it.",
};
const MALFORMED: Words<'static> = Words {
    status: 401,
    grpc: "16",
    code: 40_104,
    details: "session_risk_malformed",
    name: "malformed",
    title: "Credential cannot be read",
    detail: "The credential of this request is malformed. Authenticate again, then repeat it.",
};

/// The header of a request that is forwarded without a score although it may have a session.
pub fn unscored_header(cause: Unscored) -> (&'static str, &'static str) {
    ("x-session-risk-unscored", cause.name())
}

/// The reply when nothing could be decided and the failure mode says to refuse.
pub fn failure_reply(protocol: Protocol<'_>) -> LocalReply {
    worded(&UNAVAILABLE, vec![("retry-after", "1".to_owned())], "", protocol)
}

/// The reply to a request that is refused for want of a score.
pub fn unscored_reply(cause: Unscored, protocol: Protocol<'_>, step_up: &StepUp) -> LocalReply {
    // RFC 6750 section 3: at least one parameter, and no error for who brought no credential.
    let mut parameters = vec![("realm", "session-risk")];
    let words = match cause {
        Unscored::HostError | Unscored::TableError => return failure_reply(protocol),
        Unscored::NoSession => &NO_SESSION,
        Unscored::Malformed => {
            parameters.push(("error", "invalid_token"));
            &MALFORMED
        }
    };
    // Where an MCP client begins to authenticate (RFC 9728 section 5.1).
    if let (Protocol::Mcp(_), Some(mcp)) = (protocol, &step_up.mcp) {
        parameters.push(("resource_metadata", &mcp.resource_metadata));
    }
    let reply = worded(words, vec![("www-authenticate", bearer(&parameters))], "", protocol);
    redirected(reply, protocol, step_up)
}
