//! `--strict`: any model, any table, all or nothing.

mod common;

use common::{
    BIG32, BIG64, LAYOUTS, LITTLE32, LITTLE64, Layout, check, check_in, failing_input, limited,
    mended, program, read, run, scratch, testdata, text_of, write,
};

#[test]
fn writes_what_is_good() {
    for model in ["model", "text", "<(cat model model)", "<(cat text text)"] {
        check(&format!("@ --strict {model} <input"), 0, &mended(), "");
    }
    let line = "@ --strict 6.1.0-50-armmp/all.versions <6.1.0-47-armmp/btrfs.versions";
    let plain = line.replace("--strict", "");
    assert!(run(line, &testdata("")) == run(&plain, &testdata("")));
}

/// What is said of each is in the tests of the messages.
#[test]
fn writes_nothing_of_what_is_not() {
    for line in [
        "@ --strict model <missing",
        "cat long missing | @ --strict model",
        "{ cat long; echo; } | @ --strict model",
        "@ --strict <(echo 0x1 printk) <input",
    ] {
        check(&format!("{line} 2>/dev/null"), 1, b"", "");
    }
}

/// A read that fails inside a record is an error, which the script does not see.
#[test]
fn tells_a_read_that_fails_inside_a_record() {
    let scratch = scratch();
    let input = read(scratch.path().join("input"));
    for (args, status, what, written) in [
        (&["--strict", "model"][..], 1, "input", 0),
        (&["model"], 0, "warning", 64),
    ] {
        let (_ours, theirs) = failing_input(&input[..100]);
        let child = limited(&program())
            .args(args)
            .current_dir(&scratch)
            .stdin(theirs)
            .output()
            .unwrap();
        let said = format!("update_versions: {what}: <stdin>: Resource temporarily unavailable\n");
        assert_eq!(String::from_utf8_lossy(&child.stderr), said);
        assert_eq!(child.status.code(), Some(status));
        assert_eq!(child.stdout, mended()[..written]);
    }
}

#[test]
fn hints_that_nothing_changes() {
    let hint =
        "update_versions: hint: <stdin>: has all 2 CRCs of the model already; nothing changes\n";
    let same = LITTLE32.table(&[(0x11, "printk"), (0x22, "kfree")]);
    check("@ --strict model <model", 0, &same, hint);
    check("@ --strict text <model", 0, &same, hint);
    check("@ model <model", 0, &same, "");
}

#[test]
fn reads_each_kind_of_text() {
    let mended = LITTLE32.table(&[(0x22, "kfree"), (0xabcd_ef12, "printk")]);
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
        r"\xef\xbb\xbf0xabcdef12\tprintk\n0x00000022\tkfree\n",
        r"0xabcdef12\tprintk\n\xef\xbb\xbf# another\n\xef\xbb\xbf0x00000022\tkfree\n",
        // A symbol of one letter, and a CRC of one letter that nm has as a type.
        r"0x3 k\n4 k2\na t\n0xabcdef12\tprintk\n0x00000022\tkfree\n",
        // nm, kallsyms and System.map, alone and joined.
        r"abcdef12 A __crc_printk\n         U foo\n         w bar\nc0008000 T printk\n00000022 a __crc_kfree\t[mod]\n",
        r"          (null) A irq_stack_union\nffffffff81000000 T _text\n0000000000000010 ? odd\nffffffff81000000 - 01 0000 SO\n00000000abcdef12 A __crc_printk\n0000000000000022 A __crc_kfree\n",
        r"12345678 r __crc_printk\n12345678 R __crc_kfree\n0xabcdef12\tprintk\n0x00000022\tkfree\n",
    ] {
        let line = format!("printf '{line}' >text; @ --strict text <input");
        check(&line, 0, &mended, HINT);
    }
}

/// The input of a scratch folder and these models have no CRC in common.
const HINT: &str = "update_versions: hint: <stdin>: shows no byte order and is taken for \
                    little-endian; if it is not, add --big-endian\n";

