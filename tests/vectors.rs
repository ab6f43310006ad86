//! Golden vectors: the stored bytes, score, level and action at every step of the stories in `vectors/stories.rs`.
//! They change only when the core is meant to; then `UPDATE_VECTORS=1 cargo test --test vectors` writes them anew, and
//! the difference is there to be read. `wasm_vectors.rs` checks the same files in WebAssembly.
#![cfg(not(target_family = "wasm"))]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::arithmetic_side_effects)]

#[path = "vectors/stories.rs"]
mod stories;

use std::fs;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors").join(name).with_extension("txt")
}

#[test]
fn every_story_goes_as_it_was_written_down() {
    let update = std::env::var_os("UPDATE_VECTORS").is_some();
    for (name, steps) in stories::stories() {
        let told = stories::tell(&steps);
        if update {
            fs::write(file(name), &told).unwrap();
        }
        let kept = fs::read_to_string(file(name)).unwrap_or_default();
        for (told, kept) in told.lines().zip(kept.lines()) {
            assert_eq!(told, kept, "{name}: if this is meant, run UPDATE_VECTORS=1 cargo test --test vectors");
        }
        assert_eq!(told.lines().count(), kept.lines().count(), "{name}: another number of steps");
    }
}

#[test]
fn every_file_has_its_story() {
    let names: Vec<_> = stories::stories().into_iter().map(|(name, _)| name).collect();
    for entry in fs::read_dir(file("x").parent().unwrap()).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        assert!(stem == "stories" || names.contains(&stem), "{} belongs to no story", path.display());
    }
}

/// The scores of a story's last steps say what it is about, so that nobody writes down nonsense as golden.
#[test]
fn the_stories_are_about_what_they_say() {
    let outcomes = |name: &str| -> Vec<(u8, String)> {
        let (_, steps) = stories::stories().into_iter().find(|(other, _)| *other == name).unwrap();
        let told = stories::tell(&steps);
        let lines = told.lines().skip(1).map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            (words.get(1).unwrap().parse().unwrap(), (*words.get(3).unwrap()).to_owned())
        });
        lines.collect()
    };
    let actions = |name: &str| -> Vec<String> { outcomes(name).into_iter().map(|(_, action)| action).collect() };
    assert!(outcomes("honest_phone").iter().all(|(score, action)| *score < 10 && action == "allow"));
    assert_eq!(actions("ci_admin").get(39..).unwrap(), ["allow", "step_up", "step_up", "allow", "allow"]);
    let export = actions("agent_export");
    assert!(export.contains(&"suspend".to_owned()) && export.last().unwrap() == "allow");
    assert_eq!(
        actions("device_lost").get(9..).unwrap(),
        ["allow", "restrict", "restrict", "step_up", "step_up", "allow"]
    );
    let moved = actions("api_key_moved");
    assert_eq!(moved.get(29).unwrap(), "allow");
    assert!(moved.get(30..36).unwrap().iter().all(|action| action != "allow"));
    assert_eq!(moved.last().unwrap(), "allow");
    assert!(outcomes("everything_at_once").iter().any(|(score, action)| *score == 100 && action == "deny"));
}
