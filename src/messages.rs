//! What is said on standard error: one line each, `update_versions: what: name: reason`.

use std::ffi::OsStr;
use std::fmt::Display;
use std::io::{self, Write};

use crate::record::{Layout, Record};
use crate::table::Kind;
use crate::tally::Tally;

/// A failure is the text of the last line.
pub type Result<T> = std::result::Result<T, String>;

/// The name of standard input.
pub const STDIN: &str = "<stdin>";
/// The name of standard output.
pub const STDOUT: &str = "<stdout>";
/// Standard input and output are one file.
pub const SAME_FILE: &str = "the same file as standard input; write to a new one";
/// Standard output is a terminal.
pub const BINARY: &str = "a terminal, but a table is binary; add >new.versions";
/// Standard input is a terminal.
pub const WAITS: &str = "a terminal, waiting for a table; press ^C and add <old.versions";

/// The symbols of a text have a CRC of 0, as in that of a kernel without modversions.
pub const NO_CRC: &str = "no symbol with a CRC; does its kernel have CONFIG_MODVERSIONS?";
/// Symbols are missing from the model of a strict run.
pub const NOTHING: &str = "nothing written; join more models, or keep these symbols with -k";
/// Symbols are missing from the model.
pub const UP_TO: &str = "written up to the first; join more models, or keep these symbols with -k";

const CUT: &str = "dump it again, unless its records vary in length, as in some Ubuntu kernels";
const MODULE: &str = "a whole module; dump its section first, for ARM: \
    arm-linux-gnueabi-objcopy MODULE /dev/null --dump-section __versions=TABLE";

/// A failure; in a line, `update_versions: ` precedes it.
pub fn message(what: &str, name: impl Display, reason: impl Display) -> String {
    format!("{what}: {name}: {reason}")
}

/// The failure to read or write a file or stream, with the system's reason.
pub fn failed(what: &str, name: &str) -> impl Fn(io::Error) -> String {
    move |error| {
        let reason = error.to_string();
        // Without the number that Rust adds.
        let end = reason.find(" (os error").unwrap_or(reason.len());
        message(what, name, &reason[..end])
    }
}

/// What is wrong with a file of this kind, where text or a table of the layout belongs.
pub fn misfit(kind: &Kind, layout: Layout, text: bool) -> Option<String> {
    Some(match kind {
        Kind::Module if text => format!("{MODULE}, and leave out --symvers"),
        Kind::Module => MODULE.to_owned(),
        Kind::Compressed(program) => format!("compressed with {program}; unpack it first"),
        Kind::Table(_) if text => "a table, not text; leave out --symvers".to_owned(),
        Kind::Table(its) if !layout.serves(*its) => target(*its),
        Kind::Text if !text => "text, not a table; add --symvers if it is the model".to_owned(),
        Kind::Empty if text => NO_CRC.to_owned(),
        Kind::Empty => "empty; did objcopy fail, or is there no __versions section?".to_owned(),
        Kind::Cut(rest) => format!("ends inside a record, {rest} bytes left over; {CUT}"),
        _ => return None,
    })
}

/// A table of another layout than the one asked for.
pub fn target(its: Layout) -> String {
    format!("seems {0}; try --target {0}", its.name())
}

/// An input of another layout than the model.
pub fn mismatch(its: Layout, model: Layout) -> String {
    let (its, model) = (its.name(), model.name());
    format!("seems {its}, but the model {model}; take a model of its machine, and --target {its}")
}

/// The model gives this symbol two CRCs.
pub fn conflict(layout: Layout, record: &Record) -> String {
    let symbol = layout.symbol(record).escape_ascii();
    format!("gives {symbol} two CRCs; tables of different kernels?")
}

/// So many arguments after the model; this is the first.
pub fn extra(count: usize, name: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} argument{s} after the model, ignored; the input is standard input: <{name}")
}

/// A CRC changes.
pub fn change(layout: Layout, old: &Record, new: &Record) -> String {
    let symbol = layout.symbol(old).escape_ascii().to_string();
    let (old, new) = (layout.crc(old), layout.crc(new));
    format!("{symbol:<32}  {old:#010x} -> {new:#010x}")
}

/// What a verbose run ends with.
pub fn summary(tally: &Tally, kept: bool) -> String {
    let (found, changed, missing) = (tally.found, tally.changed, tally.missing);
    let rest = if kept { "kept" } else { "missing" };
    let (total, unchanged) = (found + missing, found - changed);
    format!("{total} records: {changed} changed, {unchanged} unchanged, {missing} {rest}")
}

/// None of the input's symbols is in the model; there are some, else the input is at fault.
pub fn none(tally: &Tally) -> Option<String> {
    let reason = "symbols is in the model; another kernel, or the wrong module?";
    (tally.found == 0).then(|| format!("none of its {} {reason}", tally.missing))
}

/// A file name or an argument as text: what is not printable is escaped.
pub fn printable(name: impl AsRef<OsStr>) -> String {
    let escaped = name.as_ref().to_string_lossy().escape_debug().to_string();
    escaped.replace("\\'", "'").replace("\\\"", "\"")
}

/// Standard error.
pub struct Log<'a>(pub &'a mut dyn Write);

impl Log<'_> {
    /// Writes a line. A failed write is nobody's loss: standard error can be closed or full, and
    /// that must not change a status.
    pub fn line(&mut self, text: impl Display) {
        let _ = self.0.write_all(format!("{text}\n").as_bytes());
    }

    /// Writes a message.
    pub fn say(&mut self, what: &str, name: impl Display, reason: impl Display) {
        self.line(format!("update_versions: {}", message(what, name, reason)));
    }

    /// Warns of what is wrong.
    ///
    /// # Errors
    /// The same, if it is `fatal`.
    pub fn complain(&mut self, fatal: bool, what: &str, name: &str, reason: &str) -> Result<()> {
        if fatal {
            return Err(message(what, name, reason));
        }
        self.say("warning", name, reason);
        Ok(())
    }
}
