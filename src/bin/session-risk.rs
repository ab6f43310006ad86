//! The command line: checks a configuration before a gateway loads it, replays logs, evaluates labelled traces, and prints
//! the schema and the catalogue.
//! It decides nothing itself: what a configuration means is the library's.

#[path = "session-risk/check.rs"]
mod check;
#[path = "session-risk/eval.rs"]
mod eval;
#[path = "session-risk/explain.rs"]
mod explain;
#[path = "session-risk/replay.rs"]
mod replay;
#[path = "session-risk/report.rs"]
mod report;
#[path = "session-risk/signals.rs"]
mod signals;
#[path = "session-risk/trace.rs"]
mod trace;
#[path = "session-risk/tune.rs"]
mod tune;

use clap::{Parser, Subcommand};
use session_risk::config::schema;
use std::{
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

const EXIT_CODES: &str = "\
Exit codes:
  0  good
  1  the configuration has problems; each is named on standard error
  2  the command could not be run: wrong arguments, or a file that cannot be read
  3  a log ends early or is damaged: the output holds what came before";

const CHECK_EXAMPLES: &str = "\
Examples:
  session-risk check filter.json            problems, or one line that says ok
  session-risk check filter.json --print    with every default filled in
  kubectl get cm risk -o jsonpath='{.data.config}' | session-risk check -

What is checked is the JSON that the filter is configured with: in Envoy, the text in
`config.configuration.value`. An Envoy configuration as a whole is checked with `envoy --mode validate`.

Exit codes:
  0  the configuration can be used; there may be warnings
  1  it has problems; each is named on standard error with its place
  2  the file cannot be read";

const REPLAY_EXAMPLES: &str = "\
Examples:
  session-risk replay access.jsonl --config filter.json
  zcat access.jsonl.gz | session-risk replay - --config filter.json --jsonl > decisions.jsonl
  session-risk replay access.jsonl.gz --config filter.json --report report.html --worst 50

A line is a JSON object. Needed: ts (ms), session, method, path. Read if there: subject, actor, mcp_method, tool,
target, scope, ip, asn, country, lat, lon, anonymizer, ua, ja4, posture, binding, identity, auth_time, acr, status,
bytes_out. Numbers may be text; null, \"\" and \"-\" say nothing. envoy-config/access-log.yaml writes such lines.
Files are parts of one log, read oldest first, with one session table; --separate gives each its own.
Routes, tools, weights, levels, rules and table are the configuration's; the identity is what the line says.";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  session-risk explain 3f9c0a /var/log/envoy/access.json* --config filter.json
  session-risk explain 3f9c0a access.jsonl.gz --config filter.json --json | jq -r '.conclusion[]'

Requests that go on with what an earlier one began are told together; --all tells each. No address is shown, and no
query. A name that no session has is answered with those of the highest scores.";

const EVAL_EXAMPLES: &str = "\
Example:
  session-risk eval traces/ --json figures.json

Each line has label {attack, scenario, source}; labels never reach the scorer. A session is flagged by its first
decision that is not allow. Flags before the first attack request count as early, in benign sessions as friction;
restrictions by a hard criterion (posture, declared scope) count apart as policy_restricts.
Beside it, in the same run: every honest twin, a curve of friction against detection for ours and for each simple rule,
and what each finds at 1, 5 and 10 per 1,000 and at our friction. Requests stay in memory, about 300 bytes each.";

const TUNE_EXAMPLES: &str = "\
Example:
  session-risk tune traces/ --friction 5/1000 --config filter.json --write tuned.json
  session-risk check tuned.json

Turns levels, scores that rules ask for, and weights, each from half to twice of what is configured, in whole points;
hard criteria stay. Sessions are split by subject: what is tuned on one half is reported on the other. With labels
{attack, scenario, source} as for `eval`, as much as possible is found within the budget; without, every session is
taken for honest and thresholds are made as low as the budget allows. The same input gives the same result. At most
60 steps: 300,000 requests take half a minute on two processors. Requests stay in memory, about 300 bytes each.";

#[derive(Parser)]
#[command(
    name = "session-risk",
    version,
    about = "Checks configurations of the Session Risk filter, and replays logs through it"
)]
#[command(after_help = EXIT_CODES, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks a filter configuration: every problem at once, each with its JSON path
    #[command(after_help = CHECK_EXAMPLES)]
    Check {
        /// A JSON file, or `-` for standard input
        file: PathBuf,
        /// Print the effective configuration, every default filled in; the secret is not shown
        #[arg(long)]
        print: bool,
    },
    /// Replays an access log: what the gateway would have decided, and why
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay {
        #[command(flatten)]
        inputs: trace::Inputs,
        /// Print every decision as one JSON line; the summary then goes to standard error
        #[arg(long)]
        jsonl: bool,
        /// Write a report to this file: one HTML page with the worst sessions' scores drawn, nothing to load
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// How many of the worst sessions to tell of
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(..=500))]
        worst: u16,
    },
    /// Measures detection and friction on labelled traces, with simple rules beside them
    #[command(after_help = EVAL_EXAMPLES)]
    Eval {
        #[command(flatten)]
        inputs: trace::Inputs,
        /// Write the figures to this file as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Write the figures to this file as an HTML page with plots
        #[arg(long, value_name = "FILE")]
        report: Option<PathBuf>,
        /// Evaluate again with each signal left out in turn
        #[arg(long)]
        ablation: bool,
    },
    /// Proposes levels, scores and weights that keep friction within a budget
    #[command(after_help = TUNE_EXAMPLES)]
    Tune {
        #[command(flatten)]
        inputs: trace::Inputs,
        /// Honest sessions that may be flagged: `5/1000`, `0.5%`
        #[arg(long, value_name = "SHARE", value_parser = tune::budget)]
        friction: session_risk::replay::tune::Budget,
        /// Write the tuned configuration to this file
        #[arg(long, value_name = "FILE")]
        write: Option<PathBuf>,
    },
    /// Tells one session's life: what raised its score, how it decayed, which rule acted
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain {
        /// The session as the log names it, or enough of its beginning
        session: String,
        #[command(flatten)]
        inputs: trace::Inputs,
        #[command(flatten)]
        manner: explain::Manner,
    },
    /// Prints the JSON schema of the filter configuration, for editors
    #[command(after_help = "Example:\n  session-risk schema > session-risk.schema.json")]
    Schema,
    /// Prints the catalogue of signals: what is looked for, and what it weighs
    #[command(after_help = "Example:\n  session-risk signals | grep network\n\n\
        A weight is in points. Ten points: the odds that the session is in the wrong hands have grown tenfold.")]
    Signals,
}

