// SPDX-License-Identifier: GPL-2.0
/* build: cmocka */
/*
 * What mlock2mon explain makes of records and of /proc: where a process lives, what it
 * needs, which words and commands come of it.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../tools/record.c"
#include "../tools/text.c"
#include "../tools/facts.c"
#include "../tools/story.c"
#include "../tools/words.c"
#include "../tools/remedy.c"
#include "../tools/diagnosis.c"
#include "../tools/libmlock2mon.c"
#include "../format.c"

#define MIB	(1024ULL * 1024)

void *tool_grow(void *mem, size_t size)
{
	mem = realloc(mem, size);
	assert_non_null(mem);
	return mem;
}

/* --- where a process lives --- */

static void lives(const char *cgroup, enum place_kind kind, const char *name)
{
	struct place place;

	place_of(&place, cgroup);
	assert_int_equal(place.kind, kind);
	assert_string_equal(place.name, name);
}

static void places(void **state)
{
	(void)state;
	lives("/", PLACE_UNKNOWN, "");
	lives("", PLACE_UNKNOWN, "");
	lives("/system.slice/chrony.service", PLACE_SERVICE, "chrony.service");
	lives("/system.slice/system-getty.slice/getty@tty1.service", PLACE_SERVICE,
	      "getty@tty1.service");
	lives("/system.slice/my\\x2dunit.service/worker", PLACE_SERVICE, "my\\x2dunit.service");
	lives("/user.slice/user-1000.slice/session-3.scope", PLACE_SESSION, "");
	lives("/user.slice/user-1000.slice/user@1000.service/app.slice/x.service",
	      PLACE_USER_UNIT, "x.service");
	lives("/user.slice/user-1000.slice/user@1000.service/init.scope", PLACE_USER_UNIT, "");
	lives("/system.slice/docker-0123456789abcdef0123.scope", PLACE_DOCKER, "0123456789ab");
	lives("/docker/0123456789abcdef0123", PLACE_DOCKER, "0123456789ab");
	lives("/system.slice/docker.service", PLACE_SERVICE, "docker.service");
	lives("/user.slice/user-1.slice/user@1.service/libpod-ffffffffffffffff.scope/container",
	      PLACE_PODMAN, "ffffffffffff");
	lives("/machine.slice/libpod-conmon-ffff.scope", PLACE_UNKNOWN, "");
	lives("/kubepods.slice/kubepods-pod1.slice/cri-containerd-abcdefabcdefabcdef.scope",
	      PLACE_KUBERNETES, "abcdefabcdef");
	lives("/lxc.payload.web/system.slice/nginx.service", PLACE_LXC, "web");
	lives("/system.slice/_memory.service", PLACE_SERVICE, "memory.service");
}

/* What is below a unit is named by whoever is in it. */
static void inner_names(void **state)
{
	(void)state;
	lives("/system.slice/web.service/nginx.service", PLACE_SERVICE, "web.service");
	lives("/system.slice/web.service/system.slice/nginx.service", PLACE_SERVICE,
	      "web.service");
	lives("/system.slice/web.service/user@0.service/x.service", PLACE_SERVICE, "web.service");
	lives("/system.slice/web.service/session-1.scope", PLACE_SERVICE, "web.service");
	lives("/system.slice/run-1.scope/nginx.service", PLACE_UNKNOWN, "");
	lives("/container/system.slice/nginx.service", PLACE_UNKNOWN, "");
	lives("/user.slice/user-1.slice/session-3.scope/nginx.service", PLACE_SESSION, "");
	lives("/user.slice/user-1.slice/user@1.service/app.slice/x.service/y.service",
	      PLACE_USER_UNIT, "x.service");
	lives("/user.slice/user-1.slice/user@1.service/app.slice/x.service/user@2.service",
	      PLACE_USER_UNIT, "x.service");
	lives("/user.slice/user-1.slice/user@1.service/lxc.payload.web", PLACE_USER_UNIT, "");
	lives("/system.slice/a b.service", PLACE_UNKNOWN, "");
	lives("/system.slice/a\nb.service", PLACE_UNKNOWN, "");
	lives("/docker/0123456789abcdef/user.slice/user@1.service/x.service", PLACE_DOCKER,
	      "0123456789ab");
	lives("/system.slice/web.service/lxc.payload.db", PLACE_SERVICE, "web.service");
	lives("/lxc.payload...", PLACE_UNKNOWN, "");
	lives("/lxc.payload.web/lxc.payload.inner", PLACE_LXC, "web");
}

