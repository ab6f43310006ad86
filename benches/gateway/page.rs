//! The same figures as a page with bars, which loads nothing and runs no script.

use crate::{
    Outcome,
    html::escaped,
    output::{Machine, describe, latency},
    shell::{Bar, bars, card, page},
    variants::Variant,
};

pub(crate) fn html(outcomes: &[Outcome], machine: &Machine) -> String {
    let most = outcomes
        .iter()
        .flat_map(|outcome| outcome.measured.iter().filter_map(|measured| outcome.added(measured.variant)))
        .fold(1.0, |most: f64, spread| most.max(spread.median));
    let mut body = format!(
        "<header><h1>What a request costs in Envoy</h1><p>{}. Bars are CPU time a request above an Envoy without a \
         filter, with the authorizer's own, all on one scale.</p></header>\n",
        escaped(&machine.words())
    );
    for outcome in outcomes {
        let mut inner = bars(&added(outcome, most), None);
        if let (Some(empty), Some(external)) = outcome.ratios() {
            inner += &format!(
                "<p>{empty:.2} times an empty wasm filter; the external authorizer is {external:.2} times that.</p>"
            );
        }
        body += &card(&describe(outcome), &inner);
    }
    if let Some(base) = outcomes.first() {
        body += &card("Time to an answer at half load of the slowest", &bars(&times(base), None));
    }
    page("Session Risk: cost in Envoy", &body)
}

fn added(outcome: &Outcome, most: f64) -> Vec<Bar> {
    let others = outcome.measured.iter().filter(|measured| measured.variant != Variant::None);
    let bar = |measured: &crate::Measured| {
        let spread = outcome.added(measured.variant)?;
        Some(Bar {
            name: measured.variant.name().to_owned(),
            length: spread.median / most,
            figures: format!("{:.1} us", spread.median),
            soft: format!("{:.1} to {:.1}", spread.least, spread.most),
        })
    };
    others.filter_map(bar).collect()
}

fn times(base: &Outcome) -> Vec<Bar> {
    let most = base.measured.iter().fold(1.0, |most: f64, measured| most.max(latency(measured).0.median));
    let bar = |measured: &crate::Measured| {
        let (p50, p99) = latency(measured);
        Bar {
            name: measured.variant.name().to_owned(),
            length: p50.median / most,
            figures: format!("{:.0} us", p50.median),
            soft: format!("99th percentile {:.0}", p99.median),
        }
    };
    base.measured.iter().map(bar).collect()
}
