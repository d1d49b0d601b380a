# SPDX-License-Identifier: GPL-2.0
#
# The commands for users of this tree; scripts/harness/ has a script for each. The
# kernel's build system reads Kbuild and not this file.

export T KERNEL M

help:
	@echo 'BPF kfuncs in Rust'
	@echo
	@echo '  make demo         boot the distribution kernel, call Rust kfuncs on live events'
	@echo '  make test         run all tests'
	@echo '  make test T=name  run ./test_progs -t name'
	@echo '  make fuzz         random BPF programs that call the kfuncs; SECONDS=600 SEED=number'
	@echo '  make bench        count instructions of Rust kfuncs and of the same in C'
	@echo '  make upstream     the kernel'"'"'s own BPF tests, with and without the patches'
	@echo '  make shell        a shell in the virtual machine, everything loaded'
	@echo '  make kernel       build the test kernel, with this tree in it'
	@echo '  make doc          the documentation of the crate'
	@echo '  make clean        remove what was built'
	@echo '  make distclean    remove the tools and the kernel as well'
	@echo
	@echo 'A module of your own, in a folder outside of this tree:'
	@echo
	@echo '  make new M=~/bucket             write a small module to a new folder'
	@echo
	@echo 'demo, test, fuzz and shell take KERNEL=stock, test or debug: Debian'"'"'s own kernel, one'
	@echo 'with this tree built in, or the same with all checks (scripts/harness/configs). test,'
	@echo 'shell and kernel take KERNEL=arm64 as well: the test kernel for that machine, emulated.'
	@echo 'bench takes KERNEL=inline: a kernel by clang, with C helpers inlined into Rust code.'
	@echo
	@echo 'Everything goes to $${XDG_CACHE_HOME:-~/.cache}/bpf-rust (9 GB).'
	@echo 'Needs a Debian-based system with make, mmdebstrap and bubblewrap.'

demo test bench upstream shell doc clean distclean new:
	@scripts/harness/$@

# SECONDS is a special variable of Bash, so the script gets it as an argument.
fuzz:
	@env -u SECONDS scripts/harness/fuzz $(or $(SECONDS),600) $(SEED)

kernel:
	@KERNEL=$(or $(KERNEL),test) bash scripts/harness/setup.sh

.PHONY: help kernel fuzz demo test bench upstream shell doc clean distclean new
