//! The compiled module as a host meets it, before anything runs: what it asks for, what it offers, how large it is.
//! What it does is tested elsewhere.
#![allow(clippy::arithmetic_side_effects)]
#![cfg(not(target_family = "wasm"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, unreachable_pub, dead_code)]

mod host;

use host::Module;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::OnceLock;

/// All of WASI that the module may import: what every supported host has, and nothing that could block or leak.
const WASI: &[&str] = &["environ_get", "environ_sizes_get", "fd_write", "proc_exit", "clock_time_get", "random_get"];

/// Host calls that the SDK links whether they are used or not. Our own are those that `src/wasm/abi.rs` declares.
const SDK: &[&str] = &[
    "proxy_add_header_map_value",
    "proxy_call_foreign_function",
    "proxy_close_stream",
    "proxy_continue_stream",
    "proxy_dequeue_shared_queue",
    "proxy_done",
    "proxy_enqueue_shared_queue",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_header_map_value",
    "proxy_get_log_level",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_get_status",
    "proxy_grpc_call",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_grpc_send",
    "proxy_grpc_stream",
    "proxy_http_call",
    "proxy_log",
    "proxy_register_shared_queue",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_resolve_shared_queue",
    "proxy_send_local_response",
    "proxy_set_buffer_bytes",
    "proxy_set_effective_context",
    "proxy_set_header_map_pairs",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
];

/// What a host calls. Without one of these, some phase would be missed without a word.
const CALLBACKS: &[&str] = &[
    "memory",
    "_initialize",
    "proxy_abi_version_0_2_1",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_tick",
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_response_headers",
    "proxy_on_log",
    "proxy_on_done",
    "proxy_on_delete",
];

/// The module may have this many bytes: 400 KiB.
const LARGEST: u64 = 400 * 1024;

fn path() -> PathBuf {
    std::env::var_os("SESSION_RISK_WASM").map_or_else(
        || {
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
            let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
            root.join(target).join("wasm32-wasip1/release/session_risk.wasm")
        },
        PathBuf::from,
    )
}

fn module() -> &'static Module {
    static MODULE: OnceLock<Module> = OnceLock::new();
    MODULE.get_or_init(|| match Module::load(path()) {
        Ok(module) => module,
        Err(error) => panic!("no module to check: run `make wasm` first, or set SESSION_RISK_WASM ({error})"),
    })
}

/// The names that the module imports from `namespace`.
fn imports(namespace: &str) -> BTreeSet<String> {
    let names = module().imports();
    names.iter().filter_map(|name| name.strip_prefix(namespace)?.strip_prefix('.')).map(str::to_owned).collect()
}

/// The host calls that `src/wasm/abi.rs` declares.
fn declared() -> BTreeSet<String> {
    let source = include_str!("../src/wasm/abi.rs");
    let names = source.lines().filter_map(|line| line.trim_start().strip_prefix("fn proxy_"));
    let names: BTreeSet<_> = names.map(|rest| format!("proxy_{}", rest.split('(').next().unwrap())).collect();
    assert!(names.contains("proxy_get_shared_data"), "the declarations are not where they were");
    names
}

#[test]
fn it_asks_wasi_only_for_what_every_host_has() {
    let more: Vec<_> =
        imports("wasi_snapshot_preview1").into_iter().filter(|name| !WASI.contains(&name.as_str())).collect();
    assert!(more.is_empty(), "imports from WASI that a supported host may not have: {more:?}");
}

#[test]
fn it_asks_the_host_only_for_calls_of_the_abi_that_we_or_the_sdk_declare() {
    let ours = declared();
    let more: Vec<_> =
        imports("env").into_iter().filter(|name| !ours.contains(name) && !SDK.contains(&name.as_str())).collect();
    assert!(more.is_empty(), "host calls that are neither in src/wasm/abi.rs nor the SDK's: {more:?}");
}

#[test]
fn it_uses_every_host_call_that_it_declares() {
    let linked = imports("env");
    let idle: Vec<_> = declared().into_iter().filter(|name| !linked.contains(name)).collect();
    assert!(idle.is_empty(), "declared in src/wasm/abi.rs and never called: {idle:?}");
}

#[test]
fn it_asks_nobody_else_for_anything() {
    let known = ["env.", "wasi_snapshot_preview1."];
    let more: Vec<_> =
        module().imports().into_iter().filter(|name| !known.iter().any(|prefix| name.starts_with(prefix))).collect();
    assert!(more.is_empty(), "{more:?}");
}

#[test]
fn it_offers_every_callback_that_it_lives_by() {
    let exports = module().exports();
    let missing: Vec<_> = CALLBACKS.iter().filter(|name| !exports.iter().any(|export| export == *name)).collect();
    assert!(missing.is_empty(), "a host would not find {missing:?} among {exports:?}");
    // A host takes the first version that it knows, so there must be one.
    assert_eq!(exports.iter().filter(|name| name.starts_with("proxy_abi_version_")).count(), 1);
}

#[test]
fn it_is_small() {
    module();
    let bytes = std::fs::metadata(path()).unwrap().len();
    assert!(bytes <= LARGEST, "{bytes} bytes, at most {LARGEST}");
}

/// Callbacks with what they take and give: 32-bit numbers only.
const SIGNATURES: &[(&str, usize, usize)] = &[
    ("_initialize", 0, 0),
    ("proxy_on_memory_allocate", 1, 1),
    ("proxy_on_context_create", 2, 0),
    ("proxy_on_vm_start", 2, 1),
    ("proxy_on_configure", 2, 1),
    ("proxy_on_tick", 1, 0),
    ("proxy_on_request_headers", 3, 1),
    ("proxy_on_request_body", 3, 1),
    ("proxy_on_response_headers", 3, 1),
    ("proxy_on_log", 1, 0),
    ("proxy_on_done", 1, 1),
    ("proxy_on_delete", 1, 0),
];

/// Memory of a VM before its first request: a stack of 1 MiB and static data.
const LARGEST_START: u64 = 2 * 1024 * 1024;

/// The module as it was written, without a host around it.
fn bare() -> wasmtime::Module {
    module();
    wasmtime::Module::from_file(&wasmtime::Engine::default(), path()).unwrap()
}

#[test]
fn its_callbacks_have_the_signatures_of_the_abi() {
    let module = bare();
    for (name, params, results) in SIGNATURES {
        let export = module.get_export(name).unwrap_or_else(|| panic!("no `{name}`"));
        let function = export.func().unwrap_or_else(|| panic!("`{name}` is no function"));
        let narrow = function.params().chain(function.results()).all(|ty| matches!(ty, wasmtime::ValType::I32));
        assert!(narrow, "`{name}`: {function:?}");
        assert_eq!((function.params().len(), function.results().len()), (*params, *results), "`{name}`");
    }
}

#[test]
fn it_starts_with_little_memory_and_may_grow() {
    let export = bare().get_export("memory").unwrap();
    let memory = export.memory().unwrap();
    assert!(!memory.is_shared() && !memory.is_64(), "{memory:?}");
    let start = memory.minimum() * memory.page_size();
    assert!(start <= LARGEST_START, "starts with {start} bytes of memory, at most {LARGEST_START}");
    assert_eq!(memory.maximum(), None, "how far it may grow is the gateway's to say");
}
