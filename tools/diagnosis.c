// SPDX-License-Identifier: GPL-2.0
/* What the story of a process means, in plain words. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <sys/mman.h>

#include "diagnosis.h"
#include "event.h"
#include "libmlock2mon.h"
#include "text.h"
#include "userspace.h"
#include "words.h"

#define SLOW_NS		10000000ULL

struct speaker {
	struct words		w;
	const struct story	*s;
	const struct situation	*at;
};

static uint64_t kb(uint64_t bytes)
{
	return bytes / 1024 + (bytes % 1024 + 1023) / 1024;
}

/* What the kernel reckons with: whole pages. */
static uint64_t range_kb(const struct mlock2mon_record *rec)
{
	uint64_t page = 1ULL << mlmon_page_shift();
	uint64_t rest = rec->len % page + (rec->addr & (page - 1));

	return (rec->len / page + (rest + page - 1) / page) * (page / 1024);
}

static const char *times_text(uint64_t times, char *buf, size_t room)
{
	if (times == 1)
		return "once";
	snprintf(buf, room, "%" PRIu64 " times", times);
	return buf;
}

/* --- each reason --- */

static void say_holders(struct speaker *sp, const struct mlock2mon_record *rec)
{
	const struct story *s = sp->s;
	size_t i;

	if (!rec->locked)
		return;
	words_add(&sp->w, " It had %" PRIu64 " KiB locked already", kb(rec->locked));
	for (i = 0; i < s->nr_holders; i++) {
		const struct mlock2mon_record *h = &s->holder[i];

		words_add(&sp->w, "%s %" PRIu64 " KiB by %s", i ? "," : ":", kb(h->delta),
			  mlock2mon_call_name(h->call));
		if (h->addr)
			words_add(&sp->w, " at 0x%" PRIx64, (uint64_t)h->addr);
	}
	words_add(&sp->w, ".");
	if (range_kb(rec) <= rec->limit / 1024 && rec->call != MLOCK2MON_MLOCKALL)
		words_add(&sp->w, " The request alone would fit: other locks of the same process "
			  "have "
			  "used the limit up.");
}

static bool makes_mappings(unsigned int call)
{
	return call == MLOCK2MON_MMAP || call == MLOCK2MON_MREMAP || call == MLOCK2MON_BRK ||
	       call == MLOCK2MON_SHMAT || call == MLOCK2MON_STACK;
}

static void say_future(struct speaker *sp)
{
	words_add(&sp->w, " mlockall(MCL_FUTURE) is in force, so each later mapping is locked and "
		  "counts: memory of malloc(), stacks of threads, libraries. The program is told "
		  "that there is no memory, although there is.");
}

static void say_limit(struct speaker *sp, const struct trouble *t)
{
	const struct mlock2mon_record *rec = &t->rec;

	if (rec->call == MLOCK2MON_MLOCKALL)
		words_add(&sp->w, "mlockall(MCL_CURRENT) counts all that the process has mapped, "
			  "%" PRIu64 " KiB, and RLIMIT_MEMLOCK is %" PRIu64 " KiB:",
			  kb(rec->limit) + kb(rec->detail), kb(rec->limit));
	else
		words_add(&sp->w, "RLIMIT_MEMLOCK of the process is %" PRIu64 " KiB:",
			  kb(rec->limit));
	if (rec->detail)
		words_add(&sp->w, " it would be exceeded by %" PRIu64 " KiB.", kb(rec->detail));
	else
		words_add(&sp->w, " it would be exceeded.");
	say_holders(sp, rec);
	if (makes_mappings(rec->call) && t->under_future)
		say_future(sp);
	else if (!t->half_bytes)
		words_add(&sp->w, " Nothing was locked by this call.");
}

static void say_perm(struct speaker *sp, const struct trouble *t)
{
	if (story_not_owner(&t->rec)) {
		words_add(&sp->w, "Not because of the limit: the segment is another user's. "
			  "Without CAP_IPC_LOCK only its owner and who made it may lock and "
			  "unlock it.");
		return;
	}
	words_add(&sp->w, "RLIMIT_MEMLOCK of the process is 0: without CAP_IPC_LOCK it must not "
		  "lock "
		  "anything.");
}

static void say_hole(struct speaker *sp, const struct trouble *t)
{
	const struct mlock2mon_record *rec = &t->rec;

	words_add(&sp->w, "Not because of the limit: a part of the range from 0x%" PRIx64 " to 0x%"
		  PRIx64 " is not mapped", (uint64_t)rec->addr, (uint64_t)(rec->addr + rec->len));
	if (sp->at->hole_known)
		words_add(&sp->w, ", now from 0x%" PRIx64 " to 0x%" PRIx64, sp->at->hole.start,
			  sp->at->hole.end);
	words_add(&sp->w, ". A higher limit does not help: the program must ask for memory that it "
		  "has mapped, and not unmap it before.");
}

