//! The readers of whole texts under any bytes: the configuration, a host's serialised headers. Bounded fuzzing, from
//! noise and from damage to what is right. The parsers of single values are in `facts_properties.rs`.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use proptest::collection::vec;
use proptest::prelude::*;
use session_risk::config::Config;
use session_risk::filter::pairs;
use session_risk::intake::{Cache, Target, call_of_headers, read};
use session_risk::time::Timestamp;
use std::sync::OnceLock;

/// A configuration with something in every part.
const FULL: &str = r#"{
    "secret": "0123456789abcdef",
    "mode": {"percent": 50},
    "session": {
        "key": [{"claims": ["sid"]}, {"header": "x-api-key"}, "bearer", {"cookie": "session"}, "client_certificate", "mcp_session_id"],
        "subject": [{"claims": ["sub"]}],
        "actor": [{"is": "api_key", "key_from": "header"}, {"is": "agent", "mcp": true}, {"is": "human"}],
        "payload": {"header": "x-jwt-payload"}
    },
    "network": {"client_address": {"trusted_hops": 1}, "hosting_asns": [16509]},
    "device": {"ja4_header": "x-ja4", "posture": {"header": "x-device-posture"}},
    "routes": [
        {"method": "GET", "path": "/v1/users/{id}/export", "tier": "sensitive", "access": "export"},
        {"path": "/admin/**", "tier": "sensitive", "access": "admin"},
        {"path": "/mcp", "protocol": "mcp"}
    ],
    "tools": [{"name": "export_*", "access": "export", "tier": "sensitive"}],
    "mcp": {"read_body": true, "max_body_bytes": 65536},
    "levels": {"elevated": 10, "high": 20, "critical": 35},
    "rules": [
        {"name": "sensitive", "when": {"tier_at_least": "sensitive", "score_at_least": 15}, "then": "step_up", "mode": "enforce"},
        {"name": "runaway", "when": {"actor": ["agent"], "level_at_least": "critical"}, "then": {"suspend": {"seconds": 900}}, "mode": {"percent": 10}}
    ],
    "step_up": {"acr_values": "urn:example:mfa", "max_age_seconds": 300},
    "table": {"buckets": 64, "ways": 8}
}"#;

fn full() -> &'static Config {
    static CONFIG: OnceLock<Config> = OnceLock::new();
    CONFIG.get_or_init(|| Config::from_json(FULL.as_bytes()).unwrap())
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A configuration is taken, or refused with a reason.
fn judged(text: &[u8]) -> bool {
    match Config::from_json(text) {
        Ok(_) => true,
        Err(error) => {
            assert!(!error.to_string().trim().is_empty());
            false
        }
    }
}

