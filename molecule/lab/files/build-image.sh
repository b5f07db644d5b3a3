#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Builds one base image from Debian's packages and tags it when it is complete.
#
#   build-image.sh TAG SUITE PACKAGE,PACKAGE,… [MIRROR]
#
# Prints "built ID" or "present ID". Callers may run at the same time: one builds, the others wait for it.
set -eu
tag=$1 suite=$2 packages=$3 mirror=${4:-}
work=/var/tmp/airgap-lab/$(printf %s "$tag" | tr -c 'A-Za-z0-9.-' _)

mkdir -p "${work%/*}"
exec 9> "$work.lock"
flock 9
if id=$(podman image inspect --format '{{.Id}}' "$tag" 2> /dev/null); then
    echo "present $id"
    exit 0
fi

# This run has the lock, so a killed run left whatever is here.
rm -rf --one-file-system "$work"
trap 'rm -rf --one-file-system "$work"' EXIT
trap 'exit 1' INT TERM HUP
mkdir "$work"

# The host keys and the machine id belong to a container; resolv.conf would be this machine's.
# (single quotes: mmdebstrap's hook expands $1, the new root)
# shellcheck disable=SC2016
TMPDIR=$work mmdebstrap --variant=minbase --include="$packages" \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/resolv.conf "$1"/etc/hostname' \
    --customize-hook=': > "$1"/etc/machine-id; : > "$1"/etc/resolv.conf' \
    "$suite" "$work/root.tar" ${mirror:+"$mirror"} > "$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    exit 1
}
# A tag is given to a whole image only: the archive is complete before the import starts.
TMPDIR=$work podman import --quiet --change 'CMD ["/sbin/init"]' "$work/root.tar" "$tag" > /dev/null
echo "built $(podman image inspect --format '{{.Id}}' "$tag")"