static void say_maps(struct speaker *sp, const struct trouble *t)
{
	words_add(&sp->w, "Not because of the limit: to lock part of a mapping the kernel must "
		  "split "
		  "it, and the process has as many mappings as vm.max_map_count allows, %" PRIu64
		  ". Raise that, see below, or have the program lock whole mappings.",
		  (uint64_t)t->rec.detail);
}

static void say_populate(struct speaker *sp, const struct trouble *t)
{
	(void)t;
	words_add(&sp->w, "Not because of the limit: the range was locked and counts, but one of "
		  "its "
		  "pages cannot be brought into memory. It must not be accessed (PROT_NONE), lies "
		  "past the end of its file, or is secret memory (memfd_secret), which needs no "
		  "lock. The program must leave such pages out.");
}

static void say_nomem(struct speaker *sp, const struct trouble *t)
{
	words_add(&sp->w, "Not because of the limit of locked memory: there was no memory for the "
		  "pages, in the cgroup (MemoryMax= of a unit, --memory of a container) or in the "
		  "machine. What was asked for counts as locked all the same. cgroup id %" PRIu64
		  ".", (uint64_t)t->rec.cgroup);
}

static void say_killed(struct speaker *sp, const struct trouble *t)
{
	(void)t;
	words_add(&sp->w, "The process was killed while the call waited. If nobody did it on "
		  "purpose, see the kernel log for the out-of-memory killer.");
}

static void say_flags(struct speaker *sp, const struct trouble *t)
{
	words_add(&sp->w, "A mistake in the program: flags 0x%x are not what the call takes, which "
		  "is MLOCK_ONFAULT or 0 for mlock2(), and MCL_CURRENT, MCL_FUTURE or both, "
		  "perhaps "
		  "with MCL_ONFAULT, for mlockall().", t->rec.flags);
}

static void say_range(struct speaker *sp, const struct trouble *t)
{
	words_add(&sp->w, "A mistake in the program: address 0x%" PRIx64 " plus length %" PRIu64
		  " goes beyond the end of all addresses.", (uint64_t)t->rec.addr,
		  (uint64_t)t->rec.len);
}

static void say_blocked(struct speaker *sp, const struct trouble *t)
{
	(void)t;
	words_add(&sp->w, "The call did not reach the kernel's function: a seccomp filter refused "
		  "it. In a unit, SystemCallFilter=@memlock allows it; for a container, "
		  "--security-opt seccomp=PROFILE does, with a profile that has it.");
}

static void say_unlockable(struct speaker *sp, const struct trouble *t)
{
	(void)t;
	words_add(&sp->w, "It succeeded and locked nothing: huge pages of hugetlbfs and memory of "
		  "devices stay in memory anyway, and are not counted.");
}

static void say_near(struct speaker *sp, const struct trouble *t)
{
	words_add(&sp->w, "It succeeded, but only %" PRIu64 " KiB are left below RLIMIT_MEMLOCK, %"
		  PRIu64 " KiB: the next one may fail.", kb(t->rec.detail), kb(t->rec.limit));
}

/* Those that are not here need no words beyond those of the events. */
static const struct {
	enum mlock2mon_why	why;
	void			(*say)(struct speaker *sp, const struct trouble *t);
} sayings[] = {
	{ MLOCK2MON_WHY_LIMIT, say_limit },
	{ MLOCK2MON_WHY_PERM, say_perm },
	{ MLOCK2MON_WHY_HOLE, say_hole },
	{ MLOCK2MON_WHY_MAPS, say_maps },
	{ MLOCK2MON_WHY_POPULATE, say_populate },
	{ MLOCK2MON_WHY_NOMEM, say_nomem },
	{ MLOCK2MON_WHY_KILLED, say_killed },
	{ MLOCK2MON_WHY_FLAGS, say_flags },
	{ MLOCK2MON_WHY_RANGE, say_range },
	{ MLOCK2MON_WHY_BLOCKED, say_blocked },
	{ MLOCK2MON_WHY_UNLOCKABLE, say_unlockable },
	{ MLOCK2MON_WHY_NEAR_LIMIT, say_near },
};

