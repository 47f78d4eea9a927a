//! What a line, a file and a record are, asked in process.

mod common;

use common::{BIG32, BIG64, LITTLE32, LITTLE64};
use update_versions::kind::Kind;
use update_versions::record::{Layout, Version, printable_symbol};
use update_versions::symvers::{Line, parse, read};

fn version(crc: u32, name: &str) -> Version {
    let mut symbol = [0; 60];
    symbol[..name.len()].copy_from_slice(name.as_bytes());
    Version { crc, symbol }
}

#[test]
fn a_line_has_a_version_an_address_or_nothing() {
    let long = "x".repeat(60);
    for (line, has) in [
        (
            "0x00000011\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n",
            Line::Version(version(0x11, "printk")),
        ),
        (
            "ffffffff printk",
            Line::Version(version(u32::MAX, "printk")),
        ),
        (
            "\u{feff} 0X0 printk\r\n",
            Line::Version(version(0, "printk")),
        ),
        (
            "0000000000000011 printk",
            Line::Version(version(0x11, "printk")),
        ),
        ("0x11 t vmlinux", Line::Version(version(0x11, "t"))),
        ("11 t", Line::Version(version(0x11, "t"))),
        ("c0de t printk", Line::Address(None)),
        (
            "c0de A __crc_printk",
            Line::Address(Some(version(0xc0de, "printk"))),
        ),
        (
            "c0de a __crc_printk\t[mod]",
            Line::Address(Some(version(0xc0de, "printk"))),
        ),
        ("c0de R __crc_printk", Line::Address(None)),
        ("c0de A printk", Line::Address(None)),
        ("         U printk", Line::Address(None)),
        ("", Line::Nothing),
        (" \t\r\n", Line::Nothing),
        ("# 0x11 printk", Line::Nothing),
        (&format!("0x11 {long}"), Line::Nothing),
        (
            &format!("0x11 {}", &long[1..]),
            Line::Version(version(0x11, &long[1..])),
        ),
    ] {
        assert_eq!(parse(line.as_bytes()), Ok(has), "{line}");
    }
    let hex = Err("does not begin with a CRC of 32 bits in hex");
    for line in [
        "printk",
        "Such a file",
        "0x",
        "0x100000000 printk",
        "0x1g printk",
        "-1 printk",
        "100000000 A __crc_printk",
    ] {
        assert_eq!(parse(line.as_bytes()), hex, "{line}");
    }
    assert_eq!(parse(b"0x11"), Err("has no symbol after the CRC"));
    assert_eq!(parse(b"11 A __crc_"), Err("has no symbol after the CRC"));
}

/// Wherever a text model is cut into blocks of 64 KiB, its lines are whole.
#[test]
fn a_text_is_the_sum_of_its_lines() {
    let lines = "0x11 printk\n0x22 kfree\n0x33 module_layout";
    for start in (1 << 16) - lines.len() - 2..(1 << 16) + 2 {
        let comments = "#\n".repeat(start / 2) + &" ".repeat(start % 2);
        for end in ["", "\n", "\nprintk"] {
            let text = format!("{comments}{lines}{end}");
            let (kind, versions) = match read(text.as_bytes()) {
                Ok(contents) => contents,
                Err(error) => {
                    let line = start / 2 + 4;
                    let reason =
                        format!("line {line}: does not begin with a CRC of 32 bits in hex: printk");
                    assert_eq!(error.to_string(), reason);
                    continue;
                }
            };
            assert_ne!(end, "\nprintk");
            assert_eq!(kind, Kind::Text);
            let known = [
                version(0x11, "printk"),
                version(0x22, "kfree"),
                version(0x33, "module_layout"),
            ];
            assert_eq!(versions, known, "{start}");
        }
    }
    // The longest line, and one that is too long.
    for (size, is_read) in [(65_536, true), (65_537, false)] {
        let text = format!("# one\n0x11 printk {}\n0x22 kfree\n", "x".repeat(size - 13));
        match read(text.as_bytes()) {
            Ok((_, versions)) => assert_eq!((versions.len(), is_read), (2, true)),
            Err(error) => assert_eq!(
                (error.to_string().as_str(), is_read),
                ("line 2: is too long", false)
            ),
        }
    }
}

