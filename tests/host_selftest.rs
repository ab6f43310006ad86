//! The embedded host (`tests/host`) against a tiny filter in text form: what each gateway does
//! with it. The real filter's tests rest on this.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod host;

use host::{CallResponse, Gateway, Metric, Module, Options, Outcome, Profile, Request, Response, When, status};
use std::sync::OnceLock;

const TINY: &str = include_str!("host/tiny.wat");

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| Module::compile(&wat::parse_str(TINY).unwrap()).unwrap())
}

fn gateway(profile: Profile) -> Gateway {
    Gateway::start(profile, module(), b"-", 1).unwrap()
}

fn act(what: &str) -> Request {
    Request::get("/").header("x-do", what)
}

/// What the filter answered to `what`, as the upstream saw it.
fn answer(gateway: &mut Gateway, what: &str) -> Option<String> {
    gateway.request(0, act(what)).upstream_header("x-answer")
}

fn is(digit: u32) -> Option<String> {
    Some(digit.to_string())
}

#[test]
fn a_refused_configuration_fails_the_start_with_the_log() {
    let error = Gateway::start(Profile::Envoy, module(), b"n", 1).err().unwrap();
    assert_eq!(error.to_string(), "on_configure returned false\nbecause");
}

#[test]
fn a_trap_in_configure_fails_the_start() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let error = Gateway::start(profile, module(), b"x", 1).err().unwrap();
        assert!(error.reason.starts_with("trap in proxy_on_configure"), "{error}");
    }
}

#[test]
fn a_refused_reconfiguration_leaves_the_old_one_serving() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = gateway(profile);
        assert!(gateway.reconfigure(b"n").is_err());
        assert_eq!(answer(&mut gateway, "w"), is(0), "{profile:?}");
    }
}

#[test]
fn an_import_that_no_gateway_has_fails_the_start_with_its_name() {
    let import = r#"(module (import "wasi_snapshot_preview1" "fd_read" (func (param i32))))"#;
    let module = Module::compile(&wat::parse_str(import).unwrap()).unwrap();
    assert_eq!(module.imports(), ["wasi_snapshot_preview1.fd_read"]);
    let error = Gateway::start(Profile::Envoy, &module, b"", 1).err().unwrap();
    assert!(error.reason.contains("fd_read"), "{error}");
}

#[test]
fn header_pairs_carry_the_pseudo_headers_and_kong_cuts_them_at_a_hundred() {
    for profile in [Profile::Envoy, Profile::Kong] {
        assert_eq!(answer(&mut gateway(profile), "n"), is(5));
    }
    let many = (0..120).fold(act("n"), |request, n| request.header(&format!("x-{n}"), "1"));
    let seen = |profile| gateway(profile).request(0, many.clone()).upstream_header("x-answer");
    let digit = |count: u8| Some(String::from_utf8_lossy(&[b'0' + count]).into_owned());
    assert_eq!(seen(Profile::Kong), digit(100));
    assert_eq!(seen(Profile::Envoy), digit(125));
}

#[test]
fn envoy_joins_copies_of_inline_headers_and_lowers_names() {
    let twice = act("-").header("Authorization", "a").header("AUTHORIZATION", "b").header("Cookie", "c");
    let Outcome::Forwarded { headers, .. } = gateway(Profile::Envoy).request(0, twice).outcome else {
        panic!("not forwarded");
    };
    let names: Vec<String> = headers.iter().map(|(name, _)| String::from_utf8_lossy(name).into()).collect();
    assert_eq!(names[4..], ["x-do", "authorization", "cookie"]);
    assert_eq!(headers[5].1, b"a,b");
}

#[test]
fn end_of_stream_is_told_in_headers_by_envoy_only() {
    assert_eq!(answer(&mut gateway(Profile::Envoy), "e"), is(1));
    assert_eq!(answer(&mut gateway(Profile::Kong), "e"), is(0));
}

