//! Random models and inputs, against the rules written down as plainly as can be.

mod common;

use std::collections::{HashMap, HashSet};
use std::io::{self, Read, Write};

use common::{LAYOUTS, LITTLE32, Layout, text_of};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

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

/// What the script does, in Rust: its status and its output.
fn script(model: &[u8], input: &[u8], keep: bool) -> (u8, Vec<u8>) {
    let mut crcs = HashMap::new();
    for record in model.chunks_exact(64) {
        crcs.insert(&record[4..], &record[..4]);
    }
    let mut output = Vec::new();
    for record in input.chunks_exact(64) {
        match crcs.get(&record[4..]) {
            Some(crc) => output.extend_from_slice(crc),
            None if keep => output.extend_from_slice(&record[..4]),
            None => return (1, output),
        }
        output.extend_from_slice(&record[4..]);
    }
    (0, output)
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

/// A module and the kernel that it is for: symbols, each with the CRC that the module has and that of
/// the kernel. Some CRCs are 0, are the same, or read the same in both byte orders.
fn module() -> impl Strategy<Value = Vec<(String, u32, u32)>> {
    let crc = prop_oneof![
        8 => any::<u32>(),
        1 => Just(0),
        1 => Just(u32::from_le_bytes(*b"ABCD")),
        1 => any::<u16>().prop_map(|half| u32::from(half) | u32::from(half.swap_bytes()) << 16),
    ];
    let symbol = ("[!-~]{5,55}", crc.clone(), crc, 0..3).prop_map(|(name, old, new, kind)| {
        let new = if kind == 0 { old } else { new };
        (name, old, new)
    });
    vec(symbol, 1..40).prop_map(|symbols| {
        let mut names = HashSet::new();
        let distinct = |(name, _, _): &(String, u32, u32)| names.insert(name.clone());
        symbols.into_iter().filter(distinct).collect()
    })
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

fn options() -> impl Strategy<Value = Vec<&'static str>> {
    let options = ["-v", "-k", "--strict", "--big-endian"];
    subsequence(options.to_vec(), 0..=options.len())
}

fn layout() -> impl Strategy<Value = Layout> {
    select(LAYOUTS.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_the_script_does((model, input) in tables(), sizes in sizes(), keep: bool) {
        let options: &[&str] = if keep { &["-k"] } else { &[] };
        let (status, output, _) = run(options, &model, &input, &sizes);
        prop_assert_eq!((status, output), script(&model, &input, keep));
    }

    /// Any layout, any place of a CRC of 0 or of one that looks like a name: text and raw models give
    /// the right table. One CRC is in common, which shows the byte order, and is not printable: a
    /// table of nothing but printable CRCs looks like another layout.
    #[test]
    fn strict_gives_the_right_table(mut symbols in module(), common in 0x8000_0001..u32::MAX, sizes in sizes(), layout in layout(), place: prop::sample::Index) {
        let place = place.index(symbols.len() + 1);
        symbols.insert(place, ("module_layout_of_it".to_owned(), common, common));
        let new: Vec<_> = symbols.iter().map(|(name, _, new)| (*new, name.as_str())).collect();
        let old: Vec<_> = symbols.iter().map(|(name, old, _)| (*old, name.as_str())).collect();
        // As many CRCs in common as reversed ones show nothing.
        let reversed = symbols.iter().filter(|(_, old, new)| old.swap_bytes() == *new).count();
        let same = symbols.iter().filter(|(_, old, new)| old == new).count();
        prop_assume!(same > reversed);
        let (new, input) = (layout.table(&new), layout.table(&old));
        for model in [new.clone(), layout.text(&new).into_bytes()] {
            let (status, output, log) = run(&["--strict"], &model, &input, &sizes);
            prop_assert_eq!(status, 0, "{}", log);
            prop_assert!(output == new, "{}", log);
        }
    }

    /// With a text model and no CRC in common, it is as the option says.
    #[test]
    fn big_endian_decides(symbols in module(), sizes in sizes(), big: bool) {
        let new: Vec<_> = symbols.iter().map(|(name, old, _)| ((old | 0x100) & !1, name.as_str())).collect();
        let old: Vec<_> = symbols.iter().map(|(name, _, _)| (1, name.as_str())).collect();
        let layout = if big { common::BIG32 } else { LITTLE32 };
        let options: &[&str] = if big { &["--strict", "--big-endian"] } else { &["--strict"] };
        let text = text_of(&new);
        prop_assume!(new.iter().all(|(crc, _)| crc.swap_bytes() != 1));
        let (status, output, log) = run(options, text.as_bytes(), &layout.table(&old), &sizes);
        prop_assert_eq!((status, log.contains("no byte order")), (0, !big), "{}", log);
        prop_assert!(output == layout.table(&new), "{}", log);
    }

    /// Whatever the files are: all or nothing, and nothing but CRCs changes.
    #[test]
    fn strict_writes_all_or_nothing((model, input) in tables(), symbols in module(), other in module(), sizes in sizes(), layout in layout(), keep: bool) {
        let version = |(name, old, _): &(String, u32, u32)| layout.record(*old, name);
        let mut real = symbols.iter().map(version).collect::<Vec<_>>();
        let input_of_module = real.concat();
        real.extend(other.iter().map(version));
        let options: &[&str] = if keep { &["--strict", "-k"] } else { &["--strict"] };
        for (model, input) in [(&model, &input), (&real.concat(), &input_of_module), (&real.concat(), &input)] {
            let (status, output, log) = run(options, model, input, &sizes);
            if status == 1 {
                prop_assert!(output.is_empty(), "{}", log);
                continue;
            }
            prop_assert_eq!(output.len(), input.len());
            let differ = |crc_size: usize| {
                let mut records = output.chunks(64).zip(input.chunks(64));
                records.any(|(new, old)| new[crc_size..] != old[crc_size..])
            };
            prop_assert!(!differ(8) && (!differ(4) || layout.crc_size == 8), "{}", log);
        }
    }

    #[test]
    fn takes_any_well_formed_table(symbols in module(), sizes in sizes(), layout in layout()) {
        let versions: Vec<_> = symbols.iter().map(|(name, old, _)| (*old | 0x8000_0000, name.as_str())).collect();
        let table = layout.table(&versions);
        let (status, output, log) = run(&["--strict"], &table, &table, &sizes);
        let hint = format!("update_versions: hint: <stdin>: has all {} CRCs of the model already; nothing changes\n", versions.len());
        prop_assert_eq!((status, log), (0, hint));
        prop_assert!(output == table);
    }

    #[test]
    fn reports_add_up((model, input) in tables(), sizes in sizes()) {
        let (status, output, log) = run(&["-v", "-k"], &model, &input, &sizes);
        prop_assert_eq!(status, 0);
        let pairs = || input.chunks_exact(64).zip(output.chunks_exact(64));
        let changed = pairs().filter(|(old, new)| old != new).count();
        prop_assert_eq!(log.matches(" -> 0x").count(), changed);
        let known: HashSet<_> = model.chunks_exact(64).map(|record| &record[4..]).collect();
        let found = pairs().filter(|(old, _)| known.contains(&old[4..])).count();
        let (total, kept) = (input.len() / 64, input.len() / 64 - found);
        let unchanged = found - changed;
        let sum = format!("{total} records: {changed} changed, {unchanged} unchanged, {kept} kept\n");
        let cause = log.lines().filter(|line| line.starts_with("update_versions: warning:")).count();
        prop_assert!(log.contains(&sum) || cause == 1, "{}\n{}", sum, log);
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