fn main() -> ExitCode {
    let run = match Arguments::parse().command {
        Command::Check { file, print } => match read(&file) {
            Ok(text) => check::check(&shown(&file), &text, print),
            Err(message) => {
                // Nothing is left to do if standard error is closed too.
                let _ = writeln!(io::stderr().lock(), "error: {message}");
                return ExitCode::from(2);
            }
        },
        Command::Replay { inputs, jsonl, report, worst } => {
            let inputs = inputs.joined().quiet_if(jsonl && io::stdout().is_terminal());
            ended(replay::run(&inputs, &replay::Wanted { jsonl, report: report.as_deref(), worst }), &inputs)
        }
        Command::Eval { inputs, json, report, ablation } => {
            let wanted = eval::Wanted { json: json.as_deref(), report: report.as_deref(), ablation };
            ended(eval::run(&inputs, &wanted), &inputs)
        }
        Command::Tune { inputs, friction, write } => ended(tune::run(&inputs, friction, write.as_deref()), &inputs),
        Command::Explain { session, inputs, manner } => {
            let inputs = inputs.joined();
            ended(explain::run(&inputs, &session, &manner), &inputs)
        }
        Command::Schema => pretty(&schema::schema()).map(|()| ExitCode::SUCCESS),
        Command::Signals => signals::print().map(|()| ExitCode::SUCCESS),
    };
    match run {
        Ok(code) => code,
        // `session-risk signals | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr().lock(), "error: the output cannot be written: {error}");
            ExitCode::from(2)
        }
    }
}

/// The exit code of a command over traces; an output error is left to whoever asked.
fn ended(result: Result<(), trace::Failure>, inputs: &trace::Inputs) -> io::Result<ExitCode> {
    match result {
        Ok(()) => Ok(if inputs.torn() { ExitCode::from(3) } else { ExitCode::SUCCESS }),
        Err(trace::Failure::Output(error)) => Err(error),
        Err(trace::Failure::Message(message)) => {
            // Nothing is left to do if standard error is closed too.
            let _ = writeln!(io::stderr().lock(), "error: {message}");
            Ok(ExitCode::from(2))
        }
    }
}

/// The text of a file, or a message that says which file and what to do.
fn read(file: &Path) -> Result<Vec<u8>, String> {
    let name = shown(file);
    if file.as_os_str() == "-" {
        let mut text = Vec::new();
        return match io::stdin().lock().read_to_end(&mut text) {
            Ok(_) => Ok(text),
            Err(error) => Err(format!("standard input cannot be read: {error}")),
        };
    }
    std::fs::read(file).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            format!(
                "`{name}` does not exist; name a JSON file with the filter's configuration, or `-` for standard input"
            )
        }
        io::ErrorKind::IsADirectory => format!("`{name}` is a directory; name a file in it"),
        io::ErrorKind::PermissionDenied => format!("`{name}` may not be read by this user; check its permissions"),
        _ => format!("`{name}` cannot be read: {error}"),
    })
}

fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() }
}

/// Writes JSON to standard output, indented.
fn pretty(json: &serde_json::Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{json:#}")
}
