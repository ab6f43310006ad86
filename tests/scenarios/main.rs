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
use outcome::{Became, Driver, run};
use std::collections::BTreeSet;

#[test]
fn every_scenario_natively() {
    for scenario in table::all() {
        run(&scenario, &mut native::Native::new(&scenario));
    }
}

#[test]
fn every_scenario_on_the_module_in_envoy_to_the_last_byte() {
    let module = Module::built();
    for scenario in table::all() {
        let native = run(&scenario, &mut native::Native::new(&scenario));
        let envoy = run(&scenario, &mut module::OnHost::new(&scenario, module, Profile::Envoy));
        assert_eq!(native.0, envoy.0, "{}: the same outcomes", scenario.name);
        assert_eq!(native.1, envoy.1, "{}: the same stored bytes", scenario.name);
    }
}

#[test]
fn every_scenario_on_the_module_in_kong() {
    let module = Module::built();
    for scenario in table::all() {
        let native = run(&scenario, &mut native::Native::new(&scenario));
        let kong = run(&scenario, &mut module::OnHost::new(&scenario, module, Profile::Kong));
        assert_eq!(native.0, kong.0, "{}: the same outcomes", scenario.name);
        assert_eq!(native.1, kong.1, "{}: the same stored bytes", scenario.name);
    }
}

#[test]
fn every_scenario_on_a_host_without_shared_data() {
    let module = Module::built();
    for scenario in table::all() {
        run(&scenario, &mut module::OnHost::new(&scenario, module, Profile::Bare));
    }
}

/// What a parser that nobody here wrote makes of a reply's challenge: its parameters, in order.
fn challenge(reply: &Became) -> Option<Vec<(String, String)>> {
    let Became::Replied(_, details, headers, _) = reply else { return None };
    let mut values = headers.iter().filter(|(name, _)| name == "www-authenticate").map(|(_, value)| value);
    let value = values.next()?;
    assert_eq!(values.next(), None, "{details}: one challenge is enough");
    let challenges = http_auth::parse_challenges(value).unwrap_or_else(|error| panic!("{details}: {value}: {error}"));
    let [challenge] = challenges.as_slice() else { panic!("{details}: {value}: {} challenges", challenges.len()) };
    assert_eq!(challenge.scheme, "Bearer", "{details}: {value}");
    let parameters = challenge.params.iter().map(|(name, value)| ((*name).to_owned(), value.to_unescaped()));
    Some(parameters.collect())
}

#[test]
fn a_foreign_parser_reads_every_challenge() {
    let module = Module::built();
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut kinds = BTreeSet::new();
        for scenario in table::all() {
            let mut driver = module::OnHost::new(&scenario, module, profile);
            for step in &scenario.steps {
                let Some(parameters) = challenge(&driver.step(step)) else { continue };
                let names: BTreeSet<_> = parameters.iter().map(|(name, _)| name.as_str()).collect();
                assert_eq!(names.len(), parameters.len(), "{}: a parameter twice in {parameters:?}", scenario.name);
                assert!(!names.is_empty(), "{}: RFC 6750 section 3 asks for at least one", scenario.name);
                let of =
                    |wanted: &str| parameters.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
                let error = of("error").unwrap_or_default();
                match error.as_str() {
                    "insufficient_user_authentication" => {
                        assert_eq!(
                            (of("acr_values").as_deref(), of("max_age").as_deref()),
                            (Some("urn:mfa"), Some("300"))
                        );
                    }
                    "insufficient_scope" => assert!(of("scope").is_some_and(|scope| scope.contains("tools"))),
                    "insufficient_claims" => assert!(of("claims").is_some_and(|claims| !claims.contains('"'))),
                    "invalid_token" | "" => {}
                    other => panic!("{}: error `{other}`", scenario.name),
                }
                kinds.insert((error, of("resource_metadata").is_some()));
            }
        }
        let found: Vec<_> = kinds.iter().map(|(error, metadata)| (error.as_str(), *metadata)).collect();
        let all = [
            ("", false),
            ("", true),
            ("insufficient_claims", false),
            ("insufficient_scope", true),
            ("insufficient_user_authentication", false),
            ("invalid_token", false),
        ];
        assert_eq!(found, all, "{profile:?}");
    }
}
