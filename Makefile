# SPDX-License-Identifier: GPL-2.0
# What a person types; Kbuild is what the kernel's build reads.

KDIR	?= /lib/modules/$(shell uname -r)/build
TOOL	?= tools/mlock2mon
LIB	?= $(dir $(TOOL))libmlock2mon.a
PREFIX	?= /usr/local
CFLAGS	?= -O2 -g
export TESTS KERNELS

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
ncurses	:= $(shell pkg-config --libs ncursesw 2>/dev/null)
ifeq ($(ncurses),)
$(TOOL): without = @echo 'Without ncurses (libncurses-dev, pkgconf): no mlock2mon top' >&2
else
$(TOOL): with = -DHAVE_NCURSES $(shell pkg-config --cflags ncursesw)
endif

$(TOOL): $(filter-out tools/libmlock2mon.c,$(wildcard tools/*.c)) $(LIB) tools/*.h tools/page.html \
	mlock2mon.h
	$(without)
	$(CC) $(CFLAGS) -Wall -Wextra -I. $(with) $(filter %.c %.a,$^) $(ncurses) -o $@

lib: $(LIB) ## build libmlock2mon.a alone

lib_objects := $(LIB:.a=.o) $(LIB:.a=-format.o)

$(LIB): $(lib_objects)
	rm -f $@
	$(AR) rcs $@ $^

$(LIB:.a=.o): tools/libmlock2mon.c
$(LIB:.a=-format.o): format.c
$(lib_objects): tools/libmlock2mon.h tools/userspace.h mlock2mon.h filter.h format.h why.h
	$(CC) $(CFLAGS) -fPIC -Wall -Wextra -I. -c $(filter %.c,$^) -o $@

install: tool lib ## put command, completion, library, manuals into PREFIX, /usr/local
	for dir in sbin include lib/pkgconfig share/man/man3 share/man/man4 share/man/man5 \
		share/man/man8 share/bash-completion/completions; do \
		install -d $(DESTDIR)$(PREFIX)/$$dir || exit; done
	install $(TOOL) $(DESTDIR)$(PREFIX)/sbin/mlock2mon
	install -m 644 mlock2mon.h tools/libmlock2mon.h $(DESTDIR)$(PREFIX)/include
	install -m 644 $(LIB) $(DESTDIR)$(PREFIX)/lib/libmlock2mon.a
	for n in 3 4 8; do install -m 644 tools/mlock2mon.$$n \
		$(DESTDIR)$(PREFIX)/share/man/man$$n || exit; done
	install -m 644 tools/mlock2mon-file.5 $(DESTDIR)$(PREFIX)/share/man/man5
	install -m 644 tools/mlock2mon.bash-completion \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/mlock2mon
	version=$$(sed -n 's/^.define MLOCK2MON_VERSION[^"]*"\(.*\)"/\1/p' mlock2mon.h) && \
		sed "s|@PREFIX@|$(PREFIX)|; s|@VERSION@|$$version|" tools/libmlock2mon.pc.in \
		>$(DESTDIR)$(PREFIX)/lib/pkgconfig/libmlock2mon.pc

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
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all module tool lib install demo shell check lint fuzz check-all coverage support bench \
	clean distclean help
