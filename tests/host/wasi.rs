//! The six WASI functions that every gateway implements. Nothing else is linked, on purpose: a
//! module that imports more must fail to start.

use super::calls::Call;
use super::process::{Fail, trap};
use super::vm::State;
use wasmtime::{Caller, Linker, Result};

const ENOTSUP: u32 = 58;
const EBADF: u32 = 8;

pub(super) fn link(linker: &mut Linker<State>) -> Result<()> {
    /// Not a proxy-wasm call: not counted, not open to faults.
    macro_rules! wasi {
        ($($name:ident ($($arg:ident: $ty:ty),*);)*) => {$(
            linker.func_wrap(
                "wasi_snapshot_preview1",
                stringify!($name),
                |caller: Caller<'_, State>, $($arg: $ty),*| -> Result<u32> {
                    Call { caller }.status($name, ($($arg,)*))
                },
            )?;
        )*};
    }
    wasi! {
        environ_get(list: u32, text: u32);
        environ_sizes_get(count: u32, size: u32);
        fd_write(fd: u32, list: u32, count: u32, written: u32);
        clock_time_get(clock: u32, precision: u64, time: u32);
        random_get(at: u32, len: u32);
    }
    linker.func_wrap("wasi_snapshot_preview1", "proc_exit", |code: u32| -> Result<()> {
        wasmtime::bail!("the module called proc_exit({code})")
    })?;
    Ok(())
}

fn environ_get(_: &mut Call<'_>, _: (u32, u32)) -> Result<(), Fail> {
    Ok(())
}

fn environ_sizes_get(call: &mut Call<'_>, (count, size): (u32, u32)) -> Result<(), Fail> {
    call.put(count, &[0; 4])?;
    call.put(size, &[0; 4])
}

fn fd_write(call: &mut Call<'_>, (fd, list, count, written): (u32, u32, u32, u32)) -> Result<(), Fail> {
    let level = match fd {
        1 => 2,
        2 => 4,
        _ => return Err(Fail::Status(EBADF)),
    };
    let mut text = Vec::new();
    for index in 0..count {
        let entry = call.bytes(list + index * 8, 8)?;
        let word = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
        text.extend(call.bytes(word(0), word(4))?);
    }
    call.put(written, &(text.len() as u32).to_le_bytes())?;
    call.caller.data().log(level, String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

fn clock_time_get(call: &mut Call<'_>, (clock, _, time): (u32, u64, u32)) -> Result<(), Fail> {
    if clock > 1 {
        return Err(Fail::Status(ENOTSUP));
    }
    let now = call.caller.data().now_ns();
    call.put(time, &now.to_le_bytes())
}

/// The same bytes in every VM, so that hash seeds, and with them fuel, do not vary.
fn random_get(call: &mut Call<'_>, (at, len): (u32, u32)) -> Result<(), Fail> {
    if len > 1 << 20 {
        return trap("random_get: more than a mebibyte");
    }
    let seed = &mut call.caller.data_mut().random;
    let mut byte = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 56) as u8
    };
    let bytes: Vec<u8> = (0..len).map(|_| byte()).collect();
    call.put(at, &bytes)
}
