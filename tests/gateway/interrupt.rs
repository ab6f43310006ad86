//! Ctrl-C, SIGTERM and a closed terminal. They only set a flag, so that whoever sees it can return, and Envoy ends with
//! the value that holds it.

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicBool, Ordering},
};

static CAME: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on signals are noted. A second one ends the process at once.
pub fn note() -> Result<(), String> {
    for signal in [SIGHUP, SIGINT, SIGTERM] {
        // The order matters: this one acts only where the flag is already set.
        flag::register_conditional_shutdown(signal, 130, Arc::clone(&CAME))
            .and_then(|_| flag::register(signal, Arc::clone(&CAME)))
            .map_err(|error| format!("cannot catch signals: {error}"))?;
    }
    Ok(())
}

/// Whether this process was asked to end.
pub fn came() -> bool {
    CAME.load(Ordering::Relaxed)
}
