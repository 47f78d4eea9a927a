//! Random models and inputs, against the rules written down as plainly as can be.

mod common;

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use update_versions::{Layout, Model, Record};

/// Names that like to be each other's neighbours: the same first bytes, nothing but NULs,
/// newlines, no NUL at all, something after the NUL.
fn name() -> impl Strategy<Value = Vec<u8>> {
    let padded = |mut name: Vec<u8>| {
        name.resize(60, 0);
        name
    };
    prop_oneof![
        6 => (0..12u8).prop_map(move |number| padded(format!("symbol_{number}").into_bytes())),
        1 => Just(padded(b"printk".to_vec())),
        1 => Just(padded(b"printk\0garbage".to_vec())),
        1 => Just(padded(b"\n\r\n".to_vec())),
        1 => Just(padded(vec![])),
        1 => Just(vec![b'x'; 60]),
        1 => (0..60usize).prop_map(|place| { let mut name = vec![b'x'; 60]; name[place] = b'y'; name }),
    ]
}

fn record() -> impl Strategy<Value = Vec<u8>> {
    (select(vec![[0; 4], [1; 4], [0xff, 0, 10, 13]]), name())
        .prop_map(|(crc, name)| [&crc[..], &name].concat())
}

/// A stretch of a model or an input: random, as it is in `base`, or many of one.
fn stretch(base: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let size = base.len();
    prop_oneof![
        3 => (0..=size, 0..=size).prop_map(move |(a, b)| base[a.min(b)..a.max(b)].to_vec()),
        1 => vec(record(), 0..20),
        1 => (record(), 1..40usize).prop_map(|(record, count)| vec![record; count]),
    ]
}

/// Parts of a common sequence, with gaps, twice, or shuffled, and bytes left over at the end.
fn table(base: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let records = || vec(stretch(base.clone()), 0..6).prop_map(|stretches| stretches.concat());
    let records = prop_oneof![records(), records().prop_shuffle()];
    (records, prop_oneof![2 => Just(0), 1 => 0..64usize]).prop_map(|(records, rest)| {
        let mut table = records.concat();
        table.resize(table.len() + rest, b'r');
        table
    })
}

/// A model and an input: of a few symbols that come often, or of many in nearly the same order.
fn tables() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    prop_oneof![
        vec(record(), 1..60).prop_flat_map(|base| (table(base.clone()), table(base))),
        (sequence(), sequence()),
    ]
}

/// A long sequence of distinct symbols, and what can happen to it on its way into a table: one
/// twice in a row with two CRCs, a gap, two in each other's place, another start, a stranger.
fn sequence() -> impl Strategy<Value = Vec<u8>> {
    (
        select(vec![1, 2, 15, 16, 17, 40, 1023, 1024, 1025, 2500]),
        vec((0..6, any::<usize>(), any::<usize>()), 0..8),
    )
        .prop_map(|(size, edits)| {
            let record = |number: usize| {
                let mut record = format!("{:04}symbol_{number}", number % 10).into_bytes();
                record.resize(64, 0);
                record
            };
            let mut records: Vec<_> = (0..size).map(record).collect();
            for (edit, a, b) in edits {
                let (size, a, b) = (records.len(), a % records.len(), b % records.len());
                match edit {
                    0 => {
                        let mut twin = records[a].clone();
                        twin[0] ^= 1;
                        records.insert(a + 1, twin);
                    }
                    1 if size > 1 => {
                        drop(records.drain(a..size.min(a + 1 + b % 3).min(a + size - 1)))
                    }
                    2 => records.swap(a, b),
                    3 => records.rotate_left(a),
                    4 => records.insert(a, record(size + 5000)),
                    _ => records.truncate(a + 1),
                }
            }
            records.concat()
        })
}

