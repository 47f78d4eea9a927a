#!/bin/sh
# Boots a kernel under QEMU and shows that it loads the modules it rejected, once the commands of
# README.md and of the manual, run as they stand there, have fixed them. For `make kernel-test`.
# Usage: run.sh armhf|arm64|s390x|amd64|mips|all
# The kernels are Debian's packages; `all` means these. Debian has no package for mips, and none
# with CONFIG_EXTENDED_MODVERSIONS, so mips, and arm64 with KERNEL=source, build Debian's source.
# WHOLE=1 also fixes every module of a packaged kernel, which takes some minutes.
# MIRROR=URI is a mirror with that source, in sid; the default is the host's own mirror.
# KEEP=FOLDER keeps downloads and builds for the next run. The state of the host's apt is not touched.
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

# --- The architectures ---

flavour=$arch
spare=             # what the name of another build of the same kernel adds
crc_at=0 name_at=8 # where the CRC's four bytes and the name are in a record
cases=packaged
case $arch${KERNEL:=} in
armhf)
	tools=arm-linux-gnueabi flavour=armmp spare=-lpae name_at=4
	emulator='qemu-system-arm -M virt -cpu cortex-a15' package=qemu-system-arm serial=ttyAMA0
	;;
arm64 | arm64source)
	tools=aarch64-linux-gnu
	emulator='qemu-system-aarch64 -M virt -cpu cortex-a57' package=qemu-system-arm serial=ttyAMA0
	[ ! "$KERNEL" ] || cases='zero extended'
	image=arch/arm64/boot/Image
	config='EXTENDED_MODVERSIONS SERIAL_AMBA_PL011 SERIAL_AMBA_PL011_CONSOLE'
	no_prototype='SYM_FUNC_START(no_prototype); ret; SYM_FUNC_END(no_prototype)'
	;;
s390x)
	tools=s390x-linux-gnu crc_at=4
	emulator=qemu-system-s390x package=qemu-system-s390x serial=ttysclp0
	;;
amd64)
	tools=x86_64-linux-gnu
	emulator=qemu-system-x86_64 package=qemu-system-x86 serial=ttyS0
	;;
mips | mipssource)
	tools=mips-linux-gnu name_at=4 cases='zero byte_order' KERNEL=source
	emulator='qemu-system-mips -M malta' package=qemu-system-mips serial=ttyS0
	image=vmlinux
	config='MIPS_MALTA CPU_BIG_ENDIAN CPU_MIPS32_R2 32BIT PCI SERIAL_8250 SERIAL_8250_CONSOLE
		POWER_RESET POWER_RESET_SYSCON'
	no_prototype='LEAF(no_prototype); jr ra; nop; END(no_prototype)'
	;;
*) die "there is no ARCH=$arch with KERNEL='$KERNEL'; see tests/kernel/run.sh" ;;
esac
# A module that needs no hardware, and little of the kernel's ABI, which no CRC can fix.
sample=mii
[ ! "$KERNEL" ] || sample=sample

# --- Kernels and modules ---

# The status says little, since one of many sources may fail. A missing package is noticed later.
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

# Usage: fetch PACKAGE DIRECTORY: unpacks it there. apt does not download a file in $keep again; if
# two versions are there, the newest counts.
fetch() {
	(cd "$keep" && apt-get -c "$scratch/apt/conf" -qq download "$1" >/dev/null) ||
		{ cat "$scratch/apt/log" >&2 && die "cannot download '$1'"; }
	deb=$(find "$keep" -maxdepth 1 -name "$1_*.deb" -exec ls -t {} + | head -n 1)
	dpkg-deb -x "$deb" "$2"
}

# Usage: kernels [SERIES]: lists the kernels in the index, newest first, without -rt and -cloud.
kernels() {
	apt-cache -c apt/conf pkgnames "linux-headers-${1:-}" | sed -nE \
		"s/^linux-headers-([0-9]+\.[0-9]+\.[0-9]+[^-]*(-[0-9][^-]*)?-$flavour)$/\1/p" | sort -rV
}

