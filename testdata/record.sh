#!/bin/sh
# Records the golden cases: what the script itself writes, and its status.
# Usage: UPDATE_VERSIONS_PY=update_versions.py PYTHON2=python2.7 testdata/record.sh
set -eu
: "${UPDATE_VERSIONS_PY:?}" "${PYTHON2:?}"
cd "$(dirname "$0")"
old=6.1.0-47-armmp new=6.1.0-50-armmp
rm -rf golden && mkdir golden

# record NAME MODEL INPUT: the last two are shell commands that print them.
record() {
	eval "$2" >"golden/$1.model"
	eval "$3" >"golden/$1.input"
	status=0
	"$PYTHON2" "$UPDATE_VERSIONS_PY" "golden/$1.model" <"golden/$1.input" \
		>"golden/$1.stdout" 2>/dev/null || status=$?
	echo "$status" >"golden/$1.status"
}

# shellcheck disable=SC2059 # the names have escapes
# A 32-bit record: CRC as four escaped bytes, name with printf's escapes.
entry() { { printf "$1"; printf "$2"; head -c 60 /dev/zero; } | head -c 64; }
pair() { entry '\1\2\3\4' 'printk'; entry '\5\6\7\10' 'kfree'; }

record every-symbol "cat $new/dm9000.versions" "cat $old/dm9000.versions"
record larger-model "cat $new/btrfs.versions $new/ext4.versions" "cat $old/btrfs.versions"
record other-order "cat $new/smsc911x.versions $new/dm9000.versions" "cat $old/dm9000.versions"
record twice-in-model "cat $old/mii.versions $new/mii.versions" "cat $old/mii.versions"
record twice-side-by-side "entry '\1\1\1\1' a; entry '\2\2\2\2' a; entry '\3\3\3\3' b" \
	"entry '\0\0\0\0' a; entry '\0\0\0\0' b; entry '\0\0\0\0' a"
record twice-in-input "cat $new/mii.versions" "cat $old/mii.versions $old/mii.versions"
record missing-first "cat $new/dm9000.versions" "cat $old/ext4.versions"
record missing-later "cat $new/nvmet.versions" "cat $old/nvmet.versions"
record missing-two "cat $new/qrtr.versions" "cat $old/qrtr.versions"
record missing-last "pair" "pair; entry '\0\0\0\0' panic"
record input-empty "cat $new/mii.versions" ":"
record input-short "cat $new/mii.versions" "head -c 63 $old/mii.versions"
record input-cut "cat $new/mii.versions" "head -c 100 $old/mii.versions"
record model-empty-input-empty ":" ":"
record model-short-input-empty "head -c 63 $new/mii.versions" ":"
record model-empty ":" "cat $old/mii.versions"
record model-cut "head -c 575 $new/mii.versions" "head -c 512 $old/mii.versions"
record model-cut-missing "head -c 575 $new/mii.versions" "cat $old/mii.versions"
record after-the-nul "entry '\1\1\1\1' 'printk\0garbage'; entry '\2\2\2\2' printk" \
	"entry '\0\0\0\0' printk; entry '\0\0\0\0' 'printk\0garbage'"
record after-the-nul-missing "entry '\1\1\1\1' 'printk\0garbage'" "entry '\0\0\0\0' printk"
record newlines "entry '\n\n\n\n' '\n'" "entry '\r\n\r\n' '\n'; entry '\n\r\n\r' '\n'"
record name-without-nul "head -c 64 /dev/zero | tr '\0' x" "head -c 64 /dev/zero | tr '\0' x"
record arm64 "cat 6.1.0-50-arm64/smc91x.versions" "cat 6.1.0-47-arm64/smc91x.versions"
record s390x "cat 6.1.0-50-s390x/8021q.versions" "cat 6.1.0-47-s390x/8021q.versions"
