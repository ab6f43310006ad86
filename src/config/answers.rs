//! What the configuration says about answers: how a step-up challenge is worded for each kind of client, and the admin
//! interface. Form and compilation of both; what is sent in the end is in `response.rs` and `admin.rs`.

use super::{
    Admin, Tool,
    error::{Path, Problems},
    raw::{AcrValues, Seconds, Template},
    read::{section, worded},
};
use crate::{
    facts::{Access, digest::read_hex},
    response::{Entra, McpScope, StepUp},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

section! {
    /// How a step-up challenge is worded, and where it is answered. By itself it is that of RFC 9470.
    pub struct RawStepUp: Default {
        /// `acr_values`, space separated. A token whose `acr` is one of them answers the challenge.
        acr_values: Option<AcrValues> = None,
        /// `max_age`: how old an authentication may be to answer the challenge.
        max_age_seconds: Seconds = Seconds(300),
        /// A path of `routes` at which people authenticate again or consent. After an answer of 2xx there, a first use
        /// of a sensitive tier, a wider scope and another key are what was asked for.
        route: Option<Template> = None,
        /// A claims challenge for tokens of Entra whose `xms_cc` holds `cp1`.
        entra: Option<RawEntra> = None,
        /// An `insufficient_scope` challenge (403) for MCP calls.
        mcp: Option<RawMcpScope> = None,
        /// Where a browser that asks for a page is sent by `step_up` and `revoke`, in place of a 401. `{path}` becomes
        /// the page's path, percent-encoded.
        redirect: Option<Uri> = None,
    }
}

section! {
    /// A claims challenge of Entra.
    pub struct RawEntra {
        /// Where tokens are asked for, as in `https://login.microsoftonline.com/common/oauth2/authorize`.
        authorization_uri: Uri,
        /// The authentication context that is asked for. A token whose `acrs` holds it answers the challenge.
        acrs: AcrValues,
    }
}

section! {
    /// An `insufficient_scope` challenge of MCP.
    pub struct RawMcpScope {
        /// Every scope that a client needs here, space separated: it is asked once.
        scope: AcrValues,
        /// Address of the protected resource metadata (RFC 9728).
        resource_metadata: Uri,
    }
}

section! {
    /// An approval.
    pub struct RawApproval {
        /// Where it is given, for whoever is refused to open or to hand on. `{session}` becomes the session's id, as in
        /// the log, `{tool}` the name of the tool that was called.
        url: Option<ApprovalUrl> = None,
    }
}

section! {
    /// An interface to look at sessions, revoke, suspend, approve and release them. For a listener that only operators
    /// reach.
    pub struct RawAdmin {
        /// Path below which it answers; nothing there is forwarded.
        prefix: Template,
        /// SHA-256 of the bearer secret, 64 hex digits: `openssl rand -hex 32`, then `printf %s SECRET | sha256sum`.
        secret_sha256: Sha256Hex,
    }
}

worded! { /// An address that fits into a header and between quotes.
pub struct Uri in 1..=1_024, |text| if text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') { Ok(()) } else { Err("an address without quotes and spaces") } }
worded! { /// An address with `{session}` and `{tool}` in it.
pub struct ApprovalUrl in 1..=1_024, |text| if is_approval_url(text) { Ok(()) } else { Err("an address that begins with `https://`, without quotes, and with no other braces than `{session}` and `{tool}`") } }
worded! { /// A SHA-256.
pub struct Sha256Hex in 64..=64, |text| if text.bytes().all(|b| b.is_ascii_hexdigit()) { Ok(()) } else { Err("64 hex digits") } }

/// What MCP clients show to people before they open it: a whole address, all of it known but for our two places.
fn is_approval_url(text: &str) -> bool {
    let known = text.replace("{session}", "").replace("{tool}", "");
    let good = |byte: u8| byte.is_ascii_graphic() && !b"\"\\{}".contains(&byte);
    (known.starts_with("https://") || known.starts_with("http://")) && known.bytes().all(good)
}

/// Most patterns of tools that a restricted agent is told.
const TOLD_TOOLS: usize = 16;

/// The challenge. `routes` are those at which it is answered.
pub(super) fn step_up(raw: &RawStepUp, routes: Vec<u16>, tools: &[Tool]) -> StepUp {
    StepUp {
        acr_values: raw.acr_values.as_ref().map(|values| values.0.clone()),
        max_age_seconds: raw.max_age_seconds.0,
        routes,
        entra: raw.entra.as_ref().map(|entra| Entra {
            authorization_uri: entra.authorization_uri.0.clone(),
            acrs: entra.acrs.0.clone(),
            claims: STANDARD.encode(format!(
                "{{\"access_token\":{{\"acrs\":{{\"essential\":true,\"value\":\"{}\"}}}}}}",
                entra.acrs.0
            )),
        }),
        mcp: raw
            .mcp
            .as_ref()
            .map(|mcp| McpScope { scope: mcp.scope.0.clone(), resource_metadata: mcp.resource_metadata.0.clone() }),
        redirect: raw.redirect.as_ref().map(|template| template.0.clone()),
        readable_tools: readable(tools),
    }
}

/// The patterns of tools that read, as JSON.
fn readable(tools: &[Tool]) -> String {
    let names = tools.iter().filter(|tool| tool.access == Access::Read).map(|tool| tool.name.pattern());
    let names: Vec<&str> = names.take(TOLD_TOOLS).collect();
    serde_json::to_string(&names).unwrap_or_default()
}

/// The admin interface.
pub(super) fn admin(raw: &RawAdmin, at: &Path<'_>, problems: &mut Problems) -> Admin {
    if raw.prefix.0.ends_with('/') || raw.prefix.0.contains(['?', '#', '{', '*']) {
        problems.add(&at.member("prefix"), "expected a plain path that does not end with `/`, as in `/session-risk`");
    }
    let mut secret = [0; 32];
    read_hex(&raw.secret_sha256.0, &mut secret);
    Admin { prefix: raw.prefix.0.clone(), secret }
}
