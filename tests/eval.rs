//! What `eval` and `tune` say, against figures worked out by hand, and against the gateway that they stand for.
//! How well the defaults do on real traces is not tested: those figures are read, not asserted.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]
#![allow(clippy::cast_possible_truncation)]

use serde_json::{Value, json};
use session_risk::replay::{
    self, Replay,
    eval::{
        Evaluation,
        corpus::{Corpus, Scorer},
        fate::Fate,
    },
    record::Record,
    tune::{self, Budget, split},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::Command,
};

/// One request: where from, what for, and whether the attacker sends it.
#[derive(Clone, Copy)]
struct Sent {
    away: bool,
    path: &'static str,
    posture: &'static str,
    attack: bool,
}

const HOME: Sent = Sent { away: false, path: "/orders", posture: "compliant", attack: false };
const AWAY: Sent = Sent { away: true, ..HOME };
const THIEF: Sent = Sent { attack: true, ..HOME };
const THIEF_AWAY: Sent = Sent { attack: true, ..AWAY };
const THIEF_ADMIN: Sent = Sent { path: "/admin", ..THIEF };
const LOST: Sent = Sent { posture: "not-compliant", ..HOME };

/// What is sent in one session, a minute apart. Country, network and address say whether it is at home or away.
fn session(name: &str, scenario: &str, sent: &[Sent]) -> Vec<Value> {
    let minutes = (0u64..).map(|minute| 1_770_000_000_000u64 + minute * 60_000);
    let line = |(ts, sent): (u64, &Sent)| {
        let (ip, asn, country) = if sent.away { ("128.199.64.9", 14_061, "SG") } else { ("84.128.1.1", 3_320, "DE") };
        json!({ "ts": ts, "session": name, "subject": format!("of {name}"), "actor": "api_key", "method": "GET",
            "path": sent.path, "ip": ip, "asn": asn, "country": country, "posture": sent.posture, "status": 200,
            "label": { "attack": sent.attack, "scenario": scenario, "source": "synthetic" } })
    };
    minutes.zip(sent).map(line).collect()
}

fn record(line: &Value) -> Record {
    Record::parse(line.to_string().as_bytes()).unwrap()
}

/// Flags by inference what comes from a new country, by policy what comes from a device that is not compliant.
fn two_rules() -> Value {
    json!({
        "secret": "an example secret of some length",
        "routes": [{ "path": "/admin", "tier": "sensitive" }],
        "rules": [
            { "name": "posture", "when": { "posture": ["not_compliant"] }, "then": "deny" },
            { "name": "moved", "when": { "signal": ["new_country"] }, "then": "deny" },
        ],
    })
}

fn evaluated(config: &Value, lines: &[Value]) -> Value {
    let (mut replay, mut evaluation) = (Replay::new(config).unwrap(), Evaluation::default());
    for record in lines.iter().map(record) {
        let step = replay.step(&record);
        evaluation.take(&record, step.as_ref(), replay.rules());
    }
    evaluation.figures(&Scorer::new(config).unwrap())
}

