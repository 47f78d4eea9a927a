//! What standard error says: one line a message, `update_versions: what: name: reason`.

mod common;

use common::{bash, binary, record, run, table, testdata, write};

/// A folder with a model of `printk` and `kfree`, and an input of `printk`.
fn scratch() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    write(
        scratch.path().join("model"),
        table(&[(0x11, "printk"), (0x22, "kfree")]),
    );
    write(scratch.path().join("input"), table(&[(1, "printk")]));
    scratch
}

/// Runs `"$@" model <input` with other contents.
fn say(model: &[u8], input: &[u8]) -> (i32, Vec<u8>, String) {
    let scratch = scratch();
    write(scratch.path().join("model"), model);
    write(scratch.path().join("input"), input);
    run(r#""$@" model <input"#, scratch.path())
}

#[test]
fn is_silent_when_all_is_well() {
    let (status, _, stderr) = run(r#""$@" model <input"#, scratch().path());
    assert_eq!((status, stderr.as_str()), (0, ""));
}

#[test]
fn gives_the_reason_of_the_system() {
    for (line, message) in [
        (
            r#""$@" nosuch <input"#,
            "model: nosuch: No such file or directory",
        ),
        (r#""$@" '' <input"#, "model: : No such file or directory"),
        (r#""$@" / <input"#, "model: /: Is a directory"),
        (r#""$@" model/ <input"#, "model: model/: Not a directory"),
        (r#""$@" model </"#, "input: <stdin>: Is a directory"),
        (r#""$@" model 0>new"#, "input: <stdin>: Bad file descriptor"),
        (
            r#""$@" model <input >/dev/full"#,
            "output: <stdout>: No space left on device",
        ),
        (
            r#""$@" model <input >&-"#,
            "output: <stdout>: Bad file descriptor",
        ),
        (
            r#""$@" --help >/dev/full"#,
            "output: <stdout>: No space left on device",
        ),
    ] {
        let (status, stdout, stderr) = run(line, scratch().path());
        assert_eq!(stderr, format!("update_versions: {message}\n"), "{line}");
        assert_eq!((status, stdout.len()), (1, 0), "{line}");
    }
}

#[test]
fn names_an_option_that_is_wrong() {
    for (line, message) in [
        (
            r#""$@" --bogus model <input"#,
            "arguments: invalid option '--bogus': see update_versions --help",
        ),
        (
            r#""$@" model -x <input"#,
            "arguments: invalid option '-x': see update_versions --help",
        ),
        (
            r#""$@" --strict=yes model <input"#,
            "arguments: unexpected argument for option '--strict': \"yes\": see update_versions --help",
        ),
        (
            r#""$@" model -F <input"#,
            "arguments: missing argument for option '-F': see update_versions --help",
        ),
        (
            r#""$@" -F elf32-littlearm model <input"#,
            "target: elf32-littlearm: unknown; there are elf32-little, elf32-big, elf64-little, elf64-big",
        ),
    ] {
        let (status, stdout, stderr) = run(line, scratch().path());
        assert_eq!(stderr, format!("update_versions: {message}\n"), "{line}");
        assert_eq!((status, stdout.len()), (1, 0), "{line}");
    }
}

#[test]
fn knows_options_from_models() {
    let scratch = scratch();
    let folder = scratch.path();
    write(folder.join("-x"), table(&[(0x77, "printk")]));
    for line in [
        r#""$@" ./-x <input"#,
        r#""$@" -- -x <input"#,
        r#""$@" -- -x -y <input"#,
    ] {
        assert_eq!(run(line, folder).1, table(&[(0x77, "printk")]), "{line}");
    }
    let (status, stdout, stderr) = run(r#""$@" --"#, folder);
    assert_eq!(
        (status, stdout.as_slice()),
        (1, &b"Need an argument: <model-file>\n"[..])
    );
    assert_eq!(
        stderr,
        "update_versions: arguments: no <model-file>: see update_versions --help\n"
    );
}

#[test]
fn answers_help_and_version() {
    for line in [r#""$@" -h"#, r#""$@" --help"#, r#""$@" nosuch -h </"#] {
        let (status, stdout, stderr) = run(line, scratch().path());
        assert_eq!((status, stderr.as_str()), (0, ""), "{line}");
        assert!(stdout.starts_with(b"Usage: update_versions "), "{line}");
    }
    for line in [r#""$@" -V"#, r#""$@" --version"#] {
        let (status, stdout, _) = run(line, scratch().path());
        let version = concat!("update_versions ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!(
            (status, stdout.as_slice()),
            (0, version.as_bytes()),
            "{line}"
        );
    }
}

#[test]
fn tells_of_ignored_arguments() {
    for (arguments, count) in [("a", 1), ("a b", 2)] {
        let line = format!(r#""$@" model {arguments} <input"#);
        let (status, _, stderr) = run(&line, scratch().path());
        assert_eq!(status, 0);
        let expected = format!("{count} arguments after the model: ignored\n");
        assert_eq!(stderr, format!("update_versions: warning: {expected}"));
    }
}

#[test]
fn lists_the_missing_symbols_of_the_whole_input() {
    let line = format!(
        r#""$@" '{}' <'{}'"#,
        testdata("6.1.0-50-armmp/qrtr.versions").display(),
        testdata("6.1.0-47-armmp/qrtr.versions").display(),
    );
    let (status, stdout, stderr) = run(&line, scratch().path());
    assert_eq!((status, stdout.len()), (1, 3200));
    assert_eq!(
        stderr,
        "update_versions: symbol: radix_tree_delete: not in the model\n\
         update_versions: symbol: radix_tree_iter_resume: not in the model\n\
         update_versions: output: <stdout>: 2 of 113 records are not in the model: \
         written up to the first of them\n"
    );
}

#[test]
fn names_twenty_missing_symbols_each_once() {
    let symbols = |range: std::ops::Range<u32>| -> Vec<u8> {
        range
            .flat_map(|number| record(number + 1, format!("symbol_{number}")))
            .collect()
    };
    let (_, _, twenty) = say(b"", &[symbols(0..20), symbols(0..20)].concat());
    assert_eq!(
        twenty.matches("update_versions: symbol: symbol_").count(),
        20
    );
    assert!(!twenty.contains("more"), "{twenty}");
    let (_, _, more) = say(b"", &symbols(0..2345));
    assert_eq!(more.matches("update_versions: symbol: symbol_").count(), 20);
    assert!(
        more.contains("update_versions: symbol: and 2325 more: not in the model\n"),
        "{more}"
    );
    assert!(
        more.contains(": 2345 of 2345 records are not in the model"),
        "{more}"
    );
}

#[test]
fn warns_of_what_the_script_drops_in_silence() {
    let printk = record(1, "printk");
    let cut = "ends inside a record, 36 bytes are left over: cut short, or records of variable \
               length, as in some Ubuntu kernels";
    let cut_record = [&printk, &printk[..36]].concat();
    let (other, kfree) = (
        record(2, "printk"),
        [record(1, "kfree"), record(2, "kfree")].concat(),
    );
    for (model, input, message) in [
        (&printk[..], &b""[..], "<stdin>: empty".to_owned()),
        (
            b"",
            b"",
            "model: empty\nupdate_versions: warning: <stdin>: empty".to_owned(),
        ),
        (&printk, &cut_record, format!("<stdin>: {cut}")),
        (&printk, &cut_record[..36], format!("<stdin>: {cut}")),
        (&cut_record, &printk, format!("model: {cut}")),
        (
            &[&printk[..], &other, &other, &kfree].concat(),
            &printk,
            "model: 2 of its records change the CRC of a symbol, first that of printk: tables of \
             different kernels?"
                .to_owned(),
        ),
        (&[&printk[..], &printk].concat(), &printk, String::new()),
    ] {
        let (status, stdout, stderr) = say(model, input);
        assert_eq!(
            (status, stdout.len()),
            (0, input.len() / 64 * 64),
            "{stderr}"
        );
        let expected = format!("update_versions: warning: {message}\n");
        assert_eq!(stderr, if message.is_empty() { "" } else { &expected });
    }
}

#[test]
fn hints_at_what_is_wrong() {
    let printk = record(1, "printk");
    let module = [&b"\x7fELF"[..], &[1; 60]].concat();
    let text = b"0x00000001\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n".repeat(3);
    let arm64 = common::read(testdata("6.1.0-47-arm64/mii.versions"));
    let s390x = common::read(testdata("6.1.0-47-s390x/mii.versions"));
    for (model, input, hint) in [
        (
            &module,
            &printk,
            "warning: model: a whole module: dump its __versions section first",
        ),
        (
            &printk,
            &module,
            "warning: <stdin>: a whole module: dump its __versions section first",
        ),
        (
            &text,
            &printk,
            "warning: model: looks like text: a model that is text needs --symvers",
        ),
        (
            &text[..42].to_vec(),
            &printk,
            "warning: model: looks like text",
        ),
        (
            &printk,
            &arm64,
            "hint: <stdin>: the symbols begin with NULs, as in a 64-bit module",
        ),
        (
            &printk,
            &s390x,
            "hint: <stdin>: a CRC of 0, as in a 64-bit big-endian module",
        ),
    ] {
        let (status, _, stderr) = say(model, input);
        assert_eq!(status, 1);
        assert!(!stderr.contains("ends inside a record"), "{stderr}");
        assert!(
            stderr.contains(&format!("update_versions: {hint}")),
            "{hint}\n{stderr}"
        );
    }
    // A symbol that is missing from a 64-bit model calls for no other layout.
    let (_, _, stderr) = say(&arm64[64..], &arm64);
    assert!(!stderr.contains("hint"), "{stderr}");
    let (_, _, wide) = run(
        r#"head -c 64 /dev/zero | "$@" -F elf64-big model"#,
        scratch().path(),
    );
    assert!(!wide.contains("hint"), "{wide}");
    assert!(
        stderr.contains("symbol: ethtool_convert_legacy_u32_to_link_mode: not"),
        "{stderr}"
    );
}

#[test]
fn escapes_hostile_names() {
    let scratch = scratch();
    let folder = scratch.path();
    write(
        folder.join("input"),
        record(1, b"\x1b[2Jevil\r\n\x07\xff\\x\x9b1m\0tail"),
    );
    let (status, _, stderr) = run(r#""$@" model <input"#, folder);
    assert_eq!(status, 1);
    assert!(
        stderr.contains(r"symbol: \x1b[2Jevil\r\n\x07\xff\\x\x9b1m\x00tail"),
        "{stderr}"
    );
    let line = r#"name=$'\e[31m\n\u202e\xff\u00e9'; "$@" "$name" <input"#;
    let (_, _, stderr) = run(line, folder);
    assert_eq!(
        stderr,
        "update_versions: model: \\u{1b}[31m\\n\\u{202e}\u{fffd}\u{e9}: No such file or directory\n"
    );
    let (_, _, stderr) = run(r#""$@" $'--\e[31m' model <input"#, folder);
    assert!(
        stderr.contains(r"arguments: invalid option '--\u{1b}[31m'"),
        "{stderr}"
    );
}

#[test]
fn survives_random_bytes() {
    let scratch = scratch();
    for line in [
        r#"head -c 1000001 /dev/urandom | "$@" model"#,
        r#""$@" -v -k model < <(head -c 100001 /dev/urandom)"#,
        r#"head -c 1000001 /dev/urandom >random; "$@" -v --target elf64-big random <random"#,
        r#"head -c 1000001 /dev/urandom >random; "$@" --symvers random <input"#,
        r#"head -c 1000001 /dev/urandom >random; "$@" --strict random <input"#,
    ] {
        let output = bash(line, scratch.path(), &[binary()]);
        assert!(
            matches!(output.status.code(), Some(0 | 1)),
            "{line}: {:?}",
            output.status
        );
        let unprintable = |byte: &u8| byte.is_ascii_control() && *byte != b'\n';
        assert!(!output.stderr.iter().any(unprintable), "{line}");
        assert!(output.stderr.is_ascii(), "{line}");
    }
}

/// The records of a sparse file are all of one symbol: that is what memory is taken for.
#[test]
fn needs_memory_for_distinct_symbols_only() {
    let scratch = scratch();
    let line = r#"truncate -s 256M sparse; ulimit -v 30000; "$@" sparse <input"#;
    let (status, _, stderr) = run(line, scratch.path());
    assert_eq!(
        (status, stderr.matches("printk").count()),
        (1, 1),
        "{stderr}"
    );
    let line = r#"ulimit -v 30000; head -c 256M /dev/zero | "$@" <(head -c 64 /dev/zero) | wc -c"#;
    assert_eq!(run(line, scratch.path()).1, b"268435456\n");
}

#[test]
fn says_so_when_memory_runs_out() {
    let line = r#"ulimit -v 30000; seq -f '%060.0f123' 1000000 | "$@" /dev/stdin"#;
    let (status, _, stderr) = run(line, scratch().path());
    assert_eq!(
        (status, stderr.as_str()),
        (1, "update_versions: model: /dev/stdin: out of memory\n")
    );
}
