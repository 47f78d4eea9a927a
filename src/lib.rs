//! `update_versions`: replaces the CRCs in a kernel module's `__versions` section by those of a
//! model, from standard input to standard output. The model is such a section of another module or,
//! with `--strict`, text such as the kernel's `Module.symvers`.
//!
//! There are two ways to do it, and both are in this file. [`run_as_script`] does what the script
//! `update_versions.py` does, byte for byte. [`run_strict`], for `--strict`, takes any model and
//! any table, and writes the whole table or nothing.
//!
//! [`args`] reads the command line. [`record`] has the layouts of a record, and [`kind`] tells
//! what a file is. [`table`] reads records, of the input or of a model, and [`symvers`] reads a
//! model that is text. [`model`] has the CRC of each symbol, and [`filter`] puts these CRCs into
//! records. [`judge`] finds what is wrong, and [`message`] says it on standard error.

#![forbid(unsafe_code)]

mod args;
mod filter;
mod judge;
mod message;
mod model;
mod table;

// Public for the tests.
pub mod kind;
pub mod record;
pub mod symvers;

use std::ffi::OsString;
use std::io::{self, Read, Write};

use args::{Command, Options};
use filter::Filter;
use message::{Error, Log, Result, system_reason};
use model::Model;
use record::{Layout, Record};
use table::TableReader;

/// Standard input and output.
pub struct Streams<'a> {
    /// Standard input, unbuffered.
    pub input: &'a mut dyn Read,
    /// Standard output, unbuffered.
    pub output: &'a mut dyn Write,
    pub input_is_terminal: bool,
    pub output_is_terminal: bool,
    /// Standard input and output are one regular file.
    pub same_file: bool,
}

/// Runs the program with these arguments; its own name is not among them. Returns its status: 0, or
/// 1 if not everything that was asked for could be written. `stderr` says why.
pub fn run(args: Vec<OsString>, streams: Streams, stderr: &mut dyn Write) -> u8 {
    let mut log = Log::new(stderr);
    let result = match args::parse(args) {
        Ok(Command::Print(text)) => write(streams.output, text.as_bytes()),
        Ok(Command::AskForModel) => ask_for_model(streams.output),
        Ok(Command::Filter(options)) if options.strict => run_strict(&options, streams, &mut log),
        Ok(Command::Filter(options)) => run_as_script(&options, streams, &mut log),
        Err(error) => Err(error),
    };
    match result {
        Ok(()) => 0,
        Err(error) => {
            log.error(&error);
            1
        }
    }
}

fn ask_for_model(output: &mut dyn Write) -> Result<()> {
    write(output, b"Need an argument: <model-file>\n")?;
    Err(Error::no_model())
}

/// Does what the script does: each record is written as soon as it is read, up to the first symbol
/// that is not in the model. The rest goes through the filter, too, but only for the report.
fn run_as_script(options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    log.warn_if_err(judge::arguments(options));
    log.warn_if_err(judge::same_file(streams.same_file));
    let model = Model::read_as_script(&options.model).map_err(|e| model_failed(options, e))?;
    hint_at_terminal(&streams, log);
    let mut input = TableReader::new(streams.input).map_err(input_failed)?;
    let mut filter = Filter::new(options, &model, Layout::Elf32Little);
    loop {
        let records = input.next_records().map_err(input_failed)?;
        if records.is_empty() {
            break;
        }
        let to_write = filter.update(records, log);
        write(streams.output, records[..to_write].as_flattened())?;
    }
    let tally = &filter.tally;
    if let Some(error) = input.fault {
        // The script takes it for the end of the table.
        log.warning(&input_failed(error));
        return judge::report(options, tally, log);
    }
    if let Err(cause) = judge::cause(options, &model, input.kind(), tally) {
        // It is most likely also why symbols are missing, so it replaces the whole report.
        if tally.missing > 0 && !options.keep_missing {
            return Err(cause);
        }
        log.warning(&cause);
        return Ok(());
    }
    log.warn_if_err(judge::doubts(options, &model, input.kind()));
    judge::report(options, tally, log)
}

/// Writes nothing before everything has been read and found good.
fn run_strict(options: &Options, streams: Streams, log: &mut Log) -> Result<()> {
    judge::arguments(options)?;
    judge::same_file(streams.same_file)?;
    judge::output_terminal(streams.output_is_terminal)?;
    let model = Model::read_strict(&options.model).map_err(|e| model_failed(options, e))?;
    judge::strict_model(options, &model)?;
    hint_at_terminal(&streams, log);
    let mut input = TableReader::new(streams.input).map_err(input_failed)?;
    let mut records = input.read_to_end().map_err(input_failed)?;
    judge::input_kind(input.kind())?;
    let layout = choose_layout(options, &model, &records);
    judge::chosen_layout(&model, layout, &records)?;
    // Asked here, since the filter replaces the CRCs that show it.
    let is_order_settled = is_byte_order_settled(options, &model, layout, &records);
    let mut filter = Filter::new(options, &model, layout);
    // How many records to write does not matter: it is all of them, or the report fails.
    filter.update(&mut records, log);
    let tally = &filter.tally;
    judge::report(options, tally, log)?;
    let total = tally.total();
    if tally.unchanged() == total {
        log.hint(format_args!(
            "has all {total} CRCs of the model already; nothing changes"
        ));
    }
    if !is_order_settled {
        log.hint(
            "shows no byte order and is taken for little-endian; if it is not, add --big-endian",
        );
    }
    write(streams.output, records.as_flattened())
}

/// The layout in which the input has the most symbols in common with the model, and then the most
/// CRCs. Of several that tie, it is the model's own, if the model is a table. Otherwise it is the
/// first one in [`Layout::ALL`], where little-endian ones come first; `--big-endian` reverses that
/// order.
fn choose_layout(options: &Options, model: &Model, records: &[Record]) -> Layout {
    let mut layouts = Layout::ALL;
    if options.big_endian {
        layouts.reverse();
    }
    let mut best = model.kind.layout().unwrap_or(layouts[0]);
    let mut most = model.in_common(best, records);
    for layout in layouts {
        let in_common = model.in_common(layout, records);
        if in_common > most {
            best = layout;
            most = in_common;
        }
    }
    best
}

/// Whether the byte order of the input needs no hint. The user may have given it. If the model is a
/// table, it does not matter: the bytes of a CRC are copied as they are. Otherwise the input must
/// have more in common with the model in one byte order than in the other.
fn is_byte_order_settled(
    options: &Options,
    model: &Model,
    layout: Layout,
    records: &[Record],
) -> bool {
    options.big_endian
        || model.kind.layout().is_some()
        || model.in_common(layout, records) != model.in_common(layout.reversed(), records)
}

fn hint_at_terminal(streams: &Streams, log: &mut Log) {
    if streams.input_is_terminal {
        log.hint("is a terminal, waiting for a table; press ^C and add <old.versions");
    }
}

fn model_failed(options: &Options, error: io::Error) -> Error {
    Error::model(&options.model, system_reason(&error))
}

fn input_failed(error: io::Error) -> Error {
    Error::input(system_reason(&error))
}

fn write(output: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    output
        .write_all(bytes)
        .map_err(|error| Error::output(system_reason(&error)))
}
