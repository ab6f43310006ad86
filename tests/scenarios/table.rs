//! The scenarios: who sends what, when, and what must become of it.

#[path = "dialects.rs"]
mod dialects;
#[path = "limits.rs"]
mod limits;
#[path = "rollout.rs"]
mod rollout;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub struct Scenario {
    pub name: &'static str,
    pub configuration: String,
    pub starts: u64,
    /// Nothing in it depends on the time, so it can be told on a clock that cannot be set.
    pub timeless: bool,
    pub steps: Vec<Step>,
}

#[derive(Clone)]
pub struct Step {
    /// Milliseconds since the epoch.
    pub at: u64,
    pub method: &'static str,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// How the upstream answers.
    pub upstream: u16,
    pub expected: Option<Expected>,
}

#[derive(Clone, Default)]
pub struct Expected {
    /// Status of a local reply; `None`: forwarded.
    pub status: Option<u16>,
    pub action: Option<&'static str>,
    pub would: Option<&'static str>,
    pub reasons: Vec<&'static str>,
    /// Texts in the reply's headers or body.
    pub says: Vec<&'static str>,
    /// Headers of the reply, or those of ours that the upstream sees, to the last byte, each there once; an empty value
    /// stands for a header that is not there.
    pub headers: Vec<(&'static str, String)>,
    /// The reply's body to the last byte.
    pub body: Option<String>,
}

/// A scenario being told: time goes on by itself.
struct Story {
    scenario: Scenario,
    now: u64,
    headers: Vec<(String, String)>,
}

const START: u64 = 1_800_000_000_000;
const SECRET: &str = "a secret for scenarios only";

impl Story {
    fn new(name: &'static str, configuration: Value) -> Self {
        let mut whole = json!({
            "secret": SECRET,
            "session": {
                "payload": {"header": "x-jwt-payload"},
                "key": [{"claims": ["sid"]}, {"header": "x-api-key"}, {"cookie": "session"}, "bearer"],
                "actor": [{"is": "agent", "mcp": true}, {"is": "api_key", "key_from": "header"},
                          {"is": "service", "claim": "kind", "one_of": ["ci"]}],
            },
            "network": {"client_address": {"trusted_hops": 0}},
            "device": {"posture": {"claim": "posture"}},
            "routes": [
                {"path": "/login", "tier": "public"},
                {"path": "/admin/**", "tier": "sensitive", "access": "admin"},
                {"method": "GET", "path": "/admin/**", "tier": "sensitive", "access": "read"},
                {"path": "/customers/{id}/export", "access": "export"},
                {"path": "/orders/{id}"},
                {"path": "/mcp", "protocol": "mcp"},
            ],
            "tools": [{"name": "get_*", "access": "read"}, {"name": "export_*", "access": "export"}],
            "mcp": {"read_body": true},
            "step_up": {"acr_values": "urn:mfa", "max_age_seconds": 300},
            "table": {"buckets": 16, "ways": 4},
        });
        for (member, value) in configuration.as_object().unwrap() {
            whole[member] = value.clone();
        }
        let scenario =
            Scenario { name, configuration: whole.to_string(), starts: START, timeless: true, steps: Vec::new() };
        Self { scenario, now: START, headers: Vec::new() }
    }

    fn wait(&mut self, seconds: u64) -> &mut Self {
        self.scenario.timeless = false;
        self.now += seconds * 1000;
        self
    }

    fn with(&mut self, name: &str, value: &str) -> &mut Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(&mut self, name: &str) -> &mut Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    fn token(&mut self, claims: Value) -> &mut Self {
        self.with("x-jwt-payload", &URL_SAFE_NO_PAD.encode(claims.to_string()))
    }

    fn from(&mut self, address: &str, asn: &str, country: &str) -> &mut Self {
        self.with("x-forwarded-for", address).with("x-geo-asn", asn).with("x-geo-country", country)
    }

    fn home(&mut self) -> &mut Self {
        self.from("84.130.12.7", "3320", "DE")
    }

    fn step(&mut self, method: &'static str, path: &str, body: String, expected: Option<Expected>) -> &mut Self {
        let (at, headers) = (self.now, self.headers.clone());
        let step = Step { at, method, path: path.to_owned(), headers, body, upstream: 200, expected };
        self.scenario.steps.push(step);
        self.now += 2_000;
        self
    }

    /// The request is forwarded under this action.
    fn passes(&mut self, method: &'static str, path: &str, action: &'static str) -> &mut Self {
        self.step(method, path, String::new(), Some(Expected { action: Some(action), ..Expected::default() }))
    }

