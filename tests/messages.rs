//! What standard error says: one line a message, `update_versions: what: name: reason`.

mod common;

use common::{
    bash, check, check_in, has, has_own_program, mended, program, read, record, run, scratch,
    table, testdata, wide, write,
};

/// Runs a line with no output; the message is all that it says, and the status is 1.
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
        ("@ model -x", "invalid option '-x'"),
        (
            "@ --strict=yes model",
            "unexpected argument for option '--strict': \"yes\"",
        ),
        ("@ model -F", "missing argument for option '-F'"),
        (r"@ $'--\e[31m' model", r"invalid option '--\u{1b}[31m'"),
    ] {
        fails(
            line,
            &format!("arguments: {message}: see update_versions --help"),
        );
    }
    fails(
        r"@ -F $'elf\n' model",
        r"target: elf\n: unknown; use the word after 'file format' in objdump -f, or elf32-little, elf32-big, elf64-little, elf64-big",
    );
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

/// A folder with files that people take for a table or a text, beside those of a scratch folder.
fn mistakes() -> tempfile::TempDir {
    let scratch = scratch();
    let file = |name: &str, bytes: &[u8]| write(scratch.path().join(name), bytes);
    let rest = [7; 4000];
    file("m.ko", &[b"\x7fELF\x01\x01\x01".as_slice(), &rest].concat());
    file("m.gz", &[b"\x1f\x8b\x08\0".as_slice(), &rest].concat());
    file("m.xz", &[b"\xfd7zXZ\0".as_slice(), &rest].concat());
    file("m.zst", &[b"\x28\xb5\x2f\xfd".as_slice(), &rest].concat());
    file("lz4", &[b"\x04\x22\x4d\x18".as_slice(), &rest].concat());
    file("commented", b"# \0\n0x11 printk\n0x22 kfree\n");
    file("unended", &[[1; 4].as_slice(), &[b'x'; 60]].concat());
    file("zero", b"0x00000000\tprintk\n0x00000000\tkfree\n");
    for (name, real) in [
        ("arm", "6.1.0-47-armmp/mii.versions"),
        ("arm64", "6.1.0-47-arm64/mii.versions"),
        ("s390x", "6.1.0-47-s390x/mii.versions"),
        ("other", "6.1.0-50-armmp/crc-itu-t.versions"),
        ("symvers", "6.1.0-50-armmp/Module.symvers"),
    ] {
        file(name, &read(testdata(real)));
    }
    let mut big = read(testdata("6.1.0-47-armmp/mii.versions"));
    let crcs = big.chunks_mut(64).map(|record| &mut record[..4]);
    crcs.for_each(<[u8]>::reverse);
    file("big", &big);
    let arm = read(testdata("6.1.0-47-armmp/mii.versions"));
    file(
        "mixed",
        &[&arm, b"0x8c1823f3 module_layout\n".as_slice()].concat(),
    );
    scratch
}

const MODULE: &str = "a whole module; dump its section first, for ARM: arm-linux-gnueabi-objcopy MODULE \
                      /dev/null --dump-section __versions=TABLE";