# Usage: crcs KERNEL FILE: writes two CRCs that the sample needs. Without modversions they are 0.
crcs() {
	[ -d "headers/$1" ] || fetch "linux-headers-$1" "headers/$1"
	grep -wE 'module_layout|netif_carrier_on' "headers/$1"/usr/src/*/Module.symvers >"$2"
}

# Fetches two kernels of one series: own is the newest that has a build with other CRCs, and other
# is the newest such build. Neighbours often have the same CRCs and load each other's modules.
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

# Builds the newest kernel of the source packages, plus a function in assembly whose CRC is 0. Builds
# the sample for it, and for another build in which some of the CRCs differ.
build_kernel() {
	fetch "$(apt-cache -c apt/conf pkgnames linux-source- | sort -V | tail -n 1)" source
	linux=$keep/$(basename "$deb" _all.deb)-$arch
	echo "$arch: own kernel ${linux##*/}, other build the same with other CRCs"
	if [ ! -e "$linux" ]; then
		rm -rf "$linux.part" && mkdir "$linux.part"
		tar -xf source/usr/src/linux-source-*.tar.xz -C "$linux.part" --strip-components 1
		mv "$linux.part" "$linux"
	fi
	assembly=$linux/arch/$arch/lib/memset.S
	grep -q no_prototype "$assembly" ||
		echo "$no_prototype; EXPORT_SYMBOL(no_prototype)" | sed 's/; /\n/g' >>"$assembly"
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

# Usage: module own|other NAME FILE: copies that module of that kernel to FILE, and unpacks it.
module() {
	found=$(find "$scratch/$1" -name "$2.ko" -o -name "$2.ko.xz")
	case $found in
	*.ko) cp "$found" "$3" ;;
	*.ko.xz) xz -dc "$found" >"$3" ;;
	*) die "the $1 kernel has no module $2" ;;
	esac
}

# Usage: pick own|other FOLDER NAME...: copies these modules into a new folder, packed if they are.
pick() {
	kernel=$1 folder=$2
	shift 2
	mkdir "$folder"
	for name; do find "$scratch/$kernel" -name "$name.ko*" -exec cp {} "$folder" \;; done
}

# --- Tools of the cases ---

# Usage: bench NAME: goes to a new folder with two builds of the sample, and the model.
bench() {
	mkdir -p "$scratch/bench/$1"
	cd "$scratch/bench/$1"
	module own "$sample" vendor.ko
	module other "$sample" mine.ko
	cp "$scratch/Module.symvers" .
}

# Usage: block STRING: prints the sh block of README.md that begins with STRING, or the literal
# block of the manual that contains it.
block() {
	awk -v string="$1" '
		/^(```|\.Bd|\.Ed)/ {
			at = inside ? index(block, string) : 0
			if (at == 1 || at && FILENAME ~ /\.1$/) { printf "%s", block; found = 1; exit }
			inside = /^(```sh$|\.Bd -literal)/
			block = ""
			next
		}
		{ gsub(/\\e/, "\\"); block = block $0 "\n" }
		END { exit !found }
	' "$root/README.md" "$root/src/update_versions.1" || die "no recipe has '$1'"
}

# Usage: recipe STRING [SED_COMMAND]: runs README.md's function `fix` and that block, with the tools
# for this architecture, edited by SED_COMMAND. A failure is printed, and is in $status.
recipe() {
	rm -f fixed.ko
	block objcopy= >recipe.sh
	block "$1" >>recipe.sh
	sed -i -E "s/^objcopy=.*/objcopy=$tools-objcopy/; ${2:-}" recipe.sh
	status=0
	sh -e recipe.sh >recipe.log 2>&1 || status=$?
	grep -q '^failed: ' recipe.log && status=1
	{ echo "== ${PWD##*/}: $1" && cat recipe.log; } >>"$scratch/log"
	[ "$status" -eq 0 ] || { echo "the recipe '$1' fails for '${PWD##*/}':" && cat recipe.log; } >&2
}

# Usage: dump FILE TABLE, replace FILE TABLE: copies the section __versions out, or in.
dump() { "$tools-objcopy" "$1" /dev/null --dump-section __versions="$2"; }
replace() { "$tools-objcopy" "$1" --update-section __versions="$2"; }

# Usage: spoil FILE REGEX: replaces the CRCs of the symbols that match.
spoil() {
	dump "$1" table
	# shellcheck disable=SC2016 # perl's variables
	perl -spe 'BEGIN { $/ = \64 }
		substr($_, $crc, 4) = "\1\2\3\4" if substr($_, $name) =~ /^$regex\0/' \
		-- -crc="$crc_at" -name="$name_at" -regex="$2" table >spoiled
	replace "$1" spoiled
}

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

