//! One VM: a module instance with its contexts, and the way into its callbacks. How a request
//! moves through the callbacks is `stream.rs`; what the module may ask for is `call.rs`.

use super::abi::{Phase, Profile};
use super::module::Module;
use super::process::{Log, Process};
use super::stream::Stream;
use super::traffic::{CallResponse, HttpCall};
use std::{cell::RefCell, collections::BTreeMap, rc::Rc};
use wasmtime::{Instance, Memory, Store, TypedFunc, WasmParams, WasmResults};

/// How the gateway is set up. `Options::default()` is what the example configurations use.
#[derive(Clone, Debug)]
pub struct Options {
    pub workers: usize,
    /// Envoy's `allow_on_headers_stop_iteration`: without it a pause in the request headers holds
    /// the body back too.
    pub headers_stop_iteration: bool,
    /// Kong: whether `shm_kv *` is configured; a missing zone traps.
    pub shm_zone: bool,
    /// Bytes of request body that arrive at once in Envoy; Kong waits for the whole body.
    pub body_chunk: usize,
    /// Envoy's `per_connection_buffer_limit_bytes`; a longer body that is held gets a 413.
    pub buffer_limit: usize,
    /// Fuel for one callback; running out is a trap.
    pub fuel_limit: u64,
    /// The wall clock at the start, milliseconds since 1970.
    pub now_ms: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            workers: 1,
            headers_stop_iteration: true,
            shm_zone: true,
            body_chunk: 16 * 1024,
            buffer_limit: 1024 * 1024,
            fuel_limit: 5_000_000_000,
            now_ms: 1_800_000_000_000,
        }
    }
}

/// What the module did in some stretch of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub fuel: u64,
    pub hostcalls: BTreeMap<&'static str, u64>,
}

impl Spent {
    pub(super) fn add(&mut self, other: Spent) {
        self.fuel += other.fuel;
        for (name, count) in other.hostcalls {
            *self.hostcalls.entry(name).or_default() += count;
        }
    }
}

#[derive(Default)]
pub(super) struct State {
    pub(super) profile: Profile,
    pub(super) options: Rc<Options>,
    pub(super) process: Rc<RefCell<Process>>,
    pub(super) worker: Option<usize>,
    pub(super) phase: Phase,
    /// The context that was called, or that `proxy_set_effective_context` has put in its place.
    pub(super) context: u32,
    pub(super) configuration: Rc<[u8]>,
    /// Root contexts and their tick periods in milliseconds; 0: no ticks.
    pub(super) roots: BTreeMap<u32, u32>,
    pub(super) streams: BTreeMap<u32, Stream>,
    pub(super) http_calls: BTreeMap<u32, HttpCall>,
    pub(super) next_call: u32,
    pub(super) answer: Option<CallResponse>,
    pub(super) random: u64,
    pub(super) spent: Spent,
    pub(super) memory: Option<Memory>,
    pub(super) allocate: Option<TypedFunc<u32, u32>>,
}

impl State {
    pub(super) fn now_ns(&self) -> u64 {
        self.process.borrow().now_ms * 1_000_000
    }

    pub(super) fn log(&self, level: u32, text: &str) {
        let log = Log { worker: self.worker, level, text: text.to_owned() };
        self.process.borrow_mut().logs.push(log);
    }

    /// Counts a host call; `Some` status if a test wants it to fail.
    pub(super) fn enter(&mut self, hostcall: &'static str) -> Option<u32> {
        *self.spent.hostcalls.entry(hostcall).or_default() += 1;
        self.process.borrow_mut().enter(hostcall)
    }

    /// The stream that the current call is about; none in a root context.
    pub(super) fn stream(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.context)
    }
}

pub(super) struct Vm {
    pub(super) store: Store<State>,
    instance: Instance,
    /// Why the VM is dead: nothing runs in it any more.
    pub(super) dead: Option<String>,
    /// The root context of new streams.
    pub(super) root: u32,
    next_context: u32,
}

impl Vm {
    /// Instantiates, and runs vm_start and configure in a first root context.
    pub(super) fn start(
        module: &Module,
        profile: Profile,
        options: &Rc<Options>,
        process: &Rc<RefCell<Process>>,
        worker: Option<usize>,
        configuration: &[u8],
    ) -> Result<Vm, String> {
        let linked = module.linked.as_ref().map_err(Clone::clone)?;
        let state = State {
            profile,
            options: Rc::clone(options),
            process: Rc::clone(process),
            worker,
            next_call: u32::from(profile != Profile::Kong),
            random: 0x5e55_1011,
            ..State::default()
        };
        let mut store = Store::new(&module.engine, state);
        store.set_fuel(options.fuel_limit).unwrap();
        let instance = linked.instantiate(&mut store).map_err(|error| format!("{error:#}"))?;
        let (dead, root, next_context) = (None, 0, 1);
        let mut vm = Vm { store, instance, dead, root, next_context };
        vm.initialize()?;
        vm.configure(configuration, true)?;
        Ok(vm)
    }

