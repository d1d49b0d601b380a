# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Fetches and builds the tools and kernels that are missing. To be sourced by the
# scripts that "make" calls.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# All checkouts and terminals share the cache, so one command at a time may use it.
# BPF_RUST_LOCKED tells scripts that this command calls that it holds the lock.
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

[ -z "$BUILT" ] || "$HARNESS/build-kernel"