#[test]
fn figures_are_what_they_are_by_hand() {
    let home = [HOME; 3];
    let with = |rest: &[Sent]| [&home, rest].concat();
    let stolen = "stolen_api_key_story";
    let lines = [
        // Found at the onset.
        session("at once", stolen, &with(&[THIEF_AWAY, THIEF_AWAY])),
        // Found at the third request from the onset; two sensitive ones were before it.
        session("late", stolen, &with(&[THIEF_ADMIN, THIEF_ADMIN, THIEF_AWAY])),
        // Never found; one sensitive request.
        session("never", stolen, &with(&[THIEF, THIEF_ADMIN])),
        // Flagged only before the onset: false, and not found.
        session("early", stolen, &with(&[AWAY, HOME, THIEF_ADMIN, THIEF_ADMIN, THIEF_ADMIN])),
        // Flagged before, and found at the second request; the owner works on beside the thief.
        session("both", stolen, &with(&[AWAY, THIEF_ADMIN, THIEF_AWAY, HOME])),
        // Found at the onset by policy.
        session("posture", "device_posture_story", &with(&[Sent { attack: true, ..LOST }, THIEF])),
        session("quiet", "honest", &with(&[HOME])),
        session("moves", "honest", &with(&[AWAY])),
        session("not compliant", "honest", &with(&[LOST])),
        session("both held", "honest", &with(&[LOST, AWAY])),
    ]
    .concat();
    let figures = evaluated(&two_rules(), &lines);
    let row = &figures["scenarios"][stolen];
    for (name, expected) in [
        ("sessions", json!(5)),
        ("detected", json!(3)),
        ("detection", json!(0.6)),
        ("wilson_low", json!(0.2307)),
        ("wilson_high", json!(0.8824)),
        ("flagged_at_onset", json!(0.2)),
        ("flagged_before_onset", json!(0.4)),
        // 1, 2, 3, never, never.
        ("requests_to_flag_median", json!(3)),
        ("requests_to_flag_p95", Value::Null),
        // 0, 1, 1, 2, 3; nobody refused any of them.
        ("sensitive_through_median", json!(1)),
        ("sensitive_forwarded_median", json!(1)),
        ("top_reason_correct", json!(1.0)),
    ] {
        assert_eq!(row[name], expected, "{name}");
    }
    let posture = &figures["scenarios"]["device_posture_story"];
    assert_eq!(posture["turned_not_compliant"], json!({ "sessions": 1, "flagged": 1, "at_onset": 1 }));
    assert_eq!(figures["friction"]["per_1000_sessions"], 500.0);
    assert_eq!(figures["friction"]["by_class"], json!({ "honest": 500.0 }));
    assert_eq!(figures["policy_restricts"], 1, "what inference flags too is friction");
    assert_eq!(figures["macro_hijack"], 0.8, "(3/5 + 1/1) / 2");
    // Country, network and /24 differ at the same requests: 6 points, more than 2.
    let hits = &figures["baselines"]["rule_hits"];
    assert_eq!((&hits["friction_per_1000"], &hits["macro_hijack"]), (&json!(500.0), &json!(0.3)));
    assert_eq!((&hits["at_friction"]["10"], &hits["at_our_friction"]), (&json!(0.0), &json!(0.3)));
    assert_eq!(figures["baselines"]["login_only"]["macro_hijack"], 0.0);
    assert_eq!(figures["ratio_over_best_baseline"], 2.6667);
}

#[test]
fn what_a_sanction_refuses_is_of_the_kind_that_imposed_it() {
    let mut config = two_rules();
    config["rules"][0]["then"] = json!({ "suspend": { "seconds": 900 } });
    let lines = session("posture flaps", "honest", &[HOME, HOME, LOST, HOME, HOME]);
    let figures = evaluated(&config, &lines);
    assert_eq!((&figures["friction"]["per_1000_sessions"], &figures["policy_restricts"]), (&json!(0.0), &json!(1)));
    config["rules"][1]["then"] = json!({ "suspend": { "seconds": 900 } });
    let lines = session("moves", "honest", &[HOME, HOME, AWAY, HOME, HOME]);
    let figures = evaluated(&config, &lines);
    assert_eq!((&figures["friction"]["per_1000_sessions"], &figures["policy_restricts"]), (&json!(1000.0), &json!(0)));
}

#[test]
fn writes_out_of_scope_are_counted_by_what_the_trace_declares() {
    let call = |at: u64, tool: &str, attack: bool| {
        json!({ "ts": 1_770_000_000_000u64 + at, "session": "agent", "actor": "agent", "method": "POST", "path": "/mcp",
            "mcp_method": "tools/call", "tool": tool, "scope": "mcp tool:get_mail tool:send_mail", "status": 200,
            "label": { "attack": attack, "scenario": "agent_dojo_story", "source": "real+splice" } })
    };
    let lines = [
        call(0, "get_mail", false),
        call(1, "delete_mail", false),
        call(2, "send_mail", true),
        call(3, "delete_mail", true),
        call(4, "get_files", true),
        call(5, "pay", true),
    ];
    let mut config = json!({ "secret": "an example secret of some length", "tools": [{ "name": "get_*", "access": "read" }],
        "routes": [{ "path": "/mcp", "protocol": "mcp" }] });
    let writes =
        |config: &Value| evaluated(config, &lines)["scenarios"]["agent_dojo_story"]["out_of_scope_writes"].clone();
    assert_eq!(writes(&config), json!({ "requests": 2, "refused": 2 }));
    config["mode"] = json!("shadow");
    assert_eq!(writes(&config), json!({ "requests": 2, "refused": 0 }), "in shadow nothing is refused");
}

