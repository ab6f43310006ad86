//! What somebody without a session's credentials can do to that session's score: nothing. On the compiled module; the
//! victim's entry in the table is compared byte by byte, so that no evidence, counter or habit of it can have moved.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, unreachable_pub, missing_docs, dead_code)]

mod host;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use host::{Gateway, Module, Outcome, Profile, Request, Response};
use serde_json::json;
use session_risk::session::{Session, codec};

/// One bucket, so that every session is a neighbour of the victim's.
const CONFIGURATION: &str = r#"{
    "secret": "a secret for fairness tests",
    "session": {
        "payload": {"header": "x-jwt-payload"},
        "key": [{"claims": ["sid"]}, {"header": "x-api-key"}, {"cookie": "session"}, "bearer", "mcp_session_id"]
    },
    "network": {"client_address": {"trusted_hops": 0}},
    "routes": [{"path": "/admin/**", "tier": "sensitive", "access": "admin"}, {"path": "/mcp", "protocol": "mcp"}],
    "mcp": {"read_body": true},
    "admin": {"prefix": "/session-risk", "secret_sha256": "a47cf1d8f06a30cec56bb50c0ca4b5bc1d1a66ccadb8c35272047c92a82bf72a"},
    "table": {"buckets": 1, "ways": 16}
}"#;
const KEY: &str = "victim-key-0001";
const SID: &str = "victim-sid";

fn start(profile: Profile) -> Gateway {
    Gateway::start(profile, Module::built(), CONFIGURATION.as_bytes(), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn home(request: Request) -> Request {
    let request = request.header("x-forwarded-for", "84.130.12.7").header("x-geo-asn", "3320");
    request.header("x-geo-country", "DE").header("user-agent", "curl/8.5.0")
}

fn away(request: Request) -> Request {
    let request = request.header("x-forwarded-for", "128.199.70.5").header("x-geo-asn", "14061");
    request.header("x-geo-country", "SG").header("user-agent", "python-requests/2.32.3")
}

fn by_key(request: Request) -> Request {
    request.header("x-api-key", KEY)
}

fn by_claim(request: Request) -> Request {
    request.header("x-jwt-payload", URL_SAFE_NO_PAD.encode(json!({"sid": SID, "sub": "victim"}).to_string()))
}

/// Every entry of the table: key and body.
fn entries(gateway: &Gateway) -> Vec<Vec<u8>> {
    let values = gateway.shared_data().into_values().map(|(value, _)| value).filter(|value| value.len() > 32);
    let all = values.flat_map(|value| value[32..].chunks(272).map(<[u8]>::to_vec).collect::<Vec<_>>());
    all.filter(|entry| entry[..16] != [0; 16]).collect()
}

fn session(entry: &[u8]) -> Session {
    codec::decode(&entry[16..]).unwrap()
}

/// The two sessions of the victim, after a day at home: one by API key, one by a verified claim.
fn victims(gateway: &mut Gateway) -> Vec<Vec<u8>> {
    for _ in 0..25 {
        assert!(gateway.request(0, home(by_key(Request::get("/orders/1")))).is_forwarded());
        assert!(gateway.request(0, home(by_claim(Request::get("/orders/1")))).is_forwarded());
        gateway.advance(3_000);
    }
    let entries = entries(gateway);
    assert_eq!(entries.len(), 2);
    entries
}

/// Everything that somebody may try who can send any request, but has none of the victim's credentials.
fn attacks(number: usize) -> Vec<Request> {
    let near = |text: &str| {
        [
            format!("{text}{number}"),
            format!("{number}{text}"),
            text.to_ascii_uppercase(),
            format!("{text} "),
            format!("{text}, {text}{number}"),
            format!("{text}\0"),
            text[..text.len() - 1].to_owned(),
        ]
    };
    let path = ["/orders/1", "/admin/users", "/missing"][number % 3];
    let mut requests = Vec::new();
    for guess in near(KEY) {
        requests.push(Request::get(path).header("x-api-key", &guess));
        requests.push(Request::post(path, "").header("authorization", format!("Bearer {guess}")));
    }
    // The right text in the wrong place is another session.
    requests.push(Request::get(path).header("cookie", format!("session={KEY}")));
    requests.push(Request::get(path).header("authorization", format!("Bearer {KEY}")));
    requests.push(Request::get(path).header("authorization", format!("Basic {KEY}")));
    requests.push(Request::get(&format!("{path}?x-api-key={KEY}&sid={SID}")).header("x-api-key", number.to_string()));
    requests.push(Request::get(path).header("x-session-identity", KEY).header("cookie", "session=mine"));
    for guess in near(SID).into_iter().chain([SID.to_owned()]) {
        requests.push(Request::get(path).header("mcp-session-id", &guess));
        requests.push(Request::get(path).header("x-api-key", &guess));
        requests.push(Request::get(path).header("cookie", format!("session={guess}; sid={guess}")));
    }
    // A token that nobody verified, with the victim's claims in it.
    let claims = URL_SAFE_NO_PAD.encode(json!({"sid": SID, "sub": "victim"}).to_string());
    requests.push(Request::get(path).header("authorization", format!("Bearer e30.{claims}.forged")));
    // Words of ours, and two credentials at once.
    let spoofed = Request::get(path).header("x-api-key", format!("own-{number}"));
    let spoofed = spoofed.header("x-session-risk-score", "100").header("x-session-risk-level", "critical");
    requests.push(spoofed.header("x-session-risk-session", SID).header("x-session-risk-signal", "reported"));
    requests.push(Request::get(path).header("authorization", "Bearer a").header("authorization", "Bearer b"));
    // An agent's call that speaks of the victim.
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "export_all", "arguments": {"sid": SID, "key": KEY}, "_meta": {"sid": SID}}});
    requests.push(Request::post("/mcp", call.to_string()).header("mcp-session-id", SID));
    // The operators' interface without the operators' secret.
    for verb in ["revoke", "suspend", "forget"] {
        let order = Request::post(&format!("/session-risk/sessions/-/{verb}"), "").header("x-session-identity", KEY);
        requests.push(order.header("authorization", format!("Bearer guess-{number}")));
    }
    requests
}