/// What comes out: the script's own lines, in Rust, for a CRC of `size` bytes. With it, how many
/// symbols the model has.
fn rules(model: &[u8], input: &[u8], size: usize, keep: bool) -> (u8, Vec<u8>, usize) {
    let crcs: HashMap<_, _> = model
        .chunks_exact(64)
        .map(|x| (&x[size..], &x[..size]))
        .collect();
    let found = input
        .chunks_exact(64)
        .filter(|x| crcs.contains_key(&x[size..]))
        .count();
    let mut output = Vec::new();
    for x in input.chunks_exact(64) {
        match crcs.get(&x[size..]) {
            Some(crc) => output.extend_from_slice(crc),
            None if keep => output.extend_from_slice(&x[..size]),
            None => return (1, output, found),
        }
        output.extend_from_slice(&x[size..]);
    }
    (0, output, found)
}

/// A stream that gives and takes what it likes, and is interrupted now and then.
struct Pieces<'a> {
    bytes: &'a [u8],
    written: Vec<u8>,
    sizes: std::iter::Cycle<std::slice::Iter<'a, usize>>,
}

impl<'a> Pieces<'a> {
    fn new(bytes: &'a [u8], sizes: &'a [usize]) -> Self {
        Self {
            bytes,
            written: Vec::new(),
            sizes: sizes.iter().cycle(),
        }
    }

    fn size(&mut self) -> io::Result<usize> {
        match *self.sizes.next().unwrap() {
            0 => Err(io::ErrorKind::Interrupted.into()),
            size => Ok(size),
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.size()?.min(buffer.len());
        self.bytes.read(&mut buffer[..size])
    }
}

impl Write for Pieces<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let size = self.size()?.min(buffer.len());
        self.written.extend_from_slice(&buffer[..size]);
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs the filter with options on a model in a file and an input in pieces; returns status,
/// standard output and standard error.
fn run(options: &[&str], model: &[u8], input: &[u8], sizes: &[usize]) -> (u8, Vec<u8>, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(model).unwrap();
    let args = options.iter().map(Into::into).chain([file.path().into()]);
    common::bounded("a property", || {
        let (mut input, mut output) = (Pieces::new(input, sizes), Pieces::new(b"", sizes));
        let streams = update_versions::Streams {
            input: &mut input,
            output: &mut output,
            input_is_terminal: false,
            output_is_terminal: false,
            same_file: false,
        };
        let mut stderr = Vec::new();
        let status = update_versions::run(args.collect(), streams, &mut stderr);
        (status, output.written, String::from_utf8(stderr).unwrap())
    })
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    // One at least is not 0: a stream that is always interrupted never ends.
    (
        vec(select(vec![0, 1, 3, 63, 64, 65, 640, 100_000]), 0..8),
        1..200usize,
    )
        .prop_map(|(mut sizes, size)| {
            sizes.push(size);
            sizes
        })
}

/// A target, and the bytes of its CRC.
fn target() -> impl Strategy<Value = (&'static str, usize)> {
    select(vec![
        ("elf32-little", 4),
        ("elf32-big", 4),
        ("elf64-little", 8),
        ("elf64-big", 8),
    ])
}

/// A table as modpost writes it: any CRC of 32 bits, and names that are all different.
fn well_formed(target: &str, symbols: &[(u32, String)]) -> Vec<u8> {
    let mut names = HashSet::new();
    let symbols = symbols.iter().filter(|(_, name)| names.insert(name));
    let records = symbols.map(|(crc, name)| {
        let crc = u64::from(*crc);
        match target {
            "elf32-little" => common::wide(&crc.to_le_bytes()[..4], name),
            "elf32-big" => common::wide(&crc.to_be_bytes()[4..], name),
            "elf64-little" => common::wide(&crc.to_le_bytes(), name),
            _ => common::wide(&crc.to_be_bytes(), name),
        }
    });
    records.collect::<Vec<_>>().concat()
}

/// What looks like something else by its first bytes, short, or longer than a block.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let start = select(vec![
        &b"\x7fELF"[..],
        b"\x1f\x8b",
        b"\xfd7zXZ",
        b"0x12 ",
        b"# 1\n",
        b"",
    ]);
    (start, any::<Vec<u8>>(), select(vec![1, 2, 1500]))
        .prop_map(|(start, rest, count)| [start, &rest.repeat(count)].concat())
}

