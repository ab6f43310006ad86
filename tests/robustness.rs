//! What no client, host or accident may do to the filter: trap it, lose a session, or go uncounted. On the compiled
//! module, in the embedded host.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, unreachable_pub, missing_docs)]

mod host;

use host::{Exchange, Gateway, Module, Options, Outcome, Profile, Request, Response, When};
use session_risk::session::{Session, codec};

const CONFIGURATION: &str = r#"{
    "secret": "a secret for robustness tests",
    "session": {"payload": {"header": "x-jwt-payload"}, "key": [{"claims": ["sid"]}, {"header": "x-api-key"}, "bearer"]},
    "network": {"client_address": {"trusted_hops": 0}},
    "routes": [{"path": "/mcp", "protocol": "mcp"}],
    "mcp": {"read_body": true},
    "table": {"buckets": 4, "ways": 2}
}"#;

fn start(profile: Profile, workers: usize) -> Gateway {
    Gateway::start(profile, Module::built(), CONFIGURATION.as_bytes(), workers)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn keyed(key: &str) -> Request {
    Request::get("/orders/1").header("x-api-key", key).header("x-forwarded-for", "84.130.12.7")
}

fn decided(exchange: &Exchange) -> bool {
    exchange.upstream_header("x-session-risk-action").is_some() || matches!(exchange.outcome, Outcome::LocalReply(_))
}

/// Every session in the table.
fn sessions(gateway: &Gateway) -> Vec<Session> {
    let values = gateway.shared_data().into_values().map(|(value, _)| value).filter(|value| value.len() > 32);
    values
        .flat_map(|value| value[32..].chunks(272).map(<[u8]>::to_vec).collect::<Vec<_>>())
        .filter(|entry| entry[..16] != [0; 16])
        .map(|entry| codec::decode(&entry[16..]).expect("a stored session reads back"))
        .collect()
}

#[test]
fn hostile_requests_get_a_decision() {
    let big = vec![b'a'; 1 << 20];
    let hostile: Vec<Request> = vec![
        keyed("k").header("user-agent", b"\xff\xfe\x00\x80"),
        keyed("k").header("x-\u{fffd}", b"\xff"),
        Request::get("/").header("x-api-key", b"\xff\xff\xff"),
        Request::get("/").header("x-api-key", "a").header("x-api-key", "b"),
        keyed("k").header("authorization", "Bearer a").header("authorization", "Bearer b"),
        keyed("k").header("authorization", &big),
        keyed("k").header("x-jwt-payload", "not base64 !!!"),
        keyed("k").header("x-jwt-payload", "bm90IGpzb24"),
        keyed("k").header("x-jwt-payload", &big),
        keyed("k").header("x-geo-asn", "-1").header("x-geo-country", "\u{1f600}").header("x-geo-latitude", "1e999"),
        keyed("k").header("x-forwarded-for", &big),
        keyed("k").header("cookie", &big),
        Request::new("\u{fffd}", "not a path").header("x-api-key", "k"),
        Request::get(&"/a".repeat(50_000)).header("x-api-key", "k"),
        Request::post("/mcp", b"\xff\xfe").header("x-api-key", "k"),
        Request::post("/mcp", "{\"jsonrpc\":\"2.0\",\"method\":1e999}").header("x-api-key", "k"),
        Request::post("/mcp", "[".repeat(60_000)).header("x-api-key", "k"),
    ];
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = start(profile, 1);
        let healthy = gateway.request(0, keyed("k"));
        assert!(decided(&healthy));
        for request in &hostile {
            let exchange = gateway.request(0, request.clone());
            assert!(decided(&exchange), "{profile:?} {} {:.60}: {:?}", request.method, request.path, exchange.outcome);
            assert_eq!(gateway.dead(0), None);
        }
        assert!(gateway.counter("session_risk.malformed") > 0);
        assert!(gateway.counter("session_risk.signals.kind.duplicate_identity") > 0);
    }
}

