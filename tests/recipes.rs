//! The README's recipes, as they stand there, with the real objcopy on real ARM objects.

mod common;

use std::path::Path;
use std::process::Command;

use common::{binary, read, testdata, write};

const OLD: &str = "6.1.0-47-armmp";
const NEW: &str = "6.1.0-50-armmp";

/// The `number`th shell block below a heading of the README.
fn recipe(heading: &str, number: usize) -> String {
    let readme = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let readme = String::from_utf8(readme).unwrap();
    let section = readme
        .split(&format!("# {heading}\n"))
        .nth(1)
        .expect(heading);
    let section = section.split("\n#").next().unwrap();
    let block = section.split("```sh\n").nth(number).expect(heading);
    block.split("```").next().unwrap().to_owned()
}

/// Runs a shell command line with our program in the path; returns status and output.
fn sh(line: &str, folder: &Path) -> (i32, String) {
    let program = binary();
    let folder_of_it = Path::new(&program).parent().unwrap().display();
    let path = format!("{folder_of_it}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", line])
        .env("PATH", path)
        .current_dir(folder)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Runs what has to work.
fn must(line: &str, folder: &Path) -> String {
    let (status, text) = sh(line, folder);
    assert_eq!(status, 0, "{line}\n{text}");
    text
}

/// Assembles a module with the table of one of Debian's.
fn module(folder: &Path, file: &str, kernel: &str, table: &str) {
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
fn scratch(table: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    module(scratch.path(), "vendor.ko", NEW, table);
    module(scratch.path(), "mine.ko", OLD, table);
    scratch
}

fn table(file: &str, folder: &Path) -> Vec<u8> {
    must(
        &format!("arm-linux-gnueabi-objcopy '{file}' /dev/null --dump-section __versions=dump"),
        folder,
    );
    read(folder.join("dump"))
}

/// Headers, code, symbols and relocations of a module: all but the contents of its table.
fn rest(file: &str, folder: &Path) -> String {
    must(&format!("arm-linux-gnueabi-readelf -a '{file}'"), folder)
        + &must(
            &format!(
                "for i in .modinfo .init.text .gnu.linkonce.this_module .ARM.attributes; do arm-linux-gnueabi-readelf -x $i '{file}'; done"
            ),
            folder,
        )
}

#[test]
fn mends_a_module() {
    let scratch = scratch("dm9000");
    let folder = scratch.path();
    let before = rest("mine.ko", folder);
    assert_eq!(
        table("mine.ko", folder),
        read(testdata("6.1.0-47-armmp/dm9000.versions"))
    );
    let vendor = read(folder.join("vendor.ko"));
    assert_eq!(must(&recipe("Mend a module", 1), folder), "");
    assert!(table("mine.ko", folder) == table("vendor.ko", folder));
    assert_eq!(rest("mine.ko", folder), before);
    assert!(read(folder.join("vendor.ko")) == vendor);
    // The two objects differ in nothing now.
    assert!(read(folder.join("mine.ko")) == vendor);
}

#[test]
fn leaves_a_module_alone_when_a_symbol_is_missing() {
    for (heading, setup) in [
        ("Mend a module", ":"),
        (
            "My kernel tree has a Module.symvers",
            "grep -vw flush_work '$NEW/Module.symvers' >Module.symvers",
        ),
        (
            "A symbol is not in the model",
            "cat '$NEW/nvmet.versions' >model.versions; : >more.versions",
        ),
    ] {
        let scratch = scratch("nvmet");
        let folder = scratch.path();
        must(
            &setup.replace("$NEW", testdata(NEW).to_str().unwrap()),
            folder,
        );
        let before = read(folder.join("mine.ko"));
        let (status, text) = sh(&recipe(heading, 1), folder);
        assert_eq!(status, 1, "{heading}");
        assert!(
            text.contains("update_versions: symbol: flush_work: not in the model\n"),
            "{text}"
        );
        assert!(read(folder.join("mine.ko")) == before, "{heading}");
    }
}

#[test]
fn leaves_a_module_alone_that_has_no_table() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    must("arm-linux-gnueabi-objcopy -R __versions mine.ko", folder);
    let before = read(folder.join("mine.ko"));
    let (status, text) = sh(&recipe("Mend a module", 1), folder);
    assert_eq!(status, 1);
    assert!(
        text.contains("update_versions: input: <stdin>: empty\n"),
        "{text}"
    );
    assert!(read(folder.join("mine.ko")) == before);
}

#[test]
fn joins_models() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::create_dir(folder.join("vendor")).unwrap();
    for name in ["mii", "dm9000", "nvmet"] {
        module(folder, &format!("vendor/{name}.ko"), NEW, name);
    }
    assert_eq!(must(&recipe("Mend a module", 2), folder), "");
    let joined =
        ["dm9000", "mii", "nvmet"].map(|name| read(testdata(&format!("{NEW}/{name}.versions"))));
    assert!(read(folder.join("model.versions")) == joined.concat());
}

#[test]
fn shows_what_would_change() {
    let scratch = scratch("dm9000");
    let folder = scratch.path();
    must(
        "arm-linux-gnueabi-objcopy vendor.ko /dev/null --dump-section __versions=model.versions",
        folder,
    );
    let before = read(folder.join("mine.ko"));
    let report = must(&recipe("Which symbols would change?", 1), folder);
    assert_eq!(
        report,
        String::from_utf8(read(testdata("report/dm9000-armmp.txt"))).unwrap()
    );
    assert!(read(folder.join("mine.ko")) == before);
}

