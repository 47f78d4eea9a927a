//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::{Arg, Error, Parser};

use crate::messages::Failure;
use crate::record::Layout;

/// What `--help` prints.
pub const HELP: &str = "\
Usage: update_versions [option]... <model-file> <old.versions >new.versions

Copies the __versions section of a kernel module from standard input to
standard output, with the CRC that the model-file has for each symbol. The
model-file is the __versions section of a module that the kernel loads.

  -F, --target BFDNAME  layout of the module: elf32-little (default), elf32-big,
                        elf64-little or elf64-big
  -h, --help            print this help
  -k, --keep-missing    pass a symbol that is not in the model through as it is
      --strict          write nothing unless all of model and input is good
      --symvers         the model-file is text: Module.symvers, or what
                        modprobe --show-modversions prints
  -v, --verbose         list the CRCs that change on standard error
  -V, --version         print the version

The status is 0 if all is written, 1 if not; standard error says why.
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
pub struct Options {
    pub model: PathBuf,
    /// Number of arguments after the model; the script ignores them.
    pub ignored: usize,
    pub layout: Layout,
    pub keep_missing: bool,
    pub strict: bool,
    pub symvers: bool,
    pub verbose: bool,
}

/// Reads the arguments, the program's own name not among them.
///
/// # Errors
/// An unknown option or target, a value that is missing or does not belong.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
    let mut parser = Parser::from_args(args);
    let mut model = None;
    let mut options = Options {
        model: PathBuf::new(),
        ignored: 0,
        layout: Layout::TARGETS[0].1,
        keep_missing: false,
        strict: false,
        symvers: false,
        verbose: false,
    };
    while let Some(arg) = parser.next().map_err(failure)? {
        match arg {
            Arg::Short('F') | Arg::Long("target") => {
                options.layout = target(&parser.value().map_err(failure)?)?;
            }
            Arg::Short('h') | Arg::Long("help") => return Ok(Request::Help),
            Arg::Short('k') | Arg::Long("keep-missing") => options.keep_missing = true,
            Arg::Long("strict") => options.strict = true,
            Arg::Long("symvers") => options.symvers = true,
            Arg::Short('v') | Arg::Long("verbose") => options.verbose = true,
            Arg::Short('V') | Arg::Long("version") => return Ok(Request::Version),
            Arg::Value(_) if model.is_some() => options.ignored += 1,
            Arg::Value(value) => model = Some(value.into()),
            _ => return Err(failure(arg.unexpected())),
        }
    }
    Ok(match model {
        Some(model) => Request::Mend(Options { model, ..options }),
        None => Request::Nothing,
    })
}

fn target(name: &OsString) -> Result<Layout, Failure> {
    let known = Layout::TARGETS.iter().find(|(target, _)| name == target);
    known.map(|(_, layout)| *layout).ok_or_else(|| {
        let names = Layout::TARGETS.map(|(target, _)| target).join(", ");
        Failure::new(
            "target",
            name.to_string_lossy(),
            format_args!("unknown; there are {names}"),
        )
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
        error => Failure::new("option", "arguments", error),
    }
}
