#!/bin/sh
# Fixes a module and shows what changed. Usage: sh tests/demo.sh, after a build.
set -eu
PATH=$PWD/target:$PATH
data=$PWD/testdata
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
cd "$scratch"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ %s\n' "$1"
	eval "$1"
}
report() {
	arm-linux-gnueabi-objcopy "$1" /dev/null --dump-section __versions=/dev/stdout |
		update_versions --strict -v model.versions 2>report >/dev/null
	cat report
}

# mine.ko is of an older kernel than vendor.ko: the tables are those of Debian's dm9000.ko.
arm-linux-gnueabi-as -I "$data/6.1.0-47-armmp" "$data/module.S" -o mine.ko
arm-linux-gnueabi-as -I "$data/6.1.0-50-armmp" "$data/module.S" -o vendor.ko

say 'The model: the symbol versions of a module that the kernel loads.'
run 'arm-linux-gnueabi-objcopy vendor.ko /dev/null --dump-section __versions=model.versions'

say 'What the kernel would refuse in ours: its CRC, and the one of the model.'
report mine.ko

say 'Fix it, into a new file.'
run 'arm-linux-gnueabi-objcopy mine.ko /dev/null --dump-section __versions=/dev/stdout |
    update_versions --strict model.versions >new.versions &&
arm-linux-gnueabi-objcopy mine.ko fixed.ko --update-section __versions=new.versions'

say 'The same question of the new file.'
report fixed.ko

say 'What changed in the file: the bytes of these CRCs, and nothing else.'
run 'cmp -l mine.ko fixed.ko | wc -l'
