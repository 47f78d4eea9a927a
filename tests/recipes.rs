//! The recipes of the README and the manual, as they stand there, with the real objcopy on real
//! objects.

mod common;

use std::path::Path;

use common::modules::{NEW, OLD, module, must, scratch, sh};
use common::{has, has_command, read, symvers, testdata, text, write};

const FIX: &str = "update_versions --strict model.versions >new.versions &&";
const SYMVERS: &str = "--symvers Module.symvers";
const JOIN: &str = "find vendor";
const CHECK: &str = "cmp - old.versions";
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

/// A line of the README, in backticks, that has this in it, and begins and ends so.
fn line(begin: &str, part: &str, end: &str) -> String {
    let readme = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    let mut lines = readme
        .split('`')
        .filter(|code| code.starts_with(begin) && code.contains(part) && code.ends_with(end));
    lines.next().expect(part).to_owned()
}

/// The recipe with the line of another need.
fn recipe_with(part: &str) -> String {
    recipe(FIX).replace(FIX, &line("", part, " &&"))
}

/// The recipe for a text model, with this one.
fn recipe_for(model: &str) -> String {
    recipe(SYMVERS).replace("Module.symvers", model)
}

/// The literal block or line of the manual that begins so.
fn manual(begin: &str) -> String {
    let manual = text(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/update_versions.1"));
    let blocks = manual.split(".Bd -literal\n").skip(1);
    let blocks = blocks.map(|block| block.split(".Ed").next().unwrap());
    let lines = manual.lines().filter_map(|line| line.strip_prefix(".Dl "));
    let mut found = blocks.chain(lines).filter(|code| code.starts_with(begin));
    let code = found.next().expect(begin);
    assert_eq!(found.next(), None, "two begin with {begin}");
    code.replace("\\e", "\\").replace("\\(dq", "\"")
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
    assert_eq!(must(&recipe(CHECK), folder), "");
    let (status, text) = sh(&recipe(CHECK).replace("fixed.ko", "mine.ko"), folder);
    assert!(status == 1 && text.contains("differ"), "{text}");
}

/// Each recipe ends with another status than 0 and makes no file.
#[test]
fn makes_no_module_when_a_symbol_is_missing() {
    for recipe in [
        recipe(FIX),
        recipe(SYMVERS),
        recipe_with("--target").replace("elf32-tradbigmips", "elf32-littlearm"),
    ] {
        let scratch = scratch("nvmet");
        let folder = scratch.path();
        let symvers = text(testdata(&format!("{NEW}/Module.symvers")));
        let without = symvers.replace("\tflush_work\t", "\tflush_walk\t");
        write(folder.join("Module.symvers"), without);
        let (status, text) = sh(&recipe, folder);
        assert_eq!(status, 1, "{recipe}");
        let symbol = "update_versions: symbol: flush_work: not in the model\n";
        assert!(text.starts_with(symbol), "{text}");
        assert!(!folder.join("fixed.ko").exists(), "{recipe}");
    }
}

/// objcopy only prints a message if there is no section to dump.
#[test]
fn takes_no_old_file_for_a_new_one() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    must(&recipe(FIX), folder);
    must(&recipe(CHECK), folder);
    must("arm-linux-gnueabi-objcopy -R __versions vendor.ko", folder);
    assert_eq!(sh(&recipe(FIX), folder).0, 1);
    assert!(!folder.join("fixed.ko").exists());
    must(
        "cp vendor.ko fixed.ko; cp old.versions model.versions",
        folder,
    );
    assert_ne!(sh(&recipe(CHECK), folder).0, 0);
    write(folder.join("Module.symvers"), "0x11 printk\n");
    assert_eq!(sh(&recipe(SYMVERS), folder).0, 1);
    assert!(!folder.join("fixed.ko").exists());
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

/// The text model of modules that are packed, as far as modprobe reads such.
#[test]
fn makes_a_text_of_the_modules_of_a_device() {
    if !has_command("/sbin/modprobe") {
        return;
    }
    let scratch = scratch("mii");
    let folder = scratch.path();
    std::fs::create_dir_all(folder.join("vendor/net")).unwrap();
    must(&recipe(JOIN), folder);
    let empty = "update_versions: model: vendor.symvers: empty\n".to_owned();
    assert_eq!(sh(&recipe_for("vendor.symvers"), folder), (1, empty));

    let reads = must("/sbin/modprobe --version", folder);
    for (file, table, packer, feature) in [
        ("vendor/mii.ko", "mii", "", ""),
        ("vendor/net/dm9000.ko", "dm9000", "xz", "+XZ"),
        ("vendor/nvmet.ko", "nvmet", "zstd -q --rm", "+ZSTD"),
    ] {
        module(folder, file, NEW, table);
        let can = || has(&format!("modprobe with {feature}"), reads.contains(feature));
        if !packer.is_empty() && has_command(packer.split(' ').next().unwrap()) && can() {
            must(&format!("{packer} {file}"), folder);
        }
    }
    assert_eq!(must(&recipe(JOIN), folder), "");
    let tables = ["dm9000", "mii", "nvmet"]
        .map(|table| ARM.text(&read(testdata(&format!("{NEW}/{table}.versions")))))
        .concat();
    let mut lines: Vec<_> = tables.split_inclusive('\n').collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(text(folder.join("vendor.symvers")), lines.concat());

    assert_eq!(must(&recipe_for("vendor.symvers"), folder), "");
    assert!(table("fixed.ko", folder) == table("vendor.ko", folder));
}

/// The other texts that become models, in the README and the manual.
#[test]
fn makes_a_model_of_other_texts() {
    let new = text(testdata(&format!("{NEW}/Module.symvers")));
    let each = |line: fn(&str, &str) -> String| -> String {
        let lines = new.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        lines.map(|line_| line(&line_[0][2..], line_[1])).collect()
    };
    let kallsyms = each(|crc, symbol| {
        format!("00000000{crc} A __crc_{symbol}\nc0100000 T {symbol}\n12345678 r __crc_{symbol}\n")
    });
    let from_a_module = each(|crc, symbol| format!("{crc} a __crc_{symbol}\t[mine]\n"));
    let c = each(|crc, symbol| format!("\t{{ 0x{crc}, \"{symbol}\" }},\n"));
    let rpm = each(|crc, symbol| format!("kernel({symbol}) = 0x{crc}\n"));
    let sed = line("sed", "__crc_", "");
    assert_eq!(manual("sed -n "), sed);
    for (file, contents, command) in [
        ("kallsyms", kallsyms, sed.clone()),
        ("kallsyms", from_a_module, sed),
        (
            "vendor.mod.c",
            c,
            manual("sed -nE 's/.*(0x") + ">vendor.symvers",
        ),
        (
            "rpm",
            rpm,
            manual("sed -nE 's/kernel") + "<rpm >vendor.symvers",
        ),
    ] {
        let scratch = scratch("mii");
        let folder = scratch.path();
        write(folder.join(file), contents);
        must(&command, folder);
        assert_eq!(must(&recipe_for("vendor.symvers"), folder), "", "{command}");
        assert!(table("fixed.ko", folder) == table("vendor.ko", folder));
    }
}

/// What the program says of such a text is a phrase of the manual.
#[test]
fn leads_to_the_manual() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    write(folder.join("kallsyms"), "0a0a0a0a A __crc_printk\n");
    let (status, message) = sh(&recipe_for("kallsyms"), folder);
    let phrase = "is of nm or kallsyms";
    assert_eq!(status, 1);
    assert!(
        message.contains(&format!("{phrase}; see MODELS in update_versions(1)")),
        "{message}"
    );
    assert!(
        text(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/update_versions.1"))
            .contains(&format!(".Ql {phrase}"))
    );
}

#[test]
fn takes_a_line_that_is_typed() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    let typed = line("0x", "module_layout", "");
    assert!(manual("echo 0x").contains(&typed));
    must(&manual("echo 0x"), folder);
    must(
        &recipe_with("-k model").replace("model.versions >", "--symvers typed.symvers >"),
        folder,
    );
    let (old, new) = (table("mine.ko", folder), table("vendor.ko", folder));
    let fixed = table("fixed.ko", folder);
    for ((fixed, old), new) in fixed.chunks(64).zip(old.chunks(64)).zip(new.chunks(64)) {
        let layout = old[4..].starts_with(b"module_layout\0");
        assert!(fixed == if layout { new } else { old });
    }
    assert!(fixed != old);
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
        ("vmlinux.symvers", line("awk", "vmlinux", "")),
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
    let tables = [new("dm9000"), new("mii"), new("snd")].concat();
    write(folder.join("vendor.symvers"), ARM.text(&tables));
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
fn drops_the_extended_sections() {
    let scratch = scratch("mii");
    let folder = scratch.path();
    must(
        "echo x >x; for i in crcs names; do arm-linux-gnueabi-objcopy --add-section __version_ext_$i=x mine.ko; done
        mkdir modules; cp mine.ko modules",
        folder,
    );
    let new = read(testdata(&format!("{NEW}/mii.versions")));
    for name in ["Module.symvers", "vendor.symvers"] {
        write(folder.join(name), ARM.text(&new));
    }
    for (recipe, fixed) in [
        (recipe(FIX), "fixed.ko"),
        (recipe(SYMVERS), "fixed.ko"),
        (recipe(MANY), "fixed/modules/mine.ko"),
    ] {
        must(&recipe, folder);
        let sections = format!("arm-linux-gnueabi-objdump -h {fixed} | grep -o '__version[a-z_]*'");
        assert_eq!(must(&sections, folder), "__versions\n");
        assert!(table(fixed, folder) == new);
        must("rm -r fixed*", folder);
    }
}

/// A kind of machine: its tools, how a record looks there, and where real tables of it are.
struct Machine {
    tools: &'static str,
    crc_size: usize,
    big_endian: bool,
    tables: &'static str,
}

const ARM: Machine = Machine {
    tools: "arm-linux-gnueabi",
    crc_size: 4,
    big_endian: false,
    tables: "armmp/mii",
};
const ARM64: Machine = Machine {
    tools: "aarch64-linux-gnu",
    crc_size: 8,
    big_endian: false,
    tables: "arm64/smc91x",
};
const S390X: Machine = Machine {
    tools: "s390x-linux-gnu",
    crc_size: 8,
    big_endian: true,
    tables: "s390x/8021q",
};
/// It has ARM's tables, each CRC reversed.
const POWERPC: Machine = Machine {
    tools: "powerpc-linux-gnu",
    crc_size: 4,
    big_endian: true,
    tables: "armmp/mii",
};

impl Machine {
    fn is_there(&self) -> bool {
        has_command(&format!("{}-objcopy", self.tools))
    }

    /// A command line in the words of this machine.
    fn words(&self, line: &str) -> String {
        line.replace("arm-linux-gnueabi", self.tools)
            .replace("aarch64-linux-gnu", self.tools)
    }

    fn table(&self, build: &str) -> Vec<u8> {
        let mut table = read(testdata(&format!("6.1.0-{build}-{}.versions", self.tables)));
        if self.big_endian && self.crc_size == 4 {
            table
                .chunks_mut(64)
                .for_each(|record| record[..4].reverse());
        }
        table
    }

    /// The symbol of a record.
    fn symbol<'a>(&self, record: &'a [u8]) -> &'a str {
        let name = std::str::from_utf8(&record[self.crc_size..]).unwrap();
        name.trim_end_matches('\0')
    }

    /// A table as modprobe prints it.
    fn text(&self, table: &[u8]) -> String {
        symvers(table, self.crc_size, self.big_endian)
    }

    fn assemble(&self, source: &str, file: &str, folder: &Path) {
        write(folder.join("module.S"), source);
        must(&format!("{}-as module.S -o {file}", self.tools), folder);
    }

    /// A folder with `vendor.ko` and `mine.ko`, of the new and the old kernel, and a text model.
    fn scratch(&self) -> tempfile::TempDir {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        for (file, build) in [("vendor.ko", "50"), ("mine.ko", "47")] {
            write(folder.join("table"), self.table(build));
            let source = ".section __versions, \"a\"\n.incbin \"table\"\n";
            self.assemble(source, file, folder);
        }
        let text = self.text(&self.table("50"));
        write(folder.join("Module.symvers"), text);
        scratch
    }
}

