//! `make demo` and `make up`: a real Envoy with the filter, driven from outside like anybody's gateway.
//! The cases are in `cases.rs`; nothing here or there reaches into the filter.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout)]

mod cases;
#[path = "../gateway/mod.rs"]
mod gateway;
#[path = "../../src/bin/session-risk/report/html.rs"]
mod html;
#[path = "../../src/bin/session-risk/report/plot.rs"]
mod plot;
mod report;
mod timeline;

use clap::{Parser, Subcommand};
use gateway::{Example, Gateway, envoy, interrupt};
use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
    process::ExitCode,
};
use timeline::Timeline;

/// Watch a real Envoy catch four sessions going bad while an honest one passes.
#[derive(Parser)]
#[command(name = "session-risk-demo")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Job>,
    /// The filter [default: SESSION_RISK_WASM, else target/wasm32-wasip1/release/session_risk.wasm]
    #[arg(long, global = true, value_name = "FILE")]
    wasm: Option<PathBuf>,
    /// The Envoy to run [default: what tests/find-envoy finds]
    #[arg(long, global = true, value_name = "FILE")]
    envoy: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Job {
    /// Drive the five sessions and write target/demo/timeline.json and target/demo/report.html (the default)
    Run,
    /// Leave the gateway running for curl until Ctrl-C
    Up,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = interrupt::note().and_then(|()| match arguments.command {
        None | Some(Job::Run) => run(&arguments),
        Some(Job::Up) => up(&arguments).map(|()| true),
    });
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &Arguments, directory: &Path) -> Result<Gateway, String> {
    let module = arguments.wasm.clone().map_or_else(gateway::module, Ok)?;
    if !module.is_file() {
        return Err(format!("no module at {}; run `make wasm`", module.display()));
    }
    let binary = arguments.envoy.clone().map_or_else(|| envoy::find(None), Ok)?;
    eprintln!("starting {}", binary.display());
    let example = Example { concurrency: 2, ..Example::named("envoy.yaml") };
    let gateway = Gateway::start(&example, directory, &binary, &module)?;
    eprintln!("Envoy {} listens on 127.0.0.1:{}", gateway.envoy.version, gateway.envoy.port);
    Ok(gateway)
}

fn run(arguments: &Arguments) -> Result<bool, String> {
    let directory = gateway::target().join("demo");
    let gateway = start(arguments, &directory)?;
    let colour = std::io::stdout().is_terminal();
    let mut timelines: Vec<Timeline> = Vec::new();
    for case in cases::CASES {
        println!("\n{} - {}\n", case.name, case.story);
        let mut timeline = Timeline::new(case.name, case.story, colour);
        if let Err(problem) = (case.run)(&gateway, &mut timeline) {
            if interrupt::came() {
                return Err("interrupted".to_owned());
            }
            println!("  problem: {problem}");
            timeline.problem = Some(problem);
        }
        timelines.push(timeline);
    }
    let json = serde_json::to_string_pretty(&timelines.iter().map(Timeline::json).collect::<Vec<_>>())
        .map_err(|error| error.to_string())?;
    let version = &gateway.envoy.version;
    for (name, text) in [("timeline.json", json), ("report.html", report::html(&timelines, version))] {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    println!("\nreport: {}\n", directory.join("report.html").display());
    for timeline in &timelines {
        println!("case {}: {}", timeline.name, if timeline.problem.is_none() { "PASS" } else { "FAIL" });
    }
    Ok(timelines.iter().all(|timeline| timeline.problem.is_none()))
}

fn up(arguments: &Arguments) -> Result<(), String> {
    let gateway = start(arguments, &gateway::target().join("up"))?;
    let tokens = gateway.identity.serve().map_err(|error| format!("cannot start the identity provider: {error}"))?;
    let port = gateway.envoy.port;
    let now = gateway::identity::now();
    let device = |posture: &str| {
        gateway.identity.token(serde_json::json!({
            "sub": "mallory", "sid": "session-1", "auth_time": now - 60, "device": {"posture": posture},
        }))
    };
    println!(
        "\nA gateway with the configuration of envoy-config/envoy.yaml, an upstream that echoes what it sees, and\n\
         geolocation from envoy-config/demo-networks.csv. Clients are told apart by x-forwarded-for.\n\n\
         An API key at home, then in another country:\n\
         \x20 PORT={port}\n\
         \x20 curl -i -H 'x-api-key: k1' -H 'x-forwarded-for: 84.128.1.1' http://127.0.0.1:{port}/v1/orders\n\
         \x20 curl -i -H 'x-api-key: k1' -H 'x-forwarded-for: 128.199.64.9' http://127.0.0.1:{port}/v1/orders\n\
         \x20 curl -i -H 'x-api-key: k1' -H 'x-forwarded-for: 128.199.64.9' -d '{{}}' http://127.0.0.1:{port}/v1/orders\n\n\
         A person whose device is compliant, then not (same session):\n\
         \x20 GOOD={good}\n\
         \x20 BAD={bad}\n\
         \x20 curl -i -H \"authorization: Bearer $GOOD\" http://127.0.0.1:{port}/v1/orders\n\
         \x20 curl -i -H \"authorization: Bearer $BAD\" -d '{{}}' http://127.0.0.1:{port}/v1/orders\n\
         \x20 curl -i -H \"authorization: Bearer $BAD\" http://127.0.0.1:{port}/admin/users\n\n\
         Any other token (issuer, audience and times are filled in):\n\
         \x20 TOKEN=$(curl -s http://127.0.0.1:{tokens}/ -d '{{\"sub\": \"ci\", \"sid\": \"2\", \"client_kind\": \"ci\", \"auth_time\": {now}}}')\n\n\
         Metrics:    curl -s http://127.0.0.1:{admin}/stats/prometheus | grep ^session_risk\n\
         Access log: tail -f {log}\n\nCtrl-C ends it.",
        good = device("compliant"),
        bad = device("not-compliant"),
        tokens = tokens.port(),
        admin = gateway.envoy.admin,
        log = gateway.envoy.log.path.display(),
    );
    gateway.wait()
}