/// Compares what becomes of each session at the gateway and by itself in memory. Returns how many sessions were flagged.
fn compare(config: &Value, records: impl Iterator<Item = Record>) -> usize {
    let scorer = Scorer::new(config).unwrap();
    let (mut replay, mut corpus) = (Replay::new(config).unwrap(), Corpus::default());
    let mut fates: BTreeMap<usize, Fate> = BTreeMap::new();
    for record in records {
        let step = replay.step(&record).unwrap();
        let at = corpus.take(&record, Some(&step.facts));
        let life = &corpus.lives[at];
        let fate = fates.entry(at).or_default();
        fate.take(life, life.requests.last().unwrap(), &step.assessment, replay.rules());
    }
    for (at, fate) in &mut fates {
        let life = &corpus.lives[*at];
        let mut alone = life.run(&scorer, true);
        // What answers raise is not told by the gateway; what it does to the score is.
        (fate.raised, alone.raised) = (0, 0);
        assert_eq!(*fate, alone, "{} {}", life.scenario, life.session);
        assert_eq!(life.run(&scorer, false).flagged(life), alone.flagged(life), "a run that ends early says the same");
    }
    fates.iter().filter(|(at, fate)| fate.flagged(&corpus.lives[**at])).count()
}

/// Sessions of every kind, from a generator without surprises: some move, change clients, lose keys, probe or export; one
/// in four is an attack in its second half.
fn varied(sessions: u64) -> Vec<Value> {
    let mut state = 7u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut lines = Vec::new();
    for session in 0..sessions {
        let (actor, moves, client) =
            (["human", "service", "api_key", "agent"][(session % 4) as usize], draw(5), draw(5));
        let (deed, attacked, since) = (draw(4), draw(4) == 0, 10 + draw(10));
        for minute in 0..30 {
            let late = minute >= since;
            let (asn, country) = match moves {
                0 if late => (14_061, "SG"),
                1 if late => (6_805, "DE"),
                2 => (3_320 + draw(3), "DE"),
                _ => (3_320, "DE"),
            };
            let browser = if client == 0 && late {
                "curl/8.5.0"
            } else {
                "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0"
            };
            let (path, status) = match deed {
                0 if late => (format!("/admin/{}", draw(3)), 200),
                1 if late => (format!("/guess/{minute}"), 404),
                2 if late => (format!("/export/{minute}"), 200),
                _ => (format!("/orders/{}", draw(6)), if draw(20) == 0 { 403 } else { 200 }),
            };
            lines.push(json!({ "ts": 1_770_000_000_000u64 + minute * 20_000 + session, "session": format!("s{session}"),
                "subject": format!("p{}", session / 2), "actor": actor, "method": if draw(9) == 0 { "POST" } else { "GET" },
                "path": path, "ip": format!("10.{}.{}.1", asn % 250, draw(2)), "asn": asn, "country": country,
                "ua": browser, "ja4": format!("t{}", if client == 1 { draw(3) } else { 0 }), "status": status, "bytes_out": 900,
                "binding": if client == 2 && late { "none" } else { "dpop:key" },
                "posture": if client == 3 && late { "not-compliant" } else { "compliant" },
                "label": { "attack": attacked && late, "scenario": format!("{actor} {deed}"), "source": "synthetic" } }));
        }
    }
    lines.sort_by_key(|line| line["ts"].as_u64());
    lines
}

fn varied_config() -> Value {
    json!({
        "secret": "an example secret of some length",
        "routes": [{ "path": "/admin/{id}", "tier": "sensitive" }, { "path": "/orders/{id}" },
            { "path": "/export/{id}", "access": "export" }],
    })
}

#[test]
fn a_session_in_memory_fares_as_at_the_gateway() {
    let records = || varied(400).iter().map(record).collect::<Vec<_>>().into_iter();
    let mut config = varied_config();
    let flagged = compare(&config, records());
    assert!(flagged > 40 && flagged < 360, "{flagged} of 400");
    config["mode"] = json!("shadow");
    compare(&config, records());
    config["mode"] = json!({ "percent": 50 });
    config["table"] = json!({ "idle_minutes": 1 });
    compare(&config, records());
}

