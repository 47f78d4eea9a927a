//! ARM modules, assembled with the tables of Debian's, and a shell with the program in its path.

use std::path::Path;

use super::{bash, program, read, testdata, write};

/// The kernel that a module was built for.
pub const OLD: &str = "6.1.0-47-armmp";
/// The kernel that it shall be loaded by.
pub const NEW: &str = "6.1.0-50-armmp";

/// Runs a shell command line with our program in the path; returns status and output.
pub fn sh(line: &str, folder: &Path) -> (i32, String) {
    let bin = tempfile::tempdir().unwrap();
    let setup = r#"bin=$1; shift; { echo '#!/bin/sh'; printf '%q ' exec "$@"; echo '"$@"'; } >"$bin/update_versions"
        chmod +x "$bin/update_versions"; PATH=$bin:$PATH; exec 2>&1"#;
    let bin = [vec![bin.path().to_str().unwrap().to_owned()], program()].concat();
    let output = bash(&format!("{setup}\n{line}"), folder, &bin);
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// Runs what has to work.
pub fn must(line: &str, folder: &Path) -> String {
    let (status, text) = sh(line, folder);
    assert_eq!(status, 0, "{line}\n{text}");
    text
}

/// Assembles a module with the table of one of Debian's.
pub fn module(folder: &Path, file: &str, kernel: &str, table: &str) {
    let tables = folder.join("tables");
    std::fs::create_dir_all(&tables).unwrap();
    write(
        tables.join("dm9000.versions"),
        read(testdata(&format!("{kernel}/{table}.versions"))),
    );
    let source = testdata("module.S");
    must(
        &format!(
            "arm-linux-gnueabi-as -I tables '{}' -o '{file}'",
            source.display()
        ),
        folder,
    );
}

/// A folder with `vendor.ko` and `mine.ko`, of the new and the old kernel.
pub fn scratch(table: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    module(scratch.path(), "vendor.ko", NEW, table);
    module(scratch.path(), "mine.ko", OLD, table);
    scratch
}