#[test]
fn a_token_too_long_to_digest_is_no_session_and_passes() {
    let mut gateway = start(Profile::Envoy, 1);
    let token = [b"Bearer ".to_vec(), vec![b'a'; 1 << 20]].concat();
    let exchange = gateway.request(0, Request::get("/").header("authorization", token));
    assert!(exchange.is_forwarded());
    assert_eq!(gateway.counter("session_risk.unscored.cause.malformed"), 1);
    assert_eq!(gateway.counter("session_risk.malformed"), 1);
}

#[test]
fn a_clock_that_goes_backwards_loses_nothing() {
    let mut gateway = start(Profile::Envoy, 1);
    (0..5).for_each(|_| drop(gateway.request(0, keyed("k"))));
    gateway.at(1_000);
    assert!(decided(&gateway.request(0, keyed("k"))));
    assert_eq!(sessions(&gateway)[0].requests, 6);
}

#[test]
fn damaged_and_foreign_buckets_count_as_empty_and_heal() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let damage: [fn(&mut Vec<u8>); 5] = [
            |value| value.clear(),
            |value| value[200] ^= 1,
            |value| value.truncate(300),
            |value| *value = b"somebody else's value".to_vec(),
            |value| value[4] = 99,
        ];
        for (number, damage) in damage.into_iter().enumerate() {
            let mut gateway = start(profile, 1);
            gateway.request(0, keyed("k"));
            let used = gateway.shared_data().into_iter().find(|(_, (value, _))| value.len() > 32).unwrap().0;
            gateway.edit_shared(&used, damage);
            let exchange = gateway.request(0, keyed("k"));
            assert!(decided(&exchange), "{profile:?} damage {number}");
            assert!(gateway.counter("session_risk.table.discarded") > 0, "{profile:?} damage {number}");
            gateway.request(0, keyed("k"));
            assert_eq!(sessions(&gateway)[0].requests, 2, "{profile:?} damage {number}: whole again");
        }
    }
}

#[test]
fn every_host_call_may_fail_without_a_trap() {
    let calls = [
        "proxy_get_header_map_pairs",
        "proxy_get_header_map_value",
        "proxy_replace_header_map_value",
        "proxy_remove_header_map_value",
        "proxy_get_property",
        "proxy_set_property",
        "proxy_get_shared_data",
        "proxy_set_shared_data",
        "proxy_get_buffer_bytes",
        "proxy_increment_metric",
        "proxy_record_metric",
        "proxy_get_current_time_nanoseconds",
        "proxy_send_local_response",
    ];
    for call in calls {
        for status in [1, 2, 3, 7, 8, 10, 12, 99] {
            let mut gateway = start(Profile::Envoy, 1);
            gateway.request(0, keyed("k"));
            gateway.fail(call, When::Every, status);
            for request in [keyed("k"), keyed("new"), Request::post("/mcp", "{}").header("x-api-key", "k")] {
                let outcome = gateway.request(0, request).outcome;
                assert!(
                    matches!(outcome, Outcome::Forwarded { .. } | Outcome::LocalReply(_)),
                    "{call} {status}: {outcome:?}"
                );
            }
            assert_eq!(gateway.dead(0), None, "{call} {status}");
            gateway.heal();
            assert!(decided(&gateway.request(0, keyed("k"))), "{call} {status}: works again");
        }
    }
}