#[test]
fn a_shared_trace_in_memory_fares_as_at_the_gateway() {
    let traces = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces");
    if !traces.is_dir() {
        // Past the capture of the test harness: a skip must be seen.
        writeln!(std::io::stderr(), "skipped: there are no shared traces beside this checkout").unwrap();
        return;
    }
    let application: Value = serde_json::from_reader(File::open(traces.join("app.json")).unwrap()).unwrap();
    let config = replay::with_application(replay::default_config(), &application);
    for name in ["hijack_error_probing", "hijack_device_posture_lost", "agent_tau_export"] {
        let file = File::open(traces.join(format!("{name}.jsonl.gz"))).unwrap();
        let lines = BufReader::new(flate2::bufread::MultiGzDecoder::new(BufReader::new(file))).lines().take(4_000);
        assert!(compare(&config, lines.map(|line| Record::parse(line.unwrap().as_bytes()).unwrap())) > 0, "{name}");
    }
}

/// `people` with two honest sessions each, in one of them another TLS fingerprint, which costs friction under
/// [`tunable`]; and as many stolen sessions, which show much more.
fn labelled(people: u64) -> Vec<Value> {
    let request = |session: String, subject: u64, minute: u64, other_ja4: bool, stolen: bool, scenario: &str| {
        let (ip, asn, country) = if stolen { ("128.199.64.9", 14_061, "SG") } else { ("84.128.1.1", 3_320, "DE") };
        json!({ "ts": 1_770_000_000_000u64 + subject * 1_000 + minute * 60_000, "session": session,
            "subject": format!("person {subject}"), "actor": "human", "method": "GET", "path": "/orders", "status": 200,
            "ip": ip, "asn": asn, "country": country, "ja4": if other_ja4 { "t13d2" } else { "t13d1" },
            "label": { "attack": stolen, "scenario": scenario, "source": "synthetic" } })
    };
    let mut lines = Vec::new();
    for person in 0..people {
        for minute in 0..12 {
            let turns = minute == 8;
            lines.push(request(format!("a{person}"), person, minute, false, false, "calm"));
            lines.push(request(format!("b{person}"), person, minute, turns && person % 3 == 0, false, "busy"));
            lines.push(request(format!("c{person}"), person, minute, minute > 8, minute > 8, "theft"));
        }
    }
    lines
}

fn tunable() -> Value {
    json!({
        "secret": "an example secret of some length",
        "mode": { "percent": 100 },
        "levels": { "elevated": 4, "high": 10, "critical": 60 },
        "weights": { "tls_fingerprint_changed": 12, "new_country": 30, "posture_degraded": 33 },
        "rules": [
            { "name": "posture", "when": { "posture": ["not_compliant"], "score_at_least": 7 }, "then": "restrict" },
            { "name": "ask", "when": { "level_at_least": "high" }, "then": "step_up" },
        ],
    })
}

fn corpus(config: &Value, lines: &[Value]) -> Corpus {
    let (mut replay, mut corpus) = (Replay::new(config).unwrap(), Corpus::default());
    for record in lines.iter().map(record) {
        let step = replay.step(&record).unwrap();
        corpus.take(&record, Some(&step.facts));
    }
    corpus
}

#[test]
fn tuning_lowers_friction_below_the_budget_and_keeps_what_is_found() {
    let (config, lines) = (tunable(), labelled(120));
    let corpus = corpus(&config, &lines);
    let (halves, start) = (split::halves(&corpus), Scorer::new(&config).unwrap());
    let before = tune::measure(&corpus, &halves, true, &start);
    assert!(before.friction.0 > 0 && before.detection == Some(1.0), "{before:?}");
    let budget = Budget::new(0.005).unwrap();
    let mut steps = Vec::new();
    let tuned = tune::tune(&corpus, &halves, &start, budget, &mut |step| steps.push(step.clone()));
    assert!(tuned.within && !tuned.changes.is_empty());
    for tuning in [true, false] {
        let after = tune::measure(&corpus, &halves, tuning, &tuned.scorer);
        assert_eq!((after.friction.0, after.detection), (0, Some(1.0)), "tuning half: {tuning}");
    }
    let last = &steps.last().unwrap().stand;
    let whole = tune::measure(&corpus, &halves, true, &tuned.scorer);
    assert_eq!((last.friction, last.detection, &last.worst), (whole.friction, whole.detection, &whole.worst));
    assert!(steps.first().unwrap().changes.is_empty() && steps.len() > 1);
    // Nothing is beyond half to twice of what was configured.
    for change in &tuned.changes {
        assert!(change.to >= change.from.div_ceil(2) && change.to <= change.from * 2, "{change:?}");
    }
}

