//! The commands of the README, the manual and the help, as they stand there, with the real objcopy on
//! real objects.

mod common;

use std::path::Path;

use common::modules::{
    ARM, ARM64, Architecture, NEW, OLD, POWERPC, S390X, arm_module, arm_scratch,
};
use common::page::{
    manual, manual_blocks, output_of, readme, readme_blocks, readme_code, recipe, shell, with,
};
use common::{LITTLE32, has, has_command, read, testdata, text, write};

const FIX: &str = "fix Module.symvers mine.ko fixed.ko";
const LIST: &str = "--strict -v";
const VENDOR: &str = "find vendor/";
const MANY: &str = "find modules/";

/// Runs a recipe of the README on ARM modules; it has to succeed.
fn follow(part: &str, folder: &Path) -> String {
    output_of(&recipe(part, ARM.tools), folder)
}

/// Calls `fix` with these arguments.
fn call_fix(arguments: &str, folder: &Path) -> (i32, String) {
    let line = recipe(FIX, ARM.tools).replace(FIX, &format!("fix {arguments}"));
    shell(&line, folder)
}

/// Headers, code, symbols and relocations of a module: all but the contents of its table.
fn all_but_the_table(file: &str, folder: &Path) -> String {
    let sections = ".modinfo .init.text .gnu.linkonce.this_module .ARM.attributes";
    let line = format!(
        "arm-linux-gnueabi-readelf -a {file}
        for i in {sections}; do arm-linux-gnueabi-readelf -x $i {file}; done"
    );
    output_of(&line, folder)
}

#[test]
fn readme_has_these_recipes() {
    let tested = ["fix() (", FIX, VENDOR, LIST, MANY];
    assert_eq!(readme_blocks().len(), tested.len());
    for part in tested {
        with(part, readme_blocks());
    }
}

#[test]
fn fixes_a_module() {
    let scratch = arm_scratch("dm9000");
    let folder = scratch.path();
    let (vendor, mine) = (read(folder.join("vendor.ko")), read(folder.join("mine.ko")));
    let before = all_but_the_table("mine.ko", folder);
    assert_eq!(follow(FIX, folder), "");
    let files = output_of("ls", folder);
    assert_eq!(
        files,
        "Module.symvers\nfixed.ko\nmine.ko\ntables\nvendor.ko\n"
    );
    assert_eq!(all_but_the_table("fixed.ko", folder), before);
    assert!(read(folder.join("vendor.ko")) == vendor);
    assert!(read(folder.join("mine.ko")) == mine);
    // The two builds differ in their CRCs alone.
    assert!(read(folder.join("fixed.ko")) == vendor);
}

#[test]
fn fixes_a_module_by_one_that_loads() {
    let scratch = arm_scratch("dm9000");
    let folder = scratch.path();
    let dump = readme_code("--dump-section __versions=vendor.versions");
    let fix = readme_code("fix vendor.versions");
    let line = recipe(FIX, ARM.tools).replace(FIX, &format!("{dump} && {fix}"));
    assert_eq!(output_of(&line, folder), "");
    assert!(read(folder.join("fixed.ko")) == read(folder.join("vendor.ko")));
}

#[test]
fn fixes_files_with_blanks_in_their_names() {
    let scratch = arm_scratch("mii");
    let folder = scratch.path();
    output_of(
        "mkdir 'a b'; mv mine.ko 'a b/my module.ko'; mv Module.symvers 'a b'",
        folder,
    );
    let arguments = "'a b/Module.symvers' 'a b/my module.ko' 'a b/fixed module.ko'";
    assert_eq!(call_fix(arguments, folder), (0, String::new()));
    assert!(read(folder.join("a b/fixed module.ko")) == read(folder.join("vendor.ko")));
}