#[test]
fn names_the_line_that_is_wrong() {
    let hex = "does not begin with a CRC of 32 bits in hex";
    let none = "has no symbol after the CRC";
    for (text, line, reason, shown) in [
        (r"0x1 printk\nprintk 0x1\n", 2, hex, "printk 0x1"),
        (r"0x1 printk\n0x\tkfree\n", 2, hex, r"0x\tkfree"),
        (r"# one\n\n+11 printk", 3, hex, "+11 printk"),
        (r"-1 printk", 1, hex, "-1 printk"),
        (r"0x1g printk", 1, hex, "0x1g printk"),
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
        (
            r"the line of over forty bytes is cut off\xff[m",
            1,
            hex,
            r"the line of over forty bytes is cut off\xff",
        ),
        (r"0x1\n", 1, none, "0x1"),
        (r"0x1\t\n", 1, none, "0x1"),
        (
            r"\nvmlinux:     file format elf32-littlearm\n",
            2,
            hex,
            "vmlinux:     file format elf32-littlearm",
        ),
    ] {
        let said = format!("update_versions: model: text: line {line}: {reason}: {shown}\n");
        let line = format!("printf -- '{text}' >text; @ --strict text <input");
        check(&line, 1, b"", &said);
    }
}

#[test]
fn reads_a_slow_fifo() {
    let pieces = r"for i in '0x22 kf' 'ree\n0x1' '1 pri' ntk; do printf $i; sleep .1; done";
    let pieces = pieces.replace("$i", "\"$i\"");
    let line = format!("mkfifo fifo; {{ {pieces}; }} >fifo & @ --strict fifo <input");
    check(&line, 0, &mended(), "");
}

#[test]
fn takes_names_of_any_length() {
    let scratch = scratch();
    let folder = scratch.path();
    for layout in [LITTLE32, LITTLE64] {
        // A name needs a NUL after it: 59 bytes fit in 32 bits, 55 in 64.
        let longest = 63 - layout.crc_size;
        let mut text = String::new();
        for size in 1..80 {
            text += &format!("0x{size:x} {}\n", "x".repeat(size));
        }
        write(folder.join("text"), text);
        let (mut old, mut new) = (layout.record(1, "x"), layout.record(1, "x"));
        for size in 2..=longest {
            old.extend(layout.record(0xabcd, "x".repeat(size)));
            new.extend(layout.record(size as u32, "x".repeat(size)));
        }
        write(folder.join("old"), old);
        check_in(folder, "@ --strict text <old", 0, &new, "");
    }
    // A name that fills the field is not the beginning of a longer one.
    let name = "x".repeat(56);
    let record = |crc| {
        let kfree = LITTLE64.record(0x11, "kfree");
        [kfree.clone(), kfree, LITTLE64.record(crc, &name)].concat()
    };
    write(folder.join("old"), record(1));
    for (longer, status) in [("", 0), ("y", 1), ("yyy", 1)] {
        write(
            folder.join("text"),
            format!("0x11 kfree\n0x2 {name}{longer}\n"),
        );
        let (is, stdout, _) = run("@ --strict text <old", folder);
        assert_eq!(is, status, "{longer}");
        assert!(
            stdout == if status == 0 { record(2) } else { vec![] },
            "{longer}"
        );
    }
}

#[test]
fn refuses_a_line_without_an_end() {
    let line = "head -c 1M /dev/zero | tr '\\0' x >text; @ --strict text <input";
    let said = "update_versions: model: text: line 1: is too long\n";
    check(line, 1, b"", said);
}

