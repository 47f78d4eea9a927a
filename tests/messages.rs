//! What standard error says: one line a message, `update_versions: what: name: reason`.

mod common;

use common::{
    BIG32, LITTLE32, LITTLE64, bash, check, check_in, has, has_own_program, mended, program, read,
    run, scratch, testdata, write,
};

/// Runs a line that fails without output, and says only this.
fn fails(line: &str, message: &str) {
    check(line, 1, b"", &format!("update_versions: {message}\n"));
}

/// What the script does, too, is in the tests of the contract.
#[test]
fn gives_the_reason_of_the_system() {
    for line in ["@ --strict model <input", "@ --help"] {
        let full = "output: <stdout>: No space left on device";
        fails(&format!("{line} >/dev/full"), full);
    }
}

#[test]
fn names_an_option_that_is_wrong() {
    for (line, message) in [
        ("@ --bogus model", "invalid option '--bogus'"),
        ("@ --symvers model", "invalid option '--symvers'"),
        ("@ model -x", "invalid option '-x'"),
        (
            "@ --strict=yes model",
            "unexpected argument for option '--strict': \"yes\"",
        ),
        (r"@ $'--\e[31m' model", r"invalid option '--\u{1b}[31m'"),
    ] {
        fails(
            line,
            &format!("arguments: {message}: see update_versions --help"),
        );
    }
}

#[test]
fn warns_of_an_option_that_does_nothing() {
    let warning =
        "update_versions: warning: --big-endian: does nothing without --strict; add --strict\n";
    check("@ --big-endian model <input", 0, &mended(), warning);
}

#[test]
fn wants_a_model() {
    let scratch = scratch();
    for line in ["@ --", "@ -v"] {
        assert_eq!(
            run(line, scratch.path()),
            run("@", scratch.path()),
            "{line}"
        );
    }
    // What follows in a pipeline must not get the script's words.
    let missing = "arguments: MODEL: is missing; see update_versions --help";
    fails("@ --strict <input", missing);
}

#[test]
fn knows_options_from_models() {
    for line in ["@ ./-x <input", "@ -- -x <input", "@ -- -x -y <input"] {
        let line = format!("cp model ./-x; {line} 2>/dev/null");
        check(&line, 0, &mended(), "");
    }
}

#[test]
fn answers_help_and_version() {
    let help = include_str!("../src/help.txt");
    assert!(help.starts_with("Usage: update_versions ") && help.contains("objcopy"));
    assert!(help.ends_with("See update_versions(1).\n"));
    for line in ["@ -h", "@ --help", "@ nosuch -h --bogus </"] {
        check(line, 0, help.as_bytes(), "");
    }
    let version = concat!("update_versions ", env!("CARGO_PKG_VERSION"), "\n");
    for line in ["@ -V", "@ --version"] {
        check(line, 0, version.as_bytes(), "");
    }
}

/// A scratch folder with files that people take for a table or a model.
fn mistakes() -> tempfile::TempDir {
    let scratch = scratch();
    let file = |name: &str, bytes: &[u8]| write(scratch.path().join(name), bytes);
    let rest = [7; 4000];
    file("m.ko", &[b"\x7fELF\x01\x01\x01".as_slice(), &rest].concat());
    file("m.gz", &[b"\x1f\x8b\x08\0".as_slice(), &rest].concat());
    file("m.xz", &[b"\xfd7zXZ\0".as_slice(), &rest].concat());
    file("m.zst", &[b"\x28\xb5\x2f\xfd".as_slice(), &rest].concat());
    file("m.lz4", &[b"\x04\x22\x4d\x18".as_slice(), &rest].concat());
    file("utf16", b"\xff\xfe0\0x\x001\x001\0\t\0p\0r\0\n\0");
    file("ubuntu", &ubuntu_table());
    file("comments", b"# one\n\n#SYMVER printk 0x11\n");
    file("zero-text", b"0x00000000\tprintk\n0x00000000\tkfree\n");
    file("kallsyms", b"c0008000 T printk\n0a0a0a0a r __crc_printk\n");
    file(
        "not-root",
        b"00000000 A __crc_printk\n00000000 A __crc_kfree\n",
    );
    file("zero", &LITTLE32.table(&[(0, "printk"), (0, "kfree")]));
    file("zero64", &LITTLE64.table(&[(0, "printk"), (0, "kfree")]));
    file("two", &LITTLE32.table(&[(1, "printk"), (2, "printk")]));
    for (name, real) in [
        ("arm", "6.1.0-47-armmp/mii.versions"),
        ("arm64", "6.1.0-47-arm64/mii.versions"),
        ("s390x", "6.1.0-47-s390x/mii.versions"),
        ("other", "6.1.0-50-armmp/crc-itu-t.versions"),
        ("symvers", "6.1.0-50-armmp/Module.symvers"),
    ] {
        file(name, &read(testdata(real)));
    }
    let arm = read(testdata("6.1.0-47-armmp/mii.versions"));
    let arm64 = read(testdata("6.1.0-47-arm64/mii.versions"));
    file("big", &BIG32.table(&LITTLE32.versions(&arm)));
    file("joined", &[&arm64.repeat(3)[..], &arm].concat());
    file(
        "joined-text",
        &[&arm[..], b"0x8c1823f3 module_layout\n"].concat(),
    );
    file("cut", &arm[..100]);
    scratch
}

