//! What the options do, alone and together; `--strict` has its own tests.

mod common;

use common::{LITTLE32, check, check_in, mended, read, run, scratch, testdata, text};

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
    for (options, architecture, module) in [
        ("-v", "armmp", "dm9000"),
        ("-v", "arm64", "smc91x"),
        ("-v --strict", "armmp", "dm9000"),
        ("-v --strict", "arm64", "smc91x"),
        ("-v --strict", "s390x", "8021q"),
    ] {
        let (new, old) = (
            format!("6.1.0-50-{architecture}/{module}"),
            format!("6.1.0-47-{architecture}/{module}"),
        );
        let line = format!("@ {options} {new}.versions <{old}.versions");
        let model = read(testdata(&format!("{new}.versions")));
        let report = text(testdata(&format!("report/{module}-{architecture}.txt")));
        check_in(&testdata(""), &line, 0, &model, &report);
    }
}

/// What is said of the missing symbols is in the tests of the messages.
#[test]
fn verbose_goes_on_after_a_missing_symbol() {
    let changes = "kfree                             0x00000001 -> 0x00000022\n\
                   printk                            0x00000002 -> 0x00000011\n\
                   3 records: 2 changed, 0 unchanged, 1 ";
    let kept = LITTLE32.table(&[(0x22, "kfree"), (3, "panic"), (0x11, "printk")]);
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
    let kept = LITTLE32.table(&[(0x22, "kfree"), (3, "panic"), (0x11, "printk")]);
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

/// The help lists the options that the program has, and so does the manual.
#[test]
fn help_and_manual_have_the_options_of_the_program() {
    let help = include_str!("../src/help.txt");
    let mut in_help = Vec::new();
    let options = help.split("\n\n").nth(2).unwrap();
    for line in options.lines().map(str::trim_start) {
        if line.starts_with('-') {
            let names = line.split("  ").next().unwrap();
            in_help.extend(names.split(", "));
        }
    }
    in_help.sort();

    let each = "for i in --strict --big-endian --keep-missing --verbose --help --version \
                -{0..9} -{A..Z} -{a..z}; do @ $i 2>&1 | grep -q 'invalid option' || echo $i; done";
    let known = String::from_utf8(run(each, scratch().path()).1).unwrap();
    let mut known: Vec<_> = known.lines().collect();
    known.sort();
    assert_eq!(known.len(), 10);
    assert_eq!(in_help, known);

    let manual = include_str!("../src/update_versions.1");
    let manual = manual.replace("Fl Fl ", "--").replace("Fl ", "-");
    let items = manual.lines().filter_map(|line| line.strip_prefix(".It "));
    let words = items.flat_map(|item| item.split(' '));
    let mut in_manual: Vec<_> = words.filter(|word| word.starts_with('-')).collect();
    in_manual.sort();
    assert_eq!(in_manual, in_help);
}
