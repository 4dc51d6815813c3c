#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The inside of `make shell`.
set -eu

insmod "$MODULE"
cat <<'END'
mlock2mon is loaded. A failure to look at:
    su user -c 'ulimit -l 64; onfault 1024'
What was seen: mlock2mon events -n; mlock2mon stat; cat /proc/mlock2mon/tasks
Load it anew:  rmmod mlock2mon; insmod $MODULE
END
cd /tmp
exec bash -i
