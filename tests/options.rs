//! What the options do, alone and together.

mod common;

use common::{
    check, check_in, mended, read, run, scratch, symvers, table, testdata, text, wide, write,
};

#[test]
fn verbose_reports_what_changes() {
    let report = "kfree                             0x00000001 -> 0x00000022\n\
                  2 records: 1 changed, 1 unchanged, 0 missing\n";
    for options in ["-v", "--verbose", "-v --strict"] {
        let line = format!("@ model {options} <input");
        check(&line, 0, &mended(), report);
    }
}

#[test]
fn verbose_reports_a_real_module() {
    for (target, kernel, module) in [
        ("-F elf32-little", "armmp", "dm9000"),
        ("-F elf64-little", "arm64", "smc91x"),
        ("", "arm64", "smc91x"),
        ("-F elf64-big", "s390x", "8021q"),
    ] {
        let (new, old) = (
            format!("6.1.0-50-{kernel}/{module}"),
            format!("6.1.0-47-{kernel}/{module}"),
        );
        let line = format!("@ -v {target} {new}.versions <{old}.versions");
        let model = read(testdata(&format!("{new}.versions")));
        let report = text(testdata(&format!("report/{module}-{kernel}.txt")));
        check_in(&testdata(""), &line, 0, &model, &report);
    }
}

/// What is said of the missing symbols is in the tests of the messages.
#[test]
fn verbose_goes_on_after_a_missing_symbol() {
    let changes = "kfree                             0x00000001 -> 0x00000022\n\
                   printk                            0x00000002 -> 0x00000011\n\
                   3 records: 2 changed, 0 unchanged, 1 ";
    let kept = table(&[(0x22, "kfree"), (3, "panic"), (0x11, "printk")]);
    for (options, status, stdout, rest) in [
        ("-v", 1, &kept[..64], "missing\n"),
        ("-kv", 0, &kept, "kept\n"),
    ] {
        let line = format!("@ {options} model <missing 2>said; s=$?; head -3 said >&2; exit $s");
        check(&line, status, stdout, &format!("{changes}{rest}"));
    }
}

#[test]
fn keep_missing_passes_records_through() {
    let kept = table(&[(0x22, "kfree"), (3, "panic"), (0x11, "printk")]);
    for options in ["-k", "--keep-missing", "--strict -k"] {
        let line = format!("@ {options} model <missing 2>/dev/null");
        check(&line, 0, &kept, "");
    }
    // What the model has is not kept, and an empty model has nothing.
    check("@ -k model <input", 0, &mended(), "");
    let line = "@ -k empty <missing 2>/dev/null | cmp - missing";
    check(line, 0, b"", "");
}

#[test]
fn keep_missing_works_on_real_modules() {
    let (new, old) = (
        "6.1.0-50-armmp/nvmet.versions",
        "6.1.0-47-armmp/nvmet.versions",
    );
    let (model, input) = (read(testdata(new)), read(testdata(old)));
    let known = |old: &[u8]| {
        model
            .chunks(64)
            .find(|known| known[4..] == old[4..])
            .map(<[u8]>::to_vec)
    };
    let mended = input
        .chunks(64)
        .map(|old| known(old).unwrap_or_else(|| old.to_vec()));
    let mended = mended.collect::<Vec<_>>().concat();
    let line = format!("@ -k {new} <{old} 2>/dev/null");
    check_in(&testdata(""), &line, 0, &mended, "");
}

#[test]
fn strict_writes_what_is_good() {
    check("@ --strict model <input", 0, &mended(), "");
    let line = "@ --strict 6.1.0-50-armmp/all.versions <6.1.0-47-armmp/btrfs.versions";
    let plain = line.replace("--strict", "");
    assert!(run(line, &testdata("")) == run(&plain, &testdata("")));
}

