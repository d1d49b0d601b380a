# SPDX-License-Identifier: GPL-2.0
#
# The commands for users of this tree; scripts/harness/ has a script for each. The
# kernel's build system reads Kbuild and not this file.

export T KERNEL M SAMPLE

help:
	@echo 'BPF kfuncs in Rust'
	@echo
	@echo '  make demo         boot the distribution kernel, call Rust kfuncs on live events;'
	@echo '                    SAMPLE=hid_io: a dial whose lamps follow a BPF program'
	@echo '  make test         run all tests'
	@echo '  make test T=name  run ./test_progs -t name'
	@echo '  make fuzz         random BPF programs that call the kfuncs; SECONDS=600 SEED=number'
	@echo '  make bench        count instructions of Rust kfuncs and of the same in C'
	@echo '  make upstream     the kernel'"'"'s own BPF tests, with and without the patches'
	@echo '  make shell        a shell in the virtual machine, everything loaded'
	@echo '  make vm CMD=...   a command in the virtual machine, everything loaded'
	@echo '  make kernel       build the test kernel, with this tree in it'
	@echo '  make doc          the documentation of the crate'
	@echo '  make clean        remove what was built'
	@echo '  make distclean    remove the tools and the kernel as well'
	@echo
	@echo 'A module of your own, in a folder outside of this tree:'
	@echo
	@echo '  make new M=~/bucket             write a small module to a new folder'
	@echo '  make module M=~/bucket          build it, its BPF programs and its tests'
	@echo '  make test M=~/bucket            run its tests in the virtual machine'
	@echo '  make vm M=~/bucket CMD=bucket   run a command there, such as its loader'
	@echo '  make shell M=~/bucket           a shell there, with the module loaded'
	@echo '  make rust-analyzer M=~/bucket   write rust-project.json for editors'
	@echo '  make install M=~/bucket         build it for the kernel that runs here, and install it'
	@echo
	@echo 'install takes KVER=release or KDIR=tree for another kernel, and INSTALL_MOD_PATH=folder;'
	@echo 'module takes KVER and KDIR as well. Without them, it builds for the virtual machine: with'
	@echo 'KERNEL=test, module, test, vm and shell take the kernel with the patches, KERNEL=debug too.'
	@echo
	@echo 'demo, test, fuzz, shell and vm take KERNEL=stock, test or debug: Debian'"'"'s own kernel, one'
	@echo 'with this tree built in, or the same with all checks (scripts/harness/configs), and'
	@echo 'KERNEL=forky: the kernel and the compilers of Debian'"'"'s next release. test, shell and'
	@echo 'kernel take KERNEL=arm64 as well: the test kernel for that machine, emulated.'
	@echo 'bench takes KERNEL=inline: a kernel by clang, with C helpers inlined into Rust code, and'
	@echo 'KERNEL=test: exceptions in Rust and in C, each in a kernel of its own.'
	@echo
	@echo 'Everything goes to $${XDG_CACHE_HOME:-~/.cache}/bpf-rust (9 GB).'
	@echo 'Needs a Debian-based system with make, mmdebstrap and bubblewrap.'

demo bench upstream doc clean distclean new module rust-analyzer install crate:
	@scripts/harness/$@

test:
	@scripts/harness/$(if $(M),test-module,test)

shell:
	@scripts/harness/shell

# The command reaches the shell as it is, also with "$".
vm: override export CMD := $(value CMD)
vm:
	@scripts/harness/shell "$${CMD:?is the command to run: make vm CMD=...}"

# SECONDS is a special variable of Bash, so the script gets it as an argument.
fuzz:
	@env -u SECONDS scripts/harness/fuzz $(or $(SECONDS),600) $(SEED)

kernel:
	@KERNEL=$(or $(KERNEL),test) bash scripts/harness/setup.sh

.PHONY: help kernel fuzz demo test bench upstream shell vm doc clean distclean new module \
	rust-analyzer install crate
