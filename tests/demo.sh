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

say 'The model: the table of vendor.ko, a module that the kernel loads.'
run 'arm-linux-gnueabi-objcopy vendor.ko /dev/null --dump-section __versions=model.versions'

say 'What it would refuse in mine.ko: the old CRC of a symbol -> the one of the model.'
report mine.ko

say 'Fix it: write a new module, fixed.ko.'
run 'arm-linux-gnueabi-objcopy mine.ko /dev/null --dump-section __versions=/dev/stdout |
    update_versions --strict model.versions >new.versions &&
arm-linux-gnueabi-objcopy mine.ko fixed.ko -R '\''__version_ext*'\'' \
    --update-section __versions=new.versions'

say 'The same list for fixed.ko: no CRC is left to change.'
report fixed.ko

say 'How many bytes of the file changed: at most 4 for each CRC in the first list.'
run 'cmp -l mine.ko fixed.ko | wc -l'
