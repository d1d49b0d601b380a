# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Chooses the tree with which modules outside of this tree are built for a kernel that is
# not that of the virtual machine. KDIR names a prepared tree, KVER a release; without both,
# it is the kernel that runs. Sets RELEASE, and exports MODULE_KDIR unless tree and tools
# are those of the cache. To be sourced after outside.sh.

# setting OPTION: its value in the configuration of KDIR.
setting()
{
	sed -n "s/^$1=//p" "$KDIR/include/config/auto.conf" | tr -d '"'
}

# need_tree: exits if modules cannot be built with KDIR and the tools of this machine.
need_tree()
{
	local tool prepare="make -C <source of the kernel, with the same .config> modules_prepare"

	[ -e "$KDIR/include/config/auto.conf" ] ||
		die "$KDIR is not a prepared kernel tree." "Install the headers of the kernel, or: $prepare"
	[ "$(setting CONFIG_RUST)" = y ] ||
		die "the kernel of $KDIR has no Rust (CONFIG_RUST), so a module in Rust cannot load." \
			"Build a kernel with CONFIG_RUST=y."
	[ "$(setting CONFIG_DEBUG_INFO_BTF_MODULES)" = y ] ||
		die "the kernel of $KDIR has no BTF of modules (CONFIG_DEBUG_INFO_BTF_MODULES), so it finds no kfunc." \
			"Build a kernel with CONFIG_DEBUG_INFO_BTF=y and CONFIG_DEBUG_INFO_BTF_MODULES=y."
	[ -e "$KDIR/rust/libkernel.rmeta" ] ||
		die "$KDIR has no metadata of the kernel crate (rust/libkernel.rmeta)." \
			"Headers packages of Debian lack it. $prepare" "Then name that tree: KDIR=<folder>"
	[ -e "$KDIR/Module.symvers" ] ||
		die "$KDIR has no Module.symvers, the list of the kernel's symbols." \
			"Copy it from the headers package of the same kernel."
	[ -e "$KDIR/vmlinux" ] ||
		die "$KDIR has no vmlinux, from which the BTF of a module takes the kernel's types." \
			"If that kernel runs here: cp /sys/kernel/btf/vmlinux $KDIR/vmlinux"
	for tool in rustc cargo pahole; do
		command -v "$tool" > /dev/null || die "$tool is not installed." "Install it: the tree $KDIR is built with the tools of this machine."
	done
	[ "$(setting CONFIG_RUSTC_VERSION_TEXT)" = "$(rustc --version)" ] ||
		die "the kernel was built by '$(setting CONFIG_RUSTC_VERSION_TEXT)', this machine has '$(rustc --version)'." \
			"Names of Rust functions would differ. Put the kernel's rustc first in PATH."
}

if [ -z "${KDIR:-}" ] && [ -e "/lib/modules/${KVER:=$(uname -r)}/build/rust/libkernel.rmeta" ]; then
	KDIR=/lib/modules/$KVER/build
fi
if [ -n "${KDIR:-}" ]; then
	KDIR=$(realpath -m -- "$KDIR")
	need_tree
	RELEASE=$(cat "$KDIR/include/config/kernel.release")
	[ "${KVER:=$RELEASE}" = "$RELEASE" ] ||
		die "$KDIR is the tree of $RELEASE, and KVER is $KVER." "Remove one of KDIR= and KVER=."
	export MODULE_KDIR=$KDIR
else
	# Debian's headers lack what Rust needs, and the cache has a tree of Debian's kernel.
	RELEASE=
	if [[ $KVER == "$KERNEL_SERIES".* ]]; then
		. "$HARNESS/setup.sh"
		read -r _ RELEASE < "$KERNELS/version"
	fi
	[ "$KVER" = "$RELEASE" ] ||
		die "there is no tree to build modules for the kernel $KVER${RELEASE:+; the cache has that of $RELEASE}." \
			"/lib/modules/$KVER/build does not exist or has no rust/libkernel.rmeta. Prepare a tree:" \
			"make -C <source of $KVER, with its .config> modules_prepare" \
			"Then name it: KDIR=<folder>"
fi