#[test]
fn a_kind_is_told_by_the_first_records() {
    let table = LITTLE64.table(&[(0x11, "printk"), (0x22, "kfree")]);
    let compressed = |magic: &[u8]| [magic, &[7; 100]].concat();
    let strange = [[7; 64], [8; 64], [9; 64]].concat();
    for (start, kind) in [
        (vec![], Kind::Empty),
        (table.clone(), Kind::Table(Layout::Elf64Little)),
        (table[..40].to_vec(), Kind::Table(Layout::Elf64Little)),
        // More than half of the records count.
        (
            [&table[..], &strange[..64]].concat(),
            Kind::Table(Layout::Elf64Little),
        ),
        ([&table[..], &strange[..128]].concat(), Kind::Unknown),
        (b"0x11 printk\n".to_vec(), Kind::Text),
        ("gr\u{fc}\u{df}e\n".into(), Kind::Text),
        (b"0x11 printk\n\0".to_vec(), Kind::Unknown),
        (b"\xff\xfe0\0x\x001\x001\0".to_vec(), Kind::Utf16),
        (b"\xfe\xff\x000\0x\x001".to_vec(), Kind::Utf16),
        (compressed(b"\x7fELF\x02\x01\x01\0"), Kind::Elf),
        (compressed(b"\x1f\x8b\x08\0"), Kind::Compressed("gzip")),
        (compressed(b"\xfd7zXZ\0"), Kind::Compressed("xz")),
        (compressed(b"\x28\xb5\x2f\xfd\0"), Kind::Compressed("zstd")),
        (
            LITTLE32.record(0x464c_457f, "printk"),
            Kind::Table(Layout::Elf32Little),
        ),
    ] {
        assert_eq!(Kind::of(&start), kind, "{start:?}");
    }
}

#[test]
fn a_layout_takes_a_record_apart_and_together() {
    for (layout, other) in [
        (Layout::Elf32Little, LITTLE32),
        (Layout::Elf32Big, BIG32),
        (Layout::Elf64Little, LITTLE64),
        (Layout::Elf64Big, BIG64),
    ] {
        let mut record = other.record(0x0102_0304, "printk").try_into().unwrap();
        assert_eq!(
            layout.version(&record),
            Some(version(0x0102_0304, "printk"))
        );
        assert!(layout.fits(&record));
        layout.set_crc(&mut record, 0);
        assert_eq!(record[..], other.record(0, "printk"));
        assert_eq!(layout.reversed().reversed(), layout);

        // The longest name that has a NUL after it, none, and a blank.
        let longest = 63 - other.crc_size;
        for (name, fits) in [
            ("x".repeat(longest), true),
            ("x".repeat(longest + 1), false),
            (String::new(), false),
            ("a b".to_owned(), false),
            ("a\0b".to_owned(), false),
        ] {
            let record = other.record(1, &name).try_into().unwrap();
            assert_eq!(layout.fits(&record), fits, "{name}");
        }
    }
    // A CRC of more than 32 bits.
    let record = LITTLE32.record(1, "printk").try_into().unwrap();
    assert_eq!(Layout::Elf64Little.version(&record), None);
    assert_eq!(Layout::Elf64Big.version(&record), None);
    assert!(!Layout::Elf64Little.fits(&record));
}

#[test]
fn a_symbol_is_printed_without_the_nuls_around_it() {
    for (symbol, printed) in [
        (&b"printk"[..], "printk"),
        (b"\0\0\0\0printk", "printk"),
        (b"print\0k", r"print\x00k"),
        (b"\x1b[m\xff", r"\x1b[m\xff"),
        (b"", "(no name)"),
    ] {
        let mut padded = [0; 60];
        padded[..symbol.len()].copy_from_slice(symbol);
        assert_eq!(printable_symbol(&padded).to_string(), printed);
    }
}
