//! The admin interface, on the compiled module in the embedded host: who gets in, what each order does, what is recorded.
//! That Envoy's listeners keep clients away from it is `tests/envoy.rs`'s.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, unreachable_pub, missing_docs, dead_code)]

mod host;

use host::{Gateway, Module, Profile, Request, When};
use serde_json::{Value, json};

const SECRET: &str = "example-admin-secret";
const CONFIGURATION: &str = r#"{
    "secret": "a secret for tests of the admin interface",
    "session": {
        "payload": {"header": "x-jwt-payload"},
        "key": [{"claims": ["tenant", "sid"]}, {"header": "x-api-key"}, "bearer"]
    },
    "network": {"client_address": {"trusted_hops": 0}},
    "routes": [{"path": "/exports/{id}", "access": "export"}],
    "admin": {
        "prefix": "/session-risk",
        "secret_sha256": "DIGEST"
    },
    "table": {"buckets": 16, "ways": 4}
}"#;
const DIGEST: &str = "a47cf1d8f06a30cec56bb50c0ca4b5bc1d1a66ccadb8c35272047c92a82bf72a";
const PROFILES: [Profile; 3] = [Profile::Envoy, Profile::Kong, Profile::Bare];

fn start(profile: Profile) -> Gateway {
    let configuration = CONFIGURATION.replace("DIGEST", DIGEST);
    Gateway::start(profile, Module::built(), configuration.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn keyed(method: &str, key: &str) -> Request {
    let request = Request::new(method, "/orders/1").header("x-api-key", key).header("user-agent", "curl/8.5.0");
    request.header("x-forwarded-for", "84.130.12.7").header("x-geo-asn", "3320").header("x-geo-country", "DE")
}

fn moved(method: &str, key: &str) -> Request {
    let request = Request::new(method, "/orders/1").header("x-api-key", key).header("user-agent", "curl/8.5.0");
    request.header("x-forwarded-for", "128.199.70.5").header("x-geo-asn", "14061").header("x-geo-country", "SG")
}

/// A session that has been at home for a while.
fn settled(gateway: &mut Gateway, key: &str) {
    for _ in 0..10 {
        assert!(gateway.request(0, keyed("GET", key)).is_forwarded());
        gateway.advance(2_000);
    }
}

fn asked(method: &str, path: &str) -> Request {
    let request = Request::new(method, &format!("/session-risk/{path}"));
    request.header("authorization", format!("Bearer {SECRET}")).header("x-request-id", "op-1")
}

fn told(gateway: &mut Gateway, request: Request) -> (u16, Value) {
    let exchange = gateway.request(0, request);
    let reply = exchange.local_reply();
    assert_eq!(reply.details, "session_risk_admin");
    let body = serde_json::from_slice(&reply.body).unwrap_or_else(|error| panic!("{error}: {reply:?}"));
    (reply.status, body)
}

/// The session of an API key.
fn of(method: &str, verb: &str, key: &str) -> Request {
    asked(method, &format!("sessions/-{verb}")).header("x-session-identity", key)
}

fn status(gateway: &mut Gateway, request: Request) -> u16 {
    let exchange = gateway.request(0, request);
    if exchange.is_forwarded() { 200 } else { exchange.local_reply().status }
}

/// The lines of the interface's own record.
fn record(gateway: &Gateway) -> Vec<Value> {
    let lines = gateway.logs().into_iter().filter(|log| log.text.starts_with("{\"session_risk\":\"admin\""));
    lines.map(|log| serde_json::from_str(&log.text).unwrap()).collect()
}

#[test]
fn only_the_secret_gets_in_and_the_path_is_never_forwarded() {
    for profile in PROFILES {
        let mut gateway = start(profile);
        settled(&mut gateway, "k");
        let bearer = |value: &str| Request::get("/session-risk/sessions").header("authorization", value);
        for request in [
            Request::get("/session-risk/sessions"),
            Request::get("/session-risk"),
            bearer("Bearer "),
            bearer("Bearer wrong"),
            bearer("Bearer example-admin-secre"),
            bearer("Bearer example-admin-secrets"),
            bearer("Basic example-admin-secret"),
            bearer("example-admin-secret"),
            bearer(&format!("Bearer {}", "x".repeat(50_000))),
            Request::post("/session-risk/sessions/-/revoke", "").header("x-session-identity", "k"),
        ] {
            let (status, body) = told(&mut gateway, request);
            assert_eq!((status, body), (401, json!({"error": "the secret is missing or wrong"})), "{profile:?}");
        }
        assert_eq!(status(&mut gateway, keyed("GET", "k")), 200, "{profile:?}: nothing was revoked");
        assert!(gateway.request(0, keyed("GET", "k").header("authorization", "Bearer x")).is_forwarded());
        for path in ["/session-riskier", "/orders/session-risk/sessions", "/session-ris"] {
            assert!(gateway.request(0, Request::get(path)).is_forwarded(), "{path}");
        }
    }
}

#[test]
fn a_session_is_found_by_its_identity_and_by_its_digest_and_told_without_either() {
    for profile in PROFILES {
        let mut gateway = start(profile);
        settled(&mut gateway, "a-key-nobody-may-see");
        gateway.request(0, moved("GET", "a-key-nobody-may-see"));
        let (status, session) = told(&mut gateway, of("GET", "", "a-key-nobody-may-see"));
        assert_eq!(status, 200, "{session}");
        assert_eq!((&session["actor"], &session["requests"]), (&json!("api_key"), &json!(11)));
        assert_eq!((&session["level"], &session["sanction"]), (&json!("high"), &json!("none")));
        assert!(session["score"].as_u64().unwrap() >= 20, "{session}");
        let kinds: Vec<_> = session["reasons"].as_array().unwrap().iter().map(|reason| &reason["kind"]).collect();
        assert!(kinds.contains(&&json!("new_country")), "{session}");
        assert!(!session.to_string().contains("nobody-may-see") && !session.to_string().contains("128.199"));
        let digest = session["session"].as_str().unwrap();
        assert_eq!(told(&mut gateway, asked("GET", &format!("sessions/{digest}"))), (200, session.clone()));
        // Several parts of one identity are as many headers.
        let payload = "eyJ0ZW5hbnQiOiJ0MSIsInNpZCI6InMxIn0";
        gateway.request(0, Request::get("/orders/1").header("x-jwt-payload", payload));
        let claims = asked("GET", "sessions/-").header("x-session-identity", "t1").header("x-session-identity", "s1");
        assert_eq!(told(&mut gateway, claims).1["requests"], 1);
        let joined = asked("GET", "sessions/-").header("x-session-identity", "t1s1");
        assert_eq!(told(&mut gateway, joined).0, 404);
    }
}

#[test]
fn what_is_not_there_changes_nothing_and_says_what_to_do() {
    let mut gateway = start(Profile::Envoy);
    settled(&mut gateway, "k");
    for (request, expected) in [
        (of("GET", "", "unknown"), 404),
        (of("POST", "/revoke", "unknown"), 404),
        (asked("POST", "sessions/-/revoke"), 404),
        (asked("GET", &format!("sessions/{}", "0".repeat(32))), 404),
        (asked("GET", &format!("sessions/{}", "a".repeat(31))), 404),
        (asked("GET", &format!("sessions/{}", "a".repeat(34))), 404),
        (asked("GET", "sessions/+"), 404),
        (asked("GET", "nothing"), 404),
        (of("GET", "/revoke", "k"), 404),
        (of("DELETE", "", "k"), 404),
        (of("POST", "/explode", "k"), 404),
        (of("POST", "/revoke/now", "k"), 404),
        (of("POST", "/suspend?seconds=0", "k"), 400),
        (of("POST", "/suspend?seconds=2592001", "k"), 400),
        (of("POST", "/approve?seconds=0", "k"), 400),
        (of("POST", "/approve?seconds=2592001", "k"), 400),
        (of("POST", "/approve", "unknown"), 404),
        (of("GET", "/approve", "k"), 404),
    ] {
        let path = format!("{} {}", request.method, request.path);
        let (status, body) = told(&mut gateway, request);
        assert_eq!(status, expected, "{path}: {body}");
        assert!(body["error"].as_str().is_some_and(|error| error.len() > 20), "{path}: {body}");
    }
    assert_eq!(told(&mut gateway, of("GET", "", "k")).1["sanction"], "none");
    assert_eq!(status(&mut gateway, keyed("POST", "k")), 200);
}

#[test]
fn revoke_suspend_and_release_hold_from_the_next_request_on() {
    for profile in PROFILES {
        let mut gateway = start(profile);
        settled(&mut gateway, "k");
        settled(&mut gateway, "other");
        assert_eq!(told(&mut gateway, of("POST", "/revoke", "k")).1["sanction"], "revoked", "{profile:?}");
        assert_eq!(status(&mut gateway, keyed("GET", "k")), 401);
        assert_eq!(status(&mut gateway, keyed("GET", "other")), 200, "only the one");
        gateway.advance(86_400_000);
        assert_eq!(status(&mut gateway, keyed("GET", "k")), 401, "not by time");
        assert_eq!(told(&mut gateway, of("POST", "/release", "k")).1["sanction"], "none");
        assert_eq!(status(&mut gateway, keyed("GET", "k")), 200);

        let (_, suspended) = told(&mut gateway, of("POST", "/suspend?seconds=60", "k"));
        assert_eq!(suspended["until"].as_u64(), Some(gateway.now_ms() / 1000 + 60));
        let refused = gateway.request(0, keyed("GET", "k"));
        assert_eq!(refused.local_reply().status, 403);
        assert_eq!(refused.response_header("retry-after").as_deref(), Some("60"));
        gateway.advance(60_000);
        assert_eq!(status(&mut gateway, keyed("GET", "k")), 200, "ends by time");
        told(&mut gateway, of("POST", "/suspend", "k"));
        let refused = gateway.request(0, keyed("GET", "k"));
        assert_eq!(refused.response_header("retry-after").as_deref(), Some("900"), "the default");
    }
}

/// A gateway whose exports need an approval, and a session that has been at home for a while.
fn asking(profile: Profile) -> Gateway {
    let rules = r#""rules": [{"name": "ask", "when": {"access": ["export"]}, "then": {"approval": {}}}], "table":"#;
    let configuration = CONFIGURATION.replace("DIGEST", DIGEST).replace("\"table\":", rules);
    let mut gateway = Gateway::start(profile, Module::built(), configuration.as_bytes(), 2).unwrap();
    settled(&mut gateway, "k");
    settled(&mut gateway, "other");
    gateway
}

fn export(gateway: &mut Gateway, worker: usize, key: &str) -> String {
    let exchange = gateway.request(worker, Request { path: "/exports/1".to_owned(), ..keyed("GET", key) });
    if exchange.is_forwarded() { "forwarded".to_owned() } else { exchange.local_reply().details.clone() }
}

#[test]
fn an_approval_holds_for_its_time_in_every_worker() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = asking(profile);
        assert_eq!(export(&mut gateway, 0, "k"), "session_risk_approval", "{profile:?}");
        let (status, approved) = told(&mut gateway, of("POST", "/approve?seconds=60", "k"));
        assert_eq!((status, &approved["sanction"]), (200, &json!("approved")));
        assert_eq!(approved["until"].as_u64(), Some(gateway.now_ms() / 1000 + 60));
        assert_eq!(
            (export(&mut gateway, 0, "k"), export(&mut gateway, 1, "k")),
            ("forwarded".into(), "forwarded".into())
        );
        assert_eq!(export(&mut gateway, 0, "other"), "session_risk_approval", "only the one");
        gateway.advance(59_000);
        assert_eq!(export(&mut gateway, 1, "k"), "forwarded");
        gateway.advance(1_000);
        assert_eq!(export(&mut gateway, 1, "k"), "session_risk_approval", "{profile:?}: ends by time");
        assert_eq!(told(&mut gateway, of("GET", "", "k")).1["sanction"], "none");
        told(&mut gateway, of("POST", "/approve", "k"));
        gateway.advance(899_000);
        assert_eq!(export(&mut gateway, 0, "k"), "forwarded", "the default");
        gateway.advance(1_000);
        assert_eq!(export(&mut gateway, 0, "k"), "session_risk_approval");
        assert_eq!(record(&gateway)[0]["does"], "approve");
    }
}

