//! The model: for each symbol, the CRC that the kernel wants.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};

use crate::args::Options;
use crate::messages::{Failure, Messages, printable};
use crate::record::{Layout, RECORD_SIZE, Record};
use crate::symvers;
use crate::table::Table;

/// So many records are looked up side by side, for the memory's answers to overlap.
pub const GROUP: usize = 16;

/// Words of 4 bytes in one half of a record.
const HALF: usize = RECORD_SIZE / 8;

/// Records, one a symbol, and a hash table over them.
pub struct Model {
    layout: Layout,
    /// In the order in which the symbols first appeared.
    records: Vec<Record>,
    /// Open addressing in a power of two.
    buckets: Vec<Bucket>,
    /// The secrets of the hash.
    keys: [[u32; HALF]; 2],
    multiplier: u64,
    /// Records that gave a symbol another CRC than the one before.
    conflicts: u64,
    /// The first of them.
    conflict: Option<Record>,
}

impl Model {
    /// An empty one.
    #[must_use]
    pub fn new(layout: Layout) -> Self {
        let secret = RandomState::new();
        let key = |number| secret.hash_one(number);
        Self {
            layout,
            records: Vec::new(),
            buckets: vec![Bucket::default(); 32],
            keys: [0, HALF].map(|half| std::array::from_fn(|i| key(half + i) as u32)),
            multiplier: key(2 * HALF) | 1,
            conflicts: 0,
            conflict: None,
        }
    }

    /// Reads the model that `options` name, to its end.
    ///
    /// # Errors
    /// A file that cannot be opened or read, or, as text, not understood; memory that ran out.
    pub fn read(options: &Options, messages: &mut Messages) -> Result<Self, Failure> {
        let (layout, name) = (options.layout, options.model.to_string_lossy());
        let failure = |error: io::Error| Failure::io("model", &name, error);
        let mut model = Self::new(layout);
        let file = File::open(&options.model).map_err(failure)?;
        if options.symvers {
            symvers::read(&mut model, layout, file, &name)?;
            if model.records.is_empty() {
                messages.complain("model", &name, "empty");
            }
        } else {
            let mut table = Table::new(layout, file);
            while let Some(records) = table.read().map_err(failure)? {
                model.add(records).map_err(failure)?;
            }
            table.check("model", &name, messages);
        }
        if let Some(record) = &model.conflict {
            let reason = format!(
                "{} of its records change the CRC of a symbol, first that of {}: tables of \
                 different kernels?",
                model.conflicts,
                printable(layout.symbol(record)),
            );
            messages.complain("model", &name, reason);
        }
        Ok(model)
    }

    /// The records, without those that were replaced.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Adds records. One whose symbol is there takes the place of the older one.
    ///
    /// # Errors
    /// Memory that ran out.
    pub fn add(&mut self, records: &[Record]) -> io::Result<()> {
        let mut found = [None; GROUP];
        for group in records.chunks(GROUP) {
            let hashes = self.look_up(group, &mut found);
            for (i, record) in group.iter().enumerate() {
                // Not found may have been found by now: the group itself can have it twice.
                match found[i].map_or_else(|| self.probe(record, hashes[i]), Ok) {
                    Ok(index) => self.replace(index, record),
                    Err(bucket) => self.insert(bucket, record, hashes[i])?,
                }
            }
        }
        Ok(())
    }

    /// Finds the first [`GROUP`] of `records` by their hashes, which it returns. Three loops are
    /// faster than one: in each, what is to be loaded does not wait for what was.
    pub fn look_up(&self, records: &[Record], found: &mut [Option<usize>; GROUP]) -> [u32; GROUP] {
        let records = &records[..records.len().min(GROUP)];
        let mut hashes = [0; GROUP];
        for (hash, record) in hashes.iter_mut().zip(records) {
            *hash = self.hash(record);
        }
        let mut numbers = [0; GROUP];
        for (number, &hash) in numbers.iter_mut().zip(&hashes) {
            *number = self.buckets[self.home(hash)].number(hash);
        }
        for (i, record) in records.iter().enumerate() {
            let index = (numbers[i] as usize).wrapping_sub(1);
            found[i] = match self.records.get(index) {
                Some(known) if self.layout.same_symbol(known, record) => Some(index),
                _ => self.probe(record, hashes[i]).ok(),
            };
        }
        hashes
    }