#[test]
fn a_table_that_cannot_be_read_is_counted_and_follows_the_failure_mode() {
    let mut gateway = start(Profile::Envoy, 1);
    gateway.fail("proxy_get_shared_data", When::Every, 10);
    let exchange = gateway.request(0, keyed("k").header("x-session-risk-score", "0"));
    assert_eq!(exchange.upstream_header("x-session-risk-unscored").as_deref(), Some("table_error"));
    assert_eq!(exchange.upstream_header("x-session-risk-score"), None);
    assert_eq!(gateway.counter("session_risk.unscored.cause.table_error"), 1);
    let strict = CONFIGURATION.replacen('{', "{\"on_failure\": \"deny\",", 1);
    let mut gateway = Gateway::start(Profile::Envoy, Module::built(), strict.as_bytes(), 1).unwrap();
    gateway.fail("proxy_get_shared_data", When::Every, 10);
    assert_eq!(gateway.request(0, keyed("k")).local_reply().status, 503);
    let shadow = strict.replacen('{', "{\"mode\": \"shadow\",", 1);
    gateway.reconfigure(shadow.as_bytes()).unwrap();
    let exchange = gateway.request(0, keyed("k"));
    assert_eq!(
        exchange.upstream_header("x-session-risk-unscored").as_deref(),
        Some("table_error"),
        "shadow refuses none"
    );
}

#[test]
fn each_cause_has_its_own_failure_mode() {
    let with = |causes: &str| CONFIGURATION.replacen('{', &format!("{{\"on_failure\": {causes},"), 1);
    for (call, status, cause) in
        [("proxy_get_header_map_pairs", 10, "host_error"), ("proxy_get_shared_data", 10, "table_error")]
    {
        for denied in ["host_error", "table_error", "no_session", "malformed", "body_missing"] {
            let text = with(&format!("{{\"{denied}\": \"deny\"}}"));
            let mut gateway = Gateway::start(Profile::Envoy, Module::built(), text.as_bytes(), 1).unwrap();
            gateway.fail(call, When::Every, status);
            let exchange = gateway.request(0, keyed("k"));
            assert_eq!(exchange.is_forwarded(), denied != cause, "{cause} where {denied} is denied");
            assert_eq!(gateway.counter(&format!("session_risk.unscored.cause.{cause}")), 1, "{cause}");
        }
    }
}

#[test]
fn a_lost_compare_and_swap_loses_no_update() {
    for profile in [Profile::Envoy, Profile::Kong] {
        for lost in [1, 2, 3, 10] {
            let mut gateway = start(profile, 1);
            gateway.request(0, keyed("k"));
            gateway.lose_cas(lost);
            (0..5).for_each(|_| assert!(decided(&gateway.request(0, keyed("k")))));
            (0..3).for_each(|_| drop(gateway.tick(0).unwrap()));
            assert_eq!(sessions(&gateway)[0].requests, 6, "{profile:?}, {lost} lost");
            assert_eq!(gateway.counter("session_risk.table.conflicts"), lost);
            assert_eq!(gateway.counter("session_risk.table.dropped"), 0);
        }
    }
}

#[test]
fn workers_share_sessions_and_sessions_outlive_workers_and_configurations() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = start(profile, 2);
        (0..50).for_each(|number| drop(gateway.request(number % 2, keyed("k"))));
        assert_eq!(sessions(&gateway)[0].requests, 50, "{profile:?}");
        gateway.reload(0).unwrap();
        gateway.reconfigure(CONFIGURATION.replace("\"ways\": 2", "\"ways\": 4").as_bytes()).unwrap();
        gateway.request(0, keyed("k"));
        gateway.request(1, keyed("k"));
        assert_eq!(sessions(&gateway)[0].requests, 52, "{profile:?}: more ways are no new table");
        let refused = gateway.reconfigure(b"{\"secret\": 1}").unwrap_err();
        assert!(refused.to_string().contains("invalid config at `secret`"), "{refused}");
        assert!(decided(&gateway.request(0, keyed("k"))), "{profile:?}: the old configuration keeps serving");
    }
}

