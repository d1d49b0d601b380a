# SPDX-License-Identifier: GPL-2.0
#
# BPF programs and their skeletons, compiled with the libbpf and the bpftool of
# the kernel's source. To be included by a Makefile that then says what it wants
# of $(OUTPUT)/X.skel.h, which is made from $(BPF_SRC)/X$(BPF_SUFFIX).
#
#   KDIR         source tree of the kernel, after "make modules_prepare". Nothing
#                is copied from it or written to it.
#   OUTPUT       where everything goes, one per KDIR; "rm -r" it to start again.
#   TOOLS        where libbpf and bpftool go, one per KDIR. Default: OUTPUT.
#   VMLINUX_BTF  BTF of the kernel that will run the programs: a vmlinux, or raw.
#   MODULE_BTF   modules that the programs call. Their types and the prototypes
#                of their kfuncs come from their own BTF, into the same vmlinux.h
#                as the kernel's.
#   BPF_CFLAGS_X more flags for X alone.
#
# For another machine than this one: ARCH, as the kernel calls it, and the CC,
# LD and AR that make programs for it.

absolute = $(if $(filter-out /%,$(or $($1),-)),$(error $1="$($1)" must be the absolute path of $2))
exists   = $(foreach f,$($1),$(if $(wildcard $f$2),,$(error $1=$f: there is no $f$2, $3)))
$(call absolute,KDIR,the prepared kernel tree)
$(call exists,KDIR,/include/generated/autoconf.h,run "make modules_prepare" in that tree)
$(call absolute,OUTPUT,a directory for all that is built)
$(call absolute,VMLINUX_BTF,a vmlinux or the raw BTF of the kernel)
$(call exists,VMLINUX_BTF,,build or unpack the kernel first)
$(if $(MODULE_BTF),$(call absolute,MODULE_BTF,each module))
$(call exists,MODULE_BTF,,build the modules first)

TOOLS ?= $(OUTPUT)
ifneq ($(shell mkdir -p $(OUTPUT) $(TOOLS) && echo y),y)
$(error OUTPUT=$(OUTPUT): cannot create it)
endif

all:

srctree	:= $(KDIR)
objtree	:= $(KDIR)

include $(srctree)/tools/scripts/Makefile.include	# CC, CLANG, quiet
include $(srctree)/tools/scripts/Makefile.arch		# SRCARCH
include $(srctree)/scripts/Kbuild.include		# if_changed, filechk

MAKEFLAGS += --no-print-directory

tools	 := $(srctree)/tools
upstream := $(tools)/testing/selftests/bpf

BPFTOOL	  := $(TOOLS)/bpftool/bootstrap/bpftool
HOSTLIB	  := $(TOOLS)/bpftool/bootstrap/libbpf/libbpf.a
LIBBPF	  := $(if $(filter $(HOSTARCH),$(SRCARCH)),$(HOSTLIB),$(TOOLS)/libbpf-$(SRCARCH)/libbpf.a)
INCLUDES  := -I$(CURDIR) -I$(OUTPUT) -I$(dir $(HOSTLIB))include

# The flags of upstream's selftests, as far as they matter here.
BPF_CFLAGS  = -Wp,-MMD,$(depfile) -g -O2 -std=gnu11 -Wall -Werror	\
	      --target=bpf -mcpu=v3 -D__TARGET_ARCH_$(SRCARCH)		\
	      -fno-strict-aliasing -fms-extensions			\
	      -Wno-microsoft-anon-tag -Wno-compare-distinct-pointer-types \
	      -Wno-initializer-overrides $(INCLUDES) $(BPF_INCLUDES)	\
	      -idirafter /usr/include/$(MULTIARCH)
MULTIARCH  := $(shell $(HOSTCC) -print-multiarch)

quiet_cmd_skel = GEN-SKEL $(@F)
      cmd_skel = $(BPFTOOL) gen object $(@:.skel.h=.linked.o) $<;	\
		 $(BPFTOOL) gen skeleton $(@:.skel.h=.linked.o) name $(SKEL_NAME) > $@
SKEL_NAME ?= $*
$(OUTPUT)/%.skel.h: $(OUTPUT)/%.bpf.o $(BPFTOOL) FORCE
	$(call if_changed,skel)

quiet_cmd_bpf = CLNG-BPF $(@F)
      cmd_bpf = $(CLANG) $(BPF_CFLAGS) $(BPF_CFLAGS_$*) -c -o $@ $<
$(OUTPUT)/%.bpf.o: $(BPF_SRC)/%$(BPF_SUFFIX) FORCE | $(LIBBPF) $(OUTPUT)/vmlinux.h
	$(call if_changed_dep,bpf)

# One header for kernel and modules: with a base, bpftool prints both, each type
# once, and relocates a module's distilled .BTF.base on the way. It dedups only
# what it merges, and a lone module keeps doubles of the kernel's typedefs
# (u32___2); so the first module is named twice.
BTF_FILES := $(if $(MODULE_BTF),$(firstword $(MODULE_BTF)) $(MODULE_BTF),$(VMLINUX_BTF))
filechk_vmlinux = $(BPFTOOL) $(if $(MODULE_BTF),-B $(VMLINUX_BTF)) \
		  btf dump $(addprefix file ,$(BTF_FILES)) format c
$(OUTPUT)/vmlinux.h: $(BPFTOOL) $(VMLINUX_BTF) $(MODULE_BTF) FORCE
	$(call filechk,vmlinux)

# "bootstrap" is the bpftool that knows btf and gen; it builds libbpf for itself.
$(BPFTOOL) $(HOSTLIB) &: $(wildcard $(tools)/bpf/bpftool/*.[ch] $(tools)/lib/bpf/*.[ch])
	$(Q)mkdir -p $(TOOLS)/bpftool
	$(Q)$(MAKE) -C $(tools)/bpf/bpftool OUTPUT=$(TOOLS)/bpftool/	\
		HOSTCC="$(HOSTCC)" SKIP_CRYPTO=1 bootstrap

ifneq ($(LIBBPF),$(HOSTLIB))
# Its headers are those of the other one.
$(LIBBPF): $(wildcard $(tools)/lib/bpf/*.[ch]) | $(HOSTLIB)
	$(Q)mkdir -p $(@D)
	$(Q)$(MAKE) -C $(tools)/lib/bpf OUTPUT=$(@D)/ $@
endif

.PRECIOUS: $(OUTPUT)/%.bpf.o $(OUTPUT)/%.skel.h
PHONY := all FORCE
FORCE:
.PHONY: $(PHONY)
