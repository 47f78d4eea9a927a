#!/bin/sh
# Boots a Debian kernel under QEMU and shows that it loads what it refused once a recipe of
# README.md, run as it stands there, has fixed it. `make kernel-test` builds, then calls it.
# Usage: run.sh armhf|arm64|s390x|amd64|all
# KERNEL=source (arm64) builds a kernel with CONFIG_EXTENDED_MODVERSIONS, which no package has.
# WHOLE=1 fixes every module of a kernel, too, which takes some minutes.
# KEEP=FOLDER keeps what is downloaded, for the next run. All else is in a scratch folder, also the
# state of apt: the host's is not touched.
set -eu

arch=$1
if [ "$arch" = all ]; then
	status=0
	for arch in armhf arm64 s390x amd64; do
		sh "$0" "$arch" || status=1
	done
	exit $status
fi

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$root/target:$PATH:/usr/sbin:/sbin # modprobe is in sbin
LC_ALL=C
export PATH LC_ALL
time_limit=300 # seconds; the guest needs about 10
# Modules that need no hardware and little of the kernel's ABI, which a CRC cannot fix.
sample=mii
batch='crc-itu-t lru_cache mii sis190'

die() {
	echo "kernel-test: $*" >&2
	exit 1
}

# --- The machine ---

flavour=$arch
target=
crc_at=0 # the place of the CRC's four bytes in a record
spare=   # what the name of another build of the same kernel adds
case $arch in
armhf)
	tools=arm-linux-gnueabi flavour=armmp spare=-lpae
	emulator='qemu-system-arm -M virt -cpu cortex-a15' package=qemu-system-arm serial=ttyAMA0
	;;
arm64)
	tools=aarch64-linux-gnu target=elf64-littleaarch64
	emulator='qemu-system-aarch64 -M virt -cpu cortex-a57' package=qemu-system-arm serial=ttyAMA0
	;;
s390x)
	tools=s390x-linux-gnu target=elf64-s390 crc_at=4
	emulator=qemu-system-s390x package=qemu-system-s390x serial=ttysclp0
	;;
amd64)
	tools=x86_64-linux-gnu target=elf64-x86-64
	emulator=qemu-system-x86_64 package=qemu-system-x86 serial=ttyS0
	;;
*) die "unknown ARCH '$arch': use armhf, arm64, s390x, amd64 or all" ;;
esac
option=${target:+--target $target}
translate="s/arm-linux-gnueabi-/$tools-/g" # the words of README.md
case ${KERNEL:=} in
'') builders= ;;
source)
	[ "$arch" = arm64 ] || die 'KERNEL=source needs ARCH=arm64'
	sample=sample
	builders="$tools-gcc=gcc-aarch64-linux-gnu gcc=gcc make=make flex=flex bison=bison bc=bc perl=perl"
	;;
*) die "unknown KERNEL '$KERNEL': leave it out, or use source" ;;
esac

# --- Kernels and modules ---

# One source of many may fail, so the status says little: what is missing is noticed later.
update_index() {
	mkdir -p apt/cache/archives/partial "$keep/lists/partial"
	: >apt/status
	cat >apt/conf <<-END
		Dir::State::Lists "$keep/lists";
		Dir::State::status "$scratch/apt/status";
		Dir::Cache "$scratch/apt/cache";
		APT::Architecture "$arch";
		APT::Architectures { "$arch"; };
		APT::Sandbox::User "root";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
	if [ "$KERNEL" ]; then
		echo 'deb http://deb.debian.org/debian sid main' >apt/sources
		printf 'Dir::Etc::%s;\n' "sourcelist \"$scratch/apt/sources\"" 'sourceparts "/dev/null"' >>apt/conf
	fi
	apt-get -c apt/conf -qq update >apt/log 2>&1 || :
}

# Usage: fetch PACKAGE DIRECTORY: unpacks it there. What is in $keep apt does not load again; of
# two versions there the newest counts.
fetch() {
	(cd "$keep" && apt-get -c "$scratch/apt/conf" -qq download "$1" >/dev/null) ||
		die "cannot download $1"
	dpkg-deb -x "$(find "$keep" -name "$1_*" -exec ls -t {} + | head -n 1)" "$2"
}

