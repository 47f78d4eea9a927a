//! A record: the kernel's `struct modversion_info` (include/linux/module.h), a CRC as an
//! `unsigned long`, then the symbol's name, filled up with NULs to 64 bytes.

use byteorder::{BigEndian, ByteOrder, LittleEndian};

/// Bytes in a record, on every machine.
pub const RECORD_SIZE: usize = 64;

/// One record, as it is in the section.
pub type Record = [u8; RECORD_SIZE];

/// How a machine lays out a record: the CRC in 4 or 8 bytes, the name in the others.
#[derive(Clone, Copy, Default, PartialEq)]
pub enum Layout {
    /// 4 + 60 bytes, little-endian. What the script takes every table for.
    #[default]
    Elf32Little,
    /// 4 + 60 bytes, big-endian.
    Elf32Big,
    /// 8 + 56 bytes, little-endian.
    Elf64Little,
    /// 8 + 56 bytes, big-endian.
    Elf64Big,
}

use Layout::{Elf32Big, Elf32Little, Elf64Big, Elf64Little};

impl Layout {
    /// All of them.
    pub const ALL: [Self; 4] = [Elf32Little, Elf32Big, Elf64Little, Elf64Big];

    /// objcopy's generic name for it (`objcopy --info`).
    pub fn name(self) -> &'static str {
        ["elf32-little", "elf32-big", "elf64-little", "elf64-big"][self as usize]
    }

    /// Bytes in the CRC field.
    pub fn crc_size(self) -> usize {
        [4, 4, 8, 8][self as usize]
    }

    /// The value of a record's CRC field.
    pub fn crc(self, record: &Record) -> u64 {
        match self {
            Elf32Little | Elf64Little => LittleEndian::read_uint(record, self.crc_size()),
            Elf32Big | Elf64Big => BigEndian::read_uint(record, self.crc_size()),
        }
    }

    /// The record of a symbol; none if the name does not fit with a NUL after it: modpost leaves
    /// such a symbol out of the table (scripts/mod/modpost.c, `add_versions`).
    pub fn record(self, crc: u32, symbol: &[u8]) -> Option<Record> {
        let mut record = [0; RECORD_SIZE];
        let size = self.crc_size();
        match self {
            Elf32Little | Elf64Little => LittleEndian::write_uint(&mut record, crc.into(), size),
            Elf32Big | Elf64Big => BigEndian::write_uint(&mut record, crc.into(), size),
        }
        let name = &mut record[size..RECORD_SIZE - 1];
        name.get_mut(..symbol.len())?.copy_from_slice(symbol);
        Some(record)
    }

    /// Turns a record of elf32-little, whose names can be the longest, into one of this layout. Not
    /// if the name is too long: see [`Self::record`].
    pub fn adopt(self, record: &mut Record) -> bool {
        let name = record[4..].split(|&byte| byte == 0).next();
        let adopted = self.record(LittleEndian::read_u32(record), name.unwrap_or_default());
        adopted.map(|adopted| *record = adopted).is_some()
    }

    /// A record's symbol, for people: without the NULs before it (the upper half of a 64-bit
    /// CRC, read as 32-bit) and after it; what is not printable is escaped.
    pub fn symbol(self, record: &Record) -> std::slice::EscapeAscii<'_> {
        let name = &record[self.crc_size()..];
        let start = name.iter().position(|&byte| byte != 0).unwrap_or(0);
        // The long way back to the last byte goes in larger steps, which a long list of -v feels.
        let blank = name.rchunks(8).take_while(|bytes| *bytes == [0; 8]).count() * 8;
        let name = &name[..name.len() - blank];
        let last = name.iter().rposition(|&byte| byte != 0);
        name[start..last.map_or(0, |last| last + 1)].escape_ascii()
    }

    /// Whether modpost could have written this record: a CRC of 32 bits, a name without blanks,
    /// and after it nothing but NULs, at least one.
    pub fn fits(self, record: &Record) -> bool {
        let name = &record[self.crc_size()..];
        let end = name.iter().take_while(|b| b.is_ascii_graphic()).count();
        let rest_is_nul = end < name.len() && name[end..].iter().all(|&byte| byte == 0);
        end > 0 && rest_is_nul && self.crc(record) <= u32::MAX.into()
    }

    /// Whether tables of another layout come out right in this one. Little-endian 64-bit ones do in
    /// the 32-bit layouts: the upper half of the CRC is 0 and rides in the name.
    pub fn can_read(self, other: Self) -> bool {
        self == other || self.crc_size() == 4 && other == Elf64Little
    }

    /// Whether two records are of one symbol: each byte of the name field counts.
    pub fn same_symbol(self, a: &Record, b: &Record) -> bool {
        // In pieces of at most 32 bytes, which are compared without a call.
        (matches!(self, Elf64Little | Elf64Big) || a[4..8] == b[4..8])
            && a[8..32] == b[8..32]
            && a[32..] == b[32..]
    }
}