static void machines(void **state)
{
	(void)state;
	lives("/machine.slice/systemd-nspawn@web.service/payload/system.slice/nginx.service",
	      PLACE_NSPAWN, "web");
	lives("/machine.slice/machine-web.scope/payload/system.slice/nginx.service",
	      PLACE_NSPAWN, "");
	lives("/machine.slice/machine-qemu\\x2d1.scope/libvirt/emulator", PLACE_UNKNOWN, "");
	lives("/machine.slice/machine-web.scope/system.slice/nginx.service", PLACE_UNKNOWN, "");
	lives("/system.slice/systemd-nspawn@.service", PLACE_SERVICE, "systemd-nspawn@.service");
}

/* --- what /proc says --- */

static void put(const char *dir, const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *out;

	snprintf(path, sizeof(path), "%s/7/%s", dir, name);
	out = fopen(path, "w");
	assert_non_null(out);
	assert_true(fputs(text, out) >= 0);
	assert_int_equal(fclose(out), 0);
}

static void make_process(char *dir)
{
	char path[PATH_MAX];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/7", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/7/ns", dir);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/7/ns/user", dir);
	assert_int_equal(symlink("user:[4026532000]", path), 0);
	put(dir, "status", "Name:\tx\nUid:\t1000\t1000\t1000\t1000\nVmSize:\t 2048 kB\n"
	    "VmLck:\t   64 kB\nCapPrm:\t0000000000004000\nCapEff:\t0000000000000000\n"
	    "CapBnd:\t0000000000004001\nNoNewPrivs:\t1\n");
	put(dir, "limits", "Limit                     Soft Limit           Hard Limit           "
	    "Units\n"
	    "Max locked memory         65536                unlimited            bytes\n");
	put(dir, "cgroup", "1:name=systemd:/x.service\n0::/system.slice/a.service\n");
	put(dir, "maps", "1000-3000 rw-p 00000000 00:00 0\n3000-4000 r--p 0 00:00 0\n"
	    "6000-9000 rw-p 0 00:00 0\n");
	put(dir, "smaps", "1000-3000 rw-p 00000000 00:00 0\nSize:   8 kB\nRss:   4 kB\n"
	    "VmFlags: rd wr lo\n3000-4000 r--p 0 00:00 0\nSize:  4 kB\nRss: 4 kB\nVmFlags: rd\n");
}

static void remove_process(const char *dir)
{
	char command[PATH_MAX];

	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	assert_int_equal(system(command), 0);
}

static void reads_proc(void **state)
{
	char dir[] = "/tmp/unit-explain.XXXXXX";
	uint64_t locked, resident, maps;
	struct facts facts;
	struct part hole;

	(void)state;
	make_process(dir);
	assert_true(facts_read(&facts, dir, 7));
	assert_true(facts.known && facts.no_new_privs && facts.other_userns);
	assert_int_equal(facts.uid, 1000);
	assert_int_equal(facts.limit, 65536);
	assert_true(facts.hard_limit == FACTS_UNLIMITED);
	assert_int_equal(facts.cap_permitted, FACTS_CAP_IPC_LOCK);
	assert_int_equal(facts.cap_effective, 0);
	assert_int_equal(facts.locked_kb, 64);
	assert_int_equal(facts.place.kind, PLACE_SERVICE);
	assert_string_equal(facts.place.name, "a.service");
	assert_false(facts_read(&facts, dir, 8));
	assert_false(facts.known);

	assert_true(facts_hole(dir, 7, (struct part){ 0x2000, 0x9000 }, &hole));
	assert_int_equal(hole.start, 0x4000);
	assert_int_equal(hole.end, 0x6000);
	assert_true(facts_hole(dir, 7, (struct part){ 0x8000, 0xa000 }, &hole));
	assert_int_equal(hole.start, 0x9000);
	assert_int_equal(hole.end, 0xa000);
	assert_true(facts_hole(dir, 7, (struct part){ 0x0, 0x2000 }, &hole));
	assert_int_equal(hole.end, 0x1000);
	assert_false(facts_hole(dir, 7, (struct part){ 0x1000, 0x4000 }, &hole));
	assert_true(facts_count_maps(dir, 7, &maps));
	assert_int_equal(maps, 3);
	assert_true(facts_resident(dir, 7, &locked, &resident));
	assert_int_equal(locked, 8);
	assert_int_equal(resident, 4);
	remove_process(dir);
}

/* --- records --- */

