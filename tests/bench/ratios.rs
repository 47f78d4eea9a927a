//! `make bench`: how fast the program is, as ratios to a yardstick that is run in turn with it.
//! Medians. Large inputs are made of the tables in `testdata`, in a scratch folder.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const BINARY: &str = env!("CARGO_BIN_EXE_update_versions");
const GIB: usize = 1 << 30;

struct Bench<'a> {
    folder: &'a Path,
}

impl Bench<'_> {
    /// Seconds that a program takes, with the table of a real module as its input.
    fn once(&self, program: &str, args: &[&str]) -> f64 {
        let input = File::open(self.folder.join("table")).unwrap();
        let mut child = Command::new(program);
        child.args(args).current_dir(self.folder);
        child.stdin(input).stdout(Stdio::null());
        let begin = Instant::now();
        assert!(child.status().unwrap().success());
        begin.elapsed().as_secs_f64()
    }

    /// Seconds that a line of bash takes, on the clock and of all processors. The program is `$u`.
    fn line(&self, line: &str) -> (f64, f64) {
        let output = Command::new("bash")
            .arg("-c")
            .arg(format!(
                "TIMEFORMAT='%R %U %S'; time {{ {line}; }} 2>/dev/null"
            ))
            .env("u", BINARY)
            .env("LC_ALL", "C")
            .current_dir(self.folder)
            .output()
            .unwrap();
        assert!(output.status.success(), "{line}");
        let times = String::from_utf8(output.stderr).unwrap();
        let times = times.split_whitespace().map(|time| time.parse().unwrap());
        let times: Vec<f64> = times.collect();
        (times[0], times[1] + times[2])
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

    /// The largest resident size in bytes, when all of a stream has come out.
    fn peak_memory(&self, args: &[&str], input: &str) -> f64 {
        let output = File::create(self.folder.join("output")).unwrap();
        let mut child = Command::new(BINARY);
        child.args(args).current_dir(self.folder);
        let mut child = child.stdin(Stdio::piped()).stdout(output).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        io::copy(
            &mut File::open(self.folder.join(input)).unwrap(),
            &mut stdin,
        )
        .unwrap();
        while self.size("output") < self.size(input) {
            std::thread::yield_now();
        }
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        drop(stdin);
        assert!(child.wait().unwrap().success());
        let peak = status.split("VmHWM:").nth(1).unwrap();
        peak.split_whitespace()
            .next()
            .unwrap()
            .parse::<f64>()
            .unwrap()
            * 1024.0
    }

    fn size(&self, name: &str) -> f64 {
        fs::metadata(self.folder.join(name)).unwrap().len() as f64
    }
}

/// The ratio of the medians of two measures, taken in turn.
fn ratio(runs: usize, mut a: impl FnMut() -> f64, mut b: impl FnMut() -> f64) -> f64 {
    let (mut a, mut b): (Vec<_>, Vec<_>) = (0..runs).map(|_| (a(), b())).unzip();
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    a[runs / 2] / b[runs / 2]
}

fn row(what: &str, yardstick: &str, ratio: f64, goal: &str) {
    println!("| {what} | {yardstick} | {ratio:.2} | {goal} |");
}

/// The recipe of README.md for many modules, with the text model of their kernel.
fn many_modules(bench: &Bench) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let recipe = readme
        .split("```sh\n")
        .find(|block| block.starts_with("find modules"));
    let recipe = recipe.unwrap().split("```").next().unwrap();
    let filter = "update_versions --strict --symvers vendor.symvers";
    assert!(recipe.contains(filter));
    let setup = format!(
        "mkdir bin modules; ln -s \"$u\" bin/update_versions; ln symvers vendor.symvers
        for i in {{0..99}}; do
            tables=(8021q btrfs cfg80211 dm9000 ext4 mac80211 mii smc91x snd usbhid)
            ln -sf '{0}/6.1.0-47-armmp/'${{tables[i % 10]}}.versions dm9000.versions
            arm-linux-gnueabi-as '{0}/module.S' -o modules/$i.ko
        done",
        root.join("testdata").display()
    );
    bench.line(&setup);
    let run = |recipe: &str| {
        let line = format!("rm -rf fixed; PATH=bin:$PATH; ({recipe}) >list");
        bench.line(&line).0
    };
    let ratio = ratio(9, || run(recipe), || run(&recipe.replace(filter, "cat")));
    row("100 modules, by the recipe", "with `cat`", ratio, "≤ 1.35");
}

