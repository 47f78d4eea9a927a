//! A record: the kernel's `struct modversion_info` (include/linux/module.h), a CRC as an
//! `unsigned long`, then the symbol's name, filled up with NULs to 64 bytes.

use byteorder::{BigEndian, ByteOrder, LittleEndian};

/// Bytes in a record, on every machine.
pub const RECORD_SIZE: usize = 64;

/// Words of 4 bytes in a record.
pub const WORDS: usize = RECORD_SIZE / 4;

/// One record, as it is in the section.
pub type Record = [u8; RECORD_SIZE];

/// How a machine lays out a record: the CRC in 4 or 8 bytes, the name in the others. A sum: 2 if
/// the CRC has 8 bytes, 1 if it is big-endian.
#[derive(Clone, Copy, Default, PartialEq)]
pub struct Layout(pub usize);

impl Layout {
    /// objcopy's generic names (`objcopy --info`), by layout.
    pub const NAMES: [&str; 4] = ["elf32-little", "elf32-big", "elf64-little", "elf64-big"];

    /// objcopy's generic name for it.
    pub fn name(self) -> &'static str {
        Self::NAMES[self.0]
    }

    /// Bytes in the CRC field.
    pub fn crc_size(self) -> usize {
        if self.0 < 2 { 4 } else { 8 }
    }

    /// The value of a record's CRC field.
    pub fn crc(self, record: &Record) -> u64 {
        match self.0 % 2 {
            0 => LittleEndian::read_uint(record, self.crc_size()),
            _ => BigEndian::read_uint(record, self.crc_size()),
        }
    }

    /// The record of a symbol; none if the name does not fit with a NUL after it: modpost leaves
    /// such a symbol out of the table (scripts/mod/modpost.c, `add_versions`).
    pub fn record(self, crc: u32, symbol: &[u8]) -> Option<Record> {
        let mut record = [0; RECORD_SIZE];
        match self.0 % 2 {
            0 => LittleEndian::write_u32(&mut record, crc),
            _ => BigEndian::write_u32(&mut record[self.crc_size() - 4..], crc),
        }
        let name = &mut record[self.crc_size()..RECORD_SIZE - 1];
        name.get_mut(..symbol.len())?.copy_from_slice(symbol);
        Some(record)
    }

    /// A record's symbol, for people: without the NULs before it (the upper half of a 64-bit
    /// CRC, read as 32-bit) and after it.
    pub fn symbol(self, record: &Record) -> &[u8] {
        let name = &record[self.crc_size()..];
        let start = name.iter().take_while(|&&byte| byte == 0).count();
        let end = name.iter().rposition(|&byte| byte != 0);
        &name[start..end.map_or(start, |end| end + 1)]
    }

    /// Whether modpost could have written this record: a CRC of 32 bits, a name without blanks,
    /// and after it nothing but NULs, at least one.
    pub fn fits(self, record: &Record) -> bool {
        self.crc(record) <= u32::MAX.into()
            && record[self.crc_size()] != 0
            && record[RECORD_SIZE - 1] == 0
            && self.symbol(record).iter().all(u8::is_ascii_graphic)
    }

    /// Whether tables of another layout come out right, too. Little-endian 64-bit ones do in the
    /// 32-bit layouts: the upper half of the CRC is 0 and rides in the name.
    pub fn serves(self, other: Self) -> bool {
        self == other || self.0 < 2 && other == Self(2)
    }

    /// Whether two records are of one symbol: each byte of the name field counts.
    pub fn same_symbol(self, a: &Record, b: &Record) -> bool {
        // Up to 32 bytes are compared without a call.
        (self.0 > 1 || a[4..8] == b[4..8]) && a[8..32] == b[8..32] && a[32..] == b[32..]
    }
}

/// A hash of a record: a sum over words of 4 bytes, times random keys, so that nobody can choose
/// symbols that collide (Lemire and Kaser, Strongly universal string hashing is fast, 2014). It is
/// mixed, since the sums of like names are as evenly spaced as the names, and would cluster.
pub fn hash(record: &Record, keys: &[u64; WORDS]) -> u32 {
    let words = record.chunks_exact(4).map(LittleEndian::read_u32);
    let mut sum = 0_u64;
    for (word, key) in words.zip(keys) {
        sum = sum.wrapping_add(key.wrapping_mul(word.into()));
    }
    // 2^64 over the golden ratio, odd.
    ((sum ^ (sum >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}