    fn allowed(&mut self, times: usize, method: &'static str, path: &str) -> &mut Self {
        for number in 0..times {
            self.passes(method, &path.replace("{}", &number.to_string()), "allow");
        }
        self
    }

    fn passes_because(&mut self, method: &'static str, path: &str, action: &'static str, reasons: &[&'static str]) {
        let expected = Expected { action: Some(action), reasons: reasons.to_vec(), ..Expected::default() };
        self.step(method, path, String::new(), Some(expected));
    }

    /// The request is answered with this status under this action, and the answer says these things.
    fn refused(
        &mut self,
        method: &'static str,
        path: &str,
        (status, action): (u16, &'static str),
        says: &[&'static str],
    ) -> &mut Self {
        let expected =
            Expected { status: Some(status), action: Some(action), says: says.to_vec(), ..Expected::default() };
        self.step(method, path, String::new(), Some(expected))
    }

    fn answered(&mut self, status: u16) -> &mut Self {
        self.scenario.steps.last_mut().unwrap().upstream = status;
        self
    }

    fn calls(&mut self, id: Value, tool: &str, target: usize, expected: Expected) -> &mut Self {
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
                          "params": {"name": tool, "arguments": {"id": target}}});
        self.step("POST", "/mcp", call.to_string(), Some(expected))
    }

    fn told(self) -> Scenario {
        self.scenario
    }
}

fn allow() -> Expected {
    Expected { action: Some("allow"), ..Expected::default() }
}

pub fn all() -> Vec<Scenario> {
    vec![
        ci_admin(),
        agent_export(),
        agent_bulk_reading(),
        device_lost(),
        api_key_moved(),
        honest_phone(),
        traveller(),
        suspension_ends(),
        revocation_ends(),
        shadow(),
        public_tier(),
        nobody(),
        admission(),
        error_probing(),
        two_credentials(),
        mcp_in_both_spellings(),
        nonsense(),
    ]
    .into_iter()
    .chain(dialects::all())
    .chain(limits::all())
    .chain(rollout::all())
    .collect()
}

fn ci_admin() -> Scenario {
    let mut story = Story::new("a CI service account turns to an admin endpoint", json!({}));
    let token = |auth_time: u64| json!({"sid": "ci", "sub": "runner", "kind": "ci", "auth_time": auth_time});
    let start = START / 1000;
    story.home().with("user-agent", "actions-runner/2.321.0").token(token(start - 3600));
    story.allowed(30, "GET", "/jobs/next");
    let challenge = ["insufficient_user_authentication", "acr_values=\"urn:mfa\"", "max_age=\"300\""];
    story.refused("POST", "/admin/users", (401, "step_up"), &challenge);
    story.wait(3600).refused("POST", "/admin/users", (401, "step_up"), &[]);
    let now = story.now / 1000;
    story.token(token(now)).allowed(3, "POST", "/admin/users").allowed(3, "GET", "/jobs/next");
    story.wait(86_400).allowed(1, "POST", "/admin/users");
    story.told()
}

fn agent_export() -> Scenario {
    let mut story = Story::new("an agent shifts from lookups to bulk export", json!({}));
    story.home().token(json!({"sid": "agent", "sub": "support"}));
    // How fast exports follow each other counts too.
    story.scenario.timeless = false;
    for id in 0..24 {
        story.calls(json!(id), "get_customer", id % 5, allow());
    }
    for id in 24..27 {
        story.calls(json!(id), "export_customer", id, allow());
    }
    let suspended = |says: &[&'static str]| Expected {
        status: Some(403),
        action: Some("suspend"),
        says: says.to_vec(),
        ..Expected::default()
    };
    story.calls(json!(27), "export_customer", 27, suspended(&["\"id\":27", "\"code\":40303", "900"]));
    story.calls(json!("text id"), "get_customer", 1, suspended(&["\"id\":\"text id\"", "retry_after_seconds"]));
    story.told()
}

fn agent_bulk_reading() -> Scenario {
    let mut story = Story::new("an agent reads one new record after the other in haste", json!({}));
    story.home().token(json!({"sid": "reader", "sub": "support"}));
    for id in 0..12 {
        story.calls(json!(id), "get_customer", id % 4, allow()).wait(2);
    }
    for id in 12..40 {
        // Forwarded or suspended: where exactly the CUSUM alarms is the detector's own business.
        let call = json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
                          "params": {"name": "get_customer", "arguments": {"id": 1000 + id}}});
        story.step("POST", "/mcp", call.to_string(), None);
        story.now -= 1_600;
    }
    let suspended = Expected { status: Some(403), action: Some("suspend"), ..Expected::default() };
    story.calls(json!(40), "get_customer", 1, suspended);
    story.told()
}

