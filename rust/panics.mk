# SPDX-License-Identifier: GPL-2.0
#
# Rust code that can panic is not built: scripts/rust-panic looks at each object.
# RUST_PANIC names the tool, if it is not in PATH. See Documentation/panics.rst.

# What an editor shows of this, and a build with CLIPPY=1. rustc passes over them.
panic-lints := $(addprefix -Wclippy::,arithmetic_side_effects expect_used \
	indexing_slicing panic string_slice todo unimplemented unreachable unwrap_used)

# Which functions of these crates can panic is read from them, if they are there.
panic-with := $(wildcard $(addprefix $(objtree)/rust/,core.o compiler_builtins.o kernel.o))

RUST_PANIC ?= rust-panic

quiet_cmd_rust_panic = PANIC   $<
      cmd_rust_panic = $(RUST_PANIC) $(addprefix --with ,$(panic-with)) $<; touch $@

# Of a kernel whose assertions are panics, on purpose, nothing is checked.
ifndef CONFIG_RUST_DEBUG_ASSERTIONS
$(obj)/%.nopanic: $(obj)/%.o $(panic-with) $(wildcard $(RUST_PANIC)) FORCE
	$(call if_changed,rust_panic)

no-panics = $(patsubst %.o,%.nopanic,$(1))

# MODULE.mod, which has to be there before the module is linked, after checks of
# its objects.
define module-without-panics
$(obj)/$(1): | $(addprefix $(obj)/,$(call no-panics,$(2)))
targets += $(call no-panics,$(2))
endef
endif
