//! One line of a trace: what an access log says of a request. Unknown members are ignored. Numbers may be written as
//! text, and `null`, `""` and `"-"` say nothing, as Envoy writes what it does not have.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::{borrow::Cow, fmt};

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
    /// Host, with or without port. Without it no rule that is limited to hosts matches.
    pub host: Option<String>,
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

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
        let mut json = serde_json::Deserializer::from_slice(line);
        let read = json.deserialize_map(Members::default()).and_then(|read| json.end().map(|()| read));
        let Members { record, time } = read.map_err(|error| {
            let what = if error.is_data() { "no JSON object".to_owned() } else { format!("no JSON: {error}") };
            Unread::Malformed(what)
        })?;
        let malformed = |what: &str| Err(Unread::Malformed(what.to_owned()));
        let ts = match time {
            Time::At(ms) => Some(ms),
            Time::Unsaid => None,
            Time::Nonsense => return malformed("`ts` is no whole number of milliseconds"),
        };
        // Of a request without a score our logs have no time either.
        if record.session.is_empty() {
            return Err(Unread::Anonymous);
        }
        let Some(ts) = ts else { return malformed("`ts` is missing") };
        if record.method.is_empty() {
            return malformed("`method` is missing or no text");
        }
        if record.path.is_empty() {
            return malformed("`path` is missing or no text");
        }
        Ok(Self { ts, ..record })
    }
}

/// What the members of a line have said so far. Built by hand: a log has millions of lines.
#[derive(Default)]
struct Members {
    record: Record,
    time: Time,
}

#[derive(Default)]
enum Time {
    #[default]
    Unsaid,
    At(u64),
    Nonsense,
}

impl Members {
    fn take(&mut self, name: &str, value: Written<'_>) {
        let record = &mut self.record;
        match name {
            "ts" => {
                self.time = match value.whole() {
                    Some(ms) => Time::At(ms),
                    None if value.says_nothing() => Time::Unsaid,
                    None => Time::Nonsense,
                }
            }
            "session" => record.session = value.text().unwrap_or_default(),
            "subject" => record.subject = value.text().unwrap_or_default(),
            "actor" => record.actor = value.text().unwrap_or_default(),
            "method" => record.method = value.text().unwrap_or_default(),
            "path" => record.path = value.text().unwrap_or_default(),
            "host" => record.host = value.text(),
            "mcp_method" => record.mcp_method = value.text(),
            "tool" => record.tool = value.text(),
            "target" => record.target = value.text(),
            "scope" => record.scope = value.text(),
            "ip" => record.ip = value.text(),
            "asn" => record.asn = value.whole(),
            "country" => record.country = value.text(),
            "lat" => record.lat = value.degrees(),
            "lon" => record.lon = value.degrees(),
            "ua" => record.ua = value.text(),
            "ja4" => record.ja4 = value.text(),
            "posture" => record.posture = value.text(),
            "binding" => record.binding = value.text(),
            "anonymizer" => record.anonymizer = value.text(),
            "auth_time" => record.auth_time = value.whole(),
            "acr" => record.acr = value.text(),
            "identity" => record.identity = value.text(),
            // Envoy writes 0 where there was no answer.
            "status" => {
                record.status =
                    value.whole().and_then(|status| u16::try_from(status).ok()).filter(|status| *status != 0);
            }
            "bytes_out" => record.bytes_out = value.whole().unwrap_or(0),
            _ => {}
        }
    }
}

impl<'de> Visitor<'de> for Members {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut object: A) -> Result<Self, A::Error> {
        while let Some(name) = object.next_key::<Written<'de>>()? {
            match name {
                Written::Text(name) if name == "label" => self.record.label = label(&object.next_value()?),
                Written::Text(name) => self.take(&name, object.next_value()?),
                _ => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(self)
    }
}

fn label(json: &Value) -> Option<Label> {
    let members = json.as_object()?;
    let word = |name: &str| members.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let attack = members.get("attack").and_then(Value::as_bool).unwrap_or(false);
    Some(Label { attack, scenario: word("scenario"), source: word("source") })
}

/// A member's value as it is written.
enum Written<'a> {
    Text(Cow<'a, str>),
    Whole(u64),
    Fraction(f64),
    Null,
    /// A list, an object, `true`: nothing that a record has.
    Other,
}

impl Written<'_> {
    fn says_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => matches!(text.as_ref(), "" | "-"),
            _ => false,
        }
    }

    fn text(self) -> Option<String> {
        match self {
            Self::Text(text) if !matches!(text.as_ref(), "" | "-") => Some(text.into_owned()),
            _ => None,
        }
    }

    /// A whole number, or the text of one; autonomous systems may have their `AS` in front.
    fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            Self::Text(text) => text.trim_start_matches("AS").parse().ok(),
            _ => None,
        }
    }

    fn degrees(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => u32::try_from(*number).ok().map(f64::from),
            Self::Fraction(number) => Some(*number),
            Self::Text(text) => text.parse().ok(),
            Self::Null | Self::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Written<'de> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Written<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Written<'de>, E> {
        Ok(Written::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Written<'de>, E> {
        Ok(Written::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Written<'de>, E> {
        Ok(Written::Whole(number))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Written<'de>, E> {
        Ok(i32::try_from(number).map_or(Written::Other, |number| Written::Fraction(f64::from(number))))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Written<'de>, E> {
        Ok(Written::Fraction(number))
    }

    fn visit_unit<E>(self) -> Result<Written<'de>, E> {
        Ok(Written::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Written<'de>, E> {
        Ok(Written::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Written<'de>, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Written::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Written<'de>, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Written::Other)
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
