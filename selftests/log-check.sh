#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Print the lines of a kernel log, on standard input, that no healthy kernel
# writes. Exit status 1 if there is one.
set -u

# Not here: what user space can do to itself (traps:, memory cgroup out of memory).
bad='WARNING:|BUG:|kernel BUG at|Oops|KASAN|UBSAN|KFENCE|KCSAN'
bad+='|general protection fault[,:]|unable to handle|invalid opcode:|double fault'
bad+='|possible (recursive|circular|irq|deadlock)|inconsistent lock state|INFO: lockdep'
bad+='|suspicious RCU|held lock freed|lock held when returning|bad unlock balance'
bad+='|scheduling while atomic|sleeping function called|INFO: task .* blocked'
bad+='|rcu.*(detected stall|self-detected|expedited stall)|soft lockup|hard LOCKUP'
bad+='|refcount_t:|list_(add|del) corruption|Bad page|nobody cared|kmemleak: [1-9]'
bad+='|Kernel panic|stack-protector|workqueue lockup'

# ours: without the data races that KCSAN tells of the kernel itself. It is ours if one of the
# two that race, or who called it, is in the module.
ours() {
	awk '
		/BUG: KCSAN/ { race = $0; named = /\[mlock2mon\]/; frames = 0; next }
		race == "" { print; next }
		/ on cpu [0-9]+:\r?$/ { frames = 2; next }
		frames-- > 0 { named = named || /\[mlock2mon\]/; next }
		/Reported by Kernel Concurrency Sanitizer/ { if (named) print race; race = "" }
		END { if (race != "" && named) print race }'
}

! ours | grep -E "$bad"
