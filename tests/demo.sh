#!/bin/sh
# Fixes a module and shows what changed. Usage: sh tests/demo.sh, after a build.
set -eu
PATH=$PWD/target:$PATH
data=$PWD/testdata
fix=$(sed -n '/^objcopy=/,/^)/p' README.md)
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
cd "$scratch"

say() { printf '\n# %s\n' "$*"; }
run() {
	printf '$ %s\n' "$1"
	eval "$1"
}
# -v writes to standard error, as do failures.
list="\$objcopy %s /dev/null --dump-section __versions=/dev/stdout |
    update_versions --strict -v Module.symvers 2>&1 >/dev/null"
list() {
	# shellcheck disable=SC2059 # the name of a module goes into it
	run "$(printf "$list" "$1")"
}

say 'mine.ko is a stub with the symbol table of the dm9000 driver of Debian 6.1.0-47, for ARM.'
arm-linux-gnueabi-as -I "$data/6.1.0-47-armmp" "$data/module.S" -o mine.ko
say 'Module.symvers is from another kernel, Debian 6.1.0-50.'
cp "$data/6.1.0-50-armmp/Module.symvers" .

say 'This is from README.md:'
run "$fix"

say 'What that kernel would reject in mine.ko: the old CRC of a symbol, and the right one.'
list mine.ko

say 'Fix it:'
run 'fix Module.symvers mine.ko fixed.ko'

say 'The same list for fixed.ko. The kernel would accept it: no CRC has to change.'
list fixed.ko

say 'How many bytes of the file changed: at most 4 for each CRC in the first list.'
run 'cmp -l mine.ko fixed.ko | wc -l'
