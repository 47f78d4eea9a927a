//! Messages: one line each on standard error, `update_versions: what: name: reason`.

use std::fmt::Display;
use std::io::{self, Write};

/// The names of the streams in messages.
pub const STDIN: &str = "<stdin>";
/// See [`STDIN`].
pub const STDOUT: &str = "<stdout>";

/// Why a run ends with status 1: the parts of its last message.
#[derive(Debug)]
pub struct Failure {
    /// `model`, `input`, `output`, `target` or `arguments`.
    pub what: &'static str,
    /// Name of the file, stream or argument.
    pub name: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Failure {
    /// Of three parts.
    pub fn new(what: &'static str, name: impl Display, reason: impl Display) -> Self {
        Self {
            what,
            name: name.to_string(),
            reason: reason.to_string(),
        }
    }

    /// With the system's reason, without the number that Rust adds to it.
    pub fn io(what: &'static str, name: impl Display, error: impl Into<io::Error>) -> Self {
        let reason = error.into().to_string();
        let end = reason.find(" (os error").unwrap_or(reason.len());
        Self::new(what, name, &reason[..end])
    }

    /// Standard input cannot be read.
    pub fn input(error: impl Into<io::Error>) -> Self {
        Self::io("input", STDIN, error)
    }

    /// Standard output cannot be written.
    pub fn output(error: impl Into<io::Error>) -> Self {
        Self::io("output", STDOUT, error)
    }
}

/// A symbol as text: bytes of a module can be anything.
#[must_use]
pub fn printable(symbol: &[u8]) -> impl Display {
    symbol.escape_ascii()
}

/// Where messages go.
pub struct Messages<'a> {
    log: &'a mut dyn Write,
    /// Complaints are errors.
    strict: bool,
    /// Complaints so far.
    complaints: u32,
}

impl<'a> Messages<'a> {
    /// Writes to `log`: standard error.
    pub fn new(log: &'a mut dyn Write) -> Self {
        Self {
            log,
            strict: false,
            complaints: 0,
        }
    }

    /// Makes errors of all complaints to come.
    pub fn be_strict(&mut self) {
        self.strict = true;
    }

    /// Whether there was an error.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.strict && self.complaints > 0
    }

    /// Writes a message.
    pub fn say(&mut self, what: &str, name: impl Display, reason: impl Display) {
        self.line(format_args!("update_versions: {what}: {name}: {reason}"));
    }

    /// Writes one line. What is not printable is escaped, and a failed write is nobody's loss:
    /// standard error can be closed or full, and that must not change a status.
    pub fn line(&mut self, text: impl Display) {
        let mut line = String::new();
        for char in text.to_string().chars() {
            match char {
                '\\' | '\'' | '"' => line.push(char),
                _ => line.extend(char.escape_debug()),
            }
        }
        line.push('\n');
        let _ = self.log.write_all(line.as_bytes());
    }

    /// Says what the script would not: a warning or, in a strict run, an error with `what`.
    pub fn complain(&mut self, what: &str, name: impl Display, reason: impl Display) {
        self.complaints += 1;
        self.say(if self.strict { what } else { "warning" }, name, reason);
    }
}
