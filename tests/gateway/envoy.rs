//! An Envoy process, started from an example configuration with this machine's ports and paths in place of its own.

use super::{access_log::AccessLog, client, interrupt};
use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// Which example, and what about it is different.
#[derive(Clone, Debug)]
pub struct Example {
    /// File under `envoy-config/`.
    pub name: &'static str,
    /// Plugin configuration (JSON) in place of the example's.
    pub configuration: Option<String>,
    /// Worker threads.
    pub concurrency: u8,
    /// The listener comes from a file of its own that Envoy watches, so that a test can change it.
    pub dynamic: bool,
    /// Texts to be replaced, for tests of what happens without a setting.
    pub replaced: Vec<(String, String)>,
}

impl Example {
    pub fn named(name: &'static str) -> Self {
        Self { name, configuration: None, concurrency: 1, dynamic: false, replaced: Vec::new() }
    }
}

pub struct Envoy {
    pub port: u16,
    pub admin: u16,
    pub version: String,
    pub log: AccessLog,
    process: Child,
    place: Place,
}

impl Envoy {
    /// Starts Envoy and waits until it is ready. Another process may take a port between its choice and its use, so that
    /// is tried again.
    pub fn start(
        example: &Example,
        directory: &Path,
        binary: &Path,
        module: &Path,
        upstream: u16,
    ) -> Result<Self, String> {
        let mut tries = 1;
        loop {
            match Self::start_once(example, directory, binary, module, upstream) {
                Err(error) if error.contains("Address already in use") && tries < 3 => tries += 1,
                other => return other,
            }
        }
    }

