# SPDX-License-Identifier: GPL-2.0
#
# The build fails if Rust code can panic: scripts/rust-panic checks each object
# file. RUST_PANIC is the path of the tool, if the tool is not in PATH. See
# Documentation/panics.rst.

# Editors and a build with CLIPPY=1 show these lints for code that can panic. rustc
# ignores them.
panic-lints := $(addprefix -Wclippy::,arithmetic_side_effects expect_used \
	indexing_slicing panic string_slice todo unimplemented unreachable unwrap_used)

# From these objects, if they exist, the tool reads which functions of the crates
# can panic.
panic-with := $(wildcard $(addprefix $(objtree)/rust/,core.o compiler_builtins.o kernel.o))

# From these objects, which are checked themselves or are in C, the tool reads which
# functions of the crates of this tree may sleep.
panic-checked ?=

# The build of the kernel and of the crates made them. Without a rule, a pattern rule of
# Kbuild makes them again for a module in the top folder of an external build, where $(obj)
# is ".".
$(panic-with) $(panic-checked): ;

RUST_PANIC ?= rust-panic
panic-options = $(addprefix --with ,$(panic-with)) $(addprefix --checked ,$(panic-checked))

quiet_cmd_rust_panic = PANIC   $<
      cmd_rust_panic = $(RUST_PANIC) $(panic-options) $<; touch $@

# With CONFIG_RUST_DEBUG_ASSERTIONS, assertions panic on purpose, so there is no
# check.
ifndef CONFIG_RUST_DEBUG_ASSERTIONS
$(obj)/%.nopanic: $(obj)/%.o $(panic-with) $(panic-checked) $(wildcard $(RUST_PANIC)) FORCE
	$(call if_changed,rust_panic)

no-panics = $(patsubst %.o,%.nopanic,$(1))

# $(call module-without-panics,MODULE.mod,OBJECTS) checks the objects before Kbuild
# makes MODULE.mod, without which it does not link the module.
define module-without-panics
$(obj)/$(1): | $(addprefix $(obj)/,$(call no-panics,$(2)))
targets += $(call no-panics,$(2))
endef
endif
