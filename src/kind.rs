//! What a file is. People give this program modules, compressed files and text where it needs a
//! table.

use crate::record::{Layout, RECORD_SIZE, Record};

/// How many records [`Kind::of`] looks at.
pub const SAMPLE_RECORDS: usize = 16;

/// The kinds of files that people give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Empty,
    /// A `__versions` table, as modpost writes it.
    Table(Layout),
    /// A table that ends inside a record, with the number of bytes after the last whole one.
    CutTable(usize),
    /// Text in which each line has a CRC and a symbol, such as `Module.symvers`.
    Text,
    /// Text that lists symbols with their addresses: `/proc/kallsyms`, `System.map`, or what nm
    /// prints.
    Addresses,
    Utf16,
    /// A module, or any other ELF file.
    Elf,
    /// A compressed file, with the name of the program that compressed it.
    Compressed(&'static str),
    Unknown,
}

impl Kind {
    /// Tells what a file is from its start: [`SAMPLE_RECORDS`] records, or all of it if it is
    /// shorter. This never returns `CutTable` or `Addresses`.
    pub fn of(start: &[u8]) -> Self {
        if start.is_empty() {
            return Self::Empty;
        }
        if is_text(&start[..start.len().min(RECORD_SIZE)]) {
            return Self::Text;
        }
        let records = sample_records(start);
        // A CRC can be any four bytes, including those that begin a file of another format.
        if Layout::of(&records[..1]).is_none() {
            if let Some(kind) = foreign_format(start) {
                return kind;
            }
        }
        match Layout::of(&records) {
            Some(layout) => Self::Table(layout),
            None => Self::Unknown,
        }
    }

    /// The layout of a table that is not cut.
    pub fn layout(self) -> Option<Layout> {
        match self {
            Self::Table(layout) => Some(layout),
            _ => None,
        }
    }
}

/// Whether these bytes are text in ASCII or in an encoding that extends it, such as UTF-8. A whole
/// record is not: it has NULs.
fn is_text(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .all(|byte| byte.is_ascii_whitespace() || !byte.is_ascii_control())
}

/// The format that a file has by its magic number.
fn foreign_format(start: &[u8]) -> Option<Kind> {
    match start {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Kind::Utf16),
        [0x7f, b'E', b'L', b'F', ..] => Some(Kind::Elf),
        [0x1f, 0x8b, ..] => Some(Kind::Compressed("gzip")),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some(Kind::Compressed("xz")),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some(Kind::Compressed("zstd")),
        _ => None,
    }
}

/// The whole records of a sample. If there is none, the partial one is padded with NULs: a cut
/// record looks like one with a shorter name.
fn sample_records(start: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    for chunk in start.chunks(RECORD_SIZE) {
        if chunk.len() == RECORD_SIZE || records.is_empty() {
            let mut record = [0; RECORD_SIZE];
            record[..chunk.len()].copy_from_slice(chunk);
            records.push(record);
        }
    }
    records
}