/// Records of variable length: where the next one begins, the CRC, and the name.
fn ubuntu_table() -> Vec<u8> {
    let mut table = Vec::new();
    for (crc, name) in [
        (0x8c18_23f3_u32, "module_layout"),
        (0x92d5_838e, "request_threaded_irq"),
    ] {
        let mut record = [&[0; 4], &crc.to_le_bytes()[..], name.as_bytes(), &[0]].concat();
        record.resize(record.len().next_multiple_of(8), 0);
        record[0] = record.len() as u8;
        table.extend(record);
    }
    table
}

/// With `--strict`, each mistake is one line, whatever else may be wrong.
#[test]
fn tells_the_cause_alone() {
    let scratch = mistakes();
    for (files, message) in [
        // Not a table: as the model, and as the input.
        ("m.ko <input", format!("model: m.ko: {MODULE}")),
        ("model <m.ko", format!("input: <stdin>: {MODULE}")),
        ("text <m.ko", format!("input: <stdin>: {MODULE}")),
        ("m.xz <input", "model: m.xz: is compressed with xz; unpack it first".into()),
        ("m.zst <input", "model: m.zst: is compressed with zstd; unpack it first".into()),
        ("text <m.gz", "input: <stdin>: is compressed with gzip; unpack it first".into()),
        ("utf16 <input", "model: utf16: is UTF-16; convert it with iconv -f UTF-16 -t UTF-8".into()),
        ("m.lz4 <input", format!("model: m.lz4: {NEITHER}")),
        ("text <m.lz4", format!("input: <stdin>: {NEITHER}")),
        ("ubuntu <input", format!("model: ubuntu: {NEITHER}")),
        ("text <ubuntu", format!("input: <stdin>: {NEITHER}")),
        ("empty <input", format!("model: empty: {EMPTY}")),
        ("model <empty", format!("input: <stdin>: {EMPTY}")),
        ("model <text", "input: <stdin>: is text, not a table; give the dumped section".into()),
        ("cut <input", format!("model: cut: {CUT}")),
        ("arm <cut", format!("input: <stdin>: {CUT}")),
        ("symvers <cut", format!("input: <stdin>: {CUT}")),
        (
            "joined-text <input",
            "model: joined-text: ends inside a record, after 25 of its 64 bytes; dump it again, and do not join it with text".into(),
        ),
        // A record of another layout.
        ("joined <arm64", format!("model: joined: {MISFIT}")),
        ("arm64 <joined", format!("input: <stdin>: {MISFIT}")),
        // No CRC, or two.
        ("comments <input", format!("model: comments: {NO_CRC}")),
        ("zero-text <input", format!("model: zero-text: {NO_CRC}")),
        ("zero <zero", format!("model: zero: {NO_CRC}")),
        ("zero64 <input", format!("model: zero64: {NO_CRC}")),
        ("kallsyms <input", format!("model: kallsyms: {NO_CRC_AMONG_ADDRESSES}")),
        ("not-root <input", format!("model: not-root: {NO_CRC_AMONG_ADDRESSES}")),
        ("two <input", "model: two: has two CRCs for printk; it may come from two kernels".into()),
        // Two files that do not belong together.
        ("arm64 <arm", format!("input: <stdin>: has 32-bit records, but the model has 64-bit ones; {SAME}")),
        ("arm <arm64", format!("input: <stdin>: has 64-bit records, but the model has 32-bit ones; {SAME}")),
        ("arm <s390x", format!("input: <stdin>: has 64-bit records, but the model has 32-bit ones; {SAME}")),
        ("arm <big", format!("input: <stdin>: is not in the model's byte order; {SAME}")),
        ("other <input", format!("input: <stdin>: {STRANGE}")),
        ("text <other", format!("input: <stdin>: {STRANGE}")),
    ] {
        for options in ["--strict", "--strict -k", "--strict -v", "--strict --big-endian"] {
            let line = format!("@ {options} {files}");
            check_in(scratch.path(), &line, 1, b"", &format!("update_versions: {message}\n"));
        }
    }
}

