# SPDX-License-Identifier: GPL-2.0
#
# Builds the loader of a sample, with the skeleton of the BPF program in it:
#
#   make -C samples/NAME -f ../loader.mk KDIR=<kernel tree> OUTPUT=<dir> \
#        VMLINUX_BTF=<file> MODULE_BTF=<dir>/NAME.ko
#
# scripts/bpf.mk explains the variables. Kbuild builds the kernel module, from the
# Makefile beside the sample.

NAME	   := $(notdir $(CURDIR))
BPF_SRC	   := .
BPF_SUFFIX := .bpf.c
SKEL_NAME   = $*_bpf

include ../../scripts/bpf.mk

all: $(OUTPUT)/$(NAME)

quiet_cmd_loader = BINARY   $(@F)
      cmd_loader = $(CC) -Wp,-MMD,$(depfile) -g -O2 -std=gnu11 -Wall -Werror \
		   -D_GNU_SOURCE $(INCLUDES) -o $@ $< $(LIBBPF) -lelf -lz
$(OUTPUT)/$(NAME): loader.c $(LIBBPF) FORCE | $(OUTPUT)/$(NAME).skel.h
	$(call if_changed_dep,loader)

targets := $(wildcard $(addprefix $(OUTPUT)/$(NAME),.skel.h .bpf.o) $(OUTPUT)/$(NAME))
-include $(foreach f,$(targets),$(dir $f).$(notdir $f).cmd)
