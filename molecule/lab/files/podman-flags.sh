#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Finds the flags that podman needs on this machine by starting a container, without flags first.
#
#   podman-flags.sh IMAGE CREATE_OPTION…
#
# The container runs $PODMAN_PROBE, or checks whether the image can be a host of the lab.
# Prints the flags of podman itself on line 1 and those of `podman create` on line 2; both may be empty.
set -u
image=$1
shift

# The image must have what a host needs, and a unit's sandbox (mount namespaces) must work.
# shellcheck disable=SC2016 # The container expands it.
probe='for tool in /sbin/init sshd sudo ip python3; do
  PATH=$PATH:/usr/sbin command -v $tool > /dev/null || { echo "the image has no $tool" >&2; exit 3; }
done
unshare --mount true || { echo "mount namespaces are refused in containers (capability SYS_ADMIN)" >&2; exit 4; }'

base=
[ "$(cat /sys/module/apparmor/parameters/enabled 2> /dev/null)" = Y ] && base="--security-opt=apparmor=unconfined"

# Where raising limits is refused, podman's defaults are too high: ours are what this shell has, and few processes.
# shellcheck disable=SC3045 # dash and busybox have it.
files=$(ulimit -Hn)
[ "$files" = unlimited ] && files=1048576
lowered="--ulimit=nofile=$files:$files --ulimit=nproc=4096:4096"

errors=$(mktemp)
trap 'rm -f "$errors"' EXIT
for limits in "" "$lowered"; do
    for runtime in "" "--runtime=runc"; do
        # shellcheck disable=SC2086
        if podman $runtime run --rm --network=none $base $limits "$@" "$image" sh -c "${PODMAN_PROBE:-$probe}" 2>> "$errors" > /dev/null; then
            echo "$runtime"
            echo "$base $limits"
            exit 0
        fi
    done
done
echo "podman cannot run a container of $image here:" >&2
sort -u "$errors" >&2
exit 1
