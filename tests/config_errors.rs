//! What a configuration may say and what is said about one that is wrong, word for word: these texts are what an
//! operator has in hand when a gateway refuses to start.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use session_risk::{
    config::{Config, ConfigError, raw, schema},
    facts::ACTORS,
    policy::{Action, actor_number},
    score::Level,
};

const SECRET: &str = "0123456789abcdef";

fn problems(text: &str) -> Vec<String> {
    let Err(error) = Config::from_json(text.as_bytes()) else { panic!("was accepted: {text}") };
    error.problems().iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
}

/// A configuration with a good secret and these members besides.
fn with(members: &str) -> String {
    format!(r#"{{"secret": "{SECRET}", {members}}}"#)
}

#[track_caller]
fn says(members: &str, expected: &[&str]) {
    assert_eq!(problems(&with(members)), expected, "{members}");
}

fn accepted(members: &str) -> Config {
    Config::from_json(with(members).as_bytes()).unwrap_or_else(|error| panic!("{members}: {error}"))
}

#[test]
fn what_is_no_document_is_said_once() {
    let least = r#".: empty; the least is {"secret": "<16 or more random characters>"}"#;
    assert_eq!(problems(""), [least]);
    assert_eq!(problems(" \n\t"), [least]);
    assert_eq!(problems("secret: x"), [".: not valid JSON: expected value at line 1 column 1"]);
    assert_eq!(problems("{\n\"secret\": \"a\",\n}"), [".: not valid JSON: trailing comma at line 3 column 1"]);
    assert_eq!(problems("[]"), [".: expected an object, found a list"]);
    assert_eq!(problems("null"), [".: expected an object, found `null`"]);
    let not_text = Config::from_json(b"{\"secret\": \"\xff\"}").unwrap_err();
    assert_eq!(not_text.to_string(), "invalid config at `.`: not UTF-8");
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(problems(&deep), [".: not valid JSON: recursion limit exceeded at line 1 column 128"]);
}

#[test]
fn a_member_that_is_there_twice_is_refused_because_readers_would_differ() {
    let twice = r#"{"secret": "0123456789abcdef", "mode": "enforce", "mode": "shadow"}"#;
    assert_eq!(problems(twice), [".: not valid JSON: the member `mode` occurs twice at line 1 column 67"]);
    let inside = r#"{"secret": "0123456789abcdef", "levels": {"high": 20, "high": 30}}"#;
    assert_eq!(problems(inside), [".: not valid JSON: the member `high` occurs twice at line 1 column 65"]);
}

#[test]
fn every_problem_of_a_document_is_reported_at_once() {
    let text = r#"{
        "mode": {"percent": 101},
        "levls": {},
        "session": {"key": ["beerer", {"header": "x y"}], "payload": "x-jwt-payload"},
        "routes": [{"path": "admin", "tier": "sensitiv"}, 7],
        "levels": {"high": "20"},
        "rules": [{"name": "a", "when": {"actor": ["robot"], "score_at_least": -1}}]
    }"#;
    assert_eq!(
        problems(text),
        [
            "levls: unknown field, did you mean `levels`?",
            "secret: required, but absent",
            "mode.percent: expected a whole number in 0..=100, found `101`",
            "session.key[0]: unknown word `beerer`, did you mean `bearer`?",
            "session.key[1].header: expected a header name, found `x y`",
            "session.payload: unknown word `x-jwt-payload`, expected one of `header`, `metadata`",
            "routes[0].path: expected a path that begins with `/`, found `admin`",
            "routes[0].tier: unknown word `sensitiv`, did you mean `sensitive`?",
            "routes[1]: expected an object, found `7`",
            "levels.high: expected a whole number in 0..=100, found `20`",
            "rules[0].when.actor[0]: unknown word `robot`, expected one of `human`, `service`, `api_key`, `agent`",
            "rules[0].when.score_at_least: expected a whole number in 0..=100, found `-1`",
            "rules[0].then: required, but absent",
        ]
    );
}