static struct mlock2mon_record call_of(unsigned int call, uint64_t addr, uint64_t len)
{
	struct mlock2mon_record rec = {
		.call = call, .addr = addr, .len = len, .pid = 7, .tid = 7, .uid = 0x7ffffff,
		.limit = 64 * 1024, .leader_start_ns = 5, .dur_ns = 1000,
	};

	strcpy(rec.comm, "thing");
	return rec;
}

static void locks(struct stories *all, uint64_t addr, uint64_t kib, uint64_t locked_kib)
{
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, addr, kib * 1024);

	rec.delta = kib * 1024;
	rec.locked = locked_kib * 1024;
	stories_add(all, &rec);
}

static void over_limit(struct stories *all, unsigned int call, uint64_t addr, uint64_t kib,
		       uint64_t locked_kib, uint64_t short_kib)
{
	struct mlock2mon_record rec = call_of(call, addr, kib * 1024);

	rec.ret = call == MLOCK2MON_MMAP ? -EAGAIN : -ENOMEM;
	rec.why = MLOCK2MON_WHY_LIMIT;
	rec.locked = locked_kib * 1024;
	rec.detail = short_kib * 1024;
	stories_add(all, &rec);
}

static char *explained(const struct story *s, const struct facts *facts, uint64_t own)
{
	struct situation at = {
		.patient = { .facts = facts, .uid = s->last.uid }, .own_limit = own,
	};
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	diagnosis_write(out, s, &at);
	fclose(out);
	return text;
}

/* Words may be on two lines. */
static bool says(const char *text, const char *words)
{
	char *flat = strdup(text);
	char *from = flat;
	char *to = flat;
	bool found;

	for (; *from; from++) {
		if (*from == '\n' || (*from == ' ' && to > flat && to[-1] == ' '))
			*from = ' ';
		if (!(*from == ' ' && to > flat && to[-1] == ' '))
			*to++ = *from;
	}
	*to = '\0';
	found = strstr(flat, words);
	if (!found)
		print_error("not there: %s\nin: %s\n", words, text);
	free(flat);
	return found;
}

static void needs(void **state)
{
	struct stories all = { 0 };
	struct need need;

	(void)state;
	locks(&all, 0x10000, 40, 40);
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 48, 40, 24);
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 48, 40, 24);
	need = story_need(&all.story[0]);
	assert_false(need.unlimited);
	assert_int_equal(need.kb, 128);		/* 40 + 48, the same range only once */
	over_limit(&all, MLOCK2MON_MLOCK, 0x200000, 48, 40, 24);
	assert_int_equal(story_need(&all.story[0]).kb, 192);	/* 40 + 48 + 48 */
	assert_int_equal(all.story[0].calls, 4);
	assert_int_equal(all.story[0].failures, 3);
	stories_free(&all);
}

static void needs_of_all(void **state)
{
	struct stories all = { 0 };
	struct mlock2mon_record rec;

	(void)state;
	over_limit(&all, MLOCK2MON_MLOCKALL, 0, 0, 0, 960);
	assert_int_equal(story_need(&all.story[0]).kb, 1280);	/* 1024 and a quarter */
	assert_false(story_need(&all.story[0]).unlimited);
	rec = call_of(MLOCK2MON_MLOCKALL, 0, 0);
	rec.flags = MCL_CURRENT | MCL_FUTURE;
	rec.ret = -ENOMEM;
	rec.why = MLOCK2MON_WHY_LIMIT;
	rec.detail = 1024;
	stories_add(&all, &rec);
	assert_true(story_need(&all.story[0]).unlimited);
	stories_free(&all);
}

static void pids_come_again(void **state)
{
	struct stories all = { 0 };
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0, 4096);
	struct mlock2mon_record loss = { .call = MLOCK2MON_LOST, .len = 9 };

	(void)state;
	stories_add(&all, &rec);
	rec.leader_start_ns = 6;
	stories_add(&all, &rec);
	assert_null(stories_add(&all, &loss));
	assert_int_equal(all.nr, 2);
	assert_int_equal(all.lost, 9);
	stories_free(&all);
}

/* Of more processes than there is room for, the last ones are known. */
static void memory_has_an_end(void **state)
{
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0, 4096);
	struct stories all = { 0 };
	uint32_t pid;
	size_t nr;

	(void)state;
	for (pid = 1; pid <= 3 * STORY_MOST; pid++) {
		rec.pid = pid;
		stories_add(&all, &rec);
		assert_true(all.nr <= STORY_MOST);
		assert_int_equal(all.nr + all.forgotten, pid);
	}
	nr = all.nr;
	for (pid = 3 * STORY_MOST; pid > 3 * STORY_MOST - STORY_MOST / 2; pid--) {
		rec.pid = pid;
		assert_int_equal(stories_add(&all, &rec)->calls, 2);
	}
	assert_int_equal(all.nr, nr);
	stories_free(&all);
}

