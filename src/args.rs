//! The command line.

use std::ffi::OsString;

use lexopt::prelude::*;

use crate::message::{Error, Result};

const HELP: &str = include_str!("help.txt");
const VERSION: &str = concat!("update_versions ", env!("CARGO_PKG_VERSION"), "\n");

/// What to do.
pub enum Command {
    /// Print the help or the version.
    Print(&'static str),
    /// Say that the model is missing, as the script does.
    AskForModel,
    /// Filter standard input.
    Filter(Options),
}

/// How to filter.
#[derive(Default)]
pub struct Options {
    /// The path of the model.
    pub model: OsString,
    /// The first of any arguments after the model, which the script ignores.
    pub extra: Option<OsString>,
    pub big_endian: bool,
    pub keep_missing: bool,
    pub strict: bool,
    pub verbose: bool,
}

/// Reads the arguments; the program's own name is not among them.
///
/// # Errors
/// If an option is unknown or has a value, or if a strict run has no model.
pub fn parse(args: Vec<OsString>) -> Result<Command> {
    let mut options = Options::default();
    let mut model = None;
    let mut parser = lexopt::Parser::from_args(args);
    while let Some(arg) = parser.next().map_err(invalid)? {
        match arg {
            Short('h') | Long("help") => return Ok(Command::Print(HELP)),
            Short('V') | Long("version") => return Ok(Command::Print(VERSION)),
            Long("big-endian") => options.big_endian = true,
            Short('k') | Long("keep-missing") => options.keep_missing = true,
            Long("strict") => options.strict = true,
            Short('v') | Long("verbose") => options.verbose = true,
            Value(path) if model.is_none() => model = Some(path),
            Value(extra) => {
                options.extra.get_or_insert(extra);
            }
            _ => return Err(invalid(arg.unexpected())),
        }
    }
    match model {
        Some(model) => Ok(Command::Filter(Options { model, ..options })),
        None if options.strict => Err(Error::no_model()),
        None => Ok(Command::AskForModel),
    }
}

fn invalid(error: lexopt::Error) -> Error {
    Error::arguments(error.to_string(), "see update_versions --help")
}
