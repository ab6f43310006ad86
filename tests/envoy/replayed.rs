//! The gateway's access log, replayed: the same decisions line by line, in shadow and in force.
//! The story is there to make decisions differ; what each should be is for the scenarios to say.

use super::{FAR, HOME, gateway, send, start};
use gateway::{Client, Example, Gateway, Request, identity::now};
use serde_json::{Value, json};
use session_risk::{
    replay::{
        Replay,
        record::{Record, Unread},
    },
    response::Told,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const LAPTOP: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const CLOUD: &str = "140.82.113.9";

/// Sends requests one after the other and counts them.
struct Teller<'a> {
    gateway: &'a Gateway,
    client: Client,
    sent: usize,
}

impl Teller<'_> {
    fn send(&mut self, request: &Request) {
        send(&mut self.client, request);
        self.sent += 1;
    }

    fn token(&self, claims: Value) -> String {
        format!("Bearer {}", self.gateway.identity.token(claims))
    }
}

fn from(method: &str, path: &str, address: &str) -> Request {
    Request::new(method, path).header("x-forwarded-for", address)
}

/// A person who writes, moves, is challenged, and signs in again; whose device falls out of compliance at the end.
fn person(teller: &mut Teller<'_>) {
    let claims = |auth_time: u64, posture: &str| {
        json!({ "sub": "alice", "sid": "p1", "auth_time": auth_time, "scope": "openid orders",
            "device": { "posture": posture } })
    };
    let at_home = teller.token(claims(now() - 3_600, "compliant"));
    let signed =
        |request: Request, token: &str, agent: &str| request.header("authorization", token).header("user-agent", agent);
    for number in 0..12 {
        teller.send(&signed(from("GET", &format!("/v1/orders/{number}?page=2"), HOME), &at_home, LAPTOP));
    }
    teller.send(&signed(from("POST", "/v1/orders", HOME), &at_home, LAPTOP).body("{}"));
    for (method, path) in
        [("GET", "/v1/orders/1"), ("POST", "/v1/orders"), ("GET", "/admin/users"), ("POST", "/admin/users")]
    {
        teller.send(&signed(from(method, path, FAR), &at_home, "curl/8.5.0"));
    }
    let mut fresh = claims(now(), "compliant");
    fresh["acr"] = json!("urn:example:mfa");
    fresh["scope"] = json!("openid orders admin");
    let fresh = teller.token(fresh);
    for path in ["/admin/users", "/v1/orders/1"] {
        teller.send(&signed(from("GET", path, FAR), &fresh, "curl/8.5.0"));
    }
    let lost = teller.token(claims(now(), "not-compliant"));
    for method in ["GET", "POST"] {
        teller.send(&signed(from(method, "/v1/orders", FAR), &lost, LAPTOP));
    }
}

/// A key that nobody vouches for: refused at first, so in no table; then it works, probes, and comes twice.
fn api_key(teller: &mut Teller<'_>) {
    let keyed = |method: &str, path: &str, status: &str| {
        from(method, path, HOME).header("x-api-key", "k1").header("x-upstream-status", status)
    };
    let elsewhere = from("GET", "/v1/orders", FAR).header("x-api-key", "k1").header("x-upstream-status", "401");
    teller.send(&elsewhere);
    for number in 0..6 {
        teller.send(&keyed("GET", &format!("/v1/orders?page={number}"), "200"));
    }
    for guess in 0..6 {
        teller.send(&keyed("GET", &format!("/backup/{guess}.zip"), "404"));
    }
    teller.send(&keyed("GET", "/v1/orders", "200"));
    teller.send(&keyed("POST", "/v1/orders", "200").body("{}"));
    teller.send(&keyed("GET", "/v1/orders", "200").header("x-api-key", "k2"));
    teller.send(&from("GET", "/v1/orders", CLOUD).header("x-api-key", "k1").header("authorization", "Basic !!!"));
}

/// Two agents whose tokens name a key and their tools. One looks up and then exports; one strays, sends nonsense, and
/// loses its key.
fn agents(teller: &mut Teller<'_>) {
    let token = |sid: &str| {
        teller.token(json!({ "sub": "bot", "sid": sid, "auth_time": now() - 60, "cnf": { "jkt": "thumb" },
            "scope": "mcp tool:get_customer tool:export_customer" }))
    };
    let tokens = [token("a1"), token("a2"), token("a3")];
    let post =
        |agent: usize, body: String| from("POST", "/mcp", CLOUD).header("authorization", &tokens[agent]).body(body);
    let call = |agent, method: &str, params: Value| {
        post(agent, json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string())
    };
    let tool =
        |agent, name: &str, id: u32| call(agent, "tools/call", json!({ "name": name, "arguments": { "id": id } }));
    let proven = |request: Request| request.header("dpop", "proof");
    for agent in [0, 1] {
        teller.send(&proven(call(agent, "initialize", json!({ "clientInfo": { "name": "bot" } }))));
        for id in 0..25 {
            teller.send(&proven(tool(agent, "get_customer", id % 9)));
        }
    }
    for id in 100..120 {
        teller.send(&proven(tool(0, "export_customer", id)));
    }
    teller.send(&proven(call(1, "resources/read", json!({ "uri": "file:///home/alice/notes.txt" }))));
    teller.send(&proven(tool(1, "delete_customer", 3)));
    teller.send(&proven(post(1, "{\"jsonrpc\":".to_owned())));
    teller.send(&tool(1, "get_customer", 1));
    teller.send(&proven(tool(1, "export_customer", 1)));
    // One that never brought its key.
    teller.send(&tool(2, "get_customer", 1));
}

