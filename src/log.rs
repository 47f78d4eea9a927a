//! Standard error: one line a message, `update_versions: what: name: reason`.

use std::ffi::OsStr;
use std::io::{self, Write};

/// A failure is the last message of all.
pub type Result<T> = std::result::Result<T, String>;

pub const STDIN: &str = "<stdin>";
pub const STDOUT: &str = "<stdout>";

/// Standard error.
pub struct Log<'a>(pub &'a mut dyn Write);

impl Log<'_> {
    /// Writes a line.
    pub fn line(&mut self, text: impl std::fmt::Display) {
        self.write(&mut format!("{text}\n").into_bytes());
    }

    /// Writes lines, and takes them away. If that fails it is ignored: standard error can be closed
    /// or full, and that must not change the status.
    pub fn write(&mut self, lines: &mut Vec<u8>) {
        let _ = self.0.write_all(lines);
        lines.clear();
    }

    /// Warns of what is wrong, or fails because of it.
    pub fn complain(&mut self, fatal: bool, what: &str, name: &str, reason: &str) -> Result<()> {
        match fatal {
            true => return Err(message(what, name, reason)),
            false => self.line(message("warning", name, reason)),
        }
        Ok(())
    }
}

/// A message. What is not printable in its parts is escaped already.
pub fn message(what: &str, name: &str, reason: &str) -> String {
    format!("update_versions: {what}: {name}: {reason}")
}

/// The message that a file or stream cannot be read or written, with the system's reason.
pub fn failed(what: &str, name: &str) -> impl Fn(io::Error) -> String {
    move |error| {
        let reason = error.to_string();
        // Without the number that Rust adds.
        let end = reason.find(" (os error").unwrap_or(reason.len());
        message(what, name, &reason[..end])
    }
}

/// A file name or an argument as text: what is not printable is escaped.
pub fn printable(name: impl AsRef<OsStr>) -> String {
    let escaped = name.as_ref().to_string_lossy().escape_debug().to_string();
    escaped.replace("\\'", "'").replace("\\\"", "\"")
}
