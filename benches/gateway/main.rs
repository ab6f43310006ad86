//! `make bench-gateway`: what one request costs in a real Envoy with this filter, beside other ways to do it, in one run.
//! Variants take turns (A B C A B C), so that a busy machine is busy for all of them; one thing is varied at a time.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, clippy::print_stdout, clippy::cast_precision_loss)]
#![allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]

#[allow(unused_imports, reason = "the demo and the tests use more of it")]
#[path = "../../tests/gateway/mod.rs"]
mod gateway;
#[path = "../../src/bin/session-risk/report/html.rs"]
mod html;
mod load;
mod modules;
mod output;
mod page;
#[allow(dead_code, reason = "other reports use more of it")]
#[path = "../../src/bin/session-risk/report/shell.rs"]
mod shell;
mod variants;

use clap::Parser;
use gateway::{Identity, envoy, interrupt};
use load::{Latency, Run, Setting, Traffic, resident};
use output::Machine;
use std::{process::ExitCode, time::Duration};
use variants::{Site, Table, Variant, Workshop};

/// Measure what a request costs in Envoy with the filter and with others in its place.
#[derive(Parser)]
struct Arguments {
    /// Every variant in every row, more and longer rounds, and a million sessions: about 40 minutes instead of four
    #[arg(long)]
    full: bool,
    /// Only this row, by its name; may be given several times
    #[arg(long)]
    row: Vec<String>,
}

/// How long is measured.
#[derive(Clone, Copy)]
struct Effort {
    full: bool,
    rounds: usize,
    /// Rounds of rows other than the first.
    further_rounds: usize,
    seconds: u32,
}

impl Effort {
    const QUICK: Self = Self { full: false, rounds: 3, further_rounds: 2, seconds: 2 };
    const FULL: Self = Self { full: true, rounds: 7, further_rounds: 5, seconds: 4 };
}

/// One line of settings, and who is measured there.
struct Row {
    name: &'static str,
    setting: Setting,
    table: Table,
    variants: &'static [Variant],
}

/// A variant's figures in a row, one a round.
struct Measured {
    variant: Variant,
    runs: Vec<Run>,
    latencies: Vec<Latency>,
    resident: f64,
    /// Milliseconds from the start of the process until it served.
    ready: f64,
    /// Compare-and-swaps lost to another worker, in a million requests.
    lost: f64,
}

/// A row's figures.
struct Outcome {
    name: &'static str,
    setting: Setting,
    measured: Vec<Measured>,
}

const SOME: &[Variant] = &[Variant::None, Variant::EmptyWasm, Variant::SessionRisk, Variant::ExtAuthzCore];
const STATEFUL: &[Variant] = &[Variant::None, Variant::EmptyWasm, Variant::SessionRisk];