/// Without `--strict`, a mistake is an error only where the script fails.
#[test]
fn tells_the_cause_of_what_the_script_would_do() {
    let scratch = mistakes();
    for (files, status, what, reason) in [
        ("m.ko <input", 1, "model: m.ko", MODULE),
        ("model <m.ko", 1, "input: <stdin>", MODULE),
        ("m.lz4 <input", 1, "model: m.lz4", NEITHER),
        ("model <m.lz4", 1, "input: <stdin>", NEITHER),
        (
            "utf16 <input",
            1,
            "model: utf16",
            "is UTF-16; convert it with iconv -f UTF-16 -t UTF-8",
        ),
        (
            "text <input",
            1,
            "model: text",
            "is text, not a table; add --strict, which accepts both",
        ),
        (
            "model <text",
            0,
            "input: <stdin>",
            "is text, not a table; give the dumped section",
        ),
        (
            "arm <symvers",
            1,
            "input: <stdin>",
            "is text, not a table; give the dumped section",
        ),
        ("empty <input", 1, "model: empty", EMPTY),
        ("empty <empty", 0, "model: empty", EMPTY),
        ("model <empty", 0, "input: <stdin>", EMPTY),
        ("cut <arm", 1, "model: cut", CUT),
        ("arm <cut", 0, "input: <stdin>", CUT),
        ("other <input", 1, "input: <stdin>", STRANGE),
        (
            "s390x <s390x",
            0,
            "input: <stdin>",
            "is elf64-big, which needs --strict",
        ),
        (
            "arm <s390x",
            1,
            "input: <stdin>",
            &format!("has 64-bit records, but the model has 32-bit ones; {SAME}"),
        ),
        (
            "arm <big",
            0,
            "input: <stdin>",
            &format!("is not in the model's byte order; {SAME}"),
        ),
        (
            "two < <(head -c 64 two)",
            0,
            "model: two",
            "has two CRCs for printk; it may come from two kernels",
        ),
    ] {
        let (_, name) = what.split_once(": ").unwrap();
        for (options, status) in [("", status), ("-v", status), ("-k", 0), ("-kv", 0)] {
            let what = match status {
                0 => format!("warning: {name}"),
                _ => what.to_owned(),
            };
            let line =
                format!("@ {options} {files} 2>&1 >new | grep -v -e '0x.* ->' -e '^1 records'");
            let said = format!("update_versions: {what}: {reason}\n");
            check_in(scratch.path(), &line, 0, said.as_bytes(), "");
            let line = format!("@ {options} {files} >new 2>&1");
            check_in(scratch.path(), &line, status, b"", "");
        }
    }
}

/// A cut input, and two CRCs for a symbol, do not explain why another symbol is missing.
#[test]
fn tells_doubts_beside_missing_symbols() {
    let missing = "update_versions: symbol: panic: is not in the model\n\
                   update_versions: input: <stdin>: has 3 symbols, 1 of them not in the model; the output ends before \
                   the first of these: join models with cat, or keep old CRCs with -k\n";
    for (files, doubt) in [
        (
            "model < <(cat missing; head -c 36 input)",
            format!("<stdin>: {CUT}"),
        ),
        (
            "<(cat model input) <missing",
            "/dev/fd/63: has two CRCs for kfree; it may come from two kernels".into(),
        ),
    ] {
        let said = format!("update_versions: warning: {doubt}\n{missing}");
        let line = format!("@ {files} 2>&1 >new");
        check(&line, 1, said.as_bytes(), "");
    }
}

