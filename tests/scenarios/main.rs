//! One table of scenarios, run natively over a host in memory and on the compiled module as Envoy and as Kong run it.
//! Every driver must see the same requests forwarded and refused, with the same headers and the same replies, and leave
//! the same bytes in the session table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]
#![allow(clippy::arithmetic_side_effects, missing_docs)]

#[path = "../host/mod.rs"]
mod host;
mod module;
mod native;
mod table;

use host::{Module, Profile};
use std::collections::BTreeMap;
use table::{Scenario, Step};

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// The upstream saw it, with these headers of ours.
    Forwarded(BTreeMap<String, String>),
    /// It was answered: status, details, headers, body.
    Replied(u16, String, Vec<(String, String)>, String),
}

/// Runs requests through one build of the filter.
pub trait Driver {
    fn step(&mut self, step: &Step) -> Became;
    /// Every bucket of the table that is not empty.
    fn table(&self) -> BTreeMap<Vec<u8>, Vec<u8>>;
}

fn run(scenario: &Scenario, driver: &mut dyn Driver) -> (Vec<Became>, BTreeMap<Vec<u8>, Vec<u8>>) {
    let mut all = Vec::new();
    for (number, step) in scenario.steps.iter().enumerate() {
        let became = driver.step(step);
        let story = format!("{}, step {number}: {} {}", scenario.name, step.method, step.path);
        check(&story, step, &became);
        all.push(became);
    }
    (all, driver.table())
}

fn check(story: &str, step: &Step, became: &Became) {
    let Some(expected) = &step.expected else { return };
    match became {
        Became::Forwarded(headers) => {
            assert_eq!(expected.status, None, "{story}: was forwarded with {headers:?}");
            let action = headers.get("x-session-risk-action").map(String::as_str);
            assert_eq!(action, expected.action, "{story}: {headers:?}");
            assert_eq!(headers.get("x-session-risk-would").map(String::as_str), expected.would, "{story}: {headers:?}");
            let reasons = headers.get("x-session-risk-reasons").cloned().unwrap_or_default();
            for reason in &expected.reasons {
                assert!(reasons.split(',').any(|found| found == *reason), "{story}: no {reason} in `{reasons}`");
            }
        }
        Became::Replied(status, details, headers, body) => {
            assert_eq!(Some(*status), expected.status, "{story}: {details}");
            let action = expected.action.unwrap_or_default();
            assert_eq!(*details, format!("session_risk_{action}"), "{story}");
            for text in &expected.says {
                let found = body.contains(text) || headers.iter().any(|(_, value)| value.contains(text));
                assert!(found, "{story}: no `{text}` in {headers:?} {body}");
            }
        }
    }
}

fn module_under_test() -> Module {
    let target =
        std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/target").into());
    let default = format!("{target}/wasm32-wasip1/release/session_risk.wasm");
    let path = std::env::var("SESSION_RISK_WASM").unwrap_or(default);
    Module::load(&path).unwrap_or_else(|error| panic!("no module at {path} ({error}); run `make wasm`"))
}

#[test]
fn every_scenario_natively() {
    for scenario in table::all() {
        run(&scenario, &mut native::Native::new(&scenario));
    }
}

#[test]
fn every_scenario_on_the_module_in_envoy_to_the_last_byte() {
    let module = module_under_test();
    for scenario in table::all() {
        let native = run(&scenario, &mut native::Native::new(&scenario));
        let envoy = run(&scenario, &mut module::OnHost::new(&scenario, &module, Profile::Envoy));
        assert_eq!(native.0, envoy.0, "{}: the same outcomes", scenario.name);
        assert_eq!(native.1, envoy.1, "{}: the same stored bytes", scenario.name);
    }
}

#[test]
fn every_scenario_on_the_module_in_kong() {
    let module = module_under_test();
    for scenario in table::all() {
        let native = run(&scenario, &mut native::Native::new(&scenario));
        let kong = run(&scenario, &mut module::OnHost::new(&scenario, &module, Profile::Kong));
        assert_eq!(native.0, kong.0, "{}: the same outcomes", scenario.name);
        assert_eq!(native.1, kong.1, "{}: the same stored bytes", scenario.name);
    }
}

#[test]
fn every_scenario_on_a_host_without_shared_data() {
    let module = module_under_test();
    for scenario in table::all() {
        run(&scenario, &mut module::OnHost::new(&scenario, &module, Profile::Bare));
    }
}