/// A job whose work repeats, and that reaches for administration.
fn job(teller: &mut Teller<'_>) {
    let token = teller.token(json!({ "sub": "ci", "sid": "j1", "client_kind": "ci", "auth_time": now() - 3_600 }));
    let signed = |method: &str, path: &str| from(method, path, CLOUD).header("authorization", &token);
    for number in 0..10 {
        teller.send(&signed("PUT", &format!("/v1/jobs/{number}/status")).body("{}"));
    }
    teller.send(&signed("POST", "/admin/users").body("{}"));
}

/// What has no score: nobody's request, and a call whose headers contradict its body.
fn unscored(teller: &mut Teller<'_>) {
    teller.send(&from("GET", "/healthz", HOME));
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "export_customer" } });
    let lying = from("POST", "/mcp", HOME).header("x-api-key", "k3").header("mcp-name", "get_customer");
    teller.send(&lying.body(body.to_string()));
}

/// The lines of the log once all of them are there.
fn log(gateway: &Gateway, lines: usize) -> Vec<String> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let text = std::fs::read_to_string(&gateway.envoy.log.path).unwrap_or_default();
        let whole: Vec<String> = text.lines().map(str::to_owned).collect();
        if whole.len() >= lines || Instant::now() > deadline {
            assert_eq!(whole.len(), lines, "a line for each request");
            return whole;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The filter's configuration as the example has it.
fn configuration(mode: &str) -> Value {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/envoy-config/access-log.yaml")).unwrap();
    let begin = text.find("value: |").expect("the configuration is a block of text") + "value: |".len();
    let end = text.find("# session-risk ends").expect("it is marked where it ends");
    let mut configuration: Value = serde_json::from_str(&text[begin..end]).unwrap();
    configuration["mode"] = json!(mode);
    configuration
}

/// Replays each line and compares what it says of the decision. Returns what was decided and why, of all lines.
fn compare(lines: &[String], configuration: &Value) -> (BTreeSet<String>, usize) {
    let mut replay = Replay::new(configuration).unwrap();
    let (mut seen, mut anonymous) = (BTreeSet::new(), 0);
    for (number, line) in lines.iter().enumerate() {
        let logged: Value = serde_json::from_str(line).unwrap();
        let record = match Record::parse(line.as_bytes()) {
            Ok(record) => record,
            Err(Unread::Anonymous) => {
                anonymous += 1;
                assert_eq!(logged["score"], Value::Null, "{line}");
                continue;
            }
            Err(other) => panic!("line {number}: {other}: {line}"),
        };
        let step = replay.step(&record).expect("a session");
        let mut state: BTreeMap<&str, String> = BTreeMap::new();
        let mut set = |name, value: &str| drop(state.insert(name, value.to_owned()));
        Told::of(&step.assessment).filter_state(step.facts.key, true, &mut set);
        for name in ["session", "score", "level", "action", "would", "reasons"] {
            let decided = state.get(format!("session_risk.{name}").as_str()).map(String::as_str);
            assert_eq!(logged[name].as_str(), decided, "line {number}, {name}: {line}");
        }
        let words = ["level", "action", "would", "reasons"].into_iter().filter_map(|name| logged[name].as_str());
        seen.extend(words.flat_map(|words| words.split(',')).map(str::to_owned));
    }
    (seen, anonymous)
}

/// The command reads the same file: every line that has a session, and no complaint.
fn command(directory: &Path, log: &Path, configuration: &Value, decisions: usize) {
    let file = directory.join("filter.json");
    std::fs::write(&file, configuration.to_string()).unwrap();
    let ran = Command::new(env!("CARGO_BIN_EXE_session-risk"))
        .args(["replay", "--jsonl", "--config"])
        .args([&file, log])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{errors}");
    assert_eq!(String::from_utf8_lossy(&ran.stdout).lines().count(), decisions, "{errors}");
    assert!(errors.contains("no session in 2 lines"), "{errors}");
    assert!(errors.contains("0 malformed"), "{errors}");
}

fn replayed(mode: &str, wanted: &[&str]) {
    let name = format!("replayed-{mode}");
    let replaced = vec![("\"mode\": \"shadow\"".to_owned(), format!("\"mode\": \"{mode}\""))];
    let gateway = start(&name, &Example { replaced, ..Example::named("access-log.yaml") });
    let mut teller = Teller { gateway: &gateway, client: gateway.client(), sent: 0 };
    let stories = [person, api_key, agents, job, unscored];
    stories.iter().for_each(|story| story(&mut teller));
    let sent = teller.sent;
    let lines = log(&gateway, sent);
    for secret in ["alice", "notes.txt", "k1", "thumb", "proof", "Bearer", "page="] {
        assert!(!lines.iter().any(|line| line.contains(secret)), "`{secret}` is in the log");
    }
    let configuration = configuration(mode);
    let (seen, anonymous) = compare(&lines, &configuration);
    assert_eq!(anonymous, 2);
    for word in wanted {
        assert!(seen.contains(*word), "nothing came to {word}; what did: {seen:?}");
    }
    let path = gateway.envoy.log.path.clone();
    command(path.parent().unwrap(), &path, &configuration, sent - anonymous);
}

const REASONS: [&str; 10] = [
    "new_country",
    "new_asn",
    "user_agent_changed",
    "posture_degraded",
    "binding_lost",
    "sensitive_first_use",
    "out_of_scope",
    "bulk_export",
    "error_probing",
    "duplicate_identity",
];

#[test]
fn a_replay_of_the_access_log_decides_as_the_gateway_did_in_shadow() {
    replayed("shadow", &[&REASONS[..], &["deny", "step_up", "restrict", "suspend", "critical"]].concat());
}

#[test]
fn a_replay_of_the_access_log_decides_as_the_gateway_did_in_force() {
    replayed("enforce", &[&REASONS[..], &["deny", "step_up", "restrict", "suspend"]].concat());
}