fn device_lost() -> Scenario {
    let mut story = Story::new("a contractor's device loses its protection", json!({}));
    let token = |posture: &str| json!({"sid": "contractor", "posture": posture});
    story.home().token(token("compliant"));
    story.allowed(10, "GET", "/orders/{}").allowed(2, "POST", "/orders/{}");
    story.token(token("not-compliant"));
    story.passes_because("GET", "/orders/1", "restrict", &["posture_degraded"]);
    story.refused("POST", "/orders/1", (403, "restrict"), &["application/problem+json", "read-only"]);
    story.refused("GET", "/admin/users", (401, "step_up"), &["insufficient_user_authentication"]);
    story.wait(86_400).passes("GET", "/orders/1", "restrict");
    story.token(token("compliant")).allowed(2, "POST", "/orders/{}");
    story.told()
}

fn api_key_moved() -> Scenario {
    let mut story = Story::new("an API key is used from another country", json!({}));
    story.home().with("user-agent", "python-requests/2.32.3").with("x-api-key", "key-1");
    story.allowed(10, "GET", "/orders/{}").allowed(10, "POST", "/orders/{}");
    story.from("128.199.70.5", "14061", "SG");
    story.passes_because("GET", "/orders/1", "restrict", &["new_country", "new_asn"]);
    story.refused("POST", "/orders/1", (403, "restrict"), &[]);
    story.wait(3600).refused("POST", "/orders/1", (403, "restrict"), &[]);
    story.passes("GET", "/orders/1", "restrict");
    story.told()
}

const PHONE: &str =
    "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/145.0.0.0 Mobile Safari/537.36";

fn honest_phone() -> Scenario {
    let mut story = Story::new("a person's phone goes from Wi-Fi to LTE and back, and updates its browser", json!({}));
    story.home().with("user-agent", PHONE).token(json!({"sid": "alice", "sub": "alice"}));
    story.allowed(12, "GET", "/orders/{}");
    story.from("176.1.77.21", "6805", "DE").allowed(6, "POST", "/orders/{}");
    story.home().allowed(4, "GET", "/orders/{}");
    story.with("user-agent", &PHONE.replace("145", "146")).allowed(4, "POST", "/orders/{}");
    story.from("88.70.3.140", "3209", "DE").allowed(6, "GET", "/orders/{}");
    story.from("84.141.90.3", "3320", "DE").allowed(6, "POST", "/orders/{}");
    story.told()
}

fn traveller() -> Scenario {
    let mut story = Story::new("the same person lands in another country, hours later, with the same phone", json!({}));
    let place = |story: &mut Story, latitude: &str, longitude: &str| {
        story.with("x-geo-latitude", latitude).with("x-geo-longitude", longitude);
    };
    story.home().with("user-agent", PHONE).token(json!({"sid": "traveller"}));
    place(&mut story, "52.52", "13.40");
    story.allowed(20, "GET", "/orders/{}").wait(9 * 3600);
    place(&mut story, "40.71", "-74.01");
    story.from("73.4.5.6", "7922", "US").allowed(5, "GET", "/orders/{}");
    place(&mut story, "35.68", "139.69");
    story.from("126.1.2.3", "17676", "JP").with("user-agent", "curl/8.5.0");
    story.refused("GET", "/orders/1", (401, "step_up"), &[]);
    story.told()
}

fn rules(then: Value) -> Value {
    json!({"rules": [{"name": "writes", "when": {"access": ["write"]}, "then": then}]})
}

fn suspension_ends() -> Scenario {
    let mut story =
        Story::new("a suspension holds for everything and ends by time", rules(json!({"suspend": {"seconds": 60}})));
    story.home().with("x-api-key", "key-2").allowed(1, "GET", "/orders/1");
    story.refused("POST", "/orders/1", (403, "suspend"), &["60"]);
    story.refused("GET", "/orders/1", (403, "suspend"), &["more seconds"]);
    story.wait(60).passes("GET", "/orders/1", "allow");
    story.told()
}

fn revocation_ends() -> Scenario {
    let mut story = Story::new("a revocation ends with a fresh authentication and not by time", rules(json!("revoke")));
    let token = |auth_time: u64| json!({"sid": "bob", "auth_time": auth_time});
    story.home().token(token(START / 1000 - 60)).allowed(1, "GET", "/orders/1");
    story.refused("POST", "/orders/1", (401, "revoke"), &["invalid_token"]);
    story.wait(86_400).refused("GET", "/orders/1", (401, "revoke"), &[]);
    let now = story.now / 1000;
    story.token(token(now)).allowed(1, "GET", "/orders/1");
    story.told()
}

