//! What a request is allowed to cost: `tests/cost.txt`, read, compared with and written. The figures are counts, not
//! times, so they are the same on a busy machine. How they are measured is not known here.

use std::fmt::Write as _;
use std::path::PathBuf;

/// How much more than recorded is let pass, in per cent.
const TOLERANCE: u64 = 5;
/// The same when another compiler is at work: it makes other code of the same source.
const OTHER_COMPILER: u64 = 20;

/// One figure: its kind (`fuel`, `calls`, `instructions`), what of, how many.
pub type Figure = (&'static str, &'static str, u64);

pub fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cost.txt")
}

/// The compiler that is at work here.
pub fn compiler() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = std::process::Command::new(rustc).arg("--version").output().expect("rustc runs where cargo does");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.split(' ').nth(1).expect("`rustc 1.2.3 (...)`").to_owned()
}

/// Compares with the record, or writes it when `COST_RECORD` is set. An error names every figure that is too high.
pub fn settle(figures: &[Figure]) -> Result<(), String> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    if std::env::var_os("COST_RECORD").is_some() {
        return std::fs::write(path(), rewritten(&text, figures, &compiler())).map_err(|error| error.to_string());
    }
    let problems = compare(&text, figures, &compiler());
    if problems.is_empty() {
        return Ok(());
    }
    Err(format!(
        "{}\nIf this is what the change is worth, record it with `make cost-record` and say why in the commit's message.",
        problems.join("\n")
    ))
}

/// Everything in `figures` that is more than `text` allows.
pub fn compare(text: &str, figures: &[Figure], compiler: &str) -> Vec<String> {
    let same = field(text, "rustc", "").is_some_and(|recorded| recorded == compiler);
    let (tolerance, why) = match same {
        true => (TOLERANCE, ""),
        false => (OTHER_COMPILER, " (wider, because the record was made with another rustc)"),
    };
    let problem = |(kind, of, now): &Figure| {
        let Some(recorded) = field(text, kind, of).and_then(|number| number.parse::<u64>().ok()) else {
            return Some(format!("tests/cost.txt has no `{kind} {of}`; it is {now}"));
        };
        (now * 100 > recorded * (100 + tolerance))
            .then(|| format!("{kind} {of}: {now}, and {recorded} is recorded; {tolerance}% more is allowed{why}"))
    };
    figures.iter().filter_map(problem).collect()
}

/// The record with these figures in place of those of their kinds.
pub fn rewritten(text: &str, figures: &[Figure], compiler: &str) -> String {
    let replaced = |line: &&str| {
        let kind = line.split(' ').next().unwrap_or_default();
        kind == "rustc" || figures.iter().any(|(other, ..)| *other == kind)
    };
    let mut whole: String = text.lines().filter(|line| !replaced(line)).map(|line| format!("{line}\n")).collect();
    let _ = writeln!(whole, "rustc {compiler}");
    for (kind, of, number) in figures {
        let _ = writeln!(whole, "{kind} {of} {number}");
    }
    whole
}

/// The last word of the line that begins so.
fn field<'a>(text: &'a str, kind: &str, of: &str) -> Option<&'a str> {
    let words = |line: &'a str| line.split(' ').collect::<Vec<&'a str>>();
    text.lines().map(words).find_map(|words| match words.as_slice() {
        [first, last] if *first == kind && of.is_empty() => Some(*last),
        [first, second, last] if *first == kind && *second == of => Some(*last),
        _ => None,
    })
}