    fn start_once(
        example: &Example,
        directory: &Path,
        binary: &Path,
        module: &Path,
        upstream: u16,
    ) -> Result<Self, String> {
        let version = version(binary)?;
        let access = directory.join("access.json");
        drop(std::fs::remove_file(&access));
        let place = Place {
            port: free_port()?,
            admin: free_port()?,
            upstream,
            directory: directory.to_owned(),
            module: module.to_owned(),
            old: version.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok()).is_some_and(|minor| minor < 37),
        };
        let text = bootstrap_text(&place.text(example)?, directory, example.dynamic)?;
        Self::run(&text, example.concurrency, binary, version, place)
    }

    /// Starts Envoy with a whole bootstrap of the caller's own, whose ports are `port` and `admin`.
    pub fn with_bootstrap(
        text: &str,
        concurrency: u8,
        directory: &Path,
        binary: &Path,
        (port, admin): (u16, u16),
    ) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
        let directory = directory.to_owned();
        let place = Place { port, admin, upstream: 0, directory, module: PathBuf::new(), old: false };
        Self::run(text, concurrency, binary, version(binary)?, place)
    }

    fn run(text: &str, concurrency: u8, binary: &Path, version: String, place: Place) -> Result<Self, String> {
        let directory = &place.directory;
        let bootstrap = directory.join("envoy.yaml");
        write(&bootstrap, text)?;
        let log_file = std::fs::File::create(directory.join("envoy.log")).map_err(|error| error.to_string())?;
        let process = Command::new(binary)
            .arg("-c")
            .arg(&bootstrap)
            .args(["--concurrency", &concurrency.to_string(), "--base-id-path"])
            .arg(directory.join("base-id"))
            .args(["--use-dynamic-base-id", "--file-flush-interval-msec", "20", "--log-level", "info"])
            .args(["--drain-time-s", "3"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log_file)
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", binary.display()))?;
        let (port, admin, log) = (place.port, place.admin, AccessLog { path: directory.join("access.json") });
        let mut envoy = Self { port, admin, version, log, process, place };
        envoy.wait_until_ready()?;
        Ok(envoy)
    }

    /// The process's id.
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Everything that Envoy has logged.
    pub fn own_log(&self) -> String {
        std::fs::read_to_string(self.place.directory.join("envoy.log")).unwrap_or_default()
    }

    /// Pushes another listener to a gateway that was started with `dynamic`.
    pub fn push(&self, example: &Example) -> Result<(), String> {
        bootstrap_text(&self.place.text(example)?, &self.place.directory, true).map(drop)
    }

    /// A path of the admin interface.
    pub fn admin(&self, path: &str) -> String {
        client::Client::new(self.admin)
            .send(&client::Request::new("GET", path))
            .map(|reply| reply.text())
            .unwrap_or_default()
    }

    /// A statistic by its whole name; 0 when Envoy has none.
    pub fn stat(&self, name: &str) -> u64 {
        let text = self.admin(&format!("/stats?filter=^{}$", name.replace('.', "\\.")));
        text.lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(other, _)| *other == name)
            .and_then(|(_, value)| value.trim().parse().ok())
            .unwrap_or(0)
    }

    /// One of the filter's own counters.
    pub fn counter(&self, name: &str) -> u64 {
        self.stat(&format!("wasmcustom.session_risk.{name}"))
    }

    /// An error that says why, once the process has ended.
    pub fn check_alive(&mut self) -> Result<(), String> {
        let Ok(Some(status)) = self.process.try_wait() else { return Ok(()) };
        let log = self.own_log();
        // It says so in its log, and what to do about it is not obvious.
        let hint = if log.contains("Envoy was compiled without support") {
            "\nthis Envoy cannot run wasm modules; set ENVOY to another one, or unset it"
        } else {
            ""
        };
        Err(format!("Envoy has ended ({status}):\n{}{hint}", tail(&log)))
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.admin("/ready").trim() != "LIVE" {
            self.check_alive()?;
            if interrupt::came() {
                return Err("interrupted".to_owned());
            }
            if Instant::now() > deadline {
                return Err(format!("Envoy was not ready within 30 s:\n{}", tail(&self.own_log())));
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        Ok(())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The version of an Envoy, such as `1.40.0`.
pub fn version(binary: &Path) -> Result<String, String> {
    let output = Command::new(binary)
        .arg("--version")
        .output()
        .map_err(|error| format!("cannot run {}: {error}", binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    // "envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
    let version = text.split_once("version: ").and_then(|(_, version)| version.split('/').nth(1));
    version.map(str::to_owned).ok_or_else(|| format!("{} is no Envoy", binary.display()))
}

/// The path that `tests/find-envoy` prints; its messages go to standard error.
pub fn find(version: Option<&str>) -> Result<PathBuf, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/find-envoy");
    let output = Command::new(&script)
        .args(version)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot run {}: {error}", script.display()))?;
    let path = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    if output.status.success() && !path.is_empty() {
        Ok(PathBuf::from(path))
    } else {
        Err("no Envoy was found; set ENVOY to one".to_owned())
    }
}

/// What an example's own ports and paths become.
struct Place {
    port: u16,
    admin: u16,
    upstream: u16,
    directory: PathBuf,
    module: PathBuf,
    /// Older than 1.37.
    old: bool,
}

impl Place {
    fn text(&self, example: &Example) -> Result<String, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("envoy-config").join(example.name);
        let mut text =
            std::fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        for (from, to) in &example.replaced {
            assert!(text.contains(from.as_str()), "`{from}` is not in {}", example.name);
            text = text.replace(from.as_str(), to);
        }
        if let Some(configuration) = &example.configuration {
            text = with_configuration(&text, configuration);
        }
        if self.old {
            text = text.replace("country_db_path", "city_db_path");
        }
        let directory = format!("{}/", self.directory.display());
        Ok(text
            .replace("port_value: 10000", &format!("port_value: {}", self.port))
            .replace("port_value: 9901", &format!("port_value: {}", self.admin))
            .replace("port_value: 8080", &format!("port_value: {}", self.upstream))
            .replace("/etc/envoy/session_risk.wasm", &self.module.display().to_string())
            .replace("/etc/envoy/", &directory)
            .replace("/var/log/envoy/", &directory))
    }
}

fn with_configuration(text: &str, configuration: &str) -> String {
    let begin = text.find("configuration: # session-risk begins").expect("the example marks where it begins");
    let end = text.find("# session-risk ends").expect("the example marks where it ends");
    let quoted = serde_json::to_string(configuration).expect("text is JSON");
    let value = format!(
        "configuration: {{ \"@type\": type.googleapis.com/google.protobuf.StringValue, value: {quoted} }}\n                "
    );
    format!("{}{value}{}", &text[..begin], &text[end..])
}

/// The bootstrap. A dynamic one has its listener in `listener.yaml`, replaced as a whole, which is what Envoy watches for.
fn bootstrap_text(text: &str, directory: &Path, dynamic: bool) -> Result<String, String> {
    if !dynamic {
        return Ok(text.to_owned());
    }
    let begin = text.find("  listeners:\n").ok_or("no listeners")?;
    let end = text.find("  clusters:\n").ok_or("no clusters")?;
    let body = text[begin..end].trim_start_matches("  listeners:\n");
    // An item of `listeners` becomes an item of `resources`, two columns further left and with its type.
    let item = body.replacen("  - name: gateway", "    name: gateway", 1);
    let dedented: String = item.lines().map(|line| format!("{}\n", line.strip_prefix("  ").unwrap_or(line))).collect();
    let typed = "- \"@type\": type.googleapis.com/envoy.config.listener.v3.Listener\n";
    let file = directory.join("listener.yaml");
    let fresh = directory.join("listener.yaml.new");
    write(&fresh, &format!("resources:\n{typed}{dedented}"))?;
    std::fs::rename(&fresh, &file).map_err(|error| error.to_string())?;
    let dynamic = format!(
        "dynamic_resources:\n  lds_config:\n    path_config_source: {{ path: \"{}\" }}\nnode: {{ id: gateway, cluster: gateway }}\n",
        file.display()
    );
    Ok(format!("{}{}{dynamic}", &text[..begin], &text[end..]))
}

/// The last lines of a log.
fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// A port that nobody listens on at the moment.
pub fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no free port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string())
}
