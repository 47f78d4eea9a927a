//! The README's recipes, as they stand there, with the real objcopy on real ARM objects.

mod common;

use std::path::Path;

use common::modules::{NEW, OLD, module, must, scratch, sh};
use common::{has_command, read, testdata, text, write};

const FIX: &str = "update_versions --strict model.versions >new.versions &&";
const SYMVERS: &str = "--symvers Module.symvers";
const JOIN: &str = "find vendor";
const CHECK: &str = "modprobe";
const MANY: &str = "find modules";

/// The shell block of the README that has this in it.
fn recipe(part: &str) -> String {
    let readme = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let mut blocks = readme
        .split("```sh\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap());
    let block = blocks
        .find(|block| block.contains(part))
        .expect(part)
        .to_owned();
    assert!(
        blocks.all(|other| !other.contains(part)),
        "two recipes have {part}"
    );
    block
}

/// A line of the README that begins with a word, in backticks, and has this in it.
fn line(word: &str, part: &str) -> String {
    let readme = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let mut lines = readme
        .split('`')
        .filter(|code| code.starts_with(word) && code.contains(part));
    lines.next().expect(part).to_owned()
}

/// The recipe with the line of another need.
fn recipe_with(part: &str) -> String {
    recipe(FIX).replace(FIX, &line("update_versions", part))
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
fn fixes_a_module() {
    let scratch = scratch("dm9000");
    let folder = scratch.path();
    let (vendor, mine) = (read(folder.join("vendor.ko")), read(folder.join("mine.ko")));
    let before = rest("mine.ko", folder);
    assert_eq!(must(&recipe(FIX), folder), "");
    assert!(table("fixed.ko", folder) == table("vendor.ko", folder));
    assert_eq!(rest("fixed.ko", folder), before);
    assert!(read(folder.join("vendor.ko")) == vendor);
    assert!(read(folder.join("mine.ko")) == mine);
    // The two builds differ in nothing now.
    assert!(read(folder.join("fixed.ko")) == vendor);
    if has_command("/sbin/modprobe") {
        assert_eq!(must(&recipe(CHECK), folder), "");
        let wrong = recipe(CHECK).replace("fixed.ko", "mine.ko");
        assert!(sh(&wrong, folder).1.contains("platform_driver_register"));
    }
}

/// Each recipe ends with another status than 0 and makes no file.
#[test]
fn makes_no_module_when_a_symbol_is_missing() {
    for (recipe, setup) in [
        (recipe(FIX), ":"),
        (
            recipe(SYMVERS),
            "grep -vw flush_work '$NEW/Module.symvers' >Module.symvers",
        ),
        (recipe_with("--target"), ":"),
    ] {
        let scratch = scratch("nvmet");
        let folder = scratch.path();
        must(
            &setup.replace("$NEW", testdata(NEW).to_str().unwrap()),
            folder,
        );
        let recipe = recipe.replace("elf64-littleaarch64", "elf32-littlearm");
        let (status, text) = sh(&recipe, folder);
        assert_eq!(status, 1, "{recipe}");
        let symbol = "update_versions: symbol: flush_work: not in the model\n";
        assert!(text.starts_with(symbol), "{text}");
        assert!(!folder.join("fixed.ko").exists(), "{recipe}");
    }
}

#[test]
fn makes_no_module_of_one_that_has_no_table() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    must("arm-linux-gnueabi-objcopy -R __versions mine.ko", folder);
    let (status, text) = sh(&recipe(FIX), folder);
    assert_eq!(status, 1);
    assert!(text.contains("can't dump section '__versions'"), "{text}");
    let empty = "update_versions: input: <stdin>: empty; did objcopy fail, or is there no __versions section?\n";
    assert!(text.contains(empty), "{text}");
    assert!(!folder.join("fixed.ko").exists());
}

#[test]
fn joins_models() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::create_dir_all(folder.join("vendor/net")).unwrap();
    let (status, text) = sh(&recipe(JOIN), folder);
    assert_eq!(
        (status, text.as_str()),
        (1, "no tables below vendor; are its modules unpacked?\n")
    );
    for name in ["mii", "net/dm9000", "nvmet"] {
        module(
            folder,
            &format!("vendor/{name}.ko"),
            NEW,
            name.trim_start_matches("net/"),
        );
    }
    assert_eq!(must(&recipe(JOIN), folder), "");
    let mut joined: Vec<_> = read(folder.join("model.versions"))
        .chunks(64)
        .map(<[u8]>::to_vec)
        .collect();
    let mut tables: Vec<_> = ["dm9000", "mii", "nvmet"]
        .iter()
        .flat_map(|name| {
            read(testdata(&format!("{NEW}/{name}.versions")))
                .chunks(64)
                .map(<[u8]>::to_vec)
                .collect::<Vec<_>>()
        })
        .collect();
    joined.sort();
    tables.sort();
    assert!(joined == tables);
}

