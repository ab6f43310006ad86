//! What the commands over logs share: which files, which configuration, and a stream of records from both. How a file is
//! read is in `trace/source.rs`, the bar on a terminal in `trace/progress.rs`. Nothing here looks at a decision.

#[path = "trace/progress.rs"]
mod progress;
#[path = "trace/source.rs"]
mod source;

use clap::Args;
use progress::Progress;
use serde_json::Value;
use session_risk::replay::{
    self, Replay,
    record::{Record, Unread},
};
use source::{Line, Source};
use std::{
    cell::Cell,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where the requests and the configuration come from.
#[derive(Args)]
pub(crate) struct Inputs {
    /// Logs or traces: JSON lines, plain or gzip, or directories of them; `-` is standard input
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// The gateway's configuration (default: every default)
    #[arg(long)]
    config: Option<PathBuf>,
    /// A description of the application whose `routes` and `tools` the configuration gets (default: `app.json` in a
    /// directory given as trace)
    #[arg(long)]
    app: Option<PathBuf>,
    /// Give each file a session table of its own, as for logs of several gateways; labelled traces always have one
    #[arg(long)]
    separate: bool,
    /// The files are parts of one log.
    #[arg(skip)]
    one_log: bool,
    /// No bar: it would stand between lines of output.
    #[arg(skip)]
    quiet: bool,
    /// A file ended early or was damaged.
    #[arg(skip)]
    torn: Cell<bool>,
    /// What is wrong with the files was said by an earlier run over them.
    #[arg(skip)]
    said: Cell<bool>,
}

/// Why a command could not be finished.
pub(crate) enum Failure {
    /// What went wrong and what to do.
    Message(String),
    /// The output cannot be written; whoever reads it may have had enough.
    Output(io::Error),
}

impl From<String> for Failure {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Lines read.
#[derive(Default)]
pub(crate) struct Lines {
    /// Requests of a session.
    pub(crate) good: u64,
    /// Lines that could not be read.
    pub(crate) malformed: u64,
    /// Requests of nobody: no `session`.
    anonymous: u64,
    /// Requests without a host, where the configuration asks for one.
    hostless: u64,
    /// Requests older than one before them, and by how much the oldest, in milliseconds.
    late: u64,
    latest: u64,
}

/// Takes each record of a log, with the table that the ones before it have filled.
type Take<'a> = &'a mut dyn FnMut(&mut Replay, &Record) -> io::Result<()>;

/// Malformed lines that are named.
const NAMED: u64 = 10;
/// Lines looked at for the time at which a file begins.
const FIRST_LINES: usize = 10_000;

impl Inputs {
    /// The files as parts of one log, oldest first, unless they are to be kept separate: a session goes on from one file to
    /// the next.
    pub(crate) fn joined(mut self) -> Self {
        self.one_log = !self.separate;
        self
    }

    /// Without a bar, when it would stand between lines of output.
    pub(crate) fn quiet_if(mut self, quiet: bool) -> Self {
        self.quiet = quiet;
        self
    }

    /// Whether a file ended early or was damaged.
    pub(crate) fn torn(&self) -> bool {
        self.torn.get()
    }

    /// The configuration, as JSON text that a digest can be taken of.
    pub(crate) fn configuration(&self) -> Result<Value, String> {
        let config = match &self.config {
            Some(file) => json(file)?,
            None => replay::default_config(),
        };
        let beside = || self.traces.iter().map(|trace| trace.join("app.json")).find(|file| file.is_file());
        Ok(match self.app.clone().or_else(beside) {
            Some(file) => replay::with_application(config, &json(&file)?),
            None => config,
        })
    }

    /// Feeds every record to `take`, all files through one table if they are one log, else each through its own. What
    /// cannot be read is counted, and the first of it named on standard error; it ends nothing.
    pub(crate) fn run(&self, config: &Value, take: Take<'_>) -> Result<Lines, Failure> {
        let fresh = || Replay::new(config).map_err(|error| format!("the configuration cannot be used\n{error}"));
        let files = self.files()?;
        let loud = !self.said.replace(true);
        let mut reading =
            Reading { lines: Lines::default(), newest: 0, loud, progress: Progress::over(&files, self.quiet) };
        let mut replay = fresh()?;
        for (number, file) in files.iter().enumerate() {
            if number > 0 && !self.one_log {
                replay = fresh()?;
                reading.newest = 0;
            }
            let torn = reading.file(file, &mut replay, take)?;
            self.torn.set(self.torn.get() || torn);
        }
        reading.progress.end();
        reading.conclude(self.one_log);
        Ok(reading.lines)
    }

    /// The files, directories opened. Parts of one log come in the order of their first lines, as rotation names them in
    /// every way but that.
    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let mut files = Vec::new();
        for trace in &self.traces {
            if trace.as_os_str() != "-" && !trace.is_dir() {
                // A missing file is said before hours are spent on the others.
                trace.metadata().map_err(|error| unreadable(trace, &error))?;
            }
            if trace.is_dir() {
                files.append(&mut inside(trace)?);
            } else {
                files.push(trace.clone());
            }
        }
        // Standard input can be read only once, so it cannot be asked when it begins.
        let standard_input = self.traces.iter().any(|trace| trace.as_os_str() == "-");
        if self.one_log && files.len() > 1 && !standard_input {
            files.sort_by_cached_key(|file| first_time(file).unwrap_or(u64::MAX));
        }
        Ok(files)
    }
}

/// One run over the files.
struct Reading {
    lines: Lines,
    /// Time of the newest line of this table.
    newest: u64,
    loud: bool,
    progress: Progress,
}

impl Reading {
    /// Reads one file. Returns whether it ended early.
    fn file(&mut self, file: &Path, replay: &mut Replay, take: Take<'_>) -> Result<bool, Failure> {
        let mut source = Source::open(file, self.progress.counter()).map_err(|error| unreadable(file, &error))?;
        let (mut line, mut number) = (Vec::new(), 0u64);
        loop {
            let read = match source.line(&mut line) {
                Ok(Line::End) => return Ok(false),
                Ok(read) => read,
                Err(error) => {
                    self.torn(file, number, &error);
                    return Ok(true);
                }
            };
            number = number.saturating_add(1);
            let record = match read {
                Line::Long => Err(Unread::Malformed(format!("longer than {} bytes", source::LONGEST))),
                _ if line.trim_ascii().is_empty() => continue,
                _ => Record::parse(&line),
            };
            match record {
                Ok(record) => {
                    self.lines.good = self.lines.good.saturating_add(1);
                    self.in_order(record.ts);
                    if record.host.is_none() && replay.reads_hosts() {
                        self.lines.hostless = self.lines.hostless.saturating_add(1);
                    }
                    take(replay, &record)?;
                    self.progress.step();
                }
                Err(Unread::Anonymous) => self.lines.anonymous = self.lines.anonymous.saturating_add(1),
                Err(Unread::Malformed(what)) => self.malformed(file, number, &what),
            }
        }
    }

    fn in_order(&mut self, time: u64) {
        if time < self.newest {
            self.lines.late = self.lines.late.saturating_add(1);
            self.lines.latest = self.lines.latest.max(self.newest.saturating_sub(time));
        }
        self.newest = self.newest.max(time);
    }

    fn malformed(&mut self, file: &Path, number: u64, what: &str) {
        self.lines.malformed = self.lines.malformed.saturating_add(1);
        if self.lines.malformed <= NAMED {
            self.say(&format!("warning: {}, line {number}: {what}", shown(file)));
        }
    }

    fn torn(&self, file: &Path, lines: u64, error: &io::Error) {
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "ends in the middle of its compressed data".to_owned(),
            _ => format!("is damaged: {error}"),
        };
        self.say(&format!("warning: {} {what}; the {lines} lines before that count, the rest is lost", shown(file)));
    }

    /// What is to be said of all lines together.
    fn conclude(&self, one_log: bool) {
        let lines = &self.lines;
        if lines.malformed > NAMED {
            self.say(&format!(
                "warning: {} malformed lines in all, the first {NAMED} are named above",
                lines.malformed
            ));
        }
        if lines.anonymous > 0 {
            let hint = if lines.good == 0 { "; `log_fields` and envoy-config/access-log.yaml write it" } else { "" };
            self.say(&format!("note: no session in {} lines, so nothing is decided on them{hint}", lines.anonymous));
        }
        if lines.hostless > 0 {
            let what = "so nothing that is limited to hosts holds for them; envoy-config/access-log.yaml writes it";
            self.say(&format!("note: no `host` in {} lines, {what}", lines.hostless));
        }
        if lines.late > 0 {
            // A log is written when answers end, so a slow one comes late.
            let hint = match lines.latest {
                ..=60_000 => "",
                _ if one_log => "; of several gateways? then say --separate",
                _ => "; sort them by `ts`",
            };
            let seconds = lines.latest.div_ceil(1000);
            self.say(&format!("note: out of time order: {} lines, by up to {seconds} s{hint}", lines.late));
        }
    }

    fn say(&self, text: &str) {
        if self.loud {
            self.progress.beside(|| {
                // Nobody minds if standard error is closed.
                let _ = writeln!(io::stderr().lock(), "{text}");
            });
        }
    }
}

