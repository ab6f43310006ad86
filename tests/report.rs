//! `replay`'s summary and report as they leave the binary, and the evaluation's report as it is drawn from figures.
//! What a page looks like is for eyes; what it says, leaves out and never does is here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{Read, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What draws evaluations, apart from the binary.
#[path = "../src/bin/session-risk/report"]
mod report {
    mod curves;
    pub(crate) mod evaluation;
    mod html;
    mod shell;
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_session-risk"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str], input: &str) -> Ran {
    let mut child = command(arguments).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    // A command that does not read its input may be gone already.
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A file that is gone with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{}-{name}", std::process::id())))
    }

    fn name(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Rules and weights of our own, so that what is counted by hand here does not change with the defaults.
fn rules(mode: &str) -> Value {
    json!({
        "secret": "0123456789abcdef", "mode": mode,
        "levels": { "elevated": 10, "high": 20, "critical": 35 },
        "weights": { "new_network": 3, "new_asn": 15, "new_country": 22, "posture_degraded": 20, "out_of_scope": 3 },
        "rules": [
            { "name": "undeclared", "when": { "signal": ["out_of_scope"] }, "then": "deny" },
            { "name": "devices", "when": { "posture": ["not_compliant"] }, "then": "restrict" },
            { "name": "keys", "when": { "actor": ["api_key"], "level_at_least": "high" }, "then": "restrict" } ],
    })
}

/// Replays `input` under `config`; `name` is part of a file's and must be a test's own.
fn summed_up(name: &str, config: &Value, arguments: &[&str], input: &str) -> Ran {
    let file = Scratch::new(&format!("{name}.json"));
    std::fs::write(&file.0, config.to_string()).unwrap();
    run(&[&["replay", "-", "--config", file.name()], arguments].concat(), input)
}

/// The same with a report: the page, and what was printed.
fn replayed(name: &str, config: &Value, arguments: &[&str], input: &str) -> (String, Ran) {
    let file = Scratch::new(&format!("{name}.html"));
    let ran = summed_up(name, config, &[&["--report", file.name()], arguments].concat(), input);
    assert_eq!(ran.code, 0, "{}", ran.err);
    (std::fs::read_to_string(&file.0).unwrap(), ran)
}

const START: u64 = 1_770_000_000_000;

/// One request a minute of an ordinary person at home.
fn line(minute: u64, session: &str, changes: Value) -> Value {
    let mut line = json!({
        "ts": START + minute * 60_000, "session": session, "subject": session, "actor": "human", "method": "GET",
        "path": "/v1/orders", "ip": "84.128.1.1", "asn": 3320, "country": "DE", "posture": "compliant", "status": 200,
    });
    line.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    line
}

fn labelled(attack: bool, scenario: &str) -> Value {
    json!({ "attack": attack, "scenario": scenario, "source": "synthetic" })
}

/// A person who stays at home, one whose device gets worse, an honest key that moves, and a stolen one. 97 lines.
fn trace() -> Vec<Value> {
    let singapore = json!({ "ip": "128.199.64.9", "asn": 14_061, "country": "SG" });
    let mut lines = Vec::new();
    for minute in 0..20 {
        lines.push(line(minute, "calm", json!({ "label": labelled(false, "quiet") })));
        let posture = if minute < 15 { "compliant" } else { "not-compliant" };
        lines.push(line(minute, "device", json!({ "posture": posture, "label": labelled(false, "flap") })));
    }
    for (session, attack, scenario) in [("moved", false, "travel"), ("stolen", true, "theft")] {
        for minute in 0..28 {
            let moved = minute >= 20;
            let mut more = if moved { singapore.clone() } else { json!({}) };
            more["actor"] = json!("api_key");
            more["label"] = labelled(attack && moved, scenario);
            if attack && minute == 27 {
                more["method"] = json!("POST");
            }
            lines.push(line(minute, session, more));
        }
    }
    // And one that is hardly started.
    lines.push(line(30, "late", json!({ "actor": "agent", "label": labelled(false, "quiet") })));
    lines.sort_by_key(|line| line["ts"].as_u64());
    lines
}

fn text(lines: &[Value]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_summary_counts_as_a_person_would() {
    let ran = summed_up("counts", &rules("enforce"), &[], &text(&trace()));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let lines: Vec<String> =
        ran.out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for line in [
        "97 requests, 0 malformed lines, 0 without a score",
        "2026-02-02 02:40:00 to 2026-02-02 03:10:00 UTC",
        "ACTOR SESSIONS FLAGGED PER 1,000 BY POLICY ONLY",
        // Of the two keys one is attacked, and counts elsewhere.
        "agent, synthetic 1 0 0.0 0",
        "api_key, synthetic 1 1 1000.0 0",
        "human, synthetic 2 0 0.0 1",
        "quiet, synthetic 2 0 0.0 0",
        "flap, synthetic 1 0 0.0 1",
        "travel, synthetic 1 1 1000.0 0",
        "theft, synthetic 1 1",
        // 20 + 15 + 20 + 20 + 1 requests are as ever; 5 from the device and 8 each from the keys are not.
        "allow 76 0",
        "restrict 21 0 new_asn 16, new_country 16, posture_degraded 5",
        "stolen api_key 27 2026-02-02 03:00:00 7 of 8",
        "restrict by keys: new_country, new_asn, new_network",
        "device human 20 2026-02-02 02:55:00 5 of 5",
    ] {
        assert!(lines.iter().any(|printed| printed == line), "no line `{line}` in\n{}", ran.out);
    }
    assert!(!ran.out.contains("calm"), "who was never stopped is not told of");
}

#[test]
fn decisions_as_json_keep_their_fields_and_agree_with_the_summary() {
    let ran = summed_up("jsonl", &rules("enforce"), &["--jsonl"], &text(&trace()));
    let decisions: Vec<Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(decisions.len(), 97);
    let mut actions: BTreeMap<String, u32> = BTreeMap::new();
    for decision in &decisions {
        *actions.entry(decision["action"].as_str().unwrap().to_owned()).or_default() += 1;
        for field in ["ts", "session", "score", "level", "enforced", "forwarded", "rule", "reasons"] {
            assert!(decision.get(field).is_some(), "`{field}` is missing in {decision}");
        }
    }
    assert_eq!(actions, BTreeMap::from([("allow".to_owned(), 76), ("restrict".to_owned(), 21)]));
    let held: Vec<&Value> = decisions.iter().filter(|decision| decision["forwarded"] == false).collect();
    assert_eq!((held.len(), &held[0]["session"]), (1, &json!("stolen")), "reads go on, the one write does not");
    assert!(ran.err.contains("\nallow "), "the summary is on standard error: {}", ran.err);
}

#[test]
fn in_shadow_everything_is_let_through_and_said_to_be_in_shadow() {
    let (page, ran) = replayed("shadow", &rules("shadow"), &[], &text(&trace()));
    let plain = ran.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        plain.contains("mode shadow: nothing is enforced") && plain.contains("allow 76 0 restrict 0 21"),
        "{plain}"
    );
    assert!(plain.contains("03:00:00 8 of 8 (1 write)"), "{plain}");
    for part in ["<dd>shadow: nothing is enforced</dd>", "21 (21 in shadow)", "in shadow, at", "restrict</b> in shadow"]
    {
        assert!(page.contains(part), "no `{part}` in the page");
    }
    assert!(!page.contains("dot restrict held"), "nothing is held in shadow");
}

#[test]
fn the_report_names_the_worst_sessions_and_what_changed() {
    let (page, _) = replayed("worst", &rules("enforce"), &[], &text(&trace()));
    let card = |session: &str| {
        let from = page.find(&format!("<h2><code>{session}</code>")).unwrap_or_else(|| panic!("no card of {session}"));
        page.get(from..).unwrap().split("</section>").next().unwrap()
    };
    for part in ["AS3320 \u{2192} AS14061", "DE \u{2192} SG", "by keys", "score 27", "labelled theft", "+0:20:00"] {
        assert!(card("stolen").contains(part), "no `{part}` in {}", card("stolen"));
    }
    assert!(card("device").contains("posture_degraded compliant \u{2192} not-compliant"));
    // The keys come before the device, which scored less, and nobody else is among the worst.
    assert!(page.find("<code>stolen").unwrap() < page.find("<code>device").unwrap());
    assert!(!page.contains("<code>calm") && !page.contains("<code>late"));
    // Its requests are marks, the last ones from before it turned too.
    assert_eq!(card("stolen").matches("<title>request ").count(), 24);
    assert!(card("stolen").contains("4 requests before, not drawn"));
    assert!(card("stolen").contains("<title>request 21, 2026-02-02 03:00:00: GET /v1/orders\nscore 27, restrict by"));
    assert!(card("stolen").contains("dot restrict held"), "the write is hollow");
    for part in ["3 of 5 sessions would have been stopped", "97", "mode", "a hard criterion", "from 35 points"] {
        assert!(page.to_lowercase().contains(part), "no `{part}` in the page");
    }
    let digest = page.split("SHA-256 ").nth(1).unwrap().get(..64).unwrap();
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    let (page, _) = replayed("one", &rules("enforce"), &["--worst", "1"], &text(&trace()));
    assert_eq!(page.matches("<section id=").count(), 1);
}

#[test]
fn an_agent_s_undeclared_tool_is_named() {
    let call = |minute: u64, tool: &str| {
        line(
            minute,
            "agent",
            json!({ "actor": "agent", "method": "POST", "path": "/mcp", "mcp_method": "tools/call", "tool": tool,
                    "scope": "mcp tool:get_user" }),
        )
    };
    let app = Scratch::new("app.json");
    std::fs::write(&app.0, r#"{"routes": [], "tools": {"read": ["get_user"], "write": ["send_money"]}}"#).unwrap();
    let (page, _) = replayed(
        "tool",
        &rules("enforce"),
        &["--app", app.name()],
        &text(&[call(0, "get_user"), call(1, "send_money")]),
    );
    assert!(page.contains("out_of_scope send_money") && page.contains("deny</b> by undeclared"), "{page}");
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let (page, _) = replayed("alone", &rules("enforce"), &[], &text(&trace()));
    for page in [page, report::evaluation::evaluation(&figures())] {
        for part in ["http:", "https:", "//", "src=", "@import", "url(", "<script", "<link", "<iframe", "javascript"] {
            assert!(!page.contains(part), "`{part}` is in the page");
        }
    }
}

/// The tags and attributes of a page; panics at what is no tag of ours.
fn tags(page: &str) {
    let body = page.split("</style>").nth(1).unwrap();
    let known = "/ a b body br circle code dd details div dl dt em h1 h2 h3 head header html i li main p path rect \
                 section small span summary svg table td text th title tr u ul";
    for tag in body.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap_or_else(|| panic!("`<{tag}` is not closed"));
        let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
        assert!(known.split_whitespace().any(|known| known == name), "<{tag}> is no tag of ours");
        // With quoted values taken out, what is left of a tag are names.
        let names: String = tag.split('"').step_by(2).collect();
        assert!(!names.contains(['\'', '`']), "<{tag}>");
        for attribute in names.split_whitespace().skip(1) {
            assert!(!attribute.starts_with("on"), "<{tag}> runs something");
        }
    }
}

#[test]
fn what_a_log_says_stays_text() {
    let hostile = "\"'></title></style><script>alert(1)</script><img src=x onerror=alert(2)>\u{202e}\u{1b}[31m";
    let mut config = rules("enforce");
    config["rules"] =
        json!([{ "name": "<svg onload=alert(3)>", "when": { "score_at_least": 10 }, "then": "restrict" }]);
    let lines: Vec<Value> = trace()
        .into_iter()
        .map(|mut line| {
            line["path"] = json!(format!("/{hostile}"));
            line["method"] = json!(hostile);
            line["tool"] = json!(hostile);
            line["mcp_method"] = json!(hostile);
            line["ua"] = json!(hostile);
            line["session"] = json!(format!("{}<b>", line["session"].as_str().unwrap()));
            line["label"]["scenario"] = json!(hostile);
            line["label"]["source"] = json!(hostile);
            line
        })
        .collect();
    let (page, ran) = replayed("hostile", &config, &[], &text(&lines));
    tags(&page);
    assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown, as text");
    assert!(page.contains("by &lt;svg onload=alert(3)&gt;"));
    for steers in ['\u{202e}', '\u{1b}'] {
        assert!(!page.contains(steers) && !ran.out.contains(steers), "{steers:?} reaches the reader");
    }
}

#[test]
fn no_address_and_no_token_is_shown() {
    let lines: Vec<Value> = trace()
        .into_iter()
        .map(|mut line| {
            line["path"] = json!("/hosts/10.9.8.7/ann@example.org/eyJhbGciOiJub25lIn0.e30./x?t=topsecret");
            if line["session"] == "stolen" {
                line["session"] = json!("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ.c2ln");
            }
            line
        })
        .collect();
    let (page, ran) = replayed("secret", &rules("enforce"), &[], &text(&lines));
    for secret in ["84.128.1.1", "128.199.64.9", "10.9.8.7", "ann@", "eyJ", "topsecret"] {
        assert!(!page.contains(secret) && !ran.out.contains(secret), "`{secret}` is shown");
    }
    assert!(page.contains("/hosts/*/*/*/x") && page.contains("<code>digest-"));
}

#[test]
fn a_session_of_any_length_takes_little_room() {
    let lines = 100_000u64;
    let mut trace = String::new();
    for second in 0..lines {
        let moved = second % 1000 > 990;
        let country = if moved { ["SG", "US", "BR"][usize::try_from(second / 1000 % 3).unwrap()] } else { "DE" };
        let line = json!({ "ts": START + second * 1000, "session": "k1", "actor": "api_key", "method": "GET",
            "path": format!("/v1/orders/{second}"), "asn": if moved { 14_061 + second / 1000 } else { 3320 },
            "country": country, "status": 200 });
        trace.push_str(&format!("{line}\n"));
    }
    let (page, _) = replayed("long", &rules("enforce"), &[], &trace);
    let empty = replayed("short", &rules("enforce"), &[], "").0.len();
    assert!(page.len() - empty < 80_000, "{} bytes more than an empty report", page.len() - empty);
    assert!(page.contains("100,000 requests") && page.contains("Drawn are "), "it says what is left out");
    assert!(
        page.contains("requests before, not drawn") && page.contains("<title>request 100000,"),
        "both ends are told"
    );
    tags(&page);
}

#[test]
fn an_empty_log_makes_a_page_too() {
    let (page, ran) = replayed("empty", &rules("enforce"), &[], "");
    assert!(ran.out.starts_with("0 requests") && page.contains("0 of 0 sessions"), "{}", ran.out);
    tags(&page);
}

#[test]
fn a_report_that_cannot_be_written_is_said_before_the_work() {
    let ran = run(&["replay", "-", "--report", "no/such/directory/report.html"], "no line at all");
    assert_eq!((ran.code, ran.out.as_str()), (2, ""));
    assert!(ran.err.contains("`no/such/directory/report.html` cannot be written"), "{}", ran.err);
    assert!(!ran.err.contains("line 1"), "the log was read before: {}", ran.err);
}

#[test]
fn whoever_has_read_enough_may_go() {
    let file = Scratch::new("pipe.html");
    for arguments in [&["replay", "-", "--jsonl"][..], &["replay", "-", "--report", file.name()]] {
        let mut child = command(arguments).spawn().unwrap();
        // Nobody reads the output; the input comes only now, so that the command cannot be done yet.
        drop(child.stdout.take());
        let mut stdin = child.stdin.take().unwrap();
        let _ = stdin.write_all(text(&trace()).as_bytes());
        drop(stdin);
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{arguments:?}: {err}");
        assert!(!err.contains("error"), "{arguments:?}: {err}");
    }
    let page = std::fs::read_to_string(&file.0).unwrap();
    assert!(page.contains("<code>stolen</code>"), "the report is there all the same");
}

fn figures() -> Value {
    json!({
        "macro_hijack": 0.75, "policy_restricts": 7, "config_sha256": "ab12", "best_baseline": "rule_hits",
        "ratio_over_best_baseline": 2.5,
        "friction": { "sessions": 400, "per_1000_sessions": 4.2, "by_class": { "quiet": 0.0, "vpn_toggle": 206.25 },
                      "by_actor": { "human": 4.2 }, "by_source": { "real": 1.3 } },
        "scenarios": {
            "theft": { "source": "synthetic", "sessions": 100, "detected": 94, "detection": 0.94, "wilson_low": 0.875,
                       "wilson_high": 0.972, "flagged_at_onset": 0.5, "requests_to_flag_median": 1,
                       "twins": { "vpn_toggle": 206.25 } },
            "scan": { "source": "real", "sessions": 10, "detected": 3, "detection": 0.3, "wilson_low": 0.108,
                      "wilson_high": 0.603, "requests_to_flag_median": null } },
        "curves": {
            "session_risk": [{ "setting": 1.0, "friction_per_1000": 4.2, "macro_hijack": 0.75 },
                             { "setting": 0.5, "friction_per_1000": 40.0, "macro_hijack": 0.9 },
                             { "setting": 2.0, "friction_per_1000": 0.0, "macro_hijack": 0.4 }],
            "ip_pin": [{ "setting": 1, "friction_per_1000": 160.0, "macro_hijack": 0.6 },
                       { "setting": 2, "friction_per_1000": 900.0, "macro_hijack": 0.8 }] },
        "baselines": { "ip_pin": { "friction_per_1000": 160.0, "macro_hijack": 0.6, "at_our_friction": 0.1 } },
        "ablation": { "new_asn": { "macro_hijack": 0.70, "friction_per_1000": 3.2,
                      "worst": { "scenario": "theft", "detection": 0.94, "detection_without": 0.5 } } },
    })
}

#[test]
fn an_evaluation_is_drawn_from_its_figures() {
    let page = report::evaluation::evaluation(&figures());
    tags(&page);
    for part in [
        "0.75 of the hijacked found, 4.2 of 1,000 others asked",
        "SHA-256 ab12",
        "2.50 times what the best one finds (rule_hits)",
        // Sources stay apart, in their order.
        "<h3>real</h3><ul class=\"dots\"><li><span>scan",
        "<h3>synthetic</h3><ul class=\"dots\"><li><span>theft",
        "(94 of 100, median 1)",
        "(3 of 10, median never)",
        "twin: vpn_toggle 206.2",
        "<i style=\"left:87.50%;width:9.70%\"></i><u style=\"left:50.00%\"></u><em style=\"left:94.00%\"></em>",
        "206.2 <small>over the line</small>",
        "new_asn<td class=\"number\">0.700 (-0.050)<td class=\"number\">3.2 (-1.0)<td>theft: 0.94 \u{2192} 0.50",
        ">session risk</text>",
        ">ip pin</text>",
    ] {
        assert!(page.contains(part), "no `{part}` in\n{page}");
    }
}

#[test]
fn a_curve_is_drawn_to_scale() {
    let page = report::evaluation::evaluation(&figures());
    let wide = page.split("<svg class=\"wide\"").nth(1).unwrap().split("</svg>").next().unwrap();
    let ours = wide.split("<path class=\"curve ours\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
    let points: Vec<(f64, f64)> = ours
        .split('L')
        .map(|point| point.split_once(' ').map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).unwrap())
        .collect();
    // By friction: 0, 4.2 and 40 of 0..200, of which ln(1 + f) counts; detection .4, .75 and .9 of 374 upwards.
    let x = |friction: f64| 34.0 + (1.0 + friction).ln() / 201f64.ln() * 656.0;
    let y = |detection: f64| 386.0 - detection * 374.0;
    for ((found_x, found_y), (friction, detection)) in points.iter().zip([(0.0, 0.4), (4.2, 0.75), (40.0, 0.9)]) {
        assert!((found_x - x(friction)).abs() < 0.06 && (found_y - y(detection)).abs() < 0.06, "{ours}");
    }
    assert_eq!(points.len(), 3);
    // What leaves the scale ends at its border.
    let pin = wide.split("<path class=\"curve\" d=\"M").nth(1).unwrap().split('"').next().unwrap();
    assert!(pin.split('L').nth(1).unwrap().starts_with("690.0 "), "{pin}");
}

#[test]
fn figures_may_lack_anything_and_say_anything() {
    tags(&report::evaluation::evaluation(&json!({})));
    tags(&report::evaluation::evaluation(&json!([1])));
    for name in figures().as_object().unwrap().keys() {
        for other in [Value::Null, json!("text"), json!({ "x": { "y": null } }), json!([{}])] {
            let mut figures = figures();
            figures[name] = other;
            tags(&report::evaluation::evaluation(&figures));
        }
        let mut figures = figures();
        figures.as_object_mut().unwrap().remove(name);
        tags(&report::evaluation::evaluation(&figures));
    }
    let hostile = "\"'><script>alert(1)</script>";
    let mut bad = figures();
    for pointer in ["/scenarios", "/curves", "/baselines", "/ablation", "/friction/by_class"] {
        let members = bad.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
        let any = members.values().next().unwrap().clone();
        members.insert(hostile.to_owned(), any);
    }
    bad["config_sha256"] = json!(hostile);
    bad["scenarios"]["theft"]["source"] = json!(hostile);
    bad["scenarios"]["theft"]["twins"] = json!({ hostile: 1.0 });
    bad["ablation"]["new_asn"]["worst"]["scenario"] = json!(hostile);
    let page = report::evaluation::evaluation(&bad);
    tags(&page);
    assert!(page.matches("&lt;script&gt;").count() >= 9);
}

#[test]
fn the_figures_of_a_shared_trace_are_drawn() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    let (trace, app) = (traces.join("hijack_service_account_admin.jsonl.gz"), traces.join("app.json"));
    if !trace.is_file() {
        writeln!(std::io::stderr(), "skipped: there are no shared traces beside this checkout").unwrap();
        return;
    }
    let file = Scratch::new("figures.html");
    let arguments = ["eval", trace.to_str().unwrap(), "--app", app.to_str().unwrap(), "--report", file.name()];
    assert_eq!(run(&arguments, "").code, 0);
    let page = std::fs::read_to_string(&file.0).unwrap();
    tags(&page);
    assert!(page.contains("<li><span>service_account_admin") && page.contains("of 156, median"), "{page}");
}
