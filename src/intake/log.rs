//! What only the filter knows of a request, as filter state for the access log: such a log can be replayed, and the replay
//! decides as the gateway did. Digests and words of bounded length; never a token, a key, a cookie or an address.

use super::{McpCall, Reader};
use crate::{
    bounds::{LOG_NAME_BYTES, LOG_SCOPE_BYTES},
    facts::{ACTORS, Binding, Facts, digest::Role},
};

/// The fields, each a name of filter state and its value. What is not there is left out.
pub(super) fn fields(reader: &Reader<'_, '_>, facts: &Facts, call: Option<&McpCall>) -> Vec<(&'static str, String)> {
    let standard = reader.config.session.standard;
    let mut fields = vec![
        // The gateway's own clock: paces and half-lives are told from it.
        ("session_risk.time", facts.now.millis().to_string()),
        ("session_risk.identity", identity(facts)),
        ("session_risk.binding", binding(reader, facts)),
    ];
    let actor = ACTORS.iter().find(|(actor, _)| *actor == facts.actor).map(|(_, word)| (*word).to_owned());
    let call_target = facts.action.target.filter(|_| call.is_some());
    let scope = reader.text(standard.scope).or_else(|| reader.text(standard.scp));
    let optional = [
        ("session_risk.actor", actor),
        ("session_risk.subject", Some(facts.subject).filter(|subject| *subject != 0).map(hex)),
        ("session_risk.auth_time", facts.grant.auth_time.map(|seconds| seconds.to_string())),
        ("session_risk.acr", reader.text(standard.acr).map(|acr| cut(acr, LOG_NAME_BYTES).to_owned())),
        ("session_risk.scope", scope.map(|scope| whole_entries(scope).to_owned())),
        ("session_risk.posture", facts.device.posture.map(|posture| posture.name().to_owned())),
        ("session_risk.mcp_method", call.and_then(method)),
        ("session_risk.tool", call.and_then(|call| name(reader, call))),
        ("session_risk.target", call_target.map(hex)),
    ];
    fields.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    fields
}

/// Whether something in front of the filter vouched for the session, and what was wrong with how it was named.
fn identity(facts: &Facts) -> String {
    let mut words = if facts.verified { "verified" } else { "unverified" }.to_owned();
    for (holds, word) in [(facts.flaws.duplicate, ",duplicate"), (facts.flaws.malformed, ",malformed")] {
        if holds {
            words.push_str(word);
        }
    }
    words
}

fn binding(reader: &Reader<'_, '_>, facts: &Facts) -> String {
    match facts.device.binding {
        Binding::None => "none".to_owned(),
        Binding::Unproven => "unproven".to_owned(),
        Binding::Bound(key) => {
            let by_proof = reader.text(reader.config.session.standard.jkt).is_some();
            format!("{}:{key:08x}", if by_proof { "dpop" } else { "mtls" })
        }
    }
}

fn method(call: &McpCall) -> Option<String> {
    call.method.as_deref().map(|method| cut(method, LOG_NAME_BYTES).to_owned())
}

/// Tools and prompts have names; a resource's address may say what nobody else may read.
fn name(reader: &Reader<'_, '_>, call: &McpCall) -> Option<String> {
    let name = call.name.as_deref()?;
    Some(match call.method.as_deref() {
        Some("tools/call" | "prompts/get") => cut(name, LOG_NAME_BYTES).to_owned(),
        _ => hex(reader.config.digest.short(Role::Target, &[name.as_bytes()])),
    })
}

fn hex(digest: u32) -> String {
    format!("{digest:08x}")
}

/// The first `limit` bytes, or a few less where a character would be cut in two.
fn cut(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
}

/// As many entries of a scope as fit.
fn whole_entries(scope: &str) -> &str {
    let part = cut(scope, LOG_SCOPE_BYTES);
    if part.len() == scope.len() { part } else { part.rsplit_once([' ', ',']).map_or("", |(entries, _)| entries) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        config::Config,
        intake::{self, Cache, Target},
        time::Timestamp,
    };
    use base64::Engine as _;

    /// What the log is told of a resource that an agent reads with a token bound to a key.
    fn told(log_fields: bool) -> Vec<(&'static str, String)> {
        let config = serde_json::json!({ "secret": "an example secret of some length", "log_fields": log_fields,
            "session": { "payload": { "header": "x-jwt-payload" } },
            "routes": [{ "path": "/mcp", "protocol": "mcp" }] });
        let config = Config::from_json(config.to_string().as_bytes()).unwrap();
        let claims = r#"{"sid":"s","sub":"alice","scp":"mcp files","auth_time":9,"cnf":{"jkt":"thumb"}}"#;
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims);
        let pairs: [(&[u8], &[u8]); 4] =
            [(b":method", b"POST"), (b":path", b"/mcp"), (b"x-jwt-payload", payload.as_bytes()), (b"dpop", b"proof")];
        let headers = config.names.pick(pairs.into_iter());
        let target = Target::find(&config, &headers);
        let call = McpCall {
            method: Some("resources/read".to_owned()),
            name: Some("file:///home/alice".to_owned()),
            ..McpCall::default()
        };
        let now = Timestamp::from_millis(12_345);
        intake::read(&config, &mut Cache::default(), &headers, &target, Some(&call), &mut |_| None, now).log
    }

    #[test]
    fn the_log_is_told_words_and_digests_and_only_when_asked() {
        assert!(told(false).is_empty());
        let told = told(true);
        let value = |name: &str| told.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        for (name, expected) in [
            ("time", "12345"),
            ("identity", "verified"),
            ("actor", "agent"),
            ("auth_time", "9"),
            ("scope", "mcp files"),
            ("mcp_method", "resources/read"),
        ] {
            assert_eq!(value(&format!("session_risk.{name}")), Some(expected), "{name}");
        }
        let digest = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        for name in ["session_risk.subject", "session_risk.tool", "session_risk.target"] {
            assert!(value(name).is_some_and(digest), "{name}: {told:?}");
        }
        assert!(value("session_risk.binding").and_then(|text| text.strip_prefix("dpop:")).is_some_and(digest));
        assert_eq!((value("session_risk.posture"), value("session_risk.acr")), (None, None));
    }

    #[test]
    fn a_long_scope_keeps_whole_entries_and_a_long_name_whole_characters() {
        let scope = "tool:get_customer ".repeat(200);
        let kept = whole_entries(&scope);
        assert!(kept.len() <= LOG_SCOPE_BYTES && kept.ends_with("tool:get_customer"), "{}", kept.len());
        assert_eq!(whole_entries("openid mcp"), "openid mcp");
        assert_eq!(whole_entries(&"x".repeat(3000)), "");
        assert_eq!(cut("\u{e9}\u{e9}\u{e9}", 3), "\u{e9}");
    }
}
