//! Modules, assembled with the tables of Debian's.

use std::path::Path;

use super::page::output_of;
use super::{BIG32, BIG64, LITTLE32, LITTLE64, Layout, has_command, read, testdata, write};

/// An architecture: its tools, its layout, and where real tables for it are.
pub struct Architecture {
    pub tools: &'static str,
    pub layout: Layout,
    tables: &'static str,
    /// A module of it.
    pub module: &'static str,
}

pub const ARM: Architecture = Architecture {
    tools: "arm-linux-gnueabi",
    layout: LITTLE32,
    tables: "armmp",
    module: "mii",
};
pub const ARM64: Architecture = Architecture {
    tools: "aarch64-linux-gnu",
    layout: LITTLE64,
    tables: "arm64",
    module: "smc91x",
};
pub const S390X: Architecture = Architecture {
    tools: "s390x-linux-gnu",
    layout: BIG64,
    tables: "s390x",
    module: "8021q",
};
/// It has the tables of ARM, in its own byte order.
pub const POWERPC: Architecture = Architecture {
    tools: "powerpc-linux-gnu",
    layout: BIG32,
    tables: "armmp",
    module: "mii",
};

/// The build that a module is from.
pub const OLD: u32 = 47;
/// The build that has to accept it.
pub const NEW: u32 = 50;

impl Architecture {
    pub fn is_there(&self) -> bool {
        has_command(&format!("{}-objcopy", self.tools))
    }

    /// The table of a real module.
    pub fn table(&self, build: u32, module: &str) -> Vec<u8> {
        let path = format!("6.1.0-{build}-{}/{module}.versions", self.tables);
        let table = read(testdata(&path));
        match self.layout {
            BIG32 => BIG32.table(&LITTLE32.versions(&table)),
            _ => table,
        }
    }

    /// Assembles a module with this table, and with this source besides.
    pub fn assemble(&self, folder: &Path, file: &str, table: &[u8], source: &str) {
        write(folder.join("table"), table);
        let table = ".section __versions, \"a\"\n.incbin \"table\"\n";
        write(folder.join("module.S"), format!("{table}{source}"));
        let tools = self.tools;
        output_of(&format!("{tools}-as module.S -o '{file}'"), folder);
    }

    /// A folder with `vendor.ko` and `mine.ko`, of the new and the old build, and the text model
    /// `Module.symvers`, that has no symbol but theirs.
    pub fn scratch(&self) -> tempfile::TempDir {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path();
        let new = self.table(NEW, self.module);
        self.assemble(folder, "vendor.ko", &new, "");
        self.assemble(folder, "mine.ko", &self.table(OLD, self.module), "");
        write(folder.join("Module.symvers"), self.layout.text(&new));
        scratch
    }

    /// The section `__versions` of a module.
    pub fn dump(&self, folder: &Path, file: &str) -> Vec<u8> {
        let tools = self.tools;
        let line = format!("{tools}-objcopy '{file}' /dev/null --dump-section __versions=dump");
        output_of(&line, folder);
        read(folder.join("dump"))
    }
}

/// Assembles an ARM module like a real one, with the table of this one.
pub fn arm_module(folder: &Path, file: &str, build: u32, module: &str) {
    std::fs::create_dir_all(folder.join("tables")).unwrap();
    write(
        folder.join("tables/dm9000.versions"),
        ARM.table(build, module),
    );
    let source = testdata("module.S");
    let line = format!(
        "arm-linux-gnueabi-as -I tables '{}' -o '{file}'",
        source.display()
    );
    output_of(&line, folder);
}

/// A folder with such modules, `vendor.ko` and `mine.ko`, of the new and the old build, and the lines
/// of the new kernel's `Module.symvers`.
pub fn arm_scratch(module: &str) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path();
    arm_module(folder, "vendor.ko", NEW, module);
    arm_module(folder, "mine.ko", OLD, module);
    let symvers = read(testdata("6.1.0-50-armmp/Module.symvers"));
    write(folder.join("Module.symvers"), symvers);
    scratch
}
