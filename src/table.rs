//! Tables: whole records, however their bytes arrive.

use std::io::{self, ErrorKind, Read};

use crate::kind::{Kind, SAMPLE_RECORDS};
use crate::record::{RECORD_SIZE, Record};

/// Records in the buffer: 64 KiB, which is what a pipe holds (pipe(7)).
const BUFFERED: usize = 1024;

/// Reads a table.
pub struct TableReader<R> {
    reader: R,
    buffer: Vec<Record>,
    /// Bytes in the buffer.
    filled: usize,
    /// Of these, the bytes that were returned as records. The others are a part of the next one.
    returned: usize,
    /// The first records, for [`Self::kind`].
    sample: Vec<Record>,
    at_end: bool,
    /// The error that ended the table inside a record. It fails a strict run only.
    pub fault: Option<io::Error>,
}

impl<R: Read> TableReader<R> {
    /// # Errors
    /// If memory runs out.
    pub fn new(reader: R) -> io::Result<Self> {
        let mut buffer = Vec::new();
        buffer.try_reserve_exact(BUFFERED)?;
        buffer.resize(BUFFERED, [0; RECORD_SIZE]);
        let mut sample = Vec::new();
        sample.try_reserve_exact(SAMPLE_RECORDS)?;
        Ok(Self {
            reader,
            buffer,
            filled: 0,
            returned: 0,
            sample,
            at_end: false,
            fault: None,
        })
    }

    /// The records that have arrived, at least one unless the table is at its end.
    ///
    /// # Errors
    /// If a read fails between two records. One that fails inside a record ends the table, as it
    /// does for the script (`file.read(64)` of Python 2 is an fread(3)); see [`Self::fault`].
    pub fn next_records(&mut self) -> io::Result<&mut [Record]> {
        let bytes = self.buffer.as_flattened_mut();
        bytes.copy_within(self.returned..self.filled, 0);
        self.filled -= self.returned;
        self.returned = 0;
        while self.filled < RECORD_SIZE && !self.at_end {
            match self.reader.read(&mut bytes[self.filled..]) {
                Ok(0) => self.at_end = true,
                Ok(size) => self.filled += size,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.filled == 0 => return Err(error),
                Err(error) => {
                    self.at_end = true;
                    self.fault = Some(error);
                }
            }
        }
        let count = self.filled / RECORD_SIZE;
        self.returned = count * RECORD_SIZE;
        let records = &mut self.buffer[..count];
        let wanted = SAMPLE_RECORDS - self.sample.len();
        self.sample.extend_from_slice(&records[..count.min(wanted)]);
        Ok(records)
    }

    /// All records.
    ///
    /// # Errors
    /// If a read fails, or memory runs out.
    pub fn read_to_end(&mut self) -> io::Result<Vec<Record>> {
        let mut all = Vec::new();
        loop {
            let records = self.next_records()?;
            if records.is_empty() {
                break;
            }
            all.try_reserve(records.len())?;
            all.extend_from_slice(records);
        }
        match self.fault.take() {
            Some(error) => Err(error),
            None => Ok(all),
        }
    }

    /// What the file was, once it has been read to its end.
    pub fn kind(&self) -> Kind {
        let rest = &self.buffer.as_flattened()[self.returned..self.filled];
        let start = match &self.sample[..] {
            [] => rest,
            records => records.as_flattened(),
        };
        match Kind::of(start) {
            Kind::Table(_) if !rest.is_empty() => Kind::CutTable(rest.len()),
            kind => kind,
        }
    }
}
