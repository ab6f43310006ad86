//! Logs as they lie on disks: rotated, compressed, cut off, out of order, with lines that are none. What the decisions are
//! is tested elsewhere; here, that the right lines come to be decided on, and that the rest is said.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects, missing_docs)]

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

struct Ran {
    code: i32,
    out: String,
    err: String,
}

impl Ran {
    /// The actions of `replay --jsonl`, one a decision.
    fn actions(&self) -> Vec<String> {
        let action = |line: &str| serde_json::from_str::<Value>(line).unwrap()["action"].as_str().unwrap().to_owned();
        self.out.lines().map(action).collect()
    }
}

fn run(arguments: &[&str], input: &[u8]) -> Ran {
    let mut child = Command::new(env!("CARGO_BIN_EXE_session-risk"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read its input may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn replay(arguments: &[&str], input: &[u8]) -> Ran {
    run(&[&["replay", "--jsonl"], arguments].concat(), input)
}

/// A directory of a test's own.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("logs-{name}"));
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

const BEGIN: u64 = 1_770_000_000_000;

/// Line `number` of a key's life: a request a minute, from Germany at first, from Singapore after thirty.
fn line(number: u64) -> String {
    let (ip, asn, country) = if number >= 30 { ("128.199.64.9", 14_061, "SG") } else { ("84.128.1.1", 3_320, "DE") };
    let line = json!({ "ts": BEGIN + number * 60_000, "session": "k1", "subject": "s", "actor": "api_key",
        "method": if number == 35 { "POST" } else { "GET" }, "path": "/v1/orders?token=hidden", "ip": ip, "asn": asn,
        "country": country, "status": 200 });
    format!("{line}\n")
}

fn lines(numbers: std::ops::Range<u64>) -> Vec<u8> {
    numbers.map(line).collect::<String>().into_bytes()
}

fn zipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// What the whole life comes to.
fn expected() -> Vec<&'static str> {
    [["allow"; 30].as_slice(), &["restrict"; 10]].concat()
}

#[test]
fn a_session_goes_on_from_one_rotated_file_to_the_next() {
    let place = Place::new("rotated");
    // By name the newest comes first, as logrotate has it.
    let new = place.file("access.json", &lines(30..40));
    let old = place.file("access.json.1.gz", &zipped(&lines(0..30)));
    place.file("notes.txt", b"no log\n");
    let nobody: String = (0..200).map(|_| "{\"ts\":null,\"session\":null,\"path\":\"/healthz\"}\n").collect();
    place.file("access.json.2", nobody.as_bytes());
    let whole = replay(&[place.path()], b"");
    assert_eq!(
        (whole.code, whole.actions()),
        (0, expected().iter().map(ToString::to_string).collect()),
        "{}",
        whole.err
    );
    assert!(whole.err.contains("no session in 200 lines") && !whole.err.contains("warning"), "{}", whole.err);
    assert_eq!(replay(&[&new, &old], b"").actions(), whole.actions());
    let apart = replay(&[&new, &old, "--separate"], b"");
    assert_eq!(apart.actions(), ["allow"; 40], "alone, the newer file begins in Singapore");
}

#[test]
fn lines_without_a_host_are_counted_where_a_rule_asks_for_one() {
    let place = Place::new("hostless");
    let rules = json!([{ "name": "a", "when": { "host": ["a.example"] }, "then": "deny" }]);
    let config = json!({ "secret": "an example secret of some length", "rules": rules });
    let config = place.file("filter.config", config.to_string().as_bytes());
    let log = lines(0..3);
    let told = replay(&["-", "--config", &config], &log);
    assert!(told.err.contains("note: no `host` in 3 lines, so nothing that is limited to hosts holds"), "{}", told.err);
    let with: String = String::from_utf8(log.clone()).unwrap().replace("{\"ts\"", "{\"host\":\"a.example\",\"ts\"");
    let told = replay(&["-", "--config", &config], with.as_bytes());
    assert_eq!((told.actions(), told.err.contains("no `host`")), (vec!["deny".to_owned(); 3], false), "{}", told.err);
    assert!(!replay(&["-"], &log).err.contains("no `host`"));
}

#[test]
fn every_form_of_a_log_says_the_same() {
    let place = Place::new("forms");
    let (first, second) = (lines(0..17), lines(17..40));
    let all = [first.clone(), second.clone()].concat();
    let members = [zipped(&first), zipped(b""), zipped(&second)].concat();
    let plain = replay(&[&place.file("a.jsonl", &all)], b"");
    assert_eq!(plain.actions(), expected());
    assert!(!plain.err.contains('\u{1b}'), "a bar is for terminals");
    for (name, content) in [("b.jsonl.gz", zipped(&all)), ("c.gz", members.clone())] {
        assert_eq!(replay(&[&place.file(name, &content)], b"").out, plain.out, "{name}");
    }
    for input in [all, members] {
        let ran = replay(&["-"], &input);
        assert_eq!((ran.code, &ran.out), (0, &plain.out), "{}", ran.err);
    }
}

#[test]
fn what_comes_before_the_end_of_a_damaged_file_counts() {
    let place = Place::new("damaged");
    // Stored without compression, so that it is known how much of it can be read.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(&lines(0..40)).unwrap();
    let mut bytes = encoder.finish().unwrap();
    let cut = place.file("cut.jsonl.gz", &bytes[..bytes.len() * 9 / 10]);
    let ran = replay(&[&cut], b"");
    assert_eq!(
        (ran.code, ran.actions()),
        (3, expected()[..36].iter().map(ToString::to_string).collect()),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("cut.jsonl.gz ends in the middle"), "{}", ran.err);
    assert!(ran.err.contains("36 requests, 0 malformed"), "the summary comes all the same: {}", ran.err);
    // Two members, the second one's header overwritten: the file after it is read on.
    let end = bytes.len();
    bytes.extend(zipped(&lines(38..40)));
    bytes[end..end + 3].copy_from_slice(b"\x1f\x8b\xff");
    let broken = place.file("broken.gz", &bytes);
    let ran = replay(&[&broken, &place.file("later.jsonl", &lines(40..42))], b"");
    assert_eq!((ran.code, ran.actions().len()), (3, 42), "{}", ran.err);
    assert!(ran.err.contains("broken.gz is damaged") && ran.err.contains("the 40 lines before"), "{}", ran.err);
}

#[test]
fn lines_that_are_none_are_counted_and_the_first_ones_named() {
    let place = Place::new("malformed");
    let long = format!("{{\"ts\":1,\"session\":\"{}\",\"method\":\"GET\",\"path\":\"/\"}}\n", "x".repeat(3 << 20));
    let mut content = lines(0..30);
    content.extend(long.as_bytes());
    content.extend(lines(30..40));
    content.extend("{\"ts\":1}}\n".repeat(12).as_bytes());
    content.extend(b"\n  \n");
    let name = place.file("access.jsonl", &content);
    let ran = replay(&[&name], b"");
    assert_eq!((ran.code, ran.actions()), (0, expected().iter().map(ToString::to_string).collect()), "{}", ran.err);
    assert!(ran.err.contains(&format!("{name}, line 31: longer than 1048576 bytes")), "{}", ran.err);
    assert!(ran.err.contains("line 50: no JSON") && !ran.err.contains("line 51:"), "{}", ran.err);
    assert!(ran.err.contains("13 malformed lines in all"), "{}", ran.err);
}

#[test]
fn lines_out_of_time_order_are_counted() {
    let mut numbers: Vec<u64> = (0..40).collect();
    numbers.swap(10, 11);
    let swapped: String = numbers.iter().map(|number| line(*number)).collect();
    let ran = replay(&["-"], swapped.as_bytes());
    assert!(ran.code == 0 && ran.err.contains("out of time order: 1 lines, by up to 60 s\n"), "{}", ran.err);
    let again = [lines(0..40), lines(10..20)].concat();
    let ran = replay(&["-"], &again);
    assert!(ran.err.contains("out of time order: 10 lines, by up to 1740 s; of several gateways?"), "{}", ran.err);
}

#[test]
fn a_missing_file_is_said_before_the_others_are_read() {
    let place = Place::new("missing");
    let there = place.file("a.jsonl", &lines(0..40));
    let ran = replay(&[&there, "nowhere.jsonl"], b"");
    assert!(ran.code == 2 && ran.out.is_empty() && ran.err.contains("`nowhere.jsonl` cannot be read"), "{}", ran.err);
    let empty = Place::new("empty");
    let ran = replay(&[empty.path()], b"");
    assert!(ran.code == 2 && ran.err.contains("holds no log"), "{}", ran.err);
}

/// A key at home, abroad for a while, and at home again three hours later.
fn abroad_and_back() -> Vec<u8> {
    let mut life: Vec<String> = (0..40).map(line).collect();
    for number in 220..223 {
        let home: Value = serde_json::from_str(&line(0)).unwrap();
        let mut back = home;
        back["ts"] = json!(BEGIN + number * 60_000);
        life.push(format!("{back}\n"));
    }
    life.concat().into_bytes()
}

fn explain(arguments: &[&str], input: &[u8]) -> Ran {
    run(&[&["explain"], arguments].concat(), input)
}

#[test]
fn a_life_is_told_for_a_ticket() {
    let ran = explain(&["k1", "-"], &abroad_and_back());
    assert_eq!(ran.code, 0, "{}", ran.err);
    for part in [
        "seen        2026-02-02T02:40:00Z to 2026-02-02T06:22:00Z (3 h 42 min)",
        "requests    43: 42 reads let through; 1 write refused",
        "networks    AS3320 DE (33), AS14061 SG (10)",
        "flagged     request 31, 2026-02-02T03:10:00Z: restrict, by rule `api-key-high`",
        "since then  13: 12 reads let through; 1 write refused",
        "(30 requests with nothing held against the session)",
        "request 31: GET /v1/orders from AS14061 SG, 200 in the log",
        "score 0 -> 27, crosses elevated (10) and high (20)",
        "22.0  new_country  DE -> SG  (halves every 30 min)",
        "9 more requests like it until 2026-02-02T03:19:00Z, score 27; with the first: 9 reads let through; 1 write refused",
        "falls back to low",
        "It turned at request 31 of 43, 2026-02-02T03:10:00Z, 30 min after it was first seen.",
        "new_country (DE -> SG), new_asn (AS3320 -> AS14061)",
        "No write, export, administration or sensitive read got through.",
        "At its last request its level was low again.",
    ] {
        assert!(ran.out.contains(part), "{part} is not in\n{}", ran.out);
    }
    for hidden in ["84.128", "128.199", "hidden"] {
        assert!(!ran.out.contains(hidden), "{hidden} is in\n{}", ran.out);
    }
    // Told while it lasts: how it stands, and until when.
    let ran = explain(&["k1", "-"], &lines(0..40));
    assert!(
        ran.out.contains("it stood at 27, high; without new evidence it is elevated from 2026-02-02T03:"),
        "{}",
        ran.out
    );
}

#[test]
fn a_life_is_told_to_machines_too() {
    let ran = explain(&["k1", "-", "--json"], &abroad_and_back());
    let story: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(story["flag"]["request"]["number"], 31);
    assert_eq!(story["flag"]["since"]["refused"], json!({ "read": 0, "write": 1, "export": 0, "admin": 0 }));
    assert_eq!(story["flag"]["request"]["reasons"][0]["change"], "DE -> SG");
    assert_eq!((&story["requests"], &story["story"][0]["requests"]), (&json!(43), &json!(30)));
    let told = |arguments: &[&str]| -> usize {
        let ran = explain(&[arguments, &["--json"]].concat(), &abroad_and_back());
        serde_json::from_str::<Value>(&ran.out).unwrap()["story"].as_array().unwrap().len()
    };
    assert!(told(&["k1", "-"]) < 8);
    assert_eq!(told(&["k1", "-", "--all"]), 43);
}

#[test]
fn a_session_is_found_by_the_beginning_of_its_name() {
    let named = |name: &str, count: u64| {
        lines(0..count).iter().map(|byte| *byte as char).collect::<String>().replace("k1", name)
    };
    let both = [named("f00d-1", 35), named("f00d-2", 20)].concat();
    let ran = explain(&["f00d-1", "-"], both.as_bytes());
    assert!(ran.code == 0 && ran.out.contains("requests    35"), "{}", ran.err);
    let ran = explain(&["f00", "-"], both.as_bytes());
    assert!(ran.code == 2 && ran.err.contains("f00d-1\n  f00d-2"), "{}", ran.err);
    // A whole name is meant, also where longer ones begin so and come first.
    let longer = [named("ab", 1).replace("ab", "abc"), named("ab", 20)].concat();
    let ran = explain(&["ab", "-"], longer.as_bytes());
    assert!(ran.code == 0 && ran.out.contains("session     ab\n"), "{}{}", ran.out, ran.err);
    let ran = explain(&["nobody", "-"], both.as_bytes());
    assert!(
        ran.code == 2 && ran.err.contains("f00d-1 (score 27, flagged)") && !ran.err.contains("f00d-2"),
        "{}",
        ran.err
    );
}

#[test]
fn check_says_that_the_log_will_be_told() {
    let check = |log_fields: bool| {
        let config = json!({ "secret": "c7-Kq0Zr_48sTuVw", "default_tier": "sensitive", "log_fields": log_fields });
        run(&["check", "-"], config.to_string().as_bytes())
    };
    assert!(check(true).out.ends_with("; a log that can be replayed\n"), "{}", check(true).out);
    assert!(check(false).code == 0 && !check(false).out.contains("replayed"));
}
