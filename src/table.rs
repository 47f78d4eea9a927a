//! A raw `__versions` table as a source of records, however its bytes arrive; and what else a file
//! can be, as its first bytes tell.

use std::io::{self, ErrorKind, Read};

use crate::record::{Layout, RECORD_SIZE, Record};

/// Records in one read: 64 KiB, what a pipe holds (pipe(7)).
const RECORDS: usize = 1024;

/// The records of a table, and what it is.
///
/// # Errors
/// A failed read, memory that ran out.
pub fn read(mut file: std::fs::File, target: Option<Layout>) -> io::Result<(Vec<Record>, Kind)> {
    let (mut table, mut all) = (Table::new(&mut file, target)?, Vec::new());
    while let Some(records) = table.read()? {
        all.try_reserve(records.len())?;
        all.extend_from_slice(records);
    }
    Ok((all, table.kind()))
}

/// A reader, and a buffer of whole records.
pub struct Table<'a> {
    reader: &'a mut dyn Read,
    buffer: Vec<Record>,
    /// Bytes in the buffer.
    filled: usize,
    /// Those of them that are handed out.
    used: usize,
    at_end: bool,
    /// What it is, as the first record tells.
    pub kind_at_start: Kind,
}

impl<'a> Table<'a> {
    /// Reads up to the first record. A table of the target is expected, if there is one.
    ///
    /// # Errors
    /// Those of [`Self::read`].
    pub fn new(reader: &'a mut dyn Read, target: Option<Layout>) -> io::Result<Self> {
        let mut table = Self {
            reader,
            buffer: vec![[0; RECORD_SIZE]; RECORDS],
            filled: 0,
            used: 0,
            at_end: false,
            kind_at_start: Kind::Unknown,
        };
        table.read()?;
        table.kind_at_start = kind_of(&table.buffer.as_flattened()[..table.filled], target);
        table.used = 0;
        Ok(table)
    }

    /// The next whole records, at least one; none at the end.
    ///
    /// # Errors
    /// A failed read. One that fails inside a record ends the table in silence, as fread(3) does
    /// under a Python 2 `file.read(64)`.
    pub fn read(&mut self) -> io::Result<Option<&mut [Record]>> {
        let bytes = self.buffer.as_flattened_mut();
        bytes.copy_within(self.used..self.filled, 0);
        self.filled -= std::mem::take(&mut self.used);
        while self.filled < RECORD_SIZE && !self.at_end {
            match self.reader.read(&mut bytes[self.filled..]) {
                Ok(0) => self.at_end = true,
                Ok(size) => self.filled += size,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if self.filled == 0 => return Err(error),
                Err(_) => self.at_end = true,
            }
        }
        let whole = self.filled / RECORD_SIZE;
        self.used = whole * RECORD_SIZE;
        Ok((whole > 0).then_some(&mut self.buffer[..whole]))
    }

    /// What was read, after its end.
    pub fn kind(self) -> Kind {
        let rest = &self.buffer.as_flattened()[..self.filled];
        let left = rest.len();
        let cut = format!("ends inside a record, {left} bytes left over; dump it again");
        match self.kind_at_start {
            Kind::Table(_) if is_text(rest) && rest.contains(&b'\n') => Kind::Wrong(MIXED.into()),
            Kind::Table(_) if left > 0 => Kind::Wrong(cut),
            Kind::Unknown if left > 0 => Kind::Wrong(NEITHER.into()),
            kind => kind,
        }
    }
}

const MIXED: &str = "text after a table; join one kind: modprobe --show-modversions makes text";
const EMPTY: &str = "empty; did objcopy fail, or is there no __versions section?";

/// What is wrong with a file of unknown kind, if it cannot be a table.
pub const NEITHER: &str = "neither a table nor text; is it compressed, or of an Ubuntu kernel with \
    records of variable length?";

/// Kinds of files that people give.
pub enum Kind {
    /// A table, as modpost writes it.
    Table(Layout),
    /// Text. With it, if it was read as such, the symbols that have no CRC, in elf32-little.
    Text(Vec<Record>),
    /// An ELF file.
    Module,
    /// Neither a table nor text, for this reason.
    Wrong(String),
    /// Anything else: a table of strange records, at best.
    Unknown,
}

/// Looks at the first 64 bytes, or at all if there are fewer. If they are no text and modpost could
/// have written them they are a table, of the target if they fit, even if the CRC looks like the
/// beginning of another format.
pub fn kind_of(start: &[u8], target: Option<Layout>) -> Kind {
    let start = &start[..start.len().min(RECORD_SIZE)];
    // A part of a record is one with a shorter name.
    let mut record = [0; RECORD_SIZE];
    record[..start.len()].copy_from_slice(start);
    // The byte order of 32-bit ones is not to be seen. No CRC is 0, so that zeros come first in
    // elf64-big alone.
    let known = [Layout::Elf64Big, Layout::Elf32Little, Layout::Elf64Little];
    let mut layouts = target.into_iter().chain(known);
    let program = match (start, layouts.find(|layout| layout.fits(&record))) {
        ([], _) => return Kind::Wrong(EMPTY.into()),
        _ if is_text(start) => return Kind::Text(Vec::new()),
        (_, Some(layout)) => return Kind::Table(layout),
        ([0x7f, b'E', b'L', b'F', ..], _) => return Kind::Module,
        ([0x1f, 0x8b, ..], _) => "gzip",
        ([0xfd, b'7', b'z', b'X', b'Z', ..], _) => "xz",
        ([0x28, 0xb5, 0x2f, 0xfd, ..], _) => "zstd",
        _ => return Kind::Unknown,
    };
    Kind::Wrong(format!("compressed with {program}; unpack it first"))
}

/// Whether bytes are text in ASCII, or one that is like it, such as UTF-8.
fn is_text(bytes: &[u8]) -> bool {
    let is_text = |byte: &u8| byte.is_ascii_whitespace() || !byte.is_ascii_control();
    bytes.iter().all(is_text)
}