static bool say_why(struct speaker *sp, const struct trouble *t)
{
	size_t i;

	if (t->rec.attr & MLOCK2MON_ATTR_LIKELY)
		words_add(&sp->w, "Probably: ");
	for (i = 0; i < ARRAY_SIZE(sayings); i++) {
		if (sayings[i].why != t->rec.why)
			continue;
		sayings[i].say(sp, t);
		return true;
	}
	words_add(&sp->w, "The module does not know the reason.");
	return false;
}

/* --- one kind of result --- */

static void say_asked(struct words *w, const struct mlock2mon_record *rec)
{
	char buf[TEXT_SIZE_MAX];

	words_add(w, "%s", mlock2mon_call_name(rec->call));
	if (rec->len)
		words_add(w, " of %s", size_text(rec->len, buf));
}

static void say_half(struct speaker *sp, const struct trouble *t)
{
	if (!t->half_bytes)
		return;
	words_begin(&sp->w, sp->w.out);
	words_add(&sp->w, "It was done by half: %" PRIu64 " KiB were locked although it failed, "
		  "count, "
		  "and stay locked until munlock(), munmap() or the end.", kb(t->half_bytes));
	words_end(&sp->w, 4);
}

static const char *error_text(int64_t ret)
{
	static const struct {
		int		error;
		const char	*name;
	} names[] = {
		{ EPERM, "EPERM" }, { EINTR, "EINTR" }, { EAGAIN, "EAGAIN" },
		{ ENOMEM, "ENOMEM" }, { EINVAL, "EINVAL" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (names[i].error == -ret)
			return names[i].name;
	}
	return strerror(-ret);
}

static bool worth_telling(const struct trouble *t)
{
	return t->rec.ret < 0 || t->rec.why == MLOCK2MON_WHY_UNLOCKABLE ||
	       t->rec.why == MLOCK2MON_WHY_NEAR_LIMIT;
}

static void trouble_write(FILE *out, struct speaker *sp, const struct trouble *t)
{
	char buf[32];

	if (!worth_telling(t))
		return;
	putc('\n', out);
	words_begin(&sp->w, out);
	say_asked(&sp->w, &t->rec);
	if (t->rec.why == MLOCK2MON_WHY_BLOCKED)
		words_add(&sp->w, " was refused");
	else if (t->rec.ret < 0)
		words_add(&sp->w, " failed with %s", error_text(t->rec.ret));
	words_add(&sp->w, " (%s)", times_text(t->times, buf, sizeof(buf)));
	words_end(&sp->w, 2);
	words_begin(&sp->w, out);
	say_why(sp, t);
	words_end(&sp->w, 4);
	say_half(sp, t);
}

/* --- what surrounds them --- */

static bool any(const struct story *s, enum mlock2mon_why why, const struct trouble **found)
{
	size_t i;

	for (i = 0; i < s->nr_troubles; i++) {
		if (s->trouble[i].rec.why != why)
			continue;
		if (found)
			*found = &s->trouble[i];
		return true;
	}
	return false;
}

/* The one that shows limit and capability as they were at the call. */
const struct mlock2mon_record *diagnosis_record(const struct story *s)
{
	const struct trouble *t = NULL;

	if (!any(s, MLOCK2MON_WHY_LIMIT, &t))
		any(s, MLOCK2MON_WHY_PERM, &t);
	return t ? &t->rec : &s->last;
}

static void say_limit_text(struct words *w, uint64_t bytes)
{
	if (bytes == FACTS_UNLIMITED)
		words_add(w, "unlimited");
	else
		words_add(w, "%" PRIu64 " KiB", kb(bytes));
}

static void shell_paragraph(FILE *out, struct speaker *sp)
{
	const struct mlock2mon_record *rec = diagnosis_record(sp->s);

	if (rec->limit == sp->at->own_limit)
		return;
	words_begin(&sp->w, out);
	words_add(&sp->w, "The limit of this shell (ulimit -l) is ");
	say_limit_text(&sp->w, sp->at->own_limit);
	words_add(&sp->w, " and does not matter: a process has the limit of whoever started it, "
		  "this "
		  "one had ");
	say_limit_text(&sp->w, rec->limit);
	words_add(&sp->w, ".");
	words_end(&sp->w, 2);
}

static void say_file_cap(struct speaker *sp, const struct facts *f)
{
	if (f->no_new_privs)
		words_add(&sp->w, " Its file grants the capability, but no_new_privs is set for "
			  "the "
			  "process (NoNewPrivileges= of a unit, allowPrivilegeEscalation of a "
			  "pod), "
			  "which makes that void.");
	else if (!(f->cap_bounding & FACTS_CAP_IPC_LOCK))
		words_add(&sp->w, " Its file grants the capability, but the bounding set of the "
			  "process lacks it.");
	else
		words_add(&sp->w, " Its file grants the capability: this process began before "
			  "that, "
			  "or from a file system mounted nosuid.");
}

static void say_no_cap(struct speaker *sp, const struct facts *f)
{
	if (f->known && f->cap_permitted & FACTS_CAP_IPC_LOCK &&
	    !(f->cap_effective & FACTS_CAP_IPC_LOCK)) {
		words_add(&sp->w, " It is granted, but not effective: the process must raise it "
			  "(cap_set_proc), or its file must be marked effective (setcap "
			  "cap_ipc_lock=ep, not =p).");
	} else if (f->file_cap == FILE_CAP_PERMITTED) {
		words_add(&sp->w, " Its file grants it as permitted only, not effective: setcap "
			  "cap_ipc_lock=ep, not =p, unless the program raises it by itself.");
	} else if (f->file_cap == FILE_CAP_EFFECTIVE) {
		say_file_cap(sp, f);
	} else if (!(f->cap_bounding & FACTS_CAP_IPC_LOCK)) {
		words_add(&sp->w, " Nor can it get it: its bounding set lacks it "
			  "(CapabilityBoundingSet= of a unit; a container without --cap-add "
			  "IPC_LOCK).");
	}
}

static void cap_paragraph(FILE *out, struct speaker *sp)
{
	const struct mlock2mon_record *rec = diagnosis_record(sp->s);
	const struct facts *f = sp->at->patient.facts;

	words_begin(&sp->w, out);
	if (rec->attr & MLOCK2MON_ATTR_CAPNS) {
		words_add(&sp->w, "It has CAP_IPC_LOCK, but only in a user namespace of its own (a "
			  "rootless container, unshare -U). For locking, the kernel asks for the "
			  "capability in the initial one, so it has no effect and the limit "
			  "holds.");
	} else {
		words_add(&sp->w, "A process with CAP_IPC_LOCK would be under no limit. This one "
			  "did "
			  "not have it%s.", rec->uid ? "" : ", although it ran as root");
		say_no_cap(sp, f);
	}
	words_end(&sp->w, 2);
}

static void future_paragraph(FILE *out, struct speaker *sp)
{
	if (!sp->s->future || sp->at->related || sp->s->last.attr & MLOCK2MON_ATTR_CAP)
		return;
	words_begin(&sp->w, out);
	words_add(&sp->w, "mlockall(MCL_FUTURE) is in force: each later mapping counts against the "
		  "limit, and mmap() and malloc() fail when it is used up. Such failures are seen "
		  "only "
		  "if the module is loaded with related=1.");
	words_end(&sp->w, 2);
}

static void onfault_paragraph(FILE *out, struct speaker *sp)
{
	if (!sp->s->onfault)
		return;
	words_begin(&sp->w, out);
	words_add(&sp->w, "Memory was locked on fault (MLOCK_ONFAULT, MCL_ONFAULT): it counts in "
		  "full "
		  "from the start, but each page is in memory only after its first use, and that "
		  "first use waits.");
	if (sp->at->resident_known)
		words_add(&sp->w, " Of %" PRIu64 " KiB in locked mappings, %" PRIu64 " KiB are in "
			  "memory now.", sp->at->lockable_kb, sp->at->resident_kb);
	words_end(&sp->w, 2);
}

static void slow_paragraph(FILE *out, struct speaker *sp)
{
	const struct mlock2mon_record *rec = &sp->s->slowest;
	char took[TEXT_SIZE_MAX], each[TEXT_SIZE_MAX];
	uint64_t pages;

	if (rec->call == MLOCK2MON_LOST || rec->dur_ns < SLOW_NS ||
	    rec->attr & MLOCK2MON_ATTR_ONFAULT)
		return;
	pages = rec->delta / (1 << mlmon_page_shift());
	words_begin(&sp->w, out);
	say_asked(&sp->w, rec);
	words_add(&sp->w, " took %s, because the pages were not in memory and had to be brought "
		  "in: "
		  "%" PRIu64 " pages of %u KiB, %s each. That is paid once, so lock before the "
		  "program "
		  "begins to serve. MLOCK_ONFAULT spreads it over the first uses; huge pages "
		  "(madvise MADV_HUGEPAGE before locking) make it fewer steps.",
		  duration_text(rec->dur_ns, took), pages, (1U << mlmon_page_shift()) / 1024,
		  duration_text(rec->dur_ns / (pages ? pages : 1), each));
	words_end(&sp->w, 2);
}

static void waited_paragraph(FILE *out, struct speaker *sp)
{
	const struct mlock2mon_record *rec = &sp->s->waited;
	char took[TEXT_SIZE_MAX];

	if (rec->call == MLOCK2MON_LOST || rec->dur_ns < SLOW_NS)
		return;
	words_begin(&sp->w, out);
	say_asked(&sp->w, rec);
	words_add(&sp->w, " took %s without locking anything anew: it waited for the memory map, "
		  "which "
		  "another thread held, for pages, or for a processor.",
		  duration_text(rec->dur_ns, took));
	words_end(&sp->w, 2);
}

/* --- the whole of it --- */

static void title(FILE *out, struct speaker *sp)
{
	const struct story *s = sp->s;
	struct passwd *user = getpwuid(s->last.uid);
	char size[TEXT_SIZE_MAX], took[TEXT_SIZE_MAX];

	words_begin(&sp->w, out);
	words_add_name(&sp->w, s->last.comm);
	words_add(&sp->w, " (pid %u, user ", s->pid);
	if (user)
		words_add_name(&sp->w, user->pw_name);
	else
		words_add(&sp->w, "%u", s->last.uid);
	words_add(&sp->w, "): %" PRIu64 " %s, %" PRIu64 " failed; at most %s locked; %s in the "
		  "kernel.",
		  s->calls, s->calls == 1 ? "call" : "calls", s->failures, size_text(s->peak, size),
		  duration_text(s->total_ns, took));
	words_end(&sp->w, 0);
}

static void headroom_paragraph(FILE *out, struct speaker *sp)
{
	const struct mlock2mon_record *rec = &sp->s->last;

	if (sp->s->failures || rec->attr & MLOCK2MON_ATTR_CAP || rec->call == MLOCK2MON_EXIT)
		return;
	words_begin(&sp->w, out);
	words_add(&sp->w, "Nothing failed. RLIMIT_MEMLOCK was ");
	say_limit_text(&sp->w, rec->limit);
	if (rec->limit != FACTS_UNLIMITED && rec->limit >= rec->locked)
		words_add(&sp->w, ", of which %" PRIu64 " KiB were left",
			  kb(rec->limit - rec->locked));
	words_add(&sp->w, ".");
	words_end(&sp->w, 2);
}

static void need_paragraph(FILE *out, struct speaker *sp, struct need need)
{
	const struct story *s = sp->s;

	putc('\n', out);
	words_begin(&sp->w, out);
	if (need.unlimited)
		words_add(&sp->w, "What to change: give it no limit, for with MCL_FUTURE, or where "
			  "all "
			  "memory is locked, nobody knows how much there will be. Up to now "
			  "%" PRIu64
			  " KiB would have done.", need.kb);
	else
		words_add(&sp->w, "What to change: give it a limit of %" PRIu64 " KiB or more "
			  "(%" PRIu64
			  " KiB were locked at most, %" PRIu64 " KiB refused%s), in one of these "
			  "ways:", need.kb, kb(s->peak), kb(s->wanted ? s->wanted : s->reach),
			  s->mlockall ? ", a quarter is added, since all that is mapped "
			  "counts" : "");
	words_end(&sp->w, 2);
}

static void remedies(FILE *out, struct speaker *sp)
{
	const struct trouble *maps;
	struct need need = story_need(sp->s);

	if (story_short(sp->s)) {
		putc('\n', out);
		shell_paragraph(out, sp);
		cap_paragraph(out, sp);
		need_paragraph(out, sp, need);
		remedy_limit(out, &sp->at->patient, need);
	}
	if (any(sp->s, MLOCK2MON_WHY_MAPS, &maps))
		remedy_maps(out, maps->rec.detail);
}

/* The range to look for a hole in, while the process is there. */
bool diagnosis_needs_hole(const struct story *s, struct part *range)
{
	const struct trouble *t;

	if (!any(s, MLOCK2MON_WHY_HOLE, &t))
		return false;
	*range = (struct part){ t->rec.addr & ~4095ULL, t->rec.addr + t->rec.len };
	return true;
}

void diagnosis_write(FILE *out, const struct story *s, const struct situation *at)
{
	struct speaker sp = { .s = s, .at = at };
	size_t i;

	title(out, &sp);
	for (i = 0; i < s->nr_troubles; i++)
		trouble_write(out, &sp, &s->trouble[i]);
	headroom_paragraph(out, &sp);
	future_paragraph(out, &sp);
	onfault_paragraph(out, &sp);
	slow_paragraph(out, &sp);
	waited_paragraph(out, &sp);
	remedies(out, &sp);
}