    /// The index of the record with `record`'s symbol, or the bucket that has room for it.
    fn probe(&self, record: &Record, hash: u32) -> Result<usize, usize> {
        let mut home = self.home(hash);
        loop {
            let bucket = &self.buckets[home];
            for (&number, &other) in bucket.numbers.iter().zip(&bucket.hashes) {
                if number == 0 {
                    return Err(home);
                }
                let index = number as usize - 1;
                if other == hash && self.layout.same_symbol(&self.records[index], record) {
                    return Ok(index);
                }
            }
            home = (home + 1) & (self.buckets.len() - 1);
        }
    }

    fn replace(&mut self, index: usize, record: &Record) {
        if self.records[index] != *record {
            self.records[index] = *record;
            self.conflicts += 1;
            self.conflict.get_or_insert(*record);
        }
    }

    fn insert(&mut self, bucket: usize, record: &Record, hash: u32) -> io::Result<()> {
        self.records.try_reserve(1)?;
        self.records.push(*record);
        let number = u32::try_from(self.records.len()).map_err(|_| ErrorKind::OutOfMemory)?;
        self.buckets[bucket].add(hash, number);
        if self.records.len() > self.buckets.len() * (SLOTS - 2) {
            self.grow()?;
        }
        Ok(())
    }

    /// Doubles the buckets.
    fn grow(&mut self) -> io::Result<()> {
        let size = self.buckets.len() * 2;
        let mut buckets = Vec::new();
        buckets.try_reserve_exact(size)?;
        buckets.resize(size, Bucket::default());
        for old in std::mem::replace(&mut self.buckets, buckets) {
            for (hash, number) in old.hashes.into_iter().zip(old.numbers) {
                let mut home = self.home(hash);
                while number != 0 && !self.buckets[home].add(hash, number) {
                    home = (home + 1) & (size - 1);
                }
            }
        }
        Ok(())
    }

    /// The bucket at which the search for a hash begins.
    fn home(&self, hash: u32) -> usize {
        ((u64::from(hash) * self.buckets.len() as u64) >> 32) as usize
    }

    /// NH, the hash of UMAC (RFC 4418, 5.2.2), and multiply-shift: as nobody knows the keys, no
    /// two symbols can be chosen to collide with a chance above some 2^-31.
    fn hash(&self, record: &Record) -> u32 {
        let words = self.layout.words(record);
        let mut sum = 0_u64;
        for i in 0..HALF {
            let low = words[i].wrapping_add(self.keys[0][i]);
            let high = words[HALF + i].wrapping_add(self.keys[1][i]);
            sum = sum.wrapping_add(u64::from(low) * u64::from(high));
        }
        ((sum ^ (sum >> 32)).wrapping_mul(self.multiplier) >> 32) as u32
    }
}

/// Slots in a bucket.
const SLOTS: usize = 8;

/// A cache line of the hash table.
#[derive(Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket {
    hashes: [u32; SLOTS],
    /// Index + 1 of the record, 0 in a free slot; the taken slots come first.
    numbers: [u32; SLOTS],
}

impl Bucket {
    /// The number at a hash, 0 if there is none, anything if there are two: without a branch,
    /// for none could be foretold.
    fn number(&self, hash: u32) -> u32 {
        let slots = self.hashes.iter().zip(&self.numbers);
        slots.fold(0, |all, (&h, &number)| {
            all | (number & u32::from(h == hash).wrapping_neg())
        })
    }

    /// Takes a slot, if there is a free one.
    fn add(&mut self, hash: u32, number: u32) -> bool {
        let free = self.numbers.iter().position(|&number| number == 0);
        if let Some(slot) = free {
            (self.hashes[slot], self.numbers[slot]) = (hash, number);
        }
        free.is_some()
    }
}
