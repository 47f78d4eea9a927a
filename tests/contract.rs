//! What the script does, the program does: the same bytes, the same status. Where the script is
//! at hand, each case is put to both.

mod common;

use std::io::{Read, Write};
use std::process::Stdio;

use common::{
    LITTLE32, check, failing_input, finish, limited, mended, program, programs, read, run_as,
    scratch, testdata, text, write,
};

/// Runs a line with our program and, if it is at hand, with the script: both give this status and
/// this output. Returns what ours says.
fn agree(line: &str, status: i32, stdout: &[u8]) -> String {
    let mut said = Vec::new();
    for program in programs() {
        let output = run_as(&program, line, scratch().path());
        let what = format!("{program:?}: {line}\n{}", output.2);
        assert_eq!(output.0, status, "{what}");
        assert!(output.1 == stdout, "{what}\n{:?}", output.1);
        said.push(output.2);
    }
    said.swap_remove(0)
}

/// Both fail without output; this is what ours says of it.
fn both_fail(line: &str, message: &str) {
    let message = format!("update_versions: {message}\n");
    assert_eq!(agree(line, 1, b""), message, "{line}");
}

#[test]
fn agrees_with_the_recorded_cases() {
    let answers = text(testdata("golden/answers"));
    assert_eq!(answers.lines().count(), 24);
    for answer in answers.lines() {
        let words: Vec<_> = answer.split(' ').collect();
        let [case, status, size, file] = words[..] else {
            panic!("{answer}")
        };
        let make = testdata("golden.sh");
        let line = format!("'{}' {case} || exit 9; @ model <input", make.display());
        let stdout = &read(testdata(file))[..size.parse().unwrap()];
        agree(&line, status.parse().unwrap(), stdout);
    }
}

#[test]
fn agrees_on_whole_kernels() {
    let inputs = std::fs::read_dir(testdata("6.1.0-47-armmp")).unwrap();
    let inputs: Vec<_> = inputs.map(|file| file.unwrap()).collect();
    assert_eq!(inputs.len(), 17);
    for input in inputs {
        let (name, input) = (input.file_name(), input.path());
        let table = read(&input);
        for model in [name.to_str().unwrap(), "all.versions", "dm9000.versions"] {
            let model = testdata("6.1.0-50-armmp").join(model);
            let known = read(&model);
            let stdout: Vec<u8> = table
                .chunks(64)
                .map_while(|record| known.chunks(64).find(|known| known[4..] == record[4..]))
                .flatten()
                .copied()
                .collect();
            let line = format!("@ '{}' <'{}'", model.display(), input.display());
            agree(&line, (stdout.len() < table.len()).into(), &stdout);
        }
    }
}

#[test]
fn is_silent_when_all_is_well() {
    assert_eq!(agree("@ model <input", 0, &mended()), "");
}

const FULL: &str = "output: <stdout>: No space left on device";
const BAD: &str = "output: <stdout>: Bad file descriptor";

#[test]
fn wants_an_argument() {
    let message = "update_versions: arguments: MODEL: is missing; see update_versions --help\n";
    for line in ["@", "@ 0>new"] {
        let said = agree(line, 1, b"Need an argument: <model-file>\n");
        assert_eq!(said, message, "{line}");
    }
    both_fail("@ >/dev/full", FULL);
    both_fail("@ >&-", BAD);
}

#[test]
fn ignores_arguments_after_the_model() {
    for (arguments, name) in [("a", "a"), (r"'\' b", r"\\"), ("nosuch input ''", "nosuch")] {
        let reason = "is one argument too many; join models with cat, and give the module's table as <old.versions";
        let said = agree(&format!("@ model {arguments} <input"), 0, &mended());
        let warning = format!("update_versions: warning: {name}: {reason}\n");
        assert_eq!(said, warning);
        let error = format!("update_versions: arguments: {name}: {reason}\n");
        let line = format!("@ --strict model {arguments} <input");
        check(&line, 1, b"", &error);
    }
}

#[test]
fn ends_at_a_missing_symbol() {
    agree("@ model <missing", 1, &mended()[..64]);
    agree("@ empty <missing", 1, b"");
}

#[test]
fn fails_without_a_readable_model() {
    let absent = "No such file or directory";
    for (model, reason) in [
        ("nosuch", absent),
        ("dangling", absent),
        ("/", "Is a directory"),
        ("", absent),
        ("model/", "Not a directory"),
        ("/dev/fd/77", absent),
        ("/proc/self/mem", "Input/output error"),
        ("-", absent),
    ] {
        for input in ["input", "empty"] {
            let line = format!("ln -s nowhere dangling; @ '{model}' <{input}");
            both_fail(&line, &format!("model: {model}: {reason}"));
        }
    }
}

#[test]
fn takes_no_descriptor_before_the_model() {
    agree("@ /dev/fd/3 <input", 1, b"");
    agree("@ /dev/fd/3 <&-", 1, b"");
    agree("exec 3<model; @ /dev/fd/4 <input", 1, b"");
    agree("@ /proc/self/fd/4 <input 1<>model", 1, b"");
}

