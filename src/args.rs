//! The command line.

use std::ffi::{OsStr, OsString};

use lexopt::{Arg, Parser};

use crate::log::{Result, message, printable};
use crate::record::Layout;

const VERSION: &str = concat!("update_versions ", env!("CARGO_PKG_VERSION"), "\n");

/// What is asked for.
#[derive(Default)]
pub struct Options {
    /// Paths: the model, and then what is ignored, as it is by the script.
    pub files: Vec<OsString>,
    /// A text to print, and nothing else to do: `--help` or `--version`.
    pub print: Option<&'static str>,
    pub target: Option<Layout>,
    pub keep_missing: bool,
    pub strict: bool,
    pub symvers: bool,
    pub verbose: bool,
}

/// Reads the arguments, the program's own name not among them.
///
/// # Errors
/// An unknown option or target, a value that is missing or does not belong.
pub fn parse(args: Vec<OsString>) -> Result<Options> {
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    // After --help or --version once more: that they have no value.
    while let (None, Some(arg)) = (options.print, parser.next().map_err(failure)?) {
        match arg {
            Arg::Short('F') | Arg::Long("target") => {
                options.target = Some(target(&parser.value().map_err(failure)?)?);
            }
            Arg::Short('h') | Arg::Long("help") => options.print = Some(include_str!("help.txt")),
            Arg::Short('k') | Arg::Long("keep-missing") => options.keep_missing = true,
            Arg::Long("strict") => options.strict = true,
            Arg::Long("symvers") => options.symvers = true,
            Arg::Short('v') | Arg::Long("verbose") => options.verbose = true,
            Arg::Short('V') | Arg::Long("version") => options.print = Some(VERSION),
            Arg::Value(value) => options.files.push(value),
            _ => return Err(failure(arg.unexpected())),
        }
    }
    Ok(options)
}

fn target(name: &OsStr) -> Result<Layout> {
    let known = |names: &str| names.split(' ').any(|known| name == known);
    // Names that binutils has for the machines of Linux (bfd/targets.c): a line a layout, its
    // generic name first, in the order of Layout::ALL.
    let line = include_str!("targets.txt").lines().position(known);
    line.map(|line| Layout::ALL[line]).ok_or_else(|| {
        let all = Layout::ALL.map(Layout::name).join(", ");
        let reason = format!("unknown; use the word after 'file format' in objdump -f, or {all}");
        message("target", &printable(name), &reason)
    })
}

/// The message for arguments that make no sense.
pub fn failure(error: impl std::fmt::Display) -> String {
    let error = printable(error.to_string());
    message("arguments", &error, "see update_versions --help")
}