fn shadow() -> Scenario {
    let mut story = Story::new("shadow says what it would have done", json!({"mode": "shadow"}));
    story.home().with("x-api-key", "key-3").allowed(20, "GET", "/orders/{}");
    story.from("128.199.70.5", "14061", "SG");
    let expected = Expected { action: Some("allow"), would: Some("restrict"), ..Expected::default() };
    story.step("POST", "/orders/1", String::new(), Some(expected));
    story.told()
}

fn public_tier() -> Scenario {
    let mut story =
        Story::new("public requests pass whatever the session", rules(json!({"suspend": {"seconds": 600}})));
    story.home().with("x-api-key", "key-4").allowed(1, "GET", "/orders/1");
    story.refused("POST", "/orders/1", (403, "suspend"), &[]);
    story.passes("POST", "/login", "allow").refused("GET", "/orders/1", (403, "suspend"), &[]);
    story.told()
}

fn nobody() -> Scenario {
    let mut story =
        Story::new("a request without identity passes untouched, without what it says of itself", json!({}));
    story.with("X-Session-Risk-Score", "0").with("x-session-risk-anything", "1");
    story.step("GET", "/orders/1", String::new(), Some(Expected::default()));
    story.with("x-api-key", "key-5").passes("GET", "/orders/1", "allow");
    story.told()
}

fn admission() -> Scenario {
    let mut story = Story::new("an unverified session earns its entry by the upstream's word", json!({}));
    story.with("x-api-key", "invented").home();
    for _ in 0..30 {
        story.passes("GET", "/orders/1", "allow").answered(401);
    }
    // Nothing was learned from refused requests, so there is nothing to compare another country with.
    story.from("128.199.70.5", "14061", "SG").passes("POST", "/orders/1", "allow");
    story.told()
}

fn error_probing() -> Scenario {
    let mut story = Story::new("a streak of 404 answers is held against a session", json!({}));
    story.home().with("cookie", "a=1; session=s1").allowed(10, "GET", "/orders/{}");
    for number in 0..6 {
        story.step("GET", &format!("/guess/{number}"), String::new(), None).answered(404);
    }
    // Nothing is ever done to a public request, but it carries the reasons.
    story.passes_because("GET", "/login", "allow", &["error_probing"]);
    story.refused("GET", "/orders/1", (401, "step_up"), &["insufficient_user_authentication"]);
    story.told()
}

fn two_credentials() -> Scenario {
    let mut story = Story::new("two API keys in one request are one too many", json!({}));
    story.home().with("x-api-key", "key-6").allowed(2, "GET", "/orders/1");
    story.headers.push(("x-api-key".to_owned(), "key-7".to_owned()));
    story.refused("GET", "/orders/1", (403, "deny"), &[]);
    story.told()
}

fn mcp_in_both_spellings() -> Scenario {
    let mut story = Story::new("MCP headers agree with the body, also in base64, or the call is refused", json!({}));
    story.home().token(json!({"sid": "mcp"})).with("mcp-method", "tools/call").with("mcp-name", "get_customer");
    story.calls(json!(1), "get_customer", 1, allow());
    story.with("mcp-name", "=?base64?Z2V0X2N1c3RvbWVy?=").calls(json!(2), "get_customer", 2, allow());
    let mismatch = Expected {
        status: Some(400),
        action: Some("header_mismatch"),
        says: vec!["-32020", "\"id\":3"],
        ..Expected::default()
    };
    story.calls(json!(3), "export_customer", 3, mismatch);
    story.without("mcp-method").without("mcp-name").calls(json!(4), "get_customer", 4, allow());
    story.told()
}

fn nonsense() -> Scenario {
    let mut story = Story::new("nonsense in every header gets a decision", json!({}));
    story.with("x-api-key", "key-8").with("x-geo-asn", "99999999999999999999").with("x-geo-country", "Germany");
    story.with("x-geo-latitude", "nan").with("x-geo-longitude", "1e300").with("x-forwarded-for", "unknown, , ::ffff");
    story.with("user-agent", "()<>@,;:").with("x-ja4", "").with("x-jwt-payload", "!!!").with("cookie", ";;=;");
    story.passes("GET", "/orders/%ff%00/../..//admin;x=1/%2e%2e", "allow");
    story.step("POST", "/mcp", "{\"jsonrpc\":".to_owned(), Some(allow()));
    story.step("POST", "/mcp", "[{}]".to_owned(), Some(allow()));
    story.step("POST", "/mcp", "\u{fffd}".repeat(50_000), Some(allow()));
    story.told()
}
