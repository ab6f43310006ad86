//! What `replay` and `eval` share: which files, which configuration, and a stream of records from both.

use clap::Args;
use serde_json::Value;
use session_risk::replay::{self, Replay, record::Record};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

/// Where the requests and the configuration come from.
#[derive(Args)]
pub(crate) struct Inputs {
    /// Traces: JSON lines, plain or gzip, or directories of them; `-` is standard input
    #[arg(required = true)]
    traces: Vec<PathBuf>,
    /// The gateway's configuration (default: every default)
    #[arg(long)]
    config: Option<PathBuf>,
    /// A description of the application whose `routes` and `tools` the configuration gets (default: `app.json` in a
    /// directory given as trace)
    #[arg(long)]
    app: Option<PathBuf>,
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
    pub(crate) good: u64,
    pub(crate) malformed: u64,
}

impl Inputs {
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

    /// Feeds every record to `take`, each file through a table of its own. Malformed lines are counted, and the first
    /// few named on standard error.
    pub(crate) fn run(
        &self,
        config: &Value,
        take: &mut dyn FnMut(&mut Replay, &Record) -> io::Result<()>,
    ) -> Result<Lines, Failure> {
        let mut lines = Lines::default();
        for file in self.files()? {
            let name = file.display().to_string();
            let mut replay =
                Replay::new(config).map_err(|error| format!("the configuration cannot be used\n{error}"))?;
            let mut reader = open(&file).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
            let (mut line, mut number) = (Vec::new(), 0u64);
            loop {
                line.clear();
                let read =
                    reader.read_until(b'\n', &mut line).map_err(|error| format!("`{name}` cannot be read: {error}"))?;
                if read == 0 {
                    break;
                }
                number = number.saturating_add(1);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                match Record::parse(&line) {
                    Ok(record) => {
                        lines.good = lines.good.saturating_add(1);
                        take(&mut replay, &record)?;
                    }
                    Err(what) => {
                        lines.malformed = lines.malformed.saturating_add(1);
                        if lines.malformed <= 10 {
                            let _ = writeln!(io::stderr().lock(), "warning: {name}, line {number}: {what}");
                        }
                    }
                }
            }
        }
        Ok(lines)
    }

    fn files(&self) -> Result<Vec<PathBuf>, String> {
        let mut files = Vec::new();
        for trace in &self.traces {
            if !trace.is_dir() {
                files.push(trace.clone());
                continue;
            }
            let entries = trace.read_dir().map_err(|error| format!("`{}` cannot be read: {error}", trace.display()))?;
            let is_trace = |path: &PathBuf| {
                let name = path.to_string_lossy();
                name.ends_with(".jsonl") || name.ends_with(".jsonl.gz")
            };
            let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(is_trace).collect();
            if found.is_empty() {
                return Err(format!("`{}` holds no .jsonl or .jsonl.gz file", trace.display()));
            }
            found.sort();
            files.append(&mut found);
        }
        Ok(files)
    }
}

fn open(file: &Path) -> io::Result<Box<dyn BufRead>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(io::stdin().lock()));
    }
    let mut reader = BufReader::new(File::open(file)?);
    let zipped = reader.fill_buf()?.starts_with(&[0x1f, 0x8b]);
    Ok(if zipped { Box::new(BufReader::new(flate2::bufread::MultiGzDecoder::new(reader))) } else { Box::new(reader) })
}

fn json(file: &Path) -> Result<Value, String> {
    let text = std::fs::read(file).map_err(|error| format!("`{}` cannot be read: {error}", file.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("`{}` is no JSON: {error}", file.display()))
}
