//! The golden vectors of `vectors.rs` in WebAssembly: the core gives the same bytes there, to the last bit.
//!
//! Runs in Node: `cargo test --target wasm32-unknown-unknown --test wasm_vectors` with
//! `CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER=wasm-bindgen-test-runner` (`make node` sees to both).
#![cfg(all(target_arch = "wasm32", target_os = "unknown"))]
#![allow(unreachable_pub, clippy::unwrap_used, clippy::arithmetic_side_effects)]

#[path = "vectors/stories.rs"]
mod stories;

use wasm_bindgen_test::wasm_bindgen_test;

const KEPT: &[(&str, &str)] = &[
    ("honest_phone", include_str!("vectors/honest_phone.txt")),
    ("ci_admin", include_str!("vectors/ci_admin.txt")),
    ("agent_export", include_str!("vectors/agent_export.txt")),
    ("device_lost", include_str!("vectors/device_lost.txt")),
    ("api_key_moved", include_str!("vectors/api_key_moved.txt")),
    ("everything_at_once", include_str!("vectors/everything_at_once.txt")),
    ("clock_goes_back", include_str!("vectors/clock_goes_back.txt")),
];

#[wasm_bindgen_test]
fn every_story_goes_as_it_was_written_down_natively() {
    let told = stories::stories();
    assert_eq!(told.len(), KEPT.len());
    for ((name, steps), (kept_name, kept)) in told.iter().zip(KEPT) {
        assert_eq!(name, kept_name);
        let told = stories::tell(steps);
        for (told, kept) in told.lines().zip(kept.lines()) {
            assert_eq!(told, kept, "{name}");
        }
        assert_eq!(told.lines().count(), kept.lines().count(), "{name}");
    }
}