/// Nor does it change a file that is there.
#[test]
fn writes_no_module_where_it_fails() {
    let scratch = arm_scratch("nvmet");
    let folder = scratch.path();
    let symvers = text(folder.join("Module.symvers"));
    let without = symvers.replace("\tflush_work\t", "\tflush_walk\t");
    write(folder.join("short.symvers"), without);
    output_of(
        "arm-linux-gnueabi-objcopy -R __versions mine.ko none.ko",
        folder,
    );
    output_of(
        "arm-linux-gnueabi-objcopy vendor.ko /dev/null --dump-section __versions=t",
        folder,
    );
    output_of(
        ": >e; arm-linux-gnueabi-objcopy mine.ko empty.ko --update-section __versions=e; xz -k mine.ko; rm e",
        folder,
    );
    let before = output_of("ls; cksum *.ko", folder);
    for (arguments, in_first_line) in [
        (
            "short.symvers mine.ko fixed.ko",
            "update_versions: symbol: flush_work: is not in the model",
        ),
        (
            "nosuch mine.ko fixed.ko",
            "update_versions: model: nosuch: No such file or directory",
        ),
        (
            "vendor.ko mine.ko fixed.ko",
            "update_versions: model: vendor.ko: is an ELF file",
        ),
        (
            "Module.symvers nosuch.ko fixed.ko",
            "arm-linux-gnueabi-objcopy: 'nosuch.ko': No such file",
        ),
        (
            "Module.symvers none.ko fixed.ko",
            "arm-linux-gnueabi-objcopy: none.ko: can't dump section '__versions'",
        ),
        (
            "Module.symvers empty.ko fixed.ko",
            "update_versions: input: <stdin>: is empty",
        ),
        (
            "Module.symvers mine.ko.xz fixed.ko",
            "arm-linux-gnueabi-objcopy: ",
        ),
        (
            "Module.symvers mine.ko ./mine.ko",
            "where NEW does not exist yet",
        ),
        ("t mine.ko t", "where NEW does not exist yet"),
        (
            "Module.symvers mine.ko none.ko empty.ko",
            "usage: fix MODEL OLD NEW",
        ),
        ("Module.symvers mine.ko", "usage: fix MODEL OLD NEW"),
        ("", "usage: fix MODEL OLD NEW"),
    ] {
        let (status, said) = call_fix(arguments, folder);
        assert_ne!(status, 0, "{arguments}");
        let first = said.lines().next().unwrap();
        assert!(first.contains(in_first_line), "{arguments}: {said}");
        assert_eq!(output_of("ls; cksum *.ko", folder), before, "{arguments}");
    }
}

/// The text model of modules that are packed, as far as modprobe reads such.
#[test]
fn makes_a_text_of_the_modules_of_a_device() {
    if !has_command("/sbin/modprobe") {
        return;
    }
    let scratch = arm_scratch("mii");
    let folder = scratch.path();
    std::fs::create_dir_all(folder.join("vendor/net")).unwrap();
    follow(VENDOR, folder);
    let (status, said) = call_fix("vendor.symvers mine.ko fixed.ko", folder);
    assert!(
        status == 1 && said.contains(": vendor.symvers: is empty; "),
        "{said}"
    );

    let reads = output_of("/sbin/modprobe --version", folder);
    let mut versions = Vec::new();
    for (file, table, packer, feature) in [
        ("vendor/mii.ko", "mii", "", ""),
        ("vendor/net/dm9000.ko", "dm9000", "xz", "+XZ"),
        ("vendor/nvmet.ko", "nvmet", "zstd -q --rm", "+ZSTD"),
    ] {
        arm_module(folder, file, NEW, table);
        let can = || has(&format!("modprobe with {feature}"), reads.contains(feature));
        if !packer.is_empty() && has_command(packer.split(' ').next().unwrap()) && can() {
            output_of(&format!("{packer} {file}"), folder);
        }
        versions.extend(
            ARM.layout
                .text(&ARM.table(NEW, table))
                .lines()
                .map(str::to_owned),
        );
    }
    // What a module exports belongs to it, too.
    let export = ".global __crc_of_my_own\n__crc_of_my_own = 0x1234\n";
    ARM.assemble(folder, "vendor/own.ko", &ARM.table(NEW, "mii"), export);
    versions.push("0x00001234\tof_my_own".to_owned());
    assert_eq!(follow(VENDOR, folder), "");
    versions.sort_unstable();
    versions.dedup();
    assert_eq!(
        text(folder.join("vendor.symvers")),
        versions.join("\n") + "\n"
    );

    let fix = readme_code("fix vendor.symvers");
    assert_eq!(
        call_fix(fix.strip_prefix("fix ").unwrap(), folder),
        (0, String::new())
    );
    assert!(read(folder.join("fixed.ko")) == read(folder.join("vendor.ko")));
}

