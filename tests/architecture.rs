//! The flow of `src/lib.rs`, held: a module uses only what lies before it. Reads the sources as text, so what it says
//! is about lines that somebody wrote, not about what the compiler made of them.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::arithmetic_side_effects)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of the crate in the order of the flow, and what it may use of the others.
const FLOW: &[(&str, &[&str])] = &[
    ("time", &[]),
    ("bounds", &[]),
    ("facts", &["time", "bounds"]),
    ("baseline", &["time", "bounds", "facts"]),
    ("signal", &["time", "bounds", "facts", "baseline"]),
    ("evidence", &["time", "bounds", "signal"]),
    ("score", &["time", "bounds", "signal", "evidence"]),
    ("policy", &["time", "facts", "signal", "score"]),
    // The table's own files (bucket, table, local) use bounds alone.
    ("session", &["time", "bounds", "facts", "baseline", "signal", "evidence", "score"]),
    ("engine", &["time", "facts", "signal", "score", "policy", "session"]),
    ("metrics", &["signal", "policy"]),
    // Headers say why a request was not scored, in the words of the metric.
    ("response", &["facts", "score", "policy", "engine", "metrics"]),
    ("audit", &["time", "facts", "signal", "score", "policy", "engine"]),
    // What is configured is compiled into the types of those who use it: hence `engine`, `response`, `session`.
    ("config", &["time", "bounds", "facts", "signal", "score", "policy", "session", "engine", "response"]),
    ("intake", &["time", "bounds", "facts", "config"]),
    // The trait names what it carries: counters, local replies, the store of the session table.
    ("host", &["time", "session", "metrics", "response"]),
    (
        "root",
        &["time", "bounds", "facts", "signal", "score", "session", "engine", "metrics", "config", "intake", "host"],
    ),
    (
        "admin",
        &["time", "bounds", "facts", "signal", "score", "session", "response", "audit", "intake", "host", "root"],
    ),
    (
        "filter",
        &[
            "admin", "time", "facts", "policy", "engine", "metrics", "config", "response", "audit", "intake", "host",
            "root",
        ],
    ),
    (
        "replay",
        &[
            "time", "bounds", "facts", "signal", "score", "policy", "engine", "config", "intake", "host", "root",
            "session",
        ],
    ),
    ("wasm", &["time", "bounds", "facts", "session", "metrics", "response", "host", "root", "filter"]),
];

/// No file is longer, in lines, but these, which wait to be split and may not grow.
const LONGEST: usize = 500;
const TOO_LONG: &[(&str, usize)] = &[];

/// Files that may name a proxy-wasm SDK or a host call.
const SHELL: &[&str] = &["wasm.rs", "wasm/abi.rs"];
/// The only file with `unsafe`.
const UNSAFE: &str = "wasm/abi.rs";

struct Source {
    /// Path below `src/`, with `/`.
    path: String,
    lines: usize,
    /// Without comments and without tests.
    code: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut left = vec![root.clone()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(source(&root, &path));
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 20, "these are not the sources");
    found
}

fn source(root: &Path, path: &PathBuf) -> Source {
    let text = fs::read_to_string(path).unwrap();
    let parts: Vec<_> = path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap()).collect();
    let tested = text.find("#[cfg(test)]\nmod tests {").or_else(|| text.find("#[cfg(test)]\n#[allow"));
    let code = text.get(..tested.unwrap_or(text.len())).unwrap();
    let code = code.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    Source { path: parts.join("/"), lines: text.lines().count(), code: code.collect::<Vec<_>>().join("\n") }
}

impl Source {
    /// The module that it belongs to; `None` for the crate's root, the binaries and pages of documentation.
    fn module(&self) -> Option<&str> {
        let first = self.path.split('/').next().unwrap();
        let module = first.strip_suffix(".rs").unwrap_or(first);
        let test = self.path.ends_with("tests.rs");
        (!test && !["lib", "bin", "manual"].contains(&module)).then_some(module)
    }

    /// The modules of this crate that it names after `crate::`.
    fn uses(&self) -> BTreeSet<&str> {
        self.names_after("crate::")
    }

    fn names_after(&self, start: &str) -> BTreeSet<&str> {
        self.code
            .match_indices(start)
            .flat_map(|(at, found)| heads(self.code.get(at + found.len()..).unwrap()))
            .collect()
    }

    fn says(&self, word: &str) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(at, _)| {
            let before = self.code.get(..at).unwrap().chars().next_back();
            let after = self.code.get(at + word.len()..).unwrap().chars().next();
            !before.is_some_and(part) && !after.is_some_and(part)
        })
    }
}