#[test]
fn nothing_that_strangers_send_moves_a_session_by_a_bit() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = start(profile);
        let before = victims(&mut gateway);
        for number in 0..40 {
            // From where the victim is, and from afar; refused by the application, as strangers are.
            for place in [home, away] {
                for request in attacks(number) {
                    let shown = format!("{} {} {:?}", request.method, request.path, request.headers);
                    let status = [401, 403][number % 2];
                    let outcome = gateway.exchange(0, place(request), Response::new(status)).outcome;
                    assert!(matches!(outcome, Outcome::Forwarded { .. } | Outcome::LocalReply(_)), "{shown}");
                    for victim in &before {
                        assert!(entries(&gateway).contains(victim), "{profile:?}: moved by {shown}");
                    }
                }
            }
        }
    }
}

#[test]
fn strangers_with_accounts_of_their_own_may_push_a_session_out_and_cannot_raise_it() {
    let mut gateway = start(Profile::Envoy);
    let before = victims(&mut gateway);
    for number in 0..60 {
        for request in attacks(number) {
            gateway.request(0, away(request));
        }
        gateway.advance(100);
    }
    assert!(gateway.counter("session_risk.table.evicted") > 0, "the flood was one");
    let held: Vec<_> =
        entries(&gateway).into_iter().filter(|entry| before.iter().any(|b| b[..16] == entry[..16])).collect();
    assert!(held.iter().all(|entry| before.contains(entry)), "what is still there has not moved");
    for request in [by_key(Request::post("/orders/1", "")), by_claim(Request::post("/orders/1", ""))] {
        let exchange = gateway.request(0, home(request));
        assert_eq!(exchange.upstream_header("x-session-risk-action").as_deref(), Some("allow"));
        assert_eq!(exchange.upstream_header("x-session-risk-score").as_deref(), Some("0"));
    }
}

#[test]
fn the_same_requests_with_the_credentials_do_raise_it() {
    // Without this the tests above would also pass on a filter that sees nothing.
    for credentials in [by_key, by_claim] {
        let mut gateway = start(Profile::Envoy);
        let before = victims(&mut gateway);
        gateway.request(0, away(credentials(Request::get("/orders/1"))));
        let moved: Vec<_> = entries(&gateway).into_iter().filter(|entry| !before.contains(entry)).collect();
        assert_eq!(moved.len(), 1);
        assert!(session(&moved[0]).standing.level.number() > 0, "another country is evidence");
    }
}
