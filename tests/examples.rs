//! The commands of `--help` and of the manual, as they stand there, on real ARM objects.

mod common;

use std::path::Path;

use common::modules::{NEW, OLD, must, scratch, sh};
use common::{read, testdata, text, write};

/// Runs a command where all is that it may need, and checks what it makes and prints.
fn works(command: &str) {
    let scratch = scratch("dm9000");
    let folder = scratch.path();
    let new = read(testdata(&format!("{NEW}/dm9000.versions")));
    let old = read(testdata(&format!("{OLD}/dm9000.versions")));
    let symvers = read(testdata(&format!("{NEW}/Module.symvers")));
    write(folder.join("model.versions"), &new);
    write(folder.join("old.versions"), old);
    write(folder.join("Module.symvers"), symvers);
    if command.contains("cmp") {
        assert_eq!(sh(command, folder).0, 1, "{command}");
        must("cp model.versions old.versions", folder);
    }
    let said = must(command, folder);
    let list = command.contains(" -v ");
    let list = list.then(|| text(testdata("report/dm9000-armmp.txt")));
    assert_eq!(said, list.unwrap_or_default(), "{command}");
    if command.contains(">new.versions") {
        assert!(read(folder.join("new.versions")) == new, "{command}");
    }
    if command.contains("fixed.ko") {
        let (fixed, vendor) = (folder.join("fixed.ko"), folder.join("vendor.ko"));
        assert!(read(fixed) == read(vendor), "{command}");
    }
}

#[test]
fn help_has_a_command_that_works() {
    let help = must("update_versions --help", Path::new("/"));
    let lines = help.lines().skip_while(|line| !line.starts_with("  arm-"));
    let command: Vec<_> = lines.take_while(|line| line.starts_with("  ")).collect();
    let command = command.join("\n");
    assert!(command.contains("fixed.ko"), "{help}");
    works(&command);
}

#[test]
fn manual_has_examples_that_work() {
    let manual = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/update_versions.1"));
    let (_, rest) = manual.split_once(".Sh EXAMPLES\n").unwrap();
    let section = rest.split(".Sh ").next().unwrap().replace(r"\e", r"\");
    let blocks = section.split(".Bd -literal\n").skip(1);
    let blocks = blocks.map(|block| block.split(".Ed").next().unwrap());
    let lines = section.lines().filter_map(|line| line.strip_prefix(".Dl "));
    let commands: Vec<_> = blocks.chain(lines).collect();
    assert_eq!(commands.len(), 5);
    commands.into_iter().for_each(works);
}