fn main() {
    let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/6.1.0-50-armmp");
    let table = |name: &str| fs::read(testdata.join(name).with_extension("versions")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let bench = Bench {
        folder: scratch.path(),
    };
    let script = std::env::var("UPDATE_VERSIONS_PY").ok();
    let script = std::env::var("PYTHON2").ok().zip(script);

    let all = table("all");
    let write = |name: &str, bytes: &[u8]| fs::write(scratch.path().join(name), bytes).unwrap();
    write("all", &all);
    write("table", &table("dm9000"));
    write("m10k", &all[..640_000]);
    // As many lines as Debian's has, each as long as most of them.
    let symvers = |number: usize| {
        let record = &all[64 * (number % (all.len() / 64))..][..64];
        let crc = u32::from_le_bytes(record[..4].try_into().unwrap());
        let name = String::from_utf8_lossy(&record[4..])
            .trim_end_matches('\0')
            .to_owned();
        let again = if number < all.len() / 64 {
            ""
        } else {
            "_again"
        };
        format!("0x{crc:08x}\t{name}{again}\tvmlinux\tEXPORT_SYMBOL_GPL\t\n")
    };
    write(
        "symvers",
        (0..22_466).map(symvers).collect::<String>().as_bytes(),
    );
    // Real tables one after another.
    let names = fs::read_dir(&testdata)
        .unwrap()
        .map(|file| file.unwrap().path());
    let names = names.filter(|name| name.extension().is_some_and(|end| end == "versions"));
    let names = names.filter(|name| !name.ends_with("all.versions"));
    let real: Vec<u8> = names.flat_map(|name| fs::read(name).unwrap()).collect();
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
    let once = |runs, args: &[&str], program: &str, others: &[&str]| {
        ratio(
            runs,
            || bench.once(BINARY, args),
            || bench.once(program, others),
        )
    };
    row(
        "one module",
        "`/bin/true`",
        once(2000, &["table"], "/bin/true", &[]),
        "≤ 1.1",
    );
    let whole = once(1000, &["all"], "/bin/cat", &["all"]);
    row(
        "one module, model of a whole kernel",
        "`cat` of the model",
        whole,
        "≤ 1.6",
    );
    let text = once(1000, &["--symvers", "symvers"], "/bin/cat", &["symvers"]);
    row(
        "one module, whole Module.symvers",
        "`cat` of it",
        text,
        "≤ 2.95",
    );
    many_modules(&bench);
    if let Some((python, script)) = &script {
        let faster = 1.0 / once(50, &["table"], python, &[script, "table"]);
        row("one module, times faster than", "the script", faster, "≥ 7");
    }

    let distinct = |crc: u8| {
        let mut symbols = (0..1_000_000).map(move |number| {
            let mut record = format!("{crc:04}symbol_{number}").into_bytes();
            record.resize(64, 0);
            record
        });
        move || symbols.next().unwrap()
    };
    bench.make("distinct", 64_000_000 - real.len(), distinct(1));
    let mut model = File::options();
    let mut model = model.append(true).open(bench.folder.join("distinct"));
    model.as_mut().unwrap().write_all(&real).unwrap();
    bench.make("changed", 64_000_000 - real.len(), distinct(2));
    let distinct = ratio(
        15,
        || bench.line("\"$u\" distinct <table >/dev/null").0,
        || bench.line("cat distinct | cat >/dev/null").0,
    );
    row(
        "a model of 1,000,000 symbols",
        "`cat model \\| cat`",
        distinct,
        "≤ 3",
    );
    let verbose = ratio(
        15,
        || bench.line("\"$u\" -v distinct <changed >/dev/null").0,
        || bench.line("\"$u\" distinct <changed >/dev/null").0,
    );
    row(
        "1,000,000 CRCs change, with `-v`",
        "without",
        verbose,
        "≤ 1.5",
    );

    let stream = |model: &str, what: &str, goal: &str| {
        let processors = ratio(
            9,
            || bench.line(&format!("\"$u\" {model} <input >/dev/null")).1,
            || bench.line("dd if=input of=/dev/null bs=64k").1,
        );
        row(
            &format!("1 GiB {what}, user + system time"),
            "`dd bs=64k`",
            processors,
            goal,
        );
    };
    bench.make("input", GIB, || all[..640_000].to_vec());
    stream("m10k", "in the model's order", "≤ 1.5");
    bench.make("input", GIB, || real.clone());
    stream("all", "of real tables, model of a whole kernel", "≤ 3.2");
    bench.make("input", GIB, &mut shuffled);
    stream("m10k", "shuffled, 10,000 symbols", "≤ 5");
    bench.make("part", GIB / 64, &mut shuffled);
    if let Some((python, script)) = &script {
        let faster = ratio(
            3,
            || {
                bench
                    .line(&format!("'{python}' '{script}' m10k <part >/dev/null"))
                    .0
                    * 64.0
            },
            || bench.line("\"$u\" m10k <input >/dev/null").0,
        );
        row("the same, times faster than", "the script", faster, "≥ 60");
    }

    let memory = bench.peak_memory(&["m10k"], "part") - 2.0 * 1024.0 * 1024.0;
    row(
        "its peak memory, less 2 MiB",
        "size of the model",
        memory / bench.size("m10k"),
        "≤ 3",
    );
    let memory = bench.peak_memory(&["--symvers", "symvers"], "table") - 2.0 * 1024.0 * 1024.0;
    row(
        "the same with Module.symvers",
        "size of the model",
        memory / bench.size("symvers"),
        "≤ 3",
    );

    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "))
        .unwrap_or("?");
    let threads = std::thread::available_parallelism().unwrap();
    println!("\n{cpu}, {threads} processors. Medians, each run in turn with its yardstick.");
}