#[test]
fn shows_what_would_change() {
    let scratch = arm_scratch("dm9000");
    let folder = scratch.path();
    let report = follow(LIST, folder);
    assert_eq!(report, text(testdata("report/dm9000-armmp.txt")));
    // The README shows the beginning of it, and its last line.
    for line in report.lines().take(1).chain(report.lines().last()) {
        assert!(readme().contains(&format!("    {line}\n")), "{line}");
    }
    // Nothing in a module that the kernel loads.
    output_of("cp vendor.ko mine.ko", folder);
    let report = follow(LIST, folder);
    assert!(
        report.starts_with("87 records: 0 changed, 87 unchanged"),
        "{report}"
    );
}

#[test]
fn keeps_what_is_not_in_the_model() {
    let scratch = arm_scratch("qrtr");
    let folder = scratch.path();
    output_of(
        "sed -Ei '/radix_tree_(delete|iter_resume)/d' Module.symvers",
        folder,
    );
    let keep = readme_code("--strict -k");
    let line = recipe(FIX, ARM.tools).replace("--strict", &keep);
    let said = output_of(&line, folder);
    assert!(
        said.ends_with("2 of them not in the model; these keep their old CRCs\n"),
        "{said}"
    );
    let (old, new) = (ARM.dump(folder, "mine.ko"), ARM.dump(folder, "fixed.ko"));
    for (old, new) in LITTLE32.versions(&old).iter().zip(LITTLE32.versions(&new)) {
        let kept = ["radix_tree_delete", "radix_tree_iter_resume"].contains(&old.1);
        assert!(!kept || *old == new, "{old:?}");
    }
    assert!(old != new);
}

/// Of modules that use each other, each keeps the CRCs that the others export.
#[test]
fn fixes_many_modules_that_use_each_other() {
    if !has_command("/sbin/modprobe") || !has_command("xz") || !has_command("zstd") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    std::fs::create_dir_all(folder.join("modules/net")).unwrap();
    let kernel = read(testdata("6.1.0-50-armmp/Module.symvers"));
    let own = "0x0000aaaa\tof_mii\tdrivers/net/mii\tEXPORT_SYMBOL\t\n";
    write(
        folder.join("Module.symvers"),
        [&kernel[..], own.as_bytes()].concat(),
    );
    let export = ".global __crc_of_mii\n__crc_of_mii = 0xbbbb\n";
    ARM.assemble(folder, "modules/mii.ko", &ARM.table(OLD, "mii"), export);
    let import = [ARM.table(OLD, "dm9000"), LITTLE32.record(0xbbbb, "of_mii")].concat();
    ARM.assemble(folder, "modules/net/dm9000.ko", &import, "");
    let unchanged = [ARM.table(NEW, "smc91x"), LITTLE32.record(0xbbbb, "of_mii")].concat();
    ARM.assemble(folder, "copy.ko", &unchanged, "");
    output_of("mv copy.ko \"modules/net/a b'c.ko\"", folder);
    arm_module(folder, "modules/snd.ko", OLD, "snd");
    let pack = "xz modules/snd.ko; zstd -q --rm modules/mii.ko; gzip modules/net/dm9000.ko";
    output_of(pack, folder);
    assert_eq!(follow(MANY, folder), "4 modules, 1 unchanged\n");
    for (file, table) in [
        ("mii", ARM.table(NEW, "mii")),
        (
            "net/dm9000",
            [ARM.table(NEW, "dm9000"), LITTLE32.record(0xbbbb, "of_mii")].concat(),
        ),
        ("net/a b'c", unchanged),
        ("snd", ARM.table(NEW, "snd")),
    ] {
        output_of(&format!("cp \"fixed/modules/{file}.ko\" copy.ko"), folder);
        assert!(ARM.dump(folder, "copy.ko") == table, "{file}");
    }
    let list = "./mii.ko\n./net/a b'c.ko\n./net/dm9000.ko\n./snd.ko\n";
    assert_eq!(
        output_of("cd fixed/modules; find . -type f | sort", folder),
        list
    );

    // A module that cannot be fixed is named, below the reason, and an older file is removed.
    write(folder.join("modules/mii.ko"), "no module");
    let said = follow(MANY, folder);
    assert!(said.starts_with("arm-linux-gnueabi-objcopy: "), "{said}");
    assert!(
        said.ends_with("failed: modules/mii.ko\n4 modules, 0 unchanged\n"),
        "{said}"
    );
    assert!(!folder.join("fixed/modules/mii.ko").exists());
    // Nor is a set of nothing success.
    output_of("rm -r modules; mkdir modules", folder);
    assert_eq!(follow(MANY, folder), "0 modules, 0 unchanged\n");
}