#[test]
fn says_nothing_of_good_files() {
    let scratch = mistakes();
    for files in [
        "symvers <arm",
        "<(cat model model) <input",
        "model < <(cat input input)",
    ] {
        for options in ["--strict", "--strict -k"] {
            check_in(
                scratch.path(),
                &format!("@ {options} {files} >new"),
                0,
                b"",
                "",
            );
        }
    }
    check_in(
        scratch.path(),
        "@ <(cat model model) <input",
        0,
        &mended(),
        "",
    );
}

const MODULE: &str = "is an ELF file, such as a whole module; dump its section first; for ARM: arm-linux-gnueabi-objcopy \
                      MODULE /dev/null --dump-section __versions=TABLE";
const NEITHER: &str = "is neither a table nor text; it may be compressed, or a table from an Ubuntu \
                       kernel, whose records vary in length";
const EMPTY: &str = "is empty; the command that wrote it failed or had nothing to write: no \
                     __versions records, or no exports";
const CUT: &str =
    "ends inside a record, after 36 of its 64 bytes; dump it again, and do not join it with text";
const MISFIT: &str = "has a CRC of more than 32 bits in record 22; it may join tables for two \
                      architectures";
const NO_CRC: &str = "has no symbol with a CRC; its kernel may lack CONFIG_MODVERSIONS";
const NO_CRC_AMONG_ADDRESSES: &str = "lists no CRC: nm vmlinux shows CRCs only before Linux 5.19, and \
    /proc/kallsyms shows zeros unless read as root; use Module.symvers, or what \
    modprobe --show-exports prints for each module";
const SAME: &str = "both must be for the same architecture";
const STRANGE: &str = "shares no symbol with the model; one of the two may be the wrong file";

/// A file that is read and written at once grows without end, if it is long enough.
#[test]
fn does_not_write_the_file_that_it_reads() {
    let same = "output: <stdout>: is the same file as standard input; dump the table again, and write to a new file";
    for line in [
        "@ --strict model <long >>long",
        "@ --strict model <long >long",
    ] {
        fails(line, same);
    }
    let files = "@ --strict model <input >new; ln new link; @ --strict model <new >link; cat new";
    check(files, 0, b"", &format!("update_versions: {same}\n"));
    let warning = format!("update_versions: warning: {}\n", &same["output: ".len()..]);
    let line = "@ model <input 1<>input; cmp input <(@ model <model)";
    assert!(run(line, scratch().path()).2.starts_with(&warning));
    for line in [
        "@ --strict model </dev/null >/dev/null",
        "@ --strict model <input >new",
    ] {
        let (_, _, stderr) = run(line, scratch().path());
        assert!(!stderr.contains("same file"), "{stderr}");
    }
    // The descriptors tell: there is no /dev and no /proc here.
    let root = "$([ $(id -u) = 0 ] || echo unshare -r) chroot . /update_versions";
    let alone = format!("PATH=$PATH:/usr/sbin; cp @ . && {root}");
    let works = run(&format!("{alone} -V"), scratch().path()).0 == 0;
    if has_own_program() && has("a static program and chroot", works) {
        fails(&format!("{alone} --strict model <input >>input"), same);
    }
}

/// Whether script(1) can give a terminal to the program.
fn has_terminal() -> bool {
    let line = "script -qec true /dev/null </dev/null >/dev/null";
    let works = bash(line, scratch().path(), &program()).status.success();
    has("script and /dev/pts", works)
}

#[test]
fn takes_a_text_that_is_typed() {
    let line = r#"printf '%q ' @ >run; printf '0x22 kfree\n0x11 printk\n' >typed
        script -qec "$(cat run) --strict /dev/tty <input >out" /dev/null <typed >new; cat out"#;
    if has_terminal() {
        check(line, 0, &mended(), "");
    }
}

