//! What the script does, the program does: the same bytes, the same status. Where the script is
//! at hand, each case is put to both.

mod common;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use common::{bash, programs, read, record, table, testdata, write};

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

#[test]
fn agrees_with_the_recorded_cases() {
    let mut cases = 0;
    for entry in std::fs::read_dir(testdata("golden")).unwrap() {
        let model = entry.unwrap().path();
        if model
            .extension()
            .is_none_or(|extension| extension != "model")
        {
            continue;
        }
        let status = String::from_utf8(read(model.with_extension("status"))).unwrap();
        let case = model.with_extension("");
        for program in programs() {
            let line = format!("\"$@\" '{0}.model' <'{0}.input'", case.display());
            let output = bash(&line, &testdata(""), &program);
            assert_eq!(
                output.status.code().unwrap().to_string(),
                status.trim(),
                "{line}"
            );
            assert!(
                output.stdout == read(model.with_extension("stdout")),
                "{program:?}: {line}"
            );
        }
        cases += 1;
    }
    assert!(cases >= 24, "only {cases} cases");
}

#[test]
fn agrees_on_whole_kernels() {
    let script = programs().into_iter().nth(1);
    for entry in std::fs::read_dir(testdata("6.1.0-47-armmp")).unwrap() {
        let input = entry.unwrap().path();
        let name = input.file_name().unwrap().to_str().unwrap();
        for model in [name, "all.versions", "dm9000.versions"] {
            let model = testdata("6.1.0-50-armmp").join(model);
            let line = format!("\"$@\" '{}' <'{}'", model.display(), input.display());
            let ours = bash(&line, &testdata(""), &[common::binary()]);
            let known: Vec<_> = read(&model).chunks(64).map(<[u8]>::to_vec).collect();
            let stdout: Vec<u8> = read(&input)
                .chunks(64)
                .map_while(|record| known.iter().find(|known| known[4..] == record[4..]))
                .flatten()
                .copied()
                .collect();
            assert!(ours.stdout == stdout, "{line}");
            assert_eq!(
                ours.status.code(),
                Some((stdout.len() < read(&input).len()).into())
            );
            if let Some(script) = &script {
                let theirs = bash(&line, &testdata(""), script);
                assert_eq!(
                    (ours.status, ours.stdout),
                    (theirs.status, theirs.stdout),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn wants_an_argument() {
    check(r#""$@""#, b"Need an argument: <model-file>\n", 1);
    check(r#""$@" >/dev/full"#, b"", 1);
    check(r#""$@" >&-"#, b"", 1);
    check(r#""$@" </"#, b"", 1);
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

/// A program on `model` in a scratch folder, with pipes to and from it.
fn command(program: &[String], scratch: &tempfile::TempDir) -> Command {
    let mut command = Command::new(&program[0]);
    command
        .args(&program[1..])
        .arg("model")
        .current_dir(scratch.path());
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command
}

#[test]
fn takes_input_in_pieces() {
    for program in programs() {
        let scratch = scratch();
        let mut child = command(&program, &scratch).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        for byte in read(scratch.path().join("input")) {
            stdin.write_all(&[byte]).unwrap();
            std::thread::yield_now();
        }
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        assert_eq!(output.stdout, mended());
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
            let stdin = std::os::fd::OwnedFd::from(theirs);
            let output = command(&program, &scratch).stdin(stdin).output().unwrap();
            assert_eq!(
                output.status.code(),
                Some(status),
                "{program:?}: {size} bytes"
            );
            assert_eq!(output.stdout, mended()[..size / 64 * 64]);
        }
    }
}

#[test]
fn writes_what_precedes_a_missing_symbol_before_it_reads_on() {
    let scratch = scratch();
    let mut child = command(&[common::binary()], &scratch).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin
        .write_all(&read(scratch.path().join("missing")))
        .unwrap();
    let mut stdout = vec![0; mended().len()];
    child
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut stdout)
        .unwrap();
    assert_eq!(stdout, mended());
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(1));
}