#[test]
fn drops_the_extended_sections() {
    let scratch = arm_scratch("mii");
    let folder = scratch.path();
    output_of(
        "echo x >x; for i in crcs names; do arm-linux-gnueabi-objcopy --add-section __version_ext_$i=x mine.ko; done",
        folder,
    );
    follow(FIX, folder);
    let sections = "arm-linux-gnueabi-objdump -h fixed.ko | grep -o '__version[a-z_]*'";
    assert_eq!(output_of(sections, folder), "__versions\n");
    assert!(ARM.dump(folder, "fixed.ko") == ARM.table(NEW, "mii"));
}

/// Nothing changes but the name of objcopy.
#[test]
fn fixes_modules_of_other_architectures() {
    for architecture in [ARM64, S390X, POWERPC] {
        if architecture.is_there() {
            let scratch = architecture.scratch();
            let folder = scratch.path();
            let recipe = recipe(FIX, architecture.tools);
            assert_eq!(output_of(&recipe, folder), "", "{}", architecture.tools);
            let [fixed, vendor] = ["fixed.ko", "vendor.ko"].map(|file| read(folder.join(file)));
            assert!(fixed == vendor, "{}", architecture.tools);
        }
    }
}

#[test]
fn asks_for_the_byte_order_where_nothing_shows_it() {
    if !POWERPC.is_there() {
        return;
    }
    let scratch = POWERPC.scratch();
    let folder = scratch.path();
    let new = POWERPC.table(NEW, POWERPC.module);
    let mut old = new.clone();
    old.chunks_mut(64).for_each(|record| record[1] ^= 1);
    POWERPC.assemble(folder, "mine.ko", &old, "");
    let recipe = recipe(FIX, POWERPC.tools);
    let said = output_of(&recipe, folder);
    let row = readme_code("no byte order");
    assert!(said.contains(&row), "{said}");
    assert!(POWERPC.dump(folder, "fixed.ko") != new);
    let option = readme_code("--strict --big-endian");
    assert_eq!(
        output_of(
            &format!("rm fixed.ko; {}", recipe.replace("--strict", &option)),
            folder
        ),
        ""
    );
    assert!(POWERPC.dump(folder, "fixed.ko") == new);
}

/// The README's rows begin with what is said.
#[test]
fn says_what_the_readme_explains() {
    for code in [
        "symbol: X: is not in the model",
        "has two CRCs for X",
        "CRCs of the model already",
        "shows no byte order",
    ] {
        readme_code(code);
    }
    let scratch = arm_scratch("mii");
    let folder = scratch.path();
    let line = recipe(FIX, ARM.tools).replace("mine.ko", "vendor.ko");
    assert!(output_of(&line, folder).contains("CRCs of the model already; nothing changes\n"));
    output_of(&format!("rm fixed.ko; {}", recipe(FIX, ARM.tools)), folder);
    let btf = readme_code(".BTF.base");
    output_of(&format!("objcopy=arm-linux-gnueabi-objcopy; {btf}"), folder);
    if has_command("/sbin/modprobe") {
        let list = readme_code("--show-modversions mine.ko");
        let lines = output_of(&list, folder);
        assert_eq!(lines, ARM.layout.text(&ARM.table(OLD, "mii")));
    }
}

