//! The filter, and what it counts.

use std::io::Write;

use byteorder::{BE, ByteOrder, LE};

use crate::args::Options;
use crate::log::{Log, Result, STDIN, STDOUT, failed};
use crate::model::Model;
use crate::record::{Layout, Record};
use crate::table::Table;

/// So many missing symbols are named.
const NAMED: usize = 20;

/// Records of the input, counted.
#[derive(Default)]
pub struct Tally {
    /// The layout of all of them.
    pub layout: Layout,
    /// Those whose symbol is in the model.
    pub found: usize,
    /// Found ones whose CRC changes.
    pub changed: usize,
    /// Found ones whose CRC is the model's with its bytes reversed, even if that is the same.
    pub reversed: usize,
    /// Those whose symbol is not in the model.
    pub missing: usize,
    /// The first symbols of these, each once.
    pub named: Vec<Record>,
    /// Those of the missing whose symbol is not among these.
    pub unnamed: usize,
}

/// Writes each record of the input with the model's CRC. At a symbol that is not in the model the
/// output ends, unless it is kept; the input is read on. A strict run gets back what is to be
/// written once all is found good.
pub fn filter(
    options: &Options,
    model: &mut Model,
    input: &mut Table,
    output: &mut dyn Write,
    log: &mut Log,
) -> Result<(Tally, Vec<u8>)> {
    let (mut tally, mut held, mut lines) = (Tally::default(), Vec::new(), Vec::new());
    let keep = options.keep_missing;
    tally.layout = model.layout;
    while let Some(records) = input.read().map_err(failed("input", STDIN))? {
        let open = keep || tally.missing == 0;
        let mut good = if open { records.len() } else { 0 };
        for (index, record) in records.iter_mut().enumerate() {
            if let Some(known) = model.find(record) {
                tally.found += 1;
                tally.reversed += usize::from(LE::read_u32(record) == BE::read_u32(known));
                if record[..8] != known[..8] {
                    tally.changed += 1;
                    if options.verbose {
                        add_change(&mut lines, tally.layout, record, known);
                    }
                    // Of these bytes those that are not of the CRC are the same.
                    record[..8].copy_from_slice(&known[..8]);
                }
            } else {
                tally.missing += 1;
                good = if keep { good } else { good.min(index) };
                let same = |named: &Record| tally.layout.same_symbol(named, record);
                let (known, full) = (tally.named.iter().any(same), tally.named.len() == NAMED);
                tally.named.extend((!known && !full).then_some(*record));
                tally.unnamed += usize::from(!known && full);
            }
        }
        log.write(&mut lines);
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

pub fn write(output: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    output.write_all(bytes).map_err(failed("output", STDOUT))
}

/// Adds the line of a CRC that changes. A list can be a million lines long, and formatting is slow.
fn add_change(lines: &mut Vec<u8>, layout: Layout, old: &Record, new: &Record) {
    let column = lines.len() + 32;
    lines.extend(layout.symbol(old));
    lines.resize(lines.len().max(column), b' ');
    for (before, record) in [("  0x", old), (" -> 0x", new)] {
        let crc = layout.crc(record);
        let digits = if crc >> 32 == 0 { 8 } else { 16 };
        let digit = |place: u32| b"0123456789abcdef"[(crc >> (4 * place)) as usize & 15];
        lines.extend_from_slice(before.as_bytes());
        lines.extend((0..digits).rev().map(digit));
    }
    lines.push(b'\n');
}
