//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Error, Parser};

use crate::messages::Failure;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: update_versions [option]... <model-file> <old.versions >new.versions

Copies a kernel module's __versions section from standard input to standard
output, each record with the CRC that the model-file has for its symbol.
The model-file is the __versions section of a module that the kernel loads.

  -h, --help      print this help
  -V, --version   print the version

Status: 0 if all was written, 1 if not. Standard error has the reason.
";

/// What `--version` prints.
pub const VERSION: &str = concat!("update_versions ", env!("CARGO_PKG_VERSION"), "\n");

/// What is asked for.
pub enum Request {
    Help,
    Version,
    /// No model was named.
    Nothing,
    Mend(Options),
}

/// A run of the filter.
#[derive(Default)]
pub struct Options {
    pub model: PathBuf,
    /// Number of arguments after the model; the script ignores them.
    pub ignored: usize,
}

/// Reads the arguments, the program's own name not among them.
///
/// # Errors
/// An unknown option, or a value where none belongs.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    let mut values = 0;
    while let Some(arg) = parser.next().map_err(failure)? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(Request::Help),
            Arg::Short('V') | Arg::Long("version") => return Ok(Request::Version),
            Arg::Value(model) if values == 0 => {
                options.model = model.into();
                values += 1;
            }
            Arg::Value(_) => options.ignored += 1,
            _ => return Err(failure(arg.unexpected())),
        }
    }
    Ok(if values == 0 {
        Request::Nothing
    } else {
        Request::Mend(options)
    })
}

fn failure(error: Error) -> Failure {
    match error {
        Error::UnexpectedOption(option) => {
            Failure::new("option", option, "unknown; see update_versions --help")
        }
        Error::UnexpectedValue { option, .. } => Failure::new("option", option, "takes no value"),
        Error::MissingValue {
            option: Some(option),
        } => Failure::new("option", option, "needs a value"),
        error => Failure::new("option", "command line", error),
    }
}
