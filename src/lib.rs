//! `update_versions`: gives the CRCs of a model to the records of a kernel module's
//! `__versions` section, from standard input to standard output.
//!
//! The way goes from the arguments ([`args`]) to the [`model`], from there through the
//! [`stream`] to the [`report`], and ends in a status. Records come from a raw [`table`] or from
//! text ([`symvers`]); [`record`] knows their layout, [`tally`] counts them, and [`messages`] has
//! the words.

#![forbid(unsafe_code)]

pub mod args;
pub mod messages;
pub mod model;
pub mod record;
pub mod report;
pub mod stream;
pub mod symvers;
pub mod table;
pub mod tally;

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use args::Options;
use messages::{Log, Result, STDIN, STDOUT, failed, message, misfit, printable};
use model::Model;
use record::Record;
use table::{Kind, Table};
use tally::Tally;

/// Standard input and output, and what is known of them beside their bytes.
pub struct Streams<'a> {
    /// Standard input, without a buffer.
    pub input: &'a mut dyn Read,
    /// Standard output, without a buffer.
    pub output: &'a mut dyn Write,
    /// Standard input is a terminal.
    pub input_is_terminal: bool,
    /// Standard output is a terminal.
    pub output_is_terminal: bool,
    /// Both are one regular file.
    pub same_file: bool,
}

/// Runs the program with its arguments (its own name not among them), and returns its status: 0,
/// or 1 if not everything could be written that was asked for. `stderr` says why.
pub fn run(args: Vec<OsString>, streams: Streams, stderr: &mut dyn Write) -> u8 {
    let mut log = Log(stderr);
    let done = args::parse(args).and_then(|options| answer(&options, streams, &mut log));
    if let Err(failure) = &done {
        log.line(format!("update_versions: {failure}"));
    }
    done.is_err().into()
}

fn answer(options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    let mut print = |text: &str| streams.output.write_all(text.as_bytes());
    if let Some(text) = options.print {
        return print(text).map_err(failed("output", STDOUT));
    }
    let [_, extra @ ..] = &options.files[..] else {
        // CPython does not even start with a directory as its standard input.
        let error = streams.input.read(&mut []).err();
        if let Some(error) = error.filter(|error| error.kind() == ErrorKind::IsADirectory) {
            return Err(failed("input", STDIN)(error));
        }
        print("Need an argument: <model-file>\n").map_err(failed("output", STDOUT))?;
        return Err(args::failure("no <model-file>"));
    };
    if let Some(first) = extra.first().map(printable) {
        log.say("warning", &first, messages::extra(extra.len(), &first));
    }
    if streams.same_file {
        log.complain(options.strict, "output", STDOUT, messages::SAME_FILE)?;
    }
    if options.strict && streams.output_is_terminal {
        return Err(message("output", STDOUT, messages::BINARY));
    }
    mend(options, streams, log)
}

/// From the model, through the stream, to what is to be said of them.
fn mend(options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    let (model, model_kind) = read_model(options, log)?;
    if streams.input_is_terminal {
        log.say("hint", STDIN, messages::WAITS);
    }
    let (mut tally, mut held) = (Tally::default(), Vec::new());
    let write = |bytes: &[u8]| {
        if !options.strict {
            return streams.output.write_all(bytes);
        }
        held.try_reserve(bytes.len())?;
        held.extend_from_slice(bytes);
        Ok(())
    };
    let seen = |old: &Record, known: Option<&Record>| {
        if let Some(new) = tally.count(old, known).filter(|_| options.verbose) {
            log.line(messages::change(options.layout, old, new));
        }
    };
    let mut table = Table::new(streams.input);
    stream::mend(&model, &mut table, options.keep_missing, write, seen)?;
    let kinds = [&model_kind, &table.kind(options.layout)];
    report::report(options, kinds, &tally, log)?;
    let written = streams.output.write_all(&held);
    written.map_err(failed("output", STDOUT))
}

/// Reads the model to its end. With it comes what kind of file it is.
fn read_model(options: &Options, log: &mut Log) -> Result<(Model, Kind)> {
    let (path, layout, strict) = (&options.files[0], options.layout, options.strict);
    let name = printable(path);
    let system = failed("model", &name);
    let file = File::open(path).map_err(&system)?;
    let mut model = Model::new(layout);
    let kind = match options.symvers {
        true => symvers::read(file, layout, |record| model.add(record)),
        false => table::read(file, layout, |record| model.add(record)),
    }
    .map_err(&system)?;
    let fault = misfit(&kind, layout, options.symvers);
    if let (None, Some(record)) = (&fault, &model.conflict) {
        let conflict = messages::conflict(layout, record);
        log.complain(strict, "model", &name, &conflict)?;
    }
    match fault {
        Some(fault) if strict || options.symvers => Err(message("model", &name, fault)),
        _ => Ok((model, kind)),
    }
}
