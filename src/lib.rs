//! `update_versions`: gives the CRCs of a model to the records of a kernel module's
//! `__versions` section, from standard input to standard output.
//!
//! This file is the way through. [`args`] has what is asked for. [`table`] (raw) and [`symvers`]
//! (text) read the records of a model, [`record`] knows their layout, and [`model`] finds a symbol
//! among them. The filter below puts the input through it, and [`report`] says what went wrong:
//! on standard error, by [`log`].

#![forbid(unsafe_code)]

mod args;
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
use log::{Log, Result, STDIN, STDOUT, failed, message, printable};
use report::{NAMED, Tally};
use table::Table;

pub use args::HELP;
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
        let (count, s) = (ignored.len(), if ignored.len() == 1 { "" } else { "s" });
        let use_of_it = format!("the input is standard input: <{first}");
        let reason = format!("{count} argument{s} after the model, ignored; {use_of_it}");
        log.line(message("warning", &first, &reason));
    }
    if streams.same_file {
        let reason = "the same file as standard input; write to a new one";
        log.complain(options.strict, "output", STDOUT, reason)?;
    }
    if options.strict && streams.output_is_terminal {
        let reason = "a terminal, but a table is binary; add >new.versions";
        return Err(message("output", STDOUT, reason));
    }
    fix(path, options, streams, log)
}

/// From the model, through the filter, to what is to be said of them.
fn fix(path: &OsStr, options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    let (strict, text, name) = (options.strict, options.symvers, printable(path));
    let layout = options.target.unwrap_or_default();
    let read = if text { symvers::read } else { table::read };
    let records = File::open(path).and_then(|file| read(file, layout));
    let (records, kind) = records.map_err(failed("model", &name))?;
    let fault = report::fault(&kind, options, layout, true);
    if let (true, Some(fault)) = (strict || text, &fault) {
        return Err(message("model", &name, fault));
    }
    let model = Model::new(layout, records).map_err(failed("model", &name));
    let (mut model, conflict) = model?;
    if let (None, Some(record)) = (fault, conflict) {
        let symbol = layout.symbol(&record);
        let reason = format!("gives {symbol} two CRCs; tables of different kernels?");
        log.complain(strict, "model", &name, &reason)?;
    }
    if streams.input_is_terminal {
        let reason = "a terminal, waiting for a table; press ^C and add <old.versions";
        log.line(message("hint", STDIN, reason));
    }
    let mut input = Table::new(streams.input);
    let (tally, held) = filter(options, &mut model, &mut input, streams.output, log)?;
    report::report(options, layout, [&kind, &input.kind(layout)], &tally, log)?;
    write(streams.output, &held)
}

/// The filter: writes each record of the input with the model's CRC. At a symbol that is not in
/// the model the output ends, unless it is kept; the input is read on. A strict run gets back what
/// is to be written once all is found good.
fn filter(
    options: &Options,
    model: &mut Model,
    input: &mut Table,
    output: &mut dyn Write,
    log: &mut Log,
) -> Result<(Tally, Vec<u8>)> {
    let (mut tally, mut held, layout) = (Tally::default(), Vec::new(), model.layout);
    while let Some(records) = input.read().map_err(failed("input", STDIN))? {
        let mut good = 0;
        for record in records.iter_mut() {
            if let Some(known) = model.find(record) {
                tally.found += 1;
                if record[..8] != known[..8] {
                    tally.changed += 1;
                    if options.verbose {
                        log.line(report::change(layout, record, known));
                    }
                    // Of these bytes those that are not of the CRC are the same.
                    record[..8].copy_from_slice(&known[..8]);
                }
            } else {
                tally.missing += 1;
                if tally.named.len() < NAMED {
                    tally.named.push(*record);
                }
            }
            good += usize::from(tally.missing == 0 || options.keep_missing);
        }
        let mended = records[..good].as_flattened();
        if options.strict {
            let room = held.try_reserve(mended.len());
            room.map_err(|error| failed("output", STDOUT)(error.into()))?;
            held.extend_from_slice(mended);
        } else {
            write(output, mended)?;
        }
    }
    Ok((tally, held))
}

fn write(output: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    output.write_all(bytes).map_err(failed("output", STDOUT))
}
