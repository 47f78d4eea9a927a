//! What the script does, the program does: the same bytes, the same status. Where the script is
//! at hand, each case is put to both.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use common::{
    bash, finish, limited, program, programs, read, record, table, testdata, text, write,
};

/// A scratch folder with the files that the cases name.
fn scratch() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    let model = table(&[(0x11, "printk"), (0x22, "kfree"), (0x33, "module_layout")]);
    let input = table(&[(1, "module_layout"), (2, "printk")]);
    write(folder.join("model"), &model);
    write(folder.join("input"), &input);
    write(
        folder.join("missing"),
        [input.as_slice(), &record(3, "panic"), &input].concat(),
    );
    write(folder.join("long"), input.repeat(4096));
    write(folder.join("empty"), b"");
    std::fs::create_dir(folder.join("folder")).unwrap();
    std::os::unix::fs::symlink("model", folder.join("link")).unwrap();
    std::os::unix::fs::symlink("nowhere", folder.join("dangling")).unwrap();
    scratch
}

/// Puts a line of bash to each program.
fn check(line: &str, stdout: &[u8], status: i32) {
    for program in programs() {
        let scratch = scratch();
        let output = bash(line, scratch.path(), &program);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(status),
            "{program:?}: {line}\n{stderr}"
        );
        assert!(
            output.stdout == stdout,
            "{program:?}: {line}\n{:?}\n{stderr}",
            output.stdout
        );
    }
}

/// The mended `input` of [`scratch`].
fn mended() -> Vec<u8> {
    table(&[(0x33, "module_layout"), (0x11, "printk")])
}

/// The files of a folder, sorted. There must be `count`, else a test has lost its cases.
fn files(folder: &str, end: &str, count: usize) -> Vec<PathBuf> {
    let files = std::fs::read_dir(testdata(folder)).unwrap();
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.to_str().unwrap().ends_with(end));
    files.sort();
    assert_eq!(files.len(), count, "{folder}");
    files
}

#[test]
fn agrees_with_the_recorded_cases() {
    for model in files("golden", ".model", 24) {
        let status = text(model.with_extension("status")).trim().parse().unwrap();
        let line = r#""$@" "$0.model" <"$0.input""#.replace("$0", case(&model));
        check(&line, &read(model.with_extension("stdout")), status);
    }
}

/// The path of a recorded case.
fn case(model: &Path) -> &str {
    model.to_str().unwrap().strip_suffix(".model").unwrap()
}

#[test]
fn agrees_on_whole_kernels() {
    for input in files("6.1.0-47-armmp", ".versions", 17) {
        let name = input.file_name().unwrap().to_str().unwrap();
        let table = read(&input);
        for model in [name, "all.versions", "dm9000.versions"] {
            let model = testdata("6.1.0-50-armmp").join(model);
            let known = read(&model);
            let stdout: Vec<u8> = table
                .chunks(64)
                .map_while(|record| known.chunks(64).find(|known| known[4..] == record[4..]))
                .flatten()
                .copied()
                .collect();
            let line = format!("\"$@\" '{}' <'{}'", model.display(), input.display());
            check(&line, &stdout, (stdout.len() < table.len()).into());
        }
    }
}