#[test]
fn tells_the_cause_first_and_alone() {
    let text = "text, not a table; add --symvers if it is the model";
    let no_crc = "no symbol with a CRC; does its kernel have CONFIG_MODVERSIONS?";
    let apart = |its, model| {
        format!("is {its}, but the model is {model}; use a model of the module's machine")
    };
    let neither = "neither a table nor text; is it compressed, or of an Ubuntu kernel with records \
                   of variable length?";
    let reversed = |advice| format!("has the model's CRCs with their bytes reversed; {advice}");
    let (arm, arm64, s390x) = ("elf32-little", "elf64-little", "elf64-big");
    for (arguments, what, reason) in [
        ("m.ko <input", "model: m.ko", MODULE),
        ("model <m.ko", "input: <stdin>", MODULE),
        (
            "--symvers m.ko <input",
            "model: m.ko",
            &format!("{MODULE}, and leave out --symvers"),
        ),
        (
            "m.xz <input",
            "model: m.xz",
            "compressed with xz; unpack it first",
        ),
        (
            "m.zst <input",
            "model: m.zst",
            "compressed with zstd; unpack it first",
        ),
        (
            "model <m.gz",
            "input: <stdin>",
            "compressed with gzip; unpack it first",
        ),
        (
            "--symvers m.gz <input",
            "model: m.gz",
            "compressed with gzip; unpack it first",
        ),
        ("symvers <input", "model: symvers", text),
        ("model <symvers", "input: <stdin>", text),
        (
            "--symvers arm <input",
            "model: arm",
            "a table, not text; leave out --symvers",
        ),
        (
            "--symvers s390x <input",
            "model: s390x",
            "a table, not text; leave out --symvers",
        ),
        (
            "-F elf32-little --symvers symvers <arm64",
            "input: <stdin>",
            "seems elf64-little; try --target elf64-little",
        ),
        (
            "--symvers symvers <symvers",
            "input: <stdin>",
            "text, not a table; give the dumped section",
        ),
        ("--symvers zero <input", "model: zero", no_crc),
        ("--symvers empty <input", "model: empty", "empty"),
        (
            "--symvers <(printf '# one\n\n') <input",
            "model: /dev/fd/63",
            "empty",
        ),
        ("lz4 <input", "model: lz4", neither),
        ("model <lz4", "input: <stdin>", neither),
        ("--symvers commented <input", "model: commented", neither),
        // The byte order of a 32-bit table is seen by the CRCs alone, and by one that differs.
        (
            "--symvers symvers <big",
            "input: <stdin>",
            &reversed("try --target elf32-big"),
        ),
        (
            "-F elf32-big --symvers symvers <arm",
            "input: <stdin>",
            &reversed("try --target elf32-little"),
        ),
        (
            "arm <big",
            "input: <stdin>",
            &reversed("use a model of the module's machine"),
        ),
        (
            "empty <input",
            "model: empty",
            "empty; did objcopy fail, or is there no __versions section?",
        ),
        ("arm64 <arm", "input: <stdin>", &apart(arm, arm64)),
        ("arm <arm64", "input: <stdin>", &apart(arm64, arm)),
        ("arm <s390x", "input: <stdin>", &apart(s390x, arm)),
        // What has no NUL after the name is of no layout.
        (
            "arm64 <unended",
            "input: <stdin>",
            "has no symbol of the model; another kernel, or the wrong module?",
        ),
        (
            "-F elf64-little arm64 <arm",
            "input: <stdin>",
            &apart(arm, arm64),
        ),
        (
            "other <input",
            "input: <stdin>",
            "has no symbol of the model; another kernel, or the wrong module?",
        ),
    ] {
        let scratch = mistakes();
        let check = |options, status, what| {
            let message = format!("update_versions: {what}: {reason}\n");
            let line =
                format!("@ {options} {arguments} >new; s=$?; [ $s = 0 ] || cat new; exit $s");
            check_in(scratch.path(), &line, status, b"", &message);
        };
        for options in ["--strict", "--strict -k"] {
            check(options, 1, what);
        }
        let (of, name) = what.split_once(": ").unwrap();
        let warning = format!("warning: {name}");
        match reason.contains("reversed") {
            true => check("", 0, &warning),
            false => check("", 1, what),
        }
        match of == "model" && arguments.starts_with("--symvers") {
            true => check("-k", 1, what),
            false => check("-k", 0, &warning),
        }
    }
}

