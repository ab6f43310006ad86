//! The command line as a person or a pipeline meets it: output, standard error and exit code of the real binary.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]

use std::{
    io::Write,
    process::{Command, Stdio},
};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(arguments: &[&str], input: &str) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_session-risk"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn check(config: &str) -> Ran {
    run(&["check", "-"], config)
}

fn warnings(members: &str) -> Vec<String> {
    let ran = check(&format!(r#"{{"secret": "c7-Kq0Zr_48sTuVw", {members}}}"#));
    assert_eq!(ran.code, 0, "{}", ran.err);
    ran.err.lines().map(|line| line.strip_prefix("standard input: warning at ").unwrap().to_owned()).collect()
}

/// A route of each kind that something may be missing of.
const ROUTES: &str = r#""routes": [{"path": "/admin/**", "tier": "sensitive"}, {"path": "/mcp", "protocol": "mcp"}],
    "mcp": {"read_body": true}"#;
const READS_BODIES: &str = "`mcp.read_body`: on Envoy this needs `allow_on_headers_stop_iteration: true` beside \
    `vm_config`; without it every MCP call waits for `mcp.body_timeout_ms`";

#[test]
fn a_good_configuration_is_one_line_with_the_memory_of_its_table() {
    let ran = check(r#"{"secret": "c7-Kq0Zr_48sTuVw", "default_tier": "sensitive"}"#);
    assert_eq!(
        (ran.code, ran.out.as_str(), ran.err.as_str()),
        (
            0,
            "standard input: ok: 0 routes, 16 rules (the default ones), 0 tools; table of 32768 sessions in 4096 \
             buckets: at most 9043968 bytes (8.7 MiB) of shared data\n",
            ""
        )
    );
    let ran = check(
        r#"{"secret": "c7-Kq0Zr_48sTuVw", "table": {"buckets": 1, "ways": 1}, "routes": [{"path": "/", "tier": "critical"}],
            "rules": [{"name": "a", "then": "deny", "when": {"score_at_least": 1}}]}"#,
    );
    let line = "standard input: ok: 1 route, 1 rule, 0 tools; table of 1 sessions in 1 buckets: at most 304 bytes \
                (0.1 MiB) of shared data\n";
    assert_eq!((ran.code, ran.out.as_str()), (0, line));
}

#[test]
fn overrides_are_told_with_what_they_change_and_their_own_warnings() {
    let ran = check(
        r#"{"secret": "c7-Kq0Zr_48sTuVw", "mode": "shadow", "default_tier": "sensitive", "overrides": [
            {"host": ["a.example", "*.b.example"], "config": {"mode": "enforce", "rules": []}},
            {"host": ["c.example"], "path": ["/v1/**"], "config": {"mode": {"percent": 10}}},
            {"path": ["/v2/**"], "config": {}}]}"#,
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    let told: Vec<&str> = ran.out.lines().skip(1).collect();
    assert_eq!(
        told,
        [
            "standard input: overrides[0]: host a.example, *.b.example: changes mode, rules; 0 routes, 0 rules, 0 tools, \
             enforced",
            "standard input: overrides[1]: host c.example and path /v1/**: changes mode; 0 routes, 16 rules, 0 tools, \
             enforced for 10 percent",
            "standard input: overrides[2]: path /v2/**: changes nothing; 0 routes, 16 rules, 0 tools, shadow",
        ]
    );
    let warned: Vec<&str> = ran.err.lines().collect();
    assert_eq!(
        warned,
        [
            "standard input: warning at `mode`: `shadow`: everything is decided and logged, nothing is enforced",
            "standard input: warning at `overrides[0].config.mode`: enforced here, although the whole configuration is in \
             shadow",
            "standard input: warning at `overrides[0].config.rules`: an empty list allows everything; leave `rules` out \
             for the default ones",
            "standard input: warning at `overrides[1].config.mode`: enforced here, although the whole configuration is in \
             shadow",
            "standard input: warning at `overrides[1].config.mode`: enforced for 10 percent of the sessions, only logged \
             for the others",
        ]
    );
    let printed = run(
        &["check", "--print", "-"],
        &format!(
            r#"{{"secret": "c7-Kq0Zr_48sTuVw", {}}}"#,
            r#""overrides": [{"host": ["a"], "config": {"levels": {"high": 21}}}]"#
        ),
    );
    let printed: serde_json::Value = serde_json::from_str(&printed.out).unwrap();
    let expected = serde_json::json!([{"host": ["a"], "path": null, "config": {"levels": {"high": 21}}}]);
    assert_eq!(printed["overrides"], expected);
}

#[test]
fn problems_go_to_standard_error_with_the_name_of_the_file() {
    let file = format!("{}/bad.json", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, r#"{"secret": "short", "mode": "shadwo"}"#).unwrap();
    let ran = run(&["check", &file], "");
    assert_eq!((ran.code, ran.out.as_str()), (1, ""));
    assert_eq!(
        ran.err,
        format!(
            "{file}: invalid config at `secret`: expected 16 to 1024 bytes, found 5\n\
             {file}: invalid config at `mode`: unknown word `shadwo`, did you mean `shadow`?\n"
        )
    );
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_do() {
    let ran = run(&["check", "no/such.json"], "");
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.err,
        "error: `no/such.json` does not exist; name a JSON file with the filter's configuration, or `-` for standard input\n"
    );
    let ran = run(&["check", env!("CARGO_MANIFEST_DIR")], "");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("is a directory; name a file in it"), "{}", ran.err);
    assert_eq!(run(&["check"], "").code, 2);
    assert_eq!(run(&["chek", "-"], "").code, 2);
}

#[test]
fn the_effective_configuration_is_printed_alone_and_without_its_secret() {
    let ran = run(&["check", "--print", "-"], r#"{"secret": "c7-Kq0Zr_48sTuVw", "mode": "shadow"}"#);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("ok: 0 routes"), "{}", ran.err);
    let printed: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(printed.pointer("/mode").unwrap(), "shadow");
    assert_eq!(printed.pointer("/table/buckets").unwrap(), 4096);
    assert!(!ran.out.contains("c7-Kq0Zr_48sTuVw") && !ran.err.contains("c7-Kq0Zr_48sTuVw"));
    // As it is, nobody can use it by accident; with its secret it is the same configuration.
    assert_eq!(check(&ran.out).code, 1);
    let with_secret = ran.out.replace("(hidden)", "c7-Kq0Zr_48sTuVw");
    assert_eq!(run(&["check", "--print", "-"], &with_secret).out, ran.out);
}

#[test]
fn the_default_rules_are_printed_as_they_would_be_written() {
    let ran = run(&["check", "--print", "-"], r#"{"secret": "c7-Kq0Zr_48sTuVw"}"#);
    let printed: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let text = ran.out.replace("(hidden)", "c7-Kq0Zr_48sTuVw");
    let config = session_risk::config::Config::from_json(text.as_bytes()).unwrap();
    let mut defaults = session_risk::policy::default_rules();
    for (rule, default) in config.engine.rules.iter().zip(&mut defaults) {
        if default.then != session_risk::policy::Action::Suspend {
            default.duration = rule.duration;
        }
    }
    assert_eq!(config.engine.rules, defaults);
    assert_eq!(printed.pointer("/rules/0/name").unwrap(), "out-of-scope");
}

#[test]
fn what_is_legal_and_suspicious_is_warned_of() {
    assert_eq!(warnings(ROUTES), [READS_BODIES]);
    assert_eq!(
        warnings(r#""mode": "shadow", "default_tier": "sensitive""#),
        ["`mode`: `shadow`: everything is decided and logged, nothing is enforced"]
    );
    assert_eq!(
        warnings(r#""mode": {"percent": 10}, "default_tier": "sensitive""#),
        ["`mode`: enforced for 10 percent of the sessions, only logged for the others"]
    );
    assert_eq!(
        warnings(r#""routes": [{"path": "/mcp", "protocol": "mcp"}], "default_tier": "public""#),
        [
            "`routes`: none is `sensitive` or `critical`, so `sensitive_first_use` and rules about such tiers see nothing",
            "`default_tier`: `public`: requests that match no route are scored and never acted upon",
            "`mcp.read_body`: off: a call is what its `Mcp-Method` and `Mcp-Name` headers say, which the client writes; \
             turn it on unless something else compares them with the body",
        ]
    );
    let ran = check(r#"{"secret": "aaaaaaaaaaaaaaaa", "default_tier": "sensitive"}"#);
    assert!(ran.err.contains("warning at `secret`: has few different characters"), "{}", ran.err);
}

#[test]
fn rules_that_can_never_match_are_found() {
    let members = format!(
        r#"{ROUTES}, "weights": {{"new_asn": 0}}, "rules": [
        {{"name": "a", "then": "deny", "when": {{"actor": [], "posture": ["not_compliant"], "signal": ["new_asn"]}}}},
        {{"name": "b", "then": "step_up", "when": {{"actor": ["api_key"], "tier_at_least": "public"}}, "mode": "shadow"}},
        {{"name": "approve", "then": {{"approval": {{}}}}}},
        {{"name": "c", "then": "restrict"}},
        {{"name": "d", "then": "deny"}}]"#
    );
    assert_eq!(
        warnings(&members),
        [
            READS_BODIES,
            "`rules[0].when.actor`: never matches: an empty list has nothing in it; leave it out for any",
            "`rules[0].when.posture`: never matches: `device.posture` does not say where the posture is read",
            "`rules[0].when.signal`: never matches: `weights` switches every one of these signals off",
            "`rules[1].when.tier_at_least`: requests of tier `public` match no rule, so this says `standard`",
            "`rules[1].mode`: `shadow`: this rule ends the search, and enforces nothing",
            "`rules[1].then`: an API key cannot authenticate again; `restrict` and `deny` say the same without a promise",
            "`rules[4]`: never matches: the earlier rule `c` matches everything",
        ]
    );
}

#[test]
fn actors_that_no_rule_stops_are_found() {
    let sensitive = r#""default_tier": "sensitive", "rules""#;
    assert_eq!(
        warnings(&format!("{sensitive}: []")),
        ["`rules`: an empty list allows everything; leave `rules` out for the default ones"]
    );
    assert_eq!(
        warnings(&format!(
            r#"{sensitive}: [{{"name": "a", "then": "deny", "when": {{"actor": ["human", "service", "agent"]}}}}]"#
        )),
        ["`rules`: no rule restricts, challenges or stops the actor `api_key`"]
    );
}

#[test]
fn the_schema_is_the_file_for_editors() {
    let ran = run(&["schema"], "");
    let file = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/envoy-config/session-risk.schema.json"));
    assert!(ran.code == 0 && ran.out == file.unwrap());
}

#[test]
fn the_catalogue_has_a_line_a_signal() {
    let ran = run(&["signals"], "");
    assert_eq!(ran.code, 0);
    let mut lines = ran.out.lines();
    assert!(lines.next().unwrap().starts_with("KIND"));
    for row in session_risk::signal::CATALOGUE {
        let line = lines.next().unwrap();
        assert!(line.starts_with(row.name) && line.ends_with(row.reason), "{line}");
    }
    assert_eq!(lines.next(), None);
    assert!(ran.out.contains("posture_degraded         device         20  8 h        rule"), "{}", ran.out);
}

#[test]
fn help_has_examples_and_exit_codes() {
    for arguments in [&["--help"][..], &["check", "--help"]] {
        let ran = run(arguments, "");
        assert!(ran.code == 0 && ran.out.contains("Exit codes:"), "{arguments:?}");
    }
    for command in ["check", "schema", "signals"] {
        let ran = run(&[command, "--help"], "");
        let example = format!("\n  session-risk {command}");
        assert!(ran.code == 0 && ran.out.contains("Example") && ran.out.contains(&example), "{command}: {}", ran.out);
    }
}

/// An API key that works from one place and then, labelled as an attack or not, from another; and a line that is none.
fn trace(attack: bool) -> String {
    let mut lines = String::from("{\"ts\": \"yesterday\"}\n");
    for n in 0u64..40 {
        let moved = n >= 30;
        let (ip, asn, country) = if moved { ("128.199.64.9", 14_061, "SG") } else { ("84.128.1.1", 3_320, "DE") };
        let line = serde_json::json!({
            "ts": 1_770_000_000_000u64 + n * 60_000, "session": "k1", "subject": "s", "actor": "api_key",
            "method": "GET", "path": "/v1/orders", "ip": ip, "asn": asn, "country": country, "status": 200,
            "label": { "attack": attack && moved, "scenario": "key", "source": "synthetic" },
        });
        lines.push_str(&format!("{line}\n"));
    }
    lines
}

#[test]
fn replay_says_what_would_have_been_decided() {
    let ran = run(&["replay", "-", "--jsonl"], &trace(true));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let decisions: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let actions: Vec<&str> = decisions.iter().map(|decision| decision["action"].as_str().unwrap()).collect();
    assert_eq!(actions.len(), 40);
    assert!(actions.iter().take(30).all(|action| *action == "allow"));
    assert_eq!(actions.get(30), Some(&"restrict"));
    assert!(ran.err.contains("standard input") || ran.err.contains("-, line 1: `ts`"), "{}", ran.err);
    assert!(ran.err.contains("40 requests, 1 malformed"), "{}", ran.err);
}

#[test]
fn eval_tells_detection_from_friction() {
    let file = std::env::temp_dir().join(format!("session-risk-eval-{}.json", std::process::id()));
    let name = file.to_str().unwrap();
    let figures = |attack| -> serde_json::Value {
        let ran = run(&["eval", "-", "--json", name], &trace(attack));
        assert_eq!(ran.code, 0, "{}", ran.err);
        serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap()
    };
    let attacked = figures(true);
    let scenario = &attacked["scenarios"]["key"];
    assert_eq!((&scenario["detected"], &scenario["requests_to_flag_median"]), (&1.into(), &1.into()));
    assert_eq!(attacked["friction"]["sessions"], 0);
    let without = std::env::temp_dir().join(format!("session-risk-ablation-{}.jsonl", std::process::id()));
    std::fs::write(&without, trace(true)).unwrap();
    let ran = run(&["eval", without.to_str().unwrap(), "--ablation", "--json", name], "");
    std::fs::remove_file(&without).unwrap();
    assert_eq!(ran.code, 0, "{}", ran.err);
    let ablated: serde_json::Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let found = |kind: &str| ablated["ablation"][kind]["macro_hijack"].as_f64();
    assert_eq!((found("error_probing"), found("new_country")), (Some(1.0), Some(0.0)));
    assert_eq!(run(&["eval", "-", "--ablation"], &trace(true)).code, 0, "one reading is enough");
    let benign = figures(false);
    assert_eq!(benign["friction"]["per_1000_sessions"], 1000.0);
    assert_eq!(benign["baselines"]["login_only"]["friction_per_1000"], 0.0);
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_trace_without_labels_or_a_file_that_is_not_there_is_an_error() {
    let ran = run(&["eval", "-"], r#"{"ts":1,"session":"s","method":"GET","path":"/"}"#);
    assert!(ran.code == 2 && ran.err.contains("label"), "{}", ran.err);
    let ran = run(&["replay", "no-such-file.jsonl"], "");
    assert!(ran.code == 2 && ran.err.contains("no-such-file.jsonl"), "{}", ran.err);
}

#[test]
fn explain_tells_what_changed_and_which_rule_acted() {
    let ran = run(&["explain", "k1", "-"], &trace(true));
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "(30 requests with nothing",
        "request 31:",
        "DE -> SG",
        "AS3320 -> AS14061",
        "restrict, by rule `api-key-high`",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    let ran = run(&["explain", "somebody", "-"], &trace(true));
    assert!(ran.code == 2 && ran.err.contains("`somebody`"), "{}", ran.err);
}
