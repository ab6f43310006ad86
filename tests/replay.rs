//! A replay decides as the compiled module does: the same trace through both, line by line.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]
#![allow(clippy::arithmetic_side_effects, missing_docs, dead_code)]

#[path = "host/mod.rs"]
mod host;

use host::{Gateway, Module, Options, Outcome, Profile, Request, Response};
use serde_json::{Value, json};
use session_risk::{
    engine::Assessment,
    replay::{self, Replay, record::Record},
    response::Told,
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader, Write},
    path::Path,
};

/// Runs records through both and compares what each decision says. Returns the actions that occurred.
fn compare(config: &Value, records: &[Record]) -> BTreeMap<&'static str, u32> {
    let module = Module::built();
    let mut replay = Replay::new(config).unwrap();
    let text = replay::gateway_config(config.clone()).to_string();
    let options = Options { now_ms: records[0].ts, ..Options::default() };
    let mut gateway = Gateway::start_with(Profile::Envoy, module, text.as_bytes(), options).unwrap();
    let mut actions = BTreeMap::new();
    for (number, record) in records.iter().enumerate() {
        let assessment = replay.step(record).expect("every line names a session").assessment;
        *actions.entry(assessment.decision.action.name()).or_default() += 1;
        gateway.at(record.ts);
        let headers = replay::request_headers(record);
        let mut request = Request::new(&record.method, &record.path);
        for (name, value) in headers.iter().filter(|(name, _)| !matches!(*name, ":method" | ":path")) {
            request = request.header(name, value);
        }
        if let Some(method) = &record.mcp_method {
            let params = json!({ "name": record.tool, "arguments": record.target });
            let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
            request.body = call.to_string().into_bytes();
        }
        let line = format!("line {number}: {} {}", record.method, record.path);
        match gateway.exchange(0, request, Response::new(record.status.unwrap_or(200))).outcome {
            Outcome::Forwarded { headers, .. } => {
                let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
                let seen: BTreeMap<String, String> =
                    headers.into_iter().map(|(name, value)| (text(name), text(value))).collect();
                for (name, value) in headers_of(&assessment) {
                    assert_eq!(seen.get(name), Some(&value), "{line}: {name}");
                }
            }
            Outcome::LocalReply(reply) => {
                let details = format!("session_risk_{}", assessment.decision.action.name());
                assert_eq!(String::from_utf8_lossy(reply.details.as_ref()), details, "{line}");
            }
            other => panic!("{line}: {other:?}"),
        }
    }
    actions
}

fn headers_of(assessment: &Assessment) -> Vec<(&'static str, String)> {
    let mut headers = Vec::new();
    Told::of(assessment).request_headers(&mut |name, value| headers.push((name, value.to_owned())));
    headers
}

/// In shadow every request is forwarded, so that score, level, reasons and what would have been done show on each.
fn shadow(mut config: Value) -> Value {
    config["mode"] = json!("shadow");
    config
}

fn record(line: &Value) -> Record {
    Record::parse(line.to_string().as_bytes()).unwrap()
}

#[test]
fn the_module_decides_as_a_replay_does() {
    let config = json!({
        "secret": "an example secret of some length", "mcp": { "read_body": true },
        "routes": [{ "path": "/admin/**", "tier": "sensitive" }, { "path": "/orders/{id}" },
            { "path": "/mcp", "protocol": "mcp" }],
        "tools": [{ "name": "get_*", "access": "read" }, { "name": "export_*", "access": "export" }],
    });
    let at = |n: u64| 1_770_000_000_000u64 + n * 20_000;
    let mut lines = Vec::new();
    for n in 0..120u64 {
        let moved = n >= 70;
        lines.push(json!({ "ts": at(n), "session": "human", "subject": "a", "actor": "human", "status": 200,
            "method": if n % 9 == 0 { "POST" } else { "GET" },
            "path": if n == 60 { "/admin/users".to_owned() } else { format!("/orders/{}", n % 17) },
            "ip": if moved { "128.199.64.9" } else { "84.128.1.1" }, "asn": if moved { 14_061 } else { 3_320 },
            "country": if moved { "SG" } else { "DE" }, "ja4": if n % 30 == 29 { "t13d2" } else { "t13d1" },
            "lat": if moved { 1.3 } else { 50.1 }, "lon": if moved { 103.8 } else { 8.7 },
            "ua": if moved { "curl/8.5.0" } else { "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0" },
            "posture": if n > 40 && n < 50 { "not-compliant" } else { "compliant" } }));
        lines.push(json!({ "ts": at(n) + 1_000, "session": "agent", "subject": "b", "actor": "agent", "status": 200,
            "method": "POST", "path": "/mcp", "mcp_method": "tools/call", "bytes_out": 900,
            "tool": if n >= 90 { "export_customer" } else { "get_customer" }, "target": format!("{:012x}", n % 90 * 7),
            "scope": "mcp tool:get_customer tool:export_customer", "binding": "dpop:abc", "asn": 64_500 }));
        lines.push(json!({ "ts": at(n) + 2_000, "session": "prober", "subject": "c", "actor": "service",
            "method": "GET", "path": format!("/guess/{n}"), "status": if n > 50 { 404 } else { 200 },
            "binding": if n > 100 { "none" } else { "mtls:key" } }));
    }
    let records: Vec<Record> = lines.iter().map(record).collect();
    let actions = compare(&config, &records);
    compare(&shadow(config), &records);
    for action in ["allow", "restrict", "step_up", "suspend"] {
        assert!(actions.contains_key(action), "no {action} in {actions:?}");
    }
}