/* Among many that came later, and were not heard of again. */
static void who_is_heard_of_is_not_forgotten(void **state)
{
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0, 4096);
	struct stories all = { 0 };
	uint32_t pid;

	(void)state;
	for (pid = 2; pid <= 3 * STORY_MOST; pid++) {
		rec.pid = 1;
		assert_int_equal(stories_add(&all, &rec)->calls, pid - 1);
		rec.pid = pid;
		stories_add(&all, &rec);
	}
	stories_free(&all);
}

/* A daemon that has been there for long, and fails now. */
static void who_failed_last_is_told_last(void **state)
{
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0, 4096);
	struct stories all = { 0 };
	const struct story **list;
	size_t nr;

	(void)state;
	for (rec.pid = 1; rec.pid <= 4; rec.pid++)
		stories_add(&all, &rec);
	rec.ret = -EINVAL;
	rec.why = MLOCK2MON_WHY_FLAGS;
	for (rec.pid = 3; rec.pid; rec.pid--)
		stories_add(&all, &rec);
	rec.ret = 0;
	rec.why = MLOCK2MON_WHY_NONE;
	rec.pid = 2;
	stories_add(&all, &rec);
	list = stories_told(&all, false, &nr);
	assert_int_equal(nr, 3);
	assert_int_equal(list[0]->pid, 3);
	assert_int_equal(list[1]->pid, 2);
	assert_int_equal(list[2]->pid, 1);
	free(list);
	list = stories_told(&all, true, &nr);
	assert_int_equal(nr, 4);
	assert_int_equal(list[0]->pid, 4);
	free(list);
	stories_free(&all);
}

/* No limit mends that, so none is advised. */
static void segments_of_others(void **state)
{
	struct facts facts = { .cap_bounding = ~0ULL, .exe = "/bin/thing" };
	struct mlock2mon_record rec = call_of(MLOCK2MON_SHMCTL, 7, 0);
	struct stories all = { 0 };
	char *text;

	(void)state;
	rec.ret = -EPERM;
	rec.why = MLOCK2MON_WHY_PERM;
	stories_add(&all, &rec);
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "the segment is another user's"));
	assert_null(strstr(text, "is 0"));
	assert_false(story_short(&all.story[0]));
	free(text);
	stories_free(&all);
	rec.limit = 0;
	stories_add(&all, &rec);
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "RLIMIT_MEMLOCK of the process is 0"));
	assert_true(story_short(&all.story[0]));
	free(text);
	stories_free(&all);
}

/* Lengths are what a program says. */
static void needs_do_not_wrap(void **state)
{
	static const uint64_t kib[] = { UINT64_MAX / 1024, 1ULL << 53, 1ULL << 52, 1ULL << 51 };
	struct facts facts = { .cap_bounding = ~0ULL };
	struct stories all = { 0 };
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kib); i++) {
		over_limit(&all, MLOCK2MON_MLOCK, 0xfff, kib[i], 4, kib[i] - 60);
		assert_true(story_need(&all.story[0]).kb > 1ULL << 49);
	}
	over_limit(&all, MLOCK2MON_MLOCKALL, 0, 0, 0, UINT64_MAX / 1024);
	assert_true(story_need(&all.story[0]).kb > 1ULL << 49);
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_null(strstr(text, "The request alone would fit"));
	free(text);
	stories_free(&all);
}

/* --- words --- */

static void tells_the_budget(void **state)
{
	struct stories all = { 0 };
	struct facts facts = { .cap_bounding = ~0ULL, .exe = "/usr/sbin/thing",
			       .place = { PLACE_SERVICE, "thing.service" } };
	char *text;

	(void)state;
	locks(&all, 0x10000, 40, 40);
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 48, 40, 24);
	text = explained(&all.story[0], &facts, 8 * MIB);
	assert_true(says(text, "mlock of 48K failed with ENOMEM (once)"));
	assert_true(says(text, "is 64 KiB: it would be exceeded by 24 KiB"));
	assert_true(says(text, "It had 40 KiB locked already: 40 KiB by mlock at 0x10000"));
	assert_true(says(text, "The request alone would fit"));
	assert_true(says(text, "The limit of this shell (ulimit -l) is 8192 KiB and does not "
			 "matter"));
	assert_true(says(text, "a limit of 128 KiB or more"));
	assert_true(says(text, "printf '[Service]\\nLimitMEMLOCK=128K\\n' "
			 ">/etc/systemd/system/thing.service.d/memlock.conf"));
	assert_true(says(text, "systemctl restart thing.service"));
	assert_true(says(text, "setcap cap_ipc_lock=ep /usr/sbin/thing"));
	free(text);
	stories_free(&all);
}

