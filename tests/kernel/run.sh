#!/bin/sh
# Boots a Debian ARM kernel under QEMU and shows that it loads what it refused once a recipe of
# README.md, run as it stands there, has mended it. Kernels and modules come from an apt state in
# a scratch directory; the host's is not touched. `make kernel-test` builds, then calls it.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
PATH=$root/target/release:$PATH:/usr/sbin:/sbin # modprobe is in sbin
LC_ALL=C
export PATH LC_ALL
time_limit=300 # seconds; the guest needs about 10
# Modules that need no hardware and little of the kernel's ABI, which a CRC cannot mend.
sample=mii
batch='crc-itu-t lru_cache mii smc91x'

die() {
	echo "kernel-test: $*" >&2
	exit 1
}

# --- Kernels and modules ---

# One source of many may fail, so the status says little: what is missing is noticed later.
update_index() {
	mkdir -p apt/lists/partial apt/cache/archives/partial
	: >apt/status
	cat >apt/conf <<-END
		Dir::State::Lists "$scratch/apt/lists";
		Dir::State::status "$scratch/apt/status";
		Dir::Cache "$scratch/apt/cache";
		APT::Architecture "armhf";
		APT::Architectures { "armhf"; };
		APT::Sandbox::User "root";
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
	END
	apt-get -c apt/conf -qq update >apt/log 2>&1 || :
}

# The armmp kernels of the index, newest first; no -rt, no -dbg.
kernels() {
	apt-cache -c apt/conf pkgnames linux-image- |
		grep -E '^linux-image-[0-9][^-]*(-[0-9][^-]*)?-armmp$' | sort -rV
}

# Usage: fetch PACKAGE DIRECTORY
fetch() {
	apt-get -c apt/conf -qq download "$1" >/dev/null || die "cannot download $1"
	dpkg-deb -x "$1"_*.deb "$2"
	rm "$1"_*.deb
}

