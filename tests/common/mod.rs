//! What the tests share: the program, the script beside it if there is one, a shell.

#![allow(dead_code)] // no test file needs all of it

pub mod modules;
pub mod page;

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Seconds that one call of a test may take. The longest needs about one.
const LIMIT: u64 = 30;

/// The program: the one that `UPDATE_VERSIONS` names, as `make test` does with the release
/// binary, else the one that cargo built for the tests. Before it, the words of `RUNNER`: an
/// emulator for a program of another machine.
pub fn program() -> Vec<String> {
    let built = env!("CARGO_BIN_EXE_update_versions").to_owned();
    let binary = std::env::var("UPDATE_VERSIONS").unwrap_or(built);
    let runner = std::env::var("RUNNER").unwrap_or_default();
    let words = runner.split_whitespace().map(str::to_owned);
    words.chain([binary]).collect()
}

/// The program and, if `UPDATE_VERSIONS_PY` and `PYTHON2` name them, the script.
pub fn programs() -> Vec<Vec<String>> {
    let script = std::env::var("UPDATE_VERSIONS_PY");
    let script = std::env::var("PYTHON2").ok().zip(script.ok());
    let script = script.map(|(python, script)| vec![python, script]);
    [program()].into_iter().chain(script).collect()
}

/// Whether a test can go on that needs this. If not, `make test` tells of it at the end: it
/// names a file for that in `SKIPPED`. Without one, the test fails.
pub fn has(need: &str, there: bool) -> bool {
    if !there {
        let list = std::env::var("SKIPPED").unwrap_or_else(|_| panic!("this needs {need}"));
        let mut list = File::options().append(true).open(list).unwrap();
        writeln!(list, "what needs {need}").unwrap();
    }
    there
}

/// Whether the program runs without an emulator.
pub fn has_own_program() -> bool {
    has("a program for this machine", program().len() == 1)
}

/// Makes a call that may not come to an end. If it does not, the whole run ends, since a thread
/// cannot be ended alone.
pub fn bounded<T: Send>(what: &str, call: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let (sender, receiver) = mpsc::channel();
        scope.spawn(move || sender.send(call()));
        match receiver.recv_timeout(Duration::from_secs(LIMIT)) {
            Err(mpsc::RecvTimeoutError::Timeout) => {
                // A test's own output is captured, and would be lost.
                let _ = writeln!(std::io::stderr(), "still running after {LIMIT} s: {what}");
                std::process::exit(1)
            }
            result => result.expect("the call panicked"),
        }
    })
}

/// A command that is killed after the time limit, with all that it started, even if this process
/// is gone by then.
pub fn limited<S: AsRef<OsStr>>(program: &[S]) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--signal=KILL", &LIMIT.to_string()])
        .args(program);
    command
}

/// Waits for such a command, and kills what it left behind, which could hold a pipe open.
pub fn finish(child: &mut Child) -> ExitStatus {
    let status = child.wait().unwrap();
    // timeout(1) leads a group of its own.
    let group = format!("kill -KILL -{} 2>/dev/null", child.id());
    let _ = Command::new("sh").args(["-c", &group]).status();
    status
}

/// An input of which these bytes can be read, and then a read fails: a socket that does not block
/// stands for a disk. It ends when the other socket is dropped.
pub fn failing_input(bytes: &[u8]) -> (UnixStream, OwnedFd) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    ours.write_all(bytes).unwrap();
    (ours, OwnedFd::from(theirs))
}

/// Runs a line of bash in a folder; `"$@"` in it is the program. The shell has its own locale, no
/// descriptor but the standard ones, a time limit, and files of 1 GiB at most: a program that
/// never stops writing would fill the disk first. What it leaves behind is killed.
pub fn bash<S: AsRef<OsStr>>(line: &str, folder: &Path, program: &[S]) -> Output {
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let mut shell = limited(&["bash", "-c"])
        .arg(format!(
            "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; ulimit -f 1048576 2>&-\n{line}"
        ))
        .arg("bash")
        .args(program)
        .env("LC_ALL", "C")
        // Else the script does not always see that its last buffer was not written.
        .env("PYTHONUNBUFFERED", "1")
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(stdout.try_clone().unwrap())
        .stderr(stderr.try_clone().unwrap())
        .spawn()
        .unwrap();
    let status = finish(&mut shell);
    assert_ne!(
        status.signal(),
        Some(9),
        "still running after {LIMIT} s: {line}"
    );
    Output {
        status,
        stdout: contents(&mut stdout),
        stderr: contents(&mut stderr),
    }
}

