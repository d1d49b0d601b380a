# SPDX-License-Identifier: GPL-2.0
#
# Include this file at the end of the Makefile of a directory whose Rust modules
# use the bpf crate. In this tree, bpf-rust is the relative path to this folder. The
# Makefile of a module outside of this tree includes module.mk of the built crate, in the
# folder BPF_RUST:
#
#   obj-m += name.o
#   include $(BPF_RUST)/module.mk
#
# The Makefile in the folder that M= names must do so, also if all modules are in folders
# below it. Without "make module", the commands are, with rust-btf and rust-panic in PATH:
#
#   make -C <kernel tree> M=<this tree>/rust CONFIG_RUST_BPF=m PAHOLE=<this tree>/scripts/pahole
#   make -C <kernel tree> M=$PWD BPF_RUST=<this tree>/rust PAHOLE=<this tree>/scripts/pahole

ifdef bpf-rust
bpf-crate := $(obj)/$(bpf-rust)
else
# The symbols of a crate that is built in are among the kernel's.
KBUILD_EXTRA_SYMBOLS += $(wildcard $(bpf-crate)/Module.symvers)
endif

# The objects of the crates and of their helpers, beside their metadata. In a new build,
# $(obj) does not exist yet, so the path must not lead through it.
panic-checked := $(wildcard $(addprefix $(abspath $(bpf-crate))/,helpers/*.o \
	$(foreach crate,bpf $(bpf-crates),$(crate).o $(crate)/helpers.o)))

bpf-mk := $(dir $(lastword $(MAKEFILE_LIST)))
include $(bpf-mk)kernel.mk
include $(bpf-mk)panics.mk

rustflags-y += --extern bpf -L$(bpf-crate) $(panic-lints)

# $(call rust-objects,OBJECTS) is the list of the Rust objects among OBJECTS and
# the parts of OBJECTS.
rust-objects = $(foreach object,$(foreach object,$(filter %.o,$(1)), \
	$(or $(strip $(foreach parts,-objs -y -m,$($(object:.o=$(parts))))),$(object))), \
	$(if $(wildcard $(src)/$(object:.o=.rs)),$(object)))

# A module that uses other crates of this tree names them before it includes this file or
# module.mk: bpf-crates := hid
rustflags-y += $(addprefix --extern ,$(bpf-crates))

# A change of a crate recompiles the Rust objects.
$(addprefix $(obj)/,$(call rust-objects,$(obj-y) $(obj-m))): \
	$(patsubst %,$(bpf-crate)/lib%.rmeta,bpf $(bpf-crates))

# The build fails if built-in code can panic. A module that can panic is not
# linked.
always-y += $(call no-panics,$(call rust-objects,$(obj-y)))
$(foreach module,$(filter %.o,$(obj-m)), \
	$(eval $(call module-without-panics,$(module:.o=.mod),$(call rust-objects,$(module)))))
