//! What is wrong with the arguments, a file or a run, and the words for it.
//!
//! Most functions return the first thing that is wrong, as an error. A strict run fails with it.
//! Without `--strict` it is only a warning where the script would go on.

use crate::args::Options;
use crate::filter::Tally;
use crate::kind::Kind;
use crate::message::{Error, Log, Result};
use crate::model::Model;
use crate::record::{Layout, Record, printable_symbol};

const NO_CRC: &str = "has no symbol with a CRC; its kernel may lack CONFIG_MODVERSIONS";
const NO_CRC_AMONG_ADDRESSES: &str = "lists no CRC: nm vmlinux shows CRCs only before Linux 5.19, \
    and /proc/kallsyms shows zeros unless read as root; use Module.symvers, or what \
    modprobe --show-exports prints for each module";
const UNKNOWN: &str = "is neither a table nor text; it may be compressed, or a table from an \
    Ubuntu kernel, whose records vary in length";
const NOTHING_IN_COMMON: &str =
    "shares no symbol with the model; one of the two may be the wrong file";
const REVERSED: &str = "is not in the model's byte order; both must be for the same architecture";

pub fn arguments(options: &Options) -> Result<()> {
    if let Some(extra) = &options.extra {
        let reason = "is one argument too many; join models with cat, and give the module's table \
                      as <old.versions";
        return Err(Error::arguments(extra, reason));
    }
    if options.big_endian && !options.strict {
        let reason = "does nothing without --strict; add --strict";
        return Err(Error::arguments("--big-endian", reason));
    }
    Ok(())
}

pub fn same_file(same_file: bool) -> Result<()> {
    if same_file {
        let reason = "is the same file as standard input; dump the table again, and write to a \
                      new file";
        return Err(Error::output(reason));
    }
    Ok(())
}

pub fn output_terminal(output_is_terminal: bool) -> Result<()> {
    if output_is_terminal {
        let reason = "is a terminal, but a table is binary; add >new.versions";
        return Err(Error::output(reason));
    }
    Ok(())
}

/// Judges the model of a strict run.
pub fn strict_model(options: &Options, model: &Model) -> Result<()> {
    let fail = |reason| Err(Error::model(&options.model, reason));
    let reason = match model.kind {
        Kind::Table(_) => model.first_misfit.map(misfit),
        Kind::Text | Kind::Addresses => None,
        kind => not_a_table(kind),
    };
    if let Some(reason) = reason {
        return fail(reason);
    }
    if model.has_no_crc() {
        return match model.kind {
            Kind::Addresses => fail(NO_CRC_AMONG_ADDRESSES.to_owned()),
            _ => fail(NO_CRC.to_owned()),
        };
    }
    conflict(options, model)
}

/// Fails if a symbol of the model has two CRCs.
fn conflict(options: &Options, model: &Model) -> Result<()> {
    let Some(symbol) = &model.conflict else {
        return Ok(());
    };
    let symbol = printable_symbol(symbol);
    let reason = format!("has two CRCs for {symbol}; it may come from two kernels");
    Err(Error::model(&options.model, reason))
}

/// Judges the kind of an input that has to be a table.
pub fn input_kind(kind: Kind) -> Result<()> {
    match not_a_table(kind) {
        Some(reason) => Err(Error::input(reason)),
        None => Ok(()),
    }
}

/// Judges the layout that was chosen for the input of a strict run.
pub fn chosen_layout(model: &Model, layout: Layout, records: &[Record]) -> Result<()> {
    let (symbols, _) = model.in_common(layout, records);
    if symbols == 0 {
        return Err(Error::input(NOTHING_IN_COMMON));
    }
    if let Some(layout_of_model) = model.kind.layout() {
        different_layouts(layout, layout_of_model)?;
    }
    for (index, record) in records.iter().enumerate() {
        if layout.crc(record).is_none() {
            return Err(Error::input(misfit(index + 1)));
        }
    }
    Ok(())
}

fn different_layouts(input: Layout, model: Layout) -> Result<()> {
    if input == model {
        return Ok(());
    }
    if input == model.reversed() {
        return Err(Error::input(REVERSED));
    }
    let (input, model) = (8 * input.crc_size(), 8 * model.crc_size());
    let reason = format!(
        "has {input}-bit records, but the model has {model}-bit ones; both must be for the same \
         architecture"
    );
    Err(Error::input(reason))
}

