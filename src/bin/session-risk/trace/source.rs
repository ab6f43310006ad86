//! One file as lines: plain or gzip of any number of members, standard input too, in bounded memory. What a line says is
//! not for here.

use flate2::bufread::MultiGzDecoder;
use std::{
    cell::Cell,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    rc::Rc,
};

/// The longest line that is read, in bytes: ten times what headers of a gateway's default limits can make.
pub(super) const LONGEST: u64 = 1 << 20;

/// What was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// A line.
    Whole,
    /// One that is too long, and was skipped.
    Long,
    /// Nothing is left.
    End,
}

/// An opened file.
pub(super) struct Source {
    reader: Box<dyn BufRead>,
}

impl Source {
    /// Opens a file, or standard input for `-`. What is taken from it, compressed as it is, is added to `taken`.
    pub(super) fn open(file: &Path, taken: Rc<Cell<u64>>) -> io::Result<Self> {
        let raw: Box<dyn Read> =
            if file.as_os_str() == "-" { Box::new(io::stdin().lock()) } else { Box::new(File::open(file)?) };
        let mut raw = BufReader::with_capacity(1 << 16, Counted { raw, taken });
        // The first byte of gzip begins no JSON, and a pipe may give no more at first.
        let zipped = raw.fill_buf()?.first() == Some(&0x1f);
        let reader: Box<dyn BufRead> =
            if zipped { Box::new(BufReader::with_capacity(1 << 16, MultiGzDecoder::new(raw))) } else { Box::new(raw) };
        Ok(Self { reader })
    }

    /// Reads the next line into `line`, in place of what was there.
    ///
    /// # Errors
    /// The file cannot be read on: it ends in the middle of compressed data, or is damaged. No line comes after that.
    pub(super) fn line(&mut self, line: &mut Vec<u8>) -> io::Result<Line> {
        line.clear();
        let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', line)?;
        if read == 0 {
            return Ok(Line::End);
        }
        if line.last() == Some(&b'\n') || u64::try_from(read).unwrap_or(u64::MAX) < LONGEST {
            return Ok(Line::Whole);
        }
        line.clear();
        self.reader.skip_until(b'\n')?;
        Ok(Line::Long)
    }
}

/// Counts what is read.
struct Counted {
    raw: Box<dyn Read>,
    taken: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.raw.read(into)?;
        self.taken.set(self.taken.get().saturating_add(u64::try_from(read).unwrap_or(0)));
        Ok(read)
    }
}
