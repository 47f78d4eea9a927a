# update_versions: build, test, install. GNU make; see README.md.

PREFIX ?= /usr/local
CARGO ?= cargo
# Another machine to build for, like armv7-unknown-linux-gnueabihf, and its linker.
TARGET ?= $(CARGO_BUILD_TARGET)
for_target = $(if $(TARGET),--target $(TARGET))
of_target = CARGO_TARGET_$(shell echo '$(TARGET)' | tr a-z.- A-Z__)
ifneq ($(LINKER),)
export $(of_target)_LINKER := $(LINKER)
endif
# The emulator that cargo is configured to run such a program with, if there is one.
runner = $($(of_target)_RUNNER)
# `make STATIC=` links with the shared libc.
STATIC ?= yes
ifeq ($(STATIC),)
export RUSTFLAGS := -C target-feature=-crt-static
endif

# Cargo is asked where it built the program. The tests and `install` take this copy.
program = target/update_versions
bindir = $(DESTDIR)$(PREFIX)/bin
mandir = $(DESTDIR)$(PREFIX)/share/man/man1
need = sh tests/need.sh
ARCH = armhf

.PHONY: all help toolchain tools demo test check mutants bench kernel-test install uninstall clean

all: toolchain ## build target/update_versions (the default)
	@mkdir -p target
	@$(CARGO) build --release --locked $(for_target) \
		--message-format json-render-diagnostics >target/build.json || { \
		[ "$$($(or $(LINKER),cc) -print-file-name=libc.a)" != libc.a ] || \
			echo 'there is no static libc: install it, or: make STATIC=' >&2; exit 1; }
	@install -m 755 "$$(sed -n 's/.*"executable":"\([^"]*\)".*/\1/p' target/build.json)" $(program)
	@echo '$(TARGET)' >target/for

help: ## print this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

toolchain:
	@case "$$($(CARGO) --version)" in \
	'cargo 1.'[0-9].* | 'cargo 1.'[1-7][0-9].* | 'cargo 1.8'[0-4].* | '') \
		echo 'please install Rust 1.85 or later (Debian 12: cargo-web and rustc-web)' >&2; exit 1;; \
	esac

tools:
	@$(need) arm-linux-gnueabi-objcopy=binutils-arm-linux-gnueabi

demo: tools all ## fix an ARM module before your eyes
	@sh tests/demo.sh

# What a test cannot do here it writes into target/skipped. If UPDATE_VERSIONS_PY names the script and
# PYTHON2 an interpreter for it, the program is compared with it.
test: tools all ## run all tests
	@$(need) aarch64-linux-gnu-objcopy=binutils-aarch64-linux-gnu \
		s390x-linux-gnu-objcopy=binutils-s390x-linux-gnu \
		powerpc-linux-gnu-objcopy=binutils-powerpc-linux-gnu strace=strace \
		/sbin/modprobe=kmod perl=perl xz=xz-utils zstd=zstd || :
	@timeout 30 $(runner) $(program) --version >/dev/null || { \
		echo "'update_versions --version' fails$(if $(TARGET),; set $(of_target)_RUNNER, as for cargo)" >&2; exit 1; }
	@: >target/skipped
	UPDATE_VERSIONS="$$PWD/$(program)" RUNNER="$(runner)" SKIPPED="$$PWD/target/skipped" \
		$(CARGO) test --locked $(for_target)
	@sort -u target/skipped | sed 's/^/skipped: /'

check: toolchain ## run the linters and all tests
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	if command -v mandoc >/dev/null; then mandoc -Tlint src/update_versions.1; fi
	if command -v shellcheck >/dev/null; then shellcheck tests/*.sh tests/kernel/run.sh tests/kernel/init testdata/*.sh; fi
	$(MAKE) test

mutants: tools ## find changes of the source that no test sees
	@command -v cargo-mutants >/dev/null || { \
		echo 'please install: cargo install --locked cargo-mutants' >&2; exit 1; }
	$(CARGO) mutants --output target --timeout 120 --jobs 2

bench: toolchain ## measure how fast it is
	$(CARGO) bench --locked --bench ratios

# WHOLE=1 fixes every module of a kernel, too; KEEP=folder keeps what the next run can use again.
# KERNEL=source builds one for arm64; ARCH=mips always does. MIRROR=URI has Debian's source.
# Those who build kernels may have another KERNEL in the environment.
kernel-test: KERNEL =
kernel-test: all ## load modules into kernels in QEMU; ARCH= says whose
	@KERNEL='$(KERNEL)' sh tests/kernel/run.sh $(ARCH)

# Nothing is built here, since `sudo make install` may not have the toolchain.
install: ## install below PREFIX, with DESTDIR before it
	@[ -x $(program) ] && [ -z "$$(find src Cargo.* .cargo -newer $(program))" ] || { \
		echo '$(program) is older than its source, or was never built: run make first' >&2; exit 1; }
	@for=$$(cat target/for); [ "$$for" = '$(TARGET)' ] || [ -n '$(DESTDIR)' ] || { \
		echo "$(program) is for $${for:-this machine}: say so with TARGET=, or set DESTDIR" >&2; \
		exit 1; }
	install -d "$(bindir)" "$(mandir)"
	install -m 755 $(program) "$(bindir)/update_versions"
	ln -sf update_versions "$(bindir)/update_versions.py"
	install -m 644 src/update_versions.1 "$(mandir)/update_versions.1"

uninstall: ## remove what install installed
	rm -f "$(bindir)/update_versions" "$(bindir)/update_versions.py" "$(mandir)/update_versions.1"

clean: ## remove the folder target
	rm -rf target
