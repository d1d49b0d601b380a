# SPDX-License-Identifier: GPL-2.0
#
# For the Makefile of a directory whose Rust modules use the bpf crate.

bpf-crate := $(obj)/$(bpf-rust)

rustflags-y += --extern bpf -L$(bpf-crate)

# A module is compiled anew when the crate changes.
$(addprefix $(obj)/,$(obj-y) $(obj-m)): $(bpf-crate)/libbpf.rmeta
