// SPDX-License-Identifier: GPL-2.0
/* What the records tell of each process, kept as what an explanation needs. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "story.h"
#include "tool.h"
#include "userspace.h"

#define PAGE		(1ULL << mlmon_page_shift())
#define ROUND_KB	64
#define BYTES_MOST	(1ULL << 60)

static size_t *place_of_pid(struct stories *all, uint32_t pid)
{
	return &all->newest[pid & (STORY_PLACES - 1)];
}

static struct story *find(struct stories *all, const struct mlock2mon_record *rec)
{
	size_t i;

	for (i = *place_of_pid(all, rec->pid); i; i = all->story[i - 1].before) {
		struct story *s = &all->story[i - 1];

		if (s->pid != rec->pid)
			continue;
		if (!rec->leader_start_ns || !s->start_ns || rec->leader_start_ns == s->start_ns)
			return s;
		return NULL;
	}
	return NULL;
}

static void enter(struct stories *all, size_t i)
{
	size_t *place = place_of_pid(all, all->story[i].pid);

	all->story[i].before = *place;
	*place = i + 1;
}

static int by_latest(const void *a, const void *b)
{
	const struct story *x = a, *y = b;

	return x->latest < y->latest ? -1 : x->latest > y->latest;
}

/* The half that has not been heard of for longest. */
static void forget_old(struct stories *all)
{
	size_t gone = all->nr / 2;
	size_t i;

	qsort(all->story, all->nr, sizeof(*all->story), by_latest);
	for (i = 0; i < gone; i++)
		free(all->story[i].facts);
	all->nr -= gone;
	all->forgotten += gone;
	memmove(all->story, all->story + gone, all->nr * sizeof(*all->story));
	memset(all->newest, 0, sizeof(all->newest));
	for (i = 0; i < all->nr; i++)
		enter(all, i);
}

static struct story *begin(struct stories *all, const struct mlock2mon_record *rec)
{
	struct story *s;

	if (all->nr == STORY_MOST)
		forget_old(all);
	else if (!(all->nr & (all->nr - 1)))
		all->story = tool_grow(all->story, (all->nr ? 2 * all->nr : 1) * sizeof(*s));
	s = &all->story[all->nr++];
	memset(s, 0, sizeof(*s));
	s->pid = rec->pid;
	s->start_ns = rec->leader_start_ns;
	s->slowest.call = MLOCK2MON_LOST;
	s->waited.call = MLOCK2MON_LOST;
	enter(all, all->nr - 1);
	return s;
}

static uint64_t times_of(const struct mlock2mon_record *rec)
{
	return rec->attr & MLOCK2MON_ATTR_REPEAT ? rec->repeat : 1;
}

/* No machine has as much as the most that this gives, and more can be added to that. */
static uint64_t sum_of(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) || sum > BYTES_MOST ? BYTES_MOST : sum;
}

static uint64_t pages_of(uint64_t addr, uint64_t len)
{
	return (sum_of(addr & (PAGE - 1), len) + PAGE - 1) & ~(PAGE - 1);
}

/* --- what was refused --- */

static bool refused_before(struct story *s, const struct mlock2mon_record *rec)
{
	size_t i;

	for (i = 0; i < s->nr_refused; i++) {
		if (s->refused[i].addr == rec->addr && s->refused[i].len == rec->len)
			return true;
	}
	if (s->nr_refused < STORY_REFUSED)
		s->refused[s->nr_refused++] = (struct refused){ rec->addr, rec->len };
	return false;
}

static void add_refused(struct story *s, const struct mlock2mon_record *rec)
{
	uint64_t over = rec->why == MLOCK2MON_WHY_LIMIT ? sum_of(rec->limit, rec->detail) : 0;

	if (rec->call == MLOCK2MON_MLOCKALL) {
		s->mlockall = true;
		s->future_once |= rec->flags & MCL_FUTURE;
	} else if (!refused_before(s, rec)) {
		s->wanted = sum_of(s->wanted, over > rec->locked ? over - rec->locked :
				   pages_of(rec->addr, rec->len));
	}
	if (over > s->reach)
		s->reach = over;
}

static bool same_trouble(const struct trouble *t, const struct mlock2mon_record *rec)
{
	return t->rec.call == rec->call && t->rec.why == rec->why && t->rec.ret == rec->ret;
}

static void add_trouble(struct story *s, const struct mlock2mon_record *rec)
{
	struct trouble *t;
	size_t i;

	for (i = 0; i < s->nr_troubles && !same_trouble(&s->trouble[i], rec); i++)
		;
	if (i == STORY_TROUBLES) {
		s->other_troubles += times_of(rec);
		return;
	}
	t = &s->trouble[i];
	if (i == s->nr_troubles) {
		s->nr_troubles++;
		t->rec = *rec;
		t->under_future = s->future;
	}
	t->times += times_of(rec);
	if (rec->ret < 0 && rec->delta > 0)
		t->half_bytes += rec->delta;
}

/* --- what went well --- */

static void add_holder(struct story *s, const struct mlock2mon_record *rec)
{
	size_t i = s->nr_holders;

	if (i < STORY_HOLDERS)
		s->nr_holders++;
	else if (s->holder[--i].delta >= rec->delta)
		return;
	for (; i && s->holder[i - 1].delta < rec->delta; i--)
		s->holder[i] = s->holder[i - 1];
	s->holder[i] = *rec;
}

static void forget_holder(struct story *s, const struct mlock2mon_record *rec)
{
	size_t i, kept = 0;

	for (i = 0; i < s->nr_holders; i++) {
		if (s->holder[i].addr >= rec->addr &&
		    s->holder[i].addr + s->holder[i].len <= rec->addr + rec->len)
			continue;
		s->holder[kept++] = s->holder[i];
	}
	s->nr_holders = kept;
}

