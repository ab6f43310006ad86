//! One table of scenarios, run natively over a host in memory and on the compiled module as Envoy and as Kong run it.
//! Every driver must see the same requests forwarded and refused, with the same headers and the same replies, and leave
//! the same bytes in the session table.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub)]
#![allow(clippy::arithmetic_side_effects, missing_docs)]

#[path = "../host/mod.rs"]
mod host;
mod module;
mod native;
mod outcome;
mod table;

use host::{Module, Profile};
use outcome::run;

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
