# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Paths and functions that the shell scripts share. To be sourced; sourcing has no
# other effect.

set -euo pipefail

HARNESS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
TOP=${HARNESS%/scripts/harness}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/bpf-rust
case $CACHE in
/*) ;;
*) CACHE=$PWD/$CACHE ;;
esac

# KERNEL is the kernel to boot: a distribution's own (stock, forky), with the modules
# of an external build, or a kernel that "build-kernel" built with this tree in it.
KERNEL=${KERNEL:-stock}

# The Debian release that the kernel and the tools come from, and where the release has
# the kernel. This tree is written for these series of kernels; "fetch-kernel" chooses
# the newest version of the series that the mirror has. GCC is the compiler of the
# kernel, and LIBCLANG the folder of bindgen's libclang.
case $KERNEL in
forky)
	DEBIAN_RELEASE=forky
	SUITES=(forky)
	KERNEL_SERIES=${KERNEL_SERIES:-7.2}
	GCC=x86_64-linux-gnu-gcc-16
	LIBCLANG=/usr/lib/llvm-22/lib
	CACHE=$CACHE/forky
	;;
*)
	DEBIAN_RELEASE=trixie
	SUITES=(trixie trixie-backports)
	KERNEL_SERIES=${KERNEL_SERIES:-7.3}
	GCC=x86_64-linux-gnu-gcc-14
	LIBCLANG=/usr/lib/llvm-19/lib
	;;
esac

ROOT=$CACHE/root
KERNELS=$CACHE/kernel
TREE=$KERNELS/unpacked/tree
# Checkouts share the cache, but each has a folder for its build products.
BUILD=$CACHE/build/$(printf %s "$TOP" | cksum | cut -d' ' -f1)

ARCH=x86
BOOT=arch/x86/boot/bzImage
PROGRAMS=$BUILD
SYSROOT=
# The test kernel for another machine, with programs and a C library of its own.
if [ "$KERNEL" = arm64 ]; then
	ARCH=arm64
	BOOT=arch/arm64/boot/Image
	PROGRAMS=$BUILD/$ARCH
	SYSROOT=$CACHE/sysroot-$ARCH
	TRIPLE=aarch64-linux-gnu
fi
# "build-kernel" builds this one; empty for a distribution's own.
BUILT=$KERNEL
case $KERNEL in
stock | forky) BUILT= ;;
esac
# OBJECTS has the drivers of the kernel, as DRIVERS names them.
if [ -z "$BUILT" ]; then
	OBJECTS=$KERNELS/unpacked
	IMAGE=$KERNELS/unpacked/vmlinuz
	CONFIG=$KERNELS/unpacked/.config
	MODULES=$BUILD/modules
	BUILTIN=/dev/null
else
	OBJECTS=$KERNELS/out/$KERNEL
	IMAGE=$KERNELS/out/$KERNEL/$BOOT
	CONFIG=$KERNELS/out/$KERNEL/.config
	MODULES=$KERNELS/out/$KERNEL/kernel/bpf/rust
	BUILTIN=$KERNELS/out/$KERNEL/modules.builtin
fi
GUEST=$BUILD/guest-$KERNEL
# Drivers that tests need. They are modules of the distribution's kernel; other kernels
# may have them built in.
DRIVERS=(drivers/hid/{hid,uhid,hid-generic} drivers/input/evdev)

# die MESSAGE...: prints a line for each message and exits. The first message names
# the error, the others the way out.
die()
{
	printf 'error: %s\n' "$1" >&2
	shift
	[ $# -eq 0 ] || printf '       %s\n' "$@" >&2
	exit 1
}

# step WHAT COMMAND...: runs the command and shows WHAT and the time. A terminal also
# shows the last line of the output and a percentage: LINES_EXPECTED is the number of
# lines that the command usually prints. The whole output goes to a log; if the command
# fails, step shows the end of the log. With MESSAGES=yes, the command prints nothing but
# the messages of compilers, and step shows all of them, without those of make.
step()
{
	local what=$1 log start pid rc=0
	shift
	mkdir -p "$CACHE/log"
	log=$CACHE/log/$(printf %s "$what" | tr -cs 'A-Za-z0-9.\n' -).log
	: > "$log"
	start=$SECONDS

	( "$@" ) > "$log" 2>&1 < /dev/null &
	pid=$!
	# An interrupted step does not go on behind our back.
	trap 'kill "$pid" 2> /dev/null; wait "$pid" 2> /dev/null; exit 130' INT TERM
	if [ -t 1 ]; then
		while kill -0 "$pid" 2> /dev/null; do
			progress "$what" "$((SECONDS - start))" "$log"
			sleep 0.5
		done
		printf '\r\033[K'
	else
		printf '  %-44s ...\n' "$what"
	fi
	wait "$pid" || rc=$?
	trap - INT TERM
	if [ -n "${MESSAGES:-}" ]; then
		messages "$log" >&2
	elif [ "$rc" -ne 0 ]; then
		tail -n 40 "$log" >&2
	fi
	if [ "$rc" -ne 0 ]; then
		die "$what failed (exit code $rc)." "The whole output is in $log."
	fi
	printf '  %-44s %3d s\n' "$what" "$((SECONDS - start))"
}

# messages LOG: prints the messages of compilers in a log, without the lines of make. A
# macro uses the type that its caller wrote more than once, and rustc reports an error in
# this type for each use. Only the first one is printed.
messages()
{
	sed -E '/^make(\[[0-9]+\])?: /d' "$1" | awk '
		BEGIN { RS = ""; FS = "\n"; ORS = "\n\n" }
		/^error: aborting due to [0-9]+ previous/ { next }
		$1 ~ /^(error|warning)/ && $2 ~ /-->/ && seen[$1, $2]++ { next }
		{ print }'
}

# progress WHAT SECONDS LOG: the line on the terminal while a step runs.
progress()
{
	local far='' last width

	if [ -n "${LINES_EXPECTED:-}" ]; then
		far=$(($(wc -l < "$3") * 100 / LINES_EXPECTED))
		far="$((far < 99 ? far : 99)) %"
	fi
	width=$(tput cols 2> /dev/null || echo 80)
	last=$(tail -c 500 "$3" | tr -d '\r\033' | tail -n 1 | cut -c "1-$((width > 66 ? width - 64 : 2))")
	printf '\r\033[K  %-44s %3d s  %4s  %s' "$1" "$2" "$far" "$last"
}

# need_space KILOBYTES: exits if the disk of the cache has less space.
need_space()
{
	local have

	mkdir -p "$CACHE" || die "cannot create $CACHE." "Set XDG_CACHE_HOME to a folder you can write to."
	have=$(df -Pk "$CACHE" | awk 'NR == 2 { print $4 }')
	[ "$have" -ge "$1" ] ||
		die "$(($1 / 1048576 + 1)) GB are needed in $CACHE, $((have / 1048576)) GB are free." \
			"Make room, or set XDG_CACHE_HOME to a folder on another disk."
}

# vm ARGUMENT...: the script "vm" on the kernel that was chosen.
vm()
{
	local memory=1G

	# KASAN and kmemleak keep books.
	[ "$KERNEL" != debug ] || memory=3G
	"$HARNESS/run" "$HARNESS/vm" --kernel "$IMAGE" --memory "$memory" \
		${SYSROOT:+--sysroot "$SYSROOT"} "$@"
}
