//! From runs to figures: medians with their spread, what a variant adds, ratios; as text and as JSON.

use crate::{
    Measured, Outcome,
    gateway::envoy,
    load::Run,
    variants::{Variant, Workshop},
};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Where and when it was measured.
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) envoy: String,
    pub(crate) module_bytes: u64,
    /// Processes that wanted to run in the minute before, and in the last minute of the run.
    pub(crate) load: (f64, f64),
}

impl Machine {
    pub(crate) fn now(workshop: &Workshop) -> Result<Self, String> {
        Ok(Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            envoy: envoy::version(&workshop.envoy)?,
            module_bytes: std::fs::metadata(&workshop.module).map_or(0, |metadata| metadata.len()),
            load: (load_average(), 0.0),
        })
    }

    pub(crate) fn ended(self) -> Self {
        Self { load: (self.load.0, load_average()), ..self }
    }

    pub(crate) fn words(&self) -> String {
        format!(
            "Envoy {}, {} cores, load {:.2} before the run and {:.2} at its end (the run's own included), module {} bytes",
            self.envoy, self.cores, self.load.0, self.load.1, self.module_bytes
        )
    }
}

fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0)
}

/// A median and what it lies between.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (values.first(), values.last()) else { return Self::default() };
        let middle = values.len() / 2;
        let median =
            if values.len().is_multiple_of(2) { (values[middle - 1] + values[middle]) / 2.0 } else { values[middle] };
        Self { median, least: *least, most: *most }
    }

    fn json(self) -> Value {
        json!([tenths(self.least), tenths(self.most)])
    }

    fn text(self) -> String {
        format!("{:.1} ({:.1}..{:.1})", self.median, self.least, self.most)
    }
}

fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

fn envoy_cost(run: &Run) -> f64 {
    run.envoy / run.requests * 1e6
}

fn authorizer_cost(run: &Run) -> f64 {
    run.authorizer / run.requests * 1e6
}

/// Requests a second.
pub(crate) fn rate(measured: &Measured) -> Spread {
    Spread::of(measured.runs.iter().map(|run| run.requests / run.seconds))
}

impl Outcome {
    pub(crate) fn of(&self, variant: Variant) -> Option<&Measured> {
        self.measured.iter().find(|measured| measured.variant == variant)
    }

    /// CPU above no filter, authorizer's own included, in microseconds a request: round by round, then the median.
    pub(crate) fn added(&self, variant: Variant) -> Option<Spread> {
        let (none, measured) = (self.of(Variant::None)?, self.of(variant)?);
        let pairs = measured.runs.iter().zip(&none.runs);
        Some(Spread::of(pairs.map(|(run, bare)| envoy_cost(run) + authorizer_cost(run) - envoy_cost(bare))))
    }

    fn ratio(&self, dividend: Variant, divisor: Variant) -> Option<f64> {
        Some(self.added(dividend)?.median / self.added(divisor)?.median)
    }

    /// What ours costs in units of an empty filter; what the authorizer costs in units of ours.
    pub(crate) fn ratios(&self) -> (Option<f64>, Option<f64>) {
        (self.ratio(Variant::SessionRisk, Variant::EmptyWasm), self.ratio(Variant::ExtAuthzCore, Variant::SessionRisk))
    }
}

/// The figures under the names that others rely on; `rows` has every row.
pub(crate) fn json(outcomes: &[Outcome], machine: &Machine, full: bool) -> Value {
    let mut whole = outcomes.first().map_or_else(|| json!({}), figures);
    whole["mode"] = if full { "full" } else { "quick" }.into();
    whole["machine"] = json!({
        "cores": machine.cores,
        "envoy": machine.envoy,
        "module_bytes": machine.module_bytes,
        "load_before_and_after": [machine.load.0, machine.load.1],
    });
    whole["rows"] = outcomes.iter().map(|outcome| (outcome.name.to_owned(), figures(outcome))).collect();
    whole
}

