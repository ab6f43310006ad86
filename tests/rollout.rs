//! Overrides where the embedded host must help: later callbacks of a request, updates that wait for a tick, hosts that
//! hide headers. What an override decides is in the scenarios.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, unreachable_pub, missing_docs)]

mod host;

use host::{Gateway, Module, Options, Profile, Request, Response};
use serde_json::{Value, json};
use session_risk::session::{Session, codec};

/// The configuration of these tests, in which `shop.example` differs by a patch.
fn configuration(patch: Value) -> Vec<u8> {
    let configuration = json!({
        "secret": "a secret for rollout tests",
        "session": {"payload": {"header": "x-jwt-payload"}, "key": [{"header": "x-api-key"}, {"claims": ["sid"]}]},
        "network": {"client_address": {"trusted_hops": 0}},
        "routes": [{"path": "/mcp", "protocol": "mcp"}],
        "mcp": {"read_body": true, "body_timeout_ms": 5000},
        "table": {"buckets": 4, "ways": 2},
        "overrides": [{"host": ["shop.example"], "config": patch}],
    });
    configuration.to_string().into_bytes()
}

fn start(profile: Profile, patch: Value) -> Gateway {
    Gateway::start(profile, Module::built(), &configuration(patch), 1).unwrap_or_else(|error| panic!("{error}"))
}

fn keyed(host: &str) -> Request {
    from("DE", host)
}

fn from(country: &str, host: &str) -> Request {
    Request::get("/orders/1").header(":authority", host).header("x-api-key", "k").header("x-geo-country", country)
}

/// The only session in the table.
fn session(gateway: &Gateway) -> Session {
    let values = gateway.shared_data().into_values().map(|(value, _)| value).filter(|value| value.len() > 32);
    let entries: Vec<Vec<u8>> =
        values.flat_map(|value| value[32..].chunks(272).map(<[u8]>::to_vec).collect::<Vec<_>>()).collect();
    let used: Vec<_> = entries.iter().filter(|entry| entry[..16] != [0; 16]).collect();
    assert_eq!(used.len(), 1);
    codec::decode(&used[0][16..]).unwrap()
}

#[test]
fn an_update_that_waits_for_a_tick_is_judged_by_its_override() {
    for (host, raised) in [("shop.example", false), ("other.example", true)] {
        let mut gateway = start(Profile::Envoy, json!({"weights": {"new_country": 0}}));
        (0..25).for_each(|_| drop(gateway.request(0, keyed(host))));
        let before = session(&gateway).requests;
        gateway.lose_cas(3);
        gateway.request(0, from("SG", host));
        assert_eq!(session(&gateway).requests, before, "it waits");
        gateway.tick(0).unwrap();
        let now = session(&gateway);
        assert_eq!(now.requests, before + 1);
        let evidence = now.evidence.lines().next().is_some();
        assert_eq!(evidence, raised, "{host}: {:?}", now.evidence);
    }
}

#[test]
fn a_body_is_waited_for_as_long_as_its_override_says() {
    let options = || Options { headers_stop_iteration: false, ..Options::default() };
    for (host, late) in [("shop.example", 1), ("other.example", 0)] {
        let text = configuration(json!({"mcp": {"body_timeout_ms": 500}}));
        let mut gateway = Gateway::start_with(Profile::Envoy, Module::built(), &text, options()).unwrap();
        let call = Request::post("/mcp", "{}").header(":authority", host).header("x-api-key", "k");
        let stream = gateway.open(0, call);
        gateway.advance(1_000);
        gateway.tick(0).unwrap();
        assert_eq!(gateway.counter("session_risk.mcp.body_timeout"), late, "{host}");
        gateway.advance(5_000);
        gateway.tick(0).unwrap();
        gateway.respond(stream, Response::new(200));
        assert!(gateway.close(stream).is_forwarded());
        assert_eq!(gateway.counter("session_risk.mcp.body_timeout"), 1, "{host}");
    }
}

#[test]
fn reports_are_read_and_taken_out_where_the_override_reads_them() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = start(profile, json!({"reported": {"words": {"fraud": 30}}}));
        let reports = || Response::new(200).header("x-session-risk-signal", "fraud");
        let nobody = |host: &str| Request::get("/").header(":authority", host);
        for (host, read) in [("other.example", false), ("shop.example", true)] {
            gateway.request(0, keyed(host));
            for request in [keyed(host), nobody(host)] {
                let exchange = gateway.exchange(0, request, reports());
                let told = exchange.response_header("x-session-risk-signal").is_some();
                assert_eq!(told, !read, "{profile:?} {host}");
            }
            let score = gateway.request(0, keyed("other.example")).upstream_header("x-session-risk-score").unwrap();
            assert_eq!(score.parse::<u8>().unwrap() > 20, read, "{profile:?} {host}: {score}");
        }
    }
}

#[test]
fn a_hundred_headers_do_not_hide_what_only_an_override_reads() {
    let mut gateway = start(Profile::Kong, json!({"session": {"payload": {"header": "x-shop-payload"}}}));
    let mut request = Request::get("/orders/1").header(":authority", "shop.example");
    for number in 0..120 {
        request = request.header(&format!("x-junk-{number}"), "1");
    }
    // {"sid":"s"}
    let exchange = gateway.request(0, request.header("x-shop-payload", "eyJzaWQiOiJzIn0"));
    assert_eq!(exchange.upstream_header("x-session-risk-action").as_deref(), Some("allow"));
}