/// The logs in a directory, by name.
fn inside(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = directory.read_dir().map_err(|error| unreadable(directory, &error))?;
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(|path| is_log(path)).collect();
    if found.is_empty() {
        return Err(format!(
            "`{}` holds no log: no .jsonl, .json or .log file, plain or .gz, rotated or not",
            directory.display()
        ));
    }
    found.sort();
    Ok(found)
}

/// Whether a file in a directory is a log by its name: `access.json`, `access.log.3.gz`, `web.jsonl-20260301`. The
/// description of an application is none.
fn is_log(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let base = name.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-'));
    let endings = [".jsonl", ".ndjson", ".json", ".log"];
    name != "app.json" && path.is_file() && endings.iter().any(|ending| base.ends_with(ending))
}

/// The time of the first request in a file.
fn first_time(file: &Path) -> Option<u64> {
    let mut source = Source::open(file, std::rc::Rc::default()).ok()?;
    let mut line = Vec::new();
    for _ in 0..FIRST_LINES {
        match source.line(&mut line) {
            Ok(Line::Whole) => {}
            Ok(Line::Long) => continue,
            Ok(Line::End) | Err(_) => return None,
        }
        if let Ok(record) = Record::parse(&line) {
            return Some(record.ts);
        }
    }
    None
}

fn json(file: &Path) -> Result<Value, String> {
    let text = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    serde_json::from_slice(&text).map_err(|error| format!("`{}` is no JSON: {error}", file.display()))
}

fn unreadable(file: &Path, error: &io::Error) -> String {
    format!("`{}` cannot be read: {error}", file.display())
}

fn shown(file: &Path) -> String {
    if file.as_os_str() == "-" { "standard input".to_owned() } else { file.display().to_string() }
}