#[test]
fn wants_an_argument() {
    check(r#""$@""#, b"Need an argument: <model-file>\n", 1);
    check(r#""$@" >/dev/full"#, b"", 1);
    check(r#""$@" >&-"#, b"", 1);
    check(r#""$@" </"#, b"", 1);
    check(r#""$@" 0>new"#, b"Need an argument: <model-file>\n", 1);
}

#[test]
fn ignores_arguments_after_the_model() {
    check(r#""$@" model nosuch input '' <input"#, &mended(), 0);
}

#[test]
fn ends_at_a_missing_symbol() {
    check(r#""$@" model <missing"#, &mended(), 1);
    check(r#""$@" empty <missing"#, b"", 1);
}

#[test]
fn fails_without_a_readable_model() {
    for model in [
        "nosuch",
        "dangling",
        "folder",
        "",
        "model/",
        "/dev/fd/77",
        "/proc/self/mem",
        "-",
    ] {
        check(&format!(r#""$@" '{model}' <input"#), b"", 1);
        check(&format!(r#""$@" '{model}' <empty"#), b"", 1);
    }
}

#[test]
fn takes_no_descriptor_before_the_model() {
    check(r#""$@" /dev/fd/3 <input"#, b"", 1);
    check(r#""$@" /dev/fd/3 <&-"#, b"", 1);
    check(r#"exec 3<model; "$@" /dev/fd/4 <input"#, b"", 1);
    check(r#""$@" /proc/self/fd/4 <input 1<>model"#, b"", 1);
}

#[test]
fn takes_any_kind_of_model() {
    check(r#""$@" link <input"#, &mended(), 0);
    check(r#""$@" <(cat model) <input"#, &mended(), 0);
    check(
        r#"mkfifo fifo; cat model >fifo & "$@" fifo <input"#,
        &mended(),
        0,
    );
    check(r#"cat model | "$@" /dev/stdin"#, b"", 0);
    check(
        r#""$@" /dev/stdin <input"#,
        &read(scratch().path().join("input")),
        0,
    );
    check(r#""$@" /dev/fd/3 3<model <input"#, &mended(), 0);
}

#[test]
fn reads_the_model_before_the_input() {
    // The input is there only after the model has come to its end.
    let line = r#"mkfifo m i; (cat model >m; cat input >i) & "$@" m <i"#;
    check(&line.replace("<i", "< <(cat i)"), &mended(), 0);
    // One stream for both: the model takes the first part, up to its end.
    check(r#"{ cat model; cat input; } | "$@" /dev/stdin"#, b"", 0);
}

#[test]
fn reads_a_standard_input_of_any_kind() {
    check(r#""$@" model <folder"#, b"", 1);
    check(r#""$@" model 0>new"#, b"", 1);
    check(r#""$@" model <&-"#, b"", 0);
    check(r#""$@" model <empty"#, b"", 0);
    check(
        r#"{ head -c 64 >/dev/null; "$@" model; } <input"#,
        &mended()[64..],
        0,
    );
}

#[test]
fn sees_closed_descriptors_as_they_are() {
    check(r#""$@" model <input >&-"#, b"", 1);
    check(r#""$@" model <input 2>&-"#, &mended(), 0);
    check(r#""$@" model <&-"#, b"", 0);
    check(r#""$@" model <&- >&- 2>&-"#, b"", 0);
    check(r#""$@" model <input >&- 2>&-"#, b"", 1);
    check(r#""$@" /dev/stdin <&-"#, b"", 1);
    check(r#""$@" /dev/stdout <&- >&-"#, b"", 1);
    check(r#""$@" /dev/stderr <&- 2>&-"#, b"", 1);
    check(r#""$@" model <empty >&-"#, b"", 0);
}

#[test]
fn fails_when_the_output_fails() {
    check(r#""$@" model <input >/dev/full"#, b"", 1);
    check(r#""$@" model <long >/dev/full"#, b"", 1);
    check(r#""$@" model <empty >/dev/full"#, b"", 0);
    check(r#""$@" model <input 1<input"#, b"", 1);
    check(
        r#""$@" model <long | head -c 64; exit "${PIPESTATUS[0]}""#,
        &mended()[..64],
        1,
    );
    // A file at its size limit keeps what fits (bash counts in KiB).
    check(
        r#"(ulimit -f 1; "$@" model <long >new); s=$?; cat new; exit $s"#,
        &mended().repeat(8),
        1,
    );
}

#[test]
fn does_not_mind_a_standard_error_that_fails() {
    check(r#""$@" model <missing 2>&-"#, &mended(), 1);
    check(r#""$@" model <missing 2>/dev/full"#, &mended(), 1);
    check(r#""$@" model <missing 2> >(exit)"#, &mended(), 1);
    check(r#""$@" model extra <input 2>/dev/full"#, &mended(), 0);
    check(r#""$@" nosuch <missing 2>&-"#, b"", 1);
}

/// Runs a program on `model` in a scratch folder with an input that `feed` writes, byte by byte or
/// as it likes; returns status and output.
fn feed(program: &[String], feed: impl FnOnce(&mut dyn Write, &mut dyn Read)) -> (i32, Vec<u8>) {
    let scratch = scratch();
    let mut child = limited(program)
        .arg("model")
        .current_dir(scratch.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    feed(&mut child.stdin.take().unwrap(), &mut stdout);
    let status = finish(&mut child);
    let mut rest = Vec::new();
    stdout.read_to_end(&mut rest).unwrap();
    (status.code().expect("no signal"), rest)
}

/// Mends a table whose CRCs are all 0, and compares it with what it must become.
fn reach(model: &[u8], mended: &[u8]) {
    let input: Vec<_> = mended.chunks(64).flat_map(|x| record(0, &x[4..])).collect();
    let files = tempfile::tempdir().unwrap();
    write(files.path().join("model"), model);
    write(files.path().join("input"), input);
    let line = format!(r#""$@" '{0}/model' <'{0}/input'"#, files.path().display());
    check(&line, mended, 0);
}

/// Symbols that differ in one byte differ, also in bytes after the name. In the input each follows
/// the first of the model, so that it is compared with the second.
#[test]
fn compares_each_byte_of_a_name() {
    let mut names = vec![[b'x'; 60]; 62];
    names[0] = [b'y'; 60];
    (0..60).for_each(|byte| names[byte + 2][byte] = 0);
    let model: Vec<_> = (1..).zip(&names).map(|(crc, x)| record(crc, x)).collect();
    let pairs = model[1..].iter().flat_map(|x| [&model[0], x]);
    let mended = pairs.cloned().collect::<Vec<_>>().concat();
    reach(&model.concat(), &mended);
}

/// More symbols than any kernel has, in another order than in the model.
#[test]
fn finds_each_of_many_symbols() {
    let names = (1..).zip((0..40_000).map(|i| format!("symbol_{i}")));
    let model: Vec<_> = names.map(|(crc, name)| record(crc, name)).collect();
    let mended: Vec<_> = model.iter().rev().cloned().collect();
    reach(&model.concat(), &mended.concat());
}

#[test]
fn takes_input_in_pieces() {
    for program in programs() {
        let output = feed(&program, |stdin, _| {
            for byte in read(scratch().path().join("input")) {
                stdin.write_all(&[byte]).unwrap();
                std::thread::yield_now();
            }
        });
        assert_eq!(output, (0, mended()), "{program:?}");
    }
}

/// A read that fails inside a record ends the stream as its end would; between two records it
/// is an error. A socket that does not block stands for the disk that fails.
#[test]
fn takes_a_fault_inside_a_record_for_the_end() {
    for (size, status) in [(0, 1), (1, 0), (64, 1), (100, 0), (128, 1)] {
        for program in programs() {
            let scratch = scratch();
            let (mut ours, theirs) = UnixStream::pair().unwrap();
            theirs.set_nonblocking(true).unwrap();
            ours.write_all(&read(scratch.path().join("input"))[..size])
                .unwrap();
            let mut child = limited(&program)
                .arg(scratch.path().join("model"))
                .stdin(std::os::fd::OwnedFd::from(theirs))
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            finish(&mut child);
            let output = child.wait_with_output().unwrap();
            let what = format!("{program:?}: {size} bytes");
            assert_eq!(output.status.code(), Some(status), "{what}");
            assert_eq!(output.stdout, mended()[..size / 64 * 64], "{what}");
        }
    }
}

#[test]
fn answers_a_record_before_the_next_one_comes() {
    let input = read(scratch().path().join("missing"));
    let (answered, mut lone) = (mended(), vec![0; 64]);
    let rest = feed(&program(), |stdin, stdout| {
        for place in [0, 64] {
            stdin.write_all(&input[place..place + 64]).unwrap();
            stdout.read_exact(&mut lone).unwrap();
            assert_eq!(lone, answered[place..place + 64]);
        }
        // And this before a missing symbol.
        stdin.write_all(&input[..128]).unwrap();
        stdin.write_all(&input[128..]).unwrap();
        let mut both = vec![0; 128];
        stdout.read_exact(&mut both).unwrap();
        assert_eq!(both, answered);
    });
    assert_eq!(rest, (1, vec![]));
}