fn contents(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Runs a line of bash in which `@` stands for a program. Returns its status, its output, and what
/// it says.
pub fn run_as(program: &[String], line: &str, folder: &Path) -> (i32, Vec<u8>, String) {
    let output = bash(&line.replace('@', r#""$@""#), folder, program);
    let stderr = String::from_utf8(output.stderr).expect("messages are UTF-8");
    let status = output.status.code().expect("no signal");
    (status, output.stdout, stderr)
}

/// The same with our program.
pub fn run(line: &str, folder: &Path) -> (i32, Vec<u8>, String) {
    run_as(&program(), line, folder)
}

/// Whether a command of this name is there.
pub fn has_command(name: &str) -> bool {
    let line = format!("command -v {name}");
    has(
        name,
        bash::<&str>(&line, Path::new("/"), &[]).status.success(),
    )
}

/// A file below `testdata`.
pub fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("testdata")
        .join(name)
}

pub fn read(path: impl AsRef<Path>) -> Vec<u8> {
    let path = path.as_ref();
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file that is text.
pub fn text(path: impl AsRef<Path>) -> String {
    String::from_utf8(read(path)).unwrap()
}

pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

/// How an architecture lays out a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub crc_size: usize,
    pub big_endian: bool,
}

pub const LITTLE32: Layout = Layout {
    crc_size: 4,
    big_endian: false,
};
pub const BIG32: Layout = Layout {
    crc_size: 4,
    big_endian: true,
};
pub const LITTLE64: Layout = Layout {
    crc_size: 8,
    big_endian: false,
};
pub const BIG64: Layout = Layout {
    crc_size: 8,
    big_endian: true,
};
pub const LAYOUTS: [Layout; 4] = [LITTLE32, BIG32, LITTLE64, BIG64];

impl Layout {
    pub fn record(self, crc: u32, symbol: impl AsRef<[u8]>) -> Vec<u8> {
        let mut field = crc.to_le_bytes().to_vec();
        field.resize(self.crc_size, 0);
        if self.big_endian {
            field.reverse();
        }
        let mut record = [&field, symbol.as_ref()].concat();
        record.resize(64, 0);
        record
    }

    pub fn table(self, versions: &[(u32, &str)]) -> Vec<u8> {
        let mut table = Vec::new();
        for (crc, symbol) in versions {
            table.extend(self.record(*crc, symbol));
        }
        table
    }

    /// The CRC and the symbol of each record.
    pub fn versions(self, table: &[u8]) -> Vec<(u32, &str)> {
        let mut versions = Vec::new();
        for record in table.chunks(64) {
            let (field, name) = record.split_at(self.crc_size);
            let mut field = field.to_vec();
            if self.big_endian {
                field.reverse();
            }
            let crc = u32::from_le_bytes(field[..4].try_into().unwrap());
            let name = std::str::from_utf8(name).unwrap();
            versions.push((crc, name.trim_end_matches('\0')));
        }
        versions
    }

    /// A table as modprobe prints it.
    pub fn text(self, table: &[u8]) -> String {
        text_of(&self.versions(table))
    }
}

pub fn text_of(versions: &[(u32, &str)]) -> String {
    let mut text = String::new();
    for (crc, symbol) in versions {
        text += &format!("0x{crc:08x}\t{symbol}\n");
    }
    text
}

/// A folder with a model of `printk` and `kfree` (also as `text`), an input of both, one with
/// `panic`, a long one, and an empty one; all 32-bit little-endian.
pub fn scratch() -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| write(scratch.path().join(name), bytes);
    let input = LITTLE32.table(&[(1, "kfree"), (0x11, "printk")]);
    let missing = LITTLE32.table(&[(1, "kfree"), (3, "panic"), (2, "printk")]);
    file(
        "model",
        &LITTLE32.table(&[(0x11, "printk"), (0x22, "kfree")]),
    );
    file("text", b"0x00000011\tprintk\n0x00000022\tkfree\n");
    file("input", &input);
    file("missing", &missing);
    file("long", &input.repeat(4096));
    file("empty", b"");
    scratch
}

/// What becomes of that input.
pub fn mended() -> Vec<u8> {
    LITTLE32.table(&[(0x22, "kfree"), (0x11, "printk")])
}

/// Runs a line with our program in a new scratch folder, and checks its status, its output and
/// what it says.
pub fn check(line: &str, status: i32, stdout: &[u8], stderr: &str) {
    check_in(scratch().path(), line, status, stdout, stderr);
}

/// The same in another folder.
pub fn check_in(folder: &Path, line: &str, status: i32, stdout: &[u8], stderr: &str) {
    let output = run(line, folder);
    assert_eq!(output.2, stderr, "{line}");
    assert_eq!(output.0, status, "{line}");
    assert!(output.1 == stdout, "{line}\n{:?}", output.1);
}