/// The recipes in the words of other machines: nothing else changes.
#[test]
fn fixes_modules_of_other_machines() {
    for machine in [ARM64, S390X, POWERPC] {
        if !machine.is_there() {
            continue;
        }
        let scratch = machine.scratch();
        let folder = scratch.path();
        let fixes = |recipe: &str| {
            assert_eq!(
                must(&machine.words(recipe), folder),
                "",
                "{}",
                machine.tools
            );
            let [fixed, vendor] = ["fixed.ko", "vendor.ko"].map(|file| read(folder.join(file)));
            assert!(fixed == vendor, "{}", machine.tools);
            must("rm fixed.ko", folder);
        };
        fixes(&recipe(FIX));
        if machine.tools == POWERPC.tools {
            let (status, text) = sh(&machine.words(&recipe(SYMVERS)), folder);
            assert_eq!(status, 1);
            assert!(text.contains("try --target elf32-big\n"), "{text}");
            assert!(!folder.join("fixed.ko").exists());
            fixes(&recipe_with("--target"));
        } else {
            fixes(&recipe(SYMVERS));
        }
    }
}

/// The manual's recipe, for a module with an empty table and for one that has no such section.
#[test]
fn makes_a_table_for_a_module_without_one() {
    for (machine, pack) in [
        (ARM, "a4a60"),
        (POWERPC, "a4a60"),
        (ARM64, "a8a56"),
        (S390X, "x7a1a56"),
    ] {
        if !machine.is_there() {
            continue;
        }
        let scratch = machine.scratch();
        let folder = scratch.path();
        let new = machine.table("50");
        let mut source: String = new
            .chunks(64)
            .map(|record| machine.symbol(record))
            .filter(|symbol| *symbol != "module_layout")
            .map(|symbol| format!(".long {symbol}\n"))
            .collect();
        source += ".global of_the_module_itself\nof_the_module_itself:\n";
        let mut recipe = machine
            .words(&manual("rm -f fixed.ko\n(echo module_layout"))
            .replace("a4a60", pack);
        if machine.tools == POWERPC.tools {
            recipe = recipe.replace("--symvers", "--target elf32-big --symvers");
        }
        let same = || {
            let dump =
                "arm-linux-gnueabi-objcopy fixed.ko /dev/null --dump-section __versions=dump";
            must(&machine.words(dump), folder);
            let sorted = |table: &[u8]| {
                let mut records: Vec<_> = table.chunks(64).map(<[u8]>::to_vec).collect();
                records.sort();
                records
            };
            assert!(
                sorted(&read(folder.join("dump"))) == sorted(&new),
                "{}",
                machine.tools
            );
            must("rm fixed.ko", folder);
        };
        machine.assemble(&source, "mine.ko", folder);
        assert_eq!(must(&recipe, folder), "");
        same();

        source += ".section __versions, \"a\"\n";
        machine.assemble(&source, "mine.ko", folder);
        assert_eq!(must(&recipe, folder), "");
        same();

        // A weak symbol that the kernel does not have.
        source += ".data\n.weak nowhere\n.long nowhere\n";
        machine.assemble(&source, "mine.ko", folder);
        assert_eq!(sh(&recipe, folder).0, 1);
        assert!(!folder.join("fixed.ko").exists());
        must(&recipe.replace("--strict", "--strict -k"), folder);
        assert!(folder.join("fixed.ko").exists());
    }
}

/// The manual's recipe for a module that has the extended sections alone.
#[test]
fn makes_a_table_of_the_extended_names() {
    for (machine, pack) in [(ARM64, "a8a56"), (S390X, "x7a1a56")] {
        if !machine.is_there() {
            continue;
        }
        let scratch = machine.scratch();
        let folder = scratch.path();
        let new = machine.table("50");
        let names = new.chunks(64).map(|record| machine.symbol(record));
        let names: String = names.map(|name| format!(".asciz \"{name}\"\n")).collect();
        let (crcs, end) = (".section __version_ext_crcs, \"a\"\n.long 1\n", ".byte 0\n");
        let source = format!("{crcs}.section __version_ext_names, \"a\"\n{names}{end}");
        machine.assemble(&source, "mine.ko", folder);
        let recipe = machine.words(&manual("rm -f fixed.ko\naarch64"));
        assert_eq!(must(&recipe.replace("a8a56", pack), folder), "");
        let dump = machine.words("arm-linux-gnueabi-objcopy fixed.ko /dev/null --dump-section __versions=dump; arm-linux-gnueabi-objdump -h fixed.ko");
        assert!(!must(&dump, folder).contains("__version_ext"));
        assert!(read(folder.join("dump")) == new);
    }
}
