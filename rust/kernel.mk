# SPDX-License-Identifier: GPL-2.0
#
# Sets cfg(kernel_has_NAME) for Rust code, for names that not every supported kernel
# has. The headers of the kernel are a better sign than its version, because
# distributions take over features from later kernels. See rust/bpf/compat.rs.

# $(call kernel-has,NAME,FILE): FILE of the kernel has the word NAME.
kernel-has = $(if $(shell grep -lsw '$(1)' '$(srctree)/$(2)'),--cfg kernel_has_$(1))

rustflags-y += $(call kernel-has,KF_PERFMON,include/linux/btf.h) \
	$(call kernel-has,KF_SPINLOCK_SAFE,include/linux/btf.h) \
	$(call kernel-has,BTF_FMODEL_ARENA_ARG,include/linux/bpf.h) \
	$(call kernel-has,EILSEQ,rust/kernel/error.rs) \
	$(call kernel-has,bpf_callback_arm,include/linux/bpf_callback.h) \
	$(call kernel-has,KF_REGION_NOFAULT,include/linux/btf.h) \
	$(call kernel-has,BPF_KFUNC_OWN_BTF,include/linux/bpf_verifier.h) \
	$(call kernel-has,bpf_insn_array_adjust_target,include/linux/bpf.h)