/// What makes a model of other files, in the manual: the line after a comment that has this in it.
#[test]
fn makes_a_model_of_other_files() {
    let block = with("SYMVER", manual_blocks());
    let mut commands = Vec::new();
    for part in block.split("# ").skip(1) {
        // A comment begins a line, but `#SYMVER` has no blank after the `#`.
        commands.push(part.split_once('\n').unwrap());
    }
    let new = ARM.table(NEW, "mii");
    let versions = LITTLE32.versions(&new);
    let each = |line: &dyn Fn(&str, &str) -> String| -> String {
        let lines = versions
            .iter()
            .map(|(crc, symbol)| line(&format!("{crc:08x}"), symbol));
        lines.collect()
    };
    let files = [
        (
            "*.mod.c",
            "mine.mod.c",
            each(&|crc, symbol| format!("\t{{ 0x{crc}, \"{symbol}\" }},\n"))
                + "\t{        0, \"without_a_prototype\" },\n#define x \"y\"\n",
        ),
        (
            "*.mod.c",
            "mine.mod.c",
            each(&|crc, symbol| format!("\t{{ 0x{crc}, __VMLINUX_SYMBOL_STR({symbol}) }},\n")),
        ),
        (
            "#SYMVER",
            ".mii.o.cmd",
            "savedcmd := gcc\n".to_owned()
                + &each(&|crc, symbol| format!("#SYMVER {symbol} 0x{crc}\n")),
        ),
        (
            "SYMBOL_CRC(",
            "vmlinux.export.c",
            each(&|crc, symbol| {
                format!(
                    "KSYMTAB_FUNC({symbol}, \"\", \"\");\nSYMBOL_CRC({symbol}, 0x{crc}, \"_gpl\");\n"
                )
            }),
        ),
        (
            "linker",
            "mii.ver",
            each(&|crc, symbol| format!("__crc_{symbol} = 0x{crc} ;\n")),
        ),
        (
            "rpm:",
            "rpm",
            each(&|crc, symbol| format!("kernel({symbol}) = 0x{crc}\nmodule(x) = 1\n")),
        ),
        (
            "rpm:",
            "rpm",
            each(&|crc, symbol| {
                format!("ksym(default:{symbol}) = {}\n", crc.trim_start_matches('0'))
            }),
        ),
        (
            "abi_gki_aarch64.xml",
            "abi_gki_aarch64.xml",
            each(&|crc, symbol| {
                format!(
                    "    <elf-symbol name='{symbol}' type='func-type' binding='global-binding' crc='0x{crc}'/>\n"
                )
            }),
        ),
        (
            "abi.stg",
            "abi.stg",
            each(&|crc, symbol| {
                format!(
                    "elf_symbol {{\n  id: 0x1\n  name: \"{symbol}\"\n  is_defined: true\n  symbol_type: FUNCTION\n  crc: 0x{crc}\n  full_name: \"x::{symbol}\"\n}}\n"
                )
            }),
        ),
        (
            "vmlinux",
            "vmlinux",
            each(&|crc, symbol| format!(".global __crc_{symbol}\n__crc_{symbol} = 0x{crc}\n")),
        ),
    ];
    for (comment, file, contents) in files {
        let scratch = ARM.scratch();
        let folder = scratch.path();
        write(folder.join(file), &contents);
        let of_comment = |(line, _): &&(&str, &str)| line.contains(comment);
        let (_, command) = commands.iter().find(of_comment).expect(comment);
        let setup = match file {
            "rpm" => "rpm() { cat rpm; }; ",
            "vmlinux" => "mv vmlinux vmlinux.S; arm-linux-gnueabi-as vmlinux.S -o vmlinux; ",
            _ => "",
        };
        let line = format!("{setup}{{ {command}}} >model.symvers");
        output_of(&line, folder);
        let said = call_fix("model.symvers mine.ko fixed.ko", folder);
        assert_eq!(said, (0, String::new()), "{comment}");
        assert!(
            read(folder.join("fixed.ko")) == read(folder.join("vendor.ko")),
            "{comment}"
        );
        // A CRC of 0 is a CRC.
        let model = text(folder.join("model.symvers"));
        let has_zero = model.contains("0 without_a_prototype\n");
        assert_eq!(
            has_zero,
            contents.contains("without_a_prototype"),
            "{comment}"
        );
    }
    assert_eq!(commands.len(), 9);
    let (_, powerpc) = commands[8];
    let scratch = ARM.scratch();
    write(
        scratch.path().join("Module.symvers"),
        "0x1\tprintk\tvmlinux\n",
    );
    assert_eq!(
        output_of(powerpc, scratch.path()),
        "0x1 printk\n0x1 .printk\n"
    );
}

