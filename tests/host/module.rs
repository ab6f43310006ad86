//! The compiled module: once a test binary, shared by all gateways in it.

use super::{call, http, services, vm::State, wasi};
use std::{
    path::{Path, PathBuf},
    sync::OnceLock,
};
use wasmtime::{Config, Engine, InstancePre, Linker, Strategy};

#[derive(Clone)]
pub struct Module {
    pub(super) engine: Engine,
    pub(super) linked: Result<InstancePre<State>, String>,
    module: wasmtime::Module,
}

impl Module {
    /// What `make wasm` built, or what `SESSION_RISK_WASM` names.
    pub fn built() -> &'static Module {
        static BUILT: OnceLock<Module> = OnceLock::new();
        BUILT.get_or_init(|| {
            let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let path = root.join(target).join("wasm32-wasip1/release/session_risk.wasm");
            let path = std::env::var_os("SESSION_RISK_WASM").map_or(path, PathBuf::from);
            Module::load(path).unwrap_or_else(|error| panic!("no module ({error}); run `make wasm`"))
        })
    }

    /// Compiles the `.wasm` file; the text of what was wrong otherwise.
    pub fn load(path: impl AsRef<Path>) -> Result<Module, String> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Module::compile(&bytes)
    }

    pub fn compile(bytes: &[u8]) -> Result<Module, String> {
        let text = |error: wasmtime::Error| format!("{error:#}");
        let mut config = Config::new();
        config.strategy(Strategy::Cranelift).consume_fuel(true);
        let engine = Engine::new(&config).map_err(text)?;
        let module = wasmtime::Module::new(&engine, bytes).map_err(text)?;
        let mut linker = Linker::new(&engine);
        let env =
            call::link(&mut linker, "env", http::CALLS).and_then(|()| call::link(&mut linker, "env", services::CALLS));
        env.and_then(|()| call::link(&mut linker, "wasi_snapshot_preview1", wasi::CALLS)).map_err(text)?;
        let linked = linker.instantiate_pre(&module).map_err(text);
        Ok(Module { engine, linked, module })
    }

    /// `module.name` of every import, sorted. What the host does not link makes every start fail.
    pub fn imports(&self) -> Vec<String> {
        let name = |import: wasmtime::ImportType| format!("{}.{}", import.module(), import.name());
        let mut names: Vec<String> = self.module.imports().map(name).collect();
        names.sort();
        names
    }

    /// The name of every export, sorted.
    pub fn exports(&self) -> Vec<String> {
        let mut names: Vec<String> = self.module.exports().map(|export| export.name().to_owned()).collect();
        names.sort();
        names
    }
}
