//! The layout of a record: the kernel's `struct modversion_info` (include/linux/module.h), a
//! CRC as an `unsigned long` followed by the symbol's name, filled up with NULs to 64 bytes.

use byteorder::{BigEndian, ByteOrder, LittleEndian};
use memchr::memchr;

/// Bytes in a record, on every machine.
pub const RECORD_SIZE: usize = 64;

/// One record, as it is in the section.
pub type Record = [u8; RECORD_SIZE];

/// How a machine lays out a record: the CRC in bytes `0..crc_size`, the name in the others.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    crc_size: usize,
    big_endian: bool,
}

impl Default for Layout {
    fn default() -> Self {
        Self::TARGETS[0].1
    }
}

impl Layout {
    /// The layouts, by objcopy's generic names (`objcopy --info`); the first is the default.
    pub const TARGETS: [(&str, Self); 4] = [
        ("elf32-little", Self::new(4, false)),
        ("elf32-big", Self::new(4, true)),
        ("elf64-little", Self::new(8, false)),
        ("elf64-big", Self::new(8, true)),
    ];

    const fn new(crc_size: usize, big_endian: bool) -> Self {
        Self {
            crc_size,
            big_endian,
        }
    }

    /// The value of a record's CRC field.
    #[must_use]
    pub fn crc(&self, record: &Record) -> u64 {
        let field = &record[..self.crc_size];
        if self.big_endian {
            BigEndian::read_uint(field, self.crc_size)
        } else {
            LittleEndian::read_uint(field, self.crc_size)
        }
    }

    /// The record of a symbol; none if its name, with a NUL, does not fit: modpost leaves such a
    /// symbol out of the table (scripts/mod/modpost.c, `add_versions`).
    #[must_use]
    pub fn record(&self, crc: u32, symbol: &[u8]) -> Option<Record> {
        let mut record = [0; RECORD_SIZE];
        let (field, name) = record.split_at_mut(self.crc_size);
        if symbol.len() >= name.len() {
            return None;
        }
        if self.big_endian {
            BigEndian::write_uint(field, crc.into(), self.crc_size);
        } else {
            LittleEndian::write_uint(field, crc.into(), self.crc_size);
        }
        name[..symbol.len()].copy_from_slice(symbol);
        Some(record)
    }

    /// A record's symbol, for people: without the NULs before it (the upper half of a 64-bit
    /// CRC, read as 32-bit) and after it, but with all that follows where not all of it is NUL.
    #[must_use]
    pub fn symbol<'a>(&self, record: &'a Record) -> &'a [u8] {
        let field = &record[self.crc_size..];
        let name = &field[field.iter().take_while(|&&byte| byte == 0).count()..];
        match memchr(0, name) {
            Some(end) if name[end..].iter().all(|&byte| byte == 0) => &name[..end],
            _ => name,
        }
    }

    /// Why a record may be missing from a model, if it looks like one of another layout.
    #[must_use]
    pub fn hint(&self, missing: &Record, model: &[Record]) -> Option<&'static str> {
        let wide = |record: &Record| self.crc_size == 4 && record[4] == 0;
        if self.crc_size == 4 && self.crc(missing) == 0 {
            Some("a CRC of 0, as in a 64-bit big-endian module: try --target elf64-big")
        } else if wide(missing) && !model.first().is_some_and(wide) {
            Some("the symbols begin with NULs, as in a 64-bit module: try --target elf64-little")
        } else {
            None
        }
    }

    /// Whether two records are of one symbol: each byte of the name field counts.
    #[must_use]
    pub fn same_symbol(&self, a: &Record, b: &Record) -> bool {
        let chunk = |from: usize| a[from..from + 16] == b[from..from + 16];
        chunk(if self.crc_size == 4 { 4 } else { 8 }) && chunk(16) && chunk(32) && chunk(48)
    }

    /// A record as words of 4 bytes, those of the CRC as 0.
    #[must_use]
    pub fn words(&self, record: &Record) -> [u32; RECORD_SIZE / 4] {
        let mut words = [0; RECORD_SIZE / 4];
        LittleEndian::read_u32_into(record, &mut words);
        words[0] = 0;
        if self.crc_size == 8 {
            words[1] = 0;
        }
        words
    }
}