/// What is wrong with a table is told by the tests of the messages.
#[test]
fn strict_writes_nothing_of_what_is_not() {
    for line in [
        "@ --strict model <missing",
        "cat long missing | @ --strict model",
        "{ cat long; echo; } | @ --strict model",
        "@ --strict --symvers <(echo 0x1 printk) <input",
    ] {
        check(&format!("{line} 2>/dev/null"), 1, b"", "");
    }
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
        r"\xef\xbb\xbf0xabcdef12\tprintk\n0x00000022\tkfree\n",
        r"0xabcdef12\tprintk\n\xef\xbb\xbf# another\n\xef\xbb\xbf0x00000022\tkfree\n",
    ] {
        let line = format!("printf '{line}' >text; @ --symvers text <input 2>/dev/null");
        check(&line, 0, &mended, "");
    }
}

#[test]
fn symvers_names_the_line_that_is_wrong() {
    let hex = "does not begin with a CRC of 32 bits in hex";
    let none = "no symbol after the CRC";
    let nm = "is of nm or kallsyms; see MODELS in update_versions(1)";
    for (text, line, reason, shown) in [
        (r"0x1 printk\nprintk 0x1\n", 2, hex, "printk 0x1"),
        (r"0x1 printk\n0x\tkfree\n", 2, hex, r"0x\tkfree"),
        (r"# one\n\n+11 printk", 3, hex, "+11 printk"),
        (r"-1 printk", 1, hex, "-1 printk"),
        (r"0x1g printk", 1, hex, "0x1g printk"),
        (r"\0\0\0\0", 1, hex, r"\x00\x00\x00\x00"),
        (r"0x123456789\tprintk\n", 1, hex, r"0x123456789\tprintk"),
        (
            r"0xffffffffffffffffff\tprintk\n",
            1,
            hex,
            r"0xffffffffffffffffff\tprintk",
        ),
        (r"kernel(printk) = 0x1\n", 1, hex, "kernel(printk) = 0x1"),
        (
            r#"\t{ 0x8c1823f3, "module_layout" },\n"#,
            1,
            hex,
            r#"{ 0x8c1823f3, \"module_layout\" },"#,
        ),
        (r"\xff\xfe0\0x\0001\0", 1, hex, r"\xff\xfe0\x00x\x001\x00"),
        (
            r"the line of over forty bytes is cut off\x1b[m",
            1,
            hex,
            r"the line of over forty bytes is cut off\x1b",
        ),
        (r"0x1\n", 1, none, "0x1"),
        (r"0x1\t\n", 1, none, "0x1"),
        (r"0x1 printk\0\n", 1, none, r"0x1 printk\x00"),
        // nm, objdump -t and its heading, /proc/kallsyms, and what has no address.
        (
            r"0a0a0a0a A __crc_printk\n",
            1,
            nm,
            "0a0a0a0a A __crc_printk",
        ),
        (
            r"0000000012345678 A __crc_printk\n",
            1,
            nm,
            "0000000012345678 A __crc_printk",
        ),
        (
            r"ffffffff81000000 T _text\n",
            1,
            nm,
            "ffffffff81000000 T _text",
        ),
        (r"0x1 printk\n         U kfree\n", 2, nm, "U kfree"),
        (
            r"c0 g     F .text\t00000010 printk\n",
            1,
            nm,
            r"c0 g     F .text\t00000010 printk",
        ),
        (
            r"\nvmlinux:     file format elf32-littlearm\n",
            2,
            nm,
            "vmlinux:     file format elf32-littlearm",
        ),
    ] {
        let said = format!("update_versions: model: text: line {line}: {reason}: {shown}\n");
        let line = format!("printf -- '{text}' >text; @ --symvers text <input");
        check(&line, 1, b"", &said);
    }
}

#[test]
fn symvers_reads_a_slow_fifo() {
    let pieces = r"for i in '0x22 kf' 'ree\n0x1' '1 pri' ntk; do printf $i; sleep .1; done";
    let pieces = pieces.replace("$i", "\"$i\"");
    let line = format!("mkfifo fifo; {{ {pieces}; }} >fifo & @ --symvers fifo <input");
    check(&line, 0, &mended(), "");
}

