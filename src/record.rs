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

impl Layout {
    /// 32-bit little-endian, as on ARM: 4 bytes of CRC, 60 of name.
    pub const ELF32_LITTLE: Self = Self {
        crc_size: 4,
        big_endian: false,
    };

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

    /// What a record tells of a layout other than this one, if it does.
    #[must_use]
    pub fn hint(&self, record: &Record) -> Option<&'static str> {
        if self.crc(record) == 0 {
            Some("a CRC of 0: are these the records of a 64-bit big-endian module?")
        } else if record[self.crc_size] == 0 {
            Some("the names begin with NUL bytes: are these the records of a 64-bit module?")
        } else {
            None
        }
    }

    /// Whether two records are of one symbol: each byte of the name field counts.
    #[must_use]
    pub fn same_symbol(&self, a: &Record, b: &Record) -> bool {
        // Of known lengths, so that they are compared in registers.
        if self.crc_size == 4 {
            a[4..] == b[4..]
        } else {
            a[8..] == b[8..]
        }
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