# Unpacks the newest kernel with modversions into own, to be booted, and into other the one before
# it in its series or, where there is none, the LPAE build of the same.
fetch_kernels() {
	for own in $(kernels); do
		fetch "$own" own
		grep -q '^CONFIG_MODVERSIONS=y' own/boot/config-* && break
		rm -r own
	done
	[ -d own ] || { cat apt/log >&2 && die 'apt knows no armmp kernel with modversions'; }
	series=$(expr "$own" : '\(linux-image-[0-9]*\.[0-9]*\.\)')
	other=$(kernels | grep -F "$series" | sed -n 2p)
	other=${other:-$own-lpae}
	fetch "$other" other
	echo "own kernel: $own, other build: $other"
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

# Usage: recipe HEADING NUMBER: runs that sh block of that section of README.md. A failure is no
# end: it is in $status, and the guest shows what is left.
recipe() {
	awk -v heading="$1" -v number="$2" '
		/^```/ { inside = !inside; wanted = inside && here && /^```sh$/ && ++count == number; next }
		wanted { print }
		!inside && sub(/^#+ /, "") { here = $0 == heading }
	' "$root/README.md" >"$scratch/recipe.sh"
	[ -s "$scratch/recipe.sh" ] || die "README.md has no sh block $2 under the heading '$1'"
	echo "== ${PWD##*/}: $1" >>"$scratch/log"
	status=0
	sh -e "$scratch/recipe.sh" >>"$scratch/log" 2>&1 || status=$?
}

# Usage: dump FILE TABLE, replace FILE TABLE: the section __versions
dump() { arm-linux-gnueabi-objcopy "$1" /dev/null --dump-section __versions="$2"; }
replace() { arm-linux-gnueabi-objcopy "$1" --update-section __versions="$2"; }

# Usage: try CASE FILE [NAME [FIRST]]: has the guest insert FILE, a module of that name, after that
# of the case FIRST.
try() {
	cp "$2" "$scratch/guest/modules/$1.ko"
	echo "$1 $(echo "${3:-$sample}" | tr - _) ${4:-}" >>"$scratch/guest/plan"
}

make_cases() {
	bench plain
	try own vendor.ko
	try other mine.ko
	dump vendor.ko own
	dump mine.ko other
	# The first symbol that a kernel checks, if it differs.
	layout=$(update_versions -v own <other 2>&1 >short | grep -o '^module_layout') || layout='.*'

	bench mended
	recipe 'Mend a module' 1
	try mended mine.ko

	bench changed
	dump vendor.ko old
	symbol=$(head -c 64 old | tail -c 60 | tr -d '\0')
	{ printf '\1\2\3\4' && tail -c +5 old; } >new
	cp vendor.ko mine.ko
	replace mine.ko new
	try changed mine.ko
	recipe 'Mend a module' 1
	try changed-mended mine.ko

	bench symvers
	for name in $batch; do
		module own "$name" own.ko
		modprobe --show-modversions own.ko 2>/dev/null || modprobe --dump-modversions own.ko
	done >Module.symvers
	recipe 'My kernel tree has a Module.symvers' 1
	try symvers mine.ko

	bench missing # of the model: the sample's last symbol
	dump vendor.ko old
	head -c -64 old >new
	replace vendor.ko new
	cp mine.ko before.ko
	recipe 'Mend a module' 1
	stopped=$status
	try missing mine.ko
	dump before.ko old
	update_versions model.versions <old >short 2>>"$scratch/log" || :
	cp before.ko short.ko
	replace short.ko short
	try short short.ko

	bench batch
	mkdir vendor modules
	for name in $batch; do
		module own "$name" "vendor/$name.ko"
		module other "$name" "modules/$name.ko"
	done
	recipe 'Mend a module' 2
	recipe 'Many modules at once' 1
	for name in $batch; do
		# smc91x needs mii: the own one, whose CRCs it has got.
		case $name in smc91x) first=own ;; *) first= ;; esac
		try "batch-$name" "modules/$name.ko" "$name" $first
	done

	bench set
	cp "$scratch"/headers/usr/src/*/Module.symvers .
	recipe 'Modules that need each other' 1
	try set-mii mine.ko
	module other smc91x mine.ko
	recipe 'Modules that need each other' 1
	try set-smc91x mine.ko smc91x set-mii
}

# --- Running and judging them ---

boot() {
	mkdir guest/bin guest/proc
	cp "$(find busybox -path '*bin/busybox')" guest/bin
	cp "$root/tests/kernel/init" guest/init
	chmod +x guest/init
	(cd guest && find . | cpio -o -H newc --quiet | gzip) >initrd
	timeout -k 10 "$time_limit" qemu-system-arm -M virt -cpu cortex-a15 -m 512 -nographic -no-reboot \
		-nodefaults -serial stdio -net none -kernel own/boot/vmlinuz-* -initrd initrd \
		-append 'console=ttyAMA0 loglevel=3 panic=-1' </dev/null 2>&1 | tr -d '\r' >console
}

# Usage: messages CASE: what the kernel said of it.
messages() { awk -v name="$1" '$1 == "==" { here = $2 == name; next } here' console; }

# Each of these is one condition, for check.
finished() { grep -qx '== end' console; }
loaded() { grep -qx "== $1 loaded" console && ! messages "$1" | grep -q 'no symbol version'; }
refused() { grep -qx "== $1 refused" console && messages "$1" | grep -qx ".* $sample: $2"; }
unharmed() { [ "$stopped" -ne 0 ] && cmp bench/missing/mine.ko bench/missing/before.ko; }

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

judge() {
	passed=0
	failed=0
	disagrees='disagrees about version of symbol'
	check "the guest tries all modules within $time_limit s" finished
	check 'own module: loaded' loaded own
	check 'module of the other build: refused' refused other "$disagrees $layout"
	check 'the same, mended: loaded' loaded mended
	check "own module with another CRC of $symbol: refused" refused changed "$disagrees $symbol"
	check 'the same, mended: loaded' loaded changed-mended
	check 'mended by a text model: loaded' loaded symvers
	check 'a symbol is not in the model: the recipe stops, the module is as it was' unharmed
	check 'this module in the guest: refused as before' refused missing "$disagrees .*"
	check 'the short table of an unguarded run: refused' refused short 'no symbol version for .*'
	for name in $batch; do
		check "$name, one of many: loaded" loaded "batch-$name"
	done
	check 'mii, one of a set: loaded' loaded set-mii
	check 'smc91x, which needs this mii: loaded' loaded set-smc91x
	[ "$failed" -eq 0 ] || { echo '--- host' && cat log && echo '--- guest' && cat console; } >&2
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}

sh "$root/tests/need.sh" apt-get=apt dpkg-deb=dpkg qemu-system-arm=qemu-system-arm cpio=cpio \
	gzip=gzip xz=xz-utils arm-linux-gnueabi-objcopy=binutils-arm-linux-gnueabi modprobe=kmod
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' HUP INT TERM
cd "$scratch"
mkdir -p guest/modules
update_index
fetch_kernels
fetch "linux-headers-${own#linux-image-}" headers
fetch busybox-static busybox
make_cases
cd "$scratch"
boot
judge