/// Judges a run without `--strict` by the faults that explain missing symbols, or make the output
/// useless.
pub fn cause(options: &Options, model: &Model, input: Kind, tally: &Tally) -> Result<()> {
    if let (Some(layout), Some(layout_of_model)) = (input.layout(), model.kind.layout()) {
        different_layouts(layout, layout_of_model)?;
    }
    let has_found = tally.found > 0;
    let model_fault = match model.kind {
        Kind::Text => Some("is text, not a table; add --strict, which accepts both".to_owned()),
        // The script also works with records that modpost would not write.
        Kind::Unknown if has_found => None,
        kind => not_a_table(kind),
    };
    if let Some(reason) = model_fault {
        return Err(Error::model(&options.model, reason));
    }
    match input {
        Kind::Table(Layout::Elf64Big) => {
            return Err(Error::input("is elf64-big, which needs --strict"));
        }
        Kind::Table(_) if !has_found => return Err(Error::input(NOTHING_IN_COMMON)),
        Kind::Table(_) => {}
        // Neither explains why some symbols are missing if others were found. A cut table is left
        // to `doubts`.
        Kind::Unknown | Kind::CutTable(_) if has_found => {}
        kind => input_kind(kind)?,
    }
    // The input and the model usually have some CRCs in common. If more CRCs match reversed than as
    // they are, the byte order is wrong.
    if tally.reversed > tally.unchanged() {
        return Err(Error::input(REVERSED));
    }
    Ok(())
}

/// Judges a run without `--strict` by faults that do not explain missing symbols.
pub fn doubts(options: &Options, model: &Model, input: Kind) -> Result<()> {
    match input {
        Kind::CutTable(_) => input_kind(input),
        _ => conflict(options, model),
    }
}

/// Says what became of the records: the counts that `-v` asks for, and which symbols are missing.
///
/// # Errors
/// If symbols are missing, unless they keep their CRCs.
pub fn report(options: &Options, tally: &Tally, log: &mut Log) -> Result<()> {
    if options.verbose {
        log_counts(options, tally, log);
    }
    let (total, missing) = (tally.total(), tally.missing);
    if missing == 0 {
        return Ok(());
    }
    for symbol in tally.first_missing() {
        log.missing_symbol(printable_symbol(symbol));
    }
    let end = match (options.keep_missing, options.strict) {
        (true, _) => "these keep their old CRCs",
        (false, true) => "nothing is written: join models with cat, or keep old CRCs with -k",
        (false, false) => {
            "the output ends before the first of these: join models with cat, or keep old CRCs \
             with -k"
        }
    };
    let reason = format!("has {total} symbols, {missing} of them not in the model; {end}");
    let error = Error::input(reason);
    if options.keep_missing {
        log.warning(&error);
        return Ok(());
    }
    Err(error)
}

fn log_counts(options: &Options, tally: &Tally, log: &mut Log) {
    let (total, changed, unchanged) = (tally.total(), tally.changed, tally.unchanged());
    let missing = tally.missing;
    let rest = match options.keep_missing {
        true => "kept",
        false => "missing",
    };
    log.line(format_args!(
        "{total} records: {changed} changed, {unchanged} unchanged, {missing} {rest}"
    ));
}

/// Why a file of this kind is not a table.
fn not_a_table(kind: Kind) -> Option<String> {
    let reason = match kind {
        Kind::Table(_) => return None,
        Kind::CutTable(rest) => {
            return Some(format!(
                "ends inside a record, after {rest} of its 64 bytes; dump it again, and do not \
                 join it with text"
            ));
        }
        Kind::Compressed(program) => {
            return Some(format!("is compressed with {program}; unpack it first"));
        }
        Kind::Empty => {
            "is empty; the command that wrote it failed or had nothing to write: no __versions \
             records, or no exports"
        }
        Kind::Text | Kind::Addresses => "is text, not a table; give the dumped section",
        Kind::Utf16 => "is UTF-16; convert it with iconv -f UTF-16 -t UTF-8",
        Kind::Elf => {
            "is an ELF file, such as a whole module; dump its section first; for ARM: \
             arm-linux-gnueabi-objcopy MODULE /dev/null --dump-section __versions=TABLE"
        }
        Kind::Unknown => UNKNOWN,
    };
    Some(reason.to_owned())
}

fn misfit(number: usize) -> String {
    format!(
        "has a CRC of more than 32 bits in record {number}; it may join tables for two \
         architectures"
    )
}
