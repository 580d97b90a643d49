#!/usr/bin/env bash
# Gets a CPython 3.14 into DIR, for machines whose own distribution has an older one.
#
#   scripts/python314.sh [DIR]        default: target/python3.14 of this checkout
#
# The interpreter comes from Debian's sid, by debootstrap, from the mirror that the machine's own
# apt is configured with. DIR/python3.14 runs it in place: it hands the tree's own dynamic loader
# the tree's own libraries, sets no variable that a child process would inherit, and keeps argv[0],
# so that sys.executable is the wrapper, subprocesses of sys.executable work, and
# `DIR/python3.14 -m venv --without-pip VENV` makes a venv whose scripts work too.
#
# Exit codes: 0 DIR/python3.14 works; 3 this machine cannot do it (one sentence says why); any other
# code: it should have worked and did not. Running it again when DIR is there costs nothing.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
dir=${1:-$root/target/python3.14}

cannot() {
    echo "python314: $1" >&2
    exit 3
}

works() {
    [ -x "$1/python3.14" ] &&
        "$1/python3.14" -c 'import sys, ssl, subprocess
assert sys.version_info[:2] == (3, 14)
subprocess.run([sys.executable, "-c", "import json"], check=True)' >/dev/null 2>&1
}

mkdir -p "$(dirname "$dir")"
dir=$(cd "$(dirname "$dir")" && pwd)/$(basename "$dir")
if works "$dir"; then
    echo "$dir/python3.14"
    exit 0
fi

[ "$(. /etc/os-release 2>/dev/null && echo "${ID:-}")" = debian ] && command -v apt-get >/dev/null ||
    cannot "this machine is no Debian; install CPython 3.14 and put python3.14 on PATH"
[ "$(id -u)" = 0 ] ||
    cannot "debootstrap needs root; install CPython 3.14 and put python3.14 on PATH"

# The distribution's own archive: the source whose suite is this machine's release (or an alias).
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v codename="$codename" '
        $2 == "main" && ($1 == codename || $1 ~ /^(oldstable|stable|testing|unstable|sid)$/) { print $3; exit }')
case $mirror in
http://* | https://*) ;;
*) cannot "apt is configured with no Debian mirror; install CPython 3.14 and put python3.14 on PATH" ;;
esac

# wget, which debootstrap downloads with, does not read apt's proxy setting.
eval "$(apt-config shell apt_proxy Acquire::http::Proxy)"
if [ -n "${apt_proxy:-}" ] && [ -z "${http_proxy:-}" ]; then
    export http_proxy=$apt_proxy
fi

if ! command -v debootstrap >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get install -y --no-install-recommends debootstrap >/dev/null 2>&1 ||
        { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; } >&2
fi

# Only a tree that this script made is replaced, whatever DIR it was given.
if [ -e "$dir" ] && [ ! -e "$dir/python3.14" ] && ! rmdir "$dir" 2>/dev/null; then
    echo "python314: $dir is there and is not a tree of this script: name another folder" >&2
    exit 1
fi
partial=$dir.partial
rm -rf --one-file-system "$partial" "$dir"
log=$dir.log
if ! debootstrap --variant=minbase --include=python3.14,libpython3.14,python3.14-venv,ca-certificates \
    sid "$partial" "$mirror" >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "python314: debootstrap failed; its whole output is in $log" >&2
    exit 1
fi

loader=$(cd "$partial" && ls usr/lib*/ld-linux-*.so.* | head -n 1)
libraries=$(cd "$partial" && dirname "$(find usr/lib -name 'libc.so.6' | head -n 1)")
cat >"$partial/python3.14" <<WRAPPER
#!/bin/sh
# CPython 3.14 of the tree below "$dir", run by the tree's own loader.
exec "$dir/$loader" --argv0 "\$0" --library-path "$dir/$libraries" "$dir/usr/bin/python3.14" "\$@"
WRAPPER
chmod +x "$partial/python3.14"
mv "$partial" "$dir"

works "$dir" || {
    "$dir/python3.14" -c 'import sys, ssl; print(sys.version)' >&2 || true
    echo "python314: the interpreter in $dir does not work" >&2
    exit 1
}
echo "$dir/python3.14"