#[test]
fn a_rule_limited_to_hosts_holds_for_lines_that_say_theirs() {
    let config = json!({
        "secret": "an example secret of some length", "routes": [{ "path": "/orders/{id}" }],
        "rules": [{ "name": "no-admin", "when": { "host": ["admin.*"] }, "then": "deny" }],
    });
    let line = |host: Value| json!({ "ts": 1_770_000_000_000u64, "session": "s", "method": "GET", "path": "/orders/1", "host": host });
    let hosts = [json!("Admin.example:8443"), json!("shop.example"), json!("admin.example"), Value::Null];
    let records: Vec<Record> = hosts.into_iter().map(|host| record(&line(host))).collect();
    assert_eq!(compare(&config, &records), BTreeMap::from([("allow", 2), ("deny", 2)]));
}

#[test]
fn a_replay_applies_overrides_and_names_their_rules() {
    let deny = |name: &str| json!([{ "name": name, "then": "deny" }]);
    let config = json!({
        "secret": "an example secret of some length", "routes": [{ "path": "/orders/{id}" }], "rules": [],
        "overrides": [
            { "host": ["admin.example"], "config": { "rules": deny("of-host"), "network": { "asn_header": "x-other" },
                "session": { "payload": { "header": "x-other" } } } },
            { "path": ["/reports/**"], "config": { "rules": deny("of-path") } },
        ],
    });
    let line = |host: Value, path: &str| {
        record(&json!({ "ts": 1_770_000_000_000u64, "session": "s", "method": "GET", "path": path, "host": host }))
    };
    let records = [
        line(json!("admin.example:443"), "/reports/1"),
        line(Value::Null, "/reports/1?page=2"),
        line(json!("shop.example"), "/orders/1"),
    ];
    assert_eq!(compare(&config, &records), BTreeMap::from([("allow", 1), ("deny", 2)]));
    let mut replay = Replay::new(&config).unwrap();
    let rules = records.map(|record| {
        let step = replay.step(&record).unwrap();
        let rule = step.rule().and_then(|(_, rule)| replay.rules_of(&step).get(usize::from(rule)));
        rule.map(|rule| rule.name.clone())
    });
    assert_eq!(rules, [Some("of-host".to_owned()), Some("of-path".to_owned()), None]);
}

#[test]
fn a_shared_trace_goes_the_same_way() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    if !traces.is_dir() {
        // Past the capture of the test harness: a skip must be seen.
        writeln!(std::io::stderr(), "skipped: there are no shared traces beside this checkout").unwrap();
        return;
    }
    let application: Value = serde_json::from_reader(File::open(traces.join("app.json")).unwrap()).unwrap();
    let mut config = replay::with_application(replay::default_config(), &application);
    // A trace says what a call touches; a gateway knows it only from the body.
    config["mcp"] = json!({ "read_body": true });
    for name in ["hijack_concurrent_aitm", "agent_tau_export"] {
        let file = File::open(traces.join(format!("{name}.jsonl.gz"))).unwrap();
        let lines = BufReader::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))).lines().take(3_000);
        let records: Vec<Record> = lines.map(|line| Record::parse(line.unwrap().as_bytes()).unwrap()).collect();
        assert!(compare(&config, &records).len() > 1);
        compare(&shadow(config.clone()), &records);
    }
}
