//! The stream: standard input to standard output, with the model's CRCs.

use std::io::{Read, Write};
use std::path::Path;

use crate::messages::{Failure, Messages, STDIN, STDOUT, printable};
use crate::model::{GROUP, Model};
use crate::record::{Layout, Record};
use crate::table::Table;

/// So many missing symbols are named.
const NAMED: usize = 20;

/// Writes each record of `input` with the model's CRC to `output`. At a symbol that is not in
/// the model the output ends; the input is read on, so that all such symbols can be named.
///
/// # Errors
/// A missing symbol; a failed read or write.
pub fn mend(
    layout: Layout,
    model: &Model,
    path: &Path,
    input: &mut dyn Read,
    output: &mut dyn Write,
    messages: &mut Messages,
) -> Result<(), Failure> {
    let mut table = Table::new(input);
    let mut missing = Missing::default();
    let mut found = [None; GROUP];
    let mut expected = 0;
    while let Some(records) = table
        .read()
        .map_err(|error| Failure::io("input", STDIN, &error))?
    {
        let mut good = if missing.count == 0 { records.len() } else { 0 };
        let mut position = 0;
        while position < records.len() {
            let rest = &mut records[position..];
            let count = model.find(rest, expected, &mut found);
            for (record, found) in rest.iter_mut().zip(&found[..count]) {
                if let Some(index) = *found {
                    // The other bytes are the same.
                    record[..8].copy_from_slice(&model.records()[index][..8]);
                    expected = index + 1;
                } else {
                    good = good.min(position);
                    missing.add(layout, record, path, messages);
                }
                position += 1;
            }
        }
        output
            .write_all(records[..good].as_flattened())
            .map_err(|error| Failure::io("output", STDOUT, &error))?;
    }
    missing.sum_up(layout, messages);
    table.check("input", STDIN, messages);
    missing.end(table.count)
}

/// The records whose symbol is not in the model.
#[derive(Default)]
struct Missing {
    count: u64,
    /// Those of them that were not named, because enough were.
    more: u64,
    named: Vec<Record>,
}

impl Missing {
    fn add(&mut self, layout: Layout, record: &Record, path: &Path, messages: &mut Messages) {
        self.count += 1;
        if self
            .named
            .iter()
            .any(|named| layout.same_symbol(named, record))
        {
            return;
        }
        if self.named.len() == NAMED {
            self.more += 1;
            return;
        }
        self.named.push(*record);
        let symbol = printable(layout.symbol(record));
        messages.say(
            "symbol",
            symbol,
            format_args!("not in {}", path.to_string_lossy()),
        );
    }

    /// Says how many were not named, and why they may be missing.
    fn sum_up(&self, layout: Layout, messages: &mut Messages) {
        if self.more > 0 {
            messages.say(
                "symbol",
                format_args!("and {} more", self.more),
                "not in the model",
            );
        }
        if let Some(hint) = self.named.first().and_then(|record| layout.hint(record)) {
            messages.say("hint", STDIN, hint);
        }
    }

    /// The failure that they are, of `total` records in the input.
    fn end(&self, total: u64) -> Result<(), Failure> {
        match self.count {
            0 => Ok(()),
            count => Err(Failure::new(
                "output",
                STDOUT,
                format_args!(
                    "ends before the first of {count} records (of {total}) without a CRC in the model"
                ),
            )),
        }
    }
}