/* All that a process has locked is given back. */
static void give_back(struct story *s)
{
	s->nr_holders = 0;
	s->future = false;
}

static void add_success(struct story *s, const struct mlock2mon_record *rec)
{
	struct mlock2mon_record *slow = rec->delta > 0 ? &s->slowest : &s->waited;

	if (rec->call == MLOCK2MON_MLOCKALL) {
		s->future = rec->flags & MCL_FUTURE;
		s->future_once |= s->future;
	}
	if (rec->call == MLOCK2MON_MUNLOCKALL || rec->call == MLOCK2MON_EXEC)
		give_back(s);
	else if (rec->call == MLOCK2MON_MUNLOCK || rec->call == MLOCK2MON_MUNMAP)
		forget_holder(s, rec);
	else if (rec->delta > 0)
		add_holder(s, rec);
	if (rec->attr & MLOCK2MON_ATTR_ONFAULT && !(rec->why == MLOCK2MON_WHY_EMPTY))
		s->onfault = true;
	if (slow->call == MLOCK2MON_LOST || slow->dur_ns < rec->dur_ns)
		*slow = *rec;
}

/* Of a thread: its totals count what its records have told already. */
static void add_exit(struct story *s, const struct mlock2mon_record *rec)
{
	if (rec->detail > s->peak)
		s->peak = rec->detail;
	s->gone |= !rec->locked && rec->tid == rec->pid;
}

static bool is_call(const struct mlock2mon_record *rec)
{
	return rec->call != MLOCK2MON_STACK && rec->call != MLOCK2MON_EXEC &&
	       rec->call != MLOCK2MON_OTHER;
}

/* shmctl() also gives EPERM for a segment of another user, which no limit mends. */
bool story_not_owner(const struct mlock2mon_record *rec)
{
	return rec->call == MLOCK2MON_SHMCTL && rec->why == MLOCK2MON_WHY_PERM && rec->limit;
}

static void add_call(struct story *s, const struct mlock2mon_record *rec)
{
	bool failed = rec->ret < 0;

	if (is_call(rec)) {
		s->calls += times_of(rec);
		s->failures += failed ? times_of(rec) : 0;
		s->total_ns += rec->dur_ns;
	}
	if (rec->locked > s->peak)
		s->peak = rec->locked;
	if (rec->why != MLOCK2MON_WHY_NONE)
		add_trouble(s, rec);
	if (!failed)
		add_success(s, rec);
	else if (rec->why == MLOCK2MON_WHY_LIMIT ||
		 (rec->why == MLOCK2MON_WHY_PERM && !story_not_owner(rec)))
		add_refused(s, rec);
	else if (rec->delta > 0)
		add_holder(s, rec);
}

/* The story that @rec belongs to; NULL for a loss. Valid until the next is added. */
struct story *stories_add(struct stories *all, const struct mlock2mon_record *rec)
{
	struct story *s;

	if (rec->call == MLOCK2MON_LOST) {
		all->lost += rec->len;
		return NULL;
	}
	s = find(all, rec);
	if (!s)
		s = begin(all, rec);
	s->latest = ++all->records;
	if (rec->call != MLOCK2MON_EXIT || !s->calls)
		s->last = *rec;
	if (rec->call == MLOCK2MON_EXIT)
		add_exit(s, rec);
	else
		add_call(s, rec);
	if (rec->call != MLOCK2MON_EXIT && rec->ret < 0)
		s->failed_at = s->latest;
	return s;
}

void stories_free(struct stories *all)
{
	size_t i;

	for (i = 0; i < all->nr; i++)
		free(all->story[i].facts);
	free(all->story);
	*all = (struct stories){ 0 };
}

/* Was the limit, or a limit of 0, in the way? */
bool story_short(const struct story *s)
{
	return s->reach || s->nr_refused || s->mlockall;
}

/* Who failed last comes last. */
static int by_failure(const void *a, const void *b)
{
	const struct story *x = *(const struct story *const *)a;
	const struct story *y = *(const struct story *const *)b;

	if (x->failed_at != y->failed_at)
		return x->failed_at < y->failed_at ? -1 : 1;
	return x->latest < y->latest ? -1 : x->latest > y->latest;
}

/* A list of those, to be freed, that have something to explain, or of @each. */
const struct story **stories_told(const struct stories *all, bool each, size_t *nr)
{
	const struct story **list = tool_grow(NULL, (all->nr + 1) * sizeof(const struct story *));
	size_t i;

	*nr = 0;
	for (i = 0; i < all->nr; i++) {
		if (each || all->story[i].failures || story_short(&all->story[i]))
			list[(*nr)++] = &all->story[i];
	}
	qsort(list, *nr, sizeof(const struct story *), by_failure);
	return list;
}

/*
 * What was locked at most and what was refused fit side by side under it. All that is
 * mapped counts for mlockall(), and it is not the same each time: a quarter more. What
 * MCL_FUTURE will lock nobody knows.
 */
struct need story_need(const struct story *s)
{
	uint64_t bytes = sum_of(s->peak, s->wanted);

	if (s->reach > bytes)
		bytes = s->reach;
	if (s->mlockall)
		bytes += bytes / 4;
	return (struct need){
		.unlimited = s->future_once || (s->mlockall && !s->reach),
		.kb = ((bytes + 1023) / 1024 + ROUND_KB - 1) / ROUND_KB * ROUND_KB,
	};
}