/// What the script would do without a word is a warning, and in a strict run an error.
#[test]
fn warns_of_what_goes_well_and_is_wrong() {
    let cut = "ends inside a record, 36 bytes left over; dump it again";
    let empty = "empty; did objcopy fail, or is there no __versions section?";
    for (line, what, reason) in [
        ("@ model <empty", "input: <stdin>", empty),
        ("@ empty <empty", "model: empty", empty),
        (
            "{ cat input; head -c 36 input; } | @ model",
            "input: <stdin>",
            cut,
        ),
        ("head -c 36 input | @ model", "input: <stdin>", cut),
        (
            "{ cat model; head -c 36 model; } >m; @ m <input",
            "model: m",
            cut,
        ),
        (
            "cat model model input input >m; @ m <input",
            "model: m",
            "has two CRCs for kfree; are its tables from different kernels?",
        ),
        (
            r"printf '0x22 kfree\n0x11 printk\n0x12 printk\n' >m; @ --symvers m <input",
            "model: m",
            "has two CRCs for printk; are its tables from different kernels?",
        ),
        (
            "@ mixed <arm",
            "model: mixed",
            "text after a table; join one kind: modprobe --show-modversions makes text",
        ),
        (
            "@ -F elf32-little s390x <s390x",
            "input: <stdin>",
            "seems elf64-big; try --target elf64-big",
        ),
        (
            "@ -F elf64-big arm64 <arm64",
            "input: <stdin>",
            "seems elf64-little; try --target elf64-little",
        ),
        (
            "@ model <input 1<>input",
            "output: <stdout>",
            "the same file as standard input; write to a new one",
        ),
    ] {
        let scratch = mistakes();
        let warning = format!(
            "update_versions: warning: {}: {reason}\n",
            &what[what.find(' ').unwrap() + 1..]
        );
        check_in(scratch.path(), &format!("({line}) >new"), 0, b"", &warning);
        let error = format!("update_versions: {what}: {reason}\n");
        check_in(
            mistakes().path(),
            &line.replace('@', "@ --strict"),
            1,
            b"",
            &error,
        );
    }
    check("cat model model >m; @ --strict m <input >new", 0, b"", "");
}

/// A file that is read and written at once grows without end, if it is long enough.
#[test]
fn does_not_write_the_file_that_it_reads() {
    let same = "output: <stdout>: the same file as standard input; write to a new one";
    for line in [
        "@ --strict model <long >>long",
        "@ --strict model <long >long",
    ] {
        fails(line, same);
    }
    let files = "@ --strict model <input >new; ln new link; @ --strict model <new >link; cat new";
    check(files, 0, b"", &format!("update_versions: {same}\n"));
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
        script -qec "$(cat run) --symvers /dev/tty <input >out" /dev/null <typed >new; cat out"#;
    if has_terminal() {
        check(line, 0, &mended(), "");
    }
}

