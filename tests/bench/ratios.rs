//! `make bench`: how fast the program is, as ratios to a yardstick that is run in turn with it.
//! Medians. The files are made of the tables in `testdata`, in a scratch folder.

#[path = "../common/mod.rs"]
mod common;

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use common::modules::{ARM, NEW, OLD};
use common::page::recipe;
use common::{LITTLE32, read, testdata, text_of, write};

const PROGRAM: &str = env!("CARGO_BIN_EXE_update_versions");

/// Seconds that a program takes, with the table of a real module as its input.
fn once(folder: &Path, program: &str, args: &[&str]) -> f64 {
    let input = File::open(folder.join("table")).unwrap();
    let mut command = Command::new(program);
    command.args(args).current_dir(folder);
    command
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let begin = Instant::now();
    assert!(command.status().unwrap().success());
    begin.elapsed().as_secs_f64()
}

/// Seconds that shell commands take.
fn shell(folder: &Path, commands: &str) -> f64 {
    let begin = Instant::now();
    let status = Command::new("sh")
        .args(["-c", commands])
        .current_dir(folder)
        .status();
    assert!(status.unwrap().success());
    begin.elapsed().as_secs_f64()
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

/// A `Module.symvers` with as many lines as Debian's has, each as long as most of them.
fn module_symvers(all: &[u8]) -> String {
    let versions = LITTLE32.versions(all);
    let mut symvers = String::new();
    for number in 0..22_466 {
        let (crc, symbol) = versions[number % versions.len()];
        let again = if number < versions.len() {
            ""
        } else {
            "_again"
        };
        symvers += &format!("0x{crc:08x}\t{symbol}{again}\tvmlinux\tEXPORT_SYMBOL_GPL\t\n");
    }
    symvers
}

/// The README's way to fix many modules.
fn many_modules(folder: &Path, all: &[u8]) {
    std::fs::create_dir_all(folder.join("modules")).unwrap();
    let names = [
        "8021q", "btrfs", "cfg80211", "dm9000", "ext4", "mac80211", "mii", "smc91x", "snd",
        "usbhid",
    ];
    for number in 0..100 {
        let table = ARM.table(OLD, names[number % names.len()]);
        ARM.assemble(folder, &format!("modules/{number}.ko"), &table, "");
    }
    write(
        folder.join("Module.symvers"),
        text_of(&LITTLE32.versions(all)),
    );
    let recipe = recipe("find modules/", ARM.tools);
    let filter = "update_versions --strict \"$1\"";
    assert!(recipe.contains(filter));
    let run = |filter_instead: &str| {
        let recipe = recipe.replace(filter, filter_instead);
        shell(
            folder,
            &format!(
                "rm -rf fixed; ({recipe}) >list; [ \"$(cat list)\" = '100 modules, 0 unchanged' ]"
            ),
        )
    };
    let program = format!("'{PROGRAM}' --strict \"$1\"");
    let ratio = ratio(9, || run(&program), || run("cat"));
    row(
        "100 modules, the README's way",
        "with `cat`",
        ratio,
        "≤ 1.35",
    );
}

fn main() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let all = read(testdata("6.1.0-50-armmp/all.versions"));
    write(folder.join("all"), &all);
    write(folder.join("symvers"), module_symvers(&all));
    write(folder.join("table"), ARM.table(OLD, "dm9000"));
    write(folder.join("model"), ARM.table(NEW, "dm9000"));

    println!("| what | yardstick | ratio | goal |\n|---|---|---|---|");
    let turns = |runs, args: &[&str], yardstick: &str, its: &[&str]| {
        ratio(
            runs,
            || once(folder, PROGRAM, args),
            || once(folder, yardstick, its),
        )
    };
    let one = turns(2000, &["model"], "/bin/true", &[]);
    row("one module", "`/bin/true`", one, "≤ 1.1");
    let whole = turns(1000, &["all"], "/bin/cat", &["all"]);
    row(
        "one module, model of a whole kernel",
        "`cat` of the model",
        whole,
        "≤ 1.6",
    );
    let text = turns(1000, &["--strict", "symvers"], "/bin/cat", &["symvers"]);
    row(
        "one module, whole Module.symvers",
        "`cat` of it",
        text,
        "≤ 2.95",
    );
    if let [_, script] = &common::programs()[..] {
        let slower = turns(50, &["model"], &script[0], &[&script[1], "model"]);
        row(
            "one module, times faster than",
            "the script",
            1.0 / slower,
            "≥ 7",
        );
    }
    many_modules(folder, &all);

    let cpu = common::text("/proc/cpuinfo");
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name\t: "));
    let threads = std::thread::available_parallelism().unwrap();
    println!(
        "\n{}, {threads} processors. Medians, each run in turn with its yardstick.",
        cpu.unwrap_or("?")
    );
}
