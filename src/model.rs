//! The model: an index over records, one a symbol.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io;

use crate::record::{Layout, Record, WORDS, hash};

/// Records and a hash table over them: open addressing with linear probing.
#[derive(Default)]
pub struct Model {
    layout: Layout,
    /// In the order in which the symbols first appeared, without those that were replaced.
    pub records: Vec<Record>,
    /// Number + 1 of a record, 0 if free. A power of two, and at least three in five are free.
    slots: Vec<u32>,
    keys: [u64; WORDS],
    /// The first record that gave a symbol another CRC than the one before.
    pub conflict: Option<Record>,
}

impl Model {
    /// An empty one.
    pub fn new(layout: Layout) -> Self {
        // Whoever writes a module does not know when, where in memory and as which process this
        // runs. Unlike the system's randomness, that needs no descriptor and no recent kernel.
        let time = std::time::SystemTime::now();
        let secret = (time, std::ptr::from_ref(&time).addr(), std::process::id());
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let mut keys = std::array::from_fn(|i| hasher.hash_one((&secret, i)));
        // The CRC does not count.
        keys[..layout.crc_size() / 4].fill(0);
        Self {
            layout,
            keys,
            slots: vec![0; 1 << 16],
            ..Self::default()
        }
    }

    /// Adds a record. If its symbol is there, it takes the place of the older one.
    ///
    /// # Errors
    /// Memory that ran out.
    pub fn add(&mut self, record: &Record) -> io::Result<()> {
        if self.records.len() * 5 >= self.slots.len() * 2 {
            self.grow()?;
        }
        let (slot, index) = self.slot(record);
        if let Some(index) = index {
            if self.records[index] != *record {
                self.records[index] = *record;
                self.conflict.get_or_insert(*record);
            }
            return Ok(());
        }
        self.records.try_reserve(1)?;
        self.records.push(*record);
        self.slots[slot] = u32::try_from(self.records.len()).map_err(io::Error::other)?;
        Ok(())
    }

    /// The record with this symbol. The one of number `next` is tried first, since the tables of a
    /// kernel have their symbols in nearly the same order; it becomes the one after the found.
    pub fn find(&self, record: &Record, next: &mut usize) -> Option<&Record> {
        let index = match self.records.get(*next) {
            Some(known) if self.layout.same_symbol(known, record) => *next,
            _ => self.slot(record).1?,
        };
        *next = index + 1;
        self.records.get(index)
    }

    /// The slot at which the search for a symbol begins.
    pub fn home(&self, record: &Record) -> usize {
        let hash = u64::from(hash(record, &self.keys));
        ((hash * self.slots.len() as u64) >> 32) as usize
    }

    /// The slot of a symbol, with the number of its record, or the free slot where it belongs.
    fn slot(&self, record: &Record) -> (usize, Option<usize>) {
        let mut slot = self.home(record);
        loop {
            slot &= self.slots.len() - 1;
            match (self.slots[slot] as usize).checked_sub(1) {
                Some(index) if !self.layout.same_symbol(&self.records[index], record) => slot += 1,
                index => return (slot, index),
            }
        }
    }

    /// Makes the slots anew, four times as many. All symbols differ, so none is compared, as it is
    /// in [`Self::slot`]: that would wait for memory.
    fn grow(&mut self) -> io::Result<()> {
        let size = self.slots.len() * 4;
        self.slots.clear();
        self.slots.try_reserve_exact(size)?;
        self.slots.resize(size, 0);
        for (index, record) in self.records.iter().enumerate() {
            let mut slot = self.home(record);
            while self.slots[slot & (size - 1)] > 0 {
                slot += 1;
            }
            self.slots[slot & (size - 1)] = index as u32 + 1;
        }
        Ok(())
    }
}