#[test]
fn no_subject_is_on_both_sides_of_the_split() {
    let lines: Vec<Value> = (0..3_000u64)
        .map(|n| {
            let subject = if n % 10 == 0 { String::new() } else { format!("subject {}", n * 7 % 400) };
            json!({ "ts": 1, "session": format!("session {n}"), "subject": subject, "method": "GET", "path": "/" })
        })
        .collect();
    let mut corpus = Corpus::default();
    for line in &lines {
        corpus.take(&record(line), None);
    }
    let halves = split::halves(&corpus);
    assert_eq!(halves.len(), lines.len());
    let mut sides: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
    for (life, tuning) in corpus.lives.iter().zip(&halves) {
        sides.entry(&life.subject).or_default().insert(*tuning);
    }
    assert_eq!(sides.remove("").unwrap().len(), 2, "sessions of nobody go by their own names");
    assert!(sides.values().all(|sides| sides.len() == 1));
    let tuning = sides.values().filter(|sides| sides.contains(&true)).count();
    assert!(tuning * 3 > sides.len() && tuning * 3 < sides.len() * 2, "{tuning} of {}", sides.len());
    // The order of a trace moves nobody.
    let mut turned = Corpus::default();
    for line in lines.iter().rev() {
        turned.take(&record(line), None);
    }
    let side = |corpus: &Corpus, halves: &[bool]| -> BTreeMap<String, bool> {
        corpus.lives.iter().map(|life| life.session.clone()).zip(halves.iter().copied()).collect()
    };
    assert_eq!(side(&corpus, &halves), side(&turned, &split::halves(&turned)));
}

struct Ran {
    code: i32,
    out: String,
    err: String,
}

