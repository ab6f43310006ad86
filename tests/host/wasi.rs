//! The six WASI functions that every gateway implements. Nothing else is linked, on purpose: a
//! module that imports more must fail to start.

use super::call::{Answer, Call, HostCall};
use super::process::{Fail, trap};

pub(super) const CALLS: &[HostCall] = &[
    ("environ_get", "ii", |_| Ok(())),
    ("environ_sizes_get", "ii", environ_sizes_get),
    ("fd_write", "iiii", fd_write),
    ("clock_time_get", "iIi", clock_time_get),
    ("random_get", "ii", random_get),
    ("proc_exit", "i", |call| trap(format!("proc_exit({})", call.word(0)))),
];

const EBADF: u32 = 8;
const ENOTSUP: u32 = 58;

fn environ_sizes_get(call: &mut Call<'_>) -> Answer {
    call.put_word(0, 0)?;
    call.put_word(1, 0)
}

/// Standard output and error go to the log.
fn fd_write(call: &mut Call<'_>) -> Answer {
    let level = match call.word(0) {
        1 => 2,
        2 => 4,
        _ => return Err(Fail::Status(EBADF)),
    };
    let mut text = Vec::new();
    for index in 0..call.word(2) {
        let entry = call.read(call.word(1) + index * 8, 8)?;
        let word = |at: usize| u32::from_le_bytes(entry[at..at + 4].try_into().unwrap());
        text.extend(call.read(word(0), word(4))?);
    }
    call.put_word(3, text.len() as u32)?;
    call.state().log(level, String::from_utf8_lossy(&text).trim_end());
    Ok(())
}

/// Wall clock and monotonic clock are the same.
fn clock_time_get(call: &mut Call<'_>) -> Answer {
    if call.word(0) > 1 {
        return Err(Fail::Status(ENOTSUP));
    }
    let now = call.state().now_ns();
    call.put(2, &now.to_le_bytes())
}

/// The same bytes in every VM, so that hash seeds, and with them fuel, do not vary.
fn random_get(call: &mut Call<'_>) -> Answer {
    let mut bytes = call.read(call.word(0), call.word(1))?;
    for byte in &mut bytes {
        let random = &mut call.state().random;
        *random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        *byte = (*random >> 56) as u8;
    }
    call.put(0, &bytes)
}
