//! Access logs and labelled traces through the same code as the gateway: intake, session table, engine.
//! A line names the session, subject and actor that the gateway found; everything else is read as from a request.

pub mod eval;
pub mod record;
pub mod tune;

use crate::{
    config::{Config, ConfigError},
    engine::Assessment,
    facts::{ConfigId, Facts, IdentityFlaws, Outcome, SessionKey},
    host::{Effect, Host},
    intake::{self, McpCall, Target},
    root::{Kept, Root, Work},
    score::Thresholds,
    session::{
        local::LocalStore,
        table::{Cas, Store, StoreError, Written},
    },
    time::Timestamp,
};
use base64::Engine as _;
use record::Record;
use serde_json::{Value, json};

/// The configuration used when none is given: every default, and a secret that protects nothing.
pub fn default_config() -> Value {
    json!({ "secret": "replay needs no secret: its digests go nowhere" })
}

/// Takes the routes and the read-only tools of an application's description (`routes`, `tools.read`, `tools.write`) into
/// a configuration, which keeps what it has of them. Calls to `/mcp` are MCP.
pub fn with_application(mut config: Value, application: &Value) -> Value {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    if config.get("routes").is_none() {
        let mut routes = list(application.get("routes").unwrap_or(&Value::Null));
        routes.push(json!({ "path": "/mcp", "protocol": "mcp" }));
        put(&mut config, "routes", Value::Array(routes));
    }
    let path = application.get("step_up_path");
    if let Some(path) = path.filter(|path| path.is_string())
        && config.get("step_up").is_none()
    {
        put(&mut config, "step_up", json!({ "route": path }));
    }
    if config.get("tools").is_none() {
        let tools = application.get("tools").unwrap_or(&Value::Null);
        let class = |word: &str| {
            let names = list(tools.get(word).unwrap_or(&Value::Null));
            names.into_iter().map(|name| json!({ "name": name, "access": word })).collect::<Vec<_>>()
        };
        put(&mut config, "tools", Value::Array([class("read"), class("write")].concat()));
    }
    config
}

/// What one line came to.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The request as the core saw it.
    pub facts: Facts,
    /// What was made of it.
    pub assessment: Assessment,
}

impl Step {
    /// The rule that said so: whose it is, and its index there.
    pub fn rule(&self) -> Option<(ConfigId, u8)> {
        Some((self.facts.config, self.assessment.decision.rule?))
    }
}

/// A gateway in memory, with the session table of the configuration: its size bounds the memory, not the trace's.
pub struct Replay {
    root: Root,
    host: Memory,
}

impl Replay {
    /// Prepares a replay of `config` as the gateway has it. Where identity, network and device are read is replaced by
    /// the fields of a trace; routes, tools, weights, levels, rules and the table stay.
    ///
    /// # Errors
    /// Every problem of the configuration.
    pub fn new(config: &Value) -> Result<Self, ConfigError> {
        let mut host = Memory::default();
        let root = Root::configure(&mut host, gateway_config(config.clone()).to_string().as_bytes())?;
        Ok(Self { root, host })
    }

    /// The rules that a step was decided by, by the index in its decision.
    pub fn rules_of(&self, step: &Step) -> &[crate::policy::Rule] {
        &self.root.config_of(step.facts.config).engine.rules
    }

    /// The rules of the whole configuration, by the index in a decision.
    pub fn rules(&self) -> &[crate::policy::Rule] {
        &self.root.config().engine.rules
    }

    /// Whether rules or overrides are limited to hosts, so that lines must say theirs.
    pub fn reads_hosts(&self) -> bool {
        self.root.config().session.headers.host.is_some()
    }

    /// Where the levels begin.
    pub fn thresholds(&self) -> Thresholds {
        self.root.config().engine.thresholds
    }

