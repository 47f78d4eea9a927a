#!/bin/sh
# Boots a kernel under QEMU and shows that it loads what it refused once a recipe of README.md or of
# the manual, run as it stands there, has fixed it. `make kernel-test` builds, then calls it.
# Usage: run.sh armhf|arm64|s390x|amd64|mips|all
# The kernels are Debian's packages, and `all` are these. No package is of mips, and none has
# CONFIG_EXTENDED_MODVERSIONS: for mips, and for arm64 with KERNEL=source, Debian's source is built.
# WHOLE=1 fixes every module of a packaged kernel, too, which takes some minutes.
# MIRROR=URI has that source, in sid; else the host's own mirror.
# KEEP=FOLDER keeps what is downloaded and built, for the next run. All else is in a scratch folder,
# also the state of apt: the host's is not touched.
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

die() {
	echo "kernel-test: $*" >&2
	exit 1
}

# --- The machine ---

flavour=$arch
spare=   # what the name of another build of the same kernel adds
crc_at=0 # the place of the CRC's four bytes in a record
cases=packaged
case $arch${KERNEL:=} in
armhf)
	tools=arm-linux-gnueabi flavour=armmp spare=-lpae cases='packaged no_table'
	emulator='qemu-system-arm -M virt -cpu cortex-a15' package=qemu-system-arm serial=ttyAMA0
	;;
arm64 | arm64source)
	tools=aarch64-linux-gnu
	emulator='qemu-system-aarch64 -M virt -cpu cortex-a57' package=qemu-system-arm serial=ttyAMA0
	[ ! "$KERNEL" ] || cases=extended
	image=arch/arm64/boot/Image
	config='EXTENDED_MODVERSIONS SERIAL_AMBA_PL011 SERIAL_AMBA_PL011_CONSOLE'
	;;
s390x)
	tools=s390x-linux-gnu crc_at=4 cases='packaged no_option'
	emulator=qemu-system-s390x package=qemu-system-s390x serial=ttysclp0
	;;
amd64)
	tools=x86_64-linux-gnu
	emulator=qemu-system-x86_64 package=qemu-system-x86 serial=ttyS0
	;;
mips | mipssource)
	tools=mips-linux-gnu cases=byte_order KERNEL=source
	emulator='qemu-system-mips -M malta' package=qemu-system-mips serial=ttyS0
	image=vmlinux
	config='MIPS_MALTA CPU_BIG_ENDIAN CPU_MIPS32_R2 32BIT PCI SERIAL_8250 SERIAL_8250_CONSOLE
		POWER_RESET POWER_RESET_SYSCON'
	;;
*) die "there is no ARCH=$arch with KERNEL='$KERNEL'; see tests/kernel/run.sh" ;;
esac
# A module that needs no hardware and little of the kernel's ABI, which a CRC cannot fix.
sample=mii
[ ! "$KERNEL" ] || sample=sample

# --- Kernels and modules ---