#[test]
fn an_unconditional_second_write_succeeds_in_envoy_and_mismatches_in_kong() {
    for (profile, second) in
        [(Profile::Envoy, status::OK), (Profile::Kong, status::CAS_MISMATCH), (Profile::Bare, status::UNIMPLEMENTED)]
    {
        let mut gateway = gateway(profile);
        let first = if profile == Profile::Bare { status::UNIMPLEMENTED } else { status::OK };
        let written = |gateway: &mut Gateway| {
            let char = answer(gateway, "w").unwrap().into_bytes()[0];
            u32::from(char - b'0')
        };
        assert_eq!(written(&mut gateway), first, "{profile:?}");
        assert_eq!(written(&mut gateway), second, "{profile:?}");
    }
}

#[test]
fn a_lost_compare_and_swap_is_a_mismatch_once() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = gateway(profile);
        assert_eq!(answer(&mut gateway, "u"), is(0));
        gateway.lose_cas(1);
        assert_eq!(answer(&mut gateway, "u"), is(status::CAS_MISMATCH));
        assert_eq!(answer(&mut gateway, "u"), is(0));
        assert_eq!(gateway.shared_data()[b"key".as_slice()].0, b"value");
    }
}

#[test]
fn a_null_value_deletes_in_kong_only() {
    for (profile, left) in [(Profile::Envoy, 1), (Profile::Kong, 0)] {
        let mut gateway = gateway(profile);
        answer(&mut gateway, "w");
        assert_eq!(answer(&mut gateway, "d"), is(0));
        assert_eq!(gateway.shared_data().len(), left, "{profile:?}");
    }
}

#[test]
fn kong_takes_keys_with_one_crc32_for_one_key() {
    let mut gateway = gateway(Profile::Kong);
    gateway.edit_shared(b"plumless", |value| value.push(1));
    gateway.edit_shared(b"buckeroo", |value| value.push(2));
    assert_eq!(gateway.shared_data().into_values().collect::<Vec<_>>(), [(vec![1, 2], 2)]);
}

#[test]
fn a_missing_zone_traps_in_kong() {
    let options = Options { shm_zone: false, ..Options::default() };
    let mut gateway = Gateway::start_with(Profile::Kong, module(), b"-", options).unwrap();
    let Outcome::Trapped(why) = gateway.request(0, act("w")).outcome else { panic!("no trap") };
    assert!(why.contains("shm_kv"), "{why}");
}

#[test]
fn a_local_reply_passes_the_response_callbacks() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let exchange = gateway(profile).request(0, act("r"));
        let reply = exchange.local_reply();
        assert_eq!((reply.status, reply.details.as_str(), reply.body.as_slice()), (403, "because", b"no".as_slice()));
        assert_eq!(exchange.response_header(":status").as_deref(), Some("403"));
        assert_eq!(exchange.response_header("x-answer"), is(0));
    }
}

#[test]
fn envoy_takes_the_request_headers_away_once_they_have_gone_on() {
    let answered = |profile| gateway(profile).request(0, act("-")).response_header("x-answer");
    assert_eq!(answered(Profile::Envoy), is(status::BAD_ARGUMENT));
    assert_eq!(answered(Profile::Kong), is(0));
}

#[test]
fn a_trap_kills_envoys_worker_until_it_is_reloaded_and_shared_data_survives() {
    let mut gateway = Gateway::start(Profile::Envoy, module(), b"-", 2).unwrap();
    answer(&mut gateway, "w");
    assert!(matches!(gateway.request(0, act("x")).outcome, Outcome::Trapped(_)));
    assert_eq!(gateway.request(0, act("-")).outcome, Outcome::Unavailable);
    assert!(gateway.request(1, act("-")).is_forwarded());
    gateway.reload(0).unwrap();
    assert!(gateway.request(0, act("-")).is_forwarded());
    assert_eq!(gateway.shared_data().len(), 1);
}

#[test]
fn a_new_configuration_replaces_a_dead_vm() {
    let mut gateway = gateway(Profile::Envoy);
    gateway.request(0, act("x"));
    assert!(gateway.dead(0).unwrap().contains("unreachable"));
    gateway.reconfigure(b"-").unwrap();
    assert!(gateway.request(0, act("-")).is_forwarded());
}

