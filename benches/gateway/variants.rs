//! What is compared: the same Envoy with another filter each, answering by itself. Bootstraps and modules, no measuring.

use serde_json::json;
use std::{
    cell::Cell,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::gateway::{
    Envoy,
    envoy::free_port,
    identity::{AUDIENCE, ISSUER, Identity},
};
use crate::modules;

/// One thing to put into an Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Variant {
    /// No filter but the router.
    None,
    /// A module that exports the callbacks that the SDK exports, and does nothing in them.
    EmptyWasm,
    /// A module that exports only what Envoy needs to call it once a request.
    LeastWasm,
    /// A module that asks for each thing by itself, as one would write it at first.
    NaiveWasm,
    /// Ours in shadow mode, every signal on.
    SessionRisk,
    /// Ours, enforcing.
    SessionRiskEnforce,
    /// The stateless part in Lua.
    Lua,
    /// RBAC behind jwt_authn, which verifies a signature that the others do not.
    Native,
    /// The same core in an external authorizer.
    ExtAuthzCore,
    /// That authorizer, where Rego decides.
    ExtAuthzRego,
}

impl Variant {
    pub(crate) const ALL: [Self; 10] = [
        Self::None,
        Self::EmptyWasm,
        Self::LeastWasm,
        Self::NaiveWasm,
        Self::SessionRisk,
        Self::SessionRiskEnforce,
        Self::Lua,
        Self::Native,
        Self::ExtAuthzCore,
        Self::ExtAuthzRego,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::EmptyWasm => "empty_wasm",
            Self::LeastWasm => "least_wasm",
            Self::NaiveWasm => "naive_wasm",
            Self::SessionRisk => "session_risk",
            Self::SessionRiskEnforce => "session_risk_enforce",
            Self::Lua => "lua",
            Self::Native => "native",
            Self::ExtAuthzCore => "ext_authz_core",
            Self::ExtAuthzRego => "ext_authz_rego",
        }
    }
}

/// The table of a run: buckets of eight sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) buckets: u32,
    pub(crate) ways: u8,
}

/// Everything that a site is made from.
pub(crate) struct Workshop {
    pub(crate) envoy: PathBuf,
    pub(crate) module: PathBuf,
    pub(crate) directory: PathBuf,
    pub(crate) identity: Identity,
}

/// An Envoy with what stands behind it. Both end with the value.
pub(crate) struct Site {
    pub(crate) variant: Variant,
    pub(crate) envoy: Envoy,
    pub(crate) authorizer: Option<Authorizer>,
    /// From the start of the process until it serves.
    pub(crate) ready: Duration,
    /// Requests sent by wrk so far.
    pub(crate) sent: Cell<u64>,
}

impl Site {
    pub(crate) fn start(workshop: &Workshop, variant: Variant, workers: u8, table: Table) -> Result<Self, String> {
        let directory = workshop.directory.join(variant.name());
        std::fs::create_dir_all(&directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
        let authorizer = match variant {
            Variant::ExtAuthzCore | Variant::ExtAuthzRego => {
                Some(Authorizer::start(&directory, variant == Variant::ExtAuthzRego, workers, table)?)
            }
            _ => None,
        };
        let filter = filter(workshop, &directory, variant, table)?;
        let mut tries = 1;
        loop {
            let ports = (free_port()?, free_port()?);
            let text = bootstrap(ports, &filter, authorizer.as_ref().map(|authorizer| authorizer.port));
            let started = Instant::now();
            match Envoy::with_bootstrap(&text, workers, &directory, &workshop.envoy, ports) {
                Ok(envoy) => {
                    let (ready, sent) = (started.elapsed(), Cell::new(0));
                    return Ok(Self { variant, envoy, authorizer, ready, sent });
                }
                Err(error) if error.contains("Address already in use") && tries < 3 => tries += 1,
                Err(error) => return Err(format!("{}: {error}", variant.name())),
            }
        }
    }
}

/// The external authorizer's process.
pub(crate) struct Authorizer {
    process: Child,
    port: u16,
}

impl Authorizer {
    fn start(directory: &Path, rego: bool, threads: u8, table: Table) -> Result<Self, String> {
        let config = directory.join("filter.json");
        write(&config, &configuration("shadow", table))?;
        let mut command = Command::new(beside_us("session-risk-authorizer")?);
        command.arg("--config").arg(&config).args(["--threads", &threads.to_string()]);
        if rego {
            let policy = directory.join("policy.rego");
            write(&policy, include_str!("policy.rego"))?;
            command.arg("--rego").arg(&policy);
        }
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start the authorizer: {error}"))?;
        let mut line = String::new();
        let output = process.stdout.take().ok_or("the authorizer has no output")?;
        let read = BufReader::new(output).read_line(&mut line);
        let mut authorizer = Self { process, port: 0 };
        read.map_err(|error| format!("cannot read the authorizer's port: {error}"))?;
        authorizer.port =
            line.trim().parse().map_err(|_| "the authorizer did not start; its error is above".to_owned())?;
        Ok(authorizer)
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }
}

impl Drop for Authorizer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A program that was built together with this one.
fn beside_us(name: &str) -> Result<PathBuf, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let path = own.with_file_name(name);
    if path.is_file() { Ok(path) } else { Err(format!("no {}; run `make bench-gateway`", path.display())) }
}