#[test]
fn an_approval_lifts_no_sanction_and_a_sanction_or_a_release_ends_it() {
    let mut gateway = asking(Profile::Envoy);
    for (order, sanction, details) in [
        ("/suspend?seconds=600", "suspended", "session_risk_suspend"),
        ("/revoke", "revoked", "session_risk_revoke"),
        ("/release", "none", "session_risk_approval"),
        ("/forget", "none", "session_risk_approval"),
    ] {
        told(&mut gateway, of("POST", "/approve", "k"));
        assert_eq!(export(&mut gateway, 0, "k"), "forwarded", "{order}");
        gateway.advance(1_000);
        assert_eq!(told(&mut gateway, of("POST", order, "k")).1["sanction"], sanction);
        assert_eq!(export(&mut gateway, 0, "k"), details);
        if sanction != "none" {
            let (status, body) = told(&mut gateway, of("POST", "/approve", "k"));
            assert_eq!(
                (status, body),
                (409, json!({"error": "the session is suspended or revoked: release it first"}))
            );
            assert_eq!(told(&mut gateway, of("GET", "", "k")).1["sanction"], sanction);
            assert_eq!(export(&mut gateway, 0, "k"), details, "it holds");
            told(&mut gateway, of("POST", "/release", "k"));
        }
        gateway.advance(60_000);
    }
}

