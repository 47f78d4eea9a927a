//! A raw `__versions` table as a source of records, however its bytes arrive; and what else a file
//! can be, as its first bytes tell.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

use crate::record::{Layout, RECORD_SIZE, Record};

/// Records in one read: 64 KiB, what a pipe holds (pipe(7)).
const RECORDS: usize = 1024;

/// The records of a table, and what it is.
///
/// # Errors
/// A failed read, memory that ran out.
pub fn read(mut file: File, layout: Layout) -> io::Result<(Vec<Record>, Kind)> {
    let (mut table, mut all) = (Table::new(&mut file), Vec::new());
    while let Some(records) = table.read()? {
        all.try_reserve(records.len())?;
        all.extend_from_slice(records);
    }
    Ok((all, table.kind(layout)))
}

/// A reader, and a buffer of whole records.
pub struct Table<'a> {
    reader: &'a mut dyn Read,
    buffer: Vec<Record>,
    /// Bytes in the buffer. The last call handed out the whole records in it.
    filled: usize,
    /// The first bytes of all, those of one record at most.
    start: Vec<u8>,
}

impl<'a> Table<'a> {
    /// Reads from the place where `reader` stands.
    pub fn new(reader: &'a mut dyn Read) -> Self {
        Self {
            reader,
            buffer: Vec::new(),
            filled: 0,
            start: Vec::new(),
        }
    }

    /// The next whole records, at least one; none at the end.
    ///
    /// # Errors
    /// A failed read. One that fails inside a record ends the table in silence, as fread(3) does
    /// under a Python 2 `file.read(64)`.
    pub fn read(&mut self) -> io::Result<Option<&mut [Record]>> {
        self.buffer.try_reserve_exact(RECORDS - self.buffer.len())?;
        self.buffer.resize(RECORDS, [0; RECORD_SIZE]);
        let bytes = self.buffer.as_flattened_mut();
        let rest = self.filled % RECORD_SIZE;
        bytes.copy_within(self.filled - rest..self.filled, 0);
        self.filled = rest;
        while self.filled < RECORD_SIZE {
            match self.reader.read(&mut bytes[self.filled..]) {
                Ok(0) => break,
                Ok(size) => self.filled += size,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.filled == 0 => return Err(error),
                Err(_) => break,
            }
        }
        if self.start.is_empty() {
            self.start.extend(&bytes[..self.filled.min(RECORD_SIZE)]);
        }
        let whole = self.filled / RECORD_SIZE;
        Ok((whole > 0).then_some(&mut self.buffer[..whole]))
    }

    /// What was read, after its end, if a table of this layout is wanted.
    pub fn kind(&self, layout: Layout) -> Kind {
        match Kind::of(&self.start, layout) {
            Kind::Table(_) | Kind::Unknown if self.filled > 0 => Kind::Cut(self.filled),
            kind => kind,
        }
    }
}

/// Kinds of files that people give.
pub enum Kind {
    /// No byte at all, or text without a symbol that has a CRC.
    Empty,
    /// A table, as modpost writes it.
    Table(Layout),
    /// An ELF file.
    Module,
    /// Compressed, by this program.
    Compressed(&'static str),
    Text,
    /// A table, or anything else, with so many bytes after the last whole record.
    Cut(usize),
    /// Anything else.
    Unknown,
}

impl Kind {
    /// Looks at the first 64 bytes, or at all if there are fewer. If modpost could have written
    /// them they are a table, of the `expected` layout if they fit, whatever the CRC looks like.
    pub fn of(start: &[u8], expected: Layout) -> Self {
        if let Some(record) = start.first_chunk() {
            let mut layouts = [expected].into_iter().chain(Layout::ALL);
            if let Some(layout) = layouts.find(|layout| layout.fits(record)) {
                return Self::Table(layout);
            }
        }
        let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        match start {
            [] => Self::Empty,
            [0x7f, b'E', b'L', b'F', ..] => Self::Module,
            [0x1f, 0x8b, ..] => Self::Compressed("gzip"),
            [0xfd, b'7', b'z', b'X', b'Z', ..] => Self::Compressed("xz"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Compressed("zstd"),
            _ if start.iter().take(RECORD_SIZE).all(text) => Self::Text,
            _ => Self::Unknown,
        }
    }
}
