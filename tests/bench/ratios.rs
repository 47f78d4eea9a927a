//! `make bench`: how fast the program is, as ratios to a yardstick that is run in turn with it.
//! Medians; the large input is made of the tables in `testdata`, in a scratch folder.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const BINARY: &str = env!("CARGO_BIN_EXE_update_versions");
const GIB: usize = 1 << 30;

/// Seconds on the clock, and those of all processors, in user and system mode.
#[derive(Clone, Copy)]
enum Seconds {
    Wall,
    Processor,
}

struct Bench<'a> {
    folder: &'a Path,
    /// The script and its interpreter, where they are.
    script: Option<String>,
}

impl Bench<'_> {
    /// Runs a line of bash, with the program as `$u` and the script as `$s`.
    fn time(&self, line: &str, seconds: Seconds) -> f64 {
        let output = Command::new("bash")
            .args([
                "-c",
                &format!("TIMEFORMAT='%R %U %S'; time {{ {line}; }} 2>/dev/null"),
            ])
            .env("u", BINARY)
            .env("s", self.script.as_deref().unwrap_or_default())
            .current_dir(self.folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}");
        let times = String::from_utf8(output.stderr).unwrap();
        let times: Vec<f64> = times
            .split_whitespace()
            .map(|time| time.parse().unwrap())
            .collect();
        match seconds {
            Seconds::Wall => times[0],
            Seconds::Processor => times[1] + times[2],
        }
    }

    /// Starts a program with a real module's table as input and a file as output.
    fn start(&self, program: &str, args: &[&str]) -> f64 {
        let input = File::open(self.folder.join("table")).unwrap();
        let output = File::create(self.folder.join("output")).unwrap();
        let begin = Instant::now();
        let mut child = Command::new(program);
        child
            .args(args)
            .current_dir(self.folder)
            .stdin(input)
            .stdout(output);
        assert!(child.status().unwrap().success());
        begin.elapsed().as_secs_f64()
    }

    /// Writes `size` bytes of records that `next` gives.
    fn make(&self, name: &str, size: usize, mut next: impl FnMut() -> Vec<u8>) {
        let mut file = BufWriter::new(File::create(self.folder.join(name)).unwrap());
        let mut written = 0;
        while written < size {
            let records = next();
            written += records.len();
            file.write_all(&records).unwrap();
        }
        file.flush().unwrap();
    }

    /// The largest resident size in KiB, at the end of a stream.
    fn peak_memory(&self, model: &str, input: &str) -> f64 {
        let mut child = Command::new(BINARY)
            .arg(self.folder.join(model))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        io::copy(
            &mut File::open(self.folder.join(input)).unwrap(),
            &mut stdin,
        )
        .unwrap();
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
        let peak = status.split("VmHWM:").nth(1).unwrap();
        peak.split_whitespace().next().unwrap().parse().unwrap()
    }
}