    /// Assesses one line, and learns from its status if the request was forwarded. `None`: it names no session.
    pub fn step(&mut self, record: &Record) -> Option<Step> {
        let now = Timestamp::from_millis(record.ts);
        self.host.now = now;
        let pairs = request_headers(record);
        let pick = |config: &'_ Config| {
            config.names.pick(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())))
        };
        let id = intake::choose(self.root.config(), &pick(self.root.config()));
        let (config, cache) = self.root.reading(id);
        let headers = pick(config);
        let target = Target::find(config, &headers);
        // A call that could not be read is one all the same.
        let call = (record.mcp_method.is_some() || target.calls()).then(|| McpCall {
            method: record.mcp_method.clone(),
            name: record.tool.clone(),
            arguments: record.target.as_ref().map(|target| json!(target).to_string()),
            ..McpCall::default()
        });
        let mut facts = intake::read(config, cache, &headers, &target, call.as_ref(), &mut |_| None, now).facts?;
        facts.config = id;
        take_digests(&mut facts, record, call.is_some());
        let Kept::Assessed(assessment, before) = self.root.keep(&mut self.host, &Work::Assess(facts)) else {
            return None;
        };
        let forwarded = assessment.decision.effective().forwards(facts.action.access);
        if let Some(status) = record.status.filter(|_| forwarded) {
            let suspicious = assessment.session.baseline.error_sum > 0;
            let outcome = Outcome { status, bytes: record.bytes_out, ..Outcome::default() };
            self.root.answered(&mut self.host, &facts, before.admitted, suspicious, outcome);
        }
        Some(Step { facts, assessment })
    }
}

/// Takes what a log of ours says in the gateway's own digests as it is: the replay then finds the same place in the table,
/// the same share of a rollout and the same marks in a session's memory as the gateway did.
fn take_digests(facts: &mut Facts, record: &Record, call: bool) {
    if let Some(key) = session_key(&record.session) {
        facts.key = key;
    }
    let short = |text: &String| u32::from_str_radix(text, 16).ok().filter(|digest| text.len() == 8 && *digest != 0);
    if let Some(target) = record.target.as_ref().and_then(short).filter(|_| call) {
        facts.action.target = Some(target);
    }
    if let Some(identity) = &record.identity {
        let says = |word: &str| identity.split(',').any(|other| other == word);
        facts.verified = says("verified");
        facts.flaws = IdentityFlaws { duplicate: says("duplicate"), malformed: says("malformed") };
    }
}

/// A session key as it is written in logs: 32 hex digits, not all of them zero.
fn session_key(text: &str) -> Option<SessionKey> {
    let digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = u128::from_str_radix(text, 16).ok().filter(|number| digits && *number != 0)?;
    Some(SessionKey(number.to_be_bytes()))
}

/// A line as the headers that a gateway configured by [`gateway_config`] would have seen, with the identity as a verified
/// token's payload.
pub fn request_headers(record: &Record) -> Vec<(&'static str, String)> {
    let bound = record.binding.as_deref().filter(|binding| binding.contains(':'));
    let unproven = record.binding.as_deref().filter(|binding| *binding == "unproven");
    let claims = Claims {
        sid: &record.session,
        sub: &record.subject,
        actor: &record.actor,
        scope: record.scope.as_deref(),
        auth_time: record.auth_time,
        acr: record.acr.as_deref(),
        jkt: bound.or(unproven),
    };
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.json());
    let mut pairs =
        vec![(":method", record.method.clone()), (":path", record.path.clone()), ("x-jwt-payload", payload)];
    let optional = [
        (":authority", record.host.clone()),
        ("dpop", bound.map(str::to_owned)),
        ("x-forwarded-for", record.ip.clone()),
        ("x-geo-country", record.country.clone()),
        ("x-geo-asn", record.asn.map(|asn| asn.to_string())),
        ("x-geo-latitude", record.lat.map(|degrees| degrees.to_string())),
        ("x-geo-longitude", record.lon.map(|degrees| degrees.to_string())),
        ("x-geo-anonymizer", record.anonymizer.clone()),
        ("user-agent", record.ua.clone()),
        ("x-ja4", record.ja4.clone()),
        ("x-device-posture", record.posture.clone()),
    ];
    pairs.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    pairs
}

/// The claims of a line, those that it has.
struct Claims<'a> {
    sid: &'a str,
    sub: &'a str,
    actor: &'a str,
    scope: Option<&'a str>,
    auth_time: Option<u64>,
    acr: Option<&'a str>,
    /// The key that the token names: `cnf.jkt`.
    jkt: Option<&'a str>,
}

impl Claims<'_> {
    /// As JSON, written straight: a tree of values for each line would cost as much as assessing it.
    fn json(&self) -> String {
        let mut json = String::with_capacity(512);
        let text = |text: &str| serde_json::to_string(text).unwrap_or_default();
        let [sid, sub, actor] = [self.sid, self.sub, self.actor].map(text);
        json.push_str(&format!("{{\"sid\":{sid},\"sub\":{sub},\"actor\":{actor}"));
        for (name, value) in [("scope", self.scope), ("acr", self.acr)] {
            if let Some(value) = value {
                json.push_str(&format!(",\"{name}\":{}", text(value)));
            }
        }
        if let Some(seconds) = self.auth_time {
            json.push_str(&format!(",\"auth_time\":{seconds}"));
        }
        if let Some(key) = self.jkt {
            json.push_str(&format!(",\"cnf\":{{\"jkt\":{}}}", text(key)));
        }
        json.push('}');
        json
    }
}