static void tells_of_capabilities(void **state)
{
	struct facts facts = { .known = true, .cap_bounding = ~0ULL, .exe = "/bin/thing" };
	struct stories all = { 0 };
	char *text;

	(void)state;
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 128, 0, 64);
	facts.cap_permitted = FACTS_CAP_IPC_LOCK;
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "It is granted, but not effective"));
	assert_null(strstr(text, "shell"));
	free(text);

	facts.cap_permitted = 0;
	facts.file_cap = FILE_CAP_PERMITTED;
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "grants it as permitted only, not effective"));
	free(text);

	facts.file_cap = FILE_CAP_EFFECTIVE;
	facts.no_new_privs = true;
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "no_new_privs is set"));
	assert_null(strstr(text, "setcap cap_ipc_lock=ep /bin"));
	free(text);

	all.story[0].trouble[0].rec.attr |= MLOCK2MON_ATTR_CAPNS;
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "but only in a user namespace of its own"));
	free(text);
	stories_free(&all);
}

static void tells_of_the_future(void **state)
{
	struct facts facts = { .cap_bounding = ~0ULL };
	struct stories all = { 0 };
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCKALL, 0, 0);
	char *text;

	(void)state;
	rec.flags = MCL_FUTURE;
	stories_add(&all, &rec);
	over_limit(&all, MLOCK2MON_MMAP, 0, 128, 0, 64);
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "mmap of 128K failed with EAGAIN"));
	assert_true(says(text, "mlockall(MCL_FUTURE) is in force, so each later mapping is "
			 "locked"));
	assert_true(says(text, "give it no limit"));
	assert_true(says(text, "LimitMEMLOCK=infinity"));
	free(text);
	stories_free(&all);
}

static void tells_what_is_no_limit(void **state)
{
	struct facts facts = { .cap_bounding = ~0ULL };
	struct stories all = { 0 };
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0x4000, 0x4000);
	char *text;

	(void)state;
	rec.ret = -ENOMEM;
	rec.why = MLOCK2MON_WHY_HOLE;
	rec.locked = 8192;
	rec.delta = 8192;
	stories_add(&all, &rec);
	rec.why = MLOCK2MON_WHY_MAPS;
	rec.detail = 65530;
	rec.delta = 0;
	stories_add(&all, &rec);
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "Not because of the limit: a part of the range from 0x4000 to "
			 "0x8000"));
	assert_true(says(text, "It was done by half: 8 KiB were locked although it failed"));
	assert_true(says(text, "sysctl -w vm.max_map_count=262144"));
	assert_null(strstr(text, "LimitMEMLOCK"));
	free(text);
	stories_free(&all);
}

static void tells_the_cost(void **state)
{
	struct facts facts = { .cap_bounding = ~0ULL };
	struct stories all = { 0 };
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0x4000, 4 * MIB);
	char *text;

	(void)state;
	rec.locked = 4 * MIB;
	rec.delta = 4 * MIB;
	rec.limit = 8 * MIB;
	rec.dur_ns = 102400000;
	stories_add(&all, &rec);
	text = explained(&all.story[0], &facts, 64 * 1024);
	assert_true(says(text, "mlock of 4M took 102.4ms, because the pages were not in memory"));
	assert_true(says(text, "1024 pages of 4 KiB, 100.0us each"));
	assert_true(says(text, "Nothing failed. RLIMIT_MEMLOCK was 8192 KiB, of which 4096 KiB "
			 "were left"));
	free(text);
	stories_free(&all);
}

