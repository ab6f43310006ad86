//! One line of a trace: what an access log says of a request. Unknown members are ignored. Numbers may be written as
//! text, and `null`, `""` and `"-"` say nothing, as Envoy writes what it does not have.

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
    /// `dpop:<id>`, `mtls:<id>`, `none`; `unproven` where the token names a key and no proof came along.
    pub binding: Option<String>,
    /// `true` for VPNs, proxies and relays, as the gateway's anonymizer header says it.
    pub anonymizer: Option<String>,
    /// When the user last authenticated, seconds since the epoch.
    pub auth_time: Option<u64>,
    /// `acr` of the token.
    pub acr: Option<String>,
    /// Words with commas between them: `verified` or `unverified`, `duplicate`, `malformed`. Absent: verified, no flaws.
    pub identity: Option<String>,
    /// HTTP status of the answer; absent or 0 when there was none.
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

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It names no session: a request that the gateway did not score either.
    Anonymous,
    /// What is wrong with it, in words.
    Malformed(String),
}

impl std::fmt::Display for Unread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Anonymous => "`session` is missing",
            Self::Malformed(what) => what,
        })
    }
}

impl Record {
    /// Reads a line.
    ///
    /// # Errors
    /// [`Unread::Malformed`]: it is no JSON object, or a member that is needed (`ts`, `method`, `path`) is missing or of
    /// another type. [`Unread::Anonymous`]: it has no `session`.
    pub fn parse(line: &[u8]) -> Result<Self, Unread> {
        let json: Value = serde_json::from_slice(line).map_err(|error| malformed(format!("no JSON: {error}")))?;
        if !json.is_object() {
            return Err(malformed("no JSON object"));
        }
        let text = |name: &str| text(&json, name).map(str::to_owned);
        let needed = |name: &str| text(name).ok_or_else(|| malformed(format!("`{name}` is missing or no text")));
        let time = whole(&json, "ts").ok_or_else(|| malformed("`ts` is missing or no whole number of milliseconds"));
        let session = match (text("session"), &time) {
            (Some(session), _) => session,
            // A time that is none says that this is no log. Of a request without a score ours has none at all.
            (None, Err(error)) if text("ts").is_some() => return Err(error.clone()),
            (None, _) => return Err(Unread::Anonymous),
        };
        Ok(Self {
            ts: time?,
            session,
            subject: text("subject").unwrap_or_default(),
            actor: text("actor").unwrap_or_default(),
            method: needed("method")?,
            path: needed("path")?,
            mcp_method: text("mcp_method"),
            tool: text("tool"),
            target: text("target"),
            scope: text("scope"),
            ip: text("ip"),
            asn: whole(&json, "asn"),
            country: text("country"),
            lat: degrees(&json, "lat"),
            lon: degrees(&json, "lon"),
            ua: text("ua"),
            ja4: text("ja4"),
            posture: text("posture"),
            binding: text("binding"),
            anonymizer: text("anonymizer"),
            auth_time: whole(&json, "auth_time"),
            acr: text("acr"),
            identity: text("identity"),
            // Envoy writes 0 where there was no answer.
            status: whole(&json, "status").and_then(|status| u16::try_from(status).ok()).filter(|status| *status != 0),
            bytes_out: whole(&json, "bytes_out").unwrap_or(0),
            label: json.get("label").filter(|label| label.is_object()).map(label),
        })
    }
}

fn malformed(what: impl Into<String>) -> Unread {
    Unread::Malformed(what.into())
}

fn text<'a>(json: &'a Value, name: &str) -> Option<&'a str> {
    json.get(name)?.as_str().filter(|text| !matches!(*text, "" | "-"))
}

fn whole(json: &Value, name: &str) -> Option<u64> {
    let of_text = || text(json, name)?.trim_start_matches("AS").parse().ok();
    json.get(name).and_then(Value::as_u64).or_else(of_text)
}

fn degrees(json: &Value, name: &str) -> Option<f64> {
    json.get(name).and_then(Value::as_f64).or_else(|| text(json, name)?.parse().ok())
}

fn label(json: &Value) -> Label {
    let word = |name: &str| text(json, name).unwrap_or_default().to_owned();
    let attack = json.get("attack").and_then(Value::as_bool).unwrap_or(false);
    Label { attack, scenario: word("scenario"), source: word("source") }
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
            assert!(Record::parse(bad.as_bytes()).unwrap_err().to_string().contains(&format!("`{name}`")), "{name}");
        }
        assert!(matches!(Record::parse(br#"{"ts":"yesterday"}"#), Err(Unread::Malformed(_))));
        assert!(matches!(Record::parse(b"[1]"), Err(Unread::Malformed(_))));
        assert!(matches!(Record::parse(b"{"), Err(Unread::Malformed(_))));
    }

    #[test]
    fn a_line_of_envoy_says_what_a_trace_says() {
        let envoy = r#"{"ts":"1770000000123","session":"5e","subject":null,"method":"GET","path":"/a","ip":"10.0.0.1",
            "asn":"3320","country":"-","lat":"50.1","lon":"-8.75","ua":"","ja4":null,"tool":null,"status":200,
            "bytes_out":"12","auth_time":"1770000000","label":null}"#;
        let trace = r#"{"ts":1770000000123,"session":"5e","method":"GET","path":"/a","ip":"10.0.0.1","asn":3320,
            "lat":50.1,"lon":-8.75,"status":200,"bytes_out":12,"auth_time":1770000000}"#;
        let read = Record::parse(envoy.as_bytes()).unwrap();
        assert_eq!(read, Record::parse(trace.as_bytes()).unwrap());
        assert_eq!((read.ts, read.lon, read.country), (1_770_000_000_123, Some(-8.75), None));
    }

    #[test]
    fn a_line_without_a_session_is_nobodys_and_not_malformed() {
        for session in ["null", "\"\"", "\"-\""] {
            let line = format!(r#"{{"ts":null,"session":{session},"method":"GET","path":"/healthz"}}"#);
            assert_eq!(Record::parse(line.as_bytes()), Err(Unread::Anonymous));
        }
    }
}
