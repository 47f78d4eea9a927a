//! Records of a `__versions` table: the kernel's `struct modversion_info`
//! (include/linux/module.h), which is a CRC as an `unsigned long` and the name of a symbol.

use std::slice::EscapeAscii;

use byteorder::{BigEndian, ByteOrder, LittleEndian};

/// Bytes in a record, on every architecture.
pub const RECORD_SIZE: usize = 64;

/// A record as it is stored in the section.
pub type Record = [u8; RECORD_SIZE];

/// The name of a symbol, padded with NULs to the longest name field. Every byte counts: bytes after
/// the first NUL distinguish symbols, too.
pub type Symbol = [u8; RECORD_SIZE - 4];

/// What a record says, in any layout.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Version {
    pub crc: u32,
    pub symbol: Symbol,
}

/// How an architecture lays out a record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Layout {
    /// Bytes 0 to 3 are the CRC, little-endian; bytes 4 to 63 are the name. This is the only layout
    /// that the script knows. It serves [`Self::Elf64Little`], too: the upper half of the CRC is 0,
    /// and passes as a part of the name.
    Elf32Little,
    /// Bytes 0 to 3 are the CRC, big-endian; bytes 4 to 63 are the name.
    Elf32Big,
    /// Bytes 0 to 7 are the CRC, little-endian; bytes 8 to 63 are the name.
    Elf64Little,
    /// Bytes 0 to 7 are the CRC, big-endian; bytes 8 to 63 are the name.
    Elf64Big,
}

use Layout::{Elf32Big, Elf32Little, Elf64Big, Elf64Little};

impl Layout {
    /// All layouts, little-endian before big-endian and then 64-bit before 32-bit.
    pub const ALL: [Self; 4] = [Elf64Little, Elf32Little, Elf64Big, Elf32Big];

    /// The layout with the same field sizes and the other byte order.
    pub fn reversed(self) -> Self {
        match self {
            Elf32Little => Elf32Big,
            Elf32Big => Elf32Little,
            Elf64Little => Elf64Big,
            Elf64Big => Elf64Little,
        }
    }

    /// Bytes in the CRC field.
    pub fn crc_size(self) -> usize {
        match self {
            Elf32Little | Elf32Big => 4,
            Elf64Little | Elf64Big => 8,
        }
    }

    /// The CRC of a record, or `None` if its field holds more than 32 bits. No CRC does, so such a
    /// record has another layout.
    pub fn crc(self, record: &Record) -> Option<u32> {
        let field = match self {
            Elf32Little | Elf64Little => LittleEndian::read_uint(record, self.crc_size()),
            Elf32Big | Elf64Big => BigEndian::read_uint(record, self.crc_size()),
        };
        u32::try_from(field).ok()
    }

    /// Replaces the CRC of a record.
    pub fn set_crc(self, record: &mut Record, crc: u32) {
        let (crc, size) = (crc.into(), self.crc_size());
        match self {
            Elf32Little | Elf64Little => LittleEndian::write_uint(record, crc, size),
            Elf32Big | Elf64Big => BigEndian::write_uint(record, crc, size),
        }
    }

    /// The symbol of a record.
    pub fn symbol(self, record: &Record) -> Symbol {
        let name = &record[self.crc_size()..];
        let mut symbol = [0; size_of::<Symbol>()];
        symbol[..name.len()].copy_from_slice(name);
        symbol
    }

    /// What a record says, or `None` if its CRC field holds more than 32 bits.
    pub fn version(self, record: &Record) -> Option<Version> {
        let crc = self.crc(record)?;
        let symbol = self.symbol(record);
        Some(Version { crc, symbol })
    }

    /// Whether the kernel's modpost could have written this record: a CRC of 32 bits, then a name
    /// of printable characters, then NULs up to the end, at least one.
    pub fn fits(self, record: &Record) -> bool {
        let name = &record[self.crc_size()..];
        let length = name
            .iter()
            .take_while(|byte| byte.is_ascii_graphic())
            .count();
        let padding = &name[length..];
        self.crc(record).is_some()
            && length > 0
            && !padding.is_empty()
            && padding.iter().all(|&byte| byte == 0)
    }

    /// The layout that most of these records fit, if more than half of them do. A 32-bit table is
    /// taken for little-endian, since a record does not show the byte order of a 4-byte CRC. Only
    /// `-v` shows the difference: the CRCs of a big-endian table are reversed there.
    ///
    /// A record can fit two layouts: both 64-bit ones if its CRC is 0, and elf32-little and
    /// elf64-big if bytes 0 to 3 are 0 and bytes 4 to 7 are printable. If all records fit two, the
    /// little-endian one is returned. Read in that layout, their CRCs are all 0, so a strict run
    /// refuses such a model.
    pub fn of(records: &[Record]) -> Option<Self> {
        let mut best = None;
        let mut most = records.len() / 2;
        for layout in [Elf64Little, Elf32Little, Elf64Big] {
            let fitting = records.iter().filter(|record| layout.fits(record)).count();
            if fitting > most {
                best = Some(layout);
                most = fitting;
            }
        }
        best
    }
}

/// A symbol as people should see it: not empty, without the NULs around it, and with unprintable
/// bytes escaped. NULs come first if a 64-bit little-endian record is read as a 32-bit one: they
/// are the upper half of its CRC.
pub fn printable_symbol(symbol: &Symbol) -> EscapeAscii<'_> {
    let mut name = &symbol[..];
    while let [0, rest @ ..] | [rest @ .., 0] = name {
        name = rest;
    }
    if name.is_empty() {
        name = b"(no name)";
    }
    name.escape_ascii()
}
