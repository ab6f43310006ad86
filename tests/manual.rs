//! What the README and the manual say is what the code does, as far as a program can tell: every example is a
//! configuration, and every list is complete.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use session_risk::{
    config::Config,
    metrics::{Counter, SCORE},
    policy::{ACTIONS, default_rules},
    session::table::Geometry,
    signal::CATALOGUE,
};

const README: &str = include_str!("../README.md");
const SIGNALS: &str = include_str!("../src/manual/signals.md");
const OPERATIONS: &str = include_str!("../src/manual/operations.md");
const MINIMAL: &str = include_str!("../envoy-config/minimal.yaml");

/// The code blocks of a language, as they are indented.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(fence.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn unindented(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_configuration_of_the_readme_can_be_used() {
    let examples = blocks(README, "json");
    assert_eq!(examples.len(), 1);
    for example in examples {
        Config::from_json(example.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_examples_of_the_manual_can_be_used() {
    let examples = [blocks(OPERATIONS, "json"), blocks(SIGNALS, "json")].concat();
    assert!(!examples.is_empty());
    for example in examples {
        Config::from_json(example.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{example}"));
    }
}

#[test]
fn the_filter_in_the_readme_is_that_of_the_minimal_example() {
    let minimal = unindented(MINIMAL);
    let filter = blocks(README, "yaml").into_iter().find(|block| block.contains("session-risk begins")).unwrap();
    let filter = unindented(filter);
    assert!(minimal.windows(filter.len()).any(|window| window == filter), "differs from envoy-config/minimal.yaml");
}

#[test]
fn every_signal_has_its_section_with_its_weight() {
    let sections: Vec<&str> = SIGNALS.split("\n## ").skip(1).collect();
    assert_eq!(sections.len(), CATALOGUE.len());
    for row in CATALOGUE {
        let name = row.name;
        let mut of_kind = sections.iter().filter_map(|section| section.strip_prefix(&format!("{name}\n")));
        let text = of_kind.next().unwrap_or_else(|| panic!("no section on {name}"));
        assert!(text.trim_start().starts_with(&format!("{} points", row.weight)), "{name}");
        for part in ["**Sees**", "**Misses**", "**Tune**"] {
            assert!(text.contains(part), "{name} lacks {part}");
        }
    }
}

#[test]
fn the_default_rules_are_in_the_readme_in_their_order() {
    let table: Vec<(&str, &str)> = README
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            match cells.as_slice() {
                ["", name, _, then, ""] => {
                    let name = name.strip_prefix('`')?.strip_suffix('`')?;
                    let action = then.split(',').next()?;
                    ACTIONS.iter().any(|(_, word)| *word == action).then_some((name, action))
                }
                _ => None,
            }
        })
        .collect();
    let rules = default_rules();
    let expected: Vec<(&str, &str)> = rules.iter().map(|rule| (rule.name.as_str(), rule.then.name())).collect();
    assert_eq!(table, expected);
}

#[test]
fn every_metric_is_in_the_readme() {
    for counter in Counter::all() {
        let name = counter.name();
        // Where a name ends in a word out of a set, the README has the set.
        let known = match counter {
            Counter::Decision(..) => "session_risk.decisions.action.<action>.mode.<enforce\\|shadow>",
            Counter::Signal(_) => "session_risk.signals.kind.<signal>",
            _ => name.as_str(),
        };
        let last = format!("`.{}`", name.rsplit('.').next().unwrap());
        assert!(README.contains(known) || README.contains(&last), "{name}");
    }
    assert!(README.contains(SCORE));
}

#[test]
fn the_memory_of_the_readme_is_that_of_the_default_table() {
    let bytes = Geometry::new(4096, 8).unwrap().memory_bytes();
    assert_eq!(bytes, 9_043_968);
    assert!(README.contains("buckets * (32 + ways * 272)") && README.contains("9,043,968"));
}

#[test]
fn every_link_to_a_file_leads_somewhere() {
    for link in README.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        let file = link.split('#').next().unwrap();
        let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
        assert!(file.is_empty() || file.starts_with("http") || std::path::Path::new(&path).exists(), "{link}");
    }
}