#[test]
fn knows_a_terminal() {
    if !has_terminal() {
        return;
    }
    let waits = "hint: <stdin>: a terminal, waiting for a table; press ^C and add <old.versions";
    let binary = "output: <stdout>: a terminal, but a table is binary; add >new.versions";
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

const ADVICE: &str = "use Module.symvers, join more models with cat, or keep the old CRCs with -k";

#[test]
fn names_missing_symbols_and_what_to_do() {
    let tables = "6.1.0-50-armmp/qrtr.versions <6.1.0-47-armmp/qrtr.versions";
    let symbols = "update_versions: symbol: radix_tree_delete: not in the model\n\
                   update_versions: symbol: radix_tree_iter_resume: not in the model\n";
    let missing = "<stdout>: 2 of 113 symbols missing from the model";
    let (error, advice) = ("output", ADVICE);
    let (warning, kept) = ("warning", "kept with their old CRCs");
    for (options, status, what, end) in [
        ("", 1, error, format!("written up to the first; {advice}")),
        ("--strict", 1, error, format!("nothing written; {advice}")),
        ("-k", 0, warning, kept.to_owned()),
        ("--strict -k", 0, warning, kept.to_owned()),
    ] {
        let line = format!("@ {options} {tables} 2>&1 >/dev/null");
        let said = format!("{symbols}update_versions: {what}: {missing}; {end}\n");
        check_in(&testdata(""), &line, status, said.as_bytes(), "");
    }
}

#[test]
fn names_twenty_missing_symbols() {
    for (options, count) in [("", 20), ("", 2345), ("-k", 2345)] {
        let scratch = scratch();
        let strangers = (0..count).map(|number| record(1, format!("symbol_{number}")));
        let input = [record(1, "kfree"), strangers.collect::<Vec<_>>().concat()].concat();
        write(scratch.path().join("input"), input);
        let (_, _, stderr) = run(&format!("@ {options} model <input"), scratch.path());
        assert_eq!(stderr.matches("symbol: symbol_").count(), 20, "{stderr}");
        let more = "\nupdate_versions: 2325 more symbols are not in the model\n";
        assert_eq!(stderr.contains(more), count > 20, "{stderr}");
        let total = count + 1;
        let sum = format!(": {count} of {total} symbols missing");
        assert!(stderr.contains(&sum), "{stderr}");
    }
}

#[test]
fn names_a_missing_symbol_once() {
    let said = format!(
        "update_versions: symbol: panic: not in the model\n\
         update_versions: output: <stdout>: 25 of 75 symbols missing from the model; nothing \
         written; {ADVICE}\n"
    );
    let line = "for i in {1..25}; do cat missing; done | @ --strict model";
    check(line, 1, b"", &said);
    // Of 25 symbols, each twice and as long as can be, 20 are named.
    let scratch = scratch();
    let symbols = (0..50).map(|number| record(1, format!("symbol_{:052}", number / 2)));
    let input = [record(1, "kfree"), symbols.collect::<Vec<_>>().concat()].concat();
    write(scratch.path().join("input"), input);
    let (_, _, stderr) = run("@ model <input", scratch.path());
    let whole = format!(": symbol_{:052}: not", 7);
    assert!(stderr.contains(&whole), "{stderr}");
    assert_eq!(stderr.matches("symbol: symbol_").count(), 20, "{stderr}");
    assert!(
        stderr.contains("\nupdate_versions: 10 more symbols are"),
        "{stderr}"
    );
}

/// A CRC that changes into its own reverse is no cause while more stay the same.
#[test]
fn tells_reversed_crcs_only_of_most() {
    let scratch = scratch();
    let table = table(&[(0x11, "printk"), (0x22, "kfree"), (0x0102_0304, "panic")]);
    write(scratch.path().join("input"), table);
    for (same, status) in [("0x22", 0), ("0x23", 0), ("0x22000000", 1)] {
        let text = format!("0x11 printk\n{same} kfree\n0x04030201 panic\n");
        write(scratch.path().join("text"), text);
        let (is, _, stderr) = run("@ --strict --symvers text <input", scratch.path());
        assert_eq!(is, status, "{same}: {stderr}");
        assert_eq!(stderr.contains("reversed"), status == 1, "{stderr}");
    }
}

/// A symbol that the kernel exports without a version.
#[test]
fn tells_a_symbol_without_a_crc() {
    let text = r"printf '0x0\tpanic\n0x22\tkfree\n0x11\tprintk\n'";
    let said = format!(
        "update_versions: symbol: panic: has no CRC in the model\n\
         update_versions: output: <stdout>: 1 of 3 symbols missing from the model; nothing \
         written; {ADVICE}\n"
    );
    let scratch = scratch();
    for (wide_crc, name) in [
        (vec![1, 0, 0, 0], "arm"),
        (vec![1, 0, 0, 0, 0, 0, 0, 0], "arm64"),
    ] {
        let symbols = ["kfree", "panic", "printk"].map(|symbol| wide(&wide_crc, symbol));
        write(scratch.path().join(name), symbols.concat());
        let line = format!("@ --strict --symvers <({text}) <{name}");
        check_in(scratch.path(), &line, 1, b"", &said);
    }
}

#[test]
fn escapes_hostile_names() {
    let scratch = scratch();
    let folder = scratch.path();
    let evil = record(1, b"\x1b[2Jevil\r\n\x07\xff\\x\x9b1m\0tail");
    write(folder.join("input"), [record(1, "kfree"), evil].concat());
    let (status, _, stderr) = run("@ model <input", folder);
    let name = r"update_versions: symbol: \x1b[2Jevil\r\n\x07\xff\\x\x9b1m\x00tail: not in";
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

/// However long it is, the input passes through one buffer. What has a NUL in its first block is no
/// text, and is not read to its end.
#[test]
fn takes_memory_for_the_model_alone() {
    if !has_own_program() {
        return;
    }
    let line = "ulimit -v 30000; head -c 256M /dev/zero | @ <(head -c 64 /dev/zero) | wc -c";
    check(line, 0, b"268435456\n", "");
    for model in ["/dev/zero", "sparse"] {
        let line = format!("truncate -s 1G sparse; ulimit -v 30000; @ --symvers {model} <input");
        let (status, _, stderr) = run(&line, scratch().path());
        let reason = format!("update_versions: model: {model}: line 1: does not begin with a CRC");
        assert!(status == 1 && stderr.starts_with(&reason), "{stderr}");
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
            "output: <stdout>",
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
    let long_line = "{ printf '0x1 '; head -c 64M /dev/zero | tr '\\0' x; }";
    for text in ["seq -f '0x1 symbol_%.0f' 1000000", long_line] {
        let line = format!(
            "{text} >text; for i in {{8..40..4}}000; do \
             (ulimit -v $i; exec @ --symvers text <input) || echo $? >&2; done"
        );
        let said = "update_versions: model: text: out of memory\n1\n";
        check(&line, 0, b"", &said.repeat(9));
    }
}

/// Under each limit that lets it start, a run ends as it should, or says why not.
#[test]
fn says_so_wherever_memory_runs_out() {
    if !has_own_program() {
        return;
    }
    let folder = scratch();
    let symbols: Vec<u8> = (0..200).flat_map(|i| record(1, format!("x{i}"))).collect();
    write(folder.path().join("missing"), symbols);
    let all = testdata("6.1.0-50-armmp/all.versions");
    let line = format!(
        "exec 2>/dev/null; i=1000
         until (ulimit -v $i; exec @ --version) >old; do ((i += 100)); done
         for ((end = i + 2000, i += 100; i < end; i += 20)); do
             for options in '' -kv; do
                 (ulimit -v $i; exec @ $options '{}' <missing >new 2>log)
                 s=$?; [ $s -le 1 ] || echo $i: $s; tail -n 1 log >>said
             done
         done; grep -qx '.*model.*: out of memory' said && grep -q 'no symbol of' said",
        all.display()
    );
    check_in(folder.path(), &line, 0, b"", "");
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
        let empty = "empty; did objcopy fail, or is there no __versions section?";
        let warning = format!("update_versions: warning: <stdin>: {empty}\n");
        check(&line, 0, b"", &warning);
    }
}

#[test]
fn takes_any_well_formed_table_for_one() {
    // The first record of each could be taken for another thing by its CRC alone.
    for crc in [
        *b"0x12",
        *b"\x7fELF",
        [0x1f, 0x8b, 8, 0],
        *b"\xfd7zX",
        *b"\x28\xb5\x2f\xfd",
        [0; 4],
        [255; 4],
    ] {
        let scratch = scratch();
        write(
            scratch.path().join("input"),
            [wide(&crc, "kfree"), wide(b"\t\t\n\t", "printk")].concat(),
        );
        for line in [
            "@ --strict -F elf32-little input <input >new",
            "@ --strict -F elf32-little model <input >new",
        ] {
            check_in(scratch.path(), line, 0, b"", "");
        }
    }
}