#[test]
fn release_clears_what_is_held_and_forget_also_what_is_known() {
    for profile in PROFILES {
        let mut gateway = start(profile);
        settled(&mut gateway, "k");
        gateway.request(0, moved("GET", "k"));
        assert_eq!(status(&mut gateway, keyed("POST", "k")), 403, "restricted, back at home too");
        let (_, released) = told(&mut gateway, of("POST", "/release", "k"));
        assert_eq!(
            (&released["score"], &released["level"], &released["reasons"]),
            (&json!(0), &json!("low"), &json!([]))
        );
        assert_eq!(status(&mut gateway, keyed("POST", "k")), 200, "{profile:?}");
        assert_eq!(status(&mut gateway, moved("POST", "k")), 403, "home is still what is known");
        told(&mut gateway, of("POST", "/forget", "k"));
        assert_eq!(status(&mut gateway, moved("POST", "k")), 200, "a new home");
        assert_eq!(status(&mut gateway, moved("POST", "k")), 200);
    }
}

#[test]
fn the_riskiest_come_first_and_sanctioned_ones_before_all() {
    for profile in PROFILES {
        let mut gateway = start(profile);
        for number in 0..30 {
            gateway.request(0, keyed("GET", &format!("quiet-{number}")));
        }
        settled(&mut gateway, "risky");
        gateway.request(0, moved("GET", "risky"));
        told(&mut gateway, of("POST", "/revoke", "quiet-3"));
        let (status, list) = told(&mut gateway, asked("GET", "sessions"));
        assert_eq!((status, &list["next"]), (200, &Value::Null));
        let sessions = list["sessions"].as_array().unwrap();
        assert_eq!(sessions.len(), 20, "{profile:?}");
        assert_eq!(sessions[0]["sanction"], "revoked");
        assert_eq!(sessions[1]["level"], "high");
        assert!(sessions[2..].iter().all(|session| session["score"] == 0));
        assert_eq!(told(&mut gateway, asked("GET", "sessions?from=16")).1, json!({"sessions": [], "next": null}));
    }
}

