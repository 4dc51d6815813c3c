# SPDX-License-Identifier: GPL-2.0
# What a person types; Kbuild is what the kernel's build reads.

KDIR	?= /lib/modules/$(shell uname -r)/build
TOOL	?= tools/mlock2mon
CFLAGS	?= -O2 -g
export TESTS KERNELS

all: module tool ## build mlock2mon.ko for the running kernel, and the tool

module: $(KDIR)/Makefile ## build mlock2mon.ko alone
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

# Reached only where there are no headers.
$(KDIR)/Makefile:
	@echo 'No kernel headers in $(KDIR): install linux-headers-$(shell uname -r),' >&2
	@echo 'or give KDIR=. "make demo", "make shell" and "make check" need none.' >&2
	@exit 1

tool: $(TOOL) ## build the command mlock2mon alone

$(TOOL): $(wildcard tools/*.c tools/*.h) mlock2mon.h
	$(CC) $(CFLAGS) -Wall -Wextra -I. $(filter %.c,$^) -o $@

demo: ## show it at work: real programs watched in a guest
	@selftests/demo.sh

shell: ## a guest with the module loaded, to try things in
	@selftests/shell.sh

check: ## run all tests; TESTS=PATTERN and KERNELS="NAME ..." select
	@selftests/check.sh

clean: ## remove what was built
	rm -rf build tools/mlock2mon
	rm -rf *.o .*.o *.ko *.mod *.mod.c .*.cmd .*.d .tmp_versions Module.symvers modules.order

distclean: clean ## and the chroots, which take a minute each to make
	@selftests/distclean.sh

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: all module tool demo shell check clean distclean help
