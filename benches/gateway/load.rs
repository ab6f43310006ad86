//! Requests, the generators that send them, and what a process spent meanwhile. What the figures mean is not known here.

use crate::gateway::Identity;
use crate::variants::{Site, write};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// What is sent in a row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) workers: u8,
    pub(crate) sessions: u32,
    /// Bytes of the token's payload, at least.
    pub(crate) token: usize,
    pub(crate) http2: bool,
}

/// One run of a generator: what came back, and what the processes spent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Run {
    pub(crate) requests: f64,
    pub(crate) seconds: f64,
    /// CPU seconds of Envoy and of the authorizer.
    pub(crate) envoy: f64,
    pub(crate) authorizer: f64,
}

/// Answers' times in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

/// The requests of one setting, as the generators want them.
pub(crate) struct Traffic {
    setting: Setting,
    directory: PathBuf,
    headers: Vec<(&'static str, String)>,
}

const PATH: &str = "/v1/orders/8812?full=1";

impl Traffic {
    pub(crate) fn new(setting: Setting, identity: &Identity, directory: &Path) -> Result<Self, String> {
        let claims = json!({
            "sub": "u-1234", "scope": "read write", "auth_time": 1_767_600_000, "device": {"posture": "compliant"},
            "cnf": {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"},
        });
        // The digits begin at a multiple of three bytes, so they are whole letters in base64.
        let head = r#"{ "sid":""#;
        assert!(head.len().is_multiple_of(3), "the digits of a session do not begin a group of base64");
        let rest = claims.to_string().replacen('{', ",", 1);
        let padding = "x".repeat(setting.token.saturating_sub(rest.len()));
        let rest = format!("\"{}", rest.replacen(',', &format!(",\"padding\":\"{padding}\","), 1));
        let payload = [URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(&rest)];
        let mut signed = claims;
        signed["padding"] = padding.into();
        let first = URL_SAFE_NO_PAD.encode("000000");
        let headers = vec![
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0".to_owned()),
            ("accept", "application/json".to_owned()),
            ("authorization", format!("Bearer {}", identity.token(signed))),
            ("dpop", "eyJ0eXAiOiJkcG9wK2p3dCJ9.e30.c2ln".to_owned()),
            ("x-geo-country", "DE".to_owned()),
            ("x-geo-asn", "3320".to_owned()),
            ("x-geo-latitude", "52.52".to_owned()),
            ("x-geo-longitude", "13.40".to_owned()),
            ("x-ja4", "t13d1516h2_8daaf6152771_02713d6af862".to_owned()),
            ("x-jwt-payload", format!("{}{first}{}", payload[0], payload[1])),
        ];
        let lines: String = headers
            .iter()
            .filter(|(name, _)| *name != "x-jwt-payload")
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        let start = format!("GET {PATH} HTTP/1.1\r\nhost: api.example.com\r\n{lines}x-jwt-payload: {}", payload[0]);
        write(&directory.join("head"), &start)?;
        write(&directory.join("tail"), &format!("{}\r\n\r\n", payload[1]))?;
        write(&directory.join("sessions.lua"), include_str!("sessions.lua"))?;
        Ok(Self { setting, directory: directory.to_owned(), headers })
    }

    /// As fast as it goes, for so many seconds.
    pub(crate) fn saturate(&self, site: &Site, seconds: u32) -> Result<Run, String> {
        let before = spent(site)?;
        let mut run = if self.setting.http2 { self.h2load_run(site, seconds)? } else { self.wrk_run(site, seconds)? };
        let after = spent(site)?;
        run.envoy = after.0 - before.0;
        run.authorizer = after.1 - before.1;
        Ok(run)
    }

    fn wrk_run(&self, site: &Site, seconds: u32) -> Result<Run, String> {
        let mut command = Command::new("wrk");
        command.args(["-t1", "-c16", &format!("-d{seconds}s"), "-s"]).arg(self.directory.join("sessions.lua"));
        command.arg(format!("http://127.0.0.1:{}/", site.envoy.port)).arg("--");
        command.arg(self.directory.join("head")).arg(self.directory.join("tail"));
        let sessions = u64::from(self.setting.sessions);
        command.arg(sessions.to_string()).arg((site.sent.get() % sessions).to_string());
        let output = output(&mut command)?;
        let number = |name: &str| -> Result<f64, String> {
            let found = output.split([' ', '\n']).find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
            found.and_then(|text| text.parse().ok()).ok_or_else(|| format!("wrk did not say `{name}`:\n{output}"))
        };
        let (refused, broken) = (number("refused")?, number("broken")?);
        if refused + broken > 0.0 {
            let name = site.variant.name();
            return Err(format!("{name}: {refused} requests were refused and {broken} broken, so nothing is compared"));
        }
        let requests = number("requests")?;
        // The next run goes on with the sessions behind.
        site.sent.set(site.sent.get() + requests as u64);
        Ok(Run { requests, seconds: number("microseconds")? / 1e6, ..Run::default() })
    }

    fn h2load(&self, site: &Site, seconds: u32) -> Command {
        let mut command = Command::new("h2load");
        command.args(["-t1", "-c8", "-D", &seconds.to_string()]);
        for (name, value) in &self.headers {
            command.arg("-H").arg(format!("{name}: {value}"));
        }
        command.arg(format!("http://127.0.0.1:{}{PATH}", site.envoy.port));
        command
    }

    fn h2load_run(&self, site: &Site, seconds: u32) -> Result<Run, String> {
        let output = output(self.h2load(site, seconds).args(["-m", "4"]))?;
        let succeeded = succeeded(site, &output)?;
        Ok(Run { requests: succeeded, seconds: f64::from(seconds), ..Run::default() })
    }

    /// At this many requests a second, from eight connections.
    pub(crate) fn paced(&self, site: &Site, rate: f64, seconds: u32) -> Result<Latency, String> {
        let log = self.directory.join("latency.tsv");
        drop(std::fs::remove_file(&log));
        let mut command = self.h2load(site, seconds);
        command.args(["--h1", &format!("--rps={:.0}", (rate / 8.0).max(1.0))]);
        succeeded(site, &output(command.arg("--log-file").arg(&log))?)?;
        let text = std::fs::read_to_string(&log).map_err(|error| format!("h2load wrote no log: {error}"))?;
        let times = text.lines().filter_map(|line| line.split('\t').nth(2)?.trim().parse::<f64>().ok());
        let mut times: Vec<f64> = times.collect();
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied();
        match (at(0.5), at(0.99)) {
            (Some(p50), Some(p99)) => Ok(Latency { p50, p99 }),
            _ => Err(format!("h2load logged no answers of {}", site.variant.name())),
        }
    }
}

/// Answers of the 2xx kind; anything else is an error, because a refusal is cheaper or dearer than an answer.
fn succeeded(site: &Site, output: &str) -> Result<f64, String> {
    let count = |name: &str| -> Option<f64> {
        let line = output.lines().find(|line| line.starts_with("status codes:"))?;
        let part = line.trim_start_matches("status codes:").split(',').find(|part| part.trim().ends_with(name))?;
        part.split_whitespace().next()?.parse().ok()
    };
    let others: f64 = ["3xx", "4xx", "5xx"].iter().filter_map(|name| count(name)).sum();
    match count("2xx") {
        Some(good) if good > 0.0 && others == 0.0 => Ok(good),
        _ => Err(format!("{}: not every request was answered with 2xx:\n{output}", site.variant.name())),
    }
}

fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// CPU seconds of the site's Envoy and of its authorizer so far.
fn spent(site: &Site) -> Result<(f64, f64), String> {
    let authorizer = site.authorizer.as_ref().map_or(Ok(0.0), |authorizer| cpu_seconds(authorizer.process_id()))?;
    Ok((cpu_seconds(site.envoy.process_id())?, authorizer))
}

/// User and system time of a process (proc(5): fields 14 and 15 of `stat`).
fn cpu_seconds(process: u32) -> Result<f64, String> {
    /// Linux counts hundredths of a second for programs on every architecture that Envoy is built for.
    const TICKS: f64 = 100.0;
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
    // The name in parentheses may hold anything.
    let rest = text.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |number: usize| rest.split(' ').nth(number - 3).and_then(|text| text.parse::<f64>().ok());
    let ticks = field(14).zip(field(15)).map(|(user, system)| user + system);
    ticks.map(|ticks| ticks / TICKS).ok_or_else(|| format!("{path} is not as expected: {text}"))
}

/// Resident memory of a process in MB.
pub(crate) fn resident(process: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0 / 1e6
}