#[test]
fn a_log_is_not_flooded_with_problems() {
    let routes = vec!["7"; 60].join(",");
    let Err(error) = Config::from_json(with(&format!(r#""routes": [{routes}]"#)).as_bytes()) else {
        panic!("accepted")
    };
    let text = error.to_string();
    assert_eq!(text.lines().next(), Some("invalid config at `routes[0]`: expected an object, found `7`"));
    assert_eq!((text.lines().count(), text.lines().last()), (51, Some("and 10 more")));
    assert_eq!(error.problems().len(), 60);
}

#[test]
fn values_of_the_wrong_sort() {
    says(r#""mcp": []"#, &["mcp: expected an object, found a list"]);
    says(r#""routes": {}"#, &["routes: expected a list, found an object"]);
    says(r#""mcp": {"read_body": "yes"}"#, &["mcp.read_body: expected `true` or `false`, found `yes`"]);
    says(r#""default_tier": 2"#, &["default_tier: expected a word, found `2`"]);
    says(r#""mode": true"#, &["mode: expected a word or an object with one member, found `true`"]);
    says(r#""levels": {"high": 20.5}"#, &["levels.high: expected a whole number in 0..=100, found a fraction"]);
    says(
        r#""network": {"hosting_asns": [0, 4294967296, 1.5, 18446744073709551615]}"#,
        &[
            "network.hosting_asns[0]: expected a whole number in 1..=4294967295, found `0`",
            "network.hosting_asns[1]: expected a whole number in 1..=4294967295, found `4294967296`",
            "network.hosting_asns[2]: expected a whole number in 1..=4294967295, found a fraction",
            "network.hosting_asns[3]: expected a whole number in 1..=4294967295, found `9223372036854775807`",
        ],
    );
    let long = "x".repeat(50);
    let shown = "x".repeat(40);
    says(
        &format!(r#""levels": {{"high": "{long}"}}"#),
        &[&format!("levels.high: expected a whole number in 0..=100, found `{shown}...`")],
    );
}

#[test]
fn a_secret_is_never_shown() {
    assert_eq!(problems(r#"{"secret": 1234567890123456}"#), ["secret: expected a string, found a number"]);
    assert_eq!(problems(r#"{"secret": "hunter2"}"#), ["secret: expected 16 to 1024 bytes, found 7"]);
    assert_eq!(problems(r#"{"secret": ["hunter2"]}"#), ["secret: expected a string, found a list"]);
    let long = "x".repeat(1025);
    assert_eq!(problems(&format!(r#"{{"secret": "{long}"}}"#)), ["secret: expected 16 to 1024 bytes, found 1025"]);
}

#[test]
fn words_and_words_with_values_are_not_mixed_up() {
    says(r#""mode": "percent""#, &[r#"mode: `percent` needs a value, as in `{"percent": ...}`"#]);
    says(r#""mode": {"shadow": true}"#, &[r#"mode: `shadow` takes no value, write `"shadow"`"#]);
    says(r#""mode": {"percnt": 5}"#, &["mode: unknown word `percnt`, did you mean `percent`?"]);
    says(r#""mode": {}"#, &["mode: expected an object with one member, found an object"]);
    says(
        r#""rules": [{"name": "a", "then": "suspend"}, {"name": "b", "then": {"suspend": {"minutes": 5}}}]"#,
        &[
            r#"rules[0].then: `suspend` needs a value, as in `{"suspend": ...}`"#,
            "rules[1].then.suspend.minutes: unknown field, expected one of `seconds`",
        ],
    );
    says(
        r#""session": {"key": ["claims", {"bearer": true}, {"header": "a", "cookie": "b"}]}"#,
        &[
            r#"session.key[0]: `claims` needs a value, as in `{"claims": ...}`"#,
            r#"session.key[1]: `bearer` takes no value, write `"bearer"`"#,
            "session.key[2]: expected an object with one member, found an object",
        ],
    );
}

#[test]
fn texts_that_are_no_names() {
    says(r#""network": {"asn_header": ""}"#, &["network.asn_header: expected 1 to 128 bytes, found 0"]);
    says(r#""network": {"asn_header": "x asn"}"#, &["network.asn_header: expected a header name, found `x asn`"]);
    says(r#""session": {"key": [{"cookie": "a;b"}]}"#, &["session.key[0].cookie: expected a cookie name, found `a;b`"]);
    says(
        r#""routes": [{"path": "/a", "method": "get"}]"#,
        &["routes[0].method: expected an HTTP method in capitals such as `GET`, found `get`"],
    );
    says(
        r#""step_up": {"acr_values": "a\"b"}"#,
        &[r#"step_up.acr_values: expected values without quotes, separated by spaces, found `a"b`"#],
    );
    says(
        r#""table": {"name": "Sessions"}"#,
        &["table.name: expected lower-case letters, digits, `-` and `_`, found `Sessions`"],
    );
    says(r#""table": {"name": "a-name-of-17-byte"}"#, &["table.name: expected 1 to 16 bytes, found 17"]);
}

#[test]
fn signals_are_known_by_name() {
    says(r#""weights": {"new_ans": 20}"#, &["weights.new_ans: unknown field, did you mean `new_asn`?"]);
    says(r#""weights": {"new_asn": 64}"#, &["weights.new_asn: expected a whole number in 0..=63, found `64`"]);
    says(
        r#""rules": [{"name": "a", "then": "deny", "when": {"signal": ["bulk_exports", 14]}}]"#,
        &[
            "rules[0].when.signal[0]: unknown word `bulk_exports`, did you mean `bulk_export`?",
            "rules[0].when.signal[1]: expected a kind of signal, found `14`",
        ],
    );
}

#[test]
fn levels_must_rise() {
    says(r#""levels": {"elevated": 20}"#, &["levels: expected `elevated` < `high` < `critical`, found 20, 20, 35"]);
}

#[test]
fn identity_needs_a_source() {
    says(r#""session": {"key": []}"#, &["session.key: expected at least one source, found none"]);
    says(
        r#""session": {"payload": {"header": "x-jwt-payload"}, "key": [{"claims": []}]}"#,
        &["session.key[0].claims: expected at least one claim, found none"],
    );
    says(
        r#""session": {"actor": [{"is": "service", "one_of": ["ci"]}]}"#,
        &["session.actor[0].one_of: needs `claim`, which says whose values these are"],
    );
}

#[test]
fn claims_need_a_place_to_be_read_from() {
    let needs = "needs `session.payload`, which says where the verified token's payload is";
    says(
        r#""session": {"key": ["bearer", {"claims": ["sid"]}], "subject": [{"claims": ["email"]}],
            "actor": [{"is": "agent", "claim": "act.sub"}]}, "device": {"posture": {"claim": "device.posture"}}"#,
        &[
            &format!("session.key[1]: {needs}"),
            &format!("session.subject[0]: {needs}"),
            &format!("session.actor[0]: {needs}"),
            &format!("device.posture: {needs}"),
        ],
    );
}

#[test]
fn form_and_meaning_are_reported_together() {
    says(
        r#""rulez": [], "levels": {"elevated": 30}, "table": {"ways": 99, "buckets": 3}"#,
        &[
            "rulez: unknown field, did you mean `rules`?",
            "table.ways: expected a whole number in 1..=16, found `99`",
            "levels: expected `elevated` < `high` < `critical`, found 30, 20, 35",
            "table.buckets: expected a power of two, found `3`, the next is `4`",
        ],
    );
}

#[test]
fn what_the_filter_removes_it_cannot_read() {
    says(
        r#""session": {"key": [{"header": "X-Session-Risk-Id"}]}, "device": {"ja4_header": "x-session-risk-ja4"}"#,
        &[
            "session.key[0].header: `X-Session-Risk-Id` is never there: clients' `x-session-risk-` headers are removed first",
            "device.ja4_header: `x-session-risk-ja4` is never there: clients' `x-session-risk-` headers are removed first",
        ],
    );
}

#[test]
fn headers_are_bounded() {
    let sources: Vec<String> = (0..32).map(|n| format!(r#"{{"header": "x-key-{n}"}}"#)).collect();
    let found = problems(&with(&format!(r#""session": {{"key": [{}]}}"#, sources.join(","))));
    assert_eq!(found.first().map(String::as_str), Some("session.key[21].header: more than 32 different headers"));
}

#[test]
fn route_templates() {
    let nothing = "matches nothing: paths are compared decoded, without query, and without empty, `.` and `..` \
                   segments or a `/` at the end";
    says(
        r#""routes": [{"path": "/a/x{id}"}, {"path": "/**/b"}, {"path": "/c"}, {"path": "/c"}]"#,
        &[
            "routes[0].path: a parameter is a whole segment such as `{id}`, found `x{id}`",
            "routes[1].path: `**` stands only at the end",
            "routes[3].path: the same method and path as an earlier route",
        ],
    );
    for template in ["/a/", "/a//b", "/a/../b", "/a?x=1", "/%61", "/a;v=1", "//"] {
        says(&format!(r#""routes": [{{"path": "{template}"}}]"#), &[&format!("routes[0].path: {nothing}")]);
    }
    for template in ["/", "/**", "/a/*/b", "/v1/users/{id}/export", "/.well-known/jwks.json"] {
        assert_eq!(accepted(&format!(r#""routes": [{{"path": "{template}"}}]"#)).routes.iter().count(), 1);
    }
    let many: Vec<String> = (0..4097).map(|n| format!(r#"{{"path": "/{n}"}}"#)).collect();
    says(&format!(r#""routes": [{}]"#, many.join(",")), &["routes: at most 4096 routes, found 4097"]);
}

#[test]
fn rules_have_names_of_their_own_and_name_routes_that_exist() {
    says(
        r#""routes": [{"path": "/a"}], "rules": [{"name": "a", "then": "deny"},
           {"name": "a", "then": "deny", "when": {"route": ["/a", "/b"]}}]"#,
        &[
            "rules[1].name: the name `a` is taken by an earlier rule",
            "rules[1].when.route[1]: `/b` is not a path in `routes`",
        ],
    );
    let many: Vec<String> = (0..65).map(|n| format!(r#"{{"name": "{n}", "then": "deny"}}"#)).collect();
    says(&format!(r#""rules": [{}]"#, many.join(",")), &["rules: at most 64 rules, found 65"]);
}

#[test]
fn hosts_are_written_as_they_are_compared() {
    let rule = |host: &str| format!(r#""rules": [{{"name": "a", "then": "deny", "when": {{"host": ["{host}"]}}}}]"#);
    for host in ["https://a.example", "a.example:443", "a.example/b", "a.example.", "::1", "b\u{fc}cher.example"] {
        let what = "expected a host such as `shop.example.com` or `*.example.com`, without scheme, port and path";
        says(&rule(host), &[&format!("rules[0].when.host[0]: {what}")]);
    }
    says(&rule(""), &["rules[0].when.host[0]: expected 1 to 128 bytes, found 0"]);
    for host in ["A.example", "*.example.com", "xn--bcher-kva.example", "[::1]", "[2001:db8::*]", "10.0.0.?", "*"] {
        assert!(accepted(&rule(host)).session.headers.host.is_some());
    }
    assert!(accepted(r#""routes": []"#).session.headers.host.is_none(), "what nobody asks for is not read");
}

#[test]
fn an_override_is_checked_as_the_configuration_that_it_makes() {
    let one =
        |patch: &str| format!(r#""routes": [{{"path": "/a"}}], "overrides": [{{"host": ["a"], "config": {patch}}}]"#);
    let in_config = |problem: &str| format!("overrides[0].config{problem}");
    for (patch, problem) in [
        (r#"{"levels": {"high": 101}}"#, ".levels.high: expected a whole number in 0..=100, found `101`"),
        (r#"{"levels": {"high": 5}}"#, ".levels: expected `elevated` < `high` < `critical`, found 10, 5, 35"),
        (r#"{"levles": {}}"#, ".levles: unknown field, did you mean `levels`?"),
        (r#"{"routes": null, "step_up": {"route": "/a"}}"#, ".step_up.route: `/a` is not a path in `routes`"),
        (r#"{"rules": [{"name": "a"}]}"#, ".rules[0].then: required, but absent"),
        ("[]", ": expected an object, found a list"),
        (r#"{"secret": "another secret of some length"}"#, ".secret: cannot differ, since sessions are shared"),
        (r#"{"table": null}"#, ".table: cannot differ, since sessions are shared"),
        (r#"{"admin": null}"#, ".admin: cannot differ, since sessions are shared"),
        (r#"{"overrides": []}"#, ".overrides: cannot differ, since sessions are shared"),
        (r#"{"session": {"key": ["bearer"]}}"#, ".session.key: cannot differ, since sessions are shared"),
        (r#"{"session": {"subject": []}}"#, ".session.subject: cannot differ, since sessions are shared"),
        (r#"{"session": null}"#, ".session: cannot differ, since sessions are shared"),
    ] {
        says(&one(patch), &[&in_config(problem)]);
    }
    says(r#""overrides": [{"config": {}}]"#, &["overrides[0]: expected `host` or `path`, which say where it holds"]);
    says(r#""overrides": [{"host": ["a"]}]"#, &["overrides[0].config: required, but absent"]);
    says(
        r#""overrides": [{"host": ["a:1"], "path": ["/a/", "/**/b"], "config": {}}]"#,
        &[
            "overrides[0].host[0]: expected a host such as `shop.example.com` or `*.example.com`, without scheme, port \
             and path",
            "overrides[0].path[0]: matches nothing: paths are compared decoded, without query, and without empty, `.` \
             and `..` segments or a `/` at the end",
            "overrides[0].path[1]: `**` stands only at the end",
        ],
    );
    let many = vec![r#"{"host": ["a"], "config": {}}"#; 17].join(",");
    says(&format!(r#""overrides": [{many}]"#), &["overrides: at most 16 overrides, found 17"]);
    let headers = |n: usize| {
        let name = |what: &str| format!(r#""{what}_header": "x-{what}-{n}""#);
        let names = ["asn", "country", "latitude", "longitude", "anonymizer"].map(name).join(",");
        format!(r#"{{"path": ["/{n}"], "config": {{"network": {{{names}}}}}}}"#)
    };
    let many = |n: usize| format!(r#""overrides": [{}]"#, (0..n).map(headers).collect::<Vec<_>>().join(","));
    assert_eq!(accepted(&many(2)).overrides.len(), 2);
    says(&many(3), &["overrides: more than 32 different headers, all overrides together"]);
    // What is wrong with the whole is said once, and not again for each override.
    says(
        r#""levels": {"high": 5}, "overrides": [{"host": ["a"], "config": {"mode": "shadow"}}]"#,
        &["levels: expected `elevated` < `high` < `critical`, found 10, 5, 35"],
    );
}

#[test]
fn a_patch_merges_objects_and_replaces_the_rest() {
    let config = accepted(
        r#""mode": "shadow", "levels": {"high": 25}, "weights": {"new_country": 30, "new_asn": 9},
           "routes": [{"path": "/a"}, {"path": "/b"}], "log_fields": true,
           "overrides": [{"host": ["a"], "config": {"mode": {"percent": 5}, "levels": {"critical": 50},
               "weights": {"new_asn": 0}, "routes": [{"path": "/c"}], "log_fields": null}}]"#,
    );
    let other = &config.overrides[0].config;
    assert_eq!(other.engine.mode, session_risk::policy::Mode::Percent(5));
    let levels = |config: &Config| [config.engine.thresholds.high.points(), config.engine.thresholds.critical.points()];
    assert_eq!((levels(&config), levels(other)), ([25, 35], [25, 50]));
    let weight = |kind| other.engine.weights.of(kind) == session_risk::signal::Decibans::ZERO;
    assert!(weight(session_risk::signal::Kind::NewAsn) && !weight(session_risk::signal::Kind::NewCountry));
    assert_eq!((config.routes.iter().count(), other.routes.iter().count()), (2, 1));
    assert_eq!((config.log_fields, other.log_fields, config.table == other.table), (true, false, true));
}

#[test]
fn failures_are_a_word_for_all_or_one_for_each_cause() {
    says(r#""on_failure": "denny""#, &["on_failure: unknown word `denny`, did you mean `deny`?"]);
    says(r#""on_failure": 1"#, &["on_failure: expected a word, found `1`"]);
    says(
        r#""on_failure": {"no_session": "maybe", "timeout": "deny"}"#,
        &[
            "on_failure.timeout: unknown field, expected one of `host_error`, `table_error`, `no_session`, `malformed`, \
             `body_missing`",
            "on_failure.no_session: unknown word `maybe`, expected one of `allow`, `deny`",
        ],
    );
    let of = |text: &str| {
        let refused = accepted(&format!(r#""on_failure": {text}"#)).refused;
        [refused.host_error, refused.table_error, refused.no_session, refused.malformed, refused.body_missing]
    };
    assert_eq!(of(r#""allow""#), [false; 5]);
    assert_eq!(of(r#""deny""#), [true, true, false, false, false]);
    assert_eq!(of(r#"{"no_session": "deny", "host_error": "allow"}"#), [false, false, true, false, false]);
    assert_eq!(of(r#"{"malformed": "deny", "body_missing": "deny"}"#), [false, false, false, true, true]);
}

#[test]
fn an_approval_has_an_address_that_people_can_open_or_none() {
    let rule = |then: &str| format!(r#""rules": [{{"name": "a", "then": {then}}}]"#);
    let url = |url: &str| rule(&format!(r#"{{"approval": {{"url": "{url}"}}}}"#));
    let at = "rules[0].then.approval.url: expected an address that begins with `https://`, without quotes, and with no \
              other braces than `{session}` and `{tool}`, found";
    for bad in [
        "/approve",
        "javascript:alert(1)",
        "https://a/{user}",
        "https://a/{session",
        "https://a/ b",
        "https://a/\u{e9}",
    ] {
        says(&url(bad), &[&format!("{at} `{bad}`")]);
    }
    says(&url(r#"https://a/\""#), &[&format!("{at} `https://a/\"`")]);
    says(&rule(r#""approval""#), &["rules[0].then: `approval` needs a value, as in `{\"approval\": ...}`"]);
    says(
        &rule(r#"{"approval": {"uri": "https://a"}}"#),
        &["rules[0].then.approval.uri: unknown field, did you mean `url`?"],
    );
    let of = |text: &str| {
        let rule = accepted(text).engine.rules.remove(0);
        (rule.then, rule.approval_url)
    };
    assert_eq!(of(&rule(r#"{"approval": {}}"#)), (Action::Approval, None));
    let good = "http://approvals.internal/?s={session}&t={tool}&s={session}";
    assert_eq!(of(&url(good)), (Action::Approval, Some(good.to_owned())));
}

#[test]
fn tools_and_tables_are_bounded() {
    let many: Vec<String> = (0..257).map(|n| format!(r#"{{"name": "{n}", "access": "read"}}"#)).collect();
    says(&format!(r#""tools": [{}]"#, many.join(",")), &["tools: at most 256 tools, found 257"]);
    says(
        r#""table": {"buckets": 3000}"#,
        &["table.buckets: expected a power of two, found `3000`, the next is `4096`"],
    );
    says(
        r#""table": {"buckets": 131072, "ways": 17}"#,
        &[
            "table.buckets: expected a whole number in 1..=65536, found `131072`",
            "table.ways: expected a whole number in 1..=16, found `17`",
        ],
    );
}

#[test]
fn a_secret_is_all_that_is_needed_and_the_default_rules_cover_every_actor() {
    let config = Config::from_json(format!(r#"{{"secret": "{SECRET}"}}"#).as_bytes()).unwrap();
    for (actor, word) in ACTORS {
        let acts = config.engine.rules.iter().any(|rule| {
            let when = &rule.when;
            rule.then != Action::Allow
                && when.actors.has(actor_number(actor))
                && when.level == Level::High
                && (when.signals.is_none() && when.postures.is_none())
        });
        assert!(acts, "a high score of the actor `{word}` alone changes nothing");
    }
    assert_eq!(config.table.geometry.memory_bytes(), 4096 * (32 + 8 * 272));
    assert_eq!(config.selectors.len(), config.engine.rules.len());
}

#[test]
fn an_effective_configuration_says_everything_and_reads_back_as_itself() {
    let everything = with(
        r#""mode": {"percent": 10}, "on_failure": "deny", "default_tier": "public",
        "session": {
            "key": [{"claims": ["sid", "act.sub"]}, {"header": "x-api-key"}, "bearer", {"cookie": "s"},
                    "client_certificate", "mcp_session_id"],
            "subject": [], "payload": {"metadata": "jwt_payload"},
            "actor": [{"is": "service", "claim": "kind", "one_of": ["ci"]}, {"is": "agent", "mcp": true},
                      {"is": "api_key", "key_from": "header"}]},
        "network": {"client_address": {"trusted_hops": 1}, "hosting_asns": [64500]},
        "device": {"posture": {"claim": "device.posture"}},
        "routes": [{"path": "/v1/{id}/export", "method": "GET", "tier": "sensitive", "access": "export"},
                   {"path": "/mcp", "protocol": "mcp"}],
        "tools": [{"name": "get_*", "access": "read"}],
        "mcp": {"read_body": true, "max_body_bytes": 1, "body_timeout_ms": 100},
        "levels": {"elevated": 5, "high": 6, "critical": 7},
        "weights": {"binding_lost": 63, "new_asn": 0},
        "rules": [{"name": "r", "when": {"actor": ["agent"], "access": ["export"], "route": ["/mcp"], "tool": ["a*"],
                   "signal": ["bulk_export"], "posture": ["unknown"], "level_at_least": "high", "score_at_least": 3,
                   "tier_at_least": "critical"}, "then": {"suspend": {"seconds": 60}}, "mode": "shadow"}],
        "step_up": {"acr_values": "urn:a urn:b", "max_age_seconds": 60},
        "table": {"name": "t", "buckets": 1, "ways": 1, "idle_minutes": 1}"#,
    );
    for text in [format!(r#"{{"secret": "{SECRET}"}}"#), everything] {
        let read = raw::read(text.as_bytes()).unwrap();
        let written = schema::effective(&read).to_string();
        let again = raw::read(written.as_bytes()).unwrap();
        assert_eq!(again, read);
        assert_eq!(schema::effective(&again).to_string(), written);
        assert_eq!(
            Config::from_json(written.as_bytes()).map(|_| ()).map_err(|error: ConfigError| error.to_string()),
            Ok(())
        );
    }
}

#[test]
fn the_schema_for_editors_is_the_one_of_this_version() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/envoy-config/session-risk.schema.json");
    let expected = format!("{:#}\n", schema::schema());
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(path, &expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{path} is out of date; run this test with UPDATE_SCHEMA=1");
}

#[test]
fn the_schema_knows_every_member_and_says_what_it_is_for() {
    let schema = schema::schema();
    let raw = raw::read(format!(r#"{{"secret": "{SECRET}"}}"#).as_bytes()).unwrap();
    let effective = schema::effective(&raw);
    for name in effective.as_object().unwrap().keys() {
        let described = schema["properties"][name]["description"].as_str();
        assert!(described.is_some_and(|text| !text.is_empty()), "{name}");
    }
    assert_eq!(schema["required"], serde_json::json!(["secret"]));
    assert_eq!(schema["additionalProperties"], false);
}

#[test]
fn the_dialects_and_the_admin_interface_are_checked() {
    let admin =
        |prefix: &str, digest: &str| format!(r#""admin": {{"prefix": "{prefix}", "secret_sha256": "{digest}"}}"#);
    let digest = "a47cf1d8f06a30cec56bb50c0ca4b5bc1d1a66ccadb8c35272047c92a82bf72a";
    let plain = "admin.prefix: expected a plain path that does not end with `/`, as in `/session-risk`";
    for prefix in ["/", "/a/", "/a?b", "/{id}", "/a/**"] {
        says(&admin(prefix, digest), &[plain]);
    }
    says(&admin("a", digest), &["admin.prefix: expected a path that begins with `/`, found `a`"]);
    says(&admin("/a", "abc"), &["admin.secret_sha256: expected 64 to 64 bytes, found 3"]);
    let shown = &"x".repeat(40);
    says(&admin("/a", &"x".repeat(64)), &[&format!("admin.secret_sha256: expected 64 hex digits, found `{shown}...`")]);
    says(r#""admin": {"prefix": "/a"}"#, &["admin.secret_sha256: required, but absent"]);
    let admin = accepted(&admin("/a", &digest.to_ascii_uppercase())).admin.unwrap();
    assert_eq!((admin.secret[0], admin.secret[31]), (0xa4, 0x2a));
    says(
        r#""step_up": {"redirect": "https://a/\"", "mcp": {"scope": "a"}}"#,
        &[
            "step_up.mcp.resource_metadata: required, but absent",
            r#"step_up.redirect: expected an address without quotes and spaces, found `https://a/"`"#,
        ],
    );
    says(
        r#""step_up": {"entra": {"authorization_uri": "https://a", "acrs": "c1"}}"#,
        &["step_up.entra: needs `session.payload`, which says where the verified token's payload is"],
    );
}

#[test]
fn a_budget_that_tokens_state_needs_a_payload_and_a_claim_to_read_it_from() {
    let needs = "needs `session.payload`, which says where the verified token's payload is";
    says(
        r#""budgets": [{"writes": 5}, {"exports_claim": "budget.exports", "targets_claim": "objects"}]"#,
        &[&format!("budgets[1].exports_claim: {needs}"), &format!("budgets[1].targets_claim: {needs}")],
    );
    let payload = r#""session": {"payload": {"header": "x-jwt-payload"}}"#;
    says(
        &format!(r#"{payload}, "budgets": [{{"writes_claim": "budget..writes"}}]"#),
        &["budgets[0].writes_claim: a claim name is empty"],
    );
    for nobody in [
        r#"{"tier": "critical"}"#,
        r#"{"from": "pam.from", "given": [{"claim": "sub", "is": "a", "until": "2026-11-25T08:00:00Z"}]}"#,
    ] {
        says(
            &format!(r#"{payload}, "grant": {nobody}"#),
            &["grant: nobody can have a grant; state the claim `until`, or windows in `given`"],
        );
    }
    says(
        &format!(r#"{payload}, "grant": {{"given": [{{"claim": "sub", "is": "a", "until": "tomorrow"}}]}}"#),
        &["grant.given[0].until: expected a moment in UTC such as `2026-11-25T08:00:00Z`, found `tomorrow`"],
    );
    says(
        &format!(
            r#"{payload}, "grant": {{"given": [{{"claim": "sub", "is": "a", "from": "2026-11-25T08:00:00Z", "until": "2026-11-25T08:00:00Z"}}]}}"#
        ),
        &["grant.given[0].until: a window ends after it opens"],
    );
    says(r#""budgets": [{"targets": 201}]"#, &["budgets[0].targets: expected a whole number in 0..=200, found `201`"]);
    let config =
        accepted(&format!(r#"{payload}, "budgets": [{{"targets": 200, "writes_claim": "w"}}, {{"exports": 0}}]"#));
    let stated: Vec<_> = config.stated.iter().map(|stated| stated.actor).collect();
    assert_eq!(stated, ACTORS.map(|(actor, _)| actor), "one an actor, and none of the budget without claims");
}
