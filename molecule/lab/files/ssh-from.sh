#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Runs this machine's ssh in a container's network, so that the connection comes from the container's address.
#
#   ssh-from.sh CONTAINER SSH_ARGUMENT…
set -eu
process=$(podman inspect --format '{{.State.Pid}}' "$1")
shift
exec nsenter --net="/proc/$process/ns/net" ssh "$@"