/// Options, all at once or none. The last target counts.
fn options() -> impl Strategy<Value = Vec<&'static str>> {
    let options = [
        "-v",
        "-k",
        "--strict",
        "--symvers",
        "--target=elf32-big",
        "--target=elf64-little",
        "--target=elf64-big",
    ];
    subsequence(options.to_vec(), 0..=options.len())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_the_rules_say((model, input) in tables(), sizes in sizes(), keep: bool, target in target()) {
        let options = &["-F", target.0, "-k"][..2 + usize::from(keep)];
        let (status, output, _) = run(options, &model, &input, &sizes);
        let rules = rules(&model, &input, target.1, keep);
        prop_assert_eq!((status, output), (rules.0, rules.1));
    }

    #[test]
    fn strict_writes_all_or_nothing((model, input) in tables(), sizes in sizes(), keep: bool) {
        let options = &["--strict", "-F", "elf32-little", "-k"][..3 + usize::from(keep)];
        let (status, output, log) = run(options, &model, &input, &sizes);
        let (status_of_rules, good, found) = rules(&model, &input, 4, keep);
        let mut bad = status_of_rules == 1 || found == 0;
        let mut crcs = HashMap::new();
        for x in model.chunks_exact(64) {
            bad |= crcs.insert(&x[4..], &x[..4]).is_some_and(|crc| crc != &x[..4]);
        }
        for table in [&model, &input] {
            bad |= table.is_empty() || table.len() % 64 > 0;
        }
        prop_assert_eq!(status, u8::from(bad), "{}", log);
        prop_assert_eq!(output, if bad { vec![] } else { good });
    }

    #[test]
    fn takes_any_well_formed_table(symbols in vec((any::<u32>(), "[!-~]{1,55}"), 1..40), sizes in sizes(), target in target()) {
        let table = well_formed(target.0, &symbols);
        let (status, output, log) = run(&["--strict", "-F", target.0], &table, &table, &sizes);
        prop_assert_eq!((status, log.as_str()), (0, ""));
        prop_assert!(output == table);
    }

    /// The CRCs of a 32-bit table that were read in the wrong order are told from others: a few
    /// that are the same in both kernels are enough, and those that read the same both ways do
    /// not count.
    #[test]
    fn sees_reversed_crcs(symbols in vec((any::<u32>(), any::<u32>(), 0..3, "[!-~]{2,55}"), 1..40), big: bool, wrong: bool) {
        let common = |old: u32| old & 0x00ff_ffff | 1;
        let palindrome = |old: u32| u32::from(old as u16) | u32::from((old as u16).swap_bytes()) << 16;
        let symbols: Vec<_> = symbols.into_iter().enumerate().map(|(place, (old, new, kind, name))| match kind {
            _ if place == 0 => (common(old), common(old), name),
            0 => (old, new | 1, name),
            1 => (old | 1, old | 1, name),
            _ => (palindrome(old | 1), palindrome(old | 1), name),
        }).collect();
        let targets = ["elf32-little", "elf32-big"];
        let (right, other) = (targets[usize::from(big)], targets[usize::from(!big)]);
        let olds: Vec<_> = symbols.iter().map(|(old, _, name)| (*old, name.clone())).collect();
        let text: String = symbols.iter().map(|(_, new, name)| format!("0x{new:x} {name}\n")).collect();
        let input = well_formed(right, &olds);
        let target = if wrong { other } else { right };
        for (options, status) in [(&["--symvers", "-F", target][..], 0), (&["--strict", "-k", "--symvers", "-F", target], u8::from(wrong))] {
            let (is, _, log) = run(options, text.as_bytes(), &input, &[100_000]);
            prop_assert_eq!(log.contains(&format!("bytes reversed; try --target {right}\n")), wrong, "{}", log);
            prop_assert_eq!(is, status, "{}", log);
        }
    }

    #[test]
    fn reports_add_up((model, input) in tables(), sizes in sizes()) {
        let (status, output, log) = run(&["-v", "-k"], &model, &input, &sizes);
        prop_assert_eq!(status, 0);
        let pairs = || input.chunks_exact(64).zip(output.chunks_exact(64));
        let changed = pairs().filter(|(old, new)| old != new).count();
        prop_assert_eq!(log.matches(" -> 0x").count(), changed);
        let (total, found) = (input.len() / 64, rules(&model, &input, 4, true).2);
        let (unchanged, kept) = (found - changed, total - found);
        let sum = format!("{total} records: {changed} changed, {unchanged} unchanged, {kept} kept\n");
        prop_assert!(log.contains(&sum), "{}\n{}", sum, log);
    }

    #[test]
    fn text_is_as_good_as_a_table((model, input) in tables(), sizes in sizes()) {
        // What text can say: a name without blanks and NULs, a CRC that is not 0.
        let named = |x: &&[u8]| x[..4] != [0; 4] && x[4..].contains(&0) && {
            let name: Vec<_> = x[4..].iter().take_while(|byte| **byte != 0).collect();
            !name.is_empty() && name.iter().all(|byte| byte.is_ascii_graphic()) && x[4 + name.len()..].iter().all(|byte| *byte == 0)
        };
        let model: Vec<_> = model.chunks_exact(64).filter(named).collect();
        let text: Vec<String> = model.iter().map(|x| {
            let name = String::from_utf8(x[4..].to_vec()).unwrap();
            format!("0x{:x}\t{}\tvmlinux\n", u32::from_le_bytes(x[..4].try_into().unwrap()), name.trim_end_matches('\0'))
        }).collect();
        let (status, output, _) = run(&["--symvers", "-F", "elf32-little"], text.concat().as_bytes(), &input, &sizes);
        let rules = rules(&model.concat(), &input, 4, false);
        // A text without symbols is an error.
        prop_assert_eq!((status, output), (rules.0 | u8::from(text.is_empty()), rules.1));
    }

    #[test]
    fn survives_random_bytes(model in bytes(), input in bytes(), same: bool, sizes in sizes(), options in options()) {
        let input = if same { &model } else { &input };
        let (status, output, log) = run(&options, &model, input, &sizes);
        prop_assert!(status <= 1 && output.len() <= input.len());
        let printable = |byte: &u8| byte.is_ascii() && !byte.is_ascii_control() || *byte == b'\n';
        prop_assert!(log.as_bytes().iter().all(printable), "{}", log);
    }
}

