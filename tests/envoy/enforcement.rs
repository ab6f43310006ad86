//! Refusals, the interface for operators, the record and the kill switch through a real Envoy. What each reply says to the
//! last byte is in the scenarios.

use crate::gateway::{Client, Example, Gateway, Request};
use crate::{audit, send, start};
use serde_json::json;
use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU16, Ordering},
    },
    time::Duration,
};

/// No writes: the policy of these tests.
fn configuration(mode: &str, then: &str) -> String {
    format!(
        "{{\"secret\":\"change-me-this-is-only-an-example\",\"mode\":\"{mode}\",\
         \"session\":{{\"key\":[{{\"header\":\"x-api-key\"}}]}},\
         \"rules\":[{{\"name\":\"no-writes\",\"when\":{{\"access\":[\"write\"]}},\"then\":{then}}}]}}"
    )
}

fn example(mode: &str, then: &str) -> Example {
    Example { configuration: Some(configuration(mode, then)), ..Example::named("minimal.yaml") }
}

fn keyed(method: &str, path: &str, key: &str) -> Request {
    Request::new(method, path).header("x-api-key", key)
}

#[test]
fn operators_reach_the_interface_and_clients_do_not() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let replaced = vec![("port_value: 10001".to_owned(), format!("port_value: {port}"))];
    let gateway = start("admin", &Example { replaced, concurrency: 2, ..Example::named("admin.yaml") });
    let (mut client, mut operator) = (gateway.client(), Client::new(port));
    let asked = |method: &str, path: &str| {
        let request = Request::new(method, path).header("authorization", "Bearer example-admin-secret");
        request.header("x-session-identity", "k")
    };
    assert_eq!(send(&mut client, &keyed("GET", "/x", "k")).status, 200);
    let read = send(&mut operator, &asked("GET", "/session-risk/sessions/-"));
    assert_eq!((read.status, read.json()["requests"].clone()), (200, json!(1)));
    assert_eq!(read.header("content-type"), Some("application/json"));
    // The same path on the clients' listener is the application's.
    let outside = send(&mut client, &asked("POST", "/session-risk/sessions/-/revoke").header("x-api-key", "k"));
    assert_eq!((outside.status, outside.json()["path"].clone()), (200, json!("/session-risk/sessions/-/revoke")));
    let wrong = Request::new("GET", "/session-risk/sessions").header("authorization", "Bearer guess");
    let wrong = send(&mut operator, &wrong);
    assert_eq!((wrong.status, wrong.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(send(&mut operator, &asked("GET", "/elsewhere")).status, 404, "nothing is forwarded from there");

    assert_eq!(send(&mut operator, &asked("POST", "/session-risk/sessions/-/revoke")).status, 200);
    assert_eq!(send(&mut client, &keyed("GET", "/x", "k")).status, 401);
    assert_eq!(send(&mut client, &keyed("GET", "/x", "other")).status, 200);
    let list = send(&mut operator, &asked("GET", "/session-risk/sessions"));
    assert_eq!(list.json()["sessions"][0]["sanction"], "revoked");
    assert_eq!(send(&mut operator, &asked("POST", "/session-risk/sessions/-/release")).status, 200);
    assert_eq!(send(&mut client, &keyed("GET", "/x", "k")).status, 200);
    let log = gateway.envoy.own_log();
    assert!(log.contains("\"session_risk\":\"admin\"") && log.contains("\"does\":\"revoke\""), "recorded");
    assert!(!log.contains("example-admin-secret"));
}

/// The pair of `admin.yaml`, with MCP and a rule that asks for an approval on the clients' side.
fn asks_for_approval(operators: u16) -> Example {
    let clients = "\"session\": { \"key\": [ { \"header\": \"x-api-key\" }, \"bearer\" ] }\n";
    let asks = "\"session\": { \"key\": [ { \"header\": \"x-api-key\" }, \"bearer\" ] },
                      \"routes\": [ { \"path\": \"/mcp\", \"protocol\": \"mcp\" } ],
                      \"mcp\": { \"read_body\": true },
                      \"rules\": [ {
                        \"name\": \"exports-need-approval\",
                        \"when\": { \"actor\": [ \"agent\" ], \"tool\": [ \"export_*\" ] },
                        \"then\": { \"approval\": {
                          \"url\": \"https://approvals.example/?session={session}&tool={tool}\"
                        } }
                      } ]\n";
    let holds = "allow_on_headers_stop_iteration: true\n                configuration: # session-risk begins";
    let replaced = vec![
        ("port_value: 10001".to_owned(), format!("port_value: {operators}")),
        ("configuration: # session-risk begins".to_owned(), holds.to_owned()),
        (clients.to_owned(), asks.to_owned()),
    ];
    Example { replaced, concurrency: 2, ..Example::named("admin.yaml") }
}