#[test]
fn takes_any_kind_of_model() {
    agree("ln -s model link; @ link <input", 0, &mended());
    agree("@ <(cat model) <input", 0, &mended());
    agree("mkfifo m; cat model >m & @ m <input", 0, &mended());
    agree("cat model | @ /dev/stdin", 0, b"");
    let input = read(scratch().path().join("input"));
    agree("@ /dev/stdin <input", 0, &input);
    agree("@ /dev/fd/3 3<model <input", 0, &mended());
}

#[test]
fn reads_the_model_before_the_input() {
    // The input is there only after the model has come to its end.
    let line = "mkfifo m i; (cat model >m; cat input >i) & @ m < <(cat i)";
    agree(line, 0, &mended());
    // One stream for both: the model takes the first part, up to its end.
    agree("{ cat model; cat input; } | @ /dev/stdin", 0, b"");
}

#[test]
fn reads_a_standard_input_of_any_kind() {
    both_fail("@ model </", "input: <stdin>: Is a directory");
    both_fail("@ model 0>new", "input: <stdin>: Bad file descriptor");
    agree("@ model <empty", 0, b"");
    let line = "{ head -c 64 >/dev/null; @ model; } <input";
    agree(line, 0, &mended()[64..]);
}

#[test]
fn sees_closed_descriptors_as_they_are() {
    both_fail("@ model <input >&-", BAD);
    agree("@ model <input 2>&-", 0, &mended());
    agree("@ model <&-", 0, b"");
    agree("@ model <&- >&- 2>&-", 0, b"");
    agree("@ model <input >&- 2>&-", 1, b"");
    agree("@ /dev/stdin <&-", 1, b"");
    agree("@ /dev/stdout <&- >&-", 1, b"");
    agree("@ /dev/stderr <&- 2>&-", 1, b"");
    agree("@ model <empty >&-", 0, b"");
}

#[test]
fn fails_when_the_output_fails() {
    both_fail("@ model <input >/dev/full", FULL);
    both_fail("@ model <long >/dev/full", FULL);
    agree("@ model <empty >/dev/full", 0, b"");
    agree("@ model <input 1<input", 1, b"");
    let line = r#"@ model <long | head -c 64; exit "${PIPESTATUS[0]}""#;
    agree(line, 1, &mended()[..64]);
    // A file at its size limit keeps what fits (bash counts in KiB).
    let line = "(ulimit -f 1; @ model <long >new); s=$?; cat new; exit $s";
    agree(line, 1, &mended().repeat(8));
}

#[test]
fn does_not_mind_a_standard_error_that_fails() {
    for place in ["&-", "/dev/full", " >(exit)"] {
        let line = format!("@ model <missing 2>{place}");
        agree(&line, 1, &mended()[..64]);
    }
    agree("@ model extra <input 2>/dev/full", 0, &mended());
    agree("@ nosuch <missing 2>&-", 1, b"");
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
    let input: Vec<_> = mended
        .chunks(64)
        .flat_map(|x| LITTLE32.record(0, &x[4..]))
        .collect();
    let files = tempfile::tempdir().unwrap();
    write(files.path().join("model"), model);
    write(files.path().join("input"), input);
    let line = format!("@ '{0}/model' <'{0}/input'", files.path().display());
    agree(&line, 0, mended);
}

/// Symbols that differ in one byte differ, also in bytes after the name. In the input each follows
/// the first of the model, so that it is compared with the second.
#[test]
fn compares_each_byte_of_a_name() {
    let mut names = vec![[b'x'; 60]; 62];
    names[0] = [b'y'; 60];
    (0..60).for_each(|byte| names[byte + 2][byte] = 0);
    let model: Vec<_> = (1..)
        .zip(&names)
        .map(|(crc, x)| LITTLE32.record(crc, x))
        .collect();
    let pairs = model[1..].iter().flat_map(|x| [&model[0], x]);
    let mended = pairs.cloned().collect::<Vec<_>>().concat();
    reach(&model.concat(), &mended);
}

/// More symbols than any kernel has, in another order than in the model.
#[test]
fn finds_each_of_many_symbols() {
    let names = (1..).zip((0..40_000).map(|i| format!("symbol_{i}")));
    let model: Vec<_> = names
        .map(|(crc, name)| LITTLE32.record(crc, name))
        .collect();
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
/// is an error.
#[test]
fn takes_a_fault_inside_a_record_for_the_end() {
    for (size, status) in [(0, 1), (1, 0), (64, 1), (100, 0), (128, 1)] {
        for program in programs() {
            let scratch = scratch();
            let input = read(scratch.path().join("input"));
            let (_ours, theirs) = failing_input(&input[..size]);
            let mut child = limited(&program)
                .arg(scratch.path().join("model"))
                .stdin(theirs)
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
    let input = read(scratch().path().join("input"));
    let mut answer = vec![0; 64];
    let rest = feed(&program(), |stdin, stdout| {
        for (old, new) in input.chunks(64).zip(mended().chunks(64)) {
            stdin.write_all(old).unwrap();
            stdout.read_exact(&mut answer).unwrap();
            assert_eq!(answer, new);
        }
        // And this before a missing symbol.
        let missing = [&input[..64], &LITTLE32.record(3, "panic"), &input].concat();
        stdin.write_all(&missing).unwrap();
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(answer, mended()[..64]);
    });
    assert_eq!(rest, (1, vec![]));
}
