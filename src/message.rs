//! Standard error: messages, `update_versions: what: name: reason`, and the lists of `-v`.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::io::{self, Write};

const STDIN: &str = "<stdin>";
const STDOUT: &str = "<stdout>";

pub type Result<T> = std::result::Result<T, Error>;

/// Why a run fails. If the run can go on, the same is a warning.
pub struct Error {
    /// What is at fault: the arguments, the model, the input or the output.
    what: &'static str,
    /// Its name, such as a path, with unprintable characters escaped.
    name: String,
    /// What is wrong with it, and what to do. Most go on from the name, as in a sentence.
    reason: String,
}

impl Error {
    /// The name is an argument, or words that contain it.
    pub fn arguments(name: impl AsRef<OsStr>, reason: impl ToString) -> Self {
        Self::new("arguments", printable(name.as_ref()), reason)
    }

    pub fn no_model() -> Self {
        Self::arguments("MODEL", "is missing; see update_versions --help")
    }

    pub fn model(path: &OsStr, reason: impl ToString) -> Self {
        Self::new("model", printable(path), reason)
    }

    pub fn input(reason: impl ToString) -> Self {
        Self::new("input", STDIN.to_owned(), reason)
    }

    pub fn output(reason: impl ToString) -> Self {
        Self::new("output", STDOUT.to_owned(), reason)
    }

    fn new(what: &'static str, name: String, reason: impl ToString) -> Self {
        Self {
            what,
            name,
            reason: reason.to_string(),
        }
    }
}

/// The system's reason for a failure, without the number that Rust adds.
pub fn system_reason(error: &io::Error) -> String {
    let reason = error.to_string();
    match reason.split_once(" (os error ") {
        Some((words, _)) if error.raw_os_error().is_some() => words.to_owned(),
        _ => reason,
    }
}

/// A path or an argument, with backslashes and unprintable characters escaped.
fn printable(name: &OsStr) -> String {
    let escaped = name.to_string_lossy().escape_debug().to_string();
    // escape_debug escapes quotes, too.
    escaped.replace("\\'", "'").replace("\\\"", "\"")
}

/// Standard error. It may be closed or full; that must not change the status, and is ignored.
pub struct Log<'a> {
    stderr: &'a mut dyn Write,
    /// The line that is written next. Its memory is allocated at the start, enough for any line of
    /// `-v`, so that a list of them cannot run out of memory halfway.
    line: Vec<u8>,
}

impl<'a> Log<'a> {
    pub fn new(stderr: &'a mut dyn Write) -> Self {
        let line = Vec::with_capacity(1024);
        Self { stderr, line }
    }

    /// Writes a line, in one piece.
    pub fn line(&mut self, text: fmt::Arguments) {
        self.line.clear();
        let _ = writeln!(self.line, "{text}");
        let _ = self.stderr.write_all(&self.line);
    }

    pub fn error(&mut self, error: &Error) {
        self.message(error.what, &error.name, &error.reason);
    }

    /// Writes an error as a warning: the run goes on.
    pub fn warning(&mut self, error: &Error) {
        self.message("warning", &error.name, &error.reason);
    }

    pub fn warn_if_err(&mut self, result: Result<()>) {
        if let Err(error) = result {
            self.warning(&error);
        }
    }

    /// Says something about standard input that may help.
    pub fn hint(&mut self, reason: impl Display) {
        self.message("hint", STDIN, reason);
    }

    pub fn missing_symbol(&mut self, symbol: impl Display) {
        self.message("symbol", symbol, "is not in the model");
    }

    fn message(&mut self, what: &str, name: impl Display, reason: impl Display) {
        self.line(format_args!("update_versions: {what}: {name}: {reason}"));
    }
}