#[test]
fn knows_a_terminal() {
    if !has_terminal() {
        return;
    }
    let waits = "hint: <stdin>: is a terminal, waiting for a table; press ^C and add <old.versions";
    let binary = "output: <stdout>: is a terminal, but a table is binary; add >new.versions";
    for (line, status, said) in [
        ("@ model 2>said", 0, waits),
        ("@ --strict model <input 2>said", 1, binary),
    ] {
        let line = format!(
            "printf '%q ' @ >run; script -qec \"$(cat run) {}\" /dev/null <empty >new; s=$?; \
             head -1 said; exit $s",
            line.replace("@ ", ""),
        );
        check(
            &line,
            status,
            format!("update_versions: {said}\n").as_bytes(),
            "",
        );
    }
}

#[test]
fn names_missing_symbols_and_what_to_do() {
    let tables = "6.1.0-50-armmp/qrtr.versions <6.1.0-47-armmp/qrtr.versions";
    let symbols = "update_versions: symbol: radix_tree_delete: is not in the model\n\
                   update_versions: symbol: radix_tree_iter_resume: is not in the model\n";
    let advice = "join models with cat, or keep old CRCs with -k";
    for (options, status, what, end) in [
        (
            "",
            1,
            "input",
            format!("the output ends before the first of these: {advice}"),
        ),
        (
            "--strict",
            1,
            "input",
            format!("nothing is written: {advice}"),
        ),
        ("-k", 0, "warning", "these keep their old CRCs".to_owned()),
        (
            "--strict -k",
            0,
            "warning",
            "these keep their old CRCs".to_owned(),
        ),
    ] {
        let line = format!("@ {options} {tables} 2>&1 >/dev/null");
        let said = format!(
            "{symbols}update_versions: {what}: <stdin>: has 113 symbols, 2 of them not in the \
             model; {end}\n"
        );
        check_in(&testdata(""), &line, status, said.as_bytes(), "");
    }
}

#[test]
fn names_a_symbol_without_a_name() {
    let scratch = scratch();
    let input = [LITTLE32.record(1, "kfree").repeat(3), vec![0; 64]].concat();
    write(scratch.path().join("input"), input);
    let (_, _, stderr) = run("@ --strict model <input", scratch.path());
    let named = "update_versions: symbol: (no name): is not in the model\n";
    assert!(stderr.starts_with(named), "{stderr}");
}

#[test]
fn names_twenty_missing_symbols() {
    for (options, count) in [("", 20), ("", 2345), ("-k", 2345)] {
        let scratch = scratch();
        let mut input = LITTLE32.record(1, "kfree");
        for number in 0..count {
            input.extend(LITTLE32.record(1, format!("symbol_{number}")));
        }
        write(scratch.path().join("input"), input);
        let (_, _, stderr) = run(&format!("@ {options} model <input"), scratch.path());
        assert_eq!(stderr.lines().count(), 21, "{stderr}");
        assert_eq!(stderr.matches("symbol: symbol_").count(), 20, "{stderr}");
        let total = count + 1;
        let sum = format!("has {total} symbols, {count} of them not in the model");
        assert!(stderr.contains(&sum), "{stderr}");
    }
}

#[test]
fn escapes_hostile_names() {
    let scratch = scratch();
    let folder = scratch.path();
    let evil = LITTLE32.record(1, b"\x1b[2Jevil\r\n\x07\xff\\x\x9b1m\0tail");
    write(
        folder.join("input"),
        [LITTLE32.record(1, "kfree"), evil].concat(),
    );
    let (status, _, stderr) = run("@ model <input", folder);
    let name = r"update_versions: symbol: \x1b[2Jevil\r\n\x07\xff\\x\x9b1m\x00tail: is not in";
    assert!(status == 1 && stderr.starts_with(name), "{stderr}");
    // Bytes, since a shell's own characters depend on its locale.
    for (name, escaped) in [
        (
            r"\x1b[31m\n\xe2\x80\xae\xff\xc3\xa9",
            "\\u{1b}[31m\\n\\u{202e}\u{fffd}\u{e9}",
        ),
        (r"a\\n", r"a\\n"),
    ] {
        let message = format!("model: {escaped}: No such file or directory");
        fails(&format!("@ $'{name}' <input"), &message);
    }
}

