#!/bin/sh
# Usage: need.sh COMMAND=PACKAGE... : installs the Debian packages of those commands that are not
# there, as root or with sudo where it asks for no password; else says what to install.
missing=
for need; do
	command -v "${need%%=*}" >/dev/null || missing="$missing ${need#*=}"
done
[ -n "$missing" ] || exit 0
sudo=
[ "$(id -u)" -eq 0 ] || sudo='sudo -n'
if command -v apt-get >/dev/null && $sudo true 2>/dev/null; then
	echo "installing$missing" >&2
	$sudo apt-get update -qq >/dev/null
	# shellcheck disable=SC2086 # one word a package
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq $missing >/dev/null && exit 0
fi
echo "please install$missing" >&2
exit 1