/// The first names of a path or of a `{...}` of paths.
fn heads(text: &str) -> Vec<&str> {
    let first = |text: &str| text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    let Some(list) = text.strip_prefix('{') else {
        return vec![text.get(..first(text)).unwrap()];
    };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                let item = list.get(start..at).unwrap().trim_start();
                names.push(item.get(..first(item)).unwrap());
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

fn fail_with(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn a_module_uses_only_what_lies_before_it() {
    let mut problems = Vec::new();
    for source in sources() {
        let Some(module) = source.module() else { continue };
        let Some((_, allowed)) = FLOW.iter().find(|(name, _)| *name == module) else {
            problems.push(format!(
                "src/{}: module `{module}` has no place in the flow (tests/architecture.rs)",
                source.path
            ));
            continue;
        };
        for used in source.uses() {
            if used != module && !allowed.contains(&used) {
                problems.push(format!("src/{}: edge {module} -> {used} is not one of the flow", source.path));
            }
        }
        // As many `super` as the path has parts lead out of the module, past the names that are looked at here.
        let depth = source.path.split('/').count();
        if source.code.contains(&"super::".repeat(depth)) {
            problems.push(format!("src/{}: `super::` leads out of `{module}`; write `crate::`", source.path));
        }
    }
    fail_with(&problems);
}

#[test]
fn the_flow_itself_has_no_way_back_and_nothing_idle() {
    let sources = sources();
    let mut problems = Vec::new();
    for (place, (module, allowed)) in FLOW.iter().enumerate() {
        let used: BTreeSet<_> =
            sources.iter().filter(|source| source.module() == Some(module)).flat_map(Source::uses).collect();
        if !sources.iter().any(|source| source.module() == Some(module)) {
            problems.push(format!("there is no module `{module}`"));
        }
        for other in *allowed {
            if !FLOW.iter().take(place).any(|(before, _)| before == other) {
                problems.push(format!("edge {module} -> {other} leads back"));
            }
            if !used.contains(other) {
                problems.push(format!("edge {module} -> {other} is allowed, but nothing uses it"));
            }
        }
    }
    fail_with(&problems);
}

#[test]
fn the_table_knows_nothing_of_sessions() {
    let mut problems = Vec::new();
    for source in sources() {
        if ["session/bucket.rs", "session/table.rs", "session/local.rs"].contains(&source.path.as_str()) {
            // Of the codec they take the version of its layout.
            let near = ["bucket", "table", "local", "codec"];
            let mut others = source.uses();
            others.remove("bounds");
            others.extend(source.names_after("super::").into_iter().filter(|name| !near.contains(name)));
            problems.extend(others.iter().map(|used| format!("src/{}: edge to {used}", source.path)));
        }
    }
    fail_with(&problems);
}

#[test]
fn only_the_shell_speaks_to_the_host_and_one_file_is_unsafe() {
    let mut problems = Vec::new();
    for source in sources() {
        let shell = SHELL.contains(&source.path.as_str());
        for word in ["proxy_wasm", "extern"] {
            if source.says(word) && !shell {
                problems.push(format!("src/{}: `{word}` belongs into {}", source.path, SHELL.join(" or ")));
            }
        }
        if source.says("unsafe") && source.path != UNSAFE {
            problems.push(format!("src/{}: `unsafe` belongs into {UNSAFE}", source.path));
        }
    }
    fail_with(&problems);
}

#[test]
fn no_file_is_about_more_than_one_thing() {
    let mut problems = Vec::new();
    for source in sources() {
        let known = TOO_LONG.iter().find(|(path, _)| *path == source.path);
        let limit = known.map_or(LONGEST, |(_, lines)| *lines);
        if source.lines > limit {
            problems.push(format!("src/{}: {} lines, at most {limit}", source.path, source.lines));
        }
        if known.is_some() && source.lines <= LONGEST {
            problems.push(format!("src/{}: is short enough now, take it out of TOO_LONG", source.path));
        }
    }
    fail_with(&problems);
}

#[test]
fn every_file_says_what_it_is_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let silent = |source: &Source| !fs::read_to_string(root.join(&source.path)).unwrap().starts_with("//! ");
    let problems: Vec<_> = sources()
        .iter()
        .filter(|source| silent(source))
        .map(|source| format!("src/{}: opens without `//!`", source.path))
        .collect();
    fail_with(&problems);
}