/// Lists of symbols are models as they are: of the real nm, and as kallsyms prints them.
#[test]
fn takes_lists_of_symbols() {
    let scratch = ARM.scratch();
    let folder = scratch.path();
    let new = ARM.table(NEW, "mii");
    let mut source = ".text\n.global start\nstart: bl printk\n".to_owned();
    let mut kallsyms = "c0008000 T _text\n".to_owned();
    for (crc, symbol) in LITTLE32.versions(&new) {
        source += &format!(".global __crc_{symbol}\n__crc_{symbol} = {crc:#x}\n");
        kallsyms += &format!("{crc:016x} a __crc_{symbol}\t[mii]\nc0008000 t {symbol}\t[mii]\n");
    }
    ARM.assemble(folder, "vmlinux", b"", &source);
    output_of("arm-linux-gnueabi-nm vmlinux >list", folder);
    write(folder.join("kallsyms"), kallsyms);
    for model in ["list", "kallsyms"] {
        let said = call_fix(&format!("{model} mine.ko fixed.ko"), folder);
        assert_eq!(said, (0, String::new()), "{model}");
        assert!(ARM.dump(folder, "fixed.ko") == new, "{model}");
        output_of("rm fixed.ko", folder);
    }
}

#[test]
fn takes_a_line_that_is_typed() {
    let scratch = arm_scratch("mii");
    let folder = scratch.path();
    let manual = manual();
    let typed = manual
        .lines()
        .find_map(|line| line.strip_prefix(".Dl echo "));
    output_of(&format!("echo {}", typed.unwrap()), folder);
    let line = recipe(FIX, ARM.tools)
        .replace("--strict", "--strict -k")
        .replace("Module.symvers", "typed.symvers");
    output_of(&line, folder);
    let (old, new) = (ARM.table(OLD, "mii"), ARM.table(NEW, "mii"));
    let mut expected = LITTLE32.versions(&old);
    for (version, new) in expected.iter_mut().zip(LITTLE32.versions(&new)) {
        if version.1 == "module_layout" {
            *version = new;
        }
    }
    assert_eq!(LITTLE32.versions(&ARM.dump(folder, "fixed.ko")), expected);
}

/// A command of the help or the manual, on a real module, where everything is that it may need.
fn example_works(command: &str) {
    let scratch = arm_scratch("dm9000");
    let folder = scratch.path();
    let (new, old) = (ARM.table(NEW, "dm9000"), ARM.table(OLD, "dm9000"));
    write(folder.join("old.versions"), &old);
    if command.contains("cmp") {
        assert_eq!(shell(command, folder).0, 1, "{command}");
        write(folder.join("old.versions"), &new);
    }
    let said = output_of(command, folder);
    if command.contains(" -v ") {
        assert_eq!(said, text(testdata("report/dm9000-armmp.txt")));
    }
    if command.contains("fixed.ko") {
        assert_eq!(said, "");
        assert!(
            read(folder.join("fixed.ko")) == read(folder.join("vendor.ko")),
            "{command}"
        );
    }
    if command.contains("=old.versions") {
        assert!(read(folder.join("old.versions")) == old);
    }
}

#[test]
fn help_has_an_example_that_works() {
    let help = include_str!("../src/help.txt");
    let lines = help.lines().skip_while(|line| !line.starts_with("  arm-"));
    let command: Vec<_> = lines.take_while(|line| line.starts_with("  ")).collect();
    assert_eq!(command.len(), 5);
    example_works(&command.join("\n"));
}

#[test]
fn manual_has_examples_that_work() {
    let manual = manual();
    let (_, section) = manual.split_once(".Sh EXAMPLES\n").unwrap();
    let section = section.split(".Sh ").next().unwrap();
    let mut commands: Vec<_> = manual_blocks();
    commands.retain(|block| section.contains(block));
    let lines = section.lines().filter_map(|line| line.strip_prefix(".Dl "));
    commands.extend(lines.map(str::to_owned));
    assert_eq!(commands.len(), 4);
    commands.iter().for_each(|command| example_works(command));
}