#[test]
fn a_flood_stays_within_the_memory_that_the_configuration_states() {
    let mut gateway = start(Profile::Envoy, 1);
    let suspended = CONFIGURATION.replacen(
        '{',
        r#"{"rules": [{"name": "w", "when": {"access": ["write"]}, "then": {"suspend": {"seconds": 86400}}}],"#,
        1,
    );
    gateway.reconfigure(suspended.as_bytes()).unwrap();
    gateway.request(0, keyed("real"));
    assert_eq!(gateway.request(0, Request::post("/orders", "").header("x-api-key", "real")).local_reply().status, 403);
    for number in 0..2_000 {
        gateway.exchange(0, keyed(&format!("invented-{number}")), Response::new(401));
    }
    assert_eq!(sessions(&gateway).len(), 1, "what the upstream refuses earns no entry");
    for number in 0..2_000 {
        gateway.request(0, keyed(&format!("accepted-{number}")));
    }
    let shared = gateway.shared_data();
    let buckets = shared.iter().filter(|(key, _)| key.starts_with(b"session_risk/sessions/"));
    let bytes: usize = buckets.map(|(_, (value, _))| value.len()).sum();
    assert!(bytes <= 4 * (32 + 2 * 272), "{bytes} bytes");
    assert_eq!(gateway.request(0, keyed("real")).local_reply().status, 403, "a suspended session is never evicted");
    assert!(gateway.counter("session_risk.table.evicted") > 1_000);
}

#[test]
fn a_body_that_never_comes_delays_a_call_and_does_not_hang_it() {
    let options = Options { headers_stop_iteration: false, ..Options::default() };
    let mut gateway = Gateway::start_with(Profile::Envoy, Module::built(), CONFIGURATION.as_bytes(), options).unwrap();
    let stream = gateway.open(0, Request::post("/mcp", "{}").header("x-api-key", "k"));
    gateway.advance(1_000);
    gateway.tick(0).unwrap();
    gateway.advance(10_000);
    gateway.tick(0).unwrap();
    gateway.respond(stream, Response::new(200));
    let exchange = gateway.close(stream);
    assert!(exchange.is_forwarded(), "{:?}", exchange.outcome);
    assert_eq!(gateway.counter("session_risk.mcp.body_timeout"), 1);
    assert!(gateway.logs().iter().any(|log| log.text.contains("allow_on_headers_stop_iteration")));
}

#[test]
fn a_call_whose_body_never_comes_is_refused_where_that_is_asked_for() {
    let options = || Options { headers_stop_iteration: false, ..Options::default() };
    for (mode, refused) in [("enforce", true), ("shadow", false)] {
        let head = format!("{{\"mode\": \"{mode}\", \"on_failure\": {{\"body_missing\": \"deny\"}},");
        let text = CONFIGURATION.replacen('{', &head, 1);
        let mut gateway = Gateway::start_with(Profile::Envoy, Module::built(), text.as_bytes(), options()).unwrap();
        let stream = gateway.open(0, Request::post("/mcp", "{}").header("x-api-key", "k"));
        gateway.advance(10_000);
        gateway.tick(0).unwrap();
        if !refused {
            gateway.respond(stream, Response::new(200));
        }
        let exchange = gateway.close(stream);
        assert_eq!(exchange.is_forwarded(), !refused, "{mode}: {:?}", exchange.outcome);
        assert_eq!(gateway.counter("session_risk.mcp.body_timeout"), 1);
        if refused {
            let reply = exchange.local_reply();
            let body = String::from_utf8_lossy(&reply.body).into_owned();
            assert!(reply.status == 503 && body.contains("\"code\":50301"), "{body}");
        }
    }
}

#[test]
fn a_hundred_headers_hide_nothing_on_kong() {
    let mut gateway = start(Profile::Kong, 1);
    let mut request = Request::get("/orders/1");
    for number in 0..120 {
        request = request.header(&format!("x-junk-{number}"), "1");
    }
    let exchange = gateway.request(0, request.header("x-api-key", "k").header("x-session-risk-reasons", "none"));
    assert_eq!(exchange.upstream_header("x-session-risk-action").as_deref(), Some("allow"));
    assert_eq!(exchange.upstream_header("x-session-risk-reasons"), None);
}
