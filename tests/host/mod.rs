//! An embedded proxy-wasm host: runs the compiled filter as Envoy, Kong or a bare host would, with
//! a clock, shared data and faults in the test's hands. It is not a gateway: no sockets, no other
//! filters, no routing; properties are what the test says they are.
//!
//! ```ignore
//! let module = Module::load("target/wasm32-wasip1/release/session_risk.wasm")?;
//! let mut gateway = Gateway::start(Profile::Envoy, &module, config, 2)?;
//! let exchange = gateway.request(0, Request::get("/").header("cookie", "session=1"));
//! assert_eq!(exchange.upstream_header("x-session-risk-level").as_deref(), Some("low"));
//! ```
//! Workers run one after the other: what interleaves is what the test interleaves. Envoy's
//! main-thread VM, which ticks but serves nothing, is one worker more.
#![allow(dead_code, unreachable_pub, missing_docs, unused_imports)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]
#![allow(clippy::cast_possible_wrap, clippy::cast_sign_loss)]

mod abi;
mod call;
mod http;
mod module;
mod process;
mod services;
mod stream;
mod traffic;
mod vm;
mod wasi;

pub use abi::{Pairs, Profile, find, status};
pub use module::Module;
pub use process::{Log, Metric, When};
pub use traffic::{CallResponse, Exchange, HttpCall, LocalReply, Outcome, Request, Response};
pub use vm::{Options, Spent};

use process::Process;
use std::{cell::RefCell, collections::BTreeMap, fmt, rc::Rc};
use vm::Vm;

/// Why a gateway did not start, or refused a configuration, and what was logged until then.
#[derive(Clone, Debug)]
pub struct StartError {
    pub reason: String,
    pub logs: Vec<Log>,
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let logs = self.logs.iter().map(|log| log.text.as_str());
        let lines: Vec<&str> = std::iter::once(self.reason.as_str()).chain(logs).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for StartError {}

/// A request that is still open. It belongs to the VM that took it, also after a reload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId {
    vm: usize,
    context: u32,
}

/// One gateway process.
pub struct Gateway {
    profile: Profile,
    module: Module,
    options: Rc<Options>,
    configuration: Vec<u8>,
    process: Rc<RefCell<Process>>,
    /// Every VM ever started; those that were replaced still hold their open streams.
    vms: Vec<Vm>,
    /// The VM of each worker.
    workers: Vec<usize>,
}

impl Gateway {
    pub fn start(
        profile: Profile,
        module: &Module,
        configuration: &[u8],
        workers: usize,
    ) -> Result<Gateway, StartError> {
        let options = Options { workers, ..Options::default() };
        Gateway::start_with(profile, module, configuration, options)
    }

    pub fn start_with(
        profile: Profile,
        module: &Module,
        configuration: &[u8],
        options: Options,
    ) -> Result<Gateway, StartError> {
        let now_ms = options.now_ms;
        let process = Process { profile, now_ms, ..Process::default() };
        let mut gateway = Gateway {
            profile,
            module: module.clone(),
            options: Rc::new(options),
            configuration: configuration.to_vec(),
            process: Rc::new(RefCell::new(process)),
            vms: Vec::new(),
            workers: Vec::new(),
        };
        gateway.canary(configuration)?;
        for worker in 0..gateway.options.workers {
            gateway.reload(worker)?;
        }
        Ok(gateway)
    }

    /// Envoy tries a configuration in a VM that it then throws away.
    fn canary(&self, configuration: &[u8]) -> Result<(), StartError> {
        if self.profile == Profile::Envoy {
            self.vm(None, configuration)?;
        }
        Ok(())
    }

    fn vm(&self, worker: Option<usize>, configuration: &[u8]) -> Result<Vm, StartError> {
        let (options, process) = (&self.options, &self.process);
        Vm::start(&self.module, self.profile, options, process, worker, configuration)
            .map_err(|reason| self.refused(reason))
    }

    fn refused(&self, reason: String) -> StartError {
        StartError { reason, logs: self.logs() }
    }

    /// Gives the worker a new VM. What is shared stays.
    pub fn reload(&mut self, worker: usize) -> Result<(), StartError> {
        let vm = self.vm(Some(worker), &self.configuration)?;
        self.vms.push(vm);
        match self.workers.get_mut(worker) {
            Some(current) => *current = self.vms.len() - 1,
            None => self.workers.push(self.vms.len() - 1),
        }
        Ok(())
    }

    /// A new configuration: in Envoy a new root context in each VM that lives, beside the old one
    /// until [`drain`](Gateway::drain); elsewhere new VMs. Refused: the old one keeps serving.
    pub fn reconfigure(&mut self, configuration: &[u8]) -> Result<(), StartError> {
        self.canary(configuration)?;
        let envoy = self.profile == Profile::Envoy;
        let old = std::mem::replace(&mut self.configuration, configuration.to_vec());
        for worker in 0..self.workers.len() {
            let vm = self.current(worker);
            let result = if envoy && vm.dead.is_none() {
                let configured = vm.configure(configuration, false);
                configured.map_err(|reason| self.refused(reason))
            } else {
                self.reload(worker)
            };
            if result.is_err() {
                self.configuration = old;
                return result;
            }
        }
        Ok(())
    }