# Usage: kernels [SERIES]: those of the index, newest first; no -rt, no -cloud.
kernels() {
	apt-cache -c apt/conf pkgnames "linux-headers-${1:-}" | sed -nE \
		"s/^linux-headers-([0-9]+\.[0-9]+\.[0-9]+[^-]*(-[0-9][^-]*)?-$flavour)$/\1/p" | sort -rV
}

# Usage: crcs KERNEL FILE: the CRCs of two symbols that the sample needs. Without modversions
# they are 0.
crcs() {
	[ -d "headers/$1" ] || fetch "linux-headers-$1" "headers/$1"
	grep -wE 'module_layout|netif_carrier_on' "headers/$1"/usr/src/*/Module.symvers >"$2"
}

# Sets own, the newest kernel for which another build of its series has other CRCs, and other, the
# newest such build. Neighbours are often built alike: they refuse none of each other's modules.
choose_kernels() {
	for own in $(kernels); do
		crcs "$own" own.crcs
		for other in $(kernels "${own%"${own#*.*.}"}") "$own$spare"; do
			crcs "$other" other.crcs
			cmp -s own.crcs other.crcs && continue
			echo "$arch: own kernel $own, other build $other"
			return
		done
	done
	cat apt/log >&2
	die "apt knows no two $flavour kernels of a series with different CRCs"
}

# Builds the newest kernel of the source packages, and a module twice: for that kernel, and for one
# where all CRCs differ.
build_kernel() {
	package=$(apt-cache -c apt/conf pkgnames linux-source- | grep '[0-9]$' | sort -V | tail -n 1)
	fetch "$package" source
	mkdir linux module own own/boot other
	tar -xf source/usr/src/linux-source-*.tar.xz -C linux --strip-components 1
	printf 'CONFIG_%s=y\n' MODULES MODULE_UNLOAD MODVERSIONS EXTENDED_MODVERSIONS BASIC_MODVERSIONS \
		PRINTK TTY SERIAL_AMBA_PL011 SERIAL_AMBA_PL011_CONSOLE BLK_DEV_INITRD RD_GZIP PROC_FS \
		BINFMT_ELF BINFMT_SCRIPT >config
	cat >module/sample.c <<-END
		#include <linux/module.h>
		static int __init start(void) { return 0; }
		static void __exit stop(void) { }
		module_init(start);
		module_exit(stop);
		MODULE_LICENSE("GPL");
		MODULE_DESCRIPTION("sample");
	END
	echo 'obj-m := sample.o' >module/Makefile
	cp -r module again
	echo "$arch: own kernel $package, other build the same with other CRCs"
	unset MAKEFLAGS MAKELEVEL # of the make that called this script
	build KCONFIG_ALLCONFIG="$scratch/config" tinyconfig
	build Image modules
	cp linux/arch/arm64/boot/Image own/boot/vmlinuz-source
	build M="$scratch/module" modules
	mv module/sample.ko own
	sed -i -E 's/^0x(.)(.{7})/0x\2\1/' linux/Module.symvers
	build M="$scratch/again" modules
	mv again/sample.ko other
}

# Usage: build MAKE_ARGUMENT...
build() {
	make -C linux -j "$(nproc)" ARCH=arm64 CROSS_COMPILE="$tools-" "$@" >build.log 2>&1 ||
		{ tail -n 30 build.log >&2 && die "cannot make $*"; }
}

# Usage: module own|other NAME FILE: copies that module of that kernel to FILE.
module() {
	found=$(find "$scratch/$1" -name "$2.ko" -o -name "$2.ko.xz")
	case $found in
	*.ko) cp "$found" "$3" ;;
	*.ko.xz) xz -dc "$found" >"$3" ;;
	*) die "the $1 kernel has no module $2" ;;
	esac
}

# --- Making the cases ---

# Usage: bench NAME: goes to a new directory with two builds of the sample, named as in README.md.
bench() {
	mkdir -p "$scratch/bench/$1"
	cd "$scratch/bench/$1"
	module own $sample vendor.ko
	module other $sample mine.ko
}

# Usage: recipe STRING [LINE]: runs the sh block of README.md that has STRING, with LINE in place
# of its update_versions line, in the words of this machine. A failure is no end: it is in
# $status, and the guest shows what is left.
recipe() {
	awk -v string="$1" -v line="${2:-}" '
		/^```/ && inside && index(block, string) { printf "%s", block; exit }
		/^```/ { inside = !inside && /^```sh$/; block = ""; next }
		line { sub(/update_versions [^&]*/, line " ") }
		{ block = block $0 "\n" }
	' "$root/README.md" | sed -e "$translate" \
		-e "s/--target elf64-littleaarch64/$option/" \
		-e "/--target/! s/update_versions --strict/& $option/" >"$scratch/recipe.sh"
	[ -s "$scratch/recipe.sh" ] || die "README.md has no sh block with '$1'"
	echo "== ${PWD##*/}: $1" >>"$scratch/log"
	status=0
	sh -e "$scratch/recipe.sh" >>"$scratch/log" 2>&1 || status=$?
}

