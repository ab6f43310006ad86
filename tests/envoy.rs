//! End to end: a real Envoy (`$ENVOY`, else what `tests/find-envoy` finds) with every example under `envoy-config/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, unreachable_pub, missing_docs)]

#[path = "demo/cases.rs"]
#[allow(dead_code)]
mod cases;
#[path = "envoy/clients.rs"]
mod clients;
#[path = "envoy/enforcement.rs"]
mod enforcement;
mod gateway;
#[allow(dead_code)]
#[path = "scenarios/outcome.rs"]
mod outcome;
#[path = "envoy/replayed.rs"]
mod replayed;
#[path = "envoy/rollout.rs"]
mod rollout;
#[allow(dead_code)]
#[path = "scenarios/table.rs"]
mod table;
#[path = "demo/timeline.rs"]
#[allow(dead_code)]
mod timeline;

use gateway::{Client, Envoy, Example, Gateway, Reply, Request, envoy};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| envoy::find(None).unwrap_or_else(|error| panic!("{error}")))
}

fn directory(name: &str) -> PathBuf {
    let version = envoy::version(binary()).unwrap();
    let directory = gateway::target().join("envoy-tests").join(version).join(name);
    drop(std::fs::remove_dir_all(&directory));
    directory
}

fn try_start(name: &str, example: &Example) -> Result<Gateway, String> {
    let module = gateway::module().unwrap_or_else(|error| panic!("{error}"));
    Gateway::start(example, &directory(name), binary(), &module)
}

fn start(name: &str, example: &Example) -> Gateway {
    try_start(name, example).unwrap_or_else(|error| panic!("{error}"))
}

fn api_key(method: &str, path: &str, key: &str, from: &str) -> Request {
    Request::new(method, path).header("x-api-key", key).header("x-forwarded-for", from)
}

fn send(client: &mut Client, request: &Request) -> Reply {
    client.send(request).unwrap_or_else(|error| panic!("no reply to {} {}: {error}", request.method, request.path))
}

/// What the upstream saw in a header, as its echo says.
fn echoed(reply: &Reply, name: &str) -> Option<String> {
    reply.json()["headers"][name].as_str().map(str::to_owned)
}

