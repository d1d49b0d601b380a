# SPDX-License-Identifier: GPL-2.0
#
# For the Makefile of a directory whose Rust modules use the bpf crate, at its
# end.

bpf-crate := $(obj)/$(bpf-rust)

include $(src)/$(bpf-rust)/panics.mk

rustflags-y += --extern bpf -L$(bpf-crate) $(panic-lints)

# The objects of Rust code among these, or among their parts.
rust-objects = $(foreach object,$(foreach object,$(filter %.o,$(1)), \
	$(or $(strip $(foreach parts,-objs -y -m,$($(object:.o=$(parts))))),$(object))), \
	$(if $(wildcard $(src)/$(object:.o=.rs)),$(object)))

# A module is compiled anew when the crate changes.
$(addprefix $(obj)/,$(call rust-objects,$(obj-y) $(obj-m))): $(bpf-crate)/libbpf.rmeta

# A panic in what is built in fails the build; a module with one is not linked.
always-y += $(call no-panics,$(call rust-objects,$(obj-y)))
$(foreach module,$(filter %.o,$(obj-m)), \
	$(eval $(call module-without-panics,$(module:.o=.mod),$(call rust-objects,$(module)))))