/* What others name must not disturb a terminal, nor be a command. */
static void names_are_harmless(void **state)
{
	struct facts facts = { .cap_bounding = ~0ULL, .exe = "/tmp/a b\033[2J'`id`" };
	struct stories all = { 0 };
	struct mlock2mon_record rec = call_of(MLOCK2MON_MLOCK, 0x4000, 0x40000);
	char *text;

	(void)state;
	strcpy(rec.comm, "\033]0;x\a\n");
	rec.ret = -EPERM;
	rec.limit = 0;
	rec.why = MLOCK2MON_WHY_PERM;
	stories_add(&all, &rec);
	text = explained(&all.story[0], &facts, 0);
	assert_null(strchr(text, '\033'));
	assert_null(strchr(text, '\a'));
	assert_true(says(text, "\\x1b]0;x\\x07\\x0a (pid 7"));
	assert_true(says(text, "setcap cap_ipc_lock=ep \"$(printf %b "
			 "'/tmp/a b\\0033\\01332J\\0047\\0140id\\0140')\""));
	assert_true(says(text, "RLIMIT_MEMLOCK of the process is 0"));
	free(text);
	stories_free(&all);
}

static char *quoted(const char *word)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	words_shell(out, word);
	fclose(out);
	return text;
}

static void words_for_a_shell(void **state)
{
	static const char *const pairs[][2] = {
		{ "plain-1.2/x@y", "plain-1.2/x@y" }, { "", "''" }, { "a b", "'a b'" },
		{ "it's", "'it'\\''s'" }, { "$(id)", "'$(id)'" }, { "'", "\\'" },
		{ "\\x2d", "'\\x2d'" }, { "a\\'b", "'a'\\\\\\''b'" }, { "a\\", "'a'\\\\" },
		{ "=x", "'=x'" }, { "caf\303\251", "'caf\303\251'" },
		{ "a\nb", "\"$(printf %b 'a\\0012b')\"" }, { "a\n", "'a\n'" },
		{ "\377'!%s\\c\n\n", "\"$(printf %b '\\0377\\0047\\0041%s\\0134c')\"'\n\n'" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(pairs); i++) {
		char *text = quoted(pairs[i][0]);

		assert_string_equal(text, pairs[i][1]);
		free(text);
	}
}

/* What @shell passes on of the words, each with its end. */
static FILE *passed_on(const char *shell, const char *script, const char *const *words, size_t nr)
{
	FILE *out = fopen(script, "w");
	char command[256];
	size_t i;

	assert_non_null(out);
	for (i = 0; i < nr; i++) {
		fputs("printf '%s\\0' ", out);
		words_shell(out, words[i]);
		putc('\n', out);
	}
	assert_int_equal(fclose(out), 0);
	snprintf(command, sizeof(command), "cd / && exec %s %s", shell, script);
	return popen(command, "r");
}

static void all_arrive(const char *shell, const char *const *words, size_t nr)
{
	char script[] = "/tmp/unit-explain.XXXXXX";
	char *came = NULL;
	size_t i, room = 0;
	FILE *in;

	assert_int_equal(close(mkstemp(script)), 0);
	in = passed_on(shell, script, words, nr);
	assert_non_null(in);
	for (i = 0; i < nr; i++) {
		ssize_t len = getdelim(&came, &room, '\0', in);

		if (len != (ssize_t)strlen(words[i]) + 1 || memcmp(came, words[i], len))
			fail_msg("%s makes '%s' of '%s', word %zu", shell, len > 0 ? came : "",
				 words[i], i);
	}
	assert_int_equal(getc(in), EOF);
	assert_int_equal(pclose(in), 0);
	free(came);
	unlink(script);
}

#define PWN	"touch /tmp/unit-explain.pwned"

/* Whatever a word is, each shell passes on that word, and runs nothing of it. */
static void words_arrive(void **state)
{
	static const char *const shells[] = { "sh", "dash", "bash", "bash --posix" };
	static const char *const words[] = {
		"", "plain", "a b", " ", "it's", "'", "''", "'\\''", "\\", "\\\\", "\\'",
		"'\\", "\"", "\"'\"", "a\\nb", "a\\c", "\\0101", "\\101", "%", "%s%n%d",
		"%%", "!", "!!", "a!\001!b", "-", "--", "-n", "-e\001", "-v\001x", "$",
		"$$", "$HOME", "${HOME}", "$(" PWN ")", "`" PWN "`", "$'a'",
		"\001$(" PWN ")", "\001`" PWN "`", "*", "?", "[a]", "~", "~root", "=ls",
		"#", "a#b", "{a,b}", "a;b", "a&b", "a|b", "<a", ">/tmp/x", "(a)", "\n",
		"\n\n", "a\n", "a\n\n\n", "\na", "a\nb", "a\nb\n", "a\r", "\t", " \t\012",
		"a \040\n", "\001", "\001\n", "\033[2J", "\177", "\200", "\377", "\377\n",
		"a\377'b", "\377\\", "\201\202\203\204\205\206\207\210", "caf\303\251",
		"caf\303\251\n", "caf\303", "\303'", "\342\200\256abc", "\342\202\254\\'",
		"\0017", "\00177", "\377%s", "\377\\c\377",
		"/home/u/caf\303\251'; " PWN "; #", "/home/u/caf\303'; " PWN "; #",
		"\001\\'; " PWN "; #", "\001\\\\'; " PWN "; #", "\n'; " PWN "; '",
		"\n\"; " PWN "; \"", "\001')\"; " PWN "; \"$(printf '", "'\n" PWN "\n'",
		"\\'; " PWN "; #'",
	};
	size_t i;

	(void)state;
	unlink("/tmp/unit-explain.pwned");
	for (i = 0; i < ARRAY_SIZE(shells); i++)
		all_arrive(shells[i], words, ARRAY_SIZE(words));
	assert_int_not_equal(access("/tmp/unit-explain.pwned", F_OK), 0);
}

/* Each byte, alone and before others, and random words of those that matter. */
static void bytes_arrive(void **state)
{
	static const char hard[] = "'\\\"$`!%\n\t n0c-;#(){}\001\033\201\303\251\377";
	static char room[500][16];
	const char *words[ARRAY_SIZE(room)];
	size_t i, k;

	(void)state;
	srandom(1);
	for (i = 0; i < ARRAY_SIZE(room); i++) {
		words[i] = room[i];
		room[i][0] = i % 255 + 1;
		for (k = 1; i >= 255 && k < i % (sizeof(room[i]) - 1); k++)
			room[i][k] = hard[random() % (sizeof(hard) - 1)];
	}
	all_arrive("dash", words, ARRAY_SIZE(words));
	all_arrive("bash", words, ARRAY_SIZE(words));
}

/* Nothing in a word disturbs a terminal; newlines are at its end, alone. */
static void words_are_shown(void **state)
{
	static const char *const words[] = {
		"\033]0;x\a", "a\nb\nc", "\302\205", "\342\200\256x", "\303", "a\rb", "\177",
	};
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(words); i++) {
		char *text = quoted(words[i]);

		for (k = 0; text[k]; k++)
			assert_in_range(text[k], ' ', '~');
		free(text);
	}
}

