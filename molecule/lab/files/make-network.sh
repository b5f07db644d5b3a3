#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Creates a podman network without a name server, unless it exists with these settings.
#
#   make-network.sh NAME SUBNET INTERNAL(true|false)
#
# Prints "made" or "present". A network of that name with another subnet belongs to an older lab:
# it is removed with its containers.
set -eu
name=$1 subnet=$2 internal=$3
if podman network exists "$name"; then
    is=$(podman network inspect --format '{{(index .Subnets 0).Subnet}} {{.Internal}} {{.DNSEnabled}}' "$name")
    if [ "$is" = "$subnet $internal false" ]; then
        echo present
        exit 0
    fi
    podman network rm --force "$name" > /dev/null
fi
podman network create --disable-dns --internal="$internal" --subnet "$subnet" "$name" > /dev/null
echo made