fn run(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_session-risk")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

/// A directory of its own for one test.
fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("eval-{name}"));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn write_lines(path: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_tuned_configuration_is_the_old_one_with_changes_and_can_be_used() {
    let directory = directory("tune");
    let [trace, config, tuned, again] =
        ["trace.jsonl", "config.json", "tuned.json", "again.json"].map(|name| directory.join(name));
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    write_lines(&trace, &labelled(120));
    std::fs::write(&config, tunable().to_string()).unwrap();
    let tune = |to: &Path| {
        run(&["tune", &path(&trace), "--friction", "5/1000", "--config", &path(&config), "--write", &path(to)])
    };
    let ran = tune(&tuned);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["split by subject", "on the tuning half", "reported on, after", "hard criteria as they were"] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    assert!(ran.err.contains("step 0"), "progress goes to standard error: {}", ran.err);
    assert_eq!(tune(&again).code, 0);
    let text = std::fs::read_to_string(&tuned).unwrap();
    assert_eq!(text, std::fs::read_to_string(&again).unwrap(), "the same input gives the same result");
    let checked = run(&["check", &path(&tuned)]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    // Whatever is no knob is as it was, in value and order; the knob of a hard rule is none.
    let (mut before, mut after): (Value, Value) = (tunable(), serde_json::from_str(&text).unwrap());
    assert_ne!(before, after);
    assert_eq!(after["weights"]["posture_degraded"], 33);
    assert_eq!(after["rules"][0], before["rules"][0]);
    for config in [&mut before, &mut after] {
        config["levels"] = Value::Null;
        config["weights"] = Value::Null;
    }
    assert_eq!(before.to_string(), after.to_string());
}

#[test]
fn without_labels_everybody_is_honest_and_the_default_rules_are_written_out() {
    let directory = directory("unlabelled");
    let (trace, tuned) = (directory.join("trace.jsonl"), directory.join("tuned.json"));
    let mut lines = labelled(120);
    lines.iter_mut().for_each(|line| drop(line.as_object_mut().unwrap().remove("label")));
    write_lines(&trace, &lines);
    let (trace, tuned) = (trace.to_str().unwrap(), tuned.to_str().unwrap());
    // All that is stolen counts as friction now, which leaves a third of the sessions above the default thresholds.
    let ran = run(&["tune", trace, "--friction", "50%", "--write", tuned]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert!(ran.out.contains("every session is taken for honest") && ran.out.contains("weights stay"), "{}", ran.out);
    let checked = run(&["check", tuned]);
    assert_eq!(checked.code, 0, "{}", checked.err);
    let config: Value = serde_json::from_slice(&std::fs::read(tuned).unwrap()).unwrap();
    assert_eq!(config.get("weights"), None);
    // There is room in the budget, so thresholds fall, those of the default rules too.
    assert!(config["levels"]["high"].as_u64().unwrap() < 20, "{config:#}");
    let rules = config["rules"].as_array().unwrap();
    assert_eq!(rules.len(), session_risk::policy::default_rules().len());
    let asked = rules.iter().find(|rule| rule["name"] == "human-sensitive").unwrap();
    assert!(asked["when"]["score_at_least"].as_u64().unwrap() < 15, "{asked}");
}

#[test]
fn tune_says_what_it_needs() {
    let directory = directory("needs");
    let trace = directory.join("one.jsonl");
    write_lines(&trace, &labelled(1));
    let trace = trace.to_str().unwrap();
    let ran = run(&["tune", trace, "--friction", "5/1000"]);
    assert!(ran.code == 2 && ran.err.contains("several subjects"), "{}", ran.err);
    for wrong in ["5", "-1/1000", "5/0", "much", "200%"] {
        let ran = run(&["tune", trace, &format!("--friction={wrong}")]);
        assert!(ran.code == 2 && ran.err.contains("such as `5/1000`"), "{wrong}: {}", ran.err);
    }
}

#[test]
fn eval_prints_every_table_within_120_columns() {
    let directory = directory("text");
    let [trace, figures, config] =
        ["trace.jsonl", "figures.json", "config.json"].map(|name| directory.join(name).to_str().unwrap().to_owned());
    write_lines(Path::new(&trace), &labelled(30));
    // Only the country counts.
    let weights = json!({ "new_country": 30, "new_asn": 1, "new_network": 1, "tls_fingerprint_changed": 1 });
    let text = json!({ "secret": "an example secret of some length", "weights": weights }).to_string();
    std::fs::write(&config, text).unwrap();
    let ran = run(&["eval", &trace, "--config", &config, "--ablation", "--json", &figures]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in ["attacks, synthetic", "ITS HONEST TWIN", "friction by_class", "AT OURS", "rate_limit", "SUFFERS MOST"]
    {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    assert!(!ran.out.contains("attacks, real"), "there are none");
    let long: Vec<&str> = ran.out.lines().filter(|line| line.chars().count() > 120).collect();
    assert!(long.is_empty(), "{long:?}");
    let figures: Value = serde_json::from_slice(&std::fs::read(figures).unwrap()).unwrap();
    let curve = figures["curves"]["session_risk"].as_array().unwrap();
    let at = |setting: f64| curve.iter().find(|point| point["setting"] == setting).unwrap();
    assert_eq!(at(1.0)["macro_hijack"], figures["macro_hijack"], "times one is the configuration itself");
    assert_eq!(at(1.0)["friction_per_1000"], figures["friction"]["per_1000_sessions"]);
    let friction = |point: &Value| point["friction_per_1000"].as_f64().unwrap();
    assert!(curve.windows(2).all(|pair| friction(&pair[0]) >= friction(&pair[1])), "higher thresholds ask less");
    let without = |kind: &str| figures["ablation"][kind].clone();
    let worst = json!({ "scenario": "theft", "detection": 1.0, "detection_without": 0.0 });
    assert_eq!((&without("new_country")["worst"], &without("new_country")["macro_hijack"]), (&worst, &json!(0.0)));
    assert_eq!(
        (&without("error_probing")["worst"], &without("error_probing")["macro_hijack"]),
        (&Value::Null, &json!(1.0))
    );
}