/// The configuration that a replay runs: identity, network and device are read from what [`request_headers`] writes.
pub fn gateway_config(mut config: Value) -> Value {
    if let Some(Value::Array(overrides)) = config.get_mut("overrides") {
        // What a trace says instead holds for overrides too.
        for patch in overrides.iter_mut().filter_map(|one| one.get_mut("config")?.as_object_mut()) {
            for name in ["session", "device", "log_fields", "grant"] {
                patch.remove(name);
            }
            if let Some(Value::Object(network)) = patch.get_mut("network") {
                network.retain(|name, _| name == "hosting_asns");
            }
        }
    }
    let hosting = config.get("network").and_then(|network| network.get("hosting_asns")).cloned();
    let is = |actor: &str| json!({ "is": actor, "claim": "actor", "one_of": [actor] });
    let session = json!({
        "key": [{ "claims": ["sid"] }],
        "payload": { "header": "x-jwt-payload" },
        "actor": [is("agent"), is("service"), is("api_key"), { "is": "human" }],
    });
    put(&mut config, "session", session);
    let mut network = json!({ "client_address": { "trusted_hops": 0 } });
    if let Some(hosting) = hosting {
        put(&mut network, "hosting_asns", hosting);
    }
    put(&mut config, "network", network);
    put(&mut config, "device", json!({ "posture": { "header": "x-device-posture" } }));
    // Nobody reads a log of the replay's own.
    put(&mut config, "log_fields", json!(false));
    // No log says when a token's grant was open; without that, every privileged request would be outside of it.
    put(&mut config, "grant", Value::Null);
    config
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Value::Object(members) = object {
        members.insert(name.to_owned(), value);
    }
}

#[derive(Default)]
struct Memory {
    now: Timestamp,
    store: LocalStore,
}

impl Store for Memory {
    fn read(&mut self, key: &[u8], into: &mut Vec<u8>) -> Result<Option<Cas>, StoreError> {
        self.store.read(key, into)
    }

    fn write(&mut self, key: &[u8], value: &[u8], cas: Option<Cas>) -> Result<Written, StoreError> {
        self.store.write(key, value, cas)
    }
}

impl Host for Memory {
    fn now(&mut self) -> Timestamp {
        self.now
    }

    fn property(&mut self, _path: &[&str]) -> Option<Vec<u8>> {
        None
    }

    fn apply(&mut self, _effect: Effect<'_>) {}
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::facts::Access;

    fn step(line: Value) -> Step {
        let config = json!({ "secret": "an example secret of some length",
            "routes": [{ "path": "/mcp", "protocol": "mcp", "access": "read" }] });
        Replay::new(&config).unwrap().step(&Record::parse(line.to_string().as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_call_that_could_not_be_read_writes_as_it_does_at_the_gateway() {
        let line = |method: &str| json!({ "ts": 1, "session": "s", "method": method, "path": "/mcp" });
        assert_eq!(step(line("POST")).facts.action.access, Access::Write);
        assert_eq!(step(line("GET")).facts.action.access, Access::Read);
    }

    #[test]
    fn digests_of_the_gateway_are_taken_as_they_are_and_names_of_others_are_digested() {
        let key = "3e86190a335cc19a3e280f3600a3ce56";
        let line = |session: &str, target: &str| {
            json!({ "ts": 1, "session": session, "method": "POST", "path": "/mcp", "mcp_method": "tools/call",
                "tool": "get", "target": target, "identity": "unverified,malformed" })
        };
        let facts = step(line(key, "29f973ee")).facts;
        assert_eq!((facts.key.to_string().as_str(), facts.action.target), (key, Some(0x29f9_73ee)));
        assert_eq!((facts.verified, facts.flaws), (false, IdentityFlaws { duplicate: false, malformed: true }));
        for other in ["alice", &"0".repeat(32), &"+".repeat(32)] {
            let facts = step(line(other, "29f973ee12ab")).facts;
            assert_ne!(facts.key.to_string(), other);
            assert!(facts.action.target.is_some_and(|target| target != 0x29f9_73ee));
        }
    }
}
