//! A local gateway for the demo and the end-to-end tests: a real Envoy from an example under `envoy-config/`, an
//! upstream, an identity provider, geolocation databases. Loopback only; everything ends with the value.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation, clippy::print_stdout)]

pub mod access_log;
pub mod client;
pub mod envoy;
pub mod geo;
pub mod identity;
pub mod interrupt;
pub mod server;
pub mod upstream;

pub use client::{Client, Reply, Request};
pub use envoy::{Envoy, Example};
pub use identity::Identity;
pub use upstream::Upstream;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// A gateway with everything around it.
pub struct Gateway {
    pub envoy: Envoy,
    pub upstream: Upstream,
    pub identity: Arc<Identity>,
}

impl Gateway {
    /// Starts `example` in `directory` with this Envoy and filter.
    pub fn start(example: &Example, directory: &Path, binary: &Path, module: &Path) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
        let upstream = Upstream::start()?;
        let identity = Arc::new(Identity::new());
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
        };
        write("jwks.json", &identity.jwks())?;
        geo::write(directory)?;
        let envoy = Envoy::start(example, directory, binary, module, upstream.port())?;
        Ok(Self { envoy, upstream, identity })
    }

    /// Keeps the gateway until this process is asked to end. It is an error when Envoy ends before.
    pub fn wait(mut self) -> Result<(), String> {
        while !interrupt::came() {
            self.envoy.check_alive()?;
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    pub fn client(&self) -> Client {
        Client::new(self.envoy.port)
    }
}

/// The compiled module: `SESSION_RISK_WASM`, or where `make wasm` puts it.
pub fn module() -> Result<PathBuf, String> {
    let default = target().join("wasm32-wasip1/release/session_risk.wasm");
    let path = std::env::var_os("SESSION_RISK_WASM").map_or(default, PathBuf::from);
    if path.is_file() { Ok(path) } else { Err(format!("no module at {}; run `make wasm`", path.display())) }
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(default, PathBuf::from)
}