/// JSON in which the configuration's own words turn up in the wrong places.
fn json() -> impl Strategy<Value = serde_json::Value> {
    let words: Vec<String> = FULL.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let word = prop_oneof![9 => prop::sample::select(words), 1 => any::<String>()];
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (-3..120i64).prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        word.clone().prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        let member = (word.clone(), inner.clone());
        prop_oneof![
            vec(inner, 0..6).prop_map(serde_json::Value::from),
            vec(member, 0..6).prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Puts `value` at the `at`-th place of a tree, counting depth first.
fn replace(tree: &mut serde_json::Value, at: &mut usize, value: &serde_json::Value) -> bool {
    if *at == 0 {
        *tree = value.clone();
        return true;
    }
    *at -= 1;
    match tree {
        serde_json::Value::Array(items) => items.iter_mut().any(|item| replace(item, at, value)),
        serde_json::Value::Object(members) => members.iter_mut().any(|(_, member)| replace(member, at, value)),
        _ => false,
    }
}

fn serialise(headers: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let number = |length: usize| u32::try_from(length).unwrap().to_le_bytes();
    let mut blob = number(headers.len()).to_vec();
    for (name, value) in headers {
        blob.extend(number(name.len()));
        blob.extend(number(value.len()));
    }
    for (name, value) in headers {
        blob.extend([name.as_slice(), b"\0", value, b"\0"].concat());
    }
    blob
}

fn headers() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>)>> {
    let names = [
        "authorization",
        "x-api-key",
        "cookie",
        "x-jwt-payload",
        ":path",
        ":method",
        "x-geo-asn",
        "mcp-name",
        "x-forwarded-for",
    ];
    let name = prop_oneof![
        4 => prop::sample::select(names.to_vec()).prop_map(|name| name.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 0..20),
    ];
    let value = prop_oneof![
        vec(any::<u8>(), 0..60),
        prop::sample::select(vec![
            "POST",
            "/mcp",
            "/admin/x",
            "Bearer a.eyJzdWIiOiJhIn0.b",
            "eyJzaWQiOiJhIn0",
            "session=a; session=b",
            "99999999999"
        ])
        .prop_map(|value| value.as_bytes().to_vec()),
    ];
    vec((name, value), 0..20)
}

proptest! {
    #![proptest_config(config(4000))]

    #[test]
    fn no_bytes_bring_the_configuration_down(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(!judged(&bytes), "noise has no secret");
    }

    #[test]
    fn no_json_brings_the_configuration_down(json in json()) {
        judged(json.to_string().as_bytes());
    }

    #[test]
    fn a_configuration_with_one_thing_replaced_is_taken_or_refused(at in 0..110usize, value in json()) {
        let mut tree: serde_json::Value = serde_json::from_str(FULL).unwrap();
        let mut at = at;
        replace(&mut tree, &mut at, &value);
        judged(tree.to_string().as_bytes());
    }

    #[test]
    fn a_configuration_with_one_byte_changed_is_taken_or_refused(at in 0..FULL.len(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut text = FULL.as_bytes().to_vec();
        if cut {
            text.truncate(at);
            prop_assert!(!judged(&text), "half a configuration is none");
        } else {
            text[at] = byte;
            judged(&text);
        }
    }

    #[test]
    fn headers_are_read_as_they_were_written(headers in headers()) {
        let blob = serialise(&headers);
        let read: Vec<_> = pairs(&blob).map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
        prop_assert_eq!(read, headers);
    }

    #[test]
    fn damaged_headers_are_read_as_far_as_they_go(headers in headers(), at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let mut blob = serialise(&headers);
        let at = at.index(blob.len());
        if cut { blob.truncate(at) } else { blob[at] = byte }
        let bytes: usize = pairs(&blob).map(|(name, value)| name.len() + value.len()).sum();
        prop_assert!(bytes <= blob.len() * headers.len().max(1) * 2);
        facts_of(&blob);
    }

    #[test]
    fn no_bytes_bring_the_reader_of_headers_down(bytes in vec(any::<u8>(), 0..300), count in 0..40u32) {
        facts_of(&bytes);
        facts_of(&[&count.to_le_bytes()[..], &bytes].concat());
    }

    #[test]
    fn a_request_of_any_headers_gets_facts_or_none(headers in headers(), now in any::<u64>()) {
        let blob = serialise(&headers);
        let (first, again) = (facts_at(&blob, now), facts_at(&blob, now));
        prop_assert_eq!(first, again);
        // What was read of other requests, and of this one, changes nothing.
        let cache = &mut warm()?;
        prop_assert_eq!(facts_with(cache, &blob, now), first);
        prop_assert_eq!(facts_with(cache, &blob, now), first);
    }
}

fn facts_of(blob: &[u8]) {
    facts_at(blob, 1_767_225_600_000);
}

fn facts_at(blob: &[u8], now: u64) -> Option<session_risk::facts::Facts> {
    facts_with(&mut Cache::default(), blob, now)
}

/// What was read of all the requests so far.
fn warm() -> Result<std::sync::MutexGuard<'static, Cache>, TestCaseError> {
    static WARM: std::sync::LazyLock<std::sync::Mutex<Cache>> = std::sync::LazyLock::new(Default::default);
    WARM.lock().map_err(|error| TestCaseError::fail(error.to_string()))
}

fn facts_with(cache: &mut Cache, blob: &[u8], now: u64) -> Option<session_risk::facts::Facts> {
    let config = full();
    let headers = config.names.pick(pairs(blob));
    let target = Target::find(config, &headers);
    let call = target.mcp.then(|| call_of_headers(config, &headers));
    read(config, cache, &headers, &target, call.as_ref(), &mut |_| None, Timestamp::from_millis(now)).facts
}

#[test]
fn the_damage_begins_with_something_whole() {
    assert!(judged(FULL.as_bytes()));
    let header = |name: &str, value: &str| (name.as_bytes().to_vec(), value.as_bytes().to_vec());
    let blob = serialise(&[header(":method", "GET"), header(":path", "/admin/x"), header("x-api-key", "k-1")]);
    assert!(facts_at(&blob, 0).is_some());
}
