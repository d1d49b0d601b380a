# SPDX-License-Identifier: GPL-2.0
#
# What a person types. The kernel's build system does not read this file but
# Kbuild, beside it.

export T

help:
	@echo 'BPF kfuncs in Rust'
	@echo
	@echo '  make demo         boot the distribution kernel, call Rust kfuncs on live events'
	@echo '  make test         run all tests'
	@echo '  make test T=name  run ./test_progs -t name'
	@echo '  make shell        a shell in the virtual machine, everything loaded'
	@echo '  make doc          the documentation of the crate'
	@echo '  make clean        remove what was built'
	@echo '  make distclean    remove the tools and the kernel as well'
	@echo
	@echo 'Everything goes to $${XDG_CACHE_HOME:-~/.cache}/bpf-rust (5 GB).'
	@echo 'Needs a Debian-based system with make, mmdebstrap and bubblewrap.'

demo test shell doc clean distclean:
	@scripts/$@

.PHONY: help demo test shell doc clean distclean