/// The audit lines in Envoy's own log.
fn audit(envoy: &Envoy) -> Vec<Value> {
    let log = envoy.own_log();
    let lines = log.lines().filter_map(|line| line.find("{\"session_risk\":\"decision\"").map(|start| &line[start..]));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

const HOME: &str = "84.130.12.7";
const FAR: &str = "128.199.70.5";

#[test]
fn the_five_sessions_of_the_demo() {
    let gateway = start("cases", &Example { concurrency: 2, ..Example::named("envoy.yaml") });
    for case in cases::CASES {
        let mut timeline = timeline::Timeline::new(case.name, case.story, false);
        if let Err(problem) = (case.run)(&gateway, &mut timeline) {
            panic!("{}: {problem}", case.name);
        }
    }
}

/// The scenario table's driver for a real Envoy.
struct ThroughEnvoy {
    gateway: Gateway,
    client: Client,
    sent: usize,
}

impl ThroughEnvoy {
    /// The minimal example without its stripping, so that a scenario can say what a gateway in front would have said.
    fn new(number: usize, scenario: &table::Scenario) -> Self {
        let set_in_front = ["jwt-payload", "geo-country", "geo-asn", "geo-latitude", "geo-longitude"];
        let configuration = "configuration: # session-risk begins";
        let mut replaced: Vec<_> = set_in_front
            .map(|name| (name, format!("- remove: x-{name}")))
            .into_iter()
            .map(|(name, line)| (line, format!("- remove: x-not-{name}")))
            .collect();
        let holds = format!("allow_on_headers_stop_iteration: true\n                {configuration}");
        replaced.push((configuration.to_owned(), holds));
        let trusting = "use_remote_address: true\n          preserve_external_request_id: true";
        replaced.push(("use_remote_address: true".to_owned(), trusting.to_owned()));
        let example =
            Example { configuration: Some(scenario.configuration.clone()), replaced, ..Example::named("minimal.yaml") };
        let gateway = start(&format!("scenario-{number}"), &example);
        let client = gateway.client();
        Self { gateway, client, sent: 0 }
    }
}

impl outcome::Driver for ThroughEnvoy {
    fn step(&mut self, step: &table::Step) -> outcome::Became {
        self.sent += 1;
        let id = format!("step-{}", self.sent);
        let mut request = Request::new(step.method, &step.path).body(&step.body);
        for (name, value) in &step.headers {
            request = request.header(name, value);
        }
        let request = request.header("x-upstream-status", step.upstream.to_string()).header("x-request-id", &id);
        let reply = send(&mut self.client, &request);
        let reply_json = reply.json();
        if let Some(headers) = reply_json["headers"].as_object() {
            let ours = headers.iter().filter(|(name, _)| name.starts_with("x-session-risk-"));
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            return outcome::Became::Forwarded(ours.map(|(name, value)| (name.clone(), text(value))).collect());
        }
        let line = self.gateway.envoy.log.line(&id).expect("a local reply is in the access log");
        let details = line["details"].as_str().unwrap_or_default().to_owned();
        outcome::Became::Replied(reply.status, details, reply.headers.clone(), reply.text())
    }

    fn table(&self) -> std::collections::BTreeMap<Vec<u8>, Vec<u8>> {
        // Envoy shows nobody its shared data.
        std::collections::BTreeMap::new()
    }
}

#[test]
fn every_scenario_that_needs_no_clock_of_its_own() {
    let scenarios: Vec<_> = table::all().into_iter().filter(|scenario| scenario.timeless).collect();
    assert!(scenarios.len() >= 8, "{} scenarios", scenarios.len());
    for (number, scenario) in scenarios.iter().enumerate() {
        outcome::run(scenario, &mut ThroughEnvoy::new(number, scenario));
    }
}

#[test]
fn claims_may_come_from_dynamic_metadata() {
    let replaced = vec![
        ("forward_payload_header: x-jwt-payload".to_owned(), "payload_in_metadata: jwt_payload".to_owned()),
        ("{ \"header\": \"x-jwt-payload\" }".to_owned(), "{ \"metadata\": \"jwt_payload\" }".to_owned()),
    ];
    let gateway = start("metadata", &Example { replaced, ..Example::named("envoy.yaml") });
    for case in cases::CASES.iter().filter(|case| matches!(case.name, "ci-admin" | "device-lost")) {
        let mut timeline = timeline::Timeline::new(case.name, case.story, false);
        if let Err(problem) = (case.run)(&gateway, &mut timeline) {
            panic!("{}: {problem}", case.name);
        }
    }
}

#[test]
fn numbers_that_a_token_states_hold_from_header_and_metadata() {
    let metadata = [
        ("forward_payload_header: x-jwt-payload".to_owned(), "payload_in_metadata: jwt_payload".to_owned()),
        ("{ \"header\": \"x-jwt-payload\" }".to_owned(), "{ \"metadata\": \"jwt_payload\" }".to_owned()),
    ];
    for (name, source) in [("numbers-header", &metadata[..0]), ("numbers-metadata", &metadata[..])] {
        let device = "\"device\": {".to_owned();
        let limits = r#""budgets": [{"writes_claim": "budget.writes"}], "grant": {"until": "pam.until"}, "device": {"#;
        let replaced = source.iter().cloned().chain([(device, limits.to_owned())]).collect();
        let gateway = start(name, &Example { replaced, ..Example::named("envoy.yaml") });
        let mut client = gateway.client();
        let until = gateway::identity::now() + 600;
        let claims = serde_json::json!({"sub": "alice", "sid": name, "budget": {"writes": 2}, "pam": {"until": until}});
        let token = format!("Bearer {}", gateway.identity.token(claims));
        let mut ask = |method: &str, path: &str| {
            let request = Request::new(method, path).header("authorization", &*token);
            send(&mut client, &request.header("x-session-risk-grant-expires", "1").header("x-forwarded-for", HOME))
        };
        for expected in [200, 200, 403] {
            assert_eq!(ask("POST", "/v1/orders").status, expected, "{name}");
        }
        let read = ask("GET", "/v1/orders");
        assert_eq!((read.status, echoed(&read, "x-session-risk-grant-expires")), (200, None), "{name}");
        let left = echoed(&ask("GET", "/admin/users"), "x-session-risk-grant-expires").map(|left| left.parse::<u64>());
        assert!(matches!(left, Some(Ok(500..=600))), "{name}: {left:?}");
    }
}

#[test]
fn a_client_cannot_speak_for_the_filter_or_for_geoip() {
    let gateway = start("spoof", &Example::named("envoy.yaml"));
    let mut client = gateway.client();
    let spoofed = |request: Request| {
        request
            .header("x-session-risk-score", "0")
            .header("X-Session-Risk-Reasons", "none")
            .header("x-session-risk-anything", "1")
            .header("x-geo-country", "US")
    };
    let anonymous = send(&mut client, &spoofed(Request::new("GET", "/v1/orders")));
    assert_eq!(anonymous.status, 200);
    for name in ["x-session-risk-score", "x-session-risk-reasons", "x-session-risk-anything", "x-geo-country"] {
        assert_eq!(echoed(&anonymous, name), None, "{name}");
    }
    assert_eq!(gateway.envoy.counter("unscored.cause.no_session"), 1);
    let keyed = send(&mut client, &spoofed(api_key("GET", "/v1/orders", "spoofer", HOME)));
    assert_eq!(echoed(&keyed, "x-session-risk-score").as_deref(), Some("0"));
    assert_eq!(echoed(&keyed, "x-session-risk-level").as_deref(), Some("low"));
    assert_eq!(echoed(&keyed, "x-session-risk-reasons"), None);
    assert_eq!(echoed(&keyed, "x-geo-country").as_deref(), Some("DE"));
}

#[test]
fn hostile_bytes_cost_nobody_a_worker() {
    let gateway = start("hostile", &Example::named("envoy.yaml"));
    let mut client = gateway.client();
    let hostile: Vec<Request> = vec![
        api_key("GET", "/v1/orders", "k", HOME).header("user-agent", b"\xff\xfe\x80"),
        Request::new("GET", "/v1/orders").header("x-api-key", b"\xff\xff"),
        Request::new("GET", "/v1/orders").header("x-api-key", "a").header("x-api-key", "b"),
        Request::new("GET", "/v1/orders").header("authorization", "Basic !!!").header("x-api-key", "k"),
        Request::new("GET", "/v1/orders").header("x-api-key", vec![b'a'; 50_000]),
        api_key("GET", "/v1/orders", "k", "not an address"),
        api_key("GET", "/%ff%fe/%00", "k", HOME),
        api_key("POST", "/mcp", "k", HOME).body("{\"jsonrpc\":"),
        api_key("POST", "/mcp", "k", HOME).body(b"\xff\xff\xff"),
        api_key("POST", "/mcp", "k", HOME).body(vec![b'['; 70_000]),
        api_key("POST", "/mcp", "k", HOME).header("mcp-method", "=?base64?!!!?=").body("{}"),
    ];
    for request in &hostile {
        let reply = send(&mut client, request);
        assert!(reply.status < 500, "{} for {:?}", reply.status, request.path);
    }
    let reply = send(&mut client, &api_key("GET", "/v1/orders", "honest", HOME));
    assert_eq!(reply.status, 200);
    assert_eq!(gateway.envoy.stat("wasm.session_risk.vm_reload_success"), 0, "nothing trapped");
    assert!(gateway.envoy.counter("malformed") > 0);
    let duplicates = gateway.envoy.counter("signals.kind.duplicate_identity");
    assert_eq!(duplicates, 1);
}

#[test]
fn two_workers_share_a_session_and_lose_no_update() {
    let gateway = start("workers", &Example { concurrency: 2, ..Example::named("envoy.yaml") });
    let port = gateway.envoy.port;
    // The first request lets the session in; from then on every request is an update.
    send(&mut gateway.client(), &api_key("GET", "/v1/orders", "shared", HOME));
    let threads: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut client = Client::new(port);
                for _ in 0..400 {
                    assert_eq!(send(&mut client, &api_key("GET", "/v1/orders", "shared", HOME)).status, 200);
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let deferred = gateway.envoy.counter("table.deferred");
    if deferred > 0 {
        std::thread::sleep(std::time::Duration::from_millis(1500));
    }
    assert_eq!(gateway.envoy.counter("table.dropped"), 0);
    send(&mut gateway.client(), &api_key("GET", "/v1/orders", "shared", FAR));
    let lines = audit(&gateway.envoy);
    let moved = lines.last().expect("a move to another country is audited");
    assert_eq!(moved["requests"], 8 * 400 + 2, "conflicts: {}", gateway.envoy.counter("table.conflicts"));
}

#[test]
fn sessions_survive_a_new_configuration_and_a_bad_one_is_refused() {
    let example = Example { dynamic: true, ..Example::named("envoy.yaml") };
    let gateway = start("reload", &example);
    let mut client = gateway.client();
    for _ in 0..5 {
        assert_eq!(send(&mut client, &api_key("POST", "/v1/orders", "kept", HOME)).status, 200);
    }
    let configuration = |secret: &str, extra: &str| {
        format!(
            "{{\"secret\":\"{secret}\",\"session\":{{\"payload\":{{\"header\":\"x-jwt-payload\"}},\"key\":[{{\"claims\":[\"sid\"]}},{{\"header\":\"x-api-key\"}}]}}{extra}}}"
        )
    };
    let push = |configuration: String| {
        let before = gateway.envoy.stat("listener_manager.lds.update_attempt");
        let changed = Example { configuration: Some(configuration), ..example.clone() };
        gateway.envoy.push(&changed).unwrap();
        for _ in 0..200 {
            if gateway.envoy.stat("listener_manager.lds.update_attempt") > before {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(25));
        }
        std::thread::sleep(std::time::Duration::from_millis(300));
    };
    let secret = "change-me-this-is-only-an-example";
    push(configuration(secret, ",\"levels\":{\"elevated\":90,\"high\":20,\"critical\":35},\"tyop\":1"));
    assert_eq!(gateway.envoy.stat("listener_manager.lds.update_rejected"), 1);
    let log = gateway.envoy.own_log();
    assert!(log.contains("invalid config at `tyop`: unknown field"), "the log says what is wrong");
    assert_eq!(
        send(&mut client, &api_key("POST", "/v1/orders", "kept", HOME)).status,
        200,
        "the old one keeps serving"
    );
    push(configuration(secret, ""));
    assert_eq!(gateway.envoy.stat("listener_manager.lds.update_success"), 2);
    let mut client = gateway.client();
    let moved = send(&mut client, &api_key("POST", "/v1/orders", "kept", FAR));
    assert_eq!(moved.status, 403, "the session's home is still known");
}

#[test]
fn a_bad_configuration_does_not_start_and_says_why() {
    let example = Example {
        configuration: Some("{\"secret\":\"short\",\"levls\":{},\"table\":{\"ways\":99}}".to_owned()),
        ..Example::named("minimal.yaml")
    };
    let Err(error) = try_start("bad-config", &example) else { panic!("it started") };
    for text in [
        "`secret`",
        "did you mean `levels`?",
        "invalid config at `table.ways`: expected a whole number in 1..=16, found `99`",
    ] {
        assert!(error.contains(text), "{text} in {error}");
    }
}

#[test]
fn shadow_says_what_it_would_have_done() {
    let example = Example {
        configuration: Some(
            "{\"secret\":\"change-me-this-is-only-an-example\",\"mode\":\"shadow\",\"session\":{\"key\":[\"bearer\"]},\
             \"rules\":[{\"name\":\"no-writes\",\"when\":{\"access\":[\"write\"]},\"then\":\"deny\"}]}"
                .to_owned(),
        ),
        ..Example::named("minimal.yaml")
    };
    let gateway = start("shadow", &example);
    let mut client = gateway.client();
    let reply = send(&mut client, &Request::new("POST", "/x").header("authorization", "Bearer abc"));
    assert_eq!(reply.status, 200);
    assert_eq!(echoed(&reply, "x-session-risk-action").as_deref(), Some("allow"));
    assert_eq!(echoed(&reply, "x-session-risk-would").as_deref(), Some("deny"));
    assert_eq!(gateway.envoy.counter("decisions.action.deny.mode.shadow"), 1);
    assert_eq!(audit(&gateway.envoy)[0]["rule"], "no-writes");
}

#[test]
fn what_the_application_reports_counts_and_no_client_sees_it() {
    let configuration = |reported: &str| {
        format!(
            "{{\"secret\":\"change-me-this-is-only-an-example\",\"mode\":\"shadow\",{reported}\
             \"session\":{{\"key\":[{{\"header\":\"x-api-key\"}}]}}}}"
        )
    };
    let told = |name: &str, reported: &str| {
        let example = Example { configuration: Some(configuration(reported)), ..Example::named("minimal.yaml") };
        let gateway = start(name, &example);
        let mut client = gateway.client();
        let mut ask = |report: Option<&str>| {
            let request = Request::new("GET", "/x").header("x-api-key", "k");
            let request = report.map_or(request.clone(), |word| request.header("x-upstream-report", word));
            let reply = send(&mut client, &request);
            (echoed(&reply, "x-session-risk-score").unwrap(), reply.header("x-session-risk-signal").map(str::to_owned))
        };
        [ask(None), ask(Some("suspicious")), ask(None)]
    };
    let seen = |score: &str, header: Option<&str>| (score.to_owned(), header.map(str::to_owned));
    let on = told("reported", "\"reported\":{},");
    assert_eq!(on, [seen("0", None), seen("0", None), seen("10", None)], "counts from the next request on");
    let off = told("unreported", "");
    assert_eq!(
        off,
        [seen("0", None), seen("0", Some("suspicious")), seen("0", None)],
        "off: the answer is not touched"
    );
}

#[test]
fn the_minimal_example_watches_an_api_key() {
    let gateway = start("minimal", &Example::named("minimal.yaml"));
    let mut client = gateway.client();
    let reply = send(&mut client, &Request::new("GET", "/x").header("x-api-key", "k").header("x-request-id", "r1"));
    assert_eq!(echoed(&reply, "x-session-risk-action").as_deref(), Some("allow"));
    assert_eq!(gateway.envoy.counter("requests"), 1);
}

#[test]
fn a_flood_of_invented_keys_stores_nothing() {
    let gateway = start("flood", &Example { concurrency: 2, ..Example::named("envoy.yaml") });
    let mut client = gateway.client();
    send(&mut client, &api_key("GET", "/v1/orders", "real", HOME));
    assert_eq!(gateway.envoy.counter("table.inserted"), 1);
    for number in 0..2_000 {
        let invented =
            api_key("GET", "/v1/orders", &format!("invented-{number}"), FAR).header("x-upstream-status", "401");
        assert_eq!(send(&mut client, &invented).status, 401);
    }
    assert_eq!(gateway.envoy.counter("table.inserted"), 1, "only what the upstream accepts earns an entry");
    assert_eq!(send(&mut client, &api_key("POST", "/v1/orders", "real", FAR)).status, 403, "the real session is kept");
}

fn tool_call(id: u32, tool: &str, argument: u32) -> Request {
    let arguments = json!({"id": argument});
    let body =
        json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": tool, "arguments": arguments}});
    Request::new("POST", "/mcp")
        .header("x-api-key", "agent")
        .header("authorization", "Bearer agent")
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(body.to_string())
}

#[test]
fn a_wrong_setting_delays_a_call_and_does_not_hang_it() {
    let example = Example {
        configuration: Some(
            "{\"secret\":\"change-me-this-is-only-an-example\",\"session\":{\"key\":[{\"header\":\"x-api-key\"}]},\
             \"routes\":[{\"path\":\"/mcp\",\"protocol\":\"mcp\"}],\"mcp\":{\"read_body\":true,\"body_timeout_ms\":300}}"
                .to_owned(),
        ),
        ..Example::named("minimal.yaml")
    };
    let gateway = start("no-stop-iteration", &example);
    let reply = send(&mut gateway.client(), &tool_call(1, "get_customer", 1));
    assert_eq!(reply.status, 200);
    assert_eq!(gateway.envoy.counter("mcp.body_timeout"), 1);
    assert!(gateway.envoy.own_log().contains("allow_on_headers_stop_iteration"), "the log says which setting");
}

#[test]
fn a_header_that_contradicts_the_body_is_refused() {
    let gateway = start("mismatch", &Example::named("envoy.yaml"));
    let mut client = gateway.client();
    let lying =
        tool_call(7, "export_customer", 1).header("mcp-method", "tools/call").header("mcp-name", "get_customer");
    let reply = send(
        &mut client,
        &Request { headers: lying.headers.into_iter().filter(|(n, _)| n != b"authorization").collect(), ..lying },
    );
    assert_eq!((reply.status, reply.json()["error"]["code"].clone()), (400, json!(-32020)));
    assert_eq!(reply.json()["id"], 7);
    assert!(gateway.upstream.seen().is_empty());
}

#[test]
fn envoys_own_mcp_filter_names_the_tools() {
    let version = envoy::version(binary()).unwrap();
    let minor: u32 = version.split('.').nth(1).unwrap().parse().unwrap();
    if minor < 39 {
        println!("skipped: Envoy {version} writes no MCP metadata; 1.39 and later do");
        return;
    }
    let gateway = start("mcp", &Example::named("mcp.yaml"));
    let mut client = gateway.client();
    for id in 0..24 {
        let reply = send(&mut client, &tool_call(id, "get_customer", id));
        assert_eq!(echoed(&reply, "x-session-risk-action").as_deref(), Some("allow"));
    }
    let refused =
        (0..20).map(|id| send(&mut client, &tool_call(id, "export_customer", id))).find(|reply| reply.status != 200);
    let refused = refused.expect("twenty exports suspend the agent");
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"]["data"]["action"], "suspend");
}

#[test]
fn a_client_certificate_is_a_session_with_a_fingerprint() {
    let name = directory("tls");
    std::fs::create_dir_all(&name).unwrap();
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).current_dir(&name).output();
        let output = output.expect("openssl runs; on Debian or Ubuntu: apt-get install openssl");
        assert!(output.status.success(), "openssl: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (file, subject) in [("server", "/CN=gateway"), ("ca", "/CN=client")] {
        let (key, certificate) = (format!("{file}.key"), format!("{file}.crt"));
        let new = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", subject];
        openssl(&[&new[..], &["-keyout", &key, "-out", &certificate]].concat());
    }
    let module = gateway::module().unwrap();
    let gateway =
        Gateway::start(&Example::named("tls.yaml"), &name, binary(), &module).unwrap_or_else(|e| panic!("{e}"));
    let connect = format!("127.0.0.1:{}", gateway.envoy.port);
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &connect, "-cert", "ca.crt", "-key", "ca.key"])
        .current_dir(&name)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = "GET /x HTTP/1.1\r\nhost: app.test\r\nx-ja4: forged\r\nconnection: close\r\n\r\n";
    std::io::Write::write_all(client.stdin.as_mut().unwrap(), request.as_bytes()).unwrap();
    let output = client.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    let seen = gateway.upstream.seen();
    let header = |name: &str| seen[0].headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
    assert_eq!(header("x-session-risk-action").as_deref(), Some("allow"));
    assert!(header("x-ja4").is_some_and(|ja4| ja4.starts_with("t13")), "Envoy's fingerprint, not the client's");
    assert_eq!(gateway.envoy.counter("table.inserted"), 1, "a certificate was verified in front of the filter");
}

#[test]
fn a_demo_that_is_asked_to_end_takes_its_envoy_along() {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_session-risk-demo"))
        .args(["up", "--envoy"])
        .arg(binary())
        .arg("--wasm")
        .arg(gateway::module().unwrap())
        .env("CARGO_TARGET_DIR", directory("up"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // Kept open to the end: the demo must not meet a closed pipe.
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(demo.stdout.take().unwrap())).map(Result::unwrap);
    let port = said.find_map(|line| line.trim().strip_prefix("PORT=").map(str::to_owned));
    let port = port.expect("it prints its port").parse().unwrap();
    assert_eq!(send(&mut Client::new(port), &Request::new("GET", "/v1/orders")).status, 200);
    assert!(Command::new("kill").args(["-TERM", &demo.id().to_string()]).status().unwrap().success());
    assert!(demo.wait().unwrap().success());
    assert!(Client::new(port).send(&Request::new("GET", "/v1/orders")).is_err(), "nobody listens there any more");
}
