#!/bin/sh
# Usage: need.sh COMMAND=PACKAGE... : installs the Debian packages of the commands (or files, with
# their path) that are not there: as root, or with sudo if it asks for no password. Else it prints
# what to install.
missing=
for need; do
	[ -f "${need%%=*}" ] || command -v "${need%%=*}" >/dev/null || missing="$missing ${need#*=}"
done
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" -eq 0 ] || sudo='sudo -n'
# shellcheck disable=SC2086 # one word a package
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
	echo "installing$missing" >&2
	$sudo apt-get update -qq >/dev/null
	$sudo env DEBIAN_FRONTEND=noninteractive \
		apt-get install -qq --no-install-recommends $missing >/dev/null </dev/null && exit 0
fi
echo "please install: sudo apt install --no-install-recommends$missing" >&2
exit 1
