//! Access logs and labelled traces through the same code as the gateway: intake, session table, engine.
//! A line names the session, subject and actor that the gateway found; everything else is read as from a request.

pub mod eval;
pub mod record;
pub mod tune;

use crate::{
    config::ConfigError,
    engine::Assessment,
    facts::{Facts, Outcome},
    host::{Effect, Host},
    intake::{self, McpCall, Target},
    root::{Kept, Root, Work},
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

    /// The policy's rules, by the index in a decision.
    pub fn rules(&self) -> &[crate::policy::Rule] {
        &self.root.config().engine.rules
    }

    /// Assesses one line, and learns from its status if the request was forwarded. `None`: it names no session.
    pub fn step(&mut self, record: &Record) -> Option<Step> {
        let now = Timestamp::from_millis(record.ts);
        self.host.now = now;
        let pairs = request_headers(record);
        let config = self.root.config();
        let headers = config.names.pick(pairs.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let target = Target::find(config, &headers);
        let call = record.mcp_method.as_ref().map(|method| McpCall {
            method: Some(method.clone()),
            name: record.tool.clone(),
            arguments: record.target.as_ref().map(|target| json!(target).to_string()),
            ..McpCall::default()
        });
        let facts = intake::read(config, &headers, &target, call.as_ref(), &mut |_| None, now).facts?;
        let Kept::Assessed(assessment, admitted) = self.root.keep(&mut self.host, &Work::Assess(facts)) else {
            return None;
        };
        let forwarded = assessment.decision.effective().forwards(facts.action.access);
        if let Some(status) = record.status.filter(|_| forwarded) {
            let suspicious = assessment.session.baseline.error_sum > 0;
            let outcome = Outcome { status, bytes: record.bytes_out };
            self.root.answered(&mut self.host, &facts, admitted, suspicious, outcome);
        }
        Some(Step { facts, assessment })
    }
}

/// A line as the headers that a gateway configured by [`gateway_config`] would have seen, with the identity as a verified
/// token's payload.
pub fn request_headers(record: &Record) -> Vec<(&'static str, String)> {
    let mut claims = json!({ "sid": record.session, "sub": record.subject, "actor": record.actor });
    if let Some(scope) = &record.scope {
        put(&mut claims, "scope", json!(scope));
    }
    let bound = record.binding.as_deref().filter(|binding| binding.contains(':'));
    if let Some(key) = bound {
        put(&mut claims, "cnf", json!({ "jkt": key }));
    }
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string());
    let mut pairs =
        vec![(":method", record.method.clone()), (":path", record.path.clone()), ("x-jwt-payload", payload)];
    let optional = [
        ("dpop", bound.map(str::to_owned)),
        ("x-forwarded-for", record.ip.clone()),
        ("x-geo-country", record.country.clone()),
        ("x-geo-asn", record.asn.map(|asn| asn.to_string())),
        ("x-geo-latitude", record.lat.map(|degrees| degrees.to_string())),
        ("x-geo-longitude", record.lon.map(|degrees| degrees.to_string())),
        ("user-agent", record.ua.clone()),
        ("x-ja4", record.ja4.clone()),
        ("x-device-posture", record.posture.clone()),
    ];
    pairs.extend(optional.into_iter().filter_map(|(name, value)| Some((name, value?))));
    pairs
}

/// The configuration that a replay runs: identity, network and device are read from what [`request_headers`] writes.
pub fn gateway_config(mut config: Value) -> Value {
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