# Usage: row COMMAND STRING: prints the command in a table of README.md that has STRING, in the
# words of this machine.
row() {
	command=$(awk -F '`' -v command="$1 " -v string="$2" '
		/^\|/ { for (i = 2; i <= NF; i += 2)
			if (index($i, command) == 1 && index($i, string)) { sub(/ &&$/, "", $i); print $i; found = 1; exit } }
		END { exit !found }
	' "$root/README.md") || die "README.md has no $1 line with '$2' in a table"
	echo "$command" | sed "$translate"
}

fix='--dump-section __versions=model.versions'

# Usage: dump FILE TABLE, replace FILE TABLE: the section __versions
dump() { "$tools-objcopy" "$1" /dev/null --dump-section __versions="$2"; }
replace() { "$tools-objcopy" "$1" --update-section __versions="$2"; }

# Usage: try CASE FILE [NAME [FIRST]]: has the guest insert FILE, a module of that name, after that
# of the case FIRST. Of a recipe that failed there is no FILE.
try() {
	[ ! -e "$2" ] || cp "$2" "$scratch/guest/modules/$1.ko"
	echo "$1 $(echo "${3:-$sample}" | tr - _) ${4:-}" >>"$scratch/guest/plan"
}

make_cases() {
	bench fixed
	try own vendor.ko
	try other mine.ko
	line=
	[ -z "$target" ] || line=$(row update_versions '--target ')
	recipe "$fix" "$line"
	try fixed fixed.ko
	recipe vendor.txt
	modprobe_differs=$status

	bench changed
	dump vendor.ko old
	symbol=$(head -c 64 old | tail -c $((60 - crc_at)) | tr -d '\0')
	{ head -c $crc_at old && printf '\1\2\3\4' && tail -c +$((5 + crc_at)) old; } >new
	cp vendor.ko mine.ko
	replace mine.ko new
	try changed mine.ko
	recipe "$fix"
	try changed-fixed fixed.ko

	bench symvers
	cp "$scratch/headers/$own"/usr/src/*/Module.symvers .
	recipe '--symvers Module.symvers'
	try symvers fixed.ko

	bench missing # of the model: the sample's last symbol
	dump vendor.ko old
	head -c -64 old >new
	replace vendor.ko new
	cp mine.ko before.ko
	recipe "$fix"
	stopped=$status
	dump mine.ko old
	# shellcheck disable=SC2086 # no word or two
	update_versions $option model.versions <old >short 2>>"$scratch/log" || :
	cp mine.ko short.ko
	replace short.ko short
	try short short.ko

	bench batch
	mkdir vendor modules
	for name in $batch; do
		module own "$name" "vendor/$name.ko"
		module other "$name" "modules/$name.ko"
	done
	recipe 'find vendor'
	recipe 'find modules'
	for name in $batch; do
		# sis190 needs mii: the own one, whose CRCs it has got.
		case $name in sis190) first=own ;; *) first= ;; esac
		try "batch-$name" "fixed/modules/$name.ko" "$name" $first
	done

	bench set
	cp "$scratch/headers/$own"/usr/src/*/Module.symvers .
	eval "$(row awk vmlinux.symvers)"
	line=$(row update_versions vmlinux.symvers)
	recipe "$fix" "$line"
	try set-mii fixed.ko
	module other sis190 mine.ko
	recipe "$fix" "$line"
	try set-sis190 fixed.ko sis190 set-mii
}

# The target that a recipe needs here: that of ARM has another length of a record's parts.
make_untargeted_cases() {
	bench untargeted
	option=
	recipe "$fix"
	untargeted=$status
	dump mine.ko old
	update_versions model.versions <old >short 2>>"$scratch/log" || :
	replace mine.ko short
	try untargeted mine.ko
	option="--target $target"
}

# Linux 6.14 and later look at the extended sections alone, where there are any.
make_source_cases() {
	bench fixed
	try own vendor.ko
	try other mine.ko
	recipe "$fix"
	try fixed fixed.ko
	eval "$(row arm-linux-gnueabi-objcopy __version_ext_crcs)"
	try removed fixed.ko
}

# --- Every module of a kernel ---

# Usage: tree own|other NAME: makes all modules of that kernel the tree NAME.
tree() {
	mv "$(find "$scratch/$1" -path '*/lib/modules/*/kernel' -prune)" "$2"
	find "$2" -name '*.xz' -print0 | xargs -0 -r -P 2 -n 50 xz -d
}

# Usage: sh -c "$look" sh FILE...: writes of each module into seen.PID whether it is `fixed`, `moved`
# (fixed, but objcopy itself moves its sections), `broken` or `refused`; of a refused one the
# symbols that it lacks, of another each record before and after. It prints a line a module.
# shellcheck disable=SC2016 # the words are for that shell
look='for file; do
	new=fixed/$file
	if [ ! -e "$new" ]; then
		echo refused "$file" $(sed -n "s/.* symbol: \(.*\): not in the model/\1/p" "$new.log")
	else
		# With the old table it must be the old file again, but for the signature at its end.
		"$objcopy" "$file" /dev/null --dump-section __versions=old.$$
		"$objcopy" "$new" back.$$ --update-section __versions=old.$$
		size=$(wc -c <back.$$)
		if cmp -s -n "$size" back.$$ "$file" && { [ "$size" -eq "$(wc -c <"$file")" ] ||
			[ "$(tail -c 28 "$file")" = "~Module signature appended~" ]; }; then
			echo fixed "$file"
		elif "$objcopy" "$file" plain.$$ && cmp -s back.$$ plain.$$; then
			echo moved "$file"
		else
			echo broken "$file"
		fi
		modprobe --dump-modversions "$file" >old.$$
		modprobe --dump-modversions "$new" | paste old.$$ - | sed "s/^/record /"
	fi >>seen.$$
	echo
done'

# Sets whole to its result, and leaves what is wrong in whole/wrong.
fix_whole_kernel() {
	mkdir "$scratch/whole"
	cd "$scratch/whole"
	tree own vendor
	tree other modules
	find modules -type f -exec cksum {} + >before
	all=$(wc -l <before)
	echo "fixing all $all modules"
	recipe 'find vendor'
	recipe 'find modules'
	find vendor -name '*.ko' -exec modprobe --dump-modversions {} \; | sort -u >model.txt
	find modules -type f -print0 | objcopy=$tools-objcopy xargs -0 -P 2 -n 20 sh -c "$look" sh |
		awk -v all="$all" '{ printf "\rlooked at %d of %d", NR, all } END { print "" }' >&2
	cat seen.* | awk -v all="$all" '
		NR == FNR { crc[$2] = $1; next }
		$1 == "record" { records++; changed += $2 != $4 }
		$1 == "record" && ($3 != $5 || crc[$5] != $4) { print "not the CRC of the model:", $0 }
		$1 == "refused" { for (i = 3; i <= NF; i++) if ($i in crc) print "in the model:", $i }
		$1 == "broken" || $1 == "refused" && NF < 3 { print }
		$1 != "record" { count[$1]++; seen++ }
		END {
			if (seen != all) print seen, "modules of", all
			printf "%d modules fixed, %d refused, %d of %d CRCs changed",
				count["fixed"] + count["moved"], count["refused"], changed, records >"result"
			if (count["moved"]) printf " (objcopy moves sections of %d)", count["moved"] >"result"
		}' model.txt - >wrong
	find modules -type f -exec cksum {} + | cmp before - >>wrong || :
	# 92181 is 92,181.
	whole=$(sed -E 's/([0-9]{2,})([0-9]{3})/\1,\2/g' result)
	cat wrong >>"$scratch/log"
}

# --- Running and judging them ---

boot() {
	mkdir guest/bin guest/proc
	fetch busybox-static busybox
	cp "$(find busybox -path '*bin/busybox')" guest/bin
	cp "$root/tests/kernel/init" guest/init
	chmod +x guest/init
	(cd guest && find . | cpio -o -H newc --quiet | gzip) >initrd
	# shellcheck disable=SC2086 # the emulator with its options
	timeout --foreground -k 10 "$time_limit" $emulator -m 512 -nographic -no-reboot -nodefaults \
		-serial stdio -net none -kernel own/boot/vmlinuz-* -initrd initrd \
		-append "console=$serial loglevel=3 panic=-1" </dev/null 2>&1 | tr -d '\r' >console
}

# Usage: messages CASE: what the kernel said of it.
messages() { awk -v name="$1" '$1 == "==" { here = $2 == name; next } here' console; }

# Each of these is one condition, for check.
finished() { grep -qx '== end' console; }
loaded() { grep -qx "== $1 loaded" console && ! messages "$1" | grep -q 'no symbol version'; }
refused() { grep -qx "== $1 refused" console && messages "$1" | grep -qE "(^| )$sample: $2( |\$)"; }
unharmed() {
	[ "$stopped" -ne 0 ] && [ ! -e bench/missing/fixed.ko ] &&
		cmp bench/missing/mine.ko bench/missing/before.ko
}
hinted() { [ "$untargeted" -ne 0 ] && grep -q 'seems elf64-big; try --target elf64-big' log; }

all_right() { [ ! -s whole/wrong ] && [ "$(find whole/fixed -name '*.ko' | wc -l)" -gt 0 ]; }

# Usage: check TITLE CONDITION...
check() {
	title=$1
	shift
	if "$@"; then
		passed=$((passed + 1)) && word=ok
	else
		failed=$((failed + 1)) && word=FAILED
	fi
	echo "$word $((passed + failed)) - $title"
}

disagrees='disagrees about version of symbol'

judge_source() {
	check 'the same, fixed: refused, for its extended sections' refused fixed "$disagrees"
	check 'the same without these: loaded' loaded removed
}

judge_debian() {
	check 'the same, fixed: loaded' loaded fixed
	check 'modprobe reads the CRCs of the own module from it' [ "$modprobe_differs" -eq 0 ]
	check "own module with another CRC of $symbol: refused" refused changed "$disagrees $symbol"
	check 'the same, fixed: loaded' loaded changed-fixed
	check 'fixed by a text model: loaded' loaded symvers
	check 'a symbol is not in the model: the recipe stops, the module is as it was' unharmed
	check 'the short table of an unguarded run: refused' refused short 'no symbol version for'
	for name in $batch; do
		check "$name, one of many: loaded" loaded "batch-$name"
	done
	check 'mii, one of a set: loaded' loaded set-mii
	check 'sis190, which needs this mii: loaded' loaded set-sis190
	if [ "$arch" = s390x ]; then
		check 'without --target: the recipe stops with a hint' hinted
		check 'the table of an unguarded run: refused' refused untargeted \
			'no symbol version for module_layout'
	fi
	[ -z "$whole" ] || check "every module: $whole" all_right
}

# Usage: judge FUNCTION: with what that function checks.
judge() {
	passed=0
	failed=0
	check "the guest tries all modules within $time_limit s" finished
	check 'own module: loaded' loaded own
	check 'module of the other build: refused' refused other "$disagrees"
	"$1"
	[ "$failed" -eq 0 ] || { echo '--- host' && cat log && echo '--- guest' && cat console; } >&2
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

# shellcheck disable=SC2086 # one word a package
sh "$root/tests/need.sh" apt-get=apt dpkg-deb=dpkg "${emulator%% *}=$package" cpio=cpio gzip=gzip \
	xz=xz-utils "$tools-objcopy=binutils-$(echo "$tools" | tr _ -)" modprobe=kmod $builders
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
keep=${KEEP:-$scratch/downloads}/$arch
mkdir -p "$keep" "$scratch/headers" "$scratch/guest/modules"
keep=$(cd "$keep" && pwd)
cd "$scratch"
update_index
whole=
if [ "$KERNEL" ]; then
	build_kernel
	make_source_cases
else
	choose_kernels
	fetch "linux-image-$own" own
	fetch "linux-image-$other" other
	make_cases
	[ "$arch" != s390x ] || make_untargeted_cases
	[ "${WHOLE:-}" != 1 ] || fix_whole_kernel
fi
cd "$scratch"
boot
judge "judge_${KERNEL:-debian}"
