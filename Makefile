# SPDX-License-Identifier: GPL-2.0
# What a person types; Kbuild is what the kernel's build reads.

KDIR	?= /lib/modules/$(shell uname -r)/build
TOOL	?= tools/mlock2mon
LIB	?= $(dir $(TOOL))libmlock2mon.a
PREFIX	?= /usr/local
LIBDIR	?= $(PREFIX)/lib
UNITDIR	?= $(PREFIX)/lib/systemd/system
MANDIR	?= $(PREFIX)/share/man
DOCDIR	?= $(PREFIX)/share/doc/mlock2mon
CFLAGS	?= -O2 -g
# Where the node exporter looks for files of counters.
TEXTFILES ?= /var/lib/prometheus/node-exporter
INSTALL_MOD_PATH ?= $(DESTDIR)
PKG_CONFIG ?= pkg-config
DEPMOD	?= depmod
export TESTS KERNELS INSTALL_MOD_PATH

all: module lib tool ## build mlock2mon.ko for the running kernel, library and tool

module: $(KDIR)/Makefile ## build mlock2mon.ko alone
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

# Reached only where there are no headers.
$(KDIR)/Makefile:
	@echo 'No kernel headers in $(KDIR): install linux-headers-$(shell uname -r),' >&2
	@echo 'or give KDIR=. "make demo", "make shell" and "make check" need none.' >&2
	@exit 1

tool: $(TOOL) ## build the command mlock2mon alone

# What the command can do without; it says so when asked for it.
ncurses	:= $(shell $(PKG_CONFIG) --libs ncursesw 2>/dev/null)
ifeq ($(ncurses),)
$(TOOL): without = @echo 'Without ncurses (libncurses-dev, pkgconf): no mlock2mon top' >&2
else
$(TOOL): with = -DHAVE_NCURSES $(shell $(PKG_CONFIG) --cflags ncursesw)
endif

$(TOOL): $(filter-out tools/libmlock2mon.c,$(wildcard tools/*.c)) $(LIB) tools/*.h tools/page.html \
	mlock2mon.h
	$(without)
	$(CC) $(CPPFLAGS) $(CFLAGS) -Wall -Wextra -I. $(with) $(filter %.c %.a,$^) $(LDFLAGS) $(ncurses) \
		-o $@

lib: $(LIB) ## build libmlock2mon.a alone

lib_objects := $(LIB:.a=.o) $(LIB:.a=-format.o)

$(LIB): $(lib_objects)
	rm -f $@
	$(AR) rcs $@ $^

$(LIB:.a=.o): tools/libmlock2mon.c
$(LIB:.a=-format.o): format.c
$(lib_objects): tools/libmlock2mon.h tools/userspace.h mlock2mon.h filter.h format.h why.h
	$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -Wall -Wextra -I. -c $(filter %.c,$^) -o $@

# What is installed: FILE:MODE:PLACE.
installed := $(TOOL):755:$(PREFIX)/sbin/mlock2mon \
	tools/mlock2mon-libc:755:$(PREFIX)/sbin/mlock2mon-libc \
	mlock2mon.h:644:$(PREFIX)/include/mlock2mon.h \
	tools/libmlock2mon.h:644:$(PREFIX)/include/libmlock2mon.h \
	$(LIB):644:$(LIBDIR)/libmlock2mon.a \
	tools/mlock2mon.bash-completion:644:$(PREFIX)/share/bash-completion/completions/mlock2mon \
	packaging/60-mlock2mon.rules:644:$(DOCDIR)/examples/60-mlock2mon.rules \
	packaging/mlock2mon.service:644:$(UNITDIR)/mlock2mon.service \
	packaging/mlock2mon-metrics.timer:644:$(UNITDIR)/mlock2mon-metrics.timer
installed += $(foreach page,mlock2mon.3 mlock2mon.4 mlock2mon-file.5 mlock2mon.8 mlock2mon-libc.8,\
	tools/$(page):644:$(MANDIR)/man$(patsubst .%,%,$(suffix $(page)))/$(page))

# Those that name places and the version: TEMPLATE:MODE:PLACE.
filled := tools/libmlock2mon.pc.in:644:$(LIBDIR)/pkgconfig/libmlock2mon.pc \
	packaging/mlock2mon-metrics.service.in:644:$(UNITDIR)/mlock2mon-metrics.service

install: tool lib ## put command, library, manuals, units into PREFIX, /usr/local
	for file in $(installed) $(filled); do IFS=: && set -- $$file && \
		install -D -m $$2 $$1 "$(DESTDIR)$$3" || exit; done
	version=$$(sed -n 's/^.define MLOCK2MON_VERSION[^"]*"\(.*\)"/\1/p' mlock2mon.h) && \
		sed -i "s|@PREFIX@|$(PREFIX)|g; s|@LIBDIR@|$(LIBDIR)|; s|@VERSION@|$$version|; \
			s|@TEXTFILES@|$(TEXTFILES)|g" \
		$(foreach file,$(filled),$(DESTDIR)$(lastword $(subst :, ,$(file))))

uninstall: ## take them away again
	for file in $(installed) $(filled); do rm -f "$(DESTDIR)$${file##*:}" || exit; done
	! test -d $(DESTDIR)$(DOCDIR) || find $(DESTDIR)$(DOCDIR) -depth -type d -empty -delete

# kbuild leaves depmod out where there is no System.map, as with Debian's headers.
modules_install: module ## put the module where modprobe finds it
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules_install
	$(depmod)

modules_uninstall: $(KDIR)/Makefile ## take it away again
	rm -f $(modules)/*/mlock2mon.ko*
	$(depmod)

# What `make kernelrelease` says is not all of it with Debian's headers.
release = $(shell sed -n 's/.*UTS_RELEASE "\(.*\)"/\1/p' $(KDIR)/include/generated/utsrelease.h)
modules = $(INSTALL_MOD_PATH)/lib/modules/$(release)
depmod = $(DEPMOD) $(addprefix --basedir ,$(INSTALL_MOD_PATH)) $(release)

demo: ## show it at work: real programs watched in a guest
	@selftests/demo.sh

shell: ## a guest with the module loaded, to try things in
	@selftests/shell.sh

check: ## run all tests; TESTS=PATTERN and KERNELS="NAME ..." select
	@selftests/check.sh

lint: ## look at the sources only: what needs no guest
	@TESTS=lint KERNELS=$$(awk '$$2 == "default" { print $$1 }' selftests/kernels) selftests/check.sh

fuzz: ## what user space compiles as well, with random inputs; MINUTES=N for each program (1)
	@selftests/fuzz.sh $$(($${MINUTES:-1} * 60))

check-all: ## run them on all kernels; LEVEL=smoke: the quick ones
	@selftests/check.sh --all

coverage: ## which lines of the module the tests run
	@selftests/coverage.sh

support: ## the table of README, from the last check-all
	@selftests/support.sh

bench: ## measure what watching costs, beside other tools; KERNELS and PARTS select
	@selftests/bench.sh

clean: ## remove what was built
	rm -rf build tools/mlock2mon tools/*.a tools/*.o
	rm -rf *.o .*.o *.ko *.mod *.mod.c .*.cmd .*.d .tmp_versions Module.symvers modules.order

distclean: clean ## and the chroots, which take a minute each to make
	@selftests/distclean.sh

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z_-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

FORCE:

.PHONY: all module tool lib install uninstall modules_install modules_uninstall demo shell check \
	lint fuzz check-all coverage support bench clean distclean help
