//! `update_versions`: gives the CRCs of a model to the records of a kernel module's
//! `__versions` section, from standard input to standard output.
//!
//! The way goes from the arguments ([`args`]) to the [`model`], from there to the [`stream`],
//! and ends in a status. [`record`] knows the layout of a record, [`table`] reads whole ones,
//! [`symvers`] reads them from text, and [`messages`] writes to standard error.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod args;
pub mod messages;
pub mod model;
pub mod record;
pub mod stream;
pub mod symvers;
pub mod table;

use std::ffi::OsString;
use std::io::{ErrorKind, Read, Write};

use args::Request;
use messages::{Failure, Messages};
use model::Model;

/// Runs the program with its arguments (its own name not among them) on its three streams, and
/// returns its status: 0, or 1 where not everything could be written that was asked for.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    input: &mut dyn Read,
    output: &mut dyn Write,
    log: &mut dyn Write,
) -> u8 {
    let mut messages = Messages::new(log);
    match perform(args, input, output, &mut messages) {
        Ok(()) => 0,
        Err(failure) => {
            messages.say(failure.what, failure.name, failure.reason);
            1
        }
    }
}

fn perform(
    args: impl IntoIterator<Item = OsString>,
    input: &mut dyn Read,
    output: &mut dyn Write,
    messages: &mut Messages,
) -> Result<(), Failure> {
    let mut print = |text: &str| output.write_all(text.as_bytes()).map_err(Failure::output);
    match args::parse(args)? {
        Request::Help => print(args::HELP),
        Request::Version => print(args::VERSION),
        Request::Nothing => {
            // CPython does not even start with a directory as its standard input.
            match input.read(&mut []) {
                Err(error) if error.kind() == ErrorKind::IsADirectory => Err(Failure::input(error)),
                _ => print("Need an argument: <model-file>\n"),
            }?;
            Err(args::failure("no <model-file>"))
        }
        Request::Mend(options) => {
            if options.ignored > 0 {
                let count = options.ignored;
                messages.say(
                    "warning",
                    format!("{count} arguments after the model"),
                    "ignored",
                );
            }
            if options.strict {
                messages.be_strict();
            }
            let model = Model::read(&options, messages)?;
            stream::mend(&options, &model, input, output, messages)
        }
    }
}
