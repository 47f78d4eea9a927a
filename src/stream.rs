//! The stream: standard input to standard output, with the model's CRCs.

use std::io::{self, Read};

use crate::messages::{Result, STDIN, STDOUT, failed};
use crate::model::Model;
use crate::record::Record;
use crate::table::Table;

/// Gives each record of `input` the model's CRC and hands it to `write`. At a symbol that is not
/// in the model the output ends, unless it is kept; the input is read on. `seen` is told of each
/// record, and of the model's record for its symbol.
///
/// # Errors
/// A failed read or write.
pub fn mend(
    model: &Model,
    input: &mut Table<impl Read>,
    keep_missing: bool,
    mut write: impl FnMut(&[u8]) -> io::Result<()>,
    mut seen: impl FnMut(&Record, Option<&Record>),
) -> Result<()> {
    let (mut next, mut open) = (0, true);
    while let Some(records) = input.read().map_err(failed("input", STDIN))? {
        let mut good = 0;
        for record in records.iter_mut() {
            let known = model.find(record, &mut next);
            seen(record, known);
            open &= keep_missing || known.is_some();
            good += usize::from(open);
            if let Some(known) = known {
                record[..8].copy_from_slice(&known[..8]); // The rest is the same.
            }
        }
        write(records[..good].as_flattened()).map_err(failed("output", STDOUT))?;
    }
    Ok(())
}
