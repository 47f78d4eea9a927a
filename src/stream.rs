//! The stream: standard input to standard output, with the model's CRCs.

use std::io::{Read, Write};

use crate::args::Options;
use crate::messages::{Failure, Messages, STDIN, STDOUT, printable};
use crate::model::{GROUP, Model};
use crate::record::Record;
use crate::table::Table;

/// So many missing symbols are named.
const NAMED: usize = 20;

/// Writes each record of `input` with the model's CRC to `output`. At a symbol that is not in
/// the model the output ends; the input is read on, so that all such symbols can be named.
///
/// # Errors
/// A missing symbol, unless kept; in a strict run, a complaint; a failed read or write; memory
/// that ran out, of which only a strict run needs as much as the input is long.
pub fn mend(
    options: &Options,
    model: &Model,
    input: &mut dyn Read,
    output: &mut dyn Write,
    messages: &mut Messages,
) -> Result<(), Failure> {
    let mut table = Table::new(options.layout, input);
    let mut tally = Tally {
        options,
        model,
        changed: 0,
        missing: 0,
        unnamed: 0,
        named: Vec::new(),
    };
    let mut held = Vec::new();
    let mut found = [None; GROUP];
    let mut expected = 0;
    while let Some(records) = table.read().map_err(Failure::input)? {
        let ended = tally.missing > 0 && !options.keep_missing;
        let mut good = if ended { 0 } else { records.len() };
        let mut position = 0;
        while position < records.len() {
            let rest = &mut records[position..];
            // The tables of a kernel have their symbols in nearly the same order.
            let mut run = 0;
            for (record, known) in rest.iter_mut().zip(&model.records()[expected..]) {
                if !options.layout.same_symbol(record, known) {
                    break;
                }
                tally.mend(record, known, messages);
                run += 1;
            }
            if run > 0 {
                expected += run;
                position += run;
                continue;
            }
            model.look_up(rest, &mut found);
            for (record, found) in rest.iter_mut().zip(&found) {
                if let Some(index) = *found {
                    tally.mend(record, &model.records()[index], messages);
                    expected = index + 1;
                } else {
                    if !options.keep_missing {
                        good = good.min(position);
                    }
                    tally.miss(record, messages);
                }
                position += 1;
            }
        }
        let good = &records[..good];
        if options.strict {
            held.try_reserve(good.len()).map_err(Failure::input)?;
            held.extend_from_slice(good);
        } else {
            output
                .write_all(good.as_flattened())
                .map_err(Failure::output)?;
        }
    }
    tally.finish(&table, messages)?;
    output
        .write_all(held.as_flattened())
        .map_err(Failure::output)
}

/// What was seen in the stream.
struct Tally<'a> {
    options: &'a Options,
    model: &'a Model,
    /// Records whose CRC changed, counted in a verbose run only.
    changed: u64,
    /// Records whose symbol is not in the model.
    missing: u64,
    /// Those of them that are not named, because enough are.
    unnamed: u64,
    named: Vec<Record>,
}

impl Tally<'_> {
    /// Gives a record the CRC of the known one of its symbol.
    fn mend(&mut self, record: &mut Record, known: &Record, messages: &mut Messages) {
        if self.options.verbose && record != known {
            self.report(record, known, messages);
        }
        // All other bytes are the same.
        record[..8].copy_from_slice(&known[..8]);
    }

    #[cold]
    fn report(&mut self, record: &Record, known: &Record, messages: &mut Messages) {
        self.changed += 1;
        let layout = self.options.layout;
        let (old, new) = (layout.crc(record), layout.crc(known));
        let symbol = printable(layout.symbol(record)).to_string();
        messages.line(format_args!("{symbol:<32}  {old:#010x} -> {new:#010x}"));
    }

    #[cold]
    fn miss(&mut self, record: &Record, messages: &mut Messages) {
        let layout = self.options.layout;
        let symbol = printable(layout.symbol(record));
        self.missing += 1;
        if self.options.keep_missing {
            messages.say("warning", symbol, "not in the model; kept as it is");
        } else if self
            .named
            .iter()
            .any(|named| layout.same_symbol(named, record))
        {
            // Once is enough.
        } else if self.named.len() == NAMED {
            self.unnamed += 1;
        } else {
            messages.say("symbol", symbol, "not in the model");
            self.named.push(*record);
        }
    }

    /// Says what is to be said at the end, and returns the failure that it is, if it is one.
    fn finish<R: Read>(&self, table: &Table<R>, messages: &mut Messages) -> Result<(), Failure> {
        let Self {
            options,
            changed,
            missing,
            unnamed,
            ..
        } = self;
        let total = table.count;
        if *unnamed > 0 {
            messages.say("symbol", format!("and {unnamed} more"), "not in the model");
        }
        let hint = |record| options.layout.hint(record, self.model.records());
        if let Some(hint) = self.named.first().and_then(hint) {
            messages.say("hint", STDIN, hint);
        }
        table.check("input", STDIN, messages);
        if options.verbose {
            let unchanged = total - changed - missing;
            let rest = if options.keep_missing {
                "kept"
            } else {
                "missing"
            };
            messages.line(format_args!(
                "{total} records: {changed} changed, {unchanged} unchanged, {missing} {rest}"
            ));
        }
        let end = if options.strict {
            "nothing written"
        } else {
            "written up to the first of them"
        };
        let reason = match missing {
            1.. if !options.keep_missing => {
                format!("{missing} of {total} records are not in the model: {end}")
            }
            _ if messages.refused() => "nothing written, because of --strict".to_owned(),
            _ => return Ok(()),
        };
        Err(Failure::new("output", STDOUT, reason))
    }
}
