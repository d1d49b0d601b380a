# SPDX-License-Identifier: GPL-2.0
#
# Builds the BPF programs X.bpf.c of a folder, the skeleton of each, and, if there is a
# loader.c, the loader. The loader is called like the first program, or LOADER.
#
#   make -C <folder> -f <this file> KDIR=<kernel tree> OUTPUT=<dir> \
#        VMLINUX_BTF=<file> MODULE_BTF=<dir>/X.ko
#
# bpf.mk explains the variables. Kbuild builds the kernel module, from the Makefile in the
# folder.

PROGS	   := $(patsubst %.bpf.c,%,$(wildcard *.bpf.c))
LOADER	   := $(if $(wildcard loader.c),$(firstword $(PROGS)))
BPF_SRC	   := .
BPF_SUFFIX := .bpf.c
SKEL_NAME   = $*_bpf

include $(dir $(lastword $(MAKEFILE_LIST)))bpf.mk

SKELS := $(PROGS:%=$(OUTPUT)/%.skel.h)

all: $(OUTPUT)/vmlinux.h $(SKELS) $(addprefix $(OUTPUT)/,$(LOADER))

quiet_cmd_loader = BINARY   $(@F)
      cmd_loader = $(CC) -Wp,-MMD,$(depfile) -g -O2 -std=gnu11 -Wall -Werror \
		   -D_GNU_SOURCE $(INCLUDES) -o $@ $< $(LIBBPF) -lelf -lz
$(addprefix $(OUTPUT)/,$(LOADER)): loader.c $(LIBBPF) FORCE | $(SKELS)
	$(call if_changed_dep,loader)

targets := $(wildcard $(SKELS) $(PROGS:%=$(OUTPUT)/%.bpf.o) $(addprefix $(OUTPUT)/,$(LOADER)))
-include $(foreach f,$(targets),$(dir $f).$(notdir $f).cmd)