# Usage: stopped MESSAGE: whether the last recipe said that, wrote no file, and left mine.ko alone.
stopped() {
	[ "$status" -ne 0 ] && ! ls fixed.ko* 2>/dev/null && grep -qwF -- "$1" recipe.log &&
		module other "$sample" before.ko && cmp mine.ko before.ko
}

# Usage: try CASE FILE NAME [FIRST]: makes the guest insert FILE, a module with that name, after the
# module of the case FIRST. There is no FILE if a recipe failed.
try() {
	[ ! -e "$2" ] || cp "$2" "$scratch/guest/modules/$1.ko"
	echo "$1 $(echo "$3" | tr - _) ${4:-}" >>"$scratch/guest/plan"
}

# Usage: loads CASE FILE TITLE [NAME [FIRST]], refuses CASE FILE TITLE MESSAGE [NAME [FIRST]]: what
# the kernel must do, and say.
loads() {
	try "$1" "$2" "${4:-$sample}" "${5:-}"
	echo "$1|$3|loaded" >>"$scratch/expected"
}
refuses() {
	try "$1" "$2" "${5:-$sample}" "${6:-}"
	echo "$1|$3|refused|$4" >>"$scratch/expected"
}
disagrees="$sample: disagrees about version of symbol"

# --- The cases ---

make_cases() {
	bench fixed
	loads own vendor.ko 'own module'
	refuses other mine.ko 'module of the other build' "$disagrees"
	recipe 'fix '
	loads fixed fixed.ko 'the same, fixed'

	bench table
	dump vendor.ko vendor.versions
	recipe 'fix ' 's/Module\.symvers/vendor.versions/'
	loads table fixed.ko 'the same, fixed with the table of a module that loads'

	bench no-table # a module built without Module.symvers has an empty table
	: >empty
	replace mine.ko empty
	"$tools-objcopy" mine.ko -R '__version_ext*'
	refuses no-table mine.ko 'module with an empty table' "$sample: no symbol version for"
	recipe 'nm -u mine.ko'
	loads no-table-fixed fixed.ko 'the same with a table made from its symbols'
}

make_packaged_cases() {
	bench changed
	spoil vendor.ko module_layout
	cp vendor.ko mine.ko
	refuses changed mine.ko 'own module with one other CRC' "$disagrees module_layout"
	recipe 'fix '
	loads changed-fixed fixed.ko 'the same, fixed'

	bench missing # the model lacks the last symbol of the sample
	dump vendor.ko table
	head -c -64 table >vendor.versions
	recipe 'fix ' 's/Module\.symvers/vendor.versions/' 2>/dev/null
	check 'a symbol is not in the model: fix stops and writes nothing' stopped 'is not in the model'

	bench batch # with modules of the device as the model
	set -- crc-itu-t lru_cache mii # like the sample
	pick own vendor "$@"
	pick other modules "$@"
	recipe 'find vendor/'
	mv vendor.symvers Module.symvers
	recipe 'find modules/'
	for name; do
		loads "batch-$name" "fixed/modules/$name.ko" "$name, one of many" "$name"
	done

	bench set # sis190 uses mii, and CRCs of mii differ between the builds
	pick other modules mii sis190
	recipe 'find modules/'
	loads set-mii fixed/modules/mii.ko 'mii, one of a set'
	loads set-sis190 fixed/modules/sis190.ko 'sis190, which uses this mii' sis190 set-mii

	recipe 'find modules/' '/--show-exports/d; /^awk/d; s/set\.symvers/Module.symvers/'
	loads no-exports-mii fixed/modules/mii.ko 'mii, fixed without a look at exports'
	refuses no-exports-sis190 fixed/modules/sis190.ko 'sis190, fixed like that, which uses this mii' \
		'sis190: disagrees about version of symbol mii_nway_restart' sis190 no-exports-mii
}

# A CRC of 0 is a CRC. In front, it makes the table look like one of another layout.
make_zero_cases() {
	bench zero
	dump mine.ko table
	check 'the kernel has a CRC of 0' grep -q '^0x00000000.no_prototype' Module.symvers
	check 'the table of the other build begins with it' \
		[ "$(head -c 64 table | tr -d '\0')" = no_prototype ]
	spoil mine.ko no_prototype
	recipe 'fix '
	loads zero fixed.ko 'module of the other build with another CRC in that place, fixed'
	sed -i '/\tno_prototype\t/d' Module.symvers
	recipe 'fix ' 's/--strict/--strict -k/'
	refuses zero-kept fixed.ko 'the same, fixed but for that CRC' "$disagrees no_prototype"
}