#[test]
fn a_long_list_is_read_in_parts() {
    let configuration = CONFIGURATION.replace("DIGEST", DIGEST).replace("\"buckets\": 16", "\"buckets\": 8192");
    let mut gateway = Gateway::start(Profile::Envoy, Module::built(), configuration.as_bytes(), 1).unwrap();
    for number in 0..40 {
        gateway.request(0, keyed("GET", &format!("k-{number}")));
    }
    let (_, first) = told(&mut gateway, asked("GET", "sessions"));
    assert_eq!(first["next"], 4096);
    let (_, second) = told(&mut gateway, asked("GET", "sessions?from=4096"));
    assert_eq!(second["next"], Value::Null);
    let counts = [&first, &second].map(|list| list["sessions"].as_array().unwrap().len());
    assert!(counts.iter().all(|count| (1..=20).contains(count)), "{counts:?}");
    let keys = |list: &Value| -> Vec<String> {
        list["sessions"].as_array().unwrap().iter().map(|session| session["session"].to_string()).collect()
    };
    assert!(keys(&first).iter().all(|key| !keys(&second).contains(key)));
}

#[test]
fn sixty_requests_a_minute_and_no_more_whoever_asks() {
    let mut gateway = start(Profile::Envoy);
    gateway.at(1_800_000_000_000);
    for number in 0..60 {
        let request = if number % 2 == 0 { asked("GET", "sessions") } else { Request::get("/session-risk/sessions") };
        assert!(matches!(told(&mut gateway, request).0, 200 | 401), "{number}");
    }
    let exchange = gateway.request(0, of("POST", "/revoke", "k"));
    assert_eq!(exchange.local_reply().status, 429);
    assert_eq!(exchange.response_header("retry-after").as_deref(), Some("60"));
    gateway.at(1_800_000_060_000);
    assert_eq!(told(&mut gateway, asked("GET", "sessions")).0, 200, "the next minute");
}