/// However long it is, the input passes through one buffer. A model that is neither a table nor
/// text is not read to its end.
#[test]
fn takes_memory_for_the_model_alone() {
    if !has_own_program() {
        return;
    }
    let line = "ulimit -v 30000; head -c 256M /dev/zero | @ <(head -c 64 /dev/zero) | wc -c";
    check(line, 0, b"268435456\n", "");
    for model in ["/dev/zero", "sparse"] {
        let line = format!("truncate -s 1G sparse; ulimit -v 30000; @ --strict {model} <input");
        fails(&line, &format!("model: {model}: {NEITHER}"));
    }
}

#[test]
fn says_so_when_memory_runs_out() {
    if !has_own_program() {
        return;
    }
    for (line, name) in [
        (
            "seq -f '%060.0f123' 1000000 | @ /dev/stdin",
            "model: /dev/stdin",
        ),
        (
            "for i in {1..100}; do cat long; done | @ --strict model",
            "input: <stdin>",
        ),
    ] {
        fails(
            &format!("ulimit -v 30000; {line}"),
            &format!("{name}: out of memory"),
        );
    }
}

/// However much there is: each buffer that grows can be the one that finds no more.
#[test]
fn says_so_when_a_text_fills_the_memory() {
    if !has_own_program() {
        return;
    }
    let line = "seq -f '0x1 symbol_%.0f' 1000000 >text; for i in {8..40..4}000; do \
                (ulimit -v $i; exec @ --strict text <input) || echo $? >&2; done";
    let said = "update_versions: model: text: out of memory\n1\n";
    check(line, 0, b"", &said.repeat(9));
}

/// Under each limit that lets it start, a run ends as it should, or says why not: with many missing
/// symbols, and with a list of `-v` that is longer than any buffer.
#[test]
fn says_so_wherever_memory_runs_out() {
    if !has_own_program() {
        return;
    }
    let folder = scratch();
    let mut missing = Vec::new();
    for number in 0..200 {
        missing.extend(LITTLE32.record(1, format!("x{number}")));
    }
    write(folder.path().join("missing"), missing);
    let all = read(testdata("6.1.0-50-armmp/all.versions"));
    let mut changed = all[..64 * 700].to_vec();
    changed.chunks_mut(64).for_each(|record| record[0] ^= 1);
    write(folder.path().join("changed"), changed);
    write(folder.path().join("all"), &all);
    write(folder.path().join("small"), &all[..64 * 700]);
    let line = "exec 2>/dev/null; i=1000
        until (ulimit -v $i; exec @ --version) >old; do ((i += 100)); done
        for ((end = i + 2000, i += 100; i < end; i += 20)); do
            for run in 'missing all' 'missing -kv all' 'changed -v small' 'changed -v --strict small'; do
                read -r input arguments <<<$run
                (ulimit -v $i; exec @ $arguments <$input >new 2>log)
                s=$?; [ $s -le 1 ] || echo $i: $run: $s; tail -n 1 log >>said
            done
        done; grep -qx '.*model.*: out of memory' said && grep -q 'shares no symbol' said && grep -q '700 changed' said";
    check_in(folder.path(), line, 0, b"", "");
}

/// A kernel before 3.17 has no getrandom(2). The standard library then opens `/dev/urandom` and
/// keeps it, which would be descriptor 0 if that is closed.
#[test]
fn needs_no_system_randomness() {
    let traced =
        "strace -f -o trace -e trace=getrandom,open,openat -e inject=getrandom:error=ENOSYS";
    let works = || {
        bash(&format!("{traced} true"), scratch().path(), &program())
            .status
            .success()
    };
    if has_own_program() && has("strace", works()) {
        let line = format!(
            "{traced} sh -c 'exec \"$0\" -k model <&-' @ >new && cat new && \
             grep -q model trace && ! grep random, trace"
        );
        let warning = format!("update_versions: warning: <stdin>: {EMPTY}\n");
        check(&line, 0, b"", &warning);
    }
}
