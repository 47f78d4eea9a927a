//! Messages: one line each on standard error, `update_versions: what: name: reason`.

use std::fmt::Display;
use std::io::{self, Write};

/// The names of the streams in messages.
pub const STDIN: &str = "<stdin>";
/// See [`STDIN`].
pub const STDOUT: &str = "<stdout>";

/// Why a run ends with status 1: its last message.
#[derive(Debug)]
pub struct Failure {
    pub what: &'static str,
    pub name: String,
    pub reason: String,
}

impl Failure {
    pub fn new(what: &'static str, name: impl Display, reason: impl Display) -> Self {
        Self {
            what,
            name: name.to_string(),
            reason: reason.to_string(),
        }
    }

    /// With the system's reason, without the number that Rust adds to it.
    pub fn io(what: &'static str, name: impl Display, error: &io::Error) -> Self {
        let reason = error.to_string();
        Self::new(
            what,
            name,
            reason.split(" (os error").next().unwrap_or_default(),
        )
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
}

impl<'a> Messages<'a> {
    pub fn new(log: &'a mut dyn Write) -> Self {
        Self { log }
    }

    /// Writes one line. What is not printable is escaped, and a failed write is nobody's loss:
    /// standard error can be closed or full, and that must not change a status.
    pub fn say(&mut self, what: &str, name: impl Display, reason: impl Display) {
        let mut line = String::new();
        for char in format!("update_versions: {what}: {name}: {reason}").chars() {
            match char {
                '\\' | '\'' | '"' => line.push(char),
                _ => line.extend(char.escape_debug()),
            }
        }
        line.push('\n');
        let _ = self.log.write_all(line.as_bytes());
    }

    /// Says what the script drops in silence.
    pub fn complain(&mut self, _what: &str, name: impl Display, reason: impl Display) {
        self.say("warning", name, reason);
    }
}
