//! What the tests share: the program, the script beside it where there is one, a shell.

#![allow(dead_code)] // no test file needs all of it

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program: the one that `UPDATE_VERSIONS` names, as `make test` does with the release
/// binary, else the one that cargo built for the tests.
pub fn binary() -> String {
    let built = env!("CARGO_BIN_EXE_update_versions").to_owned();
    std::env::var("UPDATE_VERSIONS").unwrap_or(built)
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

pub fn write(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    std::fs::write(path, bytes).unwrap();
}

/// A record of 4 + 60 bytes, its CRC little-endian.
pub fn record(crc: u32, symbol: impl AsRef<[u8]>) -> Vec<u8> {
    let mut record = crc.to_le_bytes().to_vec();
    record.extend_from_slice(symbol.as_ref());
    record.resize(64, 0);
    record
}

/// A table of such records.
pub fn table(records: &[(u32, &str)]) -> Vec<u8> {
    records
        .iter()
        .flat_map(|(crc, symbol)| record(*crc, symbol))
        .collect()
}

/// The program and, where `UPDATE_VERSIONS_PY` and `PYTHON2` name them, the script.
pub fn programs() -> Vec<Vec<String>> {
    let mut programs = vec![vec![binary()]];
    if let (Ok(python), Ok(script)) = (
        std::env::var("PYTHON2"),
        std::env::var("UPDATE_VERSIONS_PY"),
    ) {
        programs.push(vec![python, script]);
    }
    programs
}

/// Runs a line of bash in a folder; `"$@"` in it is the program.
pub fn bash<S: AsRef<OsStr>>(line: &str, folder: &Path, program: &[S]) -> Output {
    Command::new("bash")
        .args(["-c", line, "bash"])
        .args(program)
        // Else the script does not always see that its last buffer was not written.
        .env("PYTHONUNBUFFERED", "1")
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// The same with our program; returns status, standard output and standard error.
pub fn run(line: &str, folder: &Path) -> (i32, Vec<u8>, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = bash(line, folder, &[binary()]);
    let stderr = String::from_utf8(stderr).expect("messages are UTF-8");
    (status.code().expect("no signal"), stdout, stderr)
}
