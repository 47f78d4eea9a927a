//! The filter: gives each record the model's CRC.

use crate::args::Options;
use crate::message::Log;
use crate::model::Model;
use crate::record::{Layout, Record, Symbol, printable_symbol};

/// At most this many missing symbols are named.
const MAX_NAMED: usize = 20;

/// Counts of the records that went through the filter.
pub struct Tally {
    /// Records whose symbol is in the model.
    pub found: usize,
    /// Found records whose CRC changed.
    pub changed: usize,
    /// Found records that had the model's CRC in the other byte order.
    pub reversed: usize,
    /// Records whose symbol is not in the model.
    pub missing: usize,
    /// The first missing symbols.
    first_missing: [Symbol; MAX_NAMED],
}

impl Tally {
    pub fn total(&self) -> usize {
        self.found + self.missing
    }

    pub fn unchanged(&self) -> usize {
        self.found - self.changed
    }

    /// The first missing symbols; not all of them, if there are many.
    pub fn first_missing(&self) -> &[Symbol] {
        &self.first_missing[..self.missing.min(MAX_NAMED)]
    }
}

/// What the filter needs for each record, and what it has counted so far.
pub struct Filter<'a> {
    options: &'a Options,
    model: &'a Model,
    layout: Layout,
    pub tally: Tally,
}

impl<'a> Filter<'a> {
    pub fn new(options: &'a Options, model: &'a Model, layout: Layout) -> Self {
        Self {
            options,
            model,
            layout,
            tally: Tally {
                found: 0,
                changed: 0,
                reversed: 0,
                missing: 0,
                first_missing: [[0; size_of::<Symbol>()]; MAX_NAMED],
            },
        }
    }

    /// Gives these records the CRCs of the model. Returns how many of them to write: the output
    /// ends before the first missing symbol, unless missing symbols keep their CRCs.
    pub fn update(&mut self, records: &mut [Record], log: &mut Log) -> usize {
        let mut to_write = 0;
        for record in records {
            let symbol = self.layout.symbol(record);
            match self.model.crc(&symbol) {
                Some(crc) => self.update_found(record, &symbol, crc, log),
                None => self.note_missing(symbol),
            }
            if self.tally.missing == 0 || self.options.keep_missing {
                to_write += 1;
            }
        }
        to_write
    }

    fn update_found(&mut self, record: &mut Record, symbol: &Symbol, crc: u32, log: &mut Log) {
        self.tally.found += 1;
        // It is never `None`: a 32-bit field always fits, and a strict run has checked 64-bit ones.
        let old = self.layout.crc(record).unwrap_or_default();
        if old == crc.swap_bytes() {
            self.tally.reversed += 1;
        }
        if old == crc {
            return;
        }
        self.tally.changed += 1;
        if self.options.verbose {
            let symbol = printable_symbol(symbol);
            // EscapeAscii ignores a width, so the padding is an empty string of that width.
            let padding = 32_usize.saturating_sub(symbol.clone().count());
            log.line(format_args!(
                "{symbol}{:padding$}  {old:#010x} -> {crc:#010x}",
                ""
            ));
        }
        self.layout.set_crc(record, crc);
    }

    fn note_missing(&mut self, symbol: Symbol) {
        if let Some(place) = self.tally.first_missing.get_mut(self.tally.missing) {
            *place = symbol;
        }
        self.tally.missing += 1;
    }
}