    fn initialize(&mut self) -> Result<(), String> {
        let abi = "proxy_abi_version_0_2_1";
        if self.instance.get_func(&mut self.store, abi).is_none() {
            return Err(format!("no exported `{abi}`"));
        }
        let memory = self.instance.get_memory(&mut self.store, "memory");
        self.store.data_mut().memory = Some(memory.ok_or("no exported `memory`")?);
        let allocate = ["proxy_on_memory_allocate", "malloc"]
            .into_iter()
            .find_map(|name| self.instance.get_typed_func(&mut self.store, name).ok());
        self.store.data_mut().allocate = Some(allocate.ok_or("no exported allocator")?);
        for name in ["_initialize", "main"] {
            self.enter::<(), ()>(name, 0, Phase::Start, ())?;
        }
        Ok(())
    }

    /// Creates a root context and configures it; on success it takes the new streams.
    pub(super) fn configure(&mut self, configuration: &[u8], first: bool) -> Result<(), String> {
        let (root, size) = (self.new_context(), configuration.len() as u32);
        self.store.data_mut().roots.insert(root, 0);
        self.store.data_mut().configuration = configuration.into();
        self.enter::<_, ()>("proxy_on_context_create", root, Phase::Start, (root, 0))?;
        let started = !first || self.enter("proxy_on_vm_start", root, Phase::Start, (root, 0))? != Some(0);
        let phase = Phase::Configure;
        let configured = started && self.enter("proxy_on_configure", root, phase, (root, size))? != Some(0);
        if !configured {
            self.store.data_mut().roots.remove(&root);
            let which = if started { "configure" } else { "vm_start" };
            return Err(format!("on_{which} returned false"));
        }
        self.root = root;
        Ok(())
    }

    pub(super) fn new_context(&mut self) -> u32 {
        self.next_context += 1;
        self.next_context - 1
    }

    /// Calls an export, if there is one. A trap kills the VM.
    pub(super) fn enter<P: WasmParams, R: WasmResults>(
        &mut self,
        export: &str,
        context: u32,
        phase: Phase,
        params: P,
    ) -> Result<Option<R>, String> {
        if let Some(why) = &self.dead {
            return Err(why.clone());
        }
        let Some(function) = self.instance.get_func(&mut self.store, export) else {
            return Ok(None);
        };
        let function = function.typed::<P, R>(&self.store).map_err(|e| format!("{export}: {e:#}"))?;
        let limit = self.store.data().options.fuel_limit;
        let state = self.store.data_mut();
        (state.context, state.phase) = (context, phase);
        state.spent = Spent::default();
        let logged = state.process.borrow().logs.len();
        self.store.set_fuel(limit).unwrap();
        let result = function.call(&mut self.store, params);
        let fuel = limit - self.store.get_fuel().unwrap();
        let state = self.store.data_mut();
        state.spent.fuel += fuel;
        if let Some(stream) = state.streams.get_mut(&context) {
            stream.spent.add(std::mem::take(&mut state.spent));
        }
        result.map(Some).map_err(|error| {
            let state = self.store.data();
            let mut why = format!("trap in {export}: {}", error.root_cause());
            // The SDK logs a panic's message before it aborts.
            for log in &state.process.borrow().logs[logged..] {
                why = if log.level == 5 { format!("{why}: {}", log.text) } else { why };
            }
            state.log(5, &why);
            self.dead = Some(why.clone());
            why
        })
    }

    /// Runs on_tick in every root context that has asked for ticks, old ones included.
    pub(super) fn tick(&mut self) -> Result<Spent, String> {
        let mut total = Spent::default();
        let roots = self.store.data().roots.clone();
        for (root, _) in roots.into_iter().filter(|(_, period)| *period > 0) {
            self.enter::<_, ()>("proxy_on_tick", root, Phase::Tick, root)?;
            total.add(std::mem::take(&mut self.store.data_mut().spent));
            self.settle();
        }
        Ok(total)
    }

    /// Ends the root contexts that a newer configuration has replaced.
    pub(super) fn drain(&mut self) -> Result<(), String> {
        let mut old = self.store.data().roots.clone();
        old.remove(&self.root);
        for root in old.into_keys() {
            self.enter::<_, u32>("proxy_on_done", root, Phase::Done, root)?;
            self.enter::<_, ()>("proxy_on_delete", root, Phase::Done, root)?;
            self.store.data_mut().roots.remove(&root);
        }
        Ok(())
    }

    /// Delivers the response to the call with `token`.
    pub(super) fn answer(&mut self, token: u32, response: CallResponse) -> Result<(), String> {
        let state = self.store.data_mut();
        let call = state.http_calls.remove(&token).ok_or("no call with this token is pending")?;
        let headers = response.headers.as_ref().map_or(0, Vec::len) as u32;
        let params = (call.root, token, headers, response.body.len() as u32, 0);
        state.answer = Some(response);
        // Envoy calls into the root context; nginx leaves the stream's in place.
        let kong = state.profile == Profile::Kong;
        let context = if kong { call.context } else { call.root };
        let (export, phase) = ("proxy_on_http_call_response", Phase::CallResponse);
        let result = self.enter::<_, ()>(export, context, phase, params);
        let state = self.store.data_mut();
        state.answer = None;
        let waiting = state.http_calls.values().any(|other| other.context == call.context);
        if let Some(stream) = state.streams.get_mut(&call.context) {
            stream.spent.add(std::mem::take(&mut state.spent));
            if kong {
                // nginx resumes a stream after its last call, whatever the module says, and fails
                // it after a trap; Envoy leaves it hanging.
                stream.resume_request |= !waiting;
                stream.trapped = result.as_ref().err().cloned();
            }
        }
        self.settle();
        result.map(drop)
    }
}