/// The index is at most half full and at least a quarter; few symbols meet others in it,
/// however alike their names are.
#[test]
fn spreads_symbols_over_its_index() {
    let real = common::read(common::testdata("6.1.0-50-armmp/all.versions"));
    let real = real
        .chunks(64)
        .map(|record| record.try_into().unwrap())
        .collect();
    let names = |name: fn(usize) -> String| {
        let names = (0..32_000).map(|i| common::record(1, name(i)));
        names.map(|record| record.try_into().unwrap()).collect()
    };
    let cases: [Vec<Record>; 5] = [
        real,
        names(|i| format!("symbol_{i}")),
        names(|i| format!("{i:059}")),
        names(|i| format!("{i:08}{i:08}{i:08}{i:08}")),
        names(|i| format!("{:04}{:04}", i % 200, i / 200)),
    ];
    // Each index has other secrets.
    for records in cases.iter().cycle().take(25) {
        let slots = (records.len() * 2 + 1).next_power_of_two();
        let (model, _) = Model::new(Layout::default(), records.clone()).unwrap();
        let mut taken = vec![false; slots];
        let (mut probes, mut last) = (0, 0);
        for record in records {
            let mut slot = model.home(record);
            last = last.max(slot);
            while taken[slot] {
                probes += 1;
                slot = (slot + 1) % slots;
            }
            taken[slot] = true;
        }
        assert!(last > slots / 10 * 9, "{last} of {slots}");
        let symbols = records.len();
        assert!(
            probes < symbols * 3 / 5,
            "{probes} probes for {symbols} symbols"
        );
    }
}
