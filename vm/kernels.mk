# SPDX-License-Identifier: GPL-2.0-only
#
# Builds the module, and modules that use it, for each kernel, and fetches or builds those
# kernels; the Makefile includes this. build/KERNEL/ holds the module for the kernel that
# "vm/kernel KERNEL" prints (stock, debug, 6.12, newest, rt and so on).
#
#   KDIR=DIR     build the stock module against these headers instead of the running
#                kernel's or, without those, the newest installed
#   KVER=RELEASE build it against those of an installed kernel

KDIR ?= $(shell vm/kernel headers)

module_src := Kbuild VERSION $(wildcard kmod/* kunit/* uapi/* include/linux/*)

# Kernels, by what builds the module for them. Of which release those of the last two
# are, the archive says.
built := debug debug-newest
of12 := stock-rt stock-cloud
of13 := 6.12 newest rt cloud 6.12-rt 6.12-cloud arm64 arm64-16k $(OTHERS)
stock $(built) $(of12) $(of13): %: build/%/karena.ko build/%/users.built

# A module is built by what its kernel was built by.
by_clang = $(if $(LLVM),,$(shell grep -s CONFIG_CC_IS_CLANG=y $(KDIR)/include/config/auto.conf))

# What each build of the module is made against and with; the last ones only serve
# vm/lint. Those of Debian 13 are made within it.
kernel_stock = $(KDIR)$(if $(by_clang), LLVM=1)
$(foreach k,$(built),$(eval kernel_$k = $$$$(vm/kernel $k)/build))
$(foreach k,$(of12),$(eval kernel_$k = $$$$(cat build/$k/kernel)/build))
$(foreach k,$(of13),$(eval within_$k = vm/debian13 run $$(CURDIR)) \
	$(eval kernel_$k = $$$$(readlink $$$$(cat build/$k/kernel)/build) \
		$(if $(findstring arm64,$k),,CC=gcc-14)))
kernel_sparse = $(kernel_debug) C=2
kernel_w1 = $(kernel_debug) W=1
kernel_clang = $$(vm/kernel clang)/build LLVM=1 W=1 KBUILD_MODPOST_WARN=1

# Kbuild writes beside its sources, so it is given a directory of links to them; what
# is to be installed comes without the suites.
build/%/karena.ko: $(module_src)
	@mkdir -p $(@D)
	@cp -rsf $(addprefix $(CURDIR)/,Kbuild VERSION kmod uapi include \
		$(if $(filter stock,$*),,kunit)) $(@D)
	@find $(@D) -xtype l -delete
	@cat $(@D)/headers 2>/dev/null || :
	$(within_$*) $(MAKE) -C $(kernel_$*) M=$(CURDIR)/$(@D) modules
	@touch $@

# The release that a name stands for may change; vm/run boots the one noted here.
$(patsubst %,build/%/karena.ko,$(of12) $(of13)): %/karena.ko: %/kernel
build/%/kernel: FORCE
	@mkdir -p $(@D)
	@kernel=$$(vm/kernel $*) && { echo $$kernel | cmp -s - $@ || echo $$kernel >$@; }
FORCE:

# Modules that use karena's calls, built as any such module is: with its header and
# its Module.symvers. Kbuild does not see when that changes: it reads it again where
# theirs is missing.
users := examples/driver tests/module bench/module
build/%/users.built: build/%/karena.ko $(wildcard $(foreach dir,$(users),$(dir)/Kbuild $(dir)/*.[ch]))
	@for dir in $(wildcard $(users)); do \
		mkdir -p $(@D)/$$dir && \
		ln -sf $(CURDIR)/$$dir/Kbuild $(CURDIR)/$$dir/*.[ch] $(@D)/$$dir && \
		find $(@D)/$$dir -xtype l -delete && rm -f $(@D)/$$dir/Module.symvers && \
		$(within_$*) $(MAKE) -C $(kernel_$*) M=$(CURDIR)/$(@D)/$$dir \
			KARENA=$(CURDIR)/$(@D) modules || exit 1; \
	done
	@touch $@

# What vm/selftest provokes the kernel with.
build/faulty-%/faulty.ko: $(wildcard vm/faulty/*)
	@mkdir -p $(@D)
	@cp -rsf $(addprefix $(CURDIR)/,$^) $(@D)
	$(MAKE) -C $(kernel_$*) M=$(CURDIR)/$(@D) modules
	@touch $@

# The one that is built keeps all processors busy, but fetching mostly waits.
kernels: kernel-debug kernel-newest kernel-stock kernel-clang ## fetch and build the kernels that the tests boot
all-kernels: kernels $(addprefix kernel-,debug-newest $(of12) $(of13)) ## those of check-all, too
kernel-%:
	@LATEST=yes vm/kernel $*

flavours: ## the module for every kernel there is, without a warning
	OTHERS="$$(vm/debian13 others)"; export OTHERS; \
		vm/count $@ vm/flavours $(of12) $(of13) $$OTHERS

# For the kernels that the tests boot besides stock.
modules: debug newest

.PHONY: stock $(built) $(of12) $(of13) kernels all-kernels flavours modules FORCE
