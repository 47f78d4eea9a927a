//! The command line.

use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;

use lexopt::{Arg, Parser};

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
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// No model was named.
    Nothing,
    /// A run of the filter.
    Mend(Options),
}

/// A run of the filter.
#[derive(Default)]
pub struct Options {
    /// Path of the model.
    pub model: PathBuf,
    /// Number of arguments after the model; the script ignores them.
    pub ignored: usize,
    /// `--target`
    pub layout: Layout,
    /// `--keep-missing`
    pub keep_missing: bool,
    /// `--strict`
    pub strict: bool,
    /// `--symvers`
    pub symvers: bool,
    /// `--verbose`
    pub verbose: bool,
}

/// Reads the arguments, the program's own name not among them.
///
/// # Errors
/// An unknown option or target, a value that is missing or does not belong.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Request, Failure> {
    let mut parser = Parser::from_args(args);
    let mut options = Options::default();
    let mut values = 0;
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
            Arg::Value(value) => {
                if values == 0 {
                    options.model = value.into();
                }
                values += 1;
            }
            _ => return Err(failure(arg.unexpected())),
        }
    }
    if values == 0 {
        return Ok(Request::Nothing);
    }
    options.ignored = values - 1;
    Ok(Request::Mend(options))
}

fn target(name: &OsString) -> Result<Layout, Failure> {
    let known = Layout::TARGETS.iter().find(|(target, _)| name == target);
    known.map(|(_, layout)| *layout).ok_or_else(|| {
        let names = Layout::TARGETS.map(|(target, _)| target).join(", ");
        Failure::new(
            "target",
            name.to_string_lossy(),
            format!("unknown; there are {names}"),
        )
    })
}

/// The failure of arguments that make no sense.
pub fn failure(error: impl Display) -> Failure {
    Failure::new("arguments", error, "see update_versions --help")
}