#[test]
fn mends_with_a_module_symvers() {
    let scratch = scratch("nvmet");
    let folder = scratch.path();
    write(
        folder.join("Module.symvers"),
        read(testdata("6.1.0-50-armmp/Module.symvers")),
    );
    assert_eq!(
        must(&recipe("My kernel tree has a Module.symvers", 1), folder),
        ""
    );
    let all = read(testdata("6.1.0-50-armmp/all.versions"));
    let old = read(testdata("6.1.0-47-armmp/nvmet.versions"));
    let mended = table("mine.ko", folder);
    assert_eq!(mended.len(), old.len());
    for (mended, old) in mended.chunks(64).zip(old.chunks(64)) {
        assert_eq!(mended[4..], old[4..]);
        assert!(all.chunks(64).any(|known| known == mended));
    }
}

#[test]
fn copes_with_a_missing_symbol() {
    let scratch = scratch("qrtr");
    let folder = scratch.path();
    let more = read(testdata("6.1.0-50-armmp/all.versions"));
    write(folder.join("more.versions"), &more);
    write(
        folder.join("model.versions"),
        read(testdata("6.1.0-50-armmp/qrtr.versions")),
    );
    let old = table("mine.ko", folder);
    assert_eq!(must(&recipe("A symbol is not in the model", 1), folder), "");
    assert!(
        table("mine.ko", folder)
            .chunks(64)
            .all(|mended| more.chunks(64).any(|known| known == mended))
    );

    module(folder, "mine.ko", OLD, "qrtr");
    let text = must(&recipe("A symbol is not in the model", 2), folder);
    assert_eq!(text.matches("; kept as it is\n").count(), 2, "{text}");
    let mended = table("mine.ko", folder);
    for symbol in ["radix_tree_delete\0", "radix_tree_iter_resume\0"] {
        let named = |record: &&[u8]| record[4..].starts_with(symbol.as_bytes());
        assert_eq!(mended.chunks(64).find(named), old.chunks(64).find(named));
    }
}

#[test]
fn mends_many_modules() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::create_dir_all(folder.join("modules/net")).unwrap();
    for name in ["mii", "net/dm9000", "btrfs", "net/a b'c"] {
        let table = if name.contains(' ') {
            "snd"
        } else {
            name.trim_start_matches("net/")
        };
        module(
            folder,
            &format!("modules/{}.ko", name.replace('\'', "'\\''")),
            OLD,
            table,
        );
    }
    write(folder.join("modules/broken.ko"), b"no module");
    let tables =
        ["dm9000", "mii", "snd"].map(|name| read(testdata(&format!("{NEW}/{name}.versions"))));
    write(folder.join("model.versions"), tables.concat());
    let btrfs = read(folder.join("modules/btrfs.ko"));

    let text = must(&recipe("Many modules at once", 1), folder);
    let mut failed: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("failed: "))
        .collect();
    failed.sort_unstable();
    assert_eq!(failed.len(), 2, "{text}");
    assert!(
        failed[0].starts_with("failed: modules/broken.ko")
            && failed[1].starts_with("failed: modules/btrfs.ko"),
        "{text}"
    );
    assert!(read(folder.join("modules/btrfs.ko")) == btrfs);
    assert!(read(folder.join("modules/broken.ko")) == b"no module");
    assert!(table("modules/net/dm9000.ko", folder) == tables[0]);
    assert!(table("modules/mii.ko", folder) == tables[1]);
    std::fs::copy(folder.join("modules/net/a b'c.ko"), folder.join("copy.ko")).unwrap();
    assert!(table("copy.ko", folder) == tables[2]);
}

#[test]
fn removes_the_extended_sections() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    let before = table("mine.ko", folder);
    must(
        "echo x >x; for i in crcs names; do arm-linux-gnueabi-objcopy --add-section __version_ext_$i=x mine.ko; done",
        folder,
    );
    let list = must(&recipe("Linux 6.14 and later", 1), folder);
    assert_eq!(list.matches("__version_ext_").count(), 2, "{list}");
    must(&recipe("Linux 6.14 and later", 2), folder);
    assert_eq!(
        must(&recipe("Linux 6.14 and later", 1), folder)
            .lines()
            .count(),
        1
    );
    assert!(table("mine.ko", folder) == before);
}

/// The recipe for arm64, and for other machines as it tells, where there is a binutils for them.
#[test]
fn mends_modules_of_other_machines() {
    let big_endian = |mut table: Vec<u8>| {
        table
            .chunks_mut(64)
            .for_each(|record| record[..4].reverse());
        table
    };
    let real = |name: &str| read(testdata(name));
    for (machine, target, new, old) in [
        (
            "aarch64-linux-gnu",
            "elf64-little",
            real("6.1.0-50-arm64/smc91x.versions"),
            real("6.1.0-47-arm64/smc91x.versions"),
        ),
        (
            "s390x-linux-gnu",
            "elf64-big",
            real("6.1.0-50-s390x/8021q.versions"),
            real("6.1.0-47-s390x/8021q.versions"),
        ),
        (
            "powerpc-linux-gnu",
            "elf32-big",
            big_endian(real("6.1.0-50-armmp/mii.versions")),
            big_endian(real("6.1.0-47-armmp/mii.versions")),
        ),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        if sh(&format!("command -v {machine}-objcopy"), folder).0 != 0 {
            continue;
        }
        write(
            folder.join("module.S"),
            ".section __versions, \"a\"\n.incbin \"table\"\n",
        );
        for (file, table) in [("vendor.ko", new), ("mine.ko", old)] {
            write(folder.join("table"), table);
            must(&format!("{machine}-as module.S -o {file}"), folder);
        }
        let line = recipe("arm64", 1);
        let line = line
            .replace("aarch64-linux-gnu", machine)
            .replace("elf64-little", target);
        assert_eq!(must(&line, folder), "", "{machine}");
        assert!(
            read(folder.join("mine.ko")) == read(folder.join("vendor.ko")),
            "{machine}"
        );
    }
}
