# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Sets MODULE to the absolute path of M, the folder of a module outside of this tree, and
# MODULE_OUT to the folder for what is built of it. To be sourced after lib.sh.

# The shell leaves "~" in a word like "M=~/bucket" to this script, if POSIX says so.
# shellcheck disable=SC2088
case ${M:-} in
'') die "M= is missing." "Name the folder of your module: make ${0##*/} M=~/bucket" ;;
'~/'*) M=$HOME/${M#??} ;;
esac
MODULE=$(realpath -m -- "$M")
# Kbuild and make give these characters a meaning.
special='[][[:space:]:%#$"`\*?{}()<>|&;!,='\'']'
if [[ $MODULE =~ $special ]]; then
	die "'$MODULE' contains '${BASH_REMATCH[0]}', which the kernel's build system cannot handle in a path." \
		"Choose a folder whose path has letters, digits and the characters / _ - + . ~ @ only."
fi
case $TOP/ in
"$MODULE"/*) die "$MODULE is this tree, or a folder around it." "M= names the folder of your own module." ;;
esac
case $MODULE in
"$TOP"/*) die "$MODULE is in this tree." "Choose a folder outside of $TOP." ;;
esac
MODULE_OUT=$MODULE/build${BUILT:+/$KERNEL}
export MODULE MODULE_OUT
# M is for this script, and not for the kernel's Makefile when it builds a kernel.
export -n M
unset MAKEFLAGS MAKEOVERRIDES MFLAGS
# "run" needs a working directory that the build root has.
cd "$TOP" || exit

# need_visible: exits if the build root has another folder in the place of MODULE.
need_visible()
{
	case $MODULE in
	/usr/* | /etc/*)
		[ -e "$CACHE/host-tools" ] || [ -n "${KDIR:-}" ] ||
			die "$MODULE is in a folder of which the build root has its own." "Choose a folder outside of /usr and /etc."
		;;
	esac
}

# need_module KERNEL...: exits if the folder has no module, or if the kernel is none of these.
need_module()
{
	[ -d "$MODULE" ] || die "there is no folder $MODULE." "To make a new module: make new M=$MODULE"
	[ -e "$MODULE/Makefile" ] || [ -e "$MODULE/Kbuild" ] ||
		die "$MODULE has neither Makefile nor Kbuild." "To make a new module: make new M=<a new folder>"
	grep -qs 'module\.mk' "$MODULE/Makefile" "$MODULE/Kbuild" ||
		die "$MODULE/Makefile does not include \$(BPF_RUST)/module.mk, so its modules cannot use the bpf crate." \
			"scripts/template/Makefile is an example."
	need_visible
	[[ " $* " == *" $KERNEL "* ]] ||
		die "${0##*/} knows no kernel '$KERNEL' for modules outside of this tree." "It knows: $*"
}