#[test]
fn shows_what_would_change() {
    let scratch = scratch("dm9000");
    let folder = scratch.path();
    must(
        "arm-linux-gnueabi-objcopy vendor.ko /dev/null --dump-section __versions=model.versions",
        folder,
    );
    let report = must(&recipe_with("-v model"), folder);
    assert_eq!(report, text(testdata("report/dm9000-armmp.txt")));
    // The README shows the beginning of it, and its last line.
    let readme = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    for line in report.lines().take(2).chain(report.lines().last()) {
        assert!(readme.contains(&format!("    {line}\n")), "{line}");
    }
}

#[test]
fn fixes_with_a_module_symvers() {
    let scratch = scratch("nvmet");
    let folder = scratch.path();
    let symvers = read(testdata("6.1.0-50-armmp/Module.symvers"));
    write(folder.join("Module.symvers"), &symvers);
    assert_eq!(must(&recipe(SYMVERS), folder), "");
    let all = read(testdata("6.1.0-50-armmp/all.versions"));
    let (old, new) = (table("mine.ko", folder), table("fixed.ko", folder));
    assert_eq!(new.len(), old.len());
    for (new, old) in new.chunks(64).zip(old.chunks(64)) {
        assert!(new[4..] == old[4..] && all.chunks(64).any(|known| known == new));
    }
}

#[test]
fn keeps_what_is_not_in_the_model() {
    for (part, setup) in [
        ("-k model.versions", String::new()),
        ("vmlinux.symvers", line("awk", "vmlinux")),
    ] {
        let scratch = scratch("qrtr");
        let folder = scratch.path();
        write(
            folder.join("Module.symvers"),
            read(testdata("6.1.0-50-armmp/Module.symvers")),
        );
        must(
            &format!(
                "sed -Ei '/radix_tree_(delete|iter_resume)/s/vmlinux/mine/' Module.symvers; {setup}"
            ),
            folder,
        );
        let text = must(&recipe_with(part), folder);
        assert!(
            text.ends_with("2 of 113 symbols missing from the model; kept with their old CRCs\n"),
            "{text}"
        );
        let (old, new) = (table("mine.ko", folder), table("fixed.ko", folder));
        for symbol in ["radix_tree_delete\0", "radix_tree_iter_resume\0"] {
            let named = |record: &&[u8]| record[4..].starts_with(symbol.as_bytes());
            assert_eq!(new.chunks(64).find(named), old.chunks(64).find(named));
        }
        assert!(old != new);
    }
}

