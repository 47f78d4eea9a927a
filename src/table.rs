//! A `__versions` table as a stream: whole records, however its bytes arrive.

use std::io::{self, ErrorKind, Read};

use crate::messages::Messages;
use crate::record::{Layout, RECORD_SIZE, Record};

/// Records in one read: 64 KiB, what a pipe holds (pipe(7)).
const RECORDS: usize = 1024;

/// Reads a raw table from `source`, a buffer of records at a time.
pub struct Table<R> {
    layout: Layout,
    source: R,
    buffer: Vec<Record>,
    /// Bytes in the buffer.
    filled: usize,
    /// Records that the last call handed out.
    taken: usize,
    /// Records handed out in all.
    pub count: u64,
    /// Why the table cannot be one, by its first bytes.
    misfit: Option<&'static str>,
}

impl<R: Read> Table<R> {
    /// Reads from the place where `source` stands.
    pub fn new(layout: Layout, source: R) -> Self {
        let buffer = vec![[0; RECORD_SIZE]; RECORDS];
        Self {
            layout,
            source,
            buffer,
            filled: 0,
            taken: 0,
            count: 0,
            misfit: None,
        }
    }

    /// The next whole records, at least one; none at the end.
    ///
    /// # Errors
    /// A failed read, except inside a record: there it ends the table in silence, as fread(3)
    /// under a Python 2 `file.read(64)` does.
    pub fn read(&mut self) -> io::Result<Option<&mut [Record]>> {
        let rest = self.taken * RECORD_SIZE..self.filled;
        self.filled = rest.len();
        let bytes = self.buffer.as_flattened_mut();
        bytes.copy_within(rest, 0);
        while self.filled < RECORD_SIZE {
            match self.source.read(&mut bytes[self.filled..]) {
                Ok(0) => break,
                Ok(size) => self.filled += size,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.filled == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if self.count == 0 {
            self.misfit = misfit(self.layout, &bytes[..self.filled]);
        }
        self.taken = self.filled / RECORD_SIZE;
        self.count += self.taken as u64;
        Ok((self.taken > 0).then_some(&mut self.buffer[..self.taken]))
    }

    /// Says what is wrong with a table that was read to its end.
    pub fn check(&self, what: &'static str, name: &str, messages: &mut Messages) {
        match self.filled {
            _ if self.misfit.is_some() => {}
            0 if self.count == 0 => messages.complain(what, name, "empty"),
            0 => {}
            rest => {
                let reason = format!(
                    "ends inside a record, {rest} bytes are left over: cut short, or records of \
                     variable length, as in some Ubuntu kernels"
                );
                messages.complain(what, name, reason);
            }
        }
        if let Some(misfit) = self.misfit {
            messages.complain(what, name, misfit);
        }
    }
}

/// What is wrong with a table, if its first bytes tell.
fn misfit(layout: Layout, start: &[u8]) -> Option<&'static str> {
    let first = start.first_chunk::<RECORD_SIZE>();
    if start.starts_with(b"\x7fELF") {
        Some("a whole module: dump its __versions section first, with objcopy")
    } else if start.starts_with(b"0x") && start.contains(&b'\t') {
        Some("looks like text: a model that is text needs --symvers")
    } else if first.is_some_and(|record| layout.crc(record) > u32::MAX.into()) {
        Some("a CRC of more than 32 bits: is it of another --target?")
    } else {
        None
    }
}