/// The filter's configuration: everything that it can read is there to be read.
fn configuration(mode: &str, table: Table) -> String {
    json!({
        "secret": "0123456789abcdef0123456789abcdef",
        "mode": mode,
        "session": {
            "key": [{"claims": ["sid"]}, {"header": "x-api-key"}],
            "payload": {"header": "x-jwt-payload"},
        },
        "device": {"posture": {"claim": "device.posture"}},
        "routes": [
            {"path": "/login/**", "tier": "public"},
            {"method": "GET", "path": "/v1/customers/{id}/export", "tier": "sensitive", "access": "export"},
            {"path": "/v1/orders/{id}"},
            {"path": "/admin/**", "tier": "sensitive", "access": "admin"},
        ],
        "table": {"name": "sessions", "buckets": table.buckets, "ways": table.ways},
    })
    .to_string()
}

fn filter(workshop: &Workshop, directory: &Path, variant: Variant, table: Table) -> Result<String, String> {
    Ok(match variant {
        Variant::None => String::new(),
        Variant::EmptyWasm | Variant::LeastWasm | Variant::NaiveWasm => {
            let module = directory.join("module.wasm");
            let text = match variant {
                Variant::NaiveWasm => modules::naive(),
                _ => modules::empty(variant == Variant::EmptyWasm),
            };
            let bytes = wat::parse_str(&text).map_err(|error| error.to_string())?;
            std::fs::write(&module, bytes).map_err(|error| format!("cannot write {}: {error}", module.display()))?;
            wasm_filter(&module, "{}")
        }
        Variant::SessionRisk => wasm_filter(&workshop.module, &configuration("shadow", table)),
        Variant::SessionRiskEnforce => wasm_filter(&workshop.module, &configuration("enforce", table)),
        Variant::Lua => lua_filter(),
        Variant::Native => native_filters(&workshop.identity),
        Variant::ExtAuthzCore | Variant::ExtAuthzRego => EXT_AUTHZ.to_owned(),
    })
}

fn wasm_filter(module: &Path, configuration: &str) -> String {
    let quoted = json!(configuration);
    format!(
        r#"
          - name: envoy.filters.http.wasm
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm
              config:
                name: bench
                failure_policy: FAIL_RELOAD
                allow_on_headers_stop_iteration: true
                vm_config: {{ vm_id: bench, runtime: envoy.wasm.runtime.v8, code: {{ local: {{ filename: "{}" }} }} }}
                configuration: {{ "@type": type.googleapis.com/google.protobuf.StringValue, value: {quoted} }}"#,
        module.display()
    )
}

fn lua_filter() -> String {
    let code = json!(include_str!("stateless.lua"));
    format!(
        r#"
          - name: envoy.filters.http.lua
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua
              default_source_code: {{ inline_string: {code} }}"#
    )
}

fn native_filters(identity: &Identity) -> String {
    let keys = json!(identity.jwks());
    format!(
        r#"
          - name: envoy.filters.http.jwt_authn
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
              providers:
                idp:
                  issuer: {ISSUER}
                  audiences: [{AUDIENCE}]
                  local_jwks: {{ inline_string: {keys} }}
                  forward: true
                  payload_in_metadata: jwt_payload
              rules:
              - match: {{ prefix: / }}
                requires: {{ provider_name: idp }}
          - name: envoy.filters.http.rbac
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC
              rules:
                action: ALLOW
                policies:
                  readers:
                    permissions:
                    - header: {{ name: ":method", string_match: {{ exact: GET }} }}
                    principals:
                    - metadata:
                        filter: envoy.filters.http.jwt_authn
                        path: [ {{ key: jwt_payload }}, {{ key: scope }} ]
                        value: {{ string_match: {{ contains: read }} }}"#
    )
}

const EXT_AUTHZ: &str = r#"
          - name: envoy.filters.http.ext_authz
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz
              transport_api_version: V3
              grpc_service: { envoy_grpc: { cluster_name: authorizer }, timeout: 2s }"#;

fn bootstrap((port, admin): (u16, u16), filter: &str, authorizer: Option<u16>) -> String {
    let clusters = authorizer.map_or(String::new(), |port| {
        format!(
            r#"
  clusters:
  - name: authorizer
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{ http2_protocol_options: {{}} }}
    load_assignment:
      cluster_name: authorizer
      endpoints:
      - lb_endpoints:
        - endpoint: {{ address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }} }}"#
        )
    });
    format!(
        r#"admin:
  address: {{ socket_address: {{ address: 127.0.0.1, port_value: {admin} }} }}
static_resources:
  listeners:
  - name: gateway
    address: {{ socket_address: {{ address: 127.0.0.1, port_value: {port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: gateway
          http_filters:{filter}
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
          route_config:
            virtual_hosts:
            - name: app
              domains: ["*"]
              routes:
              - match: {{ prefix: / }}
                direct_response: {{ status: 200, body: {{ inline_string: "ok\n" }} }}{clusters}
"#
    )
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}
