//! `update_versions`: gives the CRCs of a model to the records of a kernel module's
//! `__versions` section, from standard input to standard output.
//!
//! This file is the way through. [`args`] has what is asked for. [`record`] knows the layouts of a
//! record, and [`table`] (raw) and [`symvers`] (text) read the records of a model. [`model`] is an
//! index over them, in which the [`filter`] looks for the symbol of each input record. [`report`]
//! says what went wrong, on standard error: [`log`].

#![forbid(unsafe_code)]

mod args;
mod filter;
mod log;
mod model;
mod record;
mod report;
mod symvers;
mod table;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};

use args::Options;
use filter::{filter, write};
use log::{Log, Result, STDIN, STDOUT, failed, message, printable};
use table::{Kind, Table};

// For the tests.
pub use model::Model;
pub use record::{Layout, Record};

/// Standard input and output, and what is known of them besides their bytes.
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
    let done = args::parse(args).and_then(|options| execute(&options, streams, &mut log));
    if let Err(message) = &done {
        log.line(message);
    }
    done.is_err().into()
}

/// The way through, from what is asked for to what is said in the end.
fn execute(options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    if let Some(text) = options.print {
        return write(streams.output, text.as_bytes());
    }
    let [path, ignored @ ..] = &options.files[..] else {
        // CPython does not even start with a directory as its standard input.
        let error = streams.input.read(&mut []).err();
        if let Some(error) = error.filter(|error| error.kind() == ErrorKind::IsADirectory) {
            return Err(failed("input", STDIN)(error));
        }
        write(streams.output, b"Need an argument: <model-file>\n")?;
        return Err(args::failure("no <model-file>"));
    };
    if let Some(first) = ignored.first().map(printable) {
        let reason = "one model is read: join models with cat; the module's table is <old.versions";
        log.complain(options.strict, "arguments", &first, reason)?;
    }
    if streams.same_file {
        let reason = "the same file as standard input; write to a new one";
        log.complain(options.strict, "output", STDOUT, reason)?;
    }
    if options.strict && streams.output_is_terminal {
        let reason = "a terminal, but a table is binary; add >new.versions";
        return Err(message("output", STDOUT, reason));
    }
    with_model(path, options, streams, log)
}

/// From the model, through the filter, to what is to be said of them.
fn with_model(path: &OsStr, options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    let (strict, text, name) = (options.strict, options.symvers, printable(path));
    let read = if text { symvers::read } else { table::read };
    let records = File::open(path).and_then(|file| read(file, options.target));
    let (mut records, kind) = records.map_err(failed("model", &name))?;
    let fault = report::fault(&kind, options, true);
    if let (true, Some(fault)) = (strict || text, &fault) {
        return Err(message("model", &name, fault));
    }
    if streams.input_is_terminal {
        let reason = "a terminal, waiting for a table; press ^C and add <old.versions";
        log.line(message("hint", STDIN, reason));
    }
    let input = Table::new(streams.input, options.target);
    let mut input = input.map_err(failed("input", STDIN))?;
    // The script knows no layout, and a run without options does what it does.
    let layout = match (options.target, &input.kind_at_start) {
        (None, Kind::Table(its)) if strict || text => *its,
        (target, _) => target.unwrap_or_default(),
    };
    // A text was read as elf32-little.
    records.retain_mut(|record| !text || layout == Layout::default() || layout.adopt(record));
    // In a wrong layout the CRC field has a part of the name, which must not be written.
    records.retain(|record| !strict || layout.crc(record) >> 32 == 0);
    let (mut model, conflict) = Model::new(layout, records).map_err(failed("model", &name))?;
    // In a layout that is not theirs, symbols look alike by accident.
    let foreign = matches!(kind, Kind::Table(its) if !layout.can_read(its));
    if let (None, false, Some(record)) = (fault, foreign, conflict) {
        let symbol = layout.symbol(&record);
        let reason = format!("has two CRCs for {symbol}; are its tables from different kernels?");
        log.complain(strict, "model", &name, &reason)?;
    }
    let (tally, held) = filter(options, &mut model, &mut input, streams.output, log)?;
    report::report(options, [&kind, &input.kind()], &tally, log)?;
    // Empty unless the run is strict.
    write(streams.output, &held)
}
