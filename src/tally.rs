//! What was seen in the stream.

use crate::record::Record;

/// So many missing symbols are named.
const NAMED: usize = 20;

/// Records of the input, counted.
#[derive(Default)]
pub struct Tally {
    /// Those whose symbol is in the model.
    pub found: u64,
    /// Those of them whose CRC changes.
    pub changed: u64,
    /// Those whose symbol is not in the model.
    pub missing: u64,
    /// The first of these.
    pub named: Vec<Record>,
}

impl Tally {
    /// Counts a record. Returns the model's record for its symbol if that has another CRC.
    pub fn count<'a>(&mut self, record: &Record, known: Option<&'a Record>) -> Option<&'a Record> {
        let Some(known) = known else {
            self.missing += 1;
            if self.named.len() < NAMED {
                self.named.push(*record);
            }
            return None;
        };
        self.found += 1;
        let changes = record[..8] != known[..8];
        self.changed += u64::from(changes);
        changes.then_some(known)
    }
}
