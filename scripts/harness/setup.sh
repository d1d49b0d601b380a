# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Gets what is missing, in the order in which it is needed, and says so. To be
# sourced by the scripts that "make" calls.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# One at a time: the cache is shared by all checkouts and terminals. What such a
# script calls runs under its lock.
mkdir -p "$CACHE" || die "cannot create $CACHE." "Set XDG_CACHE_HOME to a folder you can write to."
if [ -z "${BPF_RUST_LOCKED:-}" ]; then
	exec 9> "$CACHE/lock"
	if ! flock -n 9; then
		echo "Another run uses $CACHE; waiting for it to end."
		flock 9
	fi
	export BPF_RUST_LOCKED=1
fi

"$HARNESS/root"
"$HARNESS/fetch-kernel"
[ -z "$SYSROOT" ] || "$HARNESS/sysroot"

[ "$KERNEL" = stock ] || "$HARNESS/build-kernel"
