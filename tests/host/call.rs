//! How a call from the module arrives: its arguments, the module's memory, and the way an answer
//! goes back. What is answered is in `http.rs`, `services.rs` and `wasi.rs`.

use super::abi::{Profile, status};
use super::process::{Fail, trap};
use super::vm::State;
use wasmtime::{Caller, FuncType, Linker, Result, Val, ValType};

pub(super) type Answer = std::result::Result<(), Fail>;

/// Name, parameters (`i`: 32 bits, `I`: 64 bits), and what it does.
pub(super) type HostCall = (&'static str, &'static str, fn(&mut Call<'_>) -> Answer);

/// Links the calls of one import module. Proxy-wasm's are counted and open to faults, WASI's not.
pub(super) fn link(linker: &mut Linker<State>, module: &str, calls: &[HostCall]) -> Result<()> {
    for &(name, params, body) in calls {
        let wide = |param| {
            if param == 'I' { ValType::I64 } else { ValType::I32 }
        };
        // proc_exit is the only one that returns nothing: it does not return.
        let results = (name != "proc_exit").then_some(ValType::I32);
        let ty = FuncType::new(linker.engine(), params.chars().map(wide), results);
        let counted = module == "env";
        linker.func_new(module, name, ty, move |caller, params, results| {
            let mut call = Call { caller, args: params.iter().map(unsigned).collect() };
            let fault = if counted { call.state().enter(name) } else { None };
            let answer = match fault {
                Some(status) => status,
                None => match body(&mut call) {
                    Ok(()) => status::OK,
                    Err(Fail::Status(status)) => status,
                    Err(Fail::Trap(text)) => return Err(wasmtime::Error::msg(text)),
                },
            };
            if let Some(result) = results.first_mut() {
                *result = Val::I32(answer.cast_signed());
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn unsigned(value: &Val) -> u64 {
    match value {
        Val::I64(wide) => wide.cast_unsigned(),
        narrow => u64::from(narrow.unwrap_i32().cast_unsigned()),
    }
}

/// One call of the module's.
pub(super) struct Call<'a> {
    caller: Caller<'a, State>,
    args: Vec<u64>,
}

impl Call<'_> {
    pub(super) fn state(&mut self) -> &mut State {
        self.caller.data_mut()
    }

    pub(super) fn kong(&self) -> bool {
        self.caller.data().profile == Profile::Kong
    }

    pub(super) fn wide(&self, arg: usize) -> u64 {
        self.args[arg]
    }

    pub(super) fn word(&self, arg: usize) -> u32 {
        self.args[arg] as u32
    }

    /// What the arguments `arg` (pointer) and `arg + 1` (length) refer to.
    pub(super) fn bytes(&self, arg: usize) -> std::result::Result<Vec<u8>, Fail> {
        self.read(self.word(arg), self.word(arg + 1))
    }

    pub(super) fn text(&self, arg: usize) -> std::result::Result<String, Fail> {
        Ok(String::from_utf8_lossy(&self.bytes(arg)?).into_owned())
    }

    pub(super) fn read(&self, at: u32, len: u32) -> std::result::Result<Vec<u8>, Fail> {
        let memory = self.caller.data().memory.unwrap().data(&self.caller);
        let range = at as usize..at as usize + len as usize;
        memory.get(range).map(<[u8]>::to_vec).ok_or(Fail::Status(status::INVALID_MEMORY))
    }

    /// Writes to where the argument points.
    pub(super) fn put(&mut self, arg: usize, bytes: &[u8]) -> Answer {
        self.write(self.word(arg), bytes)
    }

    pub(super) fn put_word(&mut self, arg: usize, word: u32) -> Answer {
        self.put(arg, &word.to_le_bytes())
    }

    fn write(&mut self, at: u32, bytes: &[u8]) -> Answer {
        let memory = self.caller.data().memory.unwrap();
        let written = memory.write(&mut self.caller, at as usize, bytes);
        written.map_err(|_| Fail::Status(status::INVALID_MEMORY))
    }

    /// Copies into memory that the module allocates; the arguments `arg` and `arg + 1` point to
    /// where its address and length go. For no bytes Envoy hands out a null pointer.
    pub(super) fn give(&mut self, arg: usize, bytes: &[u8]) -> Answer {
        let mut at = 0;
        if !bytes.is_empty() || self.kong() {
            let allocate = self.caller.data().allocate.clone().unwrap();
            at = allocate.call(&mut self.caller, bytes.len() as u32)?;
            self.write(at, bytes)?;
        }
        self.put_word(arg, at)?;
        self.put_word(arg + 1, bytes.len() as u32)
    }

    /// Where Envoy answers with a status, ngx_wasm_module often traps.
    pub(super) fn refuse<T>(&self, status: u32, text: &str) -> std::result::Result<T, Fail> {
        if self.kong() { trap(text) } else { Err(Fail::Status(status)) }
    }

    pub(super) fn unless_bare(&self) -> Answer {
        match self.caller.data().profile {
            Profile::Bare => Err(Fail::Status(status::UNIMPLEMENTED)),
            _ => Ok(()),
        }
    }
}