#[test]
fn a_trap_strands_paused_streams_and_kong_takes_a_new_instance() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = gateway(profile);
        let paused = gateway.open(0, act("h"));
        assert!(matches!(gateway.request(0, act("x")).outcome, Outcome::Trapped(_)));
        assert_eq!(gateway.close(paused).outcome, Outcome::Hung);
        assert_eq!(gateway.request(0, act("-")).is_forwarded(), profile == Profile::Kong);
    }
}

#[test]
fn a_callback_without_end_runs_out_of_fuel() {
    let options = Options { fuel_limit: 100_000, ..Options::default() };
    let mut gateway = Gateway::start_with(Profile::Envoy, module(), b"-", options).unwrap();
    let exchange = gateway.request(0, act("l"));
    assert!(matches!(exchange.outcome, Outcome::Trapped(_)));
    assert!(exchange.fuel >= 100_000);
}

#[test]
fn envoy_holds_the_headers_until_the_filter_has_seen_the_body() {
    let post = || Request::post("/", "eight by").header("x-do", "b");
    let options = Options { body_chunk: 3, ..Options::default() };
    let mut gateway = Gateway::start_with(Profile::Envoy, module(), b"-", options.clone()).unwrap();
    let exchange = gateway.request(0, post());
    assert_eq!(exchange.upstream_header("x-answer"), is(8));
    assert!(matches!(exchange.outcome, Outcome::Forwarded { body, .. } if body == b"eight by"));
    assert!(gateway.request(0, act("b")).is_forwarded(), "a request without body is not held");

    let options = Options { headers_stop_iteration: false, ..options };
    let mut gateway = Gateway::start_with(Profile::Envoy, module(), b"-", options).unwrap();
    assert_eq!(gateway.request(0, post()).outcome, Outcome::Hung);
}

#[test]
fn a_held_body_above_the_buffer_limit_is_a_413() {
    let options = Options { buffer_limit: 4, ..Options::default() };
    let mut gateway = Gateway::start_with(Profile::Envoy, module(), b"-", options).unwrap();
    let exchange = gateway.request(0, Request::post("/", "12345").header("x-do", "b"));
    assert_eq!(exchange.local_reply().status, 413);
    assert!(gateway.request(0, Request::post("/", "12345").header("x-do", "-")).is_forwarded());
}

#[test]
fn kong_shows_the_body_only_if_the_headers_were_not_held() {
    let mut gateway = gateway(Profile::Kong);
    let hold = Request::post("/", "body").header("x-do", "b");
    assert_eq!(gateway.request(0, hold).outcome, Outcome::Hung);
    let exchange = gateway.request(0, Request::post("/", "body").header("x-do", "-"));
    assert!(matches!(exchange.outcome, Outcome::Forwarded { body, .. } if body == b"body"));
}

#[test]
fn a_paused_stream_goes_on_when_its_call_is_answered_and_others_pass_it() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = gateway(profile);
        let waiting = gateway.open(0, act("h"));
        assert!(gateway.request(0, act("-")).is_forwarded());
        let calls = gateway.pending_calls(0);
        assert_eq!((calls[0].upstream.as_str(), calls[0].timeout_ms), ("because", 50));
        gateway.answer_call(0, calls[0].token, CallResponse::new(200, b"")).unwrap();
        gateway.respond(waiting, Response::new(204));
        let exchange = gateway.close(waiting);
        assert_eq!(exchange.upstream_header("x-answer"), is(1), "{profile:?}");
        assert_eq!(exchange.response_header(":status").as_deref(), Some("204"));
        assert!(gateway.pending_calls(0).is_empty());
    }
}

#[test]
fn a_trap_in_a_call_response_hangs_the_stream_in_envoy_and_fails_it_in_kong() {
    for profile in [Profile::Envoy, Profile::Kong] {
        let mut gateway = gateway(profile);
        let waiting = gateway.open(0, act("h"));
        let token = gateway.pending_calls(0)[0].token;
        assert!(gateway.answer_call(0, token, CallResponse::broken()).is_err());
        assert_eq!(matches!(gateway.close(waiting).outcome, Outcome::Trapped(_)), profile == Profile::Kong);
    }
}