static void containers(void **state)
{
	static const struct {
		enum place_kind	kind;
		const char	*words;
	} cases[] = {
		{ PLACE_DOCKER, "docker run --ulimit memlock=131072:131072" },
		{ PLACE_PODMAN, "podman run --ulimit memlock=131072:131072" },
		{ PLACE_KUBERNETES, "add: [\"IPC_LOCK\"]" },
		{ PLACE_LXC, "lxc.prlimit.memlock = 131072" },
		{ PLACE_NSPAWN, "printf '[Exec]\\nLimitMEMLOCK=128K\\n' "
				">>/etc/systemd/nspawn/name.nspawn "
				"systemctl restart systemd-nspawn@name.service" },
		{ PLACE_USER_UNIT, "/etc/systemd/system/user@.service.d/memlock.conf" },
		{ PLACE_UNKNOWN, "systemctl edit UNIT" },
	};
	struct facts facts = { .cap_bounding = ~0ULL, .exe = "/bin/thing" };
	struct stories all = { 0 };
	size_t i;

	(void)state;
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 128, 0, 64);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text;

		facts.place.kind = cases[i].kind;
		strcpy(facts.place.name, "name");
		text = explained(&all.story[0], &facts, 64 * 1024);
		assert_true(says(text, cases[i].words));
		free(text);
	}
	stories_free(&all);
}

/* A set-user-ID program runs as another user than the manager whose unit it is in. */
static void the_manager_of_another_user(void **state)
{
	static const struct {
		const char	*cgroup, *words;
	} cases[] = {
		{ "/user.slice/user-1000.slice/user@1000.service/x.service",
		  "systemctl restart user@1000.service" },
		{ "/user.slice/user-1000.slice/user@name.service/x.service",
		  "systemctl restart user@33.service" },
		{ "/user.slice/user-1000.slice/user@99999999999.service/x.service",
		  "systemctl restart user@33.service" },
	};
	struct facts facts = { .cap_bounding = ~0ULL };
	struct stories all = { 0 };
	size_t i;

	(void)state;
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 128, 0, 64);
	all.story[0].last.uid = 33;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		char *text;

		place_of(&facts.place, cases[i].cgroup);
		text = explained(&all.story[0], &facts, 64 * 1024);
		assert_true(says(text, cases[i].words));
		free(text);
	}
	stories_free(&all);
}