# Neither a text model nor a 32-bit table tells the byte order: a CRC that they share does.
make_byte_order_cases() {
	bench big-endian
	spoil mine.ko '.*'
	recipe 'fix '
	check 'no CRC is in common: fix says so' grep -q 'shows no byte order' recipe.log
	refuses no-big-endian fixed.ko 'that module, fixed as little-endian' "$disagrees"
	recipe 'fix ' 's/--strict/--strict --big-endian/'
	loads big-endian fixed.ko 'the same, fixed with --big-endian'
}

# Linux 6.14 and later look only at the extended sections, if a module has them.
make_extended_cases() {
	cd "$scratch"
	build_sample extended CONFIG_BASIC_MODVERSIONS=
	bench extended
	module extended "$sample" mine.ko
	refuses extended mine.ko 'module of the other build with these sections alone' "$disagrees"
	recipe 'nm -u mine.ko'
	loads extended-fixed fixed.ko 'the same with a table made from its symbols'

	bench kept
	recipe 'fix ' "s/-R '__version_ext[*]'//"
	refuses kept fixed.ko 'module of the other build, fixed but for these sections' "$disagrees"
}

# --- Every module of a kernel ---

# Usage: sh -c "$look" sh FILE...: looks at each module that was fixed. It writes into seen.PID
# whether it is `fixed`, `moved` (fixed, but objcopy itself moves its sections) or `broken`, then
# each record before and after; and into exports.PID the CRCs that the fixed module exports.
# shellcheck disable=SC2016 # the variables of that shell
look='for file; do
	new=fixed/$file
	[ -e "$new" ] || continue
	# With the old table it must be what objcopy makes of the old file.
	"$objcopy" "$file" plain.$$ --dump-section __versions=old.$$
	"$objcopy" "$new" back.$$ --update-section __versions=old.$$
	state=fixed
	cmp -s -n "$(wc -c <plain.$$)" plain.$$ "$file" || state=moved
	cmp -s plain.$$ back.$$ || state=broken
	echo $state "$file"
	modprobe --show-modversions "$file" >old.$$
	modprobe --show-modversions "$new" | paste old.$$ - | sed "s/^/record /"
	modprobe --show-exports "$new" >&3 2>/dev/null
done >>seen.$$ 3>>exports.$$'

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
	recipe 'find vendor/'
	cp vendor.symvers Module.symvers
	recipe 'find modules/' 2>/dev/null # a module may need a symbol that the own kernel lacks
	find modules -type f -print0 | objcopy=$tools-objcopy xargs -0 -P 2 -n 20 sh -c "$look" sh || :
	awk -v all="$all" '
		reading == "model" { crc[$2] = $1 }
		reading == "exports" { offered[$2]; offered[$2, $1] }
		reading == "log" && sub(/: is not in the model$/, "") {
			missing++
			if ($3 in crc) print "in the model:", $3
		}
		reading == "log" && /^failed: / { refused++; if (!missing) print; missing = 0 }
		reading == "seen" && $1 != "record" { count[$1]++; module = $2 }
		$1 == "broken" { print }
		$1 == "record" {
			records++
			changed += $2 != $4
			known = $5 in offered ? ($5, $4) in offered : crc[$5] == $4
			if ($3 != $5 || !known) print "a wrong CRC:", module, $0
			if ($5 in offered && !known) odd[module]
		}
		END {
			fixed = count["fixed"] + count["moved"]
			if (fixed + count["broken"] + refused != all || !fixed) print fixed, "modules of", all
			for (module in odd) odds++
			printf "%d modules fixed, %d refused, %d of %d CRCs changed, %d modules at odds with a sibling",
				fixed, refused, changed, records, odds >"result"
			if (count["moved"]) printf " (objcopy moves sections of %d)", count["moved"] >"result"
		}' reading=model vendor.symvers reading=exports exports.* reading=log recipe.log \
		reading=seen seen.* >wrong
	find modules -type f -exec cksum {} + | cmp before - >>wrong || :
	cat wrong >>"$scratch/log"
	# 92181 becomes 92,181.
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