/// The first row is the base; every other one differs from it in one thing.
fn rows(full: bool) -> Vec<Row> {
    let variants: &'static [Variant] = if full { &Variant::ALL } else { SOME };
    let setting = Setting { workers: 1, sessions: 1_000, token: 0, http2: false };
    let table = Table { buckets: 4096, ways: 8 };
    let (larger, largest) = (Table { buckets: 32_768, ways: 8 }, Table { buckets: 65_536, ways: 16 });
    let row = |name, setting| Row { name, setting, table, variants };
    let mut rows = vec![
        Row { name: "base", setting, table, variants: &Variant::ALL },
        row("1 session", Setting { sessions: 1, ..setting }),
        Row { table: larger, ..row("100,000 sessions", Setting { sessions: 100_000, ..setting }) },
        row("1 KiB token", Setting { token: 1024, ..setting }),
        row("2 workers", Setting { workers: 2, ..setting }),
        row("2 workers, 1 session", Setting { workers: 2, sessions: 1, ..setting }),
        row("HTTP/2, 1 session", Setting { http2: true, sessions: 1, ..setting }),
    ];
    if full {
        let million = Setting { sessions: 1_000_000, ..setting };
        rows.push(Row { table: largest, variants: STATEFUL, ..row("1,000,000 sessions", million) });
    }
    rows
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let effort = if arguments.full { Effort::FULL } else { Effort::QUICK };
    match interrupt::note().and_then(|()| run(effort, &arguments.row)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(effort: Effort, only: &[String]) -> Result<(), String> {
    let mut rows = rows(effort.full || !only.is_empty());
    if let Some(unknown) = only.iter().find(|name| !rows.iter().any(|row| row.name == **name)) {
        let names: Vec<&str> = rows.iter().map(|row| row.name).collect();
        return Err(format!("no row `{unknown}`; there are: {}", names.join("; ")));
    }
    rows.retain(|row| only.is_empty() || only.iter().any(|name| name == row.name));
    for tool in ["wrk", "h2load"] {
        if std::process::Command::new(tool).arg("--version").output().is_err() {
            return Err(format!("no {tool}; on Debian or Ubuntu: apt-get install wrk nghttp2-client"));
        }
    }
    let directory = gateway::target().join("bench");
    std::fs::create_dir_all(&directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    let workshop = Workshop {
        envoy: envoy::find(None)?,
        module: gateway::module()?,
        directory: directory.join("gateway"),
        identity: Identity::new(),
    };
    let machine = Machine::now(&workshop)?;
    let mut results = Vec::new();
    for row in rows {
        results.push(measure(&workshop, &row, effort, row.name == "base")?);
    }
    let machine = machine.ended();
    let json = output::json(&results, &machine, effort.full);
    let (figures, picture) = (directory.join("gateway.json"), directory.join("gateway.html"));
    variants::write(&figures, &format!("{json:#}\n"))?;
    variants::write(&picture, &page::html(&results, &machine))?;
    print!("{}", output::table(&results, &machine));
    println!("\n{}\n{}", figures.display(), picture.display());
    Ok(())
}

/// Measures a row: all its Envoys run at once and are loaded in turns.
fn measure(workshop: &Workshop, row: &Row, effort: Effort, base: bool) -> Result<Outcome, String> {
    eprintln!("{}", row.name);
    std::fs::create_dir_all(&workshop.directory).map_err(|error| error.to_string())?;
    let traffic = Traffic::new(row.setting, &workshop.identity, &workshop.directory)?;
    let start = |variant: &Variant| Site::start(workshop, *variant, row.setting.workers, row.table);
    let sites = row.variants.iter().map(start).collect::<Result<Vec<Site>, String>>()?;
    let fresh = |site: &Site| Measured {
        variant: site.variant,
        runs: vec![],
        latencies: vec![],
        resident: 0.0,
        ready: site.ready.as_secs_f64() * 1e3,
        lost: 0.0,
    };
    let mut measured: Vec<Measured> = sites.iter().map(fresh).collect();
    for site in &sites {
        warm(&traffic, site, row.setting)?;
    }
    let rounds = if base { effort.rounds } else { effort.further_rounds };
    for _ in 0..rounds {
        for (site, figures) in sites.iter().zip(&mut measured) {
            figures.runs.push(calm(|| traffic.saturate(site, effort.seconds))?);
        }
    }
    if base {
        // The same rate for all: half of what the slowest can do.
        let slowest = measured.iter().map(|figures| output::rate(figures).median).fold(f64::MAX, f64::min);
        for _ in 0..rounds {
            for (site, figures) in sites.iter().zip(&mut measured) {
                figures.latencies.push(calm(|| traffic.paced(site, slowest / 2.0, effort.seconds))?);
            }
        }
    }
    for (site, figures) in sites.iter().zip(&mut measured) {
        figures.resident = resident(site.envoy.process_id());
        let requests = site.envoy.counter("requests").max(1);
        figures.lost = site.envoy.counter("table.conflicts") as f64 / requests as f64 * 1e6;
    }
    Ok(Outcome { name: row.name, setting: row.setting, measured })
}

/// Until the module's code is optimised, and every session has been seen.
fn warm(traffic: &Traffic, site: &Site, setting: Setting) -> Result<(), String> {
    let mut left = f64::from(setting.sessions) * 1.1;
    loop {
        left -= calm(|| traffic.saturate(site, 1))?.requests;
        if left <= 0.0 {
            return Ok(());
        }
    }
}

/// Lets what the last run left behind settle, and stops when asked to.
fn calm<T>(run: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    if interrupt::came() {
        return Err("interrupted".to_owned());
    }
    std::thread::sleep(Duration::from_millis(50));
    run()
}