/// The manual's recipe, for a module with an empty table, with one that lacks symbols, with the newer
/// sections alone, and for one that has no table at all. The module itself shows its layout.
#[test]
fn makes_a_table_for_a_module_without_one() {
    let recipe = with("(echo module_layout", manual_blocks());
    for architecture in [ARM, POWERPC, ARM64, S390X] {
        if architecture.is_there() {
            makes_a_table(&architecture, &recipe);
        }
    }
}

fn makes_a_table(architecture: &Architecture, recipe: &str) {
    let tools = architecture.tools;
    let recipe = recipe.replace("arm-linux-gnueabi", tools);
    let scratch = architecture.scratch();
    let folder = scratch.path();
    let new = architecture.table(NEW, architecture.module);
    let mut source = ".global of_the_module_itself\nof_the_module_itself:\n".to_owned();
    let mut expected = architecture.layout.versions(&new);
    for (_, symbol) in &expected {
        if *symbol != "module_layout" {
            source += &format!(".long {symbol}\n");
        }
    }
    expected.sort();
    let extended = ".section __version_ext_crcs, \"a\"\n.long 1\n.section __version_ext_names, \"a\"\n.asciz \"printk\"\n";
    for (table, section) in [(&new[..0], ""), (&new[..128], ""), (&new[..0], extended)] {
        architecture.assemble(
            folder,
            "mine.ko",
            table,
            &format!(".data\n{source}{section}"),
        );
        if !section.is_empty() {
            output_of(&format!("{tools}-objcopy -R __versions mine.ko"), folder);
        }
        let said = output_of(&recipe, folder);
        // Only a 32-bit little-endian table has to be guessed at.
        let hints = said.matches("shows no byte order").count();
        assert_eq!(hints, usize::from(tools == ARM.tools), "{said}");
        assert_eq!(said.lines().count(), hints, "{said}");
        let dump = architecture.dump(folder, "fixed.ko");
        let mut made = architecture.layout.versions(&dump);
        made.sort();
        assert_eq!(made, expected, "{tools}");
        // It has one such section, which is aligned as modpost's is, or better.
        let sections = format!("{tools}-objdump -h fixed.ko | grep __version");
        let sections = output_of(&sections, folder);
        assert_eq!(sections.lines().count(), 1);
        assert!(sections.ends_with(" 2**3\n"), "{sections}");
    }

    // A weak symbol that the kernel does not have.
    let weak = format!(".data\n{source}.weak nowhere\n.long nowhere\n");
    architecture.assemble(folder, "mine.ko", b"", &weak);
    assert_eq!(shell(&recipe, folder).0, 1);
    assert!(!folder.join("fixed.ko").exists());
    output_of(&recipe.replace("--strict", "--strict -k"), folder);
    assert!(folder.join("fixed.ko").exists());
}

/// Only the record of the module's own class and byte order makes its table.
#[test]
fn makes_a_wrong_table_from_a_wrong_record() {
    let recipe = with("(echo module_layout", manual_blocks());
    let records = ["'V a60'", "'N a60'", "'V x4 a56'", "'x4 N a56'"];
    for (architecture, own) in [(ARM, 0), (POWERPC, 1), (ARM64, 2), (S390X, 3)] {
        if !architecture.is_there() {
            continue;
        }
        let scratch = architecture.scratch();
        let folder = scratch.path();
        let source = ".data\n.long module_layout\n.long printk\n";
        architecture.assemble(folder, "mine.ko", b"", source);
        write(
            folder.join("Module.symvers"),
            "0x01020304 printk\n0x05060708 module_layout\n",
        );
        for (number, record) in records.iter().enumerate() {
            let mut recipe = recipe.replace("arm-linux-gnueabi", architecture.tools);
            for other in records {
                recipe = recipe.replace(other, record);
            }
            let (status, _) = shell(&recipe, folder);
            let made = status == 0
                && architecture.dump(folder, "fixed.ko")[..64]
                    == architecture.layout.record(0x0506_0708, "module_layout");
            assert_eq!(
                made,
                number == own || architecture.layout.crc_size == 4 && number < 2,
                "{record}"
            );
        }
    }
}