/* The way for a unit of that name. */
static char *for_unit(const char *unit)
{
	struct facts facts = { .cap_bounding = ~0ULL, .place = { .kind = PLACE_SERVICE } };
	struct stories all = { 0 };
	char *text;

	strcpy(facts.place.name, unit);
	over_limit(&all, MLOCK2MON_MLOCK, 0x100000, 128, 0, 64);
	text = explained(&all.story[0], &facts, 64 * 1024);
	stories_free(&all);
	return text;
}

static void names_are_no_options(void **state)
{
	char *const command[] = { "-x", "-y", NULL };
	char *text = for_unit("-Hevil@example.com.service");
	FILE *out;
	size_t len;

	(void)state;
	assert_true(says(text, "mkdir -p /etc/systemd/system/-Hevil@example.com.service.d"));
	assert_true(says(text, "systemctl restart -- -Hevil@example.com.service"));
	free(text);
	out = open_memstream(&text, &len);
	remedy_no_limit(out, command);
	fclose(out);
	assert_true(says(text, "prlimit --memlock=unlimited:unlimited -- -x -y"));
	free(text);
}

/* A template has a drop-in, but cannot be restarted. */
static void templates(void **state)
{
	char *text = for_unit("thing@.service");

	(void)state;
	assert_true(says(text, ">/etc/systemd/system/thing@.service.d/memlock.conf"));
	assert_true(says(text, "systemctl restart 'thing@*.service'"));
	assert_true(says(text, "for all instances"));
	free(text);
}

static void users(void **state)
{
	(void)state;
	assert_true(plain_user("user"));
	assert_true(plain_user("_apt"));
	assert_true(plain_user("a.b-c@example"));
	assert_false(plain_user(""));
	assert_false(plain_user("-n"));
	assert_false(plain_user("@staff"));
	assert_false(plain_user("*"));
	assert_false(plain_user("DOMAIN\\nobody"));
	assert_false(plain_user("../x"));
	assert_false(plain_user("a b"));
	assert_false(plain_user("1:5"));
}

static void interpreters(void **state)
{
	static const char *const yes[] = {
		"python3.11", "lua5.4", "php8.2", "ruby3.1", "perl5.36.0", "perl", "sh", "zsh",
		"zsh-5.9", "ksh93", "fish", "tclsh8.6", "gdb", "busybox", "node", "java", "mksh",
		"php-fpm8.2", "bash-static", "python3.13t", "luajit-2.1",
	};
	static const char *const no[] = {
		"shairport-sync", "node_exporter", "phpd", "javac", "fishd", "gdbus", "luakit",
		"bashful", "shd", "sht", "showd", "perlbal",
	};
	char path[64];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(yes); i++) {
		snprintf(path, sizeof(path), "/usr/bin/%s", yes[i]);
		if (!is_interpreter(path))
			fail_msg("%s", path);
	}
	for (i = 0; i < ARRAY_SIZE(no); i++) {
		snprintf(path, sizeof(path), "/usr/bin/%s", no[i]);
		if (is_interpreter(path))
			fail_msg("%s", path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places),
		cmocka_unit_test(inner_names),
		cmocka_unit_test(machines),
		cmocka_unit_test(reads_proc),
		cmocka_unit_test(needs),
		cmocka_unit_test(needs_of_all),
		cmocka_unit_test(pids_come_again),
		cmocka_unit_test(memory_has_an_end),
		cmocka_unit_test(who_is_heard_of_is_not_forgotten),
		cmocka_unit_test(who_failed_last_is_told_last),
		cmocka_unit_test(segments_of_others),
		cmocka_unit_test(needs_do_not_wrap),
		cmocka_unit_test(tells_the_budget),
		cmocka_unit_test(tells_of_capabilities),
		cmocka_unit_test(tells_of_the_future),
		cmocka_unit_test(tells_what_is_no_limit),
		cmocka_unit_test(tells_the_cost),
		cmocka_unit_test(names_are_harmless),
		cmocka_unit_test(words_for_a_shell),
		cmocka_unit_test(words_arrive),
		cmocka_unit_test(bytes_arrive),
		cmocka_unit_test(words_are_shown),
		cmocka_unit_test(containers),
		cmocka_unit_test(names_are_no_options),
		cmocka_unit_test(the_manager_of_another_user),
		cmocka_unit_test(templates),
		cmocka_unit_test(users),
		cmocka_unit_test(interpreters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