#[test]
fn symvers_takes_long_lines_and_skips_long_symbols() {
    // A megabyte after the symbol, in a comment, in the symbol, and without an end.
    let text = "{ echo -n '0x11 printk '; tr '\\0' x; echo; echo -n '#'; tr '\\0' x; echo; \
                echo -n '0x12 '; tr '\\0' x; echo; echo -n '0x22 kfree '; tr '\\0' x; }";
    let text = text.replace("tr '", "head -c 1M /dev/zero | tr '");
    check(
        &format!("{text} >text; @ --symvers text <input"),
        0,
        &mended(),
        "",
    );

    // A symbol after so many blanks spans two reads; a part of it must not pass for another one.
    let line = "{ echo -n '0x22 kfree'; head -c 65525 /dev/zero | tr '\\0' ' '; echo; \
                for i in {65510..65560..7}; do printf \"0x%-${i}sprintk\\n\" 11; done; } >text; \
                @ --symvers text <input 2>/dev/null";
    check(line, 0, &mended(), "");
    let line = "{ echo 0x22 kfree; for i in {65510..65550}; do printf \"0x%-${i}sprintk_and_more\\n\" 11; \
                done; } >text; @ --symvers text <input 2>&1 >new | grep -c 'printk: not in the model'";
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
        let line = format!("@ --symvers 6.1.0-50-armmp/Module.symvers <{input}");
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
fn target_gives_size_and_order_of_the_crc() {
    let scratch = scratch();
    let folder = scratch.path();
    write(folder.join("text"), "0x01020304 printk\n");
    for (targets, old, new) in [
        (
            "elf32-little elf32-littlearm elf32-i386 elf32-tradlittlemips",
            &[10, 0, 0, 0][..],
            &[4, 3, 2, 1][..],
        ),
        (
            "elf32-big elf32-bigarm elf32-powerpc elf32-tradbigmips",
            &[0, 0, 0, 10],
            &[1, 2, 3, 4],
        ),
        (
            "elf64-little elf64-littleaarch64 elf64-x86-64 elf64-powerpcle elf64-littleriscv",
            &[10, 0, 0, 0, 0, 0, 0, 0],
            &[4, 3, 2, 1, 0, 0, 0, 0],
        ),
        (
            "elf64-big elf64-s390 elf64-powerpc elf64-tradbigmips",
            &[0, 0, 0, 0, 0, 0, 0, 10],
            &[0, 0, 0, 0, 1, 2, 3, 4],
        ),
    ] {
        write(folder.join("old"), wide(old, "printk"));
        write(folder.join("new"), wide(new, "printk"));
        let report = "printk                            0x0000000a -> 0x01020304\n\
                      1 records: 1 changed, 0 unchanged, 0 missing\n";
        for target in targets.split(' ') {
            for line in [
                format!("@ --strict -v -F {target} new <old"),
                format!("@ --strict -v --symvers text --target={target} <old"),
            ] {
                check_in(folder, &line, 0, &wide(new, "printk"), report);
            }
        }
    }
}

/// Without a target, a run with options takes the layout that the first record shows.
#[test]
fn takes_the_layout_of_the_input() {
    for (target, machine, module) in [
        ("elf32-little", "armmp", "dm9000"),
        ("elf64-little", "arm64", "smc91x"),
        ("elf64-big", "s390x", "8021q"),
    ] {
        let scratch = scratch();
        let folder = scratch.path();
        let size = if machine == "armmp" { 4 } else { 8 };
        let table = |build| {
            read(testdata(&format!(
                "6.1.0-{build}-{machine}/{module}.versions"
            )))
        };
        let (mut new, mut old) = (table(50), table(47));
        let report = text(testdata(&format!("report/{module}-{machine}.txt")));
        let lines = symvers(&new, size, target == "elf64-big");
        write(folder.join("text"), lines);
        for printable in [false, true] {
            // Of every 56 tables of s390x one begins like this.
            if printable {
                let at = if target == "elf64-big" { 4 } else { 0 };
                new[at..at + 4].copy_from_slice(b"ABCD");
                old[at..at + 4].copy_from_slice(b"ABCD");
            }
            write(folder.join("new"), &new);
            write(folder.join("old"), &old);
            let report = if printable { "" } else { &report };
            let v = if printable { "" } else { "-v" };
            check_in(folder, &format!("@ --strict {v} new <old"), 0, &new, report);
            check_in(folder, "@ --strict new <new", 0, &new, "");
            if !printable {
                for options in ["", "--strict"] {
                    let line = format!("@ {options} -v --symvers text <old");
                    check_in(folder, &line, 0, &new, report);
                }
            }
        }
    }
}

/// A first record with a CRC of 0 reads as one of another layout. A strict run writes no part of
/// another name then.
#[test]
fn strict_writes_no_part_of_a_name() {
    let scratch = scratch();
    let new = table(&[(0, "module_layout"), (0x22, "pci_register_driver")]);
    let old = table(&[(0, "module_layout"), (1, "usb_register_driver")]);
    write(scratch.path().join("new"), new);
    write(scratch.path().join("old"), old);
    let (status, stdout, stderr) = run("@ --strict new <old", scratch.path());
    assert!(status == 1 && stdout.is_empty(), "{stderr}");
}

/// A caller may write the model into a FIFO, and only then the input.
#[test]
fn reads_a_text_before_the_input() {
    let text = r"printf '0x22 kfree\n0x11 printk\n'";
    let line = format!("mkfifo m; ({text} >m; cat input) | @ --strict --symvers m");
    check(&line, 0, &mended(), "");
}

#[test]
fn target_does_not_depend_on_the_order() {
    let mut model: Vec<_> = (1..100)
        .map(|i| wide(&[0, 0, 0, 0, 0, 0, 0, i], format!("symbol_{i}")))
        .collect();
    let input: Vec<_> = (1..100)
        .map(|i| wide(&[0, 0, 0, 0, i, i, i, i], format!("symbol_{i}")))
        .collect();
    let scratch = scratch();
    write(scratch.path().join("old"), input.concat());
    let mended = model.concat();
    model.reverse();
    write(scratch.path().join("new"), model.concat());
    let line = "@ --strict -F elf64-big new <old";
    assert_eq!(run(line, scratch.path()), (0, mended, String::new()));
}

/// The help lists the options that there are, with a value where they take one, and so does the
/// manual.
#[test]
fn help_and_manual_have_the_options_of_the_program() {
    let scratch = scratch();
    let put = |line: &str| run(line, scratch.path());
    let help = String::from_utf8(put("@ --help").1).unwrap();
    let mut in_help = Vec::new();
    for line in help.lines().map(str::trim_start) {
        let Some((usage, _)) = line.split_once("  ").filter(|_| line.starts_with('-')) else {
            continue;
        };
        let words = usage.split([' ', ',']);
        let (names, values): (Vec<_>, Vec<_>) = words.partition(|word| word.starts_with('-'));
        let takes_value = values.iter().any(|value| !value.is_empty());
        for name in names {
            let alone = put(&format!("@ {name}")).2;
            assert!(!alone.contains("invalid option"), "{alone}");
            assert_eq!(alone.contains("missing argument"), takes_value, "{alone}");
            if name.starts_with("--") {
                let valued = put(&format!("@ {name}=x")).2;
                assert_eq!(
                    !valued.contains("unexpected argument"),
                    takes_value,
                    "{valued}"
                );
                let cut = put(&format!("@ {}", &name[..name.len() - 1])).2;
                assert!(cut.contains("invalid option"), "{cut}");
            }
            in_help.push(name.to_owned());
        }
    }
    in_help.sort();
    assert!(in_help.len() >= 12, "{in_help:?}");

    let each = "for i in -{0..9} -{A..Z} -{a..z}; do \
                @ $i 2>&1 | grep -q 'invalid option' || echo $i; done";
    let short = String::from_utf8(put(each).1).unwrap();
    let short_in_help = in_help.iter().filter(|name| name.len() == 2);
    assert!(short.lines().eq(short_in_help), "{short}");

    let manual = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/update_versions.1");
    let manual = text(manual).replace("Fl Fl ", "--").replace("Fl ", "-");
    let items = manual.lines().filter_map(|line| line.strip_prefix(".It "));
    let words = items.flat_map(|item| item.split(' '));
    let mut in_manual: Vec<_> = words.filter(|word| word.starts_with('-')).collect();
    in_manual.sort();
    assert_eq!(in_manual, in_help);
}
