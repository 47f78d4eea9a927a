//! The commands of README.md, the manual and the help, as they stand there, and a shell for them.

use std::path::Path;

use super::{bash, program, text};

fn file(name: &str) -> String {
    text(Path::new(env!("CARGO_MANIFEST_DIR")).join(name))
}

pub fn readme() -> String {
    file("README.md")
}

pub fn manual() -> String {
    let manual = file("src/update_versions.1");
    manual.replace(r"\e", r"\").replace(r"\(dq", "\"")
}

/// All `sh` blocks of the README.
pub fn readme_blocks() -> Vec<String> {
    blocks(&readme(), "```sh\n", "```\n")
}

/// All literal blocks of the manual.
pub fn manual_blocks() -> Vec<String> {
    blocks(&manual(), ".Bd -literal\n", ".Ed\n")
}

fn blocks(page: &str, begin: &str, end: &str) -> Vec<String> {
    let parts = page.split(begin).skip(1);
    parts
        .map(|part| part.split(end).next().unwrap().to_owned())
        .collect()
}

/// The only one of these that has this in it.
pub fn with(part: &str, blocks: Vec<String>) -> String {
    let mut found = blocks.into_iter().filter(|block| block.contains(part));
    let block = found.next().expect(part);
    assert_eq!(found.next(), None, "two have {part}");
    block
}

/// The block of the README that has this in it, after the one that defines `fix`, for the
/// architecture of these tools.
pub fn recipe(part: &str, tools: &str) -> String {
    let fix = with("fix() (", readme_blocks());
    let (objcopy, function) = fix.split_once('\n').unwrap();
    assert_eq!(objcopy, "objcopy=arm-linux-gnueabi-objcopy");
    let block = with(part, readme_blocks());
    format!("objcopy={tools}-objcopy\n{function}{block}")
}

/// Code in the text or a table of the README that has this in it.
pub fn readme_code(part: &str) -> String {
    let readme = readme();
    let mut codes = readme.split('`').skip(1).step_by(2);
    codes
        .find(|code| code.contains(part))
        .expect(part)
        .to_owned()
}

/// Runs a shell command line with our program in the path. Returns its status, and what it prints on
/// both outputs.
pub fn shell(line: &str, folder: &Path) -> (i32, String) {
    let bin = tempfile::tempdir().unwrap();
    let setup = r#"bin=$1; shift
        { echo '#!/bin/sh'; printf '%q ' exec "$@"; echo '"$@"'; } >"$bin/update_versions"
        chmod +x "$bin/update_versions"; PATH=$bin:$PATH; exec 2>&1"#;
    let bin = [vec![bin.path().to_str().unwrap().to_owned()], program()].concat();
    let output = bash(&format!("{setup}\n{line}"), folder, &bin);
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

/// The same for a line that has to succeed. Returns what it prints.
pub fn output_of(line: &str, folder: &Path) -> String {
    let (status, text) = shell(line, folder);
    assert_eq!(status, 0, "{line}\n{text}");
    text
}