    /// Ends what earlier configurations left behind in the worker.
    pub fn drain(&mut self, worker: usize) -> Result<(), String> {
        self.current(worker).drain()
    }

    /// A whole exchange; the upstream answers 200.
    pub fn request(&mut self, worker: usize, request: Request) -> Exchange {
        self.exchange(worker, request, Response::new(200))
    }

    pub fn exchange(&mut self, worker: usize, request: Request, response: Response) -> Exchange {
        let stream = self.open(worker, request);
        self.respond(stream, response);
        self.close(stream)
    }

    /// The request callbacks, as far as they go.
    pub fn open(&mut self, worker: usize, request: Request) -> StreamId {
        self.revive(worker);
        let context = self.current(worker).open(request);
        StreamId { vm: self.workers[worker], context }
    }

    /// The upstream's answer; without effect on what was not forwarded.
    pub fn respond(&mut self, stream: StreamId, response: Response) {
        self.vms[stream.vm].respond(stream.context, response);
    }

    /// The end of the stream: its log, done and delete callbacks.
    pub fn close(&mut self, stream: StreamId) -> Exchange {
        self.vms[stream.vm].close(stream.context)
    }

    /// on_tick in all root contexts of the worker that have asked for ticks.
    pub fn tick(&mut self, worker: usize) -> Result<Spent, String> {
        self.revive(worker);
        self.current(worker).tick()
    }

    /// The tick period that the worker's newest root context asked for; `None`: no ticks.
    pub fn tick_period_ms(&mut self, worker: usize) -> Option<u32> {
        let vm = self.current(worker);
        vm.store.data().roots.get(&vm.root).copied().filter(|period| *period > 0)
    }

    /// The calls of the worker that wait for an answer, oldest first.
    pub fn pending_calls(&mut self, worker: usize) -> Vec<HttpCall> {
        self.current(worker).store.data().http_calls.values().cloned().collect()
    }

    pub fn answer_call(&mut self, worker: usize, token: u32, response: CallResponse) -> Result<(), String> {
        self.current(worker).answer(token, response)
    }

    /// Why the worker's VM is dead.
    pub fn dead(&mut self, worker: usize) -> Option<String> {
        self.current(worker).dead.clone()
    }

    fn current(&mut self, worker: usize) -> &mut Vm {
        &mut self.vms[self.workers[worker]]
    }

    /// ngx_wasm_module replaces an instance that has trapped when it is next needed; Envoy leaves
    /// it dead ([`reload`](Gateway::reload) is what FAIL_RELOAD does).
    fn revive(&mut self, worker: usize) {
        if self.profile == Profile::Kong && self.current(worker).dead.is_some() {
            drop(self.reload(worker));
        }
    }

    pub fn now_ms(&self) -> u64 {
        self.process.borrow().now_ms
    }

    /// Sets the clock: milliseconds since 1970.
    pub fn at(&mut self, ms: u64) {
        self.process.borrow_mut().now_ms = ms;
    }

    pub fn advance(&mut self, ms: u64) {
        self.process.borrow_mut().now_ms += ms;
    }

    pub fn metric(&self, name: &str) -> Option<Metric> {
        self.metrics().into_iter().find(|(other, _)| other == name).map(|(_, metric)| metric)
    }

    /// A counter's value; 0 if nobody has defined it.
    pub fn counter(&self, name: &str) -> u64 {
        match self.metric(name) {
            Some(Metric::Counter(value)) => value,
            None => 0,
            Some(other) => panic!("`{name}` is not a counter: {other:?}"),
        }
    }

    /// All metrics, in the order of their definition.
    pub fn metrics(&self) -> Vec<(String, Metric)> {
        self.process.borrow().metrics.clone()
    }

    pub fn logs(&self) -> Vec<Log> {
        self.process.borrow().logs.clone()
    }

    /// How often which host function was called since the start, by all VMs.
    pub fn hostcalls(&self) -> BTreeMap<&'static str, u64> {
        self.process.borrow().hostcalls.clone()
    }

    /// Key, value and CAS number of everything shared.
    pub fn shared_data(&self) -> BTreeMap<Vec<u8>, (Vec<u8>, u32)> {
        let process = self.process.borrow();
        process.shared.values().map(|e| (e.key.clone(), (e.value.clone(), e.cas))).collect()
    }

    /// Changes a shared value in place, as a foreign writer or a bit error would; a key that is
    /// absent starts empty.
    pub fn edit_shared(&mut self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        self.process.borrow_mut().edit(key, change);
    }

    /// Removes a shared value: nginx's eviction.
    pub fn evict_shared(&mut self, key: &[u8]) {
        self.process.borrow_mut().evict(key);
    }

    /// Another worker gets ahead of the next `times` writes of keys that exist.
    pub fn lose_cas(&mut self, times: u64) {
        self.process.borrow_mut().rival_writes = times;
    }

    /// Makes `hostcall` (for example `proxy_get_property`) return `status` without doing anything.
    pub fn fail(&mut self, hostcall: &str, when: When, status: u32) {
        self.process.borrow_mut().fail(hostcall, when, status);
    }

    /// Ends all faults.
    pub fn heal(&mut self) {
        self.process.borrow_mut().heal();
    }
}