/// The medians of two measures, taken in turn.
fn medians(runs: usize, mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> (f64, f64) {
    let (mut a, mut b): (Vec<_>, Vec<_>) = (0..runs).map(|_| (a(), b())).unzip();
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    (a[runs / 2], b[runs / 2])
}

fn row(what: &str, yardstick: &str, ratio: f64, goal: &str) {
    println!("| {what} | {yardstick} | {ratio:.2} | {goal} |");
}

fn main() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/6.1.0-50-armmp");
    let table = |name: &str| fs::read(testdata.join(name).with_extension("versions")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let script = std::env::var("PYTHON2")
        .ok()
        .zip(std::env::var("UPDATE_VERSIONS_PY").ok());
    let bench = Bench {
        folder,
        script: script.map(|(python, script)| format!("{python} {script}")),
    };

    let all = table("all");
    fs::write(folder.join("all"), &all).unwrap();
    fs::write(folder.join("table"), table("dm9000")).unwrap();
    fs::write(folder.join("m10k"), &all[..640_000]).unwrap();
    // Real tables one after another, but for the joined one.
    let mut names: Vec<_> = fs::read_dir(&testdata)
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    names.retain(|name| {
        name.extension().is_some_and(|end| end == "versions") && !name.ends_with("all.versions")
    });
    let real: Vec<u8> = names
        .iter()
        .flat_map(|name| fs::read(name).unwrap())
        .collect();
    // A draw from the first 10,000 symbols (xorshift).
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut shuffled = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let index = (state >> 11) as usize % 10_000;
        all[64 * index..][..64].to_vec()
    };

    println!("| what | yardstick | ratio | goal |\n|---|---|---|---|");
    let (ours, none) = medians(
        2000,
        || bench.start(BINARY, &["table"]),
        || bench.start("/bin/true", &[]),
    );
    row(
        "a real module's table, wall",
        "`/bin/true`",
        ours / none,
        "≤ 1.15",
    );
    if let Some(script) = &bench.script {
        let (python, script) = script.split_once(' ').unwrap();
        let (ours, theirs) = medians(
            50,
            || bench.start(BINARY, &["table"]),
            || bench.start(python, &[script, "table"]),
        );
        row(
            "the same, times faster",
            "the script",
            theirs / ours,
            "≥ 10",
        );
    }

    bench.make("input", GIB, || all[..640_000].to_vec());
    let (ours, copy) = medians(
        9,
        || bench.time("$u m10k <input >/dev/null", Seconds::Processor),
        || bench.time("dd if=input of=/dev/null bs=64k", Seconds::Processor),
    );
    row(
        "1 GiB in the model's order, user + system",
        "`dd bs=64k`",
        ours / copy,
        "≤ 2.0",
    );
    let pipes = |model: &str| {
        let (ours, cat) = medians(
            15,
            || {
                bench.time(
                    &format!("cat input | $u {model} | cat >/dev/null"),
                    Seconds::Wall,
                )
            },
            || bench.time("cat input | cat | cat >/dev/null", Seconds::Wall),
        );
        ours / cat
    };
    row(
        "the same through pipes, wall",
        "`cat`",
        pipes("m10k"),
        "≤ 1.05",
    );

    bench.make("input", GIB, &mut shuffled);
    row(
        "1 GiB shuffled, 10,000 symbols, through pipes, wall",
        "`cat`",
        pipes("m10k"),
        "≤ 1.25",
    );
    let model = fs::metadata(folder.join("m10k")).unwrap().len() as f64 / 1024.0;
    let beyond = (bench.peak_memory("m10k", "input") - 4096.0) / model;
    row(
        "peak memory of that, less 4 MiB",
        "the model",
        beyond,
        "≤ 3",
    );
    if bench.script.is_some() {
        bench.make("part", GIB / 64, &mut shuffled);
        let (ours, theirs) = medians(
            3,
            || bench.time("$u m10k <input >/dev/null", Seconds::Wall),
            || bench.time("$s m10k <part >/dev/null", Seconds::Wall) * 64.0,
        );
        row(
            "1 GiB shuffled, times faster",
            "the script",
            theirs / ours,
            "≥ 100",
        );
    }

    bench.make("input", GIB, || real.clone());
    row(
        "1 GiB of real tables, 16,114 symbols, through pipes, wall",
        "`cat`",
        pipes("all"),
        "≤ 1.15",
    );

    let joined = |name: &str| {
        let (ours, cat) = medians(
            15,
            || bench.time(&format!("$u {name} <table >/dev/null"), Seconds::Wall),
            || bench.time(&format!("cat {name} >/dev/null"), Seconds::Wall),
        );
        ours / cat
    };
    bench.make("joined", 64_000_000, || real.clone());
    row(
        "a model of 1,000,000 records, joined from real tables, wall",
        "`cat`",
        joined("joined"),
        "≤ 6",
    );
    let mut number = 0_u64;
    bench.make("distinct", 64_000_000 - real.len(), || {
        number += 1;
        let mut record = format!("crc.symbol_{number}").into_bytes();
        record.resize(64, 0);
        record
    });
    let mut distinct = fs::OpenOptions::new()
        .append(true)
        .open(folder.join("distinct"))
        .unwrap();
    distinct.write_all(&real).unwrap();
    row(
        "the same, each of another symbol",
        "`cat`",
        joined("distinct"),
        "",
    );

    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "))
        .unwrap_or("?");
    let threads = std::thread::available_parallelism().unwrap();
    println!("\n{cpu}, {threads} processors. Medians, each run in turn with its yardstick.");
}
