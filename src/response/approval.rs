//! What is told of a request that an operator must approve first, with the address where that is done if there is one.
//! Whether it is approved is the session's; nothing here asks anybody.

use super::{Caller, LocalReply, Protocol, Words, encode, worded};
use crate::{engine::Assessment, facts::SessionKey};

/// Where a session is approved, and who is told.
#[derive(Clone, Copy, Debug)]
pub struct Approval<'a> {
    /// The address, with `{session}` and `{tool}` still in it.
    pub url: &'a str,
    /// The session.
    pub session: SessionKey,
    /// The tool that was called, or nothing.
    pub tool: &'a str,
    /// The caller's MCP version has an error for it.
    pub elicits: bool,
}

const APPROVAL: Words<'static> = Words {
    status: 403,
    grpc: "7",
    code: 40_304,
    details: "session_risk_approval",
    name: "approval",
    title: "Approval required",
    detail: "An operator must approve this session first. Repeat the request when that is done.",
};

/// Longest name of a tool that goes into the address: as much as a log gets.
const TOOL_BYTES: usize = 128;

/// The refusal.
pub(super) fn reply(caller: Caller<'_>, assessment: &Assessment) -> LocalReply {
    let Some(approval) = caller.approval else { return worded(&APPROVAL, Vec::new(), "", caller.protocol) };
    let url = approval.address();
    let extra = format!(",\"approval_url\":\"{url}\"");
    if !(approval.elicits && matches!(caller.protocol, Protocol::Mcp(Some(_)))) {
        return worded(&APPROVAL, Vec::new(), &extra, caller.protocol);
    }
    // MCP 2025-11-25, client/elicitation: an answer to the call like any other, hence 200, and hence only to a call
    // whose id is known: a notification has none. Clients tell elicitations apart by their ids, so each refusal has its
    // own.
    let (session, message) = (approval.session, APPROVAL.detail);
    let (time, number) = (assessment.session.seen.millis(), assessment.session.requests);
    let extra = format!(
        "{extra},\"elicitations\":[{{\"mode\":\"url\",\"elicitationId\":\"{session}-{time}-{number}\",\
         \"url\":\"{url}\",\"message\":\"{message}\"}}]"
    );
    worded(&Words { status: 200, code: -32_042, ..APPROVAL }, Vec::new(), &extra, caller.protocol)
}

impl Approval<'_> {
    /// The address with session and tool. Nothing in it needs an escape in JSON: the configuration refuses quotes.
    fn address(&self) -> String {
        let mut tool = String::new();
        encode(Some(self.tool.as_bytes()).filter(|name| name.len() <= TOOL_BYTES).unwrap_or_default(), &mut tool);
        self.url.replace("{session}", &self.session.to_string()).replace("{tool}", &tool)
    }
}
