# SPDX-License-Identifier: GPL-2.0-only
#
# Puts what was built where it is used, and takes it away again; the Makefile
# includes this.
#
#   PREFIX=DIR   /usr/local
#   LIBDIR=DIR   of the library, as in /usr/lib/x86_64-linux-gnu; PREFIX/lib. BINDIR,
#                INCLUDEDIR, MANDIR and COMPLETIONDIR are likewise
#   PYTHONDIR=DIR where Python looks for modules; the one for it goes there, if it is given
#   DESTDIR=DIR  install below DIR, and change nothing else of this machine
#   KVER=RELEASE the module is for this kernel instead of the running one. KDIR=DIR,
#                the directory of its headers, says so, too

PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
place := PREFIX='$(PREFIX)' BINDIR='$(BINDIR)' LIBDIR='$(LIBDIR)' INCLUDEDIR='$(INCLUDEDIR)' \
	MANDIR='$(MANDIR)' COMPLETIONDIR='$(COMPLETIONDIR)' PYTHONDIR='$(PYTHONDIR)' DESTDIR='$(DESTDIR)' packaging/place

# Programs that boot in a VM are linked without shared libraries, unlike this one. It
# has its own libkarena, so that it can be run from wherever it is put.
build/karenactl: $(wildcard tools/karenactl/*.[ch]) build/libkarena.a | $(headers)
	$(CC) $(c_flags) $(LDFLAGS) -o $@ $(filter %.c,$^) build/libkarena.a

# What root built in a directory of somebody else would be in the owner's way.
builder := sh
ifneq ($(filter install modules_install,$(MAKECMDGOALS)),)
ifneq ($(filter-out root,$(shell [ "$$(id -u)" -ne 0 ] || stat -c %U .)),)
builder := packaging/refuse
kernel_stock := $(kernel_stock)
build/%: SHELL = $(builder)
build/stock/headers: SHELL = sh
endif
endif

# Headers of another kernel than last time: the module is built from the ground up.
build/stock/headers: FORCE
	@dir=$$(vm/kernel headers) && release=$$(vm/kernel release) || exit 1; \
	said="karena: headers of $$release in $$(readlink -f "$$dir")"; \
	[ "$$said" = "$$(cat $@ 2>/dev/null)" ] || \
		$(builder) -c "rm -rf $(@D) && mkdir -p $(@D) && echo '$$said' >$@"
build/stock/karena.ko: build/stock/headers

# Another kernel than the one that runs is installed for only if it is named.
kernel_is_named := $(strip $(KVER)$(filter-out file undefined,$(origin KDIR)))
named_kernel = packaging/place kernel '$(kernel_is_named)'

install: lib man build/karenactl ## library, headers, manual and karenactl, below PREFIX
	@$(place) install

uninstall: man ## remove what the targets below install, and what install does
	@$(place) uninstall

# Kbuild compresses and signs as the kernel was configured to, unless the kernel's key
# is not at hand, as with a distribution's.
modules_install: build/stock/karena.ko man ## the module for the running kernel, or KVER
	@release=$$($(named_kernel)) && umask 022 && \
	$(MAKE) -C $(kernel_stock) M=$(CURDIR)/build/stock INSTALL_MOD_PATH=$(DESTDIR) \
		INSTALL_MOD_DIR=updates $(if $(wildcard $(KDIR)/certs/signing_key.pem),,\
		CONFIG_MODULE_SIG_ALL=) cmd_depmod=: modules_install && \
	$(place) module "$$release"

dkms_source: man
	@$(place) dkms_source

dkms: man ## the module by DKMS, which builds it for each new kernel
	@release=$$($(named_kernel)) && $(place) dkms "$$release" '$(KDIR)'

deb: ## five Debian packages, in build/deb
	packaging/deb

install-tests: build/stock/karena.ko lib build/karenactl ## tests of what these targets do
	vm/count $@ vm/host-suite tests/install

abi-keep: lib build/karenactl ## renew the interfaces that tests hold 1.0 to, until its release
	tests/abi/keep

.PHONY: abi-keep install-tests install uninstall modules_install dkms_source dkms deb FORCE