#[test]
fn a_pause_that_nothing_ends_hangs() {
    assert_eq!(gateway(Profile::Envoy).request(0, act("p")).outcome, Outcome::Hung);
}

#[test]
fn ticks_run_if_asked_for_and_in_envoys_old_root_too() {
    let mut gateway = Gateway::start(Profile::Envoy, module(), b"t", 1).unwrap();
    assert_eq!(gateway.tick_period_ms(0), Some(100));
    let ticks = |gateway: &mut Gateway| gateway.tick(0).unwrap().hostcalls["proxy_set_shared_data"];
    assert_eq!(ticks(&mut gateway), 1);
    gateway.reconfigure(b"t").unwrap();
    assert_eq!(ticks(&mut gateway), 2);
    gateway.drain(0).unwrap();
    assert_eq!(ticks(&mut gateway), 1);
    assert_eq!(gateway.shared_data()[b"flag".as_slice()].0, b"value");
    gateway.reconfigure(b"-").unwrap();
    assert_eq!(gateway.tick_period_ms(0), None);
}

#[test]
fn a_second_tick_period_traps_in_kong() {
    assert!(Gateway::start(Profile::Envoy, module(), b"T", 1).is_ok());
    let error = Gateway::start(Profile::Kong, module(), b"T", 1).err().unwrap();
    assert!(error.reason.contains("tick_period already set"), "{error}");
}

#[test]
fn kong_traps_on_what_it_lacks() {
    for (what, envoy) in [("v", 0), ("m", 0)] {
        assert_eq!(answer(&mut gateway(Profile::Envoy), what), is(envoy), "{what}");
        let outcome = gateway(Profile::Kong).request(0, act(what)).outcome;
        assert!(matches!(outcome, Outcome::Trapped(_)), "{what}: {outcome:?}");
    }
}

#[test]
fn metrics_are_shared_by_the_workers() {
    let mut gateway = Gateway::start(Profile::Envoy, module(), b"-", 2).unwrap();
    gateway.request(0, act("m"));
    gateway.request(1, act("m"));
    assert_eq!(gateway.metric("requests"), Some(Metric::Gauge(4)));
    assert_eq!(gateway.counter("other"), 0);
}

#[test]
fn the_client_address_has_its_port_in_envoy_only() {
    let request = || act("a").property(&["source", "address"], "1.2.3.4:5");
    let length = |profile| gateway(profile).request(0, request()).upstream_header("x-answer");
    assert_eq!((length(Profile::Envoy), length(Profile::Kong)), (is(9), is(7)));
}

#[test]
fn filter_state_is_envoys_and_not_found_in_kong() {
    let exchange = gateway(Profile::Envoy).request(0, act("f"));
    assert_eq!(exchange.state("flag").as_deref(), Some("value"));
    assert_eq!(answer(&mut gateway(Profile::Kong), "f"), is(status::NOT_FOUND));
}

#[test]
fn a_fault_hits_the_calls_it_was_set_for_and_ends() {
    let mut gateway = gateway(Profile::Envoy);
    gateway.fail("proxy_set_shared_data", When::Nth(2), 3);
    let answers: Vec<_> = (0..3).map(|_| answer(&mut gateway, "w")).collect();
    assert_eq!(answers, [is(0), is(3), is(0)]);
    gateway.fail("proxy_set_shared_data", When::Every, 3);
    assert_eq!(answer(&mut gateway, "w"), is(3));
    gateway.heal();
    assert_eq!(answer(&mut gateway, "w"), is(0));
}

#[test]
fn an_exchange_counts_its_own_calls_and_costs_the_same_twice() {
    let mut gateway = gateway(Profile::Envoy);
    let first = gateway.request(0, act("n"));
    let second = gateway.request(0, act("n"));
    assert_eq!(first.hostcalls["proxy_get_header_map_pairs"], 1);
    assert_eq!((first.hostcalls, first.fuel), (second.hostcalls, second.fuel));
    assert!(first.fuel > 0);
}