# One source of many may fail, so the status says little: what is missing is noticed later.
update_index() {
	mkdir -p apt/cache/archives/partial "$keep/lists/partial"
	: >apt/status
	cat >apt/conf <<-END
		Dir::State::Lists "$keep/lists";
		Dir::State::status "$scratch/apt/status";
		Dir::Cache "$scratch/apt/cache";
		APT::Sandbox::User "root";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
	if [ "$KERNEL" ]; then
		# shellcheck disable=SC2016 # apt's own variable
		mirror=${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Label: Debian' | head -n 1)}
		[ "$mirror" ] || die 'apt knows no Debian mirror: run apt-get update, or set MIRROR'
		echo "deb $mirror sid main" >apt/sources
		printf 'Dir::Etc::%s;\n' "sourcelist \"$scratch/apt/sources\"" 'sourceparts "/dev/null"'
	else
		printf 'APT::Architecture%s;\n' " \"$arch\"" "s { \"$arch\"; }"
	fi >>apt/conf
	apt-get -c apt/conf -qq update >apt/log 2>&1 || :
}

# Usage: fetch PACKAGE DIRECTORY: unpacks it there. What is in $keep apt does not load again; of
# two versions there the newest counts.
fetch() {
	(cd "$keep" && apt-get -c "$scratch/apt/conf" -qq download "$1" >/dev/null) ||
		{ cat "$scratch/apt/log" >&2 && die "cannot download '$1'"; }
	deb=$(find "$keep" -maxdepth 1 -name "$1_*.deb" -exec ls -t {} + | head -n 1)
	dpkg-deb -x "$deb" "$2"
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

# Fetches own, the newest kernel for which another build of its series has other CRCs, and other,
# the newest such build. Neighbours are often built alike: they refuse none of each other's modules.
fetch_kernels() {
	for own in $(kernels); do
		crcs "$own" own.crcs
		for other in $(kernels "${own%"${own#*.*.}"}") "$own$spare"; do
			crcs "$other" other.crcs
			cmp -s own.crcs other.crcs && continue
			echo "$arch: own kernel $own, other build $other"
			fetch "linux-image-$own" own
			fetch "linux-image-$other" other
			cp "headers/$own"/usr/src/*/Module.symvers .
			return
		done
	done
	cat apt/log >&2
	die "apt knows no two $flavour kernels of a series with different CRCs"
}

# Builds the newest kernel of the source packages, and the sample for it and for another build, where
# some of the CRCs differ, as they would.
build_kernel() {
	fetch "$(apt-cache -c apt/conf pkgnames linux-source- | sort -V | tail -n 1)" source
	linux=$keep/$(basename "$deb" _all.deb)-$arch
	echo "$arch: own kernel ${linux##*/}, other build the same with other CRCs"
	if [ ! -e "$linux" ]; then
		rm -rf "$linux.part" && mkdir "$linux.part"
		tar -xf source/usr/src/linux-source-*.tar.xz -C "$linux.part" --strip-components 1
		mv "$linux.part" "$linux"
	fi
	# shellcheck disable=SC2086 # one word an option
	printf 'CONFIG_%s=y\n' MODULES MODULE_UNLOAD MODVERSIONS BASIC_MODVERSIONS PRINTK TTY \
		BLK_DEV_INITRD RD_GZIP BINFMT_ELF $config >config
	unset MAKEFLAGS MAKELEVEL # of the make that called this script
	rm -f "$linux/Module.symvers" # another run may have changed it
	build KCONFIG_ALLCONFIG="$scratch/config" tinyconfig
	build "${image##*/}" modules
	cp "$linux/Module.symvers" .
	build_sample own
	install -D "$linux/$image" own/boot/vmlinuz-source
	sed -i -E '/\t(_printk|kfree)\t/! s/^0x(.)(.{7})/0x\2\1/' "$linux/Module.symvers"
	build_sample other
}

# Usage: build_sample DIRECTORY [MAKE_ARGUMENT]
build_sample() {
	mkdir "$1"
	cp "$root/tests/kernel/sample.c" "$1"
	echo 'obj-m := sample.o' >"$1/Makefile"
	build M="$scratch/$1" modules ${2:+"$2"}
}

# Usage: build MAKE_ARGUMENT...
build() {
	make -C "$linux" -j "$(nproc)" ARCH="$arch" CROSS_COMPILE="$tools-" "$@" >build.log 2>&1 ||
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

# --- Tools of the cases ---

# Usage: bench NAME: goes to a new directory with two builds of the sample, and the kernel's text
# model, named as in README.md.
bench() {
	mkdir -p "$scratch/bench/$1"
	cd "$scratch/bench/$1"
	module own "$sample" vendor.ko
	module other "$sample" mine.ko
	cp "$scratch/Module.symvers" .
}

translate="s/arm-linux-gnueabi-/$tools-/g" # into the words of this machine
fix='--dump-section __versions=model.versions'
by_text='s/ model\.versions/ --symvers vendor.symvers/' # as README.md says

# Usage: recipe STRING [SED_COMMAND]: runs the sh block of README.md, or else the literal one of
# the manual, that has STRING, changed by SED_COMMAND. A failure is no end: it is in $status, and
# the guest shows what is left.
recipe() {
	awk -v string="$1" '
		/^(```|\.Bd|\.Ed)/ {
			if (inside && index(block, string)) { printf "%s", block; exit }
			inside = /^(```sh$|\.Bd -literal)/
			block = ""
			next
		}
		{ sub(/\\e$/, "\\"); block = block $0 "\n" }
	' "$root/README.md" "$root/src/update_versions.1" | sed -e "$translate" -e "${2:-}" >recipe.sh
	[ -s recipe.sh ] || die "no recipe has '$1'"
	echo "== ${PWD##*/}: $1" >>"$scratch/log"
	status=0
	sh -e recipe.sh >recipe.log 2>&1 || status=$?
	cat recipe.log >>"$scratch/log"
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

# Usage: line STRING: the SED_COMMAND for that update_versions line in place of the recipe's.
line() { echo "s/update_versions [^&]*/$(row update_versions "$1") /"; }

# Usage: dump FILE TABLE, replace FILE TABLE: the section __versions
dump() { "$tools-objcopy" "$1" /dev/null --dump-section __versions="$2"; }
replace() { "$tools-objcopy" "$1" --update-section __versions="$2"; }

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

# Usage: stopped MESSAGE: whether the last recipe said that and left the module as it was.
stopped() {
	[ "$status" -ne 0 ] && [ ! -e fixed.ko ] && grep -qwF -- "$1" recipe.log &&
		module other "$sample" before.ko && cmp mine.ko before.ko
}

# Usage: try CASE FILE NAME [FIRST]: has the guest insert FILE, a module of that name, after that
# of the case FIRST. Of a recipe that failed there is no FILE.
try() {
	[ ! -e "$2" ] || cp "$2" "$scratch/guest/modules/$1.ko"
	echo "$1 $(echo "$3" | tr - _) ${4:-}" >>"$scratch/guest/plan"
}

# Usage: loads CASE FILE TITLE [NAME [FIRST]], refuses CASE FILE TITLE MESSAGE: what the kernel has
# to do, and to say.
loads() {
	try "$1" "$2" "${4:-$sample}" "${5:-}"
	echo "$1|$3|loaded" >>"$scratch/expected"
}
refuses() {
	try "$1" "$2" "$sample"
	echo "$1|$3|refused|$4" >>"$scratch/expected"
}
disagrees="$sample: disagrees about version of symbol"
no_version="$sample: no symbol version for"

# --- The cases ---

make_cases() {
	bench fixed
	loads own vendor.ko 'own module'
	refuses other mine.ko 'module of the other build' "$disagrees"
	recipe "$fix"
	loads fixed fixed.ko 'the same, fixed'
}

make_packaged_cases() {
	recipe 'cmp - old.versions' # at the bench before this
	check 'the CRCs of the fixed one are those of the model' [ "$status" -eq 0 ]

	bench changed
	dump vendor.ko old
	symbol=$(head -c 64 old | tail -c $((60 - crc_at)) | tr -d '\0')
	{ head -c $crc_at old && printf '\1\2\3\4' && tail -c +$((5 + crc_at)) old; } >new
	cp vendor.ko mine.ko
	replace mine.ko new
	refuses changed mine.ko "own module with another CRC of $symbol" "$disagrees $symbol"
	recipe "$fix"
	loads changed-fixed fixed.ko 'the same, fixed'

	bench symvers
	recipe '--symvers Module.symvers'
	loads symvers fixed.ko 'fixed by a text model'

	bench missing # of the model: the sample's last symbol
	dump vendor.ko old
	head -c -64 old >new
	replace vendor.ko new
	recipe "$fix"
	check 'a symbol is not in the model: the recipe stops, the module is as it was' \
		stopped 'not in the model'
	dump mine.ko old
	update_versions model.versions <old >short 2>>"$scratch/log" || :
	replace mine.ko short
	refuses short mine.ko 'the short table of an unguarded run' "$no_version"

	bench batch
	mkdir vendor modules
	batch='crc-itu-t lru_cache mii sis190' # modules like the sample
	for name in $batch; do
		find "$scratch/own" -name "$name.ko*" -exec cp {} vendor \; # packed, if it is
		module other "$name" "modules/$name.ko"
	done
	recipe 'find vendor'
	recipe 'find modules' "$by_text"
	for name in $batch; do
		# sis190 needs mii: the own one, whose CRCs it has got.
		case $name in sis190) first=own ;; *) first= ;; esac
		loads "batch-$name" "fixed/modules/$name.ko" "$name, one of many" "$name" $first
	done

	bench set
	eval "$(row awk vmlinux.symvers)"
	recipe "$fix" "$(line vmlinux.symvers)"
	loads set-mii fixed.ko 'mii, one of a set'
	module other sis190 mine.ko
	recipe "$fix" "$(line vmlinux.symvers)"
	loads set-sis190 fixed.ko 'sis190, which needs this mii' sis190 set-mii
}

# A module that was built without Module.symvers.
make_no_table_cases() {
	bench no-table
	: >empty
	replace mine.ko empty
	refuses no-table mine.ko 'module with an empty table' "$no_version module_layout"
	recipe 'nm -u mine.ko'
	loads no-table-fixed fixed.ko 'the same with a table made from its symbols'
}

# Without options a 64-bit big-endian table comes out as of update_versions.py: empty.
make_no_option_cases() {
	bench no-option
	dump vendor.ko model.versions
	dump mine.ko old
	update_versions model.versions <old >short 2>>"$scratch/log" || :
	replace mine.ko short
	refuses no-option mine.ko 'the table of a run without options' "$no_version module_layout"
}

# A text does not tell the byte order, and neither does a 32-bit table.
make_byte_order_cases() {
	bench target
	recipe "$fix" "$(line elf32-tradbigmips)"
	loads target fixed.ko 'fixed by a text model, with its target'

	bench no-target
	recipe '--symvers Module.symvers'
	check 'by a text model, without its target: the recipe stops, and names it' \
		stopped 'try --target elf32-big'
	dump vendor.ko old
	update_versions --symvers Module.symvers <old >new 2>>"$scratch/log" || :
	replace vendor.ko new
	refuses no-target vendor.ko 'own module with the table of an unguarded run' "$disagrees"
}

# Linux 6.14 and later look at the extended sections alone, where there are any.
make_extended_cases() {
	cd "$scratch"
	build_sample extended CONFIG_BASIC_MODVERSIONS=
	bench extended
	module extended "$sample" mine.ko
	refuses extended mine.ko 'module of the other build with these sections alone' "$disagrees"
	recipe '__version_ext_names=/dev/stdout'
	loads extended-fixed fixed.ko 'the same with a table made from their names'

	bench names
	"$tools-objcopy" vendor.ko -R __version_ext_names
	refuses names vendor.ko 'own module without one of the extended sections' \
		'extended version crc+name presence does not match'
}

# --- Every module of a kernel ---

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
		modprobe --show-modversions "$file" >old.$$
		modprobe --show-modversions "$new" | paste old.$$ - | sed "s/^/record /"
	fi >>seen.$$
	echo
done'

# Usage: tree own|other NAME: makes all modules of that kernel the tree NAME.
tree() { mv "$(find "$scratch/$1" -path '*/lib/modules/*/kernel' -prune)" "$2"; }

fix_whole_kernel() {
	mkdir "$scratch/whole"
	cd "$scratch/whole"
	tree own vendor
	tree other modules
	find modules -name '*.xz' -print0 | xargs -0 -r -P 2 -n 50 xz -d
	find modules -type f -exec cksum {} + >before
	all=$(wc -l <before)
	echo "fixing all $all modules"
	recipe 'find vendor'
	recipe 'find modules' "$by_text"
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
			fixed = count["fixed"] + count["moved"]
			if (seen != all || !fixed) print seen, "modules of", all
			printf "%d modules fixed, %d refused, %d of %d CRCs changed",
				fixed, count["refused"], changed, records >"result"
			if (count["moved"]) printf " (objcopy moves sections of %d)", count["moved"] >"result"
		}' vendor.symvers - >wrong
	find modules -type f -exec cksum {} + | cmp before - >>wrong || :
	cat wrong >>"$scratch/log"
	# 92181 is 92,181.
	check "every module: $(sed -E 's/([0-9]{2,})([0-9]{3})/\1,\2/g' result)" [ ! -s wrong ]
}

# --- Running and judging them ---

boot() {
	mkdir guest/bin guest/proc
	if [ "$KERNEL" ]; then
		"$tools-gcc" -static "$root/tests/kernel/init.c" -o guest/init
	else
		fetch busybox-static busybox
		cp "$(find busybox -path '*bin/busybox')" guest/bin
		install "$root/tests/kernel/init" guest/init
	fi
	(cd guest && find . | cpio -o -H newc --quiet | gzip) >initrd
	# shellcheck disable=SC2086 # the emulator with its options
	timeout --foreground -k 10 "$time_limit" $emulator -m 512 -nographic -no-reboot -nodefaults \
		-serial stdio -net none -kernel own/boot/vmlinuz-* -initrd initrd \
		-append "console=$serial loglevel=3 panic=-1" </dev/null 2>&1 | tr -d '\r' >console
}

# Usage: loaded CASE, refused CASE MESSAGE: what the guest says of it, and what its kernel said.
messages() { awk -v name="$1" '$1 == "==" { here = $2 == name; next } here' console; }
loaded() { grep -qx "== $1 loaded" console && ! messages "$1" | grep -q 'no .*symbol version'; }
refused() { grep -qx "== $1 refused" console && messages "$1" | grep -qwF "$2"; }

judge() {
	check "the guest tries all modules within $time_limit s" grep -qx '== end' console
	while IFS='|' read -r case title verdict message; do
		check "$title: $verdict" "$verdict" "$case" "$message"
	done <expected
	[ "$failed" -eq 0 ] || { echo '--- host' && cat log && echo '--- guest' && cat console; } >&2
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

set -- apt-get=apt dpkg-deb=dpkg "${emulator%% *}=$package" cpio=cpio gzip=gzip xz=xz-utils \
	"$tools-objcopy=binutils-$(echo "$tools" | tr _ -)" modprobe=kmod perl=perl
[ ! "$KERNEL" ] || set -- "$@" make=make gcc=gcc flex=flex bison=bison bc=bc \
	"$tools-gcc=gcc-$tools" "/usr/$tools/lib/libc.a=libc6-dev-$arch-cross"
sh "$root/tests/need.sh" "$@"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
keep=${KEEP:-$scratch/downloads}/${KERNEL:-$arch}
mkdir -p "$keep" "$scratch/headers" "$scratch/guest/modules"
keep=$(cd "$keep" && pwd)
cd "$scratch"
passed=0 failed=0
update_index
if [ "$KERNEL" ]; then
	build_kernel
else
	fetch_kernels
fi
make_cases
for kind in $cases; do
	"make_${kind}_cases"
done
[ "${WHOLE:-}$KERNEL" != 1 ] || fix_whole_kernel
cd "$scratch"
boot
judge
