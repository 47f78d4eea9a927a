//! Random models and inputs, against the rules written down as plainly as can be.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

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

/// A model and an input.
fn tables() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    vec(record(), 1..60).prop_flat_map(|base| (table(base.clone()), table(base)))
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

/// What comes out: the script's own lines, in Rust.
fn rules(model: &[u8], input: &[u8], keep: bool) -> (u8, Vec<u8>) {
    let crcs: HashMap<_, _> = model.chunks_exact(64).map(|x| (&x[4..], &x[..4])).collect();
    let mut output = Vec::new();
    for x in input.chunks_exact(64) {
        match crcs.get(&x[4..]) {
            Some(crc) => output.extend_from_slice(crc),
            None if keep => output.extend_from_slice(&x[..4]),
            None => return (1, output),
        }
        output.extend_from_slice(&x[4..]);
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

/// Runs the filter with options on a model in a file and an input in pieces.
fn run(options: &[&str], model: &[u8], input: &[u8], sizes: &[usize]) -> (u8, Vec<u8>, String) {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(model).unwrap();
    let args = options.iter().map(Into::into).chain([file.path().into()]);
    let (mut input, mut output) = (Pieces::new(input, sizes), Pieces::new(b"", sizes));
    let mut log = Vec::new();
    let status = update_versions::run(args, &mut input, &mut output, &mut log);
    (status, output.written, String::from_utf8(log).unwrap())
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn does_what_the_rules_say((model, input) in tables(), sizes in sizes()) {
        let (status, output, _) = run(&[], &model, &input, &sizes);
        prop_assert_eq!((status, output), rules(&model, &input, false));
    }

    #[test]
    fn foretells_nothing_wrong(model in sequence(), input in sequence(), keep: bool) {
        let options = if keep { &["-k"][..] } else { &[] };
        let (status, output, _) = run(options, &model, &input, &[100_000]);
        prop_assert_eq!((status, output), rules(&model, &input, keep));
    }

    #[test]
    fn keeps_records_as_they_are((model, input) in tables(), sizes in sizes()) {
        let (status, output, _) = run(&["-k"], &model, &input, &sizes);
        prop_assert_eq!((status, output), rules(&model, &input, true));
    }

    #[test]
    fn strict_writes_all_or_nothing((model, input) in tables(), sizes in sizes(), keep: bool) {
        let options = if keep { &["--strict", "-k"][..] } else { &["--strict"] };
        let (status, output, log) = run(options, &model, &input, &sizes);
        let (mut bad, good) = rules(&model, &input, keep);
        let mut crcs = HashMap::new();
        for x in model.chunks_exact(64) {
            bad |= u8::from(crcs.insert(&x[4..], &x[..4]).is_some_and(|crc| crc != &x[..4]));
        }
        for table in [&model, &input] {
            bad |= u8::from(table.is_empty() || table.len() % 64 > 0);
        }
        prop_assert_eq!(status, bad, "{}", log);
        prop_assert_eq!(output, if bad > 0 { vec![] } else { good });
    }

    #[test]
    fn reports_add_up((model, input) in tables(), sizes in sizes()) {
        let (status, output, log) = run(&["-v", "-k"], &model, &input, &sizes);
        prop_assert_eq!(status, 0);
        let pairs = || input.chunks_exact(64).zip(output.chunks_exact(64));
        let changed = pairs().filter(|(old, new)| old != new).count();
        prop_assert_eq!(log.matches(" -> 0x").count(), changed);
        let kept = log.matches("; kept as it is\n").count();
        let (total, unchanged) = (input.len() / 64, input.len() / 64 - changed - kept);
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
        let (status, output, _) = run(&["--symvers"], text.concat().as_bytes(), &input, &sizes);
        prop_assert_eq!((status, output), rules(&model.concat(), &input, false));
    }

    #[test]
    fn never_panics(model: Vec<u8>, input: Vec<u8>, sizes in sizes(), target in select(vec!["elf32-big", "elf64-little", "elf64-big"]), symvers: bool) {
        let symvers = if symvers { &["-v", "--symvers", "-F", target][..] } else { &["-v", "-F", target] };
        let (status, output, log) = run(symvers, &model, &input, &sizes);
        prop_assert!(status <= 1 && output.len() <= input.len());
        prop_assert!(log.lines().all(|line| !line.contains(|char: char| char.is_control())));
    }
}