#[test]
fn an_agents_export_waits_for_an_operator_and_is_refused_again_afterwards() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let gateway = start("approval", &asks_for_approval(port));
    let (mut client, mut operator) = (gateway.client(), Client::new(port));
    let call = |tool: &str, version: &str| {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": tool}}).to_string();
        let request = keyed("POST", "/mcp", "agent").header("x-upstream-mcp", "yes");
        request.header("content-type", "application/json").header("mcp-protocol-version", version).body(body)
    };
    assert_eq!(send(&mut client, &call("get_one", "2025-11-25")).status, 200);
    let refused = send(&mut client, &call("export_all", "2025-11-25"));
    let error = refused.json()["error"].clone();
    assert_eq!((refused.status, &error["code"]), (200, &json!(-32_042)), "{error}");
    let elicitation = &error["data"]["elicitations"][0];
    assert_eq!(elicitation["mode"], "url");
    let again = send(&mut client, &call("export_all", "2025-11-25")).json()["error"]["data"]["elicitations"][0].clone();
    assert_eq!(again["url"], elicitation["url"]);
    assert_ne!(again["elicitationId"], elicitation["elicitationId"], "each refusal has its own");
    let plain = send(&mut client, &call("export_all", "2026-07-28"));
    let data = plain.json()["error"]["data"].clone();
    assert_eq!((plain.status, plain.json()["error"]["code"].clone()), (403, json!(40_304)));
    assert_eq!(data, json!({"action": "approval", "approval_url": elicitation["url"]}));

    // What the page behind the address does: the id in it is what the interface for operators takes.
    let address = data["approval_url"].as_str().unwrap().strip_prefix("https://approvals.example/?session=").unwrap();
    let (session, tool) = address.split_once("&tool=").unwrap();
    assert_eq!((session.len(), tool), (32, "export_all"));
    let order = |query: &str| {
        let path = format!("/session-risk/sessions/{session}/approve{query}");
        Request::new("POST", &path).header("authorization", "Bearer example-admin-secret")
    };
    let approved = send(&mut operator, &order("?seconds=3"));
    assert_eq!((approved.status, approved.json()["sanction"].clone()), (200, json!("approved")));
    let passed = send(&mut client, &call("export_all", "2025-11-25"));
    assert_eq!(passed.json()["result"]["content"][0]["text"], "answered export_all", "{}", passed.text());
    for _ in 0..100 {
        let again = send(&mut gateway.client(), &call("export_all", "2026-07-28"));
        if again.status == 403 {
            let details = audit(&gateway.envoy).pop().unwrap();
            assert_eq!((&details["action"], &details["rule"]), (&json!("approval"), &json!("exports-need-approval")));
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("the approval never ended");
}

#[test]
fn the_record_joins_the_access_log_and_says_since_when() {
    let gateway = start("record", &example("enforce", "\"deny\""));
    let mut client = gateway.client();
    send(&mut client, &keyed("GET", "/x", "k"));
    assert_eq!(send(&mut client, &keyed("POST", "/x", "k")).status, 403);
    let line = audit(&gateway.envoy).pop().expect("a refusal is recorded");
    let id = line["request_id"].as_str().expect("an id");
    let logged = gateway.envoy.log.line(id).expect("the access log has the same id");
    assert_eq!((&logged["status"], &logged["details"]), (&json!(403), &json!("session_risk_deny")));
    let members: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
    let documented = [
        "session_risk",
        "v",
        "time",
        "request_id",
        "session",
        "actor",
        "action",
        "mode",
        "rule",
        "requests",
        "score",
        "level_before",
        "level",
        "level_since",
        "access",
        "reasons",
    ];
    assert_eq!(members, documented);
    let manual = include_str!("../../src/manual/enforcement.md");
    for member in documented {
        assert!(manual.contains(&format!("| `{member}` |")), "`{member}` is not in the manual");
    }
    assert_eq!((&line["v"], &line["rule"], &line["level_before"]), (&json!(1), &json!("no-writes"), &json!("low")));
}

/// Pushes a listener and waits until Envoy has taken it.
fn push(gateway: &Gateway, example: &Example) {
    let before = gateway.envoy.stat("listener_manager.lds.update_success");
    gateway.envoy.push(example).unwrap();
    for _ in 0..400 {
        if gateway.envoy.stat("listener_manager.lds.update_success") > before {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("Envoy has not taken the configuration:\n{}", gateway.envoy.own_log());
}

/// Clients that never stop asking, on connections that they keep: one honest, three of a suspended session.
struct Load {
    stop: Arc<AtomicBool>,
    /// The last status of each; 0 is none yet.
    last: Arc<[AtomicU16; 4]>,
    threads: Vec<std::thread::JoinHandle<usize>>,
}

impl Load {
    fn start(port: u16) -> Self {
        let (stop, last) = (Arc::new(AtomicBool::new(false)), Arc::new([const { AtomicU16::new(0) }; 4]));
        let threads = (0..4).map(|number| {
            let (stop, last) = (Arc::clone(&stop), Arc::clone(&last));
            std::thread::spawn(move || {
                let (mut client, mut count) = (Client::new(port), 0);
                let request = keyed("GET", "/x", if number == 0 { "honest" } else { "k" });
                while !stop.load(Ordering::Relaxed) {
                    let status = send(&mut client, &request).status;
                    assert!(status == 200 || status == 403 && number > 0, "{status} for client {number}");
                    last[number].store(status, Ordering::Relaxed);
                    count += 1;
                    std::thread::sleep(Duration::from_millis(2));
                }
                count
            })
        });
        let threads = threads.collect();
        Self { stop, last, threads }
    }

    /// Waits until the suspended clients' connections have come to the new configuration.
    fn comes_to(&self, status: u16) {
        for _ in 0..1_000 {
            if self.last[1..].iter().all(|last| last.load(Ordering::Relaxed) == status) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("open connections never came to {status}: {:?}", self.last);
    }

    /// How many requests the honest one and the others have sent.
    fn end(self) -> (usize, usize) {
        self.stop.store(true, Ordering::Relaxed);
        let counts: Vec<usize> = self.threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        (counts[0], counts[1..].iter().sum())
    }
}

/// Waits until a write on a new connection gets this status.
fn until(gateway: &Gateway, status: u16) {
    for _ in 0..200 {
        if send(&mut gateway.client(), &keyed("POST", "/x", "k")).status == status {
            return;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    panic!("writes never came to {status}");
}

#[test]
fn the_kill_switch_is_a_push_and_costs_no_request() {
    let enforcing = Example { dynamic: true, concurrency: 2, ..example("enforce", "{\"suspend\":{\"seconds\":600}}") };
    let shadow = Example {
        configuration: Some(configuration("shadow", "{\"suspend\":{\"seconds\":600}}")),
        ..enforcing.clone()
    };
    let gateway = start("kill-switch", &enforcing);
    assert_eq!(send(&mut gateway.client(), &keyed("GET", "/x", "k")).status, 200);
    assert_eq!(send(&mut gateway.client(), &keyed("POST", "/x", "k")).status, 403);
    let load = Load::start(gateway.envoy.port);
    push(&gateway, &shadow);
    until(&gateway, 200);
    assert_eq!(send(&mut gateway.client(), &keyed("GET", "/x", "k")).status, 200, "the suspension is lifted at once");
    load.comes_to(200);
    push(&gateway, &enforcing);
    until(&gateway, 403);
    assert_eq!(send(&mut gateway.client(), &keyed("GET", "/x", "k")).status, 403, "and holds again, not forgotten");
    load.comes_to(403);
    let (honest, suspended) = load.end();
    assert!(honest > 10 && suspended > 10, "{honest} and {suspended} requests are no load");
    assert_eq!(gateway.envoy.stat("wasm.session_risk.vm_reload_success"), 0, "nothing trapped");
}

#[test]
fn grpc_over_http_2_ends_with_its_status_in_the_headers() {
    let curl = Command::new("curl").arg("--version").output();
    if !curl.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("nghttp2")) {
        println!("skipped: there is no curl with HTTP/2 here");
        return;
    }
    let gateway = start("grpc", &example("enforce", "\"deny\""));
    let url = format!("http://127.0.0.1:{}/pkg.Service/Do", gateway.envoy.port);
    let output = Command::new("curl")
        .args([
            "-sSi",
            "--http2-prior-knowledge",
            "-m",
            "10",
            "--retry",
            "3",
            "--retry-connrefused",
            "-H",
            "x-api-key: k",
            "-H",
            "te: trailers",
        ])
        .args(["-H", "content-type: application/grpc", "-X", "POST", &url])
        .output()
        .unwrap();
    assert!(output.status.success(), "curl: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    let headers: Vec<&str> = text.lines().collect();
    for header in [
        "HTTP/2 200 ",
        "content-type: application/grpc",
        "grpc-status: 7",
        "grpc-message: Request denied: This request is not allowed in this session.",
    ] {
        assert_eq!(headers.iter().filter(|line| **line == header).count(), 1, "{header} in {text}");
    }
    assert!(text.ends_with("\n\n"), "nothing behind the headers: {text}");
    assert!(!text.contains("content-length"), "{text}");
}
