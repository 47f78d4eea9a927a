//! The model: an index over records, one a symbol.

use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use byteorder::{ByteOrder, LittleEndian};

use crate::record::{Layout, RECORD_SIZE, Record};

/// Records and a hash table over them: open addressing with linear probing.
pub struct Model {
    /// That of its records.
    pub layout: Layout,
    /// In the order in which the symbols first appeared.
    records: Vec<Record>,
    /// Number + 1 of a record, 0 if free. A power of two, and more than half are free.
    slots: Vec<u32>,
    /// A secret for each word of 8 bytes in a record.
    secrets: [u64; RECORD_SIZE / 8],
    /// Number of the record that [`Self::find`] tries first.
    next: usize,
}

impl Model {
    /// An index over these records. Of those with one symbol the last counts. With it comes the
    /// first of them that has another CRC than the one before.
    ///
    /// # Errors
    /// Memory that ran out.
    pub fn new(layout: Layout, records: Vec<Record>) -> std::io::Result<(Self, Option<Record>)> {
        // Whoever writes a module does not know when, where in memory and as which process this
        // runs. Unlike the system's randomness, that needs no descriptor and no recent kernel.
        let time = std::time::SystemTime::now();
        let secret = (time, std::ptr::from_ref(&time).addr(), std::process::id());
        let hasher = BuildHasherDefault::<DefaultHasher>::default();
        let secrets = std::array::from_fn(|word| hasher.hash_one((&secret, word)));
        let size = (records.len() * 2 + 1).next_power_of_two();
        let mut slots = Vec::new();
        slots.try_reserve_exact(size)?;
        slots.resize(size, 0);
        let mut model = Self {
            layout,
            records,
            slots,
            secrets,
            next: 0,
        };
        // Records that only repeat a symbol are dropped.
        let (mut kept, mut conflict) = (0, None);
        let mut homes = [0; 128];
        for index in 0..model.records.len() {
            // A large index is not in the cache, and many slots come from memory as soon as one.
            if index % homes.len() == 0 {
                let next = homes.iter_mut().zip(&model.records[index..]);
                next.for_each(|(home, record)| *home = model.home(record));
                std::hint::black_box(homes.map(|home| model.slots[home]));
            }
            let record = model.records[index];
            match model.search(&record, homes[index % homes.len()]) {
                Ok(older) if model.records[older] == record => {}
                Ok(older) => {
                    model.records[older] = record;
                    conflict.get_or_insert(record);
                }
                Err(slot) => {
                    model.records[kept] = record;
                    kept += 1;
                    model.slots[slot] = u32::try_from(kept).map_err(std::io::Error::other)?;
                }
            }
        }
        model.records.truncate(kept);
        Ok((model, conflict))
    }

    /// The record with this symbol. The one after the last that was found is tried first, since
    /// the tables of a kernel have their symbols in nearly the same order.
    pub fn find(&mut self, record: &Record) -> Option<&Record> {
        let next = self.records.get(self.next);
        if let Some(known) = next.filter(|known| self.layout.same_symbol(known, record)) {
            self.next += 1;
            return Some(known);
        }
        self.next = self.search(record, self.home(record)).ok()? + 1;
        self.records.get(self.next - 1)
    }

    /// The number of the record with this symbol, or else the free slot where it belongs. The
    /// search begins at its home.
    fn search(&self, record: &Record, mut slot: usize) -> Result<usize, usize> {
        while let Some(index) = (self.slots[slot] as usize).checked_sub(1) {
            if self.layout.same_symbol(&self.records[index], record) {
                return Ok(index);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
        Err(slot)
    }

    /// The slot at which the search for a symbol begins, by a hash: a sum of products of two words
    /// of 8 bytes, each with a secret added, so that nobody can choose symbols that collide (NH:
    /// Black and others, UMAC: Fast and secure message authentication, 1999).
    pub fn home(&self, record: &Record) -> usize {
        let mut words = [0; RECORD_SIZE / 8];
        LittleEndian::read_u64_into(record, &mut words);
        // The CRC does not count.
        words[0] = LittleEndian::read_u64(&record[self.layout.crc_size()..]);
        let keyed = |word: usize| u128::from(words[word].wrapping_add(self.secrets[word]));
        let products = (0..8).step_by(2).map(|word| keyed(word) * keyed(word + 1));
        let sum = products.fold(0, u128::wrapping_add);
        // The sums of like names are as evenly spaced as the names: mixed by 2^64 over the golden
        // ratio, they do not cluster.
        let mixed = ((sum >> 64) as u64 ^ sum as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }
}