#[test]
fn every_use_is_recorded_and_no_record_holds_a_secret() {
    let mut gateway = start(Profile::Envoy);
    settled(&mut gateway, "a-key-nobody-may-see");
    told(&mut gateway, of("POST", "/revoke", "a-key-nobody-may-see"));
    told(&mut gateway, Request::get("/session-risk/sessions").header("authorization", "Bearer a-wrong-secret"));
    told(&mut gateway, asked("GET", "sessions"));
    let lines = record(&gateway);
    let said: Vec<_> =
        lines.iter().map(|line| (line["does"].as_str().unwrap(), line["status"].as_u64().unwrap())).collect();
    assert_eq!(said, [("revoke", 200), ("refused", 401), ("list", 200)]);
    assert_eq!((&lines[0]["v"], &lines[0]["request_id"]), (&json!(1), &json!("op-1")));
    assert_eq!(lines[0]["session"].as_str().unwrap().len(), 32);
    for line in gateway.logs() {
        for secret in ["nobody-may-see", "a-wrong-secret", SECRET] {
            assert!(!line.text.contains(secret), "{}", line.text);
        }
    }
}

#[test]
fn an_order_that_loses_every_race_is_carried_out_later() {
    for profile in [Profile::Envoy, Profile::Kong] {
        for lost in [1, 2, 3, 10] {
            let mut gateway = start(profile);
            settled(&mut gateway, "k");
            gateway.lose_cas(lost);
            assert_eq!(told(&mut gateway, of("POST", "/revoke", "k")).0, 200);
            (0..5).for_each(|_| drop(gateway.tick(0).unwrap()));
            assert_eq!(told(&mut gateway, of("GET", "", "k")).1["sanction"], "revoked", "{profile:?}, {lost} lost");
            assert_eq!(gateway.counter("session_risk.table.conflicts"), lost);
            settled(&mut gateway, "other");
            gateway.lose_cas(lost);
            assert_eq!(told(&mut gateway, of("POST", "/approve", "other")).0, 200);
            (0..5).for_each(|_| drop(gateway.tick(0).unwrap()));
            assert_eq!(
                told(&mut gateway, of("GET", "", "other")).1["sanction"],
                "approved",
                "{profile:?}, {lost} lost"
            );
        }
    }
}

#[test]
fn a_table_that_cannot_be_read_is_said() {
    let mut gateway = start(Profile::Envoy);
    settled(&mut gateway, "k");
    gateway.fail("proxy_get_shared_data", When::Every, 10);
    for request in [asked("GET", "sessions"), of("POST", "/revoke", "k")] {
        let (status, body) = told(&mut gateway, request);
        assert_eq!((status, body), (503, json!({"error": "the session table could not be read"})));
    }
}
