//! The model: the CRC of each symbol, in a hash table.

use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, Cursor, Read};

use byteorder::{ByteOrder, LittleEndian};

use crate::kind::{Kind, SAMPLE_RECORDS};
use crate::record::{Layout, RECORD_SIZE, Record, Symbol, Version};
use crate::symvers;
use crate::table::TableReader;

/// Bytes at the start of a file that tell its kind.
const SAMPLE_SIZE: u64 = (SAMPLE_RECORDS * RECORD_SIZE) as u64;

/// Versions, and a hash table over them with open addressing and linear probing.
pub struct Model {
    /// What the file is.
    pub kind: Kind,
    /// The number of the first record whose CRC field holds more than 32 bits, counted from 1.
    pub first_misfit: Option<usize>,
    /// The first symbol that has two CRCs.
    pub conflict: Option<Symbol>,
    versions: Vec<Version>,
    /// Index + 1 into `versions`, or 0 if the slot is free. The length is a power of two, and at
    /// most half of the slots are used.
    slots: Vec<u32>,
    /// Secret numbers for the hash, one for each 8 bytes of a symbol.
    secrets: [u64; 8],
}

impl Model {
    /// Reads a model as the script does: any file is a table of 32-bit little-endian records.
    ///
    /// # Errors
    /// If the file cannot be read, or memory runs out.
    pub fn read_as_script(path: &OsStr) -> io::Result<Self> {
        let mut table = TableReader::new(File::open(path)?)?;
        let (versions, first_misfit) = read_versions(&mut table, Layout::Elf32Little)?;
        Self::new(table.kind(), versions, first_misfit)
    }

    /// Reads a model that is a table of any layout, or text.
    ///
    /// # Errors
    /// If the file cannot be read, a line of text is wrong, or memory runs out.
    pub fn read_strict(path: &OsStr) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut start = Vec::new();
        file.by_ref().take(SAMPLE_SIZE).read_to_end(&mut start)?;
        let kind = Kind::of(&start);
        // A file that has ended is not read again: a terminal would wait for more.
        let limit = if start.len() as u64 == SAMPLE_SIZE {
            u64::MAX
        } else {
            0
        };
        let whole = Cursor::new(start).chain(file.take(limit));
        if kind == Kind::Text {
            let (kind, versions) = symvers::read(whole)?;
            return Self::new(kind, versions, None);
        }
        let Some(layout) = kind.layout() else {
            return Self::new(kind, Vec::new(), None);
        };
        let mut table = TableReader::new(whole)?;
        let (versions, first_misfit) = read_versions(&mut table, layout)?;
        if let Some(error) = table.fault {
            return Err(error);
        }
        Self::new(table.kind(), versions, first_misfit)
    }

    /// Builds the hash table. If a symbol appears twice, its last CRC counts.
    fn new(kind: Kind, versions: Vec<Version>, first_misfit: Option<usize>) -> io::Result<Self> {
        let count =
            u32::try_from(versions.len()).map_err(|_| io::Error::other("has too many records"))?;
        let size = (versions.len() * 2 + 1).next_power_of_two();
        let mut slots = Vec::new();
        slots.try_reserve_exact(size)?;
        slots.resize(size, 0);
        let mut model = Self {
            kind,
            first_misfit,
            conflict: None,
            versions,
            slots,
            secrets: secrets(),
        };
        for index in 0..count {
            let version = &model.versions[index as usize];
            let slot = model.slot(&version.symbol);
            if let Some(older) = model.version_in(slot) {
                if older.crc != version.crc {
                    model.conflict.get_or_insert(version.symbol);
                }
            }
            model.slots[slot] = index + 1;
        }
        Ok(model)
    }

    /// The CRC of a symbol.
    pub fn crc(&self, symbol: &Symbol) -> Option<u32> {
        let version = self.version_in(self.slot(symbol))?;
        Some(version.crc)
    }

    /// Whether no symbol has a CRC: those of a kernel without CONFIG_MODVERSIONS are all 0.
    pub fn has_no_crc(&self) -> bool {
        self.versions.iter().all(|version| version.crc == 0)
    }

    /// How many of these records, read in this layout, have a symbol of the model, and how many
    /// have its CRC, too.
    pub fn in_common(&self, layout: Layout, records: &[Record]) -> (usize, usize) {
        let mut symbols = 0;
        let mut crcs = 0;
        for record in records {
            let Some(version) = layout.version(record) else {
                continue;
            };
            let Some(crc) = self.crc(&version.symbol) else {
                continue;
            };
            symbols += 1;
            if crc == version.crc {
                crcs += 1;
            }
        }
        (symbols, crcs)
    }

    /// The slot of this symbol, or the free one where it belongs.
    fn slot(&self, symbol: &Symbol) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hash(symbol) & mask;
        while let Some(version) = self.version_in(slot) {
            if version.symbol == *symbol {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }

    /// The version in a slot, if it is used.
    fn version_in(&self, slot: usize) -> Option<&Version> {
        let index = self.slots[slot].checked_sub(1)?;
        Some(&self.versions[index as usize])
    }

    /// Adds a secret to each word of 8 bytes, and sums up the products of pairs of them (the
    /// function NH of Black and others, UMAC: Fast and secure message authentication, 1999). This
    /// is fast enough for all symbols of a kernel, and nobody can prepare symbols that make it
    /// slow.
    fn hash(&self, symbol: &Symbol) -> usize {
        let mut words = [0; 8];
        LittleEndian::read_u64_into(&symbol[..56], &mut words[..7]);
        words[7] = LittleEndian::read_u32(&symbol[56..]).into();
        let mut sum = 0_u128;
        for pair in 0..4 {
            let first = words[2 * pair].wrapping_add(self.secrets[2 * pair]);
            let second = words[2 * pair + 1].wrapping_add(self.secrets[2 * pair + 1]);
            sum = sum.wrapping_add(u128::from(first) * u128::from(second));
        }
        // Similar names have evenly spaced sums. Fibonacci hashing spreads such numbers: it
        // multiplies them by 2^64/φ, where φ is the golden ratio, and takes the upper bits.
        let folded = (sum >> 64) as u64 ^ sum as u64;
        let product = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (product >> 32) as usize
    }
}

/// Reads the records of a table. Returns what they say in this layout, and [`Model::first_misfit`].
fn read_versions(
    table: &mut TableReader<impl Read>,
    layout: Layout,
) -> io::Result<(Vec<Version>, Option<usize>)> {
    let mut versions = Vec::new();
    let mut count = 0;
    let mut first_misfit = None;
    loop {
        let records = table.next_records()?;
        if records.is_empty() {
            return Ok((versions, first_misfit));
        }
        versions.try_reserve(records.len())?;
        for record in records {
            count += 1;
            match layout.version(record) {
                Some(version) => versions.push(version),
                None => first_misfit = first_misfit.or(Some(count)),
            }
        }
    }
}

/// Numbers that nobody knows beforehand: they depend on the time, the process ID and an address.
/// The system's random numbers would need a recent kernel for getrandom(2), or a free descriptor
/// for `/dev/urandom`; without either, the standard library panics.
fn secrets() -> [u64; 8] {
    let time = std::time::SystemTime::now();
    let seed = (time, std::ptr::from_ref(&time).addr(), std::process::id());
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    std::array::from_fn(|index| hasher.hash_one((&seed, index)))
}