#[test]
fn fixes_many_modules() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    assert_ne!(sh(&recipe(MANY), folder).0, 0);
    std::fs::create_dir_all(folder.join("modules/net")).unwrap();
    for (name, table) in [
        ("mii", "mii"),
        ("net/dm9000", "dm9000"),
        ("btrfs", "btrfs"),
        ("net/a b'c", "snd"),
    ] {
        module(
            folder,
            &format!("modules/{}.ko", name.replace('\'', "'\\''")),
            OLD,
            table,
        );
    }
    write(folder.join("modules/broken.ko"), b"no module");
    let new = |name| read(testdata(&format!("{NEW}/{name}.versions")));
    write(
        folder.join("model.versions"),
        [new("dm9000"), new("mii"), new("snd")].concat(),
    );
    let files = "find modules -type f -exec cksum {} + | sort";
    let before = must(files, folder);

    let (status, text) = sh(&recipe(MANY), folder);
    assert_ne!(status, 0);
    let mut failed: Vec<_> = text.lines().collect();
    failed.sort_unstable();
    assert_eq!(
        failed,
        [
            "failed: modules/broken.ko, see fixed/modules/broken.ko.log",
            "failed: modules/btrfs.ko, see fixed/modules/btrfs.ko.log"
        ]
    );
    assert_eq!(
        must("cd fixed; find . -type f | sort", folder),
        "./modules/broken.ko.log\n./modules/btrfs.ko.log\n./modules/mii.ko\n./modules/net/a b'c.ko\n./modules/net/dm9000.ko\n"
    );
    assert_eq!(must(files, folder), before);
    for (name, table_of) in [
        ("net/dm9000", "dm9000"),
        ("mii", "mii"),
        ("net/a b'c", "snd"),
    ] {
        std::fs::copy(
            folder.join(format!("fixed/modules/{name}.ko")),
            folder.join("copy.ko"),
        )
        .unwrap();
        assert!(table("copy.ko", folder) == new(table_of), "{name}");
    }
    // What an earlier run fixed is not taken for success.
    write(folder.join("modules/mii.ko"), b"no module");
    must("rm modules/broken.ko modules/btrfs.ko", folder);
    assert_ne!(sh(&recipe(MANY), folder).0, 0);
    module(folder, "modules/mii.ko", OLD, "mii");
    // And once all of them can be fixed, the status is 0.
    must("rm -r fixed", folder);
    assert_eq!(
        must(&format!("{} | sort", recipe(MANY).trim_end()), folder),
        "modules/mii.ko\nmodules/net/a b'c.ko\nmodules/net/dm9000.ko\n"
    );
    // Packed modules are none.
    must("find modules -type f -exec mv {} {}.xz \\;", folder);
    assert_eq!(sh(&recipe(MANY), folder), (1, String::new()));
}

#[test]
fn removes_the_extended_sections() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    must(
        "echo x >x; for i in crcs names; do arm-linux-gnueabi-objcopy --add-section __version_ext_$i=x mine.ko; done",
        folder,
    );
    must(&recipe(FIX), folder);
    let sections = "arm-linux-gnueabi-objdump -h fixed.ko | grep -o '__version[a-z_]*'";
    assert_eq!(
        must(sections, folder),
        "__versions\n__version_ext_crcs\n__version_ext_names\n"
    );
    must(
        &line("arm-linux-gnueabi-objcopy", "__version_ext_crcs"),
        folder,
    );
    assert_eq!(must(sections, folder), "__versions\n");
    assert!(table("fixed.ko", folder) == table("vendor.ko", folder));
}

/// The recipe for other machines, with what `objdump -f` says of them.
#[test]
fn fixes_modules_of_other_machines() {
    let big_endian = |mut table: Vec<u8>| {
        table
            .chunks_mut(64)
            .for_each(|record| record[..4].reverse());
        table
    };
    let real = |name: &str| read(testdata(name));
    let pair = |name: &str| {
        (
            real(&format!("6.1.0-50-{name}")),
            real(&format!("6.1.0-47-{name}")),
        )
    };
    let (new, old) = pair("armmp/mii.versions");
    for (machine, (new, old)) in [
        ("aarch64-linux-gnu", pair("arm64/smc91x.versions")),
        ("s390x-linux-gnu", pair("s390x/8021q.versions")),
        ("powerpc-linux-gnu", (big_endian(new), big_endian(old))),
    ] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        if !has_command(&format!("{machine}-objcopy")) {
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
        let target = must(
            &format!("{machine}-objdump -f mine.ko | sed -n 's/.*file format //p'"),
            folder,
        );
        let line = recipe_with("--target").replace("elf64-littleaarch64", target.trim());
        assert_eq!(
            must(&line.replace("arm-linux-gnueabi", machine), folder),
            "",
            "{machine}"
        );
        assert!(
            read(folder.join("fixed.ko")) == read(folder.join("vendor.ko")),
            "{machine}"
        );
    }
}