#[test]
fn takes_a_text_for_as_good_as_a_table() {
    let known = read(testdata("6.1.0-50-armmp/all.versions"));
    // The last three lack a symbol in the same module of the other kernel, and have it here.
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
        let line = format!("@ --strict 6.1.0-50-armmp/Module.symvers <{input}");
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

/// Real tables, and the same with a CRC that can be taken for something else: 0, four letters, the
/// beginning of another format.
#[test]
fn takes_a_table_of_any_layout() {
    for (layout, architecture, module) in [
        (LITTLE32, "armmp", "dm9000"),
        (BIG32, "armmp", "dm9000"),
        (LITTLE64, "arm64", "smc91x"),
        (BIG64, "s390x", "8021q"),
    ] {
        let table = |build| {
            let path = format!("6.1.0-{build}-{architecture}/{module}.versions");
            let table = read(testdata(&path));
            match layout {
                Layout {
                    crc_size: 4,
                    big_endian: true,
                } => BIG32.table(&LITTLE32.versions(&table)),
                _ => table,
            }
        };
        let scratch = scratch();
        let folder = scratch.path();
        let (mut new, old) = (table(50), table(47));
        for first in [
            None,
            Some(0),
            Some(u32::from_le_bytes(*b"ABCD")),
            Some(0x464c_457f),
        ] {
            if let Some(crc) = first {
                let (_, symbol) = layout.versions(&new)[0];
                let record = layout.record(crc, symbol);
                new[..64].copy_from_slice(&record);
            }
            write(folder.join("new"), &new);
            write(folder.join("old"), &old);
            write(folder.join("text"), layout.text(&new));
            for line in [
                "@ --strict new <old",
                "@ --strict text <old",
                "@ --strict --big-endian text <old",
            ] {
                check_in(folder, line, 0, &new, "");
            }
        }
    }
}

/// A symbol without a prototype has the CRC 0 in its kernel's `Module.symvers`, and a module that
/// uses it is accepted with a 0 alone.
#[test]
fn writes_a_crc_of_0() {
    for layout in LAYOUTS {
        let scratch = scratch();
        let folder = scratch.path();
        for place in 0..3 {
            let mut versions = [
                (0x0102_0304, "printk"),
                (0x22, "kfree"),
                (0x33, "module_layout"),
            ];
            versions[place].0 = 0;
            let new = layout.table(&versions);
            write(folder.join("new"), &new);
            write(folder.join("text"), text_of(&versions));
            versions[place].0 = 5;
            versions[(place + 1) % 3].0 = 6;
            write(folder.join("old"), layout.table(&versions));
            for model in ["new", "text"] {
                let line = format!("@ --strict {model} <old");
                check_in(folder, &line, 0, &new, "");
            }
            // And a 0 that was wrong.
            let mut versions = layout.versions(&new);
            versions[place].0 = 7;
            let model = layout.table(&versions);
            write(folder.join("model"), &model);
            check_in(folder, "@ --strict model <new", 0, &model, "");
        }
    }
}

/// Nothing shows the byte order of a 32-bit table that has no CRC in common with a text model.
#[test]
fn big_endian_decides_what_the_table_does_not_show() {
    let scratch = scratch();
    let folder = scratch.path();
    write(folder.join("text"), "0x01020304 printk\n0x00000022 kfree\n");
    let model = [(0x0102_0304, "printk"), (0x22, "kfree")];
    for old in [[(1, "printk"), (2, "kfree")], [(0, "printk"), (0, "kfree")]] {
        write(folder.join("little"), LITTLE32.table(&old));
        write(folder.join("big"), BIG32.table(&old));
        let (little, big) = (LITTLE32.table(&model), BIG32.table(&model));
        check_in(folder, "@ --strict text <little", 0, &little, HINT);
        check_in(folder, "@ --strict text <big", 0, &little, HINT);
        check_in(folder, "@ --strict --big-endian text <big", 0, &big, "");
    }
    // One CRC in common does show it, and the option changes nothing.
    for (layout, new) in [
        (LITTLE32, LITTLE32.table(&model)),
        (BIG32, BIG32.table(&model)),
    ] {
        write(
            folder.join("old"),
            layout.table(&[(1, "printk"), (0x22, "kfree")]),
        );
        for options in ["", "--big-endian"] {
            check_in(
                folder,
                &format!("@ --strict {options} text <old"),
                0,
                &new,
                "",
            );
        }
    }
}

/// A caller may write the model into a FIFO, and only then the input.
#[test]
fn reads_a_text_before_the_input() {
    let text = r"printf '0x22 kfree\n0x11 printk\n'";
    let line = format!("mkfifo m; ({text} >m; cat input) | @ --strict m");
    check(&line, 0, &mended(), "");
}
