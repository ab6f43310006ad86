//! What a request costs in the compiled module, in fuel of the embedded runtime and in host calls: counts that do not
//! depend on the machine, held against `tests/cost.txt`. Times are measured by `make bench` and `make bench-gateway`.
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]
#![allow(clippy::cast_precision_loss, unreachable_pub, missing_docs)]

mod host;
#[path = "cost/record.rs"]
mod record;
#[path = "cost/requests.rs"]
mod requests;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use host::{Exchange, Gateway, Module, Profile, Request, Response};
use record::{Figure, compare, rewritten};
use requests::{API_KEY, CLAIMS, CONFIG, OWNER, Sent, THIEF};

fn request(sent: Sent, credential: (&str, &str)) -> Request {
    let request = Request::get(sent.path).property(&["source", "address"], sent.address);
    let headers = sent.headers.iter().chain([&credential]);
    headers.fold(request, |request, (name, value)| request.header(name, value))
}

/// Sends the request of a session a hundred times, a minute apart; gives the first exchange and the last.
fn warm(gateway: &mut Gateway, request: &Request) -> (Exchange, Exchange) {
    let mut send = || {
        gateway.advance(60_000);
        gateway.exchange(0, request.clone(), Response::new(200))
    };
    let first = send();
    (first, (0..99).map(|_| send()).last().unwrap())
}

fn measured() -> Vec<Figure> {
    let payload = URL_SAFE_NO_PAD.encode(CLAIMS);
    let token = ("x-jwt-payload", payload.as_str());
    let mut gateway = Gateway::start(Profile::Envoy, Module::built(), CONFIG.as_bytes(), 1).unwrap();
    let (first, warm_key) = warm(&mut gateway, &request(OWNER, API_KEY));
    let (_, warm_token) = warm(&mut gateway, &request(OWNER, token));
    gateway.advance(60_000);
    let suspicious = gateway.exchange(0, request(THIEF, token), Response::new(200));
    // What is measured is what it is called.
    assert_eq!(warm_key.upstream_header("x-session-risk-score").as_deref(), Some("0"));
    assert_eq!(warm_token.upstream_header("x-session-risk-score").as_deref(), Some("0"));
    assert_eq!(suspicious.local_reply().status, 401);
    assert_eq!(gateway.counter("session_risk.table.inserted"), 2);
    let cases = [
        ("first_request", &first),
        ("warm_request", &warm_key),
        ("warm_with_token", &warm_token),
        ("suspicious_request", &suspicious),
    ];
    let calls = cases.iter().map(|(of, exchange)| ("calls", *of, exchange.hostcalls.values().sum()));
    if std::env::var_os("COST_CALLS").is_some() {
        cases.iter().for_each(|(of, exchange)| eprintln!("{of}: {:?}", exchange.hostcalls));
    }
    cases.iter().map(|(of, exchange)| ("fuel", *of, exchange.fuel)).chain(calls).collect()
}

#[test]
fn a_request_costs_no_more_than_recorded() {
    let figures = measured();
    assert_eq!(figures, measured(), "the counts are not the same twice, so they say nothing");
    if let Err(problems) = record::settle(&figures) {
        panic!("\n{problems}\n");
    }
}

#[test]
fn a_figure_may_be_a_twentieth_above_the_record_and_no_more() {
    let text = "# why\nrustc 1.2.3\nfuel warm 1000\n";
    assert!(compare(text, &[("fuel", "warm", 1050)], "1.2.3").is_empty());
    assert_eq!(compare(text, &[("fuel", "warm", 1051)], "1.2.3").len(), 1);
    assert_eq!(compare(text, &[("fuel", "cold", 1)], "1.2.3").len(), 1, "a figure without a record is a problem");
}

#[test]
fn another_compiler_is_given_more_room_and_that_is_said() {
    let text = "rustc 1.2.3\nfuel warm 1000\n";
    assert!(compare(text, &[("fuel", "warm", 1200)], "1.2.4").is_empty());
    let problems = compare(text, &[("fuel", "warm", 1201)], "1.2.4");
    assert!(problems.len() == 1 && problems.iter().all(|problem| problem.contains("another rustc")), "{problems:?}");
}

#[test]
fn a_record_keeps_what_it_does_not_measure_anew() {
    let text = "# why\nrustc 1.2.3\nfuel warm 1000\ninstructions assess 7\n";
    let whole = rewritten(text, &[("fuel", "warm", 900), ("fuel", "cold", 5)], "1.2.4");
    assert_eq!(whole, "# why\ninstructions assess 7\nrustc 1.2.4\nfuel warm 900\nfuel cold 5\n");
}
