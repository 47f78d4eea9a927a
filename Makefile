# update_versions: build, test, install. GNU make; see README.md.

PREFIX ?= /usr/local
DESTDIR ?=
CARGO ?= cargo
# One static file, which is carried to strange machines; it also starts faster.
RUSTFLAGS ?= -C target-feature=+crt-static
export RUSTFLAGS

program = target/release/update_versions
bindir = $(DESTDIR)$(PREFIX)/bin
mandir = $(DESTDIR)$(PREFIX)/share/man/man1
need = sh tests/need.sh

.PHONY: all demo test check bench kernel-test install uninstall clean

all:
	$(CARGO) build --release --locked

demo: all
	@$(need) arm-linux-gnueabi-objcopy=binutils-arm-linux-gnueabi
	@sh tests/demo.sh

test: all
	@$(need) arm-linux-gnueabi-objcopy=binutils-arm-linux-gnueabi
	@[ -n "$$UPDATE_VERSIONS_PY" ] && [ -n "$$PYTHON2" ] || \
		echo 'not compared with the script itself: set UPDATE_VERSIONS_PY and PYTHON2'
	@for machine in aarch64 s390x powerpc; do \
		command -v $$machine-linux-gnu-objcopy >/dev/null || \
			echo "not tried on an object for $$machine: no $$machine-linux-gnu-objcopy"; \
	done
	UPDATE_VERSIONS=$(CURDIR)/$(program) $(CARGO) test --locked

check:
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	if command -v mandoc >/dev/null; then mandoc -Tlint src/update_versions.1; fi
	$(MAKE) test

bench:
	$(CARGO) bench --locked --bench ratios

kernel-test: all
	@sh tests/kernel/run.sh

# Nothing is built here, for `sudo make install` may not have the toolchain.
install:
	test -f $(program) || $(MAKE) all
	install -d $(bindir) $(mandir)
	install -m 755 $(program) $(bindir)/update_versions
	ln -sf update_versions $(bindir)/update_versions.py
	install -m 644 src/update_versions.1 $(mandir)/update_versions.1

uninstall:
	rm -f $(bindir)/update_versions $(bindir)/update_versions.py $(mandir)/update_versions.1

clean:
	$(CARGO) clean
