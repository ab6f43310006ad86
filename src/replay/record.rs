//! One line of a trace: what an access log says of a request. Unknown members are ignored, absent ones are absent.

use serde_json::Value;

/// One request of a trace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Milliseconds since the epoch.
    pub ts: u64,
    /// What the gateway keys on; in a log of ours the session's digest.
    pub session: String,
    /// Whose session it is.
    pub subject: String,
    /// `human`, `service`, `api_key`, `agent`; anything else counts as `human`.
    pub actor: String,
    /// HTTP method.
    pub method: String,
    /// Path, with or without query.
    pub path: String,
    /// JSON-RPC method of an MCP call.
    pub mcp_method: Option<String>,
    /// Tool of an MCP call.
    pub tool: Option<String>,
    /// Digest of the object that an MCP call touches. Of other requests the path says it.
    pub target: Option<String>,
    /// Granted scope, space separated.
    pub scope: Option<String>,
    /// Client address.
    pub ip: Option<String>,
    /// Autonomous system.
    pub asn: Option<u64>,
    /// Two-letter country.
    pub country: Option<String>,
    /// Latitude in degrees.
    pub lat: Option<f64>,
    /// Longitude in degrees.
    pub lon: Option<f64>,
    /// User-Agent.
    pub ua: Option<String>,
    /// JA4.
    pub ja4: Option<String>,
    /// `compliant`, `not-compliant`, `unknown`.
    pub posture: Option<String>,
    /// `dpop:<id>`, `mtls:<id>`, `none`.
    pub binding: Option<String>,
    /// HTTP status of the answer.
    pub status: Option<u16>,
    /// Bytes of its body.
    pub bytes_out: u64,
    /// The truth, where somebody knows it. Never an input of the scorer.
    pub label: Option<Label>,
}

/// What is known of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Label {
    /// The attacker drives this request.
    pub attack: bool,
    /// Name of the story that it belongs to.
    pub scenario: String,
    /// `real`, `real+splice`, `synthetic`.
    pub source: String,
}

impl Record {
    /// Reads a line.
    ///
    /// # Errors
    /// What is wrong with it, in words: no JSON object, or a member that is needed (`ts`, `session`, `method`, `path`)
    /// is missing or of another type.
    pub fn parse(line: &[u8]) -> Result<Self, String> {
        let json: Value = serde_json::from_slice(line).map_err(|error| format!("no JSON: {error}"))?;
        if !json.is_object() {
            return Err("no JSON object".to_owned());
        }
        let text = |name: &str| json.get(name).and_then(Value::as_str).map(str::to_owned);
        let needed = |name: &str| {
            text(name).filter(|value| !value.is_empty()).ok_or_else(|| format!("`{name}` is missing or no text"))
        };
        let whole = |name: &str| json.get(name).and_then(Value::as_u64);
        let number = |name: &str| json.get(name).and_then(Value::as_f64);
        let label = json.get("label").map(|label| {
            let text = |name: &str| label.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            let attack = label.get("attack").and_then(Value::as_bool).unwrap_or(false);
            Label { attack, scenario: text("scenario"), source: text("source") }
        });
        Ok(Self {
            ts: whole("ts").ok_or("`ts` is missing or no whole number of milliseconds")?,
            session: needed("session")?,
            subject: text("subject").unwrap_or_default(),
            actor: text("actor").unwrap_or_default(),
            method: needed("method")?,
            path: needed("path")?,
            mcp_method: text("mcp_method"),
            tool: text("tool"),
            target: text("target"),
            scope: text("scope"),
            ip: text("ip"),
            asn: whole("asn"),
            country: text("country"),
            lat: number("lat"),
            lon: number("lon"),
            ua: text("ua"),
            ja4: text("ja4"),
            posture: text("posture"),
            binding: text("binding"),
            status: whole("status").and_then(|status| u16::try_from(status).ok()),
            bytes_out: whole("bytes_out").unwrap_or(0),
            label,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_needs_time_session_method_and_path() {
        let good = r#"{"ts":1,"session":"s","method":"GET","path":"/","more":[1]}"#;
        assert_eq!(Record::parse(good.as_bytes()).unwrap().session, "s");
        for name in ["ts", "session", "method", "path"] {
            let bad = good.replacen(&format!("\"{name}\""), "\"other\"", 1);
            assert!(Record::parse(bad.as_bytes()).unwrap_err().contains(&format!("`{name}`")), "{name}");
        }
        assert!(Record::parse(b"[1]").is_err());
        assert!(Record::parse(b"{").is_err());
    }
}
