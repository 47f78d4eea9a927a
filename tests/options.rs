//! What the options do, alone and together.

mod common;

use common::{read, record, run, table, testdata, write};

/// A folder with a model of `printk` and `kfree`, an input of both, and one with `panic`.
fn scratch() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    write(
        folder.join("model"),
        table(&[(0x11, "printk"), (0x22, "kfree")]),
    );
    write(
        folder.join("input"),
        table(&[(1, "kfree"), (0x11, "printk")]),
    );
    write(
        folder.join("missing"),
        table(&[(1, "kfree"), (3, "panic"), (2, "printk")]),
    );
    write(folder.join("long"), record(1, "kfree").repeat(3000));
    write(folder.join("empty"), b"");
    scratch
}

/// A record of 8 + 56 bytes.
fn wide(crc: [u8; 8], symbol: &str) -> Vec<u8> {
    let mut record = [&crc, symbol.as_bytes()].concat();
    record.resize(64, 0);
    record
}

/// Runs a line in which `@` stands for `"$@"` and checks all that comes out of it.
fn check(line: &str, status: i32, stdout: &[u8], stderr: &str) {
    let scratch = scratch();
    let output = run(&line.replace('@', r#""$@""#), scratch.path());
    assert_eq!((output.0, output.2.as_str()), (status, stderr), "{line}");
    assert_eq!(output.1, stdout, "{line}");
}

#[test]
fn verbose_reports_what_changes() {
    let report = "kfree                             0x00000001 -> 0x00000022\n\
                  2 records: 1 changed, 1 unchanged, 0 missing\n";
    let mended = table(&[(0x22, "kfree"), (0x11, "printk")]);
    check("@ -v model <input", 0, &mended, report);
    check("@ model --verbose <input", 0, &mended, report);
    check("@ -v --strict model <input", 0, &mended, report);
}

#[test]
fn verbose_reports_a_real_module() {
    for (target, kernel, module) in [
        ("elf32-little", "armmp", "dm9000"),
        ("elf64-little", "arm64", "smc91x"),
        ("elf64-big", "s390x", "8021q"),
    ] {
        let line = format!(
            r#""$@" -v -F {target} 6.1.0-50-{kernel}/{module}.versions <6.1.0-47-{kernel}/{module}.versions"#
        );
        let (status, stdout, stderr) = run(&line, &testdata(""));
        let model = read(testdata(&format!("6.1.0-50-{kernel}/{module}.versions")));
        assert_eq!((status, stdout == model), (0, true), "{target}");
        let report = read(testdata(&format!("report/{module}-{kernel}.txt")));
        assert_eq!(stderr, String::from_utf8(report).unwrap(), "{target}");
    }
}

#[test]
fn verbose_names_64_bit_symbols_without_a_target() {
    let line = r#""$@" -v 6.1.0-50-arm64/smc91x.versions <6.1.0-47-arm64/smc91x.versions"#;
    let report = read(testdata("report/smc91x-arm64.txt"));
    assert_eq!(
        run(line, &testdata("")).2,
        String::from_utf8(report).unwrap()
    );
}

#[test]
fn verbose_goes_on_after_a_missing_symbol() {
    check(
        "@ -v model <missing",
        1,
        &record(0x22, "kfree"),
        "kfree                             0x00000001 -> 0x00000022\n\
         update_versions: symbol: panic: not in the model\n\
         printk                            0x00000002 -> 0x00000011\n\
         3 records: 2 changed, 0 unchanged, 1 missing\n\
         update_versions: output: <stdout>: 1 of 3 records are not in the model: written up \
         to the first of them\n",
    );
}

#[test]
fn keep_missing_passes_records_through() {
    let mended = table(&[(0x22, "kfree"), (3, "panic"), (0x11, "printk")]);
    let warning = "update_versions: warning: panic: not in the model; kept as it is\n";
    check("@ -k model <missing", 0, &mended, warning);
    check("@ --keep-missing model <missing", 0, &mended, warning);
    check("@ --strict -k model <missing", 0, &mended, warning);
    check(
        "@ -kv model <missing >/dev/null",
        0,
        b"",
        &format!(
            "kfree                             0x00000001 -> 0x00000022\n{warning}\
         printk                            0x00000002 -> 0x00000011\n\
         3 records: 2 changed, 0 unchanged, 1 kept\n",
        ),
    );
    // What the model has is not kept, and an empty model has nothing.
    check("@ -k model <input 2>&1 >/dev/null | wc -c", 0, b"0\n", "");
    check(
        "@ -k empty <missing 2>/dev/null | cmp - missing",
        0,
        b"",
        "",
    );
}

#[test]
fn keep_missing_works_on_real_modules() {
    let model = testdata("6.1.0-50-armmp/nvmet.versions");
    let input = read(testdata("6.1.0-47-armmp/nvmet.versions"));
    let line = r#""$@" -k 6.1.0-50-armmp/nvmet.versions <6.1.0-47-armmp/nvmet.versions"#;
    let (status, stdout, stderr) = run(line, &testdata(""));
    assert_eq!((status, stdout.len()), (0, input.len()));
    assert_eq!(
        stderr,
        "update_versions: warning: flush_work: not in the model; kept as it is\n"
    );
    for (mended, old) in stdout.chunks(64).zip(input.chunks(64)) {
        let known = read(&model)
            .chunks(64)
            .find(|known| known[4..] == old[4..])
            .map(<[u8]>::to_vec);
        assert_eq!(mended, known.as_deref().unwrap_or(old));
    }
}

#[test]
fn strict_writes_what_is_good() {
    check(
        "@ --strict model <input",
        0,
        &table(&[(0x22, "kfree"), (0x11, "printk")]),
        "",
    );
    let line =
        r#""$@" --strict 6.1.0-50-armmp/all.versions <6.1.0-47-armmp/btrfs.versions | sha256sum"#;
    assert_eq!(
        run(line, &testdata("")),
        run(&line.replace("--strict", ""), &testdata(""))
    );
}

#[test]
fn strict_writes_nothing_of_what_is_not() {
    let cut = "ends inside a record, 1 bytes are left over: cut short, or records of variable \
               length, as in some Ubuntu kernels";
    let empty = "update_versions: output: <stdout>: nothing written, because of --strict\n";
    for (line, message) in [
        ("@ --strict model <empty", "input: <stdin>: empty"),
        (
            "@ --strict empty <empty",
            "model: empty: empty\nupdate_versions: input: <stdin>: empty",
        ),
        (
            "echo | cat input - | @ --strict model",
            &format!("input: <stdin>: {cut}"),
        ),
        (
            "@ --strict <(cat model; echo) <input",
            &format!("model: /dev/fd/63: {cut}"),
        ),
        (
            "@ --strict <(cat model input) <input",
            "model: /dev/fd/63: 1 of its records change the CRC of a symbol, first that of kfree: \
          tables of different kernels?",
        ),
        (
            "@ --strict --symvers empty <input",
            "model: empty: empty\nupdate_versions: symbol: kfree: not in the model\n\
          update_versions: symbol: printk: not in the model",
        ),
        (
            "@ --strict -k --symvers empty <empty",
            "model: empty: empty\nupdate_versions: input: <stdin>: empty",
        ),
    ] {
        let end = if message.contains("symbol:") {
            "update_versions: output: <stdout>: 2 of 2 records are not in the model: nothing written\n"
        } else {
            empty
        };
        check(line, 1, b"", &format!("update_versions: {message}\n{end}"));
    }
    check(
        "@ --strict model <missing",
        1,
        b"",
        "update_versions: symbol: panic: not in the model\n\
         update_versions: output: <stdout>: 1 of 3 records are not in the model: nothing written\n",
    );
    // However late it comes.
    check(
        "cat long missing | @ --strict model 2>/dev/null",
        1,
        b"",
        "",
    );
}

#[test]
fn strict_fails_when_the_output_fails() {
    let full = "update_versions: output: <stdout>: No space left on device\n";
    check("@ --strict model <input >/dev/full", 1, b"", full);
}

#[test]
fn symvers_reads_each_kind_of_text() {
    let mended = table(&[(0x22, "kfree"), (0xabcd_ef12, "printk")]);
    for line in [
        // 2.6, 3.0 to 5.3, 5.4, since 5.6, modprobe, and what people make of them.
        r"0xabcdef12\tprintk\tvmlinux\n0x00000022\tkfree\tvmlinux\n",
        r"0xabcdef12\tprintk\tvmlinux\tEXPORT_SYMBOL\n0x00000022\tkfree\tvmlinux\tEXPORT_SYMBOL_GPL\n",
        r"0xabcdef12\tprintk\tNAMESPACE\tvmlinux\tEXPORT_SYMBOL\n0x00000022\tkfree\t\tvmlinux\tEXPORT_SYMBOL\n",
        r"0xabcdef12\tprintk\tvmlinux\tEXPORT_SYMBOL\tNAMESPACE\n0x00000022\tkfree\tvmlinux\tEXPORT_SYMBOL\t\n",
        r"0xabcdef12\tprintk\n0x00000022\tkfree\n",
        r"0xABCDEF12 printk\n22 kfree",
        r"0Xabcdef12   printk\r\n\r\n# a comment\r\n0000000000000022\t \tkfree\r\n",
        r"\n  abcdef12 printk\n \t\n\t0x22\tkfree \n  # another",
        r"0x1 kfree\n0xabcdef12 printk\n0x22 kfree\n0x0 kfree\n0 printk\n",
    ] {
        let line = format!("printf '{line}' >text; @ --symvers text <input 2>/dev/null");
        check(&line, 0, &mended, "");
    }
}

#[test]
fn symvers_names_the_line_that_is_wrong() {
    let hex = "does not begin with a CRC in hex; is it text?";
    for (text, line, reason) in [
        (r"0x1 printk\nprintk 0x1\n", 2, hex),
        (r"0x1 printk\n0x\tkfree\n", 2, hex),
        (r"# one\n\n+11 printk", 3, hex),
        (r"-1 printk", 1, hex),
        (r"0x1g printk", 1, hex),
        (r"\xef\xbb\xbf0x1\tprintk\n", 1, hex),
        (r"\0\0\0\0", 1, hex),
        (r"\x7fELF\n", 1, hex),
        (r"0x123456789\tprintk\n", 1, "a CRC of more than 32 bits"),
        (
            r"0xffffffffffffffffff\tprintk\n",
            1,
            "a CRC of more than 32 bits",
        ),
        (r"0x1\n", 1, "no symbol after the CRC"),
        (r"0x1\t\n", 1, "no symbol after the CRC"),
        (r"0x1 printk\0\n", 1, "no symbol after the CRC"),
    ] {
        check(
            &format!("printf -- '{text}' >text; @ --symvers text <input"),
            1,
            b"",
            &format!("update_versions: model: text: line {line}: {reason}\n"),
        );
    }
}

#[test]
fn symvers_takes_long_lines_and_skips_long_symbols() {
    let mended = table(&[(0x22, "kfree"), (0x11, "printk")]);
    // A megabyte after the symbol, in a comment, in the symbol, and without an end.
    let text = "{ echo -n '0x11 printk '; tr '\\0' x; echo; echo -n '#'; tr '\\0' x; echo; \
                echo -n '0x12 '; tr '\\0' x; echo; echo -n '0x22 kfree '; tr '\\0' x; }";
    let text = text.replace("tr '", "head -c 1M /dev/zero | tr '");
    check(
        &format!("{text} >text; @ --symvers text <input"),
        0,
        &mended,
        "",
    );

    // A symbol after so many blanks is cut off; a part of it must not pass for another one.
    let line = "{ echo -n '0x22 kfree'; head -c 5000 /dev/zero | tr '\\0' ' '; echo; \
                for i in {4080..4110}; do printf \"0x%-${i}sprintk\\n\" 11; done; } >text; \
                @ --symvers text <input 2>/dev/null";
    check(line, 0, &mended, "");
    let line = "for i in {4088..4100}; do printf \"0x%-${i}sprintk_and_more\\n\" 11; done >text; \
                @ --symvers text <input 2>&1 | grep -c 'printk: not in the model'";
    check(line, 0, b"1\n", "");

    // A name needs a NUL after it: 59 bytes fit in 32 bits, 55 in 64.
    for (target, size) in [("elf32-little", 59), ("elf64-little", 55)] {
        let (fits, not) = ("x".repeat(size), "x".repeat(size + 1));
        for (symbol, status) in [(&fits, 0), (&not, 1)] {
            let crc = 64 - size - 1;
            let line = format!(
                "@ --symvers -F {target} <(printf '0x11 {symbol}') \
                 < <({{ head -c {crc} /dev/zero; printf '{symbol}'; cat /dev/zero; }} | head -c 64) \
                 2>/dev/null | wc -c"
            );
            check(&line, 0, format!("{}\n", 64 * (1 - status)).as_bytes(), "");
        }
    }
}

#[test]
fn symvers_is_as_good_as_a_table() {
    let known = read(testdata("6.1.0-50-armmp/all.versions"));
    // The last four lack a symbol in the same module of the other kernel, and have it here.
    for module in [
        "dm9000",
        "btrfs",
        "ext4",
        "mii",
        "xt_mac",
        "qrtr",
        "nvmet",
        "nf_nat_sip",
    ] {
        let input = format!("6.1.0-47-armmp/{module}.versions");
        let line = format!(r#""$@" --symvers 6.1.0-50-armmp/Module.symvers <{input}"#);
        let (status, stdout, stderr) = run(&line, &testdata(""));
        assert_eq!((status, stderr.as_str()), (0, ""), "{module}");
        let input = read(testdata(&input));
        assert_eq!(stdout.len(), input.len(), "{module}");
        for (mended, old) in stdout.chunks(64).zip(input.chunks(64)) {
            assert_eq!(mended[4..], old[4..], "{module}");
            assert!(known.chunks(64).any(|known| known == mended), "{module}");
        }
    }
}

#[test]
fn symvers_is_strict_about_two_crcs() {
    let line = "printf '0x22 kfree\\n0x11 printk\\n0x12 printk\\n' >text; @ --symvers text <input";
    let conflict = "1 of its records change the CRC of a symbol, first that of printk: tables of \
             different kernels?";
    let mended = table(&[(0x22, "kfree"), (0x12, "printk")]);
    check(
        line,
        0,
        &mended,
        &format!("update_versions: warning: text: {conflict}\n"),
    );
    check(
        &line.replace("@", "@ --strict"),
        1,
        b"",
        &format!(
            "update_versions: model: text: {conflict}\n\
         update_versions: output: <stdout>: nothing written, because of --strict\n"
        ),
    );
}

#[test]
fn target_gives_size_and_order_of_the_crc() {
    let scratch = scratch();
    let folder = scratch.path();
    write(folder.join("text"), "0x01020304 printk\n");
    for (target, old, new) in [
        (
            "elf32-little",
            table(&[(0xa, "printk")]),
            table(&[(0x0102_0304, "printk")]),
        ),
        (
            "elf32-big",
            table(&[(0x0a00_0000, "printk")]),
            table(&[(0x0403_0201, "printk")]),
        ),
        (
            "elf64-little",
            wide([10, 0, 0, 0, 0, 0, 0, 0], "printk"),
            wide([4, 3, 2, 1, 0, 0, 0, 0], "printk"),
        ),
        (
            "elf64-big",
            wide([0, 0, 0, 0, 0, 0, 0, 10], "printk"),
            wide([0, 0, 0, 0, 1, 2, 3, 4], "printk"),
        ),
    ] {
        write(folder.join("old"), &old);
        write(folder.join("new"), &new);
        let report = "printk                            0x0000000a -> 0x01020304\n\
                      1 records: 1 changed, 0 unchanged, 0 missing\n";
        for line in [
            format!(r#""$@" --strict -v -F {target} new <old"#),
            format!(r#""$@" --strict -v --symvers text --target={target} <old"#),
        ] {
            let (status, stdout, stderr) = run(&line, folder);
            assert_eq!((status, stderr.as_str()), (0, report), "{line}");
            assert_eq!(stdout, new, "{line}");
        }
    }
}

#[test]
fn target_does_not_depend_on_the_order() {
    let mut model: Vec<_> = (1..100)
        .map(|i| wide([0, 0, 0, 0, 0, 0, 0, i], &format!("symbol_{i}")))
        .collect();
    let input: Vec<_> = (1..100)
        .map(|i| wide([0, 0, 0, 0, i, i, i, i], &format!("symbol_{i}")))
        .collect();
    let scratch = scratch();
    write(scratch.path().join("old"), input.concat());
    let mended = model.concat();
    model.reverse();
    write(scratch.path().join("new"), model.concat());
    let line = r#""$@" --strict -F elf64-big new <old"#;
    assert_eq!(run(line, scratch.path()), (0, mended, String::new()));
}

#[test]
fn target_tells_when_it_is_the_wrong_one() {
    let message = "warning: <stdin>: a CRC of more than 32 bits: is it of another --target?";
    for (target, kernel) in [
        ("elf64-little", "armmp"),
        ("elf64-big", "arm64"),
        ("elf64-little", "s390x"),
    ] {
        let file = format!("6.1.0-47-{kernel}/mii.versions");
        let line = format!(r#""$@" -F {target} {file} <{file}"#);
        let (_, _, stderr) = run(&line, &testdata(""));
        assert!(stderr.contains(message), "{line}\n{stderr}");
        let (status, stdout, _) = run(&line.replace("-F", "--strict -F"), &testdata(""));
        assert_eq!((status, stdout.len()), (1, 0), "{line}");
    }
}

#[test]
fn help_and_manual_have_the_options_of_the_parser() {
    let source = |name: &str| {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("src")
            .join(name);
        String::from_utf8(read(file)).unwrap()
    };
    let (args, manual, help) = (
        source("args.rs"),
        source("update_versions.1"),
        update_versions::args::HELP,
    );
    let between = |text: &str, start: &str, end: &str| -> Vec<String> {
        text.split(start)
            .skip(1)
            .map(|rest| rest.split(end).next().unwrap().to_owned())
            .collect()
    };
    let mut long = between(&args, "Arg::Long(\"", "\"");
    let mut short = between(&args, "Arg::Short('", "'");
    assert!(long.len() >= 7 && short.len() >= 5, "{long:?} {short:?}");
    let options: Vec<_> = help
        .lines()
        .filter(|line| line.trim_start().starts_with('-'))
        .collect();
    let mut in_help: Vec<_> = options
        .iter()
        .flat_map(|line| between(line, "--", " "))
        .collect();
    let mut short_in_help: Vec<_> = options
        .iter()
        .filter_map(|line| line.strip_prefix("  -"))
        .map(|line| line[..1].to_owned())
        .collect();
    let items: Vec<_> = manual
        .lines()
        .filter(|line| line.starts_with(".It Fl"))
        .collect();
    let mut in_manual: Vec<_> = items
        .iter()
        .flat_map(|line| between(line, "Fl Fl ", " "))
        .collect();
    let mut short_in_manual: Vec<_> = items
        .iter()
        .flat_map(|line| between(line, ".It Fl ", " "))
        .filter(|name| name.len() == 1)
        .collect();
    for names in [
        &mut long,
        &mut in_help,
        &mut in_manual,
        &mut short,
        &mut short_in_help,
        &mut short_in_manual,
    ] {
        names.sort();
    }
    assert_eq!((&long, &short), (&in_help, &short_in_help));
    assert_eq!((&long, &short), (&in_manual, &short_in_manual));
}
