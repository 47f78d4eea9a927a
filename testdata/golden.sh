#!/bin/sh
# Usage: golden.sh CASE: makes the model and the input of a golden case in this folder.
#        UPDATE_VERSIONS_PY=update_versions.py PYTHON2=python2.7 golden.sh: records all answers
#        of the script in golden. An answer is there as a file only if it begins no other file.
set -eu
export LC_ALL=C
data=$(cd "$(dirname "$0")" && pwd)
only=${1-}
if [ -z "$only" ]; then
	: "${UPDATE_VERSIONS_PY:?}" "${PYTHON2:?}"
	rm -rf "$data/golden" && mkdir "$data/golden"
	scratch=$(mktemp -d)
	trap 'rm -r "$scratch"' EXIT
	cd "$scratch"
fi

# golden CASE MODEL INPUT: the last two are shell commands that print them.
golden() {
	[ "${only:-$1}" = "$1" ] || return 0
	eval "$2" >model
	eval "$3" >input
	[ -z "$only" ] || exit 0
	status=0
	"$PYTHON2" "$UPDATE_VERSIONS_PY" model <input >"$1" 2>/dev/null || status=$?
	size=$(wc -c <"$1")
	for file in /dev/null "$data"/6.1.0-*/*.versions "$data"/golden/*; do
		cmp -s -n "$size" "$1" "$file" && break
		file=
	done
	[ -n "$file" ] || {
		file=$data/golden/$1
		mv "$1" "$file"
	}
	echo "$1 $status $size ${file#"$data/"}" >>answers
}

# The table of a module, of a kernel: VERSION-MACHINE/MODULE.
table() { cat "$data/6.1.0-$1.versions"; }
old() { table "47-armmp/$1"; }
new() { table "50-armmp/$1"; }
# shellcheck disable=SC2059 # the names have escapes
# A 32-bit record: CRC as four escaped bytes, name with printf's escapes.
entry() { { printf "$1"; printf "$2"; head -c 60 /dev/zero; } | head -c 64; }
pair() { entry '\1\2\3\4' 'printk'; entry '\5\6\7\10' 'kfree'; }

golden every-symbol "new dm9000" "old dm9000"
golden larger-model "new btrfs; new ext4" "old btrfs"
golden other-order "new smsc911x; new dm9000" "old dm9000"
golden twice-in-model "old mii; new mii" "old mii"
golden twice-side-by-side "entry '\1\1\1\1' a; entry '\2\2\2\2' a; entry '\3\3\3\3' b" \
	"entry '\0\0\0\0' a; entry '\0\0\0\0' b; entry '\0\0\0\0' a"
golden twice-in-input "new mii" "old mii; old mii"
golden missing-first "new dm9000" "old ext4"
golden missing-later "new nvmet" "old nvmet"
golden missing-two "new qrtr" "old qrtr"
golden missing-last pair "pair; entry '\0\0\0\0' panic"
golden input-empty "new mii" :
golden input-short "new mii" "old mii | head -c 63"
golden input-cut "new mii" "old mii | head -c 100"
golden model-empty-input-empty : :
golden model-short-input-empty "new mii | head -c 63" :
golden model-empty : "old mii"
golden model-cut "new mii | head -c 575" "old mii | head -c 512"
golden model-cut-missing "new mii | head -c 575" "old mii"
golden after-the-nul "entry '\1\1\1\1' 'printk\0garbage'; entry '\2\2\2\2' printk" \
	"entry '\0\0\0\0' printk; entry '\0\0\0\0' 'printk\0garbage'"
golden after-the-nul-missing "entry '\1\1\1\1' 'printk\0garbage'" "entry '\0\0\0\0' printk"
golden newlines "entry '\n\n\n\n' '\n'" "entry '\r\n\r\n' '\n'; entry '\n\r\n\r' '\n'"
golden name-without-nul "head -c 64 /dev/zero | tr '\0' x" "head -c 64 /dev/zero | tr '\0' x"
golden arm64 "table 50-arm64/smc91x" "table 47-arm64/smc91x"
golden s390x "table 50-s390x/8021q" "table 47-s390x/8021q"

[ -z "$only" ] || {
	echo "no golden case '$only'" >&2
	exit 1
}
mv answers "$data/golden"