fn figures(outcome: &Outcome) -> Value {
    let (mut variants, mut added) = (Map::new(), Map::new());
    for measured in &outcome.measured {
        let spread = |cost: fn(&Run) -> f64| Spread::of(measured.runs.iter().map(cost));
        let (envoy, authorizer, rate) = (spread(envoy_cost), spread(authorizer_cost), rate(measured));
        let mut row = json!({
            "cpu_us_per_request": tenths(envoy.median),
            "cpu_us_per_request_between": envoy.json(),
            "requests_per_s": rate.median.round(),
            "resident_mb": tenths(measured.resident),
            "ready_ms": tenths(measured.ready),
        });
        if authorizer.median > 0.0 {
            row["authorizer_cpu_us_per_request"] = tenths(authorizer.median).into();
        }
        if !measured.latencies.is_empty() {
            let (p50, p99) = latency(measured);
            row["p50_us"] = tenths(p50.median).into();
            row["p99_us"] = tenths(p99.median).into();
            row["p50_us_between"] = p50.json();
            row["p99_us_between"] = p99.json();
        }
        if matches!(measured.variant, Variant::SessionRisk | Variant::SessionRiskEnforce) {
            row["cas_lost_per_million_requests"] = tenths(measured.lost).into();
        }
        let name = measured.variant.name();
        variants.insert(name.to_owned(), row);
        if measured.variant != Variant::None
            && let Some(spread) = outcome.added(measured.variant)
        {
            added.insert(name.to_owned(), tenths(spread.median).into());
        }
    }
    let hundredths = |ratio: Option<f64>| ratio.map(|ratio| (ratio * 100.0).round() / 100.0);
    let (empty, external) = outcome.ratios();
    let mut ratios = Map::new();
    let named = [("session_risk_over_empty_wasm", empty), ("ext_authz_core_over_session_risk", external)];
    for (name, ratio) in named {
        if let Some(ratio) = hundredths(ratio) {
            ratios.insert(name.to_owned(), ratio.into());
        }
    }
    let setting = outcome.setting;
    json!({
        "setting": {
            "workers": setting.workers, "sessions": setting.sessions, "token_bytes_at_least": setting.token,
            "http": if setting.http2 { 2 } else { 1 },
        },
        "variants": variants,
        "added": added,
        "ratios": ratios,
    })
}

/// Time to an answer: the median and the 99th percentile of each round.
pub(crate) fn latency(measured: &Measured) -> (Spread, Spread) {
    let times = &measured.latencies;
    (Spread::of(times.iter().map(|latency| latency.p50)), Spread::of(times.iter().map(|latency| latency.p99)))
}

/// The figures for people.
pub(crate) fn table(outcomes: &[Outcome], machine: &Machine) -> String {
    let mut text = format!("{}\n", machine.words());
    text.push_str("CPU in microseconds a request: median of the rounds (least..most). Added: above `none`, authorizer included.\n\
         Ready: from the start of the process. Lost CAS: compare-and-swaps lost to another worker, in a million requests.\n");
    for outcome in outcomes {
        let _ = writeln!(text, "\n{}", describe(outcome));
        let _ = writeln!(
            text,
            "  {:<21} {:>22} {:>11} {:>22} {:>8} {:>7} {:>7} {:>7} {:>9} {:>9}",
            "", "Envoy", "authorizer", "added", "req/s", "p50 us", "p99 us", "MB", "ready ms", "lost CAS"
        );
        for measured in &outcome.measured {
            let spread = |cost: fn(&Run) -> f64| Spread::of(measured.runs.iter().map(cost));
            let authorizer = spread(authorizer_cost).median;
            let added = outcome.added(measured.variant).filter(|_| measured.variant != Variant::None);
            let (p50, p99) = latency(measured);
            let shown = |number: f64| if number > 0.0 { format!("{number:.0}") } else { String::new() };
            let _ = writeln!(
                text,
                "  {:<21} {:>22} {:>11} {:>22} {:>8.0} {:>7} {:>7} {:>7.0} {:>9.0} {:>9.0}",
                measured.variant.name(),
                spread(envoy_cost).text(),
                if authorizer > 0.0 { format!("{authorizer:.1}") } else { String::new() },
                added.map_or(String::new(), Spread::text),
                rate(measured).median,
                shown(p50.median),
                shown(p99.median),
                measured.resident,
                measured.ready,
                measured.lost,
            );
        }
        let (empty, external) = outcome.ratios();
        if let Some(ratio) = empty {
            let _ = write!(text, "  session_risk / empty_wasm {ratio:.2}");
        }
        if let Some(ratio) = external {
            let _ = write!(text, "; ext_authz_core / session_risk {ratio:.2}");
        }
        text.push('\n');
    }
    text
}

/// A row's settings in words.
pub(crate) fn describe(outcome: &Outcome) -> String {
    let setting = outcome.setting;
    format!(
        "{}: HTTP/{}, workers {}, sessions {}, token {}",
        outcome.name,
        if setting.http2 { 2 } else { 1 },
        setting.workers,
        setting.sessions,
        if setting.token > 0 { "of 1 KiB" } else { "small" }
    )
}
